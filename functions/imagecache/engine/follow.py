"""A follow task that runs: waits for its time, reads its cache, and does what the look decides."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from ..base.errors import BusyError, EciError, HeldBackError, PermanentError, TransientError
from ..base.reasons import Reason, Result
from ..base.scrubber import LOGGER
from ..model.change import PushEvent
from ..model.image_cache import ImageCache
from ..planning.decision import Decision
from ..planning.update_memory import MEMORY_TAG, has_wanted_list, last_update, learnt, restored
from ..planning.update_memory_layout import memory_value
from .applied import Applied
from .chain import last_begun, look
from .deferral import Deferral
from .follow_task import Task
from .steps import Done, NotSeen, Wait
from .updating import Updater
from .work import Work

_LONGEST_WAIT_SECONDS = 20.0
"""A task that is early waits so long inside its invocation; then it is stored again."""


@dataclass(eq=False, repr=False)
class Follow:
    """One run of one task.

    Attributes:
        work: what this invocation works with.
        task: the task.
    """

    work: Work
    task: Task

    def early(self) -> Applied | None:
        """Wait until the task is due; where that is too long, store it again and say so.

        The wait comes first in any case: where the platform ignores delays, it is all that slows the chain.
        """
        task = self.task
        left = (task.due - self.work.now().now).total_seconds()
        if left <= 0:
            return None
        wait = min(left, _LONGEST_WAIT_SECONDS, self.work.deadline.remaining() / 2)
        self.work.warm.sleep(wait)
        # A change that goes on has no due time that others count on.
        if wait == left or not task.image_cache_id:
            return None
        error = TransientError(Reason.NOT_DUE, f"the task is due at {task.due.isoformat()}", calls=0)
        decision = Decision(task.change, None, Result.FAILED, error.reason, error.message)
        again = task._replace(hop=task.hop + 1)
        place = {"region_id": task.region_id, "image_cache_id": task.image_cache_id}
        stored, facts = self.work.hand_off.tried(again)
        return Applied(decision, error, {**place, **facts}, deferred=stored is not None)

    def look(self) -> Iterator[Applied]:
        """Read the cache, and do what is to be done."""
        work, task, started = self.work, self.task, time.monotonic()
        deferral = Deferral(work, task)
        try:
            cache = work.eci.describe_image_cache(task.region_id, task.image_cache_id)
        except EciError as error:
            yield deferral.unread(error, started)
            return
        rules = work.settings.rules
        step = look(task, cache, work.now(), rules, work.settings.follow.rebuilds)
        if isinstance(step, Done):
            yield self._done(deferral, step.decision, started)
            return
        assert cache is not None  # noqa: S101 - a look at one that is gone is done
        if isinstance(step, NotSeen):
            decision = Decision(task.change, cache, Result.FAILED, Reason.UPDATE_NOT_SEEN, step.message)
            yield deferral.catch_up(cache, decision, started)
        elif isinstance(step, Wait):
            decision = Decision(task.change, cache, Result.FAILED, step.reason, step.message)
            yield from deferral.defer(cache, [decision], self._waits(cache, step), {}, started)
        else:
            chain = task.chain._replace(looks=task.chain.looks + 1)
            if step.repeats:
                # A list that is put back is another one: how often it fails is counted anew.
                anew = step.decision.reason is Reason.PROMOTION_UNDONE and not task.undoes
                chain = chain._replace(repeats=0 if anew else chain.repeats + 1)
            done = Updater(work, deferral).update(cache, [step.decision], started, chain)
            if step.held is not None and not any(each.deferred for each in done):
                yield from deferral.settled([step.held], started)
            yield from done

    def _waits(self, cache: ImageCache, step: Wait) -> BusyError | HeldBackError:
        memory = last_update(cache, self.work.now()) if step.reason is Reason.BACKING_OFF else None
        if memory is None:
            return BusyError(step.reason, step.message)
        times, now = self.work.hand_off.times, self.work.now().now
        until = times.place(memory)
        if (now - until).total_seconds() > 2 * times.base:
            # What is waited for waits itself, for a cap: the longer it does, the rarer the looks.
            until = now + (now - until)
        return HeldBackError(step.reason, step.message, until=until)

    def _done(self, deferral: Deferral, decision: Decision, started: float) -> Applied:
        facts: dict[str, object] = {
            "region_id": self.task.region_id,
            "image_cache_id": self.task.image_cache_id,
        }
        if decision.result is Result.FAILED:
            return Applied(decision, PermanentError(decision.reason, decision.message), facts, started)
        if decision.result is Result.LANDED and decision.cache is not None:
            facts |= self._landed(decision.cache)
            return Applied(decision, facts=facts, started=started)
        (applied,) = deferral.settled([decision], started)
        return replace(applied, facts={**facts, **applied.facts})

    def _landed(self, cache: ImageCache) -> dict[str, object]:
        """What is known of an update that ended Ready; the cache is to remember how long it took."""
        at, change = self.work.now(), self.task.change
        began = last_begun(self.task, cache, at)
        shown = _ended(cache, began)
        ended = shown or at.now
        memory = last_update(cache, at)
        better = None
        if memory is not None and memory.began == began:
            better = learnt(memory, ended)
        elif memory is not None and shown is not None:
            better = restored(cache, memory, change, began, shown)
        if better is not None:
            self._remember(cache, memory_value(better))
        facts: dict[str, object] = {"covered_by": began.isoformat(), "changes_known": self.task.chain.changes}
        # Where its tag was taken back, or had to make room for another one, the push has not landed.
        listed = not self.task.undoes and has_wanted_list(cache, change, self.work.settings.rules)
        if listed and isinstance(change, PushEvent) and change.pushed_at is not None:
            facts["staleness_seconds"] = round(max(0.0, (ended - change.pushed_at).total_seconds()), 3)
        return facts

    def _remember(self, cache: ImageCache, value: str) -> None:
        try:
            self.work.eci.tag_image_cache(cache.region_id, cache.image_cache_id, MEMORY_TAG, value)
        except EciError as error:
            # Best effort: the next update learns it from the cache's events.
            LOGGER.info("%s: the rebuild's time is not remembered: %s", cache.image_cache_id, error)


def _ended(cache: ImageCache, began: datetime) -> datetime | None:
    """When an update ended Ready, as far as the cache's events say: their times are to the second."""
    shown = cache.ready_at
    return max(shown, began) if shown is not None and shown >= began.replace(microsecond=0) else None
