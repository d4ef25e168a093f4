"""A written time, read alike by every Python: before 3.11 the standard library knows fewer forms. Pure."""

from __future__ import annotations

import re
from datetime import datetime

_FORM = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})"
    r"(?:[Tt ](?P<minutes>\d{2}:\d{2})(?:(?P<seconds>:\d{2})(?:\.(?P<fraction>\d{1,9}))?)?)?"
    r"(?P<zone>[Zz]|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)
_MICROSECOND_DIGITS = 6


def iso_time(text: str) -> datetime:
    """The time that a text is; without a zone where none is written.

    Args:
        text: an RFC 3339 time, of which seconds, zone, or all after the date may be left out. What is finer
            than a microsecond is cut off.

    Raises:
        ValueError: it is none, or of no day that there is.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError(f"no RFC 3339 time: {text!r}")
    date, clock, zone = match["date"], match["minutes"] or "00:00", match["zone"] or ""
    fraction = (match["fraction"] or "")[:_MICROSECOND_DIGITS].ljust(_MICROSECOND_DIGITS, "0")
    if zone in {"Z", "z"}:
        zone = "+00:00"
    elif zone and ":" not in zone:
        zone = f"{zone[:3]}:{zone[3:]}"
    return datetime.fromisoformat(f"{date}T{clock}{match['seconds'] or ':00'}.{fraction}{zone}")
