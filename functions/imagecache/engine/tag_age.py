"""Tags that a rule lets in when they are old enough: each waits in a task of its own, due then."""

from __future__ import annotations

from ..base.errors import HeldBackError
from ..base.reasons import Result
from ..base.timestamps import Moment
from ..model.change import PushEvent
from ..planning.decision import Decision
from .applied import Applied
from .follow_task import Chain, Job, Task
from .slot import Slot
from .work import Work


def wait_for_age(work: Work, decision: Decision, started: float) -> Applied:
    """Store the task that carries a tag until it is old enough.

    Args:
        work: what this invocation works with.
        decision: with the tag's push, the list that it leads to, and when it is old enough.
        started: when work on it began, on the monotonic clock, in seconds.
    """
    if work.is_dry(decision.change):
        return Applied(decision._replace(result=Result.PLANNED), started=started)
    error = HeldBackError(decision.reason, decision.message, until=decision.until)
    facts: dict[str, object] = {"update_calls": 0}
    if not work.hand_off.enabled:
        return Applied(decision, error, facts, started)
    stored, more = work.hand_off.tried(_task(decision, work.now()))
    return Applied(decision, error, {**facts, **more}, started, deferred=stored is not None)


def _task(decision: Decision, at: Moment) -> Task:
    """The task, under one id for all that tell of the tag: the first one counts."""
    cache, push, end, rule = decision.cache, decision.change, decision.until, decision.rule
    # What is young is a push, in a cache, by a rule that says for how long.
    assert cache is not None  # noqa: S101
    assert isinstance(push, PushEvent)  # noqa: S101
    assert end is not None  # noqa: S101
    assert rule is not None  # noqa: S101
    pushed_at = push.pushed_at or at.now
    # Without a time its age counts from when it was first told. An id is known for ever, so it is another one
    # after a while.
    when = end.isoformat() if push.stated else str(int(pushed_at.timestamp() // (2 * rule.min_age_seconds)))
    key = f"young {push.change_id} {when}"
    slot = Slot(cache.images, decision.images_after)
    change, place = push._replace(pushed_at=pushed_at), (cache.region_id, cache.image_cache_id)
    return Task(Job.AGAIN, change, end, Chain(end), *place, slot=slot, key=key)
