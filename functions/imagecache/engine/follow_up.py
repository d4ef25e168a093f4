"""What becomes of a decision once it met ECI: a follow task if there is more to do, always a record."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ..base.errors import BenignError, EciError, ErrorClass, HandOffError, HeldBackError
from ..base.reasons import Reason, Result
from ..clients.eci_gateway import Accepted
from ..model.change import CacheRequest
from ..model.image_cache import UPDATE_FAILED
from ..planning.plan import Decision
from ..planning.update_request import masked
from .follow_task import Follower, Progress
from .records import Recorder, describe_decision

__all__ = ["Aftermath", "Sending"]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sending:
    """One update that is sent.

    Attributes:
        began: when it began, with a zone; what the cache remembers.
        started: when work on the cache began, on the monotonic clock.
        registry_error: what registries did not answer about it.
    """

    began: datetime
    started: float
    registry_error: str = ""


@dataclass(frozen=True)
class Aftermath:
    """Follows up and records.

    Attributes:
        recorder: gets one record for each decision.
        follower: stores follow tasks, where a follow function is configured.
        began: when the changes of this invocation first arrived, with a zone.
        attempt: of the follow task that is running, 0 at the other entry points.
        rebuilds: how often the change's update was made again after it had failed.
        images_seen: the list that the change found first, where it sets a new one.
    """

    recorder: Recorder
    follower: Follower
    began: datetime
    attempt: int = 0
    rebuilds: int = 0
    images_seen: tuple[str, ...] | None = None

    def settled(self, decisions: Iterable[Decision], started: float, **more: Any) -> None:
        """Record decisions that need no update; one that a running update covers is followed."""
        for decision in decisions:
            facts = self._facts(decision, started, **more)
            if decision.result is Result.REJECTED:
                facts["error"] = {"class": ErrorClass.INPUT.value}
            cache = decision.cache
            if decision.covered_by and cache and not cache.updatable:
                self._follow_update(decision, facts, decision.covered_by.began)
            else:
                self.recorder.record(decision.result, decision.reason, decision.message, facts)

    def planned(
        self,
        wanted: Sequence[Decision],
        request: Mapping[str, Any],
        sending: Sending,
        held: str,
    ) -> None:
        """Record what a dry run would have sent.

        Args:
            wanted: the decisions.
            request: the update.
            sending: when it would have begun.
            held: why it would have had to wait; empty if not.
        """
        for decision in wanted:
            facts = self._facts(
                decision,
                sending.started,
                request,
                update_calls=0,
                request=masked(request),
                registry_error=sending.registry_error,
            )
            message = f"{decision.message}; not now: {held}" if held else decision.message
            self.recorder.record(Result.PLANNED, decision.reason, message, facts)

    def accepted(
        self,
        wanted: Sequence[Decision],
        accepted: Accepted,
        request: Mapping[str, Any],
        sending: Sending,
    ) -> None:
        """ECI accepted the update: follow it for each change, so that each is seen to land."""
        for decision in wanted:
            facts = self._facts(
                decision,
                sending.started,
                request,
                update_calls=accepted.calls,
                eci_request_id=accepted.request_id,
                registry_error=sending.registry_error,
            )
            self._follow_update(decision, facts, sending.began)

    def benign(
        self,
        wanted: Sequence[Decision],
        error: BenignError,
        request: Mapping[str, Any],
        started: float,
    ) -> None:
        """ECI says with an error code that there was nothing to do."""
        _logger.warning(
            "%s for image cache %s: nothing was rebuilt",
            error.code,
            request["ImageCacheId"],
        )
        result = Result.UNCHANGED if error.reason is Reason.NO_NEED_UPDATE else Result.PLANNED
        for decision in wanted:
            facts = self._facts(
                decision,
                started,
                request,
                update_calls=error.calls,
                eci_request_id=error.request_id,
            )
            self.recorder.record(result, error.reason, error.message, facts)

    def failed(
        self,
        decisions: Iterable[Decision],
        error: EciError,
        started: float,
        *,
        update_calls: int,
        request: Mapping[str, Any] | None = None,
    ) -> None:
        """A call failed: deferred where that helps and a task can be stored, else a failure."""
        for decision in decisions:
            facts = self._facts(decision, started, request, update_calls=update_calls)
            self.failed_change(self.progress(decision), error, facts)

    def failed_change(self, progress: Progress, error: EciError, facts: dict[str, Any]) -> None:
        """The same for a change that is not planned yet."""
        # A dry run is answered now or not at all: nobody waits for a plan of later.
        if not error.error_class.retryable or not self.follower.enabled or progress.change.dry_run:
            self.recorder.eci_failure(error, facts)
        elif self.follower.expired(progress):
            self.gave_up(error.message, facts)
        else:
            try:
                task_id = self.follower.store(
                    progress,
                    capacity=error.error_class is ErrorClass.CAPACITY,
                    delay_seconds=error.delay_seconds if isinstance(error, HeldBackError) else None,
                )
            except HandOffError as problem:
                self.recorder.eci_failure(error, {**facts, "hand_off": str(problem)})
            else:
                self.recorder.eci_failure(error, {**facts, "follow_task_id": task_id}, deferred=True)

    def gave_up(self, cause: str, facts: Mapping[str, Any]) -> None:
        """The time that follow tasks are given is over."""
        hours = self.follower.settings.give_up_seconds / 3600
        message = f"not done after {hours:g} h; last: {cause}"
        self.recorder.failure(Reason.GAVE_UP, message, facts, error_class=ErrorClass.PERMANENT)

    def progress(self, decision: Decision) -> Progress:
        """Where a decision's change is now."""
        cache = decision.cache
        images_seen = self.images_seen
        if images_seen is None and cache and isinstance(decision.change, CacheRequest):
            images_seen = cache.images if decision.change.images else None
        return Progress(
            change=decision.change,
            began=self.began,
            attempt=self.attempt,
            region_id=cache.region_id if cache else "",
            image_cache_id=cache.image_cache_id if cache else "",
            rebuilds=self.rebuilds,
            images_seen=images_seen,
        )

    def _follow_update(self, decision: Decision, facts: dict[str, Any], update_began: datetime) -> None:
        """Record a decision whose update runs, and store the task that sees it land."""
        if self.follower.enabled:
            progress = replace(self.progress(decision), update_began=update_began)
            if self.attempt and decision.cache and decision.cache.status == UPDATE_FAILED:
                progress = replace(progress, rebuilds=self.rebuilds + 1)
            try:
                facts["follow_task_id"] = self.follower.store(progress)
            except HandOffError as problem:
                self.recorder.failure(
                    Reason.HAND_OFF_FAILED,
                    f"{decision.message}; the update is not followed",
                    {**facts, "hand_off": str(problem)},
                    error_class=ErrorClass.TRANSIENT,
                )
                return
        self.recorder.record(decision.result, decision.reason, decision.message, facts)

    def _facts(
        self,
        decision: Decision,
        started: float,
        sent: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        facts = describe_decision(decision)
        facts.update(more)
        facts["attempt"] = self.attempt or None
        facts["client_token"] = sent["ClientToken"] if sent else None
        facts["duration_ms"] = round((time.monotonic() - started) * 1000, 1)
        return facts
