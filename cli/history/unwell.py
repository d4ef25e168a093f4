"""Caches whose updates fail, as far as records tell. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from imagecache.model.image_cache import UPDATE_FAILED

from ..sources.record import Cache, Record

_FAILING = frozenset({"BACKING_OFF", "PROMOTION_UNDONE"})
"""Reasons that say that an update of the cache failed, with whatever result."""
_WELL = frozenset({"landed", "unchanged"})


def is_failure(record: Record) -> bool:
    """Whether a record says that something of a cache was not done, or that its update had failed."""
    failed = record.result == "failed" or record.reason in _FAILING
    return bool(record.cache[1]) and (failed or record.text("cache_status") == UPDATE_FAILED)


def failing_caches(decided: Iterable[Record]) -> list[dict[str, Any]]:
    """The caches with failures, those first that have not been well since, then by how many there are.

    Args:
        decided: the last record of each decision, oldest first.
    """
    failures: dict[Cache, list[Record]] = defaultdict(list)
    well: dict[Cache, Record] = {}
    for record in decided:
        if is_failure(record):
            failures[record.cache].append(record)
        elif record.result in _WELL:
            well[record.cache] = record
    found = [
        {
            "region_id": cache[0],
            "image_cache_id": cache[1],
            "image_cache_name": records[-1].text("image_cache_name"),
            "failures": len(records),
            "well_since": cache in well and well[cache].at >= records[-1].at,
            "last_at": records[-1].at.isoformat(),
            "last_reason": records[-1].reason,
            "last_message": records[-1].text("message"),
            "last_warning": records[-1].text("cache_event") or None,
        }
        for cache, records in failures.items()
    ]
    return sorted(found, key=lambda each: (each["well_since"], -each["failures"], each["image_cache_name"]))
