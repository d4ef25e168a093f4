"""What the oracle is told, as the local cloud's own history and queue have it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from .facts import GivenUp, Push, Update
from .senders import Sent

__all__ = ["UNDONE", "dead", "due_at", "lags", "not_needed", "postponed", "refused", "update_of", "waiting"]

_ID_PARTS = 3
"""``imc``, the job, and a hash."""
UNDONE = frozenset({"waiting", "running"})
"""The states of a task that has not come to its end."""


def lags(deliveries: Iterable[Mapping[str, Any]], first_line_at: Mapping[str, float]) -> list[float]:
    """How far the platform was behind: on a machine that is too slow, this is a part of every staleness."""
    return [
        first_line_at[delivery["request_id"]] - delivery["due_at"]
        for delivery in deliveries
        if delivery["attempts"] == 1 and not delivery["throttled"] and delivery["request_id"] in first_line_at
    ]


def update_of(entry: Mapping[str, Any]) -> Update:
    """An entry of the local ECI's history."""
    return Update(
        image_cache_id=entry["image_cache_id"],
        kind=entry["kind"],
        started_at=entry["started_at"],
        ended_at=entry["ended_at"],
        status=entry["status"],
        images=tuple(entry["images"]),
    )


def waiting(deliveries: Iterable[Mapping[str, Any]]) -> set[str]:
    """The tasks that are left, as records name them.

    One that was refused with another code than a known task's has more behind its id: it was stored again.
    """
    left = [str(delivery["task_id"]) for delivery in deliveries if delivery["state"] in UNDONE]
    return {"-".join(task_id.split("-")[:_ID_PARTS]) for task_id in left}


def due_at(delivery: Mapping[str, Any]) -> float:
    """When a delivery has something to do: where the platform ignores delays, its message says so."""
    document = json.loads(delivery["payload"] or "{}")
    due = document.get("due") if isinstance(document, dict) else None
    return max(float(delivery["due_at"]), datetime.fromisoformat(due).timestamp() if due else 0.0)


def postponed(deliveries: Iterable[Mapping[str, Any]], failing: Collection[str]) -> Iterable[str]:
    """The caches that tasks are left for which update them.

    Args:
        deliveries: all.
        failing: the ids of the caches in UpdateFailed, whose watches make their updates again.
    """
    for delivery in deliveries:
        if delivery["state"] in UNDONE:
            document = json.loads(delivery["payload"])
            job, identifier = document.get("job"), document.get("imageCacheId", "")
            if job == "again" or (job == "watch" and identifier in failing):
                yield identifier


def dead(dead_letters: Iterable[Mapping[str, Any]]) -> Iterable[GivenUp]:
    """What dead letters are about: an event of the bus, or a follow message; a timer's is about no push."""
    for letter in dead_letters:
        document = json.loads(letter["payload"])
        if "change" in document:
            yield GivenUp(document["change"]["eventId"], document.get("imageCacheId", ""))
        elif "id" in document:
            yield GivenUp(document["id"])


def not_needed(said: Iterable[tuple[str, float]], pushes: Sequence[Push]) -> Iterable[GivenUp]:
    """The pushes before ECI said of a cache that it needs no update."""
    for image_cache_id, at in said:
        yield from (GivenUp(push.event_id, image_cache_id) for push in pushes if push.at <= at)


def refused(sent: Iterable[Sent]) -> Iterable[GivenUp]:
    """The pushes that no sender could hand over."""
    for one in sent:
        if one.refusal:
            yield from (GivenUp(push.event_id) for push in one.delivery.pushes)
