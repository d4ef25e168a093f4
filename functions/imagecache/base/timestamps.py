"""Reading the times that registries write.

Each such time decides whether an update already has the pushed layers. A time read too early loses a push;
read too late, it costs a needless update. So every doubt is resolved towards later: an unknown zone, missing
digits, a clock that is off.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

CHINA_TIME = timezone(timedelta(hours=8))
BEFORE_ALL = datetime.min.replace(tzinfo=timezone.utc)
"""Before any push, and any listing."""

_FORM = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})[T ](?P<time>\d{2}:\d{2}:\d{2})(?:\.(?P<fraction>\d{1,9}))?"
    r"\s?(?P<zone>Z|z|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)
_MICROSECOND_DIGITS = 6
_MINUTES = 60
_YEAR_10000 = 253402300800
CLOCK_SKEW = timedelta(seconds=2)
"""How far the registry's clock may run ahead of ours without its times being taken for future ones."""


class Moment(NamedTuple):
    """Now, and how far other clocks may be off.

    Attributes:
        now: with a zone.
        skew: of the clocks of registries and of other instances of the functions.
    """

    now: datetime
    skew: timedelta = CLOCK_SKEW


class Stated(NamedTuple):
    """A written time, as it is read.

    Attributes:
        latest: the latest moment that it can mean, but never after the event's arrival; in UTC.
        certain: it has a zone, and is not in the future. It may still be one that has just begun.
    """

    latest: datetime
    certain: bool


def parse_moment(text: str | None, *, arrived: datetime) -> datetime | None:
    """The latest moment that a written time can mean: see ``parse_time``."""
    stated = parse_time(text, arrived=arrived)
    return stated.latest if stated else None


def parse_time(text: str | None, *, arrived: datetime) -> Stated | None:
    """Read a written time.

    Args:
        text: ``YYYY-MM-DD HH:MM:SS`` or an RFC 3339 time; without a zone it may be UTC or China time
            (the vendor's webhook writes the latter and does not say so).
        arrived: when the event arrived, with a zone.

    Returns:
        None if the text is not a time: such a push counts as pushed when it arrived.
    """
    match = _FORM.fullmatch(text or "")
    if match is None:
        return None
    try:
        begin = datetime.fromisoformat(f"{match['date']}T{match['time']}")
        zones = [_zone(match["zone"])] if match["zone"] else [timezone.utc, CHINA_TIME]
        begins = [begin.replace(tzinfo=zone).astimezone(timezone.utc) for zone in zones]
        # A reading is past if it has begun; its last instant may still be in the future.
        past = [moment for moment in begins if moment <= arrived + CLOCK_SKEW]
        if not past:
            return Stated(arrived, certain=False)
        latest = min(max(past) + _last_instant(match["fraction"]), arrived)
        return Stated(latest, certain=bool(match["zone"]))
    except (ValueError, OverflowError):
        return None


def rfc3339(seconds: Any) -> str | None:
    """Write a Unix time with exactly the digits that it has, so that no digit is taken as known that is not.

    Args:
        seconds: since 1970, as a payload has them.

    Returns:
        None for what is not a number of seconds from 0 to the year 10000.
    """
    number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not number or not 0 <= seconds < _YEAR_10000:
        return None
    # A float of today has no more than these six digits.
    whole, _, fraction = f"{seconds:.6f}".rstrip("0").rstrip(".").partition(".")
    moment = datetime.fromtimestamp(int(whole or "0"), timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}{'.' if fraction else ''}{fraction}Z"


def _last_instant(fraction: str | None) -> timedelta:
    """The latest that the digits left out can add, to the next microsecond."""
    digits = (fraction or "").ljust(_MICROSECOND_DIGITS, "9")
    rounded = 1 if len(digits) > _MICROSECOND_DIGITS else 0
    return timedelta(microseconds=int(digits[:_MICROSECOND_DIGITS]) + rounded)


def _zone(text: str) -> timezone:
    if text in {"Z", "z"}:
        return timezone.utc
    sign = -1 if text[0] == "-" else 1
    hours, minutes = int(text[1:3]), int(text[-2:])
    if minutes >= _MINUTES:
        raise ValueError("an hour has 60 minutes")
    return timezone(sign * timedelta(hours=hours, minutes=minutes))
