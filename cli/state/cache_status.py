"""How one image cache stands: what it remembers of its updates, when it is looked at, what it needs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from imagecache.base.timestamps import Moment
from imagecache.model.image_cache import CREATION_FAILED, READY, UPDATE_FAILED, ImageCache
from imagecache.planning.barriers import hold_on
from imagecache.planning.follow_times import FollowTimes
from imagecache.planning.hold_tag import CacheHold
from imagecache.planning.update_memory import last_update, undone_within_a_day
from imagecache.planning.update_memory_layout import UpdateMemory
from imagecache.policy.list_entries import entries_of
from imagecache.policy.rules import Rules

_TIMES = FollowTimes()
"""Of a deployment that sets nothing else."""
_TOO_LONG_SHARE = 3
_TOO_LONG = timedelta(hours=2)
"""A rebuild that takes so long is not believed by the library either."""

NEVER_MADE, FAILS, TAKES_LONG, TAKEN_BACK, HELD, WAITS, NOTHING = range(7)
"""What a cache needs, the most urgent first; the first three need a person."""


@dataclass(frozen=True)
class CacheStatus:
    """One cache at one time.

    Attributes:
        cache: as described.
        memory: what it remembers of its updates; None if nothing.
        need: what it needs, of ``NEVER_MADE`` to ``NOTHING``.
        why: the need in words, empty for ``NOTHING``.
        stale_since: since when it certainly does not serve what was pushed; None where that is not known.
        hold: what holds it as it is.
        next_look: when a follow task looks at it next, or a failing one may be updated, as far as the cache
            tells; None where nothing is under way.
        rules: the names of the rules of its entries, in order.
    """

    cache: ImageCache
    memory: UpdateMemory | None
    need: int
    why: str
    stale_since: datetime | None
    hold: CacheHold | None
    next_look: datetime | None
    rules: tuple[str, ...]

    @property
    def needs_a_person(self) -> bool:
        """Whether it does not get well by itself."""
        return self.need in {NEVER_MADE, FAILS, TAKES_LONG}

    @property
    def failures(self) -> int:
        """How many updates in a row failed, as far as it remembers; at least one in UpdateFailed."""
        known = self.memory.failures if self.memory else 0
        if self.cache.status == UPDATE_FAILED:
            return known + 1
        return known if self.cache.status != READY else 0

    def as_document(self, now: datetime) -> dict[str, Any]:
        """All of it, for JSON."""
        memory = self.memory
        return {
            "region_id": self.cache.region_id,
            "image_cache_id": self.cache.image_cache_id,
            "image_cache_name": self.cache.name,
            "status": self.cache.status,
            "images": list(self.cache.images),
            "needs_a_person": self.needs_a_person,
            "why": self.why or None,
            "last_update": memory.began.isoformat() if memory else None,
            "last_rebuild_seconds": memory.duration.total_seconds() if memory and memory.duration else None,
            "stale_seconds_at_least": round((now - self.stale_since).total_seconds())
            if self.stale_since
            else None,
            "held": self.hold.says.strip() if self.hold else None,
            "held_until": self.hold.until.isoformat() if self.hold and self.hold.until else None,
            "next_look": self.next_look.isoformat() if self.next_look else None,
            "failures_in_a_row": self.failures,
            "last_warning": self.cache.last_warning or None,
            "rules": list(self.rules),
        }


def status_of(cache: ImageCache, rules: Rules, at: Moment) -> CacheStatus:
    """How a cache stands.

    Args:
        cache: as described.
        rules: the rules.
        at: now.
    """
    memory = last_update(cache, at)
    running = cache.status not in {READY, UPDATE_FAILED, CREATION_FAILED}
    hold = hold_on(cache, at.now)
    need, why = _need(cache, memory, hold, at.now)
    next_look = None
    if running:
        next_look = _TIMES.watch(memory, at) if memory else _TIMES.again(None, at)
    elif cache.status == UPDATE_FAILED and memory is not None:
        next_look = max(_TIMES.place(memory), at.now)
    stale = memory is not None and (running or cache.status == UPDATE_FAILED)
    return CacheStatus(
        cache,
        memory,
        need,
        why,
        _first_start(memory) if stale and memory else None,
        hold,
        next_look,
        _rules(cache, rules),
    )


def _need(
    cache: ImageCache, memory: UpdateMemory | None, hold: CacheHold | None, now: datetime
) -> tuple[int, str]:
    warning = f": {cache.last_warning}" if cache.last_warning else ""
    if cache.status == CREATION_FAILED:
        return NEVER_MADE, f"it was never made, and takes no update{warning}"
    if cache.status == UPDATE_FAILED:
        return FAILS, f"its update failed{warning}"
    if cache.status != READY:
        took = memory.duration if memory else None
        longest = min(_TOO_LONG, took * _TOO_LONG_SHARE) if took else _TOO_LONG
        if memory is not None and now - memory.began > longest:
            return TAKES_LONG, "its update takes far longer than the one before"
        return WAITS, f"it is {cache.status}"
    undone = undone_within_a_day(memory, now)
    if undone:
        return (
            TAKEN_BACK,
            f"{len(undone)} of its promotions could not be built within a day and were taken back",
        )
    return (HELD, f"it is held{hold.says}") if hold else (NOTHING, "")


def _first_start(memory: UpdateMemory) -> datetime:
    """When the first update began of those that failed in a row, as far as it remembers."""
    earlier = memory.starts[: memory.failures]
    return earlier[-1] if earlier else memory.began


def _rules(cache: ImageCache, rules: Rules) -> tuple[str, ...]:
    found: Mapping[str, None] = {
        rule.name: None
        for entry in entries_of(cache.images, rules)
        if (rule := rules.rule_for(cache, entry.registry, entry.repository, entry.tag)) is not None
    }
    return tuple(found)
