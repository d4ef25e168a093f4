"""Whether what was asked of an image cache has come about, by what ECI says of it look by look.

Which update is the one that was asked for follows from what the cache remembers, and not from clocks: those
of a person's machine and of the functions may differ. A cache that remembers nothing tells it by its states.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from imagecache.base.timestamps import Moment
from imagecache.model.image_cache import CREATION_FAILED, READY, UPDATE_FAILED, ImageCache
from imagecache.planning.update_memory import last_update

LANDED, FAILED, ANOTHER, GONE, WAITING, NOT_KNOWN = (
    "landed",
    "failed",
    "another list",
    "gone",
    "waiting",
    "not known",
)
"""How watching ends. The last two: it was not over in time, or nothing shows whether it was."""
_SETTLED = timedelta(minutes=3)
"""A cache that has been Ready for so long has no update ahead of it (twice the longest wait for one)."""


class End(NamedTuple):
    """How watching a cache ended, with a sentence, and the cache as it was last seen."""

    result: str
    message: str
    cache: ImageCache | None = None


@dataclass
class Landing:
    """One cache, from the request on.

    Attributes:
        before: as it was before.
        images: the list that it is to have.
        deferred: whether the update is still to begin.
        until: until when it is held back, if that is known.
    """

    before: ImageCache
    images: tuple[str, ...]
    deferred: bool = False
    until: datetime | None = None
    _builds: int = 0
    """How many times it was seen to become busy."""
    _was_busy: bool = False
    _quiet_since: datetime | None = None

    def look(self, cache: ImageCache | None, now: datetime) -> End | None:
        """What a look shows; None while it goes on."""
        if cache is None:
            return End(GONE, "the image cache is not there any more")
        if cache.status == CREATION_FAILED:
            return End(FAILED, f"it was never made: {cache.last_warning or 'no reason is given'}", cache)
        busy = not cache.updatable
        self._builds += busy and not self._was_busy
        self._was_busy = busy
        if busy:
            self._quiet_since = None
            return None
        self._quiet_since = self._quiet_since or now
        return self._quiet(cache, now)

    def _quiet(self, cache: ImageCache, now: datetime) -> End | None:
        began = self._began(cache, now)
        quiet_since = self._quiet_since or now
        settled = now - max(quiet_since, self.until or quiet_since) >= _SETTLED
        if cache.status == UPDATE_FAILED:
            if not (began or settled):
                return None
            return End(FAILED, f"its update failed: {cache.last_warning or 'no reason is given'}", cache)
        new_list = self.images != self.before.images
        if cache.images == self.images and (began or new_list):
            return End(LANDED, f"it is {READY}", cache)
        if cache.images != self.images and (settled or (began and not self.deferred)):
            return End(ANOTHER, f"it is {READY} with another list: {', '.join(cache.images)}", cache)
        return End(NOT_KNOWN, "nothing shows that it was rebuilt", cache) if settled else None

    def _began(self, cache: ImageCache, now: datetime) -> bool:
        """Whether the update began that was asked for, or one after it."""
        at = Moment(now, timedelta(days=1))
        memory, known = last_update(cache, at), last_update(self.before, at)
        if memory is not None and (known is None or memory.began != known.began):
            return True
        if self.deferred:
            # The one that ran before counts too.
            return self._builds > (not self.before.updatable)
        return self._builds > 0 or cache.ready_at != self.before.ready_at
