"""``imc-refresh trace``: the life of a push, one line for each thing that happened to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import click

from imagecache.base.reasons import Reason, Result

from ..output import json_option, print_json, print_table, print_text
from ..problem import Problem
from ..sources.record_lines import Record, RecordSource, moment_of, reads_records
from ..wording import duration_text, moment_text
from .lives import Life, lives_of, since_push

_SAYS: Mapping[str, str] = {
    Result.REFRESHED.value: "updated",
    Reason.UPDATE_RUNNING.value: "building",
}
"""What a result, or a reason that says more, is called in a life; others are called as they are."""
_EXAMPLES = """\b
Examples:
  imc-refresh trace registry.example.com/shop/web:v1.4.0 --records records.jsonl
  imc-refresh trace web-cache --local --since 24h"""


@click.command("trace", epilog=_EXAMPLES)
@click.argument("subject")
@reads_records
@json_option
def command(subject: str, source: RecordSource, *, as_json: bool) -> None:
    """Show what happened to pushes: received, decided, deferred, updated, landed.

    SUBJECT is the id of an event, of a change, of an invocation or of a follow task; an image, or a
    repository without a tag; or a cache's id or name.
    """
    records = source.read()
    found = lives_of(records, subject)
    if not found:
        raise Problem(
            f"{_seen(records)} tells of {subject}",
            "An event is named by its id, an image by its registry's name, a cache by its id or name.",
        )
    if as_json:
        print_json([life.as_document() for life in found])
        return
    for number, life in enumerate(found):
        if number:
            print_text()
        _print(life)


def _seen(records: Sequence[Record]) -> str:
    """How many records were looked through, to begin a sentence that none of them tells of something."""
    if not records:
        return "there is no record that"
    first, last = (moment_text(moment_of(record)) for record in (records[0], records[-1]))
    return f"none of {len(records)} records, written from {first} to {last},"


def _print(life: Life) -> None:
    first = life.first
    what = f"A push of {first['image']}" if "image" in first else "A request"
    by = " ".join(filter(None, (first.get("source"), first.get("event_id"))))
    print_text(f"{what} ({by})" if by else what, bold=True)
    rows = []
    if "pushed_at" in first:
        rows.append((moment_text(moment_of(first, "pushed_at")), "", "", "pushed", ""))
    rows.append((moment_text(moment_of(first)), _after(life, first), "", "received", f"by {first['door']}"))
    rows += [
        (
            moment_text(moment_of(record)),
            _after(life, record),
            record.get("image_cache_name") or record.get("image_cache_id", ""),
            _what(record),
            _detail(record),
        )
        for record in life.records
    ]
    print_table(("TIME", "AFTER", "CACHE", "WHAT", "WHY"), rows)
    if life.open:
        names = [life.ends[key].get("image_cache_name") or key for key in life.open]
        print_text(f"No end is recorded for {', '.join(names)}.")


def _what(record: Record) -> str:
    result: str = record["result"]
    waits = result == Result.DEFERRED.value
    return _SAYS.get(record["reason"] if waits else result, result)


def _after(life: Life, record: Record) -> str:
    return duration_text(timedelta(seconds=max(0.0, since_push(life, record))))


def _detail(record: Record) -> str:
    reason = " ".join(record[key] for key in ("reason", "held_because") if key in record)
    if "staleness_seconds" in record:
        return f"{reason}: stale for {duration_text(record['staleness_seconds'])}"
    return f"{reason}: {record['message']}" if record.get("message") else reason
