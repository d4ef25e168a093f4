"""How an answer is shown: a table for a person, JSON for a program. Standard output has nothing else.

rich decides by itself whether there is a terminal, how wide it is, and whether it has colours (NO_COLOR too).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
"""The option that each command has which answers with facts."""


def print_json(answer: Mapping[str, Any] | Sequence[Any]) -> None:
    """Print an answer as JSON, for a program."""
    click.echo(json.dumps(answer, ensure_ascii=False, indent=2))


def console() -> Console:
    """The terminal, or the pipe, that standard output is."""
    from rich.console import Console  # noqa: PLC0415 - an answer in JSON does not need it

    return Console(highlight=False, markup=False, emoji=False)


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str]], title: str | None = None) -> None:
    """Print a table.

    Args:
        headers: of the columns.
        rows: texts; nothing in them is taken for markup.
        title: a line before it.
    """
    from rich.table import Table  # noqa: PLC0415 - see console
    from rich.text import Text  # noqa: PLC0415 - see console

    table = Table(*headers, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(Text(cell, overflow="fold") for cell in row))
    to = console()
    if title:
        to.print(Text(title, style="bold"))
    to.print(table)
