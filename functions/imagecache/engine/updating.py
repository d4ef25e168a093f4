"""One update of one cache: limited, composed, sent, and followed.

Where rules read registries, an update also brings the list to what the policies want now, and the cache
remembers the digests that it is built with.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from ..base.errors import BenignError, EciError, HandOffError, HeldBackError, PermanentError, TransientError
from ..base.reasons import Reason, Result
from ..clients.task_store import Stored
from ..model.image_cache import UPDATE_FAILED, ImageCache
from ..planning.entry_memory_of_update import notes_of
from ..planning.plan import Decision
from ..planning.update_memory import last_update, memory_of_update
from ..planning.update_request import Update, build_update, masked
from ..planning.wanted_list import Current, parameters_of, wanted_now, what_is_newer
from .applied import Applied
from .chain import Done, look
from .deferral import Deferral, unfollowed
from .follow_task import Chain, Task
from .update_limits import needs_extra
from .work import Work

_NOTHING_NEWER = "registries have nothing newer than what the cache was built with"

_logger = logging.getLogger(__name__)


class _Sending(NamedTuple):
    """An update that is sent: the request, facts for its records, its watch, and when work on it began."""

    request: Mapping[str, Any]
    facts: Mapping[str, Any]
    watch: Task
    started: float


@dataclass(frozen=True)
class Updater:
    """Makes updates.

    Attributes:
        work: what this invocation works with.
        deferral: stores tasks.
    """

    work: Work
    deferral: Deferral
    _reading: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def update(
        self, cache: ImageCache, wanted: Sequence[Decision], started: float, chain: Chain | None = None
    ) -> list[Applied]:
        """Update one cache for all decisions that want it.

        Args:
            cache: as just described.
            wanted: decisions for it; the last one's list is sent.
            started: when work on the cache began, on the monotonic clock, in seconds.
            chain: of the task that watches the update; a new one if None.
        """
        work, at, task = self.work, self.work.now(), self.deferral.task
        due = task.due.isoformat() if task and task.image_cache_id else ""
        dry_run = work.is_dry(wanted)
        try:
            held = work.limits.held_back(cache, wanted, at) or work.limits.spend(at, dry_run=dry_run)
            if held is not None and not dry_run:
                return self.deferral.defer(cache, wanted, held, {}, started)
            with self._reading:
                current = wanted_now(cache, wanted, work.view)
            if all(decision.reason is Reason.REGISTRY_NEWER for decision in wanted):
                newer = what_is_newer(cache, current, at)
                if current.unread and not newer:
                    raise TransientError(Reason.REGISTRY_UNREADABLE, "; ".join(current.problems), calls=0)
                # A task that waited updates in any case: other changes may have been merged into it.
                if not due and not newer:
                    return _not_made(wanted, Result.UNCHANGED, Reason.COVERED, _NOTHING_NEWER, started)
            if current.refused and not due and _changes_nothing(cache, wanted, current):
                refused = "; ".join(current.refused)
                return _not_made(wanted, Result.IGNORED, Reason.NOT_AN_IMAGE, refused, started)
            wanted = [replace(decision, images_after=current.images) for decision in wanted]
            memory = memory_of_update(
                cache,
                [decision.change for decision in wanted],
                at,
                extra=needs_extra(cache, wanted, at, work.hand_off.times),
                undone=self._taken_back(wanted),
            )
            update = Update(
                current.images,
                tuple(decision.change.change_id for decision in wanted),
                memory,
                due,
                notes_of(wanted, current.digests, at, work.settings.rules),
            )
            request = build_update(cache, update, parameters_of(cache, current.images, work.settings.rules))
        except EciError as error:
            return self.deferral.defer(cache, wanted, error, {}, started)
        facts = {"client_token": request["ClientToken"], "registry_error": "; ".join(current.problems)}
        if dry_run:
            later = f"; not now: {held.message}" if held else ""
            facts |= {"update_calls": 0, "request": masked(request)}
            planned = [replace(each, result=Result.PLANNED, message=each.message + later) for each in wanted]
            return [Applied(decision, facts=facts, started=started) for decision in planned]
        watch = self.deferral.watch(cache, wanted, memory, chain)
        return self._send(cache, wanted, _Sending(request, facts, watch, started))

    def _taken_back(self, wanted: Sequence[Decision]) -> list[tuple[str, datetime]]:
        """Short ids of the tags that an update takes back, and when they were tried last."""
        task = self.deferral.task
        if task is None or task.slot is None or wanted[-1].reason is not Reason.PROMOTION_UNDONE:
            return []
        tried = task.update_began or task.due
        from ..planning.taking_back import id_of, new_entries  # noqa: PLC0415 - few updates take anything back

        new = new_entries(task.slot.before, task.slot.after, self.work.settings.rules)
        return [(id_of(entry), tried) for entry in new]

    def _send(self, cache: ImageCache, wanted: Sequence[Decision], sending: _Sending) -> list[Applied]:
        """Send the update; where the cache cannot say that it ran, its watch is stored before."""
        work, started, watch = self.work, sending.started, sending.watch
        task_id, task = "", self.deferral.task
        first = work.hand_off.enabled and (
            last_update(cache, work.now()) is None or cache.status == UPDATE_FAILED
        )
        if first:
            own = task is not None and bool(task.image_cache_id) and not watch.key
            if task is not None and own:
                watch = replace(watch, key=task.task_id)
            try:
                first = work.hand_off.store(watch) is Stored.NOW
            except HandOffError as problem:
                message = "the update cannot be followed and is not made"
                error: EciError = TransientError(Reason.HAND_OFF_FAILED, message)
                facts = {**sending.facts, "update_calls": 0, "hand_off": str(problem)}
                return [Applied(decision, error, facts=facts, started=started) for decision in wanted]
            if first:
                task_id = watch.task_id
            elif not own:
                message = "another update of this cache is followed already"
                until = self.deferral.window_end() if watch.key else None
                error = HeldBackError(Reason.UPDATE_RUNNING, message, until=until)
                return self.deferral.defer(cache, wanted, error, {}, started)
            # Else an earlier attempt of this task stored it. Perhaps its update was refused for good: each
            # attempt has to say so, or that would never come to the on-failure queue.
        try:
            accepted = work.eci.update_image_cache(sending.request)
        except BenignError as benign:
            return self._benign(cache, wanted, benign, sending)
        except EciError as failure:
            return self._refused(cache, wanted, failure, sending)
        facts = {
            **sending.facts,
            "update_calls": accepted.calls,
            "eci_request_id": accepted.request_id,
            "follow_task_id": task_id,
        }
        if work.hand_off.enabled and not first:
            try:
                work.hand_off.store(sending.watch)
                facts["follow_task_id"] = sending.watch.task_id
            except HandOffError as problem:
                facts["hand_off"] = str(problem)
                return [
                    Applied(decision, unfollowed(decision), facts=facts, started=started)
                    for decision in wanted
                ]
        return [Applied(decision, facts=facts, started=started) for decision in wanted]

    def _benign(
        self, cache: ImageCache, wanted: Sequence[Decision], error: BenignError, sending: _Sending
    ) -> list[Applied]:
        """ECI says with an error code that there was nothing to do."""
        _logger.warning("%s for image cache %s: nothing was rebuilt", error.code, cache.image_cache_id)
        facts = {**sending.facts, "update_calls": error.calls, "eci_request_id": error.request_id}
        failure: EciError | None = None
        if error.reason is Reason.NO_NEED_UPDATE and cache.status == UPDATE_FAILED:
            # What it says cannot be right for a cache that has no images: nothing was mended.
            failure = PermanentError(error.reason, error.message, code=error.code, calls=error.calls)
        result = Result.UNCHANGED if error.reason is Reason.NO_NEED_UPDATE else Result.PLANNED
        said = [replace(each, result=result, reason=error.reason, message=error.message) for each in wanted]
        return [Applied(decision, failure, facts=facts, started=sending.started) for decision in said]

    def _refused(
        self, cache: ImageCache, wanted: Sequence[Decision], error: EciError, sending: _Sending
    ) -> list[Applied]:
        facts = {**sending.facts, "update_calls": error.calls}
        if not error.error_class.retryable and error.reason is not Reason.NOT_FOUND:
            return [Applied(decision, error, facts=facts, started=sending.started) for decision in wanted]
        try:
            # Another update may have begun since the cache was read: its start says when to look again.
            now = self.work.eci.describe_image_cache(cache.region_id, cache.image_cache_id)
        except EciError:
            # The failure that asked this question is recorded in full; this one adds nothing to it.
            now = cache
        if now is None:
            gone = [self.deferral.gone(decision) for decision in wanted]
            return [Applied(decision, started=sending.started) for decision in gone]
        settled, left = self._decided_again(now, wanted)
        done = self.deferral.settled(settled, sending.started)
        return done + self.deferral.defer(now, left, error, facts, sending.started)

    def _decided_again(
        self, cache: ImageCache, wanted: Sequence[Decision]
    ) -> tuple[Sequence[Decision], Sequence[Decision]]:
        """What ends here and what still wants an update; a task also acts for what was merged into it."""
        task, work = self.deferral.task, self.work
        if task is None or not task.image_cache_id:
            return self.deferral.decide_again(cache, wanted)
        step = look(task, cache, work.now(), work.settings.rules, work.settings.follow.rebuilds)
        return ([step.decision], ()) if isinstance(step, Done) else ((), wanted)


def _changes_nothing(cache: ImageCache, wanted: Sequence[Decision], current: Current) -> bool:
    """Whether the cache's list stays as it is, and nobody asked to have that rebuilt."""
    new = {Reason.TAG_PROMOTED, Reason.REGISTRY_NEWER}
    return current.images == cache.images and all(decision.reason in new for decision in wanted)


def _not_made(
    wanted: Sequence[Decision], result: Result, reason: Reason, message: str, started: float
) -> list[Applied]:
    """Decisions that need no update after all."""
    ended = [replace(each, result=result, reason=reason, message=message, images_after=()) for each in wanted]
    return [Applied(decision, started=started) for decision in ended]
