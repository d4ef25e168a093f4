"""What follows what was applied: a follow task where there is more to do, and always a record."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ..base.errors import EciError, ErrorClass, HandOffError, HeldBackError, PermanentError, TransientError
from ..base.reasons import Reason
from ..model.change import CacheRequest
from ..model.image_cache import UPDATE_FAILED
from ..planning.plan import Decision
from .applied import Applied
from .follow_task import Follower, Origin, Progress
from .records import Recorder, describe


@dataclass(frozen=True)
class FollowUp:
    """Follows up and records.

    Attributes:
        recorder: gets one record for each decision.
        follower: stores follow tasks, where a follow function is configured.
        origin: where the changes of this invocation stood.
    """

    recorder: Recorder
    follower: Follower
    origin: Origin

    def after(self, applied: Applied) -> None:
        """Store a follow task if there is more to do, and record the decision."""
        facts = describe(applied.decision, applied.facts, started=applied.started)
        facts["attempt"] = self.origin.attempt or None
        if applied.error is not None:
            self._not_done(applied, applied.error, facts)
        elif applied.update_began is not None:
            self._watched(applied, facts)
        else:
            decision = applied.decision
            self.recorder.record(decision.result, decision.reason, decision.message, facts)

    def _not_done(self, applied: Applied, error: EciError, facts: dict[str, Any]) -> None:
        """Deferred where that helps and a task can be stored, else a failure."""
        progress = self._progress(applied, facts)
        # A dry run is answered now or not at all: nobody waits for a plan of later.
        if (
            not error.error_class.retryable
            or not applied.deferrable
            or not self.follower.enabled
            or progress.change.dry_run
        ):
            self.recorder.eci_failure(error, facts)
        elif self.follower.expired(progress):
            hours = self.follower.settings.give_up_seconds / 3600
            message = f"not done after {hours:g} h; last: {error.message}"
            self.recorder.eci_failure(PermanentError(Reason.GAVE_UP, message), facts)
        else:
            try:
                facts["follow_task_id"] = self.follower.store(
                    progress,
                    capacity=error.error_class is ErrorClass.CAPACITY,
                    delay_seconds=error.delay_seconds if isinstance(error, HeldBackError) else None,
                )
            except HandOffError as problem:
                self.recorder.eci_failure(error, {**facts, "hand_off": str(problem)})
            else:
                self.recorder.eci_failure(error, facts, deferred=True)

    def _watched(self, applied: Applied, facts: dict[str, Any]) -> None:
        """An update is under way: store the task that sees it end."""
        decision = applied.decision
        if self.follower.enabled:
            progress = self._progress(applied, facts)
            if self.origin.attempt and decision.cache and decision.cache.status == UPDATE_FAILED:
                origin = replace(progress.origin, rebuilds=self.origin.rebuilds + 1)
                progress = replace(progress, origin=origin)
            try:
                facts["follow_task_id"] = self.follower.store(progress)
            except HandOffError as problem:
                message = f"{decision.message}; the update is not followed"
                error = TransientError(Reason.HAND_OFF_FAILED, message)
                self.recorder.eci_failure(error, {**facts, "hand_off": str(problem)})
                return
        self.recorder.record(decision.result, decision.reason, decision.message, facts)

    def _progress(self, applied: Applied, facts: dict[str, Any]) -> Progress:
        """Where a decision's change is now."""
        change, origin = applied.decision.change, self.origin
        if origin.images_seen is None:
            origin = replace(origin, images_seen=_replaced(applied.decision))
        region_id = facts.get("region_id") or ""
        return Progress(change, origin, region_id, facts.get("image_cache_id", ""), applied.update_began)


def _replaced(decision: Decision) -> tuple[str, ...] | None:
    """The list that a change which sets another one finds."""
    sets_list = isinstance(decision.change, CacheRequest) and decision.change.images
    return decision.cache.images if decision.cache and sets_list else None
