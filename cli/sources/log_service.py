"""Records from the log service of a stack. It must not know what they are for."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from ..problem import Problem
from ..services.errors import NotReadError
from .period import Period
from .record import Record
from .record_lines import records_of
from .stack import Stack

LOGSTORE = "functions"
_QUERY = " or ".join(
    f"message.door: {door}" for door in ("on_push", "on_webhook", "on_manual", "on_timer", "on_follow")
)
_PAGE = 100
"""The most that one answer of GetLogs has."""
_MOST = 50_000
_TRIES = 5
"""An answer may be of a part of the log: the same question then goes on (page "GetLogs", progress)."""
_LATE = timedelta(minutes=2)
"""A line may come into the log so much later than it was written."""


def read_log(stack: Stack, period: Period) -> tuple[tuple[Record, ...], list[str]]:
    """The records of a period, oldest first, and what a person should know of them.

    Args:
        stack: whose log it is.
        period: with a beginning.

    Raises:
        Problem: when the log cannot be searched.
    """
    now = datetime.now(timezone.utc)
    begin = period.since or now
    end = min(period.until or now, now) + _LATE
    times: dict[str, Any] = {"from_": int(begin.timestamp()), "to": int(end.timestamp())}
    rows: list[Any] = []
    notes: list[str] = []
    while True:
        page, whole = _page(stack, len(rows), times)
        rows += page
        if not whole:
            notes.append("the log service did not look through all of the log in time: records are missing")
        if len(page) < _PAGE:
            return records_of(rows), notes
        if len(rows) >= _MOST:
            notes.append(f"only the first {_MOST} records are read: ask about a shorter time")
            return records_of(rows), notes


def _page(stack: Stack, offset: int, times: dict[str, Any]) -> tuple[list[Any], bool]:
    """Rows from an offset on, and whether the whole log was looked through for them."""
    rows: list[Any] = []
    for _ in range(_TRIES):
        try:
            answer = stack.account.call(
                "sls",
                "GetLogs",
                stack.log_project,
                LOGSTORE,
                query=_QUERY,
                line=_PAGE,
                offset=offset,
                **times,
            )
        except NotReadError as error:
            remedy = error.remedy
            if error.missing:
                remedy = "Is --prefix the NamePrefix of a stack in this region?"
            raise Problem(f"the log {stack.log_project} could not be read: {error}", remedy) from None
        rows = list(answer.get("data") or ())
        if str((answer.get("meta") or {}).get("progress", "Complete")).lower() == "complete":
            return rows, True
    return rows, False
