"""``imc-refresh report``: what happened in a time, as one HTML file."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import click

from ..history.filters import Filters, filters_records
from ..history.history import History
from ..history.numbers import numbers_of
from ..output import json_option, print_json, print_text, write
from ..problem import Problem
from ..sources.record_source import RecordSource, reads_records
from .page import page

_USUAL = timedelta(days=7)
_EXAMPLES = """\b
Examples:
  imc-refresh report --html week.html --since 7d --region cn-hangzhou
  imc-refresh report --html web.html --records records.jsonl --cache 'web-*'"""


@click.command("report", epilog=_EXAMPLES)
@click.option(
    "--html", "file", required=True, metavar="FILE", help="Where it is written; - is standard output."
)
@reads_records
@filters_records
@json_option
def command(file: str, source: RecordSource, filters: Filters, *, as_json: bool) -> None:
    """Write a report: pushes, outcomes, staleness over time, cost, failing caches, slow sources.

    The file needs no network and no script. Its numbers are those of `imc-refresh records --json` with the
    same options; it is of the last 7 days where --since says nothing else, or of all in FILE.
    """
    if file == "-" and as_json:
        raise click.UsageError("--json and --html - both want standard output.")
    found = source.read(_USUAL)
    found.say_notes()
    history = History(tuple(record for record in found.all if filters.take(record)))
    numbers = numbers_of(history, found.period)
    text = page(numbers, found.where, datetime.now(timezone.utc))
    if file == "-":
        write(text.encode(), nl=False)
        return
    _write(file, text)
    if as_json:
        print_json({"file": file, "numbers": numbers, "notes": list(found.notes)})
    else:
        print_text(f"{file}: {numbers['pushes']} pushes, {numbers['cost']['rebuilds']} rebuilds, "
                   f"{numbers['decisions']} decisions in {numbers['records']} records")  # fmt: skip


def _write(name: str, text: str) -> None:
    try:
        Path(name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise Problem(f"{name} cannot be written: {error.strerror}") from None
