"""Sends one update, and sees that it is followed: before the call where the cache cannot say that it ran."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..base.errors import BenignError, EciError, HeldBackError, PermanentError, TransientError
from ..base.reasons import Reason, Result
from ..base.scrubber import LOGGER
from ..clients.task_store import Stored
from ..model.image_cache import UPDATE_FAILED, ImageCache
from ..planning.decision import Decision
from ..planning.update_memory import last_update
from .applied import Applied
from .chain import look
from .deciding import decide_again, gone
from .deferral import Deferral, left_to, unfollowed
from .follow_task import Task
from .seen_update import leaves_it
from .steps import Done
from .work import Work


@dataclass(eq=False, repr=False)
class Sender:
    """Sends one update.

    Attributes:
        work: what this invocation works with.
        deferral: stores tasks.
        request: the update.
        facts: for its records.
        watch: the task that follows it.
        started: when work on it began, on the monotonic clock, in seconds.
    """

    work: Work
    deferral: Deferral
    request: Mapping[str, Any]
    facts: Mapping[str, Any]
    watch: Task
    started: float

    def send(self, cache: ImageCache, wanted: Sequence[Decision]) -> list[Applied]:
        """Send the update; where the cache cannot say that it ran, its watch is stored before.

        Args:
            cache: as just described.
            wanted: the decisions that the update is for.
        """
        work, started, watch = self.work, self.started, self.watch
        task = self.deferral.task
        stored: Stored | None = Stored.NOW
        said: Mapping[str, Any] = {}
        first = work.hand_off.enabled and (
            last_update(cache, work.now()) is None
            or cache.status == UPDATE_FAILED
            or (task is not None and task.single)
        )
        if first:
            own = task is not None and bool(task.image_cache_id) and not watch.key
            if task is not None and own:
                watch = watch._replace(key=task.successor_key, ready_before=cache.ready_at)
            stored, said = work.hand_off.tried(watch, ahead=True, own=own)
            if stored is None:
                message = "the update cannot be followed and is not made"
                error: EciError = TransientError(Reason.HAND_OFF_FAILED, message)
                facts = {**self.facts, "update_calls": 0, **said}
                return [Applied(decision, error, facts=facts, started=started) for decision in wanted]
            first = stored is Stored.NOW
            if not first and not own:
                message = "another update of this cache is followed already"
                until = self.deferral.window_end() if watch.key else None
                error = HeldBackError(Reason.UPDATE_RUNNING, message, until=until)
                return self.deferral.defer(cache, wanted, error, {}, started)
            if stored is Stored.BEFORE and task is not None and leaves_it(task, cache, work.now()):
                facts = {**self.facts, "update_calls": 0}
                return [Applied(left_to(watch, each), facts=facts, started=started) for each in wanted]
            # Else an earlier attempt of this task may have stored it, and nothing shows whether it made the
            # update; or it was refused for good, which each attempt has to say.
        try:
            accepted = work.eci.update_image_cache(self.request)
        except BenignError as benign:
            return self._benign(cache, wanted, benign)
        except EciError as failure:
            return self._refused(cache, wanted, failure)
        facts = {**self.facts, "update_calls": accepted.calls, "eci_request_id": accepted.request_id}
        if work.hand_off.enabled and not first:
            stored, said = work.hand_off.tried(self.watch)
            if stored is Stored.BEFORE:
                # That is the watch of an update before, which would see this one fail and leave it alone.
                stored, said = work.hand_off.tried(self.watch.of_its_own())
        done = {**facts, **said}
        return [
            Applied(decision, unfollowed(decision) if stored is None else None, done, started)
            for decision in wanted
        ]

    def _benign(self, cache: ImageCache, wanted: Sequence[Decision], error: BenignError) -> list[Applied]:
        """ECI says with an error code that there was nothing to do."""
        LOGGER.warning("%s for image cache %s: nothing was rebuilt", error.code, cache.image_cache_id)
        facts = {**self.facts, "update_calls": error.calls, "eci_request_id": error.request_id}
        failure: EciError | None = None
        if error.reason is Reason.NO_NEED_UPDATE and cache.status == UPDATE_FAILED:
            # What it says cannot be right for a cache that has no images: nothing was mended.
            failure = PermanentError(error.reason, error.message, code=error.code, calls=error.calls)
        result = Result.UNCHANGED if error.reason is Reason.NO_NEED_UPDATE else Result.PLANNED
        said = [each._replace(result=result, reason=error.reason, message=error.message) for each in wanted]
        return [Applied(decision, failure, facts=facts, started=self.started) for decision in said]

    def _refused(self, cache: ImageCache, wanted: Sequence[Decision], error: EciError) -> list[Applied]:
        facts = {**self.facts, "update_calls": error.calls}
        if not error.error_class.retryable and error.reason is not Reason.NOT_FOUND:
            return [Applied(decision, error, facts=facts, started=self.started) for decision in wanted]
        try:
            # Another update may have begun since the cache was read: its start says when to look again.
            now = self.work.eci.describe_image_cache(cache.region_id, cache.image_cache_id)
        except EciError:
            # The failure that asked this question is recorded in full; this one adds nothing to it.
            now = cache
        if now is None:
            ends = [gone(decision, self.deferral.task) for decision in wanted]
            return [Applied(decision, facts=facts, started=self.started) for decision in ends]
        settled, left = self._decided_again(now, wanted)
        done = self.deferral.settled(settled, self.started)
        done = [replace(each, facts={"update_calls": error.calls, **each.facts}) for each in done]
        return done + self.deferral.defer(now, left, error, facts, self.started)

    def _decided_again(
        self, cache: ImageCache, wanted: Sequence[Decision]
    ) -> tuple[Sequence[Decision], Sequence[Decision]]:
        """What ends here and what still wants an update; a task also acts for what was merged into it."""
        task, work = self.deferral.task, self.work
        if task is None or not task.image_cache_id:
            return decide_again(work, cache, wanted)
        step = look(task, cache, work.now(), work.settings.rules, work.settings.follow.rebuilds)
        return ([step.decision], ()) if isinstance(step, Done) else ((), wanted)
