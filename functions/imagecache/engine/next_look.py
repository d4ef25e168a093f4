"""The next look at a cache that could not be updated now: when it is due, and who shares its task."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from ..base.errors import CapacityError, EciError, HeldBackError
from ..base.reasons import Reason
from ..base.timestamps import BEFORE_ALL
from ..model.change import CacheRequest, PushEvent
from ..model.image_cache import ImageCache
from ..planning.decision import Decision
from ..planning.update_memory import last_update, undone_within_a_day
from .deciding import lead_of, place_of
from .failed_update import may_be_taken_back
from .follow_task import Chain, Job, Task
from .slot import own_list
from .steps import is_later
from .work import Work


class NotDone(NamedTuple):
    """What waits for a cache.

    Attributes:
        cache: as last read.
        decision: what is not done.
        error: why.
        changes: how many changes wait.
        sent: whether the update was tried.
    """

    cache: ImageCache
    decision: Decision
    error: EciError
    changes: int
    sent: bool


def look_again(work: Work, running: Task | None, waiting: NotDone) -> Task:
    """The task of the next look.

    Args:
        work: what this invocation works with.
        running: the task of a cache that runs, or None.
        waiting: what it is for.
    """
    cache, decision, error, changes, sent = waiting
    at, times = work.now(), work.hand_off.times
    memory = last_update(cache, at)
    until = error.until if isinstance(error, HeldBackError) else None
    if isinstance(error, CapacityError):
        until = times.later(at)
    change = decision.change
    # Registries are asked again, and bring all promotions that wait together. But not where one did not
    # answer, or where promotions wait for longer than other changes, as a tag was taken back.
    unread = error.reason is Reason.REGISTRY_UNREADABLE
    own = unread or bool(undone_within_a_day(memory, at.now))
    slot = running.slot if running else own_list(cache, decision, own=own)
    job = running.job if running else Job.AGAIN
    watched = until is None and job is Job.WATCH
    later = until
    if unread and running is not None and running.alone and isinstance(change, CacheRequest):
        # Nobody is known to wait for it: the longer a registry does not answer, the rarer it is asked.
        later = at.now + 2 ** min(running.chain.looks, 6) * timedelta(seconds=2 * times.base)
    look = times.watch(memory, at) if watched else times.again(memory, at, later)
    due = look
    if slot is not None and job is Job.AGAIN:
        lead = lead_of(work, change, slot, cache)
        moment = change.pushed_at if isinstance(change, PushEvent) else change.asked_at
        by_time = times.order(moment or at.now, times.before(look, memory), look)
        due += by_time if lead is None else times.turn(lead)
    if running is None:
        place = (cache.region_id, cache.image_cache_id)
        task = Task(job, change, due, Chain(work.arrived, changes=changes), *place, slot=slot)
        return _shared_or_alone(task, work, cache, decision, unread=unread)
    task = running.next(job, due, at.now, held=until is not None or not cache.updatable)
    if memory is not None and job is Job.WATCH and is_later(memory, task, at):
        # It leaves a failure to that update's own watch, whose place it must not take.
        task = task.of_earlier(memory.began, failed=memory.failures > 0)
    if running.in_place_of_look and running.slot is not None and running.slot.is_absent(cache.images):
        # What runs may be another update, of another list: it has still to see whether its own was made.
        task = task.in_place_again(running)
    task = _of_all_runs(task, running, sent=sent)
    waits = place_of(work, running, cache)
    return task.wait_for_place(waits, times.without_order(running.due), look) if waits else task


def _of_all_runs(task: Task, running: Task, *, sent: bool) -> Task:
    """The next look under the key that all runs of a ``single`` task have for it; others keep their own.

    The platform may run a task twice, and the cache may not say that the other run has made the update. So
    a look that did not try it is one with the watch that is stored before it. One that tried knows that its
    watch will see nothing: its next look is that which the watch would store.
    """
    if running.single and sent:
        return task._replace(key=running.catch_up_key)
    return task._replace(key=running.successor_key) if running.single and not running.catches_up else task


def _shared_or_alone(task: Task, work: Work, cache: ImageCache, decision: Decision, *, unread: bool) -> Task:
    """The first task of a change: apart from what else waits for the cache, where that would not do."""
    at, change = work.now(), task.change
    memory = last_update(cache, at)
    if unread and isinstance(change, CacheRequest) and change.reason is Reason.REGISTRY_NEWER:
        # Nothing is merged into it: where registries have nothing newer, it makes no update.
        return task.wait_alone(change.reason.value)
    if change.by_person and task.slot is None and memory is not None and memory.failures:
        # What it met waits for the failing cache's place; a person's request waits for none.
        return task.wait_alone(change.change_id)
    rebuilds = work.settings.follow.rebuilds
    if not isinstance(change, PushEvent) or not may_be_taken_back(cache, decision, at, rebuilds):
        return task
    began = memory.began if memory is not None else BEFORE_ALL
    after = change.pushed_at is None or change.pushed_at > began
    return task.wait_alone(change.image, began.isoformat(), str(after))
