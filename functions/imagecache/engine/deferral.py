"""Follow tasks of a cache: the look at one that cannot be updated now, the watch of an update that runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ..base.errors import EciError, HeldBackError, TransientError
from ..base.reasons import Reason, Result
from ..clients.task_store import Stored
from ..model.image_cache import UPDATE_FAILED, ImageCache
from ..planning.decision import Decision
from ..planning.update_memory import last_update
from ..planning.update_memory_layout import UpdateMemory
from .applied import Applied
from .chain import expired, given_up
from .deciding import pushed_at
from .follow_task import Chain, Job, Task
from .next_look import NotDone, look_again
from .slot import Slot, undone, watched
from .work import Work

_FAILING_WINDOW = 7200
"""Seconds in which a cache in UpdateFailed that remembers nothing is updated once at most."""


@dataclass(eq=False, repr=False)
class Deferral:
    """Makes and stores the tasks of caches.

    Attributes:
        work: what this invocation works with.
        task: the follow task that is running, or None.
    """

    work: Work
    task: Task | None = None

    def defer(
        self,
        cache: ImageCache,
        wanted: Sequence[Decision],
        error: EciError,
        sent: Mapping[str, Any],
        started: float,
    ) -> list[Applied]:
        """Store a look at a cache for later, one for all decisions that may share it.

        Args:
            cache: as last read.
            wanted: the decisions that are not done.
            error: why.
            sent: facts of the update that was tried.
            started: when work on the cache began, on the monotonic clock, in seconds.
        """
        work = self.work
        facts = {"update_calls": 0, **sent}
        if error.reason is Reason.UPDATE_CAP and isinstance(error, HeldBackError) and error.until is None:
            return [Applied(each, error, facts=facts, started=started, left=True) for each in wanted]
        # A dry run is answered now or not at all: nobody waits for a plan of later.
        dry_run = work.is_dry(*(decision.change for decision in wanted))
        if not error.error_class.retryable or not work.hand_off.enabled or dry_run:
            return [Applied(each, error, facts=facts, started=started) for each in wanted]
        if self.task is not None and expired(self.task, work.now().now, work.settings.follow):
            error = given_up(error, work.settings.follow)
            return [Applied(each, error, facts=facts, started=started) for each in wanted]
        answers: dict[str, tuple[Stored | None, dict[str, Any]]] = {}
        done: list[Applied] = []
        running = self.task if self.task is not None and self.task.image_cache_id else None
        for decision in wanted:
            task = look_again(work, running, NotDone(cache, decision, error, len(wanted), bool(sent)))
            if task.task_id not in answers:
                answers[task.task_id] = work.hand_off.tried(task)
            stored, more = answers[task.task_id]
            if task.for_place and stored is Stored.BEFORE:
                message = f"the task {task.task_id} waits for its place: for a later push, or for this one"
                taken = decision._replace(result=Result.IGNORED, reason=Reason.SUPERSEDED, message=message)
                done.append(Applied(taken, None, facts, started))
                continue
            if running is not None and task.key in running.keys_of_runs and stored is Stored.BEFORE:
                done.append(Applied(left_to(task, decision), None, facts, started))
                continue
            done.append(Applied(decision, error, {**facts, **more}, started, deferred=stored is not None))
        return done

    def unread(self, error: EciError, started: float) -> Applied:
        """The running task, whose cache could not be read: it looks again.

        Args:
            error: why.
            started: when work on the cache began, on the monotonic clock, in seconds.
        """
        work, task, at = self.work, self.task, self.work.now()
        assert task is not None  # noqa: S101 - only a task that runs calls this
        decision = Decision(task.change, None, Result.FAILED, error.reason, error.message)
        facts = {"region_id": task.region_id, "image_cache_id": task.image_cache_id}
        if not error.error_class.retryable:
            return Applied(decision, error, facts, started)
        if expired(task, at.now, work.settings.follow):
            return Applied(decision, given_up(error, work.settings.follow), facts, started)
        again = task.next(task.job, work.hand_off.times.again(None, at), at.now, held=False)
        if task.in_place_of_look:
            # It has still to see whether its update was made.
            again = again.in_place_again(task)
        stored, more = work.hand_off.tried(again)
        if stored is Stored.BEFORE and task.in_place_of_look:
            return Applied(left_to(again, decision), None, facts, started)
        return Applied(decision, error, {**facts, **more}, started, deferred=stored is not None)

    def catch_up(self, cache: ImageCache, decision: Decision, started: float) -> Applied:
        """The running watch, whose update is not to be seen: a look makes it, one for all runs of the task.

        Args:
            cache: as just read.
            decision: why.
            started: when work on the cache began, on the monotonic clock, in seconds.
        """
        work, task, at = self.work, self.task, self.work.now()
        assert task is not None  # noqa: S101 - only a task that runs calls this
        error = TransientError(decision.reason, decision.message, calls=0)
        if expired(task, at.now, work.settings.follow):
            return Applied(decision, given_up(error, work.settings.follow), started=started)
        due = work.hand_off.times.again(last_update(cache, at), at, None)
        again = task.next(Job.AGAIN, due, at.now, held=False)
        again = again._replace(key=task.catch_up_key, slot=None, update_began=None, ready_before=None)
        stored, facts = work.hand_off.tried(again)
        if stored is Stored.BEFORE:
            return Applied(left_to(again, decision), started=started)
        return Applied(decision, error, facts, started, deferred=stored is not None)

    def settled(self, decisions: Iterable[Decision], started: float) -> list[Applied]:
        """Decisions that need no update; one that an update covers which still runs is followed.

        Args:
            decisions: each with its cache as last read.
            started: when work on the cache began, on the monotonic clock, in seconds.
        """
        done: list[Applied] = []
        answers: dict[str, tuple[Stored | None, dict[str, Any]]] = {}
        for decision in decisions:
            if decision.result is Result.DEFERRED:
                from .tag_age import wait_for_age  # noqa: PLC0415 - few rules have a minimum age

                done.append(wait_for_age(self.work, decision, started))
                continue
            cache, running = decision.cache, decision.covered_by
            facts: dict[str, Any] = {}
            error: EciError | None = None
            followed = self.work.hand_off.enabled and not self.work.is_dry(decision.change)
            if cache and running and not cache.updatable and followed:
                watch = self.watch(cache, [decision], running)
                if self.task is not None and self.task.image_cache_id and running.first:
                    # An earlier attempt of this task stored it before the update, under this id.
                    watch = watch._replace(key=self.task.successor_key)
                if watch.task_id not in answers:
                    answers[watch.task_id] = self.work.hand_off.tried(watch)
                stored, facts = answers[watch.task_id]
                error = unfollowed(decision) if stored is None else None
            done.append(Applied(decision, error, facts=facts, started=started))
        return done

    def watch(
        self, cache: ImageCache, wanted: Sequence[Decision], memory: UpdateMemory, chain: Chain | None = None
    ) -> Task:
        """The task that follows an update until it ended.

        Args:
            cache: as it was read before the update.
            wanted: what the update is for; the last one's list is sent.
            memory: what the cache is to remember of it.
            chain: of the task that makes it; a new one if None.
        """
        at, after = self.work.now(), wanted[-1].images_after or cache.images
        due = self.work.hand_off.times.watch(memory, at)
        undoes = any(decision.reason is Reason.PROMOTION_UNDONE for decision in wanted)
        running = self.task if self.task is not None and self.task.job is Job.WATCH else None
        before = running.slot if running is not None else None
        if running is not None and before is not None and undoes and not running.undoes:
            slot: Slot | None = undone(cache, after, before)
        else:
            slot = watched(cache, wanted, after, before, self.work.settings.rules)
        key = ""
        if cache.status == UPDATE_FAILED and last_update(cache, at) is None:
            # What a person asks for goes at once, but not again where it failed.
            asked = [] if chain is not None and chain.repeats else wanted
            person = next((each.change.change_id for each in asked if each.change.by_person), None)
            key = f"failing-{person or int(at.now.timestamp() // _FAILING_WINDOW)}"
        oldest = min((decision.change for decision in wanted), key=pushed_at)
        chain = chain or Chain(self.work.arrived, changes=len(wanted))
        place = (cache.region_id, cache.image_cache_id)
        watch = Task(Job.WATCH, oldest, due, chain, *place, update_began=memory.began, slot=slot, key=key)
        return watch._replace(undoes=undoes)

    def window_end(self) -> datetime:
        """When a cache in UpdateFailed that remembers nothing may be updated again."""
        window = int(self.work.now().now.timestamp() // _FAILING_WINDOW)
        return datetime.fromtimestamp((window + 1) * _FAILING_WINDOW, timezone.utc)


def left_to(task: Task, decision: Decision) -> Decision:
    """What is decided where another run of a task stored the one that goes on, which may have run."""
    message = f"another run of this task stored {task.task_id}, which goes on"
    return decision._replace(result=Result.IGNORED, reason=Reason.FOLLOW_RUNNING, message=message)


def unfollowed(decision: Decision) -> TransientError:
    """An update runs, and nothing will see it end."""
    return TransientError(Reason.HAND_OFF_FAILED, f"{decision.message}; the update is not followed")
