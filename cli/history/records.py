"""``imc-refresh records``: what the functions recorded, as a table or as JSON with all numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import click

from ..output import json_option, print_json, print_table, print_text
from ..sources.record_source import RecordSource, reads_records
from ..wording import moment_text
from .filters import Filters, filters_records
from .history import Decided, History
from .numbers import numbers_of

_USUAL = timedelta(hours=24)
_HEADERS = ("TIME", "RESULT", "REASON", "IMAGE", "CACHE", "RULE", "TRIES", "MESSAGE")
_EXAMPLES = """\b
Examples:
  imc-refresh records --since 24h --result failed --result rejected --region cn-hangzhou
  imc-refresh records --records records.jsonl --image '**/web:*' --json"""


@click.command("records", epilog=_EXAMPLES)
@reads_records
@filters_records
@json_option
def command(source: RecordSource, filters: Filters, *, as_json: bool) -> None:
    """Show what the functions recorded.

    Attempts at one decision are one line. With --json there is every record as it was written, and the
    numbers of all of them: those of `imc-refresh report`.
    """
    found = source.read(_USUAL)
    found.say_notes()
    history = History(tuple(record for record in found.all if filters.take(record)))
    if as_json:
        print_json(
            {
                "records": [record.facts for record in history.records],
                "numbers": numbers_of(history, found.period),
                "notes": list(found.notes),
            }
        )
        return
    decided = history.decided
    results = Counter(each.record.result for each in decided).most_common()
    counts = ", ".join(f"{count} {result}" for result, count in results) or "nothing"
    print_text(f"{_number(decided, 'decision')} in {_number(history.records, 'record')}: {counts}")
    if decided:
        print_table(_HEADERS, [_row(each) for each in decided])


def _number(things: Sequence[Any], name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"


def _row(decided: Decided) -> Sequence[str]:
    record = decided.record
    return (
        moment_text(record.at),
        record.result,
        record.why,
        record.text("image"),
        record.cache_name,
        record.text("rule"),
        str(len(decided.attempts)) if len(decided.attempts) > 1 else "",
        record.text("message"),
    )
