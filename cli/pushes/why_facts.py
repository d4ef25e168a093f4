"""What decides about one image cache, and about a push of an image to it: the facts alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from imagecache.base.reasons import Hold, Reason
from imagecache.base.timestamps import Moment
from imagecache.model.change import PushEvent
from imagecache.model.image_cache import ImageCache, Listing
from imagecache.planning.barriers import hold_on
from imagecache.planning.entry_memory import promoted_at, remembers_digests
from imagecache.planning.update_memory import last_update
from imagecache.policy.list_entries import Entry, entries_of
from imagecache.policy.rules import Rule, Rules

from ..wording import policy_text
from .near import near_of
from .plan import push_of
from .rehearsal import rehearse
from .rule_match import Match, matches

_PUSH_KEYS = (
    *("image", "result", "reason", "held_because", "message"),
    *("until", "next_look", "rule", "images_after"),
)


@dataclass(frozen=True)
class Question:
    """What is asked: one cache, the rules, the time."""

    cache: ImageCache
    rules: Rules
    now: datetime

    @property
    def at(self) -> Moment:
        """The time, as the library takes it."""
        return Moment(self.now)

    def push(self, push: PushEvent) -> dict[str, Any]:
        """What a push would do to the cache: the record's facts."""
        listing = Listing(self.cache.region_id, (self.cache,), self.now)
        (outcome,) = rehearse([listing], [push], self.rules, self.now).outcomes
        return {key: outcome[key] for key in _PUSH_KEYS if key in outcome}

    def push_of_entry(self, entry: Entry) -> dict[str, Any]:
        """What a push of a listed tag would do now."""
        image = f"{entry.registry}/{entry.repository}:{entry.tag}"
        return self.push(push_of(image, self.now))


def facts_of(asked: Question, push: PushEvent | None) -> dict[str, Any]:
    """Everything that ``imagecache`` says of it, in the form of an answer.

    Args:
        asked: the cache, the rules and the time.
        push: of an image that alone is of interest; None for all that the cache lists.
    """
    cache, rules = asked.cache, asked.rules
    wanted = (rules.identity(push.registry), push.repository) if push else None
    entries = entries_of(cache.images, rules, wanted)
    rows = [_entry(asked, entry) for entry in entries]
    pushes = [asked.push_of_entry(entry) for entry in entries_of(cache.images, rules)]
    document: dict[str, Any] = {
        "at": asked.now.isoformat(),
        "region_id": cache.region_id,
        "image_cache_id": cache.image_cache_id,
        "image_cache_name": cache.name,
        "status": cache.status,
        "last_warning": cache.last_warning or None,
        "held": hold.says.strip() if (hold := hold_on(cache, asked.now)) else None,
        "images": list(cache.images),
        "entries": rows,
        "remembers": _memory(asked),
        "next_update": _next_update(asked, pushes),
    }
    if push is not None:
        found = matches(rules, cache, *(wanted or ("", "")), push.tag)
        document["push"] = {**asked.push(push), "rules": _rules(found)}
        near = near_of([Listing(cache.region_id, (cache,), asked.now)], push, rules, asked.at)
        document["push"]["near"] = near[0] if near else None
    return document


def _entry(asked: Question, entry: Entry) -> dict[str, Any]:
    found = matches(asked.rules, asked.cache, entry.registry, entry.repository, entry.tag)
    rule = next((match.rule for match in found if match.decides), None)
    pushed = promoted_at(asked.cache, entry.registry, entry.repository)
    return {
        "entry": entry.text,
        "position": entry.position,
        "rule": rule.name if rule else None,
        "policy": policy_text(rule),
        "governed": _governed(rule, entry),
        "rules": _rules(found),
        "promoted_at": pushed.isoformat() if pushed else None,
        "push_of_this_tag": asked.push_of_entry(entry),
    }


def _governed(rule: Rule | None, entry: Entry) -> str | None:
    """Why the entry's place is not one that another tag can take; None where it is."""
    judged = rule.policy.judge(entry.tag) if rule else Hold.EXACT_POLICY
    judged = Hold.PINNED_BY_DIGEST if entry.pinned else judged
    why: str | None = judged.value if isinstance(judged, Hold) else None
    return why


def _rules(found: Sequence[Match]) -> list[dict[str, Any]]:
    return [
        {
            "rule": match.rule.name,
            "matches": not match.misses,
            "decides": match.decides,
            "misses": list(match.misses),
        }
        for match in found
    ]


def _memory(asked: Question) -> dict[str, Any] | None:
    memory = last_update(asked.cache, asked.at)
    if memory is None:
        return None
    return {
        "began": memory.began.isoformat(),
        "took_seconds": memory.duration.total_seconds() if memory.duration is not None else None,
        "failures_in_a_row": memory.failures,
        "updates_in_the_hour_before": len(memory.starts),
        "asked_by_a_person": memory.asked.isoformat() if memory.asked else None,
        "changes_known": len(memory.change_ids),
        "taken_back": [at.isoformat() for _, at in memory.undone],
        "knows_digests": remembers_digests(asked.cache, memory.began),
    }


def _next_update(asked: Question, pushes: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The soonest of what a push of each listed tag would do; None where none of them does anything."""
    ready = [push for push in pushes if push["result"] == "refreshed"]
    if ready:
        return {"at": asked.now.isoformat(), "held_by": None}
    held = Reason.HELD.value
    waiting = [push for push in pushes if push["result"] in {"deferred", "failed"} or push["reason"] == held]
    if not waiting:
        return None
    first = min(waiting, key=lambda push: push.get("until") or push.get("next_look") or "9")
    return {
        "at": first.get("until") or first.get("next_look"),
        "held_by": first["reason"],
        "message": first["message"],
    }
