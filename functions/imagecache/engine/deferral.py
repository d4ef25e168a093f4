"""Follow tasks of a cache: the look at one that cannot be updated now, the watch of an update that runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from ..base.errors import CapacityError, EciError, HeldBackError, TransientError
from ..base.reasons import Reason, Result
from ..base.timestamps import BEFORE_ALL
from ..clients.task_store import Stored
from ..model.change import CacheRequest, PushEvent
from ..model.image_cache import UPDATE_FAILED, ImageCache
from ..planning.decision import Decision
from ..planning.update_memory import last_update, undone_within_a_day
from ..planning.update_memory_layout import UpdateMemory
from .applied import Applied
from .chain import expired, given_up
from .deciding import lead_of, place_of, pushed_at
from .failed_update import may_be_taken_back
from .follow_task import Chain, Job, Slot, Task
from .steps import is_later
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
        for decision in wanted:
            task = self._again(cache, decision, error, len(wanted), sent=bool(sent))
            if task.task_id not in answers:
                answers[task.task_id] = work.hand_off.tried(task)
            stored, more = answers[task.task_id]
            if task.for_place and stored is Stored.BEFORE:
                message = f"the task {task.task_id} waits for its place: for a later push, or for this one"
                taken = decision._replace(result=Result.IGNORED, reason=Reason.SUPERSEDED, message=message)
                done.append(Applied(taken, None, facts, started))
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
        stored, more = work.hand_off.tried(again)
        return Applied(decision, error, {**facts, **more}, started, deferred=stored is not None)

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
        slot = self._watched(cache, wanted, after, undoes=undoes)
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

    def _again(
        self, cache: ImageCache, decision: Decision, error: EciError, changes: int, *, sent: bool
    ) -> Task:
        at, times = self.work.now(), self.work.hand_off.times
        memory = last_update(cache, at)
        until = error.until if isinstance(error, HeldBackError) else None
        if isinstance(error, CapacityError):
            until = times.later(at)
        running = self.task if self.task is not None and self.task.image_cache_id else None
        change = decision.change
        # Registries are asked again, and bring all promotions that wait together. But not where one did not
        # answer, or where promotions wait for longer than other changes, as a tag was taken back.
        unread = error.reason is Reason.REGISTRY_UNREADABLE
        own = unread or bool(undone_within_a_day(memory, at.now))
        slot = running.slot if running else self._slot(cache, decision, own=own)
        job = running.job if running else Job.AGAIN
        watched = until is None and job is Job.WATCH
        later = until
        if unread and running is not None and running.alone and isinstance(change, CacheRequest):
            # Nobody is known to wait for it: the longer a registry does not answer, the rarer it is asked.
            later = at.now + 2 ** min(running.chain.looks, 6) * timedelta(seconds=2 * times.base)
        due = look = times.watch(memory, at) if watched else times.again(memory, at, later)
        if slot is not None and job is Job.AGAIN:
            lead = lead_of(self.work, change, slot, cache)
            moment = change.pushed_at if isinstance(change, PushEvent) else change.asked_at
            by_time = times.order(moment or at.now, times.before(due, memory), due)
            due += by_time if lead is None else times.turn(lead)
        if running is not None:
            task = running.next(job, due, at.now, held=until is not None or not cache.updatable)
            if memory is not None and job is Job.WATCH and is_later(memory, task, at):
                # It leaves a failure to that update's own watch, whose place it must not take.
                task = task.of_earlier(memory.began, failed=memory.failures > 0)
            if running.single and not sent:
                # The platform may run a task twice, and the cache may not say that the other run has made the
                # update. Its watch does, which was stored before it: the two runs get one successor.
                task = task._replace(key=running.successor_key)
            place = place_of(self.work, running, cache)
            return task.wait_for_place(place, times.without_order(running.due), look) if place else task
        place = (cache.region_id, cache.image_cache_id)
        task = Task(job, change, due, Chain(self.work.arrived, changes=changes), *place, slot=slot)
        if unread and isinstance(change, CacheRequest) and change.reason is Reason.REGISTRY_NEWER:
            # Nothing is merged into it: where registries have nothing newer, it makes no update.
            return task.wait_alone(change.reason.value)
        if change.by_person and slot is None and memory is not None and memory.failures:
            # What it met waits for the failing cache's place; a person's request waits for none.
            return task.wait_alone(change.change_id)
        rebuilds = self.work.settings.follow.rebuilds
        if not isinstance(change, PushEvent) or not may_be_taken_back(cache, decision, at, rebuilds):
            return task
        began = memory.began if memory is not None else BEFORE_ALL
        after = change.pushed_at is None or change.pushed_at > began
        return task.wait_alone(change.image, began.isoformat(), str(after))

    def _watched(
        self, cache: ImageCache, wanted: Sequence[Decision], after: tuple[str, ...], *, undoes: bool
    ) -> Slot | None:
        """The list that an update sets, and the one before it."""
        running = self.task.slot if self.task is not None and self.task.job is Job.WATCH else None
        if self.task is not None and running is not None and undoes and not self.task.undoes:
            return Slot(running.after if after == running.before else cache.images, after)
        if running is not None and running.after == after:
            return running
        if running is not None and running.joined_in(cache.images, after):
            # Registries brought other tags into the list that is made again; they stay if it is taken back.
            return Slot(running.put_back(after), after, running.restorable)
        if cache.images == after:
            return None
        rules, restorable = self.work.settings.rules, False
        if rules.rules:
            from ..planning.taking_back import can_be_taken_back  # noqa: PLC0415 - rules alone promote

            changes = [decision.change for decision in wanted]
            restorable = can_be_taken_back(cache, after, changes, rules)
        return Slot(cache.images, after, restorable)

    def _slot(self, cache: ImageCache, decision: Decision, *, own: bool) -> Slot | None:
        """The list that a change sets which no other change shares; where a registry is read, only if own."""
        change, after = decision.change, decision.images_after
        if isinstance(change, CacheRequest):
            return Slot(cache.images, change.images) if change.images else None
        rule = decision.rule
        # Registries bring no tags into places that a person or a time has to open.
        own = own or change.force or (rule is not None and (rule.approval or rule.min_age_seconds > 0))
        asked = rule is not None and rule.reads_registry and rule.policy.ordered and not own
        return Slot(cache.images, after) if after and after != cache.images and not asked else None


def unfollowed(decision: Decision) -> TransientError:
    """An update runs, and nothing will see it end."""
    return TransientError(Reason.HAND_OFF_FAILED, f"{decision.message}; the update is not followed")
