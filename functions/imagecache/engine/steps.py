"""What a look at a cache can lead to: the chain ends, it looks again, or it makes an update."""

from __future__ import annotations

from typing import NamedTuple

from ..base.reasons import Reason, Result
from ..base.timestamps import Moment
from ..model.change import Change, PushEvent
from ..model.image_cache import ImageCache
from ..planning.barriers import hold_barrier, hold_on
from ..planning.decision import Decision
from ..planning.update_memory import last_update
from ..planning.update_memory_layout import UpdateMemory
from .follow_task import Task


class Done(NamedTuple):
    """The chain ends with this decision."""

    decision: Decision


class Wait(NamedTuple):
    """Look again at the next due time.

    Attributes:
        reason: why, for the record.
        message: one sentence.
    """

    reason: Reason
    message: str


class NotSeen(NamedTuple):
    """A look makes the update that the task was to follow.

    Attributes:
        message: one sentence.
    """

    message: str


class Make(NamedTuple):
    """Make an update.

    Attributes:
        decision: has the list to send.
        repeats: whether it makes an update again that failed.
        held: what a hold keeps back of the task's own change, where the update is for others.
    """

    decision: Decision
    repeats: bool = False
    held: Decision | None = None


Step = Done | Wait | Make | NotSeen


def is_later(memory: UpdateMemory | None, watch: Task, at: Moment) -> bool:
    """Whether the cache's last update began after the one that a watch follows."""
    return shows_later(memory, watch, at) or watch.earlier


def shows_later(memory: UpdateMemory | None, watch: Task, at: Moment) -> bool:
    """Whether the cache says so itself; the failure of an update may hide it."""
    return memory is not None and memory.began > (watch.update_began or watch.due) + at.skew


def is_ordered(wanted: Decision | None, cache: ImageCache, at: Moment) -> bool:
    """Whether a cache that has one of several tags tells which of them come after it."""
    rule = wanted.rule if wanted is not None else None
    return rule is None or rule.policy.ordered or last_update(cache, at) is not None


def kept_by_hold(task: Task, cache: ImageCache, at: Moment, *, always: bool = False) -> Done | None:
    """A hold that ends the task, since it freezes the cache or where it does so always.

    Else the list that the cache has may be rebuilt: other changes may have been merged into the task.
    """
    hold, barrier = hold_on(cache, at.now), hold_barrier(cache, task.change, at.now, new_list=True)
    if hold is None or barrier is None or not (hold.freeze or always):
        return None
    ignored = Decision(task.change, cache, Result.IGNORED, barrier.reason, barrier.message)
    return Done(ignored._replace(until=barrier.until))


def unconcerned(change: Change, cache: ImageCache | None) -> Decision:
    """What is decided where a change does not concern a cache any more."""
    message = "when the cache was read again, the change no longer concerned it"
    return Decision(change, cache, Result.IGNORED, Reason.NO_LONGER_LISTED, message)


def reason_of(task: Task) -> Reason:
    """Why its cache is updated."""
    return Reason.TAG_REPUSHED if isinstance(task.change, PushEvent) else task.change.reason


def ended(task: Task, cache: ImageCache | None, result: Result, reason: Reason, message: str) -> Done:
    """The chain ends, with what is decided for a task's change."""
    return Done(Decision(task.change, cache, result, reason, message))
