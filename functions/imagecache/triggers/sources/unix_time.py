"""Times that a registry writes as seconds since 1970."""

from __future__ import annotations

from datetime import datetime, timezone


def rfc3339(seconds: float | None) -> str | None:
    """Write a Unix time as RFC 3339 with exactly the digits that it has, so that none is taken for known.

    Args:
        seconds: since 1970, at least 0 and before the year 10000; None where no time is told.
    """
    if seconds is None:
        return None
    # A float of today has no more than these six digits.
    whole, _, fraction = f"{seconds:.6f}".rstrip("0").rstrip(".").partition(".")
    moment = datetime.fromtimestamp(int(whole or "0"), timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}{'.' if fraction else ''}{fraction}Z"
