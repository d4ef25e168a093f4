"""How an answer is shown: a table for a person, JSON for a program. Standard output has nothing else.

A table is as wide as what is in it. Where the terminal is narrower, the last column is wrapped between words
if it has room for a sentence; else each row is a block of lines, as a reference that is folded letter by
letter cannot be read or copied. A pipe has no width and gets no colour.
"""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

_GAP = "  "
_SENTENCE = 30
"""The narrowest that a column of sentences may get."""
_WHOLE_WORDS: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}
_PLAIN = {number: f"\\x{number:02x}" for number in (*range(10), *range(11, 32), *range(127, 160))} | {
    number: f"\\u{number:04x}"
    for number in (0x2028, 0x2029, *range(0x200E, 0x2010), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}
"""What a terminal obeys: controls, and what turns the direction of a text round."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
"""The option that each command has which answers with facts."""


class UnwritableError(Exception):
    """Raised where standard output takes nothing, as its disk is full; the text says why."""


def write(text: str | bytes = "", *, nl: bool = True) -> None:
    """Write to standard output; a pipe that nobody reads any more ends the command without a word.

    Raises:
        UnwritableError: when it cannot be written.
    """
    try:
        click.echo(text, nl=nl)
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise
        raise UnwritableError(f"standard output cannot be written: {error.strerror}") from None


def print_json(answer: Mapping[str, Any] | Sequence[Any]) -> None:
    """Print an answer as JSON, for a program."""
    write(json.dumps(answer, ensure_ascii=True, allow_nan=False, indent=2))


def print_text(text: str = "", *, bold: bool = False) -> None:
    """Print a line of an answer for a person; it is wrapped where a terminal is narrower."""
    if not _on_terminal():
        write(plain(text))
        return
    from rich.text import Text  # noqa: PLC0415 - see console

    console().print(Text(plain(text), style="bold" if bold else ""))


def print_note(text: str) -> None:
    """Say something beside the answer, on standard error."""
    click.echo(f"note: {plain(text)}", err=True)


def console() -> Console:
    """The terminal that standard output is; it knows its width and whether it has colours (NO_COLOR too)."""
    from rich.console import Console  # noqa: PLC0415 - a pipe and an answer in JSON do not need it

    return Console(highlight=False, markup=False, emoji=False)


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str]], title: str | None = None) -> None:
    """Print a table; without rows there is only its title.

    Args:
        headers: of the columns.
        rows: texts, perhaps of several lines; nothing in them is taken for markup.
        title: a line before it.
    """
    cells = [[plain(cell).split("\n") for cell in row] for row in rows]
    if title:
        print_text(title, bold=True)
    if not cells:
        return
    widths = [
        max(_width(text) for text in (header, *(line for row in cells for line in row[column])))
        for column, header in enumerate(headers)
    ]
    if not _on_terminal():
        _print_plain(headers, cells, widths)
        return
    to = console()
    # What is one word, such as a reference, is not folded.
    words = max((_width(word) for row in cells for line in row[-1] for word in line.split()), default=0)
    needed = sum(widths[:-1]) + len(_GAP) * (len(widths) - 1) + min(widths[-1], max(_SENTENCE, words))
    if needed > to.width:
        _print_blocks(to, headers, cells)
        return
    from rich.table import Table  # noqa: PLC0415 - see console
    from rich.text import Text  # noqa: PLC0415 - see console

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, len(_GAP), 0, 0))
    for number, header in enumerate(headers):
        table.add_column(header, no_wrap=number < len(headers) - 1)
    for row in cells:
        table.add_row(*(Text("\n".join(lines)) for lines in row))
    to.print(table)


def plain(text: str) -> str:
    """The text without what a terminal obeys or cannot show: names and tags come from outside."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.translate(_PLAIN).encode(encoding, "backslashreplace").decode(encoding)


def _on_terminal() -> bool:
    return sys.stdout.isatty()


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415 - most texts are ASCII

    return cell_len(text)


def _print_plain(headers: Sequence[str], cells: Sequence[Sequence[list[str]]], widths: Sequence[int]) -> None:
    """A row a line, as wide as it gets; the other cells stand beside a cell's first line."""
    for row in ([[header] for header in headers], *cells):
        for number in range(max(len(lines) for lines in row)):
            texts = [lines[number] if number < len(lines) else "" for lines in row]
            padded = (text + " " * (width - _width(text)) for text, width in zip(texts, widths, strict=True))
            write(_GAP.join(padded).rstrip())


def _print_blocks(to: Console, headers: Sequence[str], cells: Sequence[Sequence[list[str]]]) -> None:
    """A block for each row: its first cell, and a line for each other one that is not empty."""
    from rich.text import Text  # noqa: PLC0415 - see console

    label = max((len(header) for header in headers[1:]), default=0)
    room = max(_SENTENCE, to.width - label - 2 * len(_GAP))
    for row in cells:
        to.print(Text(" ".join(row[0]), style="bold"), soft_wrap=True)
        for header, lines in zip(headers[1:], row[1:], strict=True):
            wrapped = [part for line in lines for part in wrap(line, room, **_WHOLE_WORDS)]
            for number, line in enumerate(wrapped):
                write(f"{_GAP}{header if number == 0 else '':<{label}}{_GAP}{line}")
