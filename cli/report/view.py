"""Numbers as parts of a page: each says which it is, so that a page can be held against them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from ..output import plain
from ..wording import duration_text, moment_text

MOST_ROWS = 25


@dataclass(frozen=True)
class Column:
    """A column of a table of numbers.

    Attributes:
        title: of it.
        key: of the number in a row, with ``/`` where it lies deeper.
        text: how a value is written.
        number: whether it is a number, not a text.
        wraps: whether it is a sentence, which may have several lines.
    """

    title: str
    key: str
    text: Callable[[Any], str] = str
    number: bool = False
    wraps: bool = False


@dataclass(frozen=True)
class View:
    """The numbers, by JSON pointers."""

    numbers: dict[str, Any]

    def get(self, pointer: str) -> Any:
        """What is at a pointer."""
        found: Any = self.numbers
        for part in pointer.strip("/").split("/"):
            found = found[int(part)] if isinstance(found, list) else found[part]
        return found

    def show(self, pointer: str, text: Callable[[Any], str] = str) -> str:
        """A number in the page; a dash where there is none."""
        value = self.get(pointer)
        if value is None:
            return f'<data data-number="{escape(pointer)}" value="">&ndash;</data>'
        return (
            f'<data data-number="{escape(pointer)}" value="{escape(str(value))}">{safe(text(value))}</data>'
        )

    def table(self, title: str, pointer: str, columns: Sequence[Column], empty: str) -> str:
        """A section with a table of a list of rows, the first of them; or a sentence where there are none."""
        rows: Sequence[Any] = self.get(pointer)
        if not rows:
            return section(title, f"<p>{safe(empty)}</p>")
        head = "".join(f"<th{_side(column)}>{safe(column.title)}</th>" for column in columns)
        body = "".join(
            "<tr>"
            + "".join(self._cell(f"{pointer}/{number}/{column.key}", column) for column in columns)
            + "</tr>"
            for number in range(min(len(rows), MOST_ROWS))
        )
        more = f"<p>and {len(rows) - MOST_ROWS} more</p>" if len(rows) > MOST_ROWS else ""
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        return section(title, f'<div class="scroll">{table}</div>{more}')

    def _cell(self, pointer: str, column: Column) -> str:
        if column.number:
            return f"<td{_side(column)}>{self.show(pointer, column.text)}</td>"
        value = self.get(pointer)
        return f"<td{_side(column)}>{'' if value is None else safe(column.text(value))}</td>"


def section(title: str, content: str) -> str:
    """A part of the page."""
    return f"<section><h2>{safe(title)}</h2>{content}</section>"


def safe(text: str) -> str:
    """A text from outside, for a page."""
    return escape(plain(text))


def joined(parts: Iterable[str]) -> str:
    """Parts of a page, a line each."""
    return "\n".join(parts)


def count(value: float) -> str:
    """A whole number as it is written."""
    return f"{value:,}"


def seconds(value: float) -> str:
    """A time span as it is written: short ones to a tenth of a second."""
    return f"{value:.1f} s" if value < 10 and value != int(value) else duration_text(value)  # noqa: PLR2004


def moment(text: str) -> str:
    """A time as it is written."""
    return moment_text(datetime.fromisoformat(text))


def _side(column: Column) -> str:
    return ' class="number"' if column.number else ' class="wraps"' if column.wraps else ""
