"""When a timer trigger fires: six-field cron, or ``@every``, as Function Compute writes them.

Vendor page "Time triggers": seconds come first; UTC unless the expression begins with ``CRON_TZ=<zone> ``.
Must not know clocks, threads or functions.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import CroniterError, croniter

__all__ = ["Schedule", "ScheduleError", "parse_schedule"]

Schedule = Callable[[datetime], datetime]
"""From a time with a zone to the first firing after it, in UTC."""

_ZONE = re.compile(r"CRON_TZ=(\S+)\s+(.*)")
_EVERY = re.compile(r"@every\s+((?:\d+[hms])+)")
_PART = re.compile(r"(\d+)([hms])")
_SECONDS = {"h": 3600, "m": 60, "s": 1}
_FIELDS = 6
# Has had one offset since 1991, so it needs no time zone database, which a small machine may lack.
_SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")


class ScheduleError(ValueError):
    """Raised when an expression is not a valid schedule; the text says what is expected."""


def parse_schedule(expression: str) -> Schedule:
    """Read a cron expression of a timer trigger.

    Args:
        expression: such as ``0 0 4 * * *``, ``CRON_TZ=Asia/Shanghai 0 0 4 * * *`` or ``@every 4m``.

    Raises:
        ScheduleError: it has another form.
    """
    every = _EVERY.fullmatch(expression.strip())
    if every is not None:
        return _every(sum(int(n) * _SECONDS[unit] for n, unit in _PART.findall(every[1])), expression)
    zoned = _ZONE.fullmatch(expression.strip())
    zone = _zone(zoned[1]) if zoned else timezone.utc
    fields = zoned[2] if zoned else expression.strip()
    if len(fields.split()) != _FIELDS:
        raise ScheduleError(f"six fields, seconds first, or '@every 4m' are expected, {expression!r} found")
    try:
        croniter(fields, second_at_beginning=True)
    except CroniterError as error:
        raise ScheduleError(f"{expression!r} is not a cron expression: {error}") from None

    def next_after(moment: datetime) -> datetime:
        found: datetime = croniter(fields, moment.astimezone(zone), second_at_beginning=True).get_next(
            datetime
        )
        return found.astimezone(timezone.utc)

    return next_after


def _every(seconds: int, expression: str) -> Schedule:
    if seconds == 0:
        raise ScheduleError(f"an interval above zero is expected, {expression!r} found")
    return lambda moment: moment.astimezone(timezone.utc) + timedelta(seconds=seconds)


def _zone(name: str) -> tzinfo:
    if name == "Asia/Shanghai":
        return _SHANGHAI
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ScheduleError(f"{name!r} is not a time zone of this machine") from None
