"""``imc-refresh trace``: the life of a push, from its report until each cache has it."""

from __future__ import annotations

import difflib
from datetime import timedelta

import click

from ..output import json_option, print_json, print_table, print_text
from ..problem import ANSWERED, WRONG, Problem
from ..sources.record_source import Records, RecordSource, reads_records
from ..wording import duration_text, moment_text
from .history import History
from .life import Life, lives_of

_USUAL = timedelta(hours=24)
_HEADERS = ("TIME", "AFTER", "CACHE", "WHAT", "WHY")
_EXAMPLES = """\b
Examples:
  imc-refresh trace registry.cn-hangzhou.aliyuncs.com/shop/web:v1.4.0 --since 24h --region cn-hangzhou
  imc-refresh trace event-release --records records.jsonl"""


@click.command("trace", epilog=_EXAMPLES)
@click.argument("what", metavar="EVENT_ID|IMAGE|CACHE")
@reads_records
@json_option
def command(what: str, source: RecordSource, *, as_json: bool) -> None:
    """Show the life of a push: reported, decided, waiting, updated, landed. Exit with 1 where it ended badly.

    Named by the id of its event, its request or its change, by its image (without a tag: all tags; without a
    host: of any registry), or by a cache: then by all changes that concerned that one.
    """
    if not what:
        raise click.UsageError("What is asked about is empty.")
    found = source.read(_USUAL)
    history = History(found.all)
    lives = lives_of(history, what)
    if not lives:
        # A file is read whole where nothing else is asked for.
        whole = source.file is not None and source.period.since is None
        raise _unknown(found, what, "" if whole else "Ask about a longer time: --since 7d.")
    found.say_notes()
    if as_json:
        print_json({"lives": [life.document() for life in lives], "notes": list(found.notes)})
    else:
        for number, life in enumerate(lives):
            if number:
                print_text()
            _print(life)
    click.get_current_context().exit(WRONG if any(life.failed for life in lives) else ANSWERED)


def _unknown(found: Records, what: str, longer: str) -> Problem:
    records = found.all
    keys = ("event_id", "image", "image_cache_name", "image_cache_id")
    known = {record.text(key) for record in records for key in keys} - {""}
    close = difflib.get_close_matches(what, sorted(known), n=3)
    remedy = f"Did you mean {' or '.join(close)}?" if close else longer
    if not records:
        return Problem(f"there is no record {found.period}, so none tells of {what}", remedy)
    first, last = moment_text(records[0].at), moment_text(records[-1].at)
    return Problem(f"none of {len(records)} records, written from {first} to {last}, tells of {what}", remedy)


def _print(life: Life) -> None:
    rows = [
        (moment_text(step.at), duration_text(step.after), step.cache, step.step, step.what)
        for step in life.steps
    ]
    print_table(_HEADERS, rows, life.title)
    if life.open:
        print_text(f"No end is recorded for {', '.join(life.open)}.")
