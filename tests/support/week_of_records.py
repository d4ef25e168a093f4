"""A week of records as the functions write them: pushes of three sources, caches that wait, fail and land."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone
from typing import Any

__all__ = ["week_of_records"]

_BEGIN = datetime(2026, 3, 2, tzinfo=timezone.utc)
_CACHES = ("web-blue", "web-green", "api", "worker")
_DELAYS = {"acs.cr": 2.0, "harbor": 5.0, "dockerhub": 60.0}
_PUSHES = 60


def week_of_records() -> list[dict[str, Any]]:
    """The records, oldest first; the same ones each time."""
    chance = random.Random(7)  # noqa: S311 - not a secret
    found: list[dict[str, Any]] = []
    for number in range(_PUSHES):
        found += _push(chance, number)
    return sorted(found, key=lambda record: str(record["time"]))


def _push(chance: random.Random, number: int) -> list[dict[str, Any]]:
    at = _BEGIN + timedelta(seconds=chance.uniform(0, 6.9 * 86400))
    source = chance.choice(list(_DELAYS))
    door = "on_push" if source == "acs.cr" else "on_webhook"
    request = f"1-{number:08x}"
    if number % 20 == 0:
        error = {"class": "input", "where": "/data"}
        refused = _record(at, door, request, "rejected", "SCHEMA_VIOLATION", source=source, error=error)
        return [refused, {**refused, "time": _text(at + timedelta(seconds=9))}]
    pushed = at - timedelta(seconds=_DELAYS[source])
    image = f"shop-registry.cn-hangzhou.cr.aliyuncs.com/team/web:v{number % 5}"
    facts = {"source": source, "event_id": f"event-{number}", "change_id": f"change-{number}", "image": image}
    facts |= {"pushed_at": pushed.isoformat(), "region_id": "cn-hangzhou"}
    if number % 7 == 0:
        return [_record(at, door, request, "ignored", "NO_MATCH", **facts)]
    found = []
    for name in chance.sample(_CACHES, 2):
        found += _cache(
            chance,
            at,
            pushed,
            (door, request),
            facts | {"image_cache_id": f"imc-{name}", "image_cache_name": name},
        )
    return found


def _cache(
    chance: random.Random, at: datetime, pushed: datetime, who: tuple[str, str], facts: dict[str, Any]
) -> list[dict[str, Any]]:
    """What becomes of one push for one cache."""
    found, name = [], f"{who[1]}-{facts['image_cache_name']}"
    task: dict[str, Any] = {}
    if chance.random() < 0.3:
        found.append(_record(at, *who, "deferred", "CACHE_BUSY", follow_task_id=f"again-{name}", **facts))
        at, who, task = at + timedelta(seconds=90), ("on_follow", f"{name}-a"), {"task_id": f"again-{name}"}
    sent = {"eci_request_id": f"E-{name}", "client_token": f"T-{name}", "update_calls": 1}
    found.append(
        _record(
            at, *who, "refreshed", "TAG_REPUSHED", follow_task_id=f"watch-{name}", **sent, **task, **facts
        )
    )
    end, task = at + timedelta(seconds=chance.uniform(60, 400)), {"task_id": f"watch-{name}"}
    if facts["image_cache_name"] == "api" and chance.random() < 0.5:
        more = {"cache_event": "PullFailed: manifest unknown", "follow_task_id": f"later-{name}"}
        found.append(
            _record(end, "on_follow", f"{name}-w", "deferred", "BACKING_OFF", **more, **task, **facts)
        )
    else:
        stale = round((end - pushed).total_seconds(), 3)
        more = {"covered_by": at.isoformat(), "changes_known": 1, "staleness_seconds": stale}
        found.append(_record(end, "on_follow", f"{name}-w", "landed", "LANDED", **more, **task, **facts))
    return found


def _record(at: datetime, door: str, request: str, result: str, reason: str, **facts: Any) -> dict[str, Any]:
    return {
        "time": _text(at),
        "version": "0.1.0",
        "door": door,
        "request_id": request,
        "result": result,
        "reason": reason,
        "message": f"{reason} as a sentence",
        **facts,
    }


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
