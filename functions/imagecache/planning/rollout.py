"""Which of several caches may be rebuilt now, so that as many as a rule keeps ready stay usable. Pure.

A cache is used only while it is Ready (vendor documentation of image caches). What is counted follows from
the listing alone: those that are Ready, and those that are being updated, which will be Ready again. One that
failed counts for nothing, or the others would wait for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from ..base.timestamps import Moment
from ..model.change import Change, PushEvent
from ..model.image_cache import READY, UPDATE_FAILED, UPDATING, ImageCache, Listing
from ..policy.list_entries import entries_of
from ..policy.rules import Rule, Rules
from .update_memory import carries, last_update


class Group(NamedTuple):
    """The caches of a region that a rule selects and that list the same repository, ordered by their ids.

    Attributes:
        rule: keeps some of them ready.
        caches: as listed.
    """

    rule: Rule
    caches: tuple[ImageCache, ...]

    def places(self, begun: Collection[str]) -> int:
        """How many that are Ready may begin to be rebuilt.

        Args:
            begun: the ids of caches that begin now, though the listing has them as Ready.
        """
        ready = sum(cache.status == READY and cache.image_cache_id not in begun for cache in self.caches)
        return ready - min(self._kept, self._alive - 1)

    @property
    def batch(self) -> int:
        """How many may be rebuilt at a time."""
        return max(1, self._alive - min(self._kept, self._alive - 1))

    def ahead(self, cache: ImageCache, waiting: Collection[ImageCache]) -> int:
        """How many of those that wait come before a cache: they are Ready, and their ids are smaller."""
        return sum(each.status == READY and each.image_cache_id < cache.image_cache_id for each in waiting)

    def stopped_by(self, change: Change, at: Moment) -> ImageCache | None:
        """A cache whose update for a change, or after its push, failed."""
        pushed_at = change.pushed_at if isinstance(change, PushEvent) else None
        for cache in self.caches:
            memory = last_update(cache, at) if cache.status == UPDATE_FAILED else None
            if memory is not None and (
                carries(memory, change) or (pushed_at is not None and memory.began > pushed_at)
            ):
                return cache
        return None

    @property
    def _alive(self) -> int:
        return sum(cache.status in {READY, UPDATING} for cache in self.caches)

    @property
    def _kept(self) -> int:
        kept = self.rule.keep_ready
        if isinstance(kept, int):
            return kept
        # A part of all, rounded up.
        return -(-len(self.caches) * int(kept.removesuffix("%")) // 100)


def groups_of(cache: ImageCache, listing: Listing, rules: Rules) -> Iterator[Group]:
    """The groups that a cache is in, one for each repository and rule that keeps caches ready.

    Args:
        cache: as just described; it stands in the place of the listed one.
        listing: all caches of its region.
        rules: the rules.
    """
    known: set[tuple[str, str, str]] = set()
    for entry in entries_of(cache.images, rules):
        rule = rules.rule_for(cache, *entry.place)
        if rule is None or not rule.keep_ready or (rule.name, entry.registry, entry.repository) in known:
            continue
        known.add((rule.name, entry.registry, entry.repository))
        found = {
            each.image_cache_id: each
            for name in rules.names_of(entry.registry)
            for each in listing.by_repository.get((name, entry.repository), ())
            if rule.caches.matches(each)
        }
        found[cache.image_cache_id] = cache
        yield Group(rule, tuple(found[identifier] for identifier in sorted(found)))
