"""Limits on what updates cost: cooldowns, caps on updates per run and per hour, pauses for failing caches.

What a limit holds back is not dropped: it is deferred like a change whose cache is busy.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ..base.errors import BusyError, EciError, HeldBackError, PermanentError
from ..base.reasons import Reason
from ..base.scrubber import LOGGER
from ..base.timestamps import Moment
from ..config.settings import Settings
from ..model.change import PushEvent
from ..model.image_cache import CREATION_FAILED, READY, UPDATE_FAILED, ImageCache
from ..planning.decision import Decision
from ..planning.follow_times import FollowTimes
from ..planning.update_memory import EXTRA_WINDOW, asked_anew, image_id, last_update, undone_within_a_day
from ..planning.update_memory_layout import HOUR, UpdateMemory
from .listings import Listings

_MOST_EXTRA = 3


def creation_failed(cache: ImageCache) -> str:
    """What is said of a cache that was never made, and can never be updated."""
    return f"the image cache could not be created: {cache.last_warning or 'no reason is given'}"


def cooldown_end(cache: ImageCache, decision: Decision, at: Moment) -> datetime | None:
    """Until when a decision has to wait for its rule's cooldown; None if it need not.

    Only pushes wait, and only for a cache that serves: what a person or a timer asks for is done, and so is
    what may mend a cache that failed.
    """
    change, rule = decision.change, decision.rule
    waits = (
        isinstance(change, PushEvent) and not change.by_person and rule is not None and cache.status == READY
    )
    last = last_update(cache, at) if waits else None
    if last is None or rule is None:
        return None
    end = last.began + timedelta(seconds=rule.cooldown_seconds)
    return end if end > at.now else None


def pause_end(
    cache: ImageCache, wanted: Sequence[Decision], at: Moment, times: FollowTimes, *, repeats: bool = False
) -> datetime | None:
    """Until when a cache in UpdateFailed has to wait for its next update; None if it need not.

    A person's request goes at once, but is not made again at once where it failed. A push of an image that
    none of the failed updates was for may be what mends the cache: it goes one pause after the last update, a
    bounded number of times a day. So does a list that is put back, whose number is bounded by that of the
    promotions; where it fails too, it waits for its place like any other.
    """
    last = last_update(cache, at) if cache.status == UPDATE_FAILED else None
    if last is None or (not repeats and asked_anew([decision.change for decision in wanted], last)):
        return None
    end = times.place(last)
    soon = last.began + timedelta(seconds=times.backoff)
    puts_back = _puts_back(wanted) and not repeats
    if puts_back or (_is_new(last, wanted) and not _puts_back(wanted) and _extra_left(last, at.now)):
        end = min(end, soon)
    elif undone_within_a_day(last, at.now):
        # The list before is to be put back first.
        end = max(end, last.began + 2 * (soon - last.began))
    return end if end > at.now else None


def needs_extra(cache: ImageCache, wanted: Sequence[Decision], at: Moment, times: FollowTimes) -> bool:
    """Whether an update that is made now does not wait for its place after a failure."""
    last = last_update(cache, at) if cache.status == UPDATE_FAILED else None
    if last is None or _puts_back(wanted):
        return False
    return _is_new(last, wanted) and times.place(last) > at.now


def _puts_back(wanted: Sequence[Decision]) -> bool:
    return any(decision.reason is Reason.PROMOTION_UNDONE for decision in wanted)


def _is_new(last: UpdateMemory, wanted: Sequence[Decision]) -> bool:
    pushes = [decision.change for decision in wanted if isinstance(decision.change, PushEvent)]
    return any(image_id(push) not in last.failed for push in pushes)


def _extra_left(last: UpdateMemory, now: datetime) -> bool:
    recent = last.extra_since is not None and now - last.extra_since < EXTRA_WINDOW
    return not recent or last.extra < _MOST_EXTRA


@dataclass(eq=False, repr=False)
class UpdateLimits:
    """How many updates one invocation may still make, its threads together.

    Attributes:
        settings: the caps.
        listings: give all caches; asked once, and only for the cap per hour.
        times: of follow tasks.
        made: how many were made, or planned in a dry run.
    """

    settings: Settings
    listings: Listings
    times: FollowTimes
    made: int = 0
    _within_hour: int | None = field(default=None, repr=False)
    _said: bool = field(default=False, repr=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def held_back(
        self, cache: ImageCache, wanted: Sequence[Decision], at: Moment, *, repeats: bool = False
    ) -> EciError | None:
        """Why the cache takes no update: its creation failed, or it is busy, cooling down, or backing off."""
        if cache.status == CREATION_FAILED:
            return PermanentError(Reason.CREATION_FAILED, creation_failed(cache), calls=0)
        if not cache.updatable:
            message = f"the image cache is {cache.status}; only Ready and UpdateFailed can be updated"
            return BusyError(Reason.CACHE_BUSY, message, calls=0)
        # One update serves all, so the one that may go first takes the others along.
        ends = [cooldown_end(cache, decision, at) for decision in wanted]
        waiting = [end for end in ends if end is not None]
        if len(waiting) == len(ends):
            message = f"the cooldown since the cache's last update ends at {min(waiting).isoformat()}"
            return HeldBackError(Reason.COOLING_DOWN, message, until=min(waiting))
        pause = pause_end(cache, wanted, at, self.times, repeats=repeats)
        if pause is not None:
            message = f"the last updates failed; the next one may be made at {pause.isoformat()}"
            return HeldBackError(Reason.BACKING_OFF, message, until=pause)
        return None

    def promotion_held(
        self, cache: ImageCache, images: Sequence[str], wanted: Sequence[Decision], at: Moment
    ) -> HeldBackError | None:
        """Why the cache takes no list with new tags: some were taken back not long ago.

        Each of them is an update that may fail, and one that puts the list before back: one pause after the
        last one, and the longest pause where three were within a day. A person's request goes at once.
        """
        undone = undone_within_a_day(last_update(cache, at), at.now)
        by_person = any(decision.change.by_person for decision in wanted)
        promotes = any(image not in cache.images for image in images)
        if not undone or by_person or not promotes or _puts_back(wanted):
            return None
        pause = self.times.longest_pause if len(undone) >= _MOST_EXTRA else self.times.backoff
        end = undone[0] + timedelta(seconds=pause)
        if end <= at.now:
            return None
        message = f"a promotion was taken back; the next one may be made at {end.isoformat()}"
        return HeldBackError(Reason.BACKING_OFF, message, until=end)

    def spend(self, at: Moment, *, dry_run: bool = False) -> HeldBackError | None:
        """Count an update that is about to be made, or say that a cap does not let it be made.

        Raises:
            EciError: when the caches have to be listed for the cap per hour and could not be.
        """
        with self._lock:
            capped = self._capped(at)
            if capped is None or dry_run:
                self.made += 1
            return capped

    def capped(self, at: Moment) -> HeldBackError | None:
        """Why a cap lets no further update be made; none is counted."""
        with self._lock:
            return self._capped(at)

    def _capped(self, at: Moment) -> HeldBackError | None:
        per_run, per_hour = self.settings.most_per_run, self.settings.most_per_hour
        if self.made >= per_run:
            return self._say(f"this run made {self.made} updates, which is its limit", None)
        if per_hour:
            if self._within_hour is None:
                self._within_hour = sum(self._of_last_hour(cache, at) for cache in self.listings.all_caches())
            count = self._within_hour + (0 if self.settings.dry_run else self.made)
            if count >= per_hour:
                message = f"{count} updates started within the last hour; the limit is {per_hour}"
                return self._say(message, self.times.later(at))
        return None

    @staticmethod
    def _of_last_hour(cache: ImageCache, at: Moment) -> int:
        last = last_update(cache, at)
        starts = () if last is None else (last.began, *last.starts)
        return sum(1 for start in starts if start >= at.now - HOUR)

    def _say(self, message: str, until: datetime | None) -> HeldBackError:
        if not self._said:
            LOGGER.error("update cap reached: %s", message)
            self._said = True
        return HeldBackError(Reason.UPDATE_CAP, message, until=until)
