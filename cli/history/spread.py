"""How values are spread. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence


def spread(values: Iterable[float | None]) -> dict[str, float | None]:
    """How many there are, the median, the 90th percentile and the largest; None counts for nothing.

    A percentile is the value of the nearest rank, so it is one that was there.
    """
    found = sorted(value for value in values if value is not None)
    return {
        "count": len(found),
        "median": _rank(found, 0.5),
        "p90": _rank(found, 0.9),
        "longest": found[-1] if found else None,
    }


def _rank(ordered: Sequence[float], share: float) -> float | None:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None
