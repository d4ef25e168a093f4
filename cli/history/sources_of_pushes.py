"""Who told of pushes, how late, and what of it was refused. Pure."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ..sources.record import Record, read_time
from .history import History
from .spread import spread

NOT_SAID = "(not said)"
"""In the place of a source that a refused event did not name."""


def sources_of(history: History) -> list[dict[str, Any]]:
    """The sources, the slowest first.

    The delay is from the push, as the source states it, to the first record of it.
    """
    first = history.first_reports
    refused = Counter(
        _source(each.record)
        for each in history.decided
        if each.record.reported and each.record.result == "rejected" and not each.record.change
    )
    pushes = Counter(_source(record) for record in first.values())
    found = [
        {
            "source": source,
            "pushes": pushes[source],
            "refused": refused[source],
            "delay_seconds": spread(_delay(each) for each in first.values() if _source(each) == source),
        }
        for source in sorted({*pushes, *refused})
    ]
    return sorted(found, key=lambda each: -(each["delay_seconds"]["p90"] or 0.0))


def _source(record: Record) -> str:
    return record.text("source") or NOT_SAID


def _delay(record: Record) -> float | None:
    pushed = read_time(record.text("pushed_at"))
    return None if pushed is None else round(max(0.0, (record.at - pushed).total_seconds()), 3)
