"""A written time, read alike by every Python: before 3.11 the standard library knows fewer forms. Pure."""

from __future__ import annotations

import re
from datetime import datetime

_FORM = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})"
    r"(?:[Tt ](?P<minutes>\d{2}:\d{2})(?:(?P<seconds>:\d{2})(?:[.,](?P<fraction>\d{1,32}))?)?"
    r"\s?(?:(?P<utc>[Zz])|(?P<hours>[+-]\d{2})(?::?(?P<zone_minutes>[0-5]\d))?)?)?",
    re.ASCII,
)
_MICROSECOND_DIGITS = 6


def iso_time(text: str) -> datetime:
    """The time that a text is; without a zone where none is written.

    Args:
        text: an RFC 3339 time, of which seconds, zone, or all after the date may be left out; also as other
            tools write one, with a comma, a blank before the zone, or a zone of hours alone. What is finer
            than a microsecond is cut off.

    Raises:
        ValueError: it is none, or of no day that there is.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError(f"no RFC 3339 time: {text!r}")
    fraction = (match["fraction"] or "")[:_MICROSECOND_DIGITS].ljust(_MICROSECOND_DIGITS, "0")
    zone = f"{match['hours']}:{match['zone_minutes'] or '00'}" if match["hours"] else ""
    clock = f"{match['minutes'] or '00:00'}{match['seconds'] or ':00'}.{fraction}"
    return datetime.fromisoformat(f"{match['date']}T{clock}{'+00:00' if match['utc'] else zone}")
