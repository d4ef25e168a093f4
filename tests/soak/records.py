"""The functions' outcome records, read as they come."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime

from local.fc.control import FcControl

from .facts import Claim

__all__ = ["Records"]

_DEFECTS = ("INTERNAL_ERROR", "SETTINGS_INVALID", "CREDENTIALS_MISSING")


class Records:
    """What the functions said so far.

    Attributes:
        results: how many records there are of each result and reason.
        claims: that a push landed, or was in a Ready cache already.
        staleness_seconds: of the records that a push landed.
        defects: records that no weather excuses.
        first_line_at: when the first line of each invocation came, by request id.
        promised: the follow tasks that ``deferred`` records name.
        ran: the follow tasks that made a record.
        no_need: the caches of which ECI said that they need no update, and when it did.

    Args:
        fc: has the lines that the functions wrote.
    """

    def __init__(self, fc: FcControl) -> None:
        self.results: Counter[tuple[str, str]] = Counter()
        self.claims: list[Claim] = []
        self.staleness_seconds: list[float] = []
        self.defects: list[str] = []
        self.first_line_at: dict[str, float] = {}
        self.promised: set[str] = set()
        self.ran: set[str] = set()
        self.no_need: list[tuple[str, float]] = []
        self._fc = fc
        self._last = 0

    def read(self) -> None:
        """Read what is new."""
        for line in self._fc.logs(after=self._last):
            self._last = line["number"]
            self.first_line_at.setdefault(line["request_id"], line["at"])
            if line["stream"] == "stdout" and line["line"].startswith("{"):
                self._take(line["line"])
            elif line["stream"] == "stderr" or "unexpected" in line["line"]:
                self.defects.append(f"{line['function']} wrote: {line['line']}")

    def count(self, result: str = "", reason: str = "") -> int:
        """How many records have this result and this reason; empty means any."""
        return sum(
            number
            for (its_result, its_reason), number in self.results.items()
            if result in {"", its_result} and reason in {"", its_reason}
        )

    def _take(self, line: str) -> None:
        record = json.loads(line)
        result, reason = record["result"], record["reason"]
        self.results[result, reason] += 1
        self.ran.add(record.get("task_id", ""))
        if result == "deferred":
            self.promised.add(record["follow_task_id"])
        if reason in _DEFECTS:
            self.defects.append(line)
        if result == "landed" and "staleness_seconds" in record:
            self.staleness_seconds.append(record["staleness_seconds"])
        # Written to the millisecond, cut off: what was true then was true at its end.
        at = datetime.fromisoformat(record["time"].replace("Z", "+00:00")).timestamp() + 0.001
        if reason == "NO_NEED_UPDATE":
            self.no_need.append((record["image_cache_id"], at))
        covered = reason == "COVERED" and record.get("cache_status") == "Ready"
        if result == "landed" or covered:
            self.claims.append(Claim(record["image_cache_id"], record["event_id"], at))
