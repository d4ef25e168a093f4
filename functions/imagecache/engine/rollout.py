"""Rolling rebuilds: of caches that a rule keeps ready some begin, and the others wait in their chains.

What may begin is decided for all caches of an invocation before the first is updated, so that it does not
depend on which thread is faster; a task that waited decides for its own cache.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ..base.errors import EciError, HeldBackError, PermanentError
from ..base.reasons import Reason, Result
from ..base.timestamps import BEFORE_ALL, Moment
from ..model.change import Change, PushEvent
from ..model.image_cache import READY, UPDATING, ImageCache
from ..planning.decision import Decision
from ..planning.follow_times import FollowTimes
from ..planning.plan import decide
from ..planning.rollout import Group, groups_of
from ..planning.update_memory import last_update
from ..planning.update_memory_layout import UpdateMemory
from ..policy.rules import Rules
from .listings import Listings


@dataclass(eq=False, repr=False)
class Rollout:
    """Says which caches may begin in one invocation.

    Attributes:
        rules: the rules.
        listings: the caches of regions.
        times: of follow tasks.
    """

    rules: Rules
    listings: Listings
    times: FollowTimes
    _wanted: set[str] = field(default_factory=set)
    _begun: set[str] = field(default_factory=set)
    _decided: dict[str, EciError | None] = field(default_factory=dict)

    def decide_all(self, decisions: Iterable[Decision], at: Moment) -> None:
        """Decide for all caches that an invocation is about to update, in the order of their ids."""
        wanted = {
            decision.cache.image_cache_id: (decision.cache, decision.change)
            for decision in decisions
            if decision.cache is not None
            and decision.result is Result.REFRESHED
            and not decision.change.by_person
        }
        self._wanted.update(wanted)
        for identifier in sorted(wanted):
            cache, change = wanted[identifier]
            self._decided[identifier] = error = self._why_not(cache, change, at, None)
            if error is None and cache.status == READY:
                self._begun.add(identifier)

    def held(self, cache: ImageCache, wanted: Sequence[Decision], at: Moment, looks: int) -> EciError | None:
        """Why a cache has to wait, or is not rebuilt at all; None if it may begin.

        Args:
            cache: as just described.
            wanted: the decisions that ask for its update. What a person asks for waits for nothing.
            at: now.
            looks: how many tasks of its chain ran.

        Raises:
            EciError: when its region could not be listed.
        """
        if any(decision.change.by_person for decision in wanted):
            return None
        if cache.image_cache_id in self._decided:
            return self._decided[cache.image_cache_id]
        return self._why_not(cache, wanted[-1].change, at, looks)

    def _why_not(self, cache: ImageCache, change: Change, at: Moment, looks: int | None) -> EciError | None:
        """The same; ``looks`` is None where all caches of the invocation are decided."""
        if cache.status != READY:
            # Its update takes away nothing that is usable.
            return None
        # What was planned from a listing is decided by the same one, whichever that is; a task that waited
        # needs a new one.
        planned = change.pushed_at if isinstance(change, PushEvent) else BEFORE_ALL
        listing = self.listings.current(cache.region_id, planned if looks is None else None)
        for group in groups_of(cache, listing, self.rules):
            failed = group.stopped_by(change, at)
            if failed is not None:
                message = (
                    f"the update of {failed.image_cache_id} failed, so this cache, which rule "
                    f"{group.rule.name} keeps ready with it, stays as it is"
                )
                return PermanentError(Reason.ROLLOUT_STOPPED, message, calls=0)
            ahead = group.ahead(
                cache, [each for each in group.caches if self._waits(each, change, at, looks)]
            )
            places, turn = group.places(self._begun), ahead // group.batch
            # One that cannot remember its update seems to wait for ever: it is waited for as long as others.
            passed = looks is not None and looks > turn + 1
            if places <= 0 or (ahead >= places and not passed):
                kept = f"{group.rule.keep_ready} of {len(group.caches)} caches ready"
                message = f"rule {group.rule.name} keeps {kept}: this one waits for others"
                return HeldBackError(Reason.ROLLING, message, until=self._next(group, turn, at))
        return None

    def _waits(self, cache: ImageCache, change: Change, at: Moment, looks: int | None) -> bool:
        """Whether a cache still waits for a change, as far as is known."""
        if looks is None:
            return cache.image_cache_id in self._wanted and cache.image_cache_id not in self._begun
        again = decide(cache, change, at, self.rules)
        return again is not None and again.result is Result.REFRESHED

    def _next(self, group: Group, turn: int, at: Moment) -> datetime:
        """When the soonest of those that are rebuilt is looked at; later for one that is not next."""
        ends: list[tuple[datetime, timedelta]] = []
        usual = timedelta(seconds=2 * self.times.base)
        for each in group.caches:
            memory = last_update(each, at)
            if each.image_cache_id in self._begun:
                memory = UpdateMemory(at.now, memory.duration if memory else None)
            elif each.status != UPDATING:
                continue
            took = memory.duration if memory is not None else None
            ends.append((self.times.watch(memory, at), took or usual))
        due, took = min(ends, default=(self.times.again(None, at), usual))
        return due + turn * took
