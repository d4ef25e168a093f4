"""What the work cost, as far as records tell: rebuilds, calls, invocations. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from ..sources.record import FOLLOW, Cache, Record, read_time

_HAND_OFF_FAILED = "HAND_OFF_FAILED"
"""Its update was accepted where the record has ECI's id of it."""


def cost_of(records: Sequence[Record], attempt_numbers: Sequence[int]) -> dict[str, Any]:
    """What all attempts cost, at least: a call that ECI refused as a later look had the change has no record.

    Args:
        records: oldest first.
        attempt_numbers: of each, which attempt at its decision it is.
    """
    rebuilds = rebuilds_of(records)
    per_cache = Counter(record.cache for record in rebuilds.values())
    names = {record.cache: record.cache_name for record in records if record.cache[1]}
    building = _building(records)
    doors = Counter(door for door, _ in {(record.door, record.text("request_id")) for record in records})
    # Decisions that share an update have its calls each.
    calls: dict[tuple[Any, ...], float] = {}
    for record, attempt in zip(records, attempt_numbers, strict=True):
        key = (record.text("request_id"), attempt, *_update(record))
        calls[key] = max(calls.get(key, 0), record.number("update_calls") or 0)
    return {
        "rebuilds": len(rebuilds),
        "building_seconds_at_most": round(sum(building.values()), 3),
        "update_calls": int(sum(calls.values())),
        "invocations": sum(doors.values()),
        "follow_runs": doors[FOLLOW],
        "invocations_by_door": dict(sorted(doors.items())),
        "caches": [
            {
                "region_id": cache[0],
                "image_cache_id": cache[1],
                "image_cache_name": names.get(cache, ""),
                "rebuilds": count,
                "building_seconds_at_most": round(building.get(cache, 0.0), 3),
            }
            for cache, count in sorted(per_cache.items(), key=lambda item: (-item[1], names.get(item[0], "")))
        ],
    }


def is_rebuild(record: Record) -> bool:
    """Whether ECI accepted an update."""
    if record.facts.get("dry_run") is True:
        return False
    return record.result == "refreshed" or (
        record.reason == _HAND_OFF_FAILED and bool(record.text("eci_request_id"))
    )


def rebuilds_of(records: Iterable[Record]) -> dict[tuple[str, ...], Record]:
    """The updates that ECI accepted, each with its first record; decisions that share one count once."""
    found: dict[tuple[str, ...], Record] = {}
    for record in records:
        if is_rebuild(record):
            found.setdefault(_update(record), record)
    return found


def _update(record: Record) -> tuple[str, ...]:
    return (*record.cache, record.text("client_token"), record.text("eci_request_id"))


def _building(records: Iterable[Record]) -> dict[Cache, float]:
    """Seconds from the start of each update that landed until it was first seen Ready, for each cache."""
    ends: dict[tuple[Cache, str], float] = {}
    for record in records:
        began = read_time(record.text("covered_by"))
        if record.result == "landed" and began is not None:
            took = max(0.0, (record.at - began).total_seconds())
            key = (record.cache, record.text("covered_by"))
            ends[key] = min(took, ends.get(key, took))
    found: dict[Cache, float] = defaultdict(float)
    for (cache, _), took in ends.items():
        found[cache] += took
    return found
