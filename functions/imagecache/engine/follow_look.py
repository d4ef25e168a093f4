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
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

from ..base.errors import BusyError, EciError, ErrorClass
from ..base.reasons import Reason, Result
from ..model.change import CacheRequest, PushEvent
from ..model.image_cache import READY, UPDATE_FAILED, ImageCache
from ..planning.plan import Decision, decide
from ..planning.update_memory import carries, covering_update, has_wanted_list, last_update
from .apply import Applier
from .follow_task import Progress
from .records import describe_decision

__all__ = ["FollowLook"]

_RUNNING = "Updating"


@dataclass(frozen=True)
class FollowLook:
    """One look.

    Attributes:
        applier: makes the calls.
        progress: the change and how far it has come.
        rebuilds: how often an update that ended in UpdateFailed is made again.
    """

    applier: Applier
    progress: Progress
    rebuilds: int

    def take(self) -> None:
        """Look, act, record."""
        started = time.monotonic()
        progress = self.progress
        message = "the image cache was deleted, or the function's role may not see it"
        unseen = Decision(progress.change, None, Result.IGNORED, Reason.CACHE_GONE, message)
        place = {
            "region_id": progress.region_id,
            "image_cache_id": progress.image_cache_id,
        }
        try:
            cache = self.applier.gateway.describe_image_cache(progress.region_id, progress.image_cache_id)
        except EciError as error:
            facts = {**describe_decision(unseen), **place, "attempt": progress.attempt}
            self.applier.aftermath.failed_change(progress, error, facts)
            return
        if cache is None:
            self.applier.aftermath.settled([unseen], started, **place)
            return
        began = self._covered_since(cache)
        if began is not None and cache.status == READY:
            self._landed(cache, began, started)
        elif began is not None:
            self._running(cache, began, started)
        elif self._superseded(cache):
            message = "the cache has got another list since this one was asked for"
            decision = Decision(progress.change, cache, Result.IGNORED, Reason.SUPERSEDED, message)
            self.applier.aftermath.settled([decision], started)
        elif cache.status == UPDATE_FAILED and self._repeated(cache) > self.rebuilds:
            self._failed_for_good(cache, started)
        else:
            self._act(cache, started)

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
        change, seen = self.progress.change, self.progress.images_seen
        wanted = change.images if isinstance(change, CacheRequest) else None
        return wanted is not None and seen is not None and cache.images not in {seen, wanted}

    def _repeated(self, cache: ImageCache) -> int:
        """How many updates in a row would have begun from UpdateFailed with another one."""
        last = last_update(cache)
        # A cache that cannot remember: what the tasks of this change did is what is known.
        if last is None:
            return self.progress.rebuilds + 1
        # Updates that were for other changes say nothing of this one: it may be what mends the image.
        return last.rebuilds + 1 if carries(last, self.progress.change) else 0

    def _landed(self, cache: ImageCache, began: datetime, started: float) -> None:
        change = self.progress.change
        facts = self._facts(cache, began, started)
        if isinstance(change, PushEvent) and change.pushed_at is not None:
            seconds = (datetime.now(timezone.utc) - change.pushed_at).total_seconds()
            facts["staleness_seconds"] = round(max(0.0, seconds), 3)
        message = f"Ready after the update that began at {began.isoformat()}"
        self.applier.aftermath.recorder.record(Result.LANDED, Reason.LANDED, message, facts)

    def _running(self, cache: ImageCache, began: datetime, started: float) -> None:
        progress = replace(self.progress, update_began=began)
        error = BusyError(Reason.UPDATE_RUNNING, f"the update that began at {began.isoformat()} runs")
        self.applier.aftermath.failed_change(progress, error, self._facts(cache, began, started))

    def _failed_for_good(self, cache: ImageCache, started: float) -> None:
        last = cache.last_warning or "the cache tells no reason"
        self.applier.aftermath.recorder.failure(
            Reason.UPDATE_FAILED,
            f"UpdateFailed after {self.rebuilds} repetitions: {last}"[:1000],
            self._facts(cache, None, started),
            error_class=ErrorClass.PERMANENT,
        )

    def _act(self, cache: ImageCache, started: float) -> None:
        decision = decide(cache, self.progress.change, self.applier.skew, self.applier.rules)
        if decision is None:
            message = "when the cache was read again, the change no longer concerned it"
            decision = Decision(
                self.progress.change,
                cache,
                Result.IGNORED,
                Reason.NO_LONGER_LISTED,
                message,
            )
        if decision.result is Result.REFRESHED:
            self.applier.update(cache, [decision], started)
        else:
            self.applier.aftermath.settled([decision], started)

    def _facts(self, cache: ImageCache, began: datetime | None, started: float) -> dict[str, Any]:
        seen = Decision(self.progress.change, cache, Result.LANDED, Reason.LANDED, "")
        return {
            **describe_decision(seen),
            "attempt": self.progress.attempt,
            "covered_by": began.isoformat() if began else None,
            "duration_ms": round((time.monotonic() - started) * 1000, 1),
        }
