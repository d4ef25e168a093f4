"""What records say together: the numbers of ``records --json`` and of the report, from here alone. Pure.

Decisions count once, however many attempts there were (``History.decided``). What an attempt cost counts each
time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from ..sources.period import Period
from ..sources.record import Record
from .cost import cost_of
from .history import Fate, History
from .over_time import steps_of
from .sources_of_pushes import sources_of
from .spread import spread
from .unwell import failing_caches

WAITS = "waits"
"""The fate of what no record shows at an end."""


def numbers_of(history: History, period: Period) -> dict[str, Any]:
    """All numbers.

    Args:
        history: of the records that count.
        period: that was asked for; an open end is where the records end.
    """
    records, decided = history.records, [each.record for each in history.decided]
    since = period.since or (records[0].at if records else None)
    until = period.until or (records[-1].at if records else None)
    return {
        "since": since.isoformat() if since else None,
        "until": until.isoformat() if until else None,
        "records": len(records),
        "decisions": len(decided),
        "pushes": len(history.first_reports),
        "outcomes": _outcomes(decided),
        "fates": _fates(history.fates),
        "staleness_seconds": spread(record.stale_seconds for record in decided),
        "cost": cost_of(records, history.attempt_numbers),
        "failing_caches": failing_caches(decided),
        "sources": sources_of(history),
        "over_time": steps_of(history, since, until),
    }


def _outcomes(decided: Iterable[Record]) -> list[dict[str, Any]]:
    counts = Counter((record.result, record.reason) for record in decided)
    return [
        {"result": result, "reason": reason, "count": count}
        for (result, reason), count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]


def _fates(fates: Iterable[Fate]) -> dict[str, int]:
    """How each change ended for each cache."""
    return dict(Counter(WAITS if fate.waits else fate.last.result for fate in fates).most_common())
