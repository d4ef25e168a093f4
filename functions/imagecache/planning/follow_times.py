"""When a follow task is due. Pure.

A due time follows from the described cache alone, so that all who wait for one cache find the same one and
share a task. It is the first of a series that is later than the clock by the margin: what arrives until then
is known when the task runs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from itertools import takewhile
from typing import NamedTuple

from ..base.timestamps import Moment
from .update_memory_layout import UpdateMemory

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_SHARES = (0.75, 0.85, 0.95, 1.05, 1.15, 1.3)
"""Of the time that the last rebuild took: a cache that is busy is looked at about when it should be Ready.

The first is for a rebuild that takes a quarter less: rounded up to the grid, 0.85 would be too late for it.
"""

_WATCH_FROM = 1.05
_STEP_SHARE = 0.25
_LONGEST_GRID = 10.0
_LEAST_MARGIN = timedelta(seconds=2)
_BACKOFF = (0, 1, 4, 12, 48)
"""Updates of a failing cache: at once, then so many times the backoff after the one before."""


class FollowTimes(NamedTuple):
    """The settings that due times follow from, in seconds.

    Attributes:
        base: half the step of the grid where nothing is remembered.
        longest: the step of the grid for what does not come back soon (quota, stock).
        backoff: the unit of the pauses between updates of a failing cache.
    """

    base: float = 30
    longest: float = 900
    backoff: float = 300

    def again(self, memory: UpdateMemory | None, at: Moment, not_before: datetime | None = None) -> datetime:
        """When a cache that cannot be updated now is looked at again.

        Args:
            memory: what the cache remembers.
            at: now.
            not_before: the end of a cooldown, a cap or a backoff that holds.
        """
        return self._first(memory, at, 0.0, not_before)

    def watch(self, memory: UpdateMemory | None, at: Moment) -> datetime:
        """When an update that runs is looked at."""
        return self._first(memory, at, _WATCH_FROM, None)

    def before(self, due: datetime, memory: UpdateMemory | None) -> datetime:
        """The due time that came before one, as far as the same memory gives it."""
        if memory is None or memory.duration is None:
            return due - timedelta(seconds=2 * self.base)
        earlier = takewhile(lambda point: point < due, self._series(memory, memory.duration, due))
        return max(earlier, default=memory.began)

    def order(self, pushed_at: datetime, before: datetime, due: datetime) -> timedelta:
        """How much later than its due time a list of its own is set: the less, the later it was pushed.

        Of several that wait for the same time the last one is then set first, and the others find that their
        place is taken.

        Args:
            pushed_at: when its tag was pushed, or the list was asked for.
            before: the due time before.
            due: the due time.
        """
        age = max(0.0, (due - pushed_at) / max(due - before, timedelta(seconds=1)))
        # Points of a grid that is no whole number of milliseconds are rounded: the next one may be earlier.
        return timedelta(milliseconds=math.floor(math.floor(self._grid * 1000) * age / (1 + age)))

    def turn(self, lead: float) -> timedelta:
        """How much later than its due time a list with a new tag is set: the less, the newer the tag is.

        Of several that wait for the same time the newest one is then set first, and leaves the others nothing
        to do.

        Args:
            lead: how far it is ahead of the listed tags, from 0 to 1.
        """
        return timedelta(milliseconds=math.floor(self._grid * 999 * (1 - lead)))

    def without_order(self, due: datetime) -> datetime:
        """The due time that was to be without its ``order``."""
        return self._point(math.floor(round((due - _EPOCH).total_seconds() / self._grid, 6)), self._grid)

    def later(self, at: Moment) -> datetime:
        """When capacity that was used up is worth another try; a task that is stored now can be due then."""
        return self._rounded(self._earliest(at), self.longest, strictly=True)

    @property
    def longest_pause(self) -> float:
        """The longest pause between updates of a failing cache, in seconds."""
        return _BACKOFF[-1] * self.backoff

    def place(self, memory: UpdateMemory) -> datetime:
        """When a cache that is in UpdateFailed may be updated again.

        Args:
            memory: of the update that failed.
        """
        steps = _BACKOFF[min(memory.failures, len(_BACKOFF) - 1)]
        return memory.began + timedelta(seconds=steps * self.backoff)

    def _first(
        self, memory: UpdateMemory | None, at: Moment, from_share: float, not_before: datetime | None
    ) -> datetime:
        earliest = self._earliest(at)
        if not_before is not None and not_before > earliest:
            return self._rounded(not_before, self._grid)
        if memory is None or memory.duration is None:
            return self._rounded(earliest, 2 * self.base, strictly=True)
        series = self._series(memory, memory.duration, earliest)
        first = memory.began + from_share * memory.duration
        return next(point for point in series if point > earliest and point >= first)

    def _series(self, memory: UpdateMemory, duration: timedelta, near: datetime) -> Iterator[datetime]:
        """The due times of one update: without end, and without those long before a time."""
        for share in _SHARES:
            yield self._rounded(memory.began + share * duration, self._grid)
        last = memory.began + _SHARES[-1] * duration
        step = max(_STEP_SHARE * duration, timedelta(seconds=2 * self.base))
        number = max(1, int((near - last) / step) - 1)
        while True:
            yield self._rounded(last + number * step, self._grid)
            number += 1

    @staticmethod
    def _earliest(at: Moment) -> datetime:
        """Before it no task is due that is stored now."""
        return at.now + max(2 * at.skew, _LEAST_MARGIN)

    @property
    def _grid(self) -> float:
        return min(_LONGEST_GRID, self.base / 3)

    @staticmethod
    def _rounded(moment: datetime, grid: float, *, strictly: bool = False) -> datetime:
        """The next point of a grid on the clock."""
        at = (moment - _EPOCH).total_seconds() / grid
        return FollowTimes._point(math.floor(at) + 1 if strictly else math.ceil(round(at, 6)), grid)

    @staticmethod
    def _point(number: int, grid: float) -> datetime:
        return _EPOCH + timedelta(milliseconds=math.ceil(round(number * grid * 1000, 3)))
