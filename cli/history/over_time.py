"""The same numbers in steps of time, for plots. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timezone
from typing import Any

from ..sources.record import Record
from .cost import rebuilds_of
from .history import History
from .spread import spread

_STEPS = (60, 300, 900, 3600, 3 * 3600, 6 * 3600, 86400, 7 * 86400, 28 * 86400)
_MOST = 60


def steps_of(history: History, since: datetime | None, until: datetime | None) -> dict[str, Any]:
    """Numbers for each step of a period, empty steps too.

    Args:
        history: of the records that count.
        since: when the period begins; None where there is nothing.
        until: when it ends.
    """
    if since is None or until is None:
        return {"step_seconds": None, "steps": []}
    length = max((until - since).total_seconds(), 1.0)
    step = next((each for each in _STEPS if length / each <= _MOST), _STEPS[-1])

    def number_of(moment: datetime) -> int:
        return int(moment.timestamp() // step)

    groups: dict[int, list[Record]] = defaultdict(list)
    for decided in history.decided:
        groups[number_of(decided.record.at)].append(decided.record)
    pushes = Counter(number_of(record.at) for record in history.first_reports.values())
    rebuilds = Counter(number_of(record.at) for record in rebuilds_of(history.records).values())
    return {
        "step_seconds": step,
        "steps": [
            {
                "from": datetime.fromtimestamp(number * step, timezone.utc).isoformat(),
                "pushes": pushes[number],
                "results": dict(sorted(Counter(record.result for record in groups[number]).items())),
                "rebuilds": rebuilds[number],
                "staleness_seconds": spread(record.stale_seconds for record in groups[number]),
            }
            for number in range(number_of(since), number_of(until) + 1)
        ],
    }
