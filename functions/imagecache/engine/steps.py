"""What a look at a cache can lead to: the chain ends, it looks again, or it makes an update."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from ..base.reasons import Reason, Result
from ..base.timestamps import Moment
from ..model.change import PushEvent
from ..model.image_cache import UPDATE_FAILED, ImageCache
from ..planning.barriers import hold_barrier, hold_on
from ..planning.plan import Decision
from ..planning.update_memory import last_update, undone_within_a_day
from ..planning.update_memory_layout import UpdateMemory
from .follow_task import Task

_FAILED_PLACES = 3
"""Places of a failing cache that a promoted tag may fail at before it is taken back."""


@dataclass(frozen=True)
class Done:
    """The chain ends with this decision."""

    decision: Decision


@dataclass(frozen=True)
class Wait:
    """Look again at the next due time.

    Attributes:
        reason: why, for the record.
        message: one sentence.
    """

    reason: Reason
    message: str


@dataclass(frozen=True)
class Make:
    """Make an update.

    Attributes:
        decision: has the list to send.
        repeats: whether it makes an update again that failed.
    """

    decision: Decision
    repeats: bool = False


def is_later(memory: UpdateMemory | None, watch: Task, at: Moment) -> bool:
    """Whether the cache's last update began after the one that a watch follows."""
    return memory is not None and memory.began > (watch.update_began or watch.due) + at.skew


def places(memory: UpdateMemory | None, now: datetime, rebuilds: int) -> int:
    """How often in a row a promotion may fail again before it is taken back.

    Where a tag was taken back not long ago, another one gets no places of its own.
    """
    return 0 if undone_within_a_day(memory, now) else min(_FAILED_PLACES, rebuilds)


def may_be_taken_back(cache: ImageCache, decision: Decision, at: Moment, rebuilds: int) -> bool:
    """Whether a pushed tag that is listed may be taken back before its turn, and has to come again."""
    rule = decision.rule
    if decision.reason is not Reason.TAG_REPUSHED or rule is None or not rule.restores_failed:
        return False
    memory = last_update(cache, at)
    last_try = memory is not None and memory.failures >= places(memory, at.now, rebuilds)
    return rule.policy.type != "exact" and (cache.status == UPDATE_FAILED or last_try)


def kept_by_hold(task: Task, cache: ImageCache, at: Moment, *, always: bool = False) -> Done | None:
    """A hold that ends the task, since it freezes the cache or where it does so always.

    Else the list that the cache has may be rebuilt: other changes may have been merged into the task.
    """
    hold, barrier = hold_on(cache, at.now), hold_barrier(cache, task.change, at.now, new_list=True)
    if hold is None or barrier is None or not (hold.freeze or always):
        return None
    ignored = decision_of(task, cache, Result.IGNORED, barrier.reason, barrier.message)
    return Done(replace(ignored, until=barrier.until))


def reason_of(task: Task) -> Reason:
    """Why its cache is updated."""
    return Reason.TAG_REPUSHED if isinstance(task.change, PushEvent) else task.change.reason


def decision_of(
    task: Task, cache: ImageCache | None, result: Result, reason: Reason, message: str
) -> Decision:
    """What is decided for a task's change."""
    return Decision(task.change, cache, result, reason, message)


def ended(task: Task, cache: ImageCache | None, result: Result, reason: Reason, message: str) -> Done:
    """The chain ends, with what is decided for a task's change."""
    return Done(decision_of(task, cache, result, reason, message))
