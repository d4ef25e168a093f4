"""One look of a follow task at its cache: has the change landed, does it run, or has it to be done (again)?

::

    gone                          -> ends quietly
    Ready, covered                -> landed
    running, covered              -> look again later
    UpdateFailed                  -> done again, a bounded number of times in a row
    not covered                   -> done now, or later while the cache is busy

Covered is said by the cache's memory, or, where it has none, by what the task itself knows: that an update
for this change was accepted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ..base.errors import BusyError, EciError, PermanentError
from ..base.reasons import Reason, Result
from ..model.change import CacheRequest, PushEvent
from ..model.image_cache import READY, UPDATE_FAILED, ImageCache
from ..planning.plan import Decision, decide
from ..planning.update_memory import carries, covering_update, has_wanted_list, last_update
from .applied import Applied
from .apply import Applier, settled_as
from .follow_task import Progress

_RUNNING = "Updating"


@dataclass(frozen=True)
class FollowLook:
    """One look.

    Attributes:
        applier: makes the calls.
        progress: the change and how far it has come.
    """

    applier: Applier
    progress: Progress

    def take(self) -> Iterator[Applied]:
        """Look and act."""
        started = time.monotonic()
        progress = self.progress
        message = "the image cache was deleted, or the function's role may not see it"
        unseen = Decision(progress.change, None, Result.IGNORED, Reason.CACHE_GONE, message)
        place = {"region_id": progress.region_id, "image_cache_id": progress.image_cache_id}
        try:
            cache = self.applier.eci.describe_image_cache(progress.region_id, progress.image_cache_id)
        except EciError as error:
            yield Applied(unseen, error, progress.update_began, place, started)
            return
        if cache is None:
            yield Applied(unseen, facts=place, started=started)
            return
        began = self._covered_since(cache)
        if began is not None:
            yield self._covered(cache, began, started)
        elif self._superseded(cache):
            message = "the cache has got another list since this one was asked for"
            decision = Decision(progress.change, cache, Result.IGNORED, Reason.SUPERSEDED, message)
            yield Applied(decision, started=started)
        elif cache.status == UPDATE_FAILED and self._repeated(cache) > self._most_rebuilds:
            yield self._failed_for_good(cache, started)
        else:
            yield from self._act(cache, started)

    @property
    def _most_rebuilds(self) -> int:
        return self.applier.settings.follow.rebuilds

    def _covered_since(self, cache: ImageCache) -> datetime | None:
        """When the update began that has the change and is running or Ready, or None."""
        covering = covering_update(cache, self.progress.change, self.applier.skew, self.applier.rules)
        if covering is not None:
            return covering.began
        certain = cache.status in {_RUNNING, READY} and has_wanted_list(
            cache, self.progress.change, self.applier.rules
        )
        return self.progress.update_began if certain else None

    def _superseded(self, cache: ImageCache) -> bool:
        """Whether a list that is to be set is older than the one that the cache has."""
        change, seen = self.progress.change, self.progress.origin.images_seen
        wanted = change.images if isinstance(change, CacheRequest) else None
        return wanted is not None and seen is not None and cache.images not in {seen, wanted}

    def _repeated(self, cache: ImageCache) -> int:
        """How many updates in a row would have begun from UpdateFailed with another one."""
        last = last_update(cache)
        # A cache that cannot remember: what the tasks of this change did is what is known.
        if last is None:
            return self.progress.origin.rebuilds + 1
        # Updates that were for other changes say nothing of this one: it may be what mends the image.
        return last.rebuilds + 1 if carries(last, self.progress.change) else 0

    def _covered(self, cache: ImageCache, began: datetime, started: float) -> Applied:
        """Landed, or to be looked at again while its update runs."""
        change = self.progress.change
        facts: dict[str, Any] = {"covered_by": began.isoformat()}
        message = f"Ready after the update that began at {began.isoformat()}"
        decision = Decision(change, cache, Result.LANDED, Reason.LANDED, message)
        if cache.status != READY:
            error = BusyError(Reason.UPDATE_RUNNING, f"the update that began at {began.isoformat()} runs")
            return Applied(decision, error, began, facts, started)
        if isinstance(change, PushEvent) and change.pushed_at is not None:
            seconds = (datetime.now(timezone.utc) - change.pushed_at).total_seconds()
            facts["staleness_seconds"] = round(max(0.0, seconds), 3)
        return Applied(decision, facts=facts, started=started)

    def _failed_for_good(self, cache: ImageCache, started: float) -> Applied:
        last = cache.last_warning or "the cache gives no reason"
        message = f"UpdateFailed after {self._most_rebuilds} repetitions: {last}"[:1000]
        decision = Decision(self.progress.change, cache, Result.FAILED, Reason.UPDATE_FAILED, message)
        return Applied(decision, PermanentError(Reason.UPDATE_FAILED, message), started=started)

    def _act(self, cache: ImageCache, started: float) -> Iterator[Applied]:
        change = self.progress.change
        decision = decide(cache, change, self.applier.skew, self.applier.rules)
        if decision is not None and decision.result is Result.REFRESHED:
            yield from self.applier.update(cache, [decision], started)
        else:
            message = "when the cache was read again, the change no longer concerned it"
            ended = Decision(change, cache, Result.IGNORED, Reason.NO_LONGER_LISTED, message)
            yield settled_as(decision or ended, started)
