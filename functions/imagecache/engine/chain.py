"""One look of a follow task, as a decision: pure, from the cache as it is now and what the task says.

::

    deleted                                        -> ends
    creation failed                                -> ends, failed
    again: an update began since it was due        -> ends, covered
    again: another list has the place of its own   -> ends, superseded
    held, and nothing may be rebuilt               -> ends, held
    again: busy                                    -> look again
    again: can be updated                          -> update, whatever became of the image that stored it
    watch: Ready                                   -> landed
    watch: busy                                    -> look again
    watch: UpdateFailed                            -> update again, a bounded number of times in a row
    watch: UpdateFailed that often, a promotion    -> update with the list before, once
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ..base.reasons import Reason, Result
from ..base.timestamps import Moment
from ..config.settings import FollowSettings
from ..model.change import CacheRequest, PushEvent
from ..model.image_cache import CREATION_FAILED, READY, UPDATABLE, UPDATE_FAILED, ImageCache
from ..planning.barriers import hold_barrier, hold_on
from ..planning.plan import Decision, decide
from ..planning.update_memory import last_update, undone_within_a_day
from ..planning.update_memory_layout import UpdateMemory
from ..policy.rules import Rules
from .follow_task import Job, Slot, Task
from .update_limits import creation_failed

_MOST_HELD = timedelta(hours=24)
_FAILED_PLACES = 3
"""Places of a failing cache that a promoted tag may fail at before it is taken back."""
_SECOND = timedelta(seconds=1)
"""To which the times of a cache's events are given."""


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


def look(task: Task, cache: ImageCache | None, at: Moment, rules: Rules, rebuilds: int) -> Done | Wait | Make:
    """What a task that is due does.

    Args:
        task: the task, of a cache.
        cache: as just described; None where it is gone.
        at: now.
        rules: the rules.
        rebuilds: how often an update that ended in UpdateFailed is made again in a row.
    """
    if cache is None:
        message = "the image cache was deleted, or the function's role may not see it"
        return _done(task, None, Result.IGNORED, Reason.CACHE_GONE, message)
    if cache.status == CREATION_FAILED:
        return _done(task, cache, Result.FAILED, Reason.CREATION_FAILED, creation_failed(cache))
    return (_watch if task.job is Job.WATCH else _again)(task, cache, at, rules, rebuilds)


def last_begun(task: Task, cache: ImageCache, at: Moment) -> datetime:
    """When the update began that a Ready cache has: a later one may have merged into this watch."""
    memory, began = last_update(cache, at), task.update_began or task.due
    return began if memory is None else max(began, memory.began)


def is_later(memory: UpdateMemory | None, watch: Task, at: Moment) -> bool:
    """Whether the cache's last update began after the one that a watch follows."""
    return memory is not None and memory.began > (watch.update_began or watch.due) + at.skew


def places(memory: UpdateMemory | None, now: datetime, rebuilds: int) -> int:
    """How often in a row a promotion may fail again before it is taken back.

    Where a tag was taken back not long ago, another one gets no places of its own.
    """
    return 0 if undone_within_a_day(memory, now) else min(_FAILED_PLACES, rebuilds)


def expired(task: Task, now: datetime, settings: FollowSettings) -> bool:
    """Whether the chain is to be given up: its time is over, less the time for which it was held."""
    return now - task.chain.since - min(task.chain.held, _MOST_HELD) >= timedelta(
        seconds=settings.give_up_seconds
    )


def _again(task: Task, cache: ImageCache, at: Moment, rules: Rules, _: int) -> Done | Wait | Make:
    own_list = task.slot is not None and isinstance(task.change, CacheRequest)
    kept = _kept_by_hold(task, cache, at, always=own_list)
    if kept is not None:
        return kept
    wanted = decide(cache, task.change, at, rules)
    ended = _again_ended(task, cache, at, rules, wanted)
    if ended is not None:
        return ended
    if cache.status not in UPDATABLE:
        return Wait(
            Reason.CACHE_BUSY,
            f"the image cache is {cache.status}; only Ready and UpdateFailed can be updated",
        )
    if wanted is not None and wanted.result is Result.REFRESHED:
        return Make(wanted)
    # Changes that came later may have been merged into this task: what they ask for is in the list.
    message = "rebuilt for all changes that waited for the cache"
    # A list of its own is set by the cache's id, also where its name is another one now.
    images = task.slot.after if task.slot is not None else cache.images
    return Make(
        replace(_decision(task, cache, Result.REFRESHED, _reason(task), message), images_after=images)
    )


def _again_ended(
    task: Task, cache: ImageCache, at: Moment, rules: Rules, wanted: Decision | None
) -> Done | None:
    """What is done already, or not to be done any more."""
    if task.slot is not None:
        return _slot_ended(task, task.slot, cache, at, rules)
    if task.alone and (wanted is None or wanted.result is Result.IGNORED):
        return Done(wanted or _decision(task, cache, Result.IGNORED, Reason.NO_LONGER_LISTED, _GONE))
    memory = last_update(cache, at)
    updated = memory is not None and memory.began >= task.due - at.skew and cache.status != UPDATE_FAILED
    left_out = wanted is not None and wanted.reason is Reason.TAG_PROMOTED
    if memory is None or not updated or left_out:
        return None
    message = f"an update that began at {memory.began.isoformat()} has it"
    return Done(replace(_decision(task, cache, Result.UNCHANGED, Reason.COVERED, message), covered_by=memory))


def _slot_ended(task: Task, slot: Slot, cache: ImageCache, at: Moment, rules: Rules) -> Done | None:
    """A list of its own that is set already, or that something later has taken the place of."""
    change, memory = task.change, last_update(cache, at)
    wanted = decide(cache, change, at, rules)
    other = cache.images not in {slot.before, slot.after}
    forced = False
    if isinstance(change, CacheRequest):
        asked = memory.asked if memory is not None else None
        if asked is None or change.if_images is not None:
            taken = other
        else:
            taken = change.asked_at is not None and asked > change.asked_at
        # The cache had this list before, and is to be rebuilt anyway.
        done = wanted is not None and wanted.reason is Reason.COVERED
        forced = change.force and slot.before == slot.after and not done
    else:
        if wanted is None or wanted.result is not Result.REFRESHED:
            return Done(wanted or _decision(task, cache, Result.IGNORED, Reason.NO_LONGER_LISTED, _GONE))
        ordered = wanted.rule is None or wanted.rule.policy.ordered or memory is not None
        taken = other and not ordered
    if taken:
        message = "the cache has got another list since this one was asked for"
        return _done(task, cache, Result.IGNORED, Reason.SUPERSEDED, message)
    if cache.images == slot.after and cache.status != UPDATE_FAILED and not forced:
        covered = _decision(task, cache, Result.UNCHANGED, Reason.COVERED, "the cache has this list already")
        return Done(replace(covered, covered_by=memory))
    return None


def _watch(task: Task, cache: ImageCache, at: Moment, rules: Rules, rebuilds: int) -> Done | Wait | Make:
    began, slot = task.update_began or task.due, task.slot
    if cache.status not in UPDATABLE:
        return Wait(Reason.UPDATE_RUNNING, f"the update that began at {began.isoformat()} runs")
    taken = (
        slot is not None and cache.images not in {slot.before, slot.after} and _lost(task, cache, at, rules)
    )
    unseen = cache.status == READY and (
        (slot is not None and cache.images == slot.before)
        or (cache.ready_at is not None and cache.ready_at < began - at.skew - _SECOND)
    )
    if taken or unseen:
        message = f"the update that was to begin at {began.isoformat()} is not to be seen in the cache"
        return _done(task, cache, Result.IGNORED, Reason.SUPERSEDED, message)
    if cache.status == READY:
        message = f"Ready after the update that began at {last_begun(task, cache, at).isoformat()}"
        if task.undoes:
            message = f"{message}: the list before the promotion is back"
        reason = Reason.PROMOTION_UNDONE if task.undoes else Reason.LANDED
        return _done(task, cache, Result.LANDED, reason, message)
    return _failed_update(task, cache, at, rules, rebuilds)


def _failed_update(
    task: Task, cache: ImageCache, at: Moment, rules: Rules, rebuilds: int
) -> Done | Wait | Make:
    kept = _kept_by_hold(task, cache, at)
    if kept is not None:
        return kept
    memory, slot = last_update(cache, at), task.slot
    if slot is not None and hold_on(cache, at.now) and not task.change.force:
        # The list stays as it is, whichever of the two that is.
        slot = Slot(cache.images, cache.images)
    why = cache.last_warning or "no reason is given"
    later = is_later(memory, task, at)
    restorable = slot is not None and _is_restorable(task, slot, cache, at, rules)
    if later and not restorable:
        message = "a later update failed, which has a task of its own"
        return _done(task, cache, Result.IGNORED, Reason.SUPERSEDED, message)
    failures = memory.failures if memory is not None and later else task.chain.repeats
    if slot is not None and restorable and failures >= places(memory, at.now, rebuilds):
        new = ", ".join(image for image in slot.after if image not in slot.before)
        message = f"{new} could not be built, so the list before is put back: {why}"[:1000]
        undone = _decision(task, cache, Result.REFRESHED, Reason.PROMOTION_UNDONE, message)
        return Make(replace(undone, images_after=slot.before), repeats=True)
    if later:
        # The task of that one makes it again, and knows no list before.
        return Wait(Reason.BACKING_OFF, f"a later update with the same list failed as well: {why}"[:1000])
    if task.chain.repeats >= rebuilds:
        message = f"UpdateFailed after {task.chain.repeats} repetitions: {why}"[:1000]
        return _done(task, cache, Result.FAILED, Reason.UPDATE_FAILED, message)
    message = f"the update failed and is made again: {why}"[:1000]
    reason = Reason.PROMOTION_UNDONE if task.undoes else _reason(task)
    again = _decision(task, cache, Result.REFRESHED, reason, message)
    # Another list is somebody else's, and stays.
    known = slot is not None and cache.images in {slot.before, slot.after}
    images = slot.after if slot is not None and known else cache.images
    return Make(replace(again, images_after=images), repeats=True)


def _is_restorable(task: Task, slot: Slot, cache: ImageCache, at: Moment, rules: Rules) -> bool:
    """Whether the list before may be put back: no person's list is in its place, and the rules want it still.

    A later update that failed may have been made from a Ready cache, and then the promotion was built. It was
    not where the later one began from a failed cache.
    """
    memory = last_update(cache, at)
    later = is_later(memory, task, at)
    began = task.update_began or task.due
    person = memory is not None and memory.asked is not None and memory.asked >= began
    built = later and memory is not None and memory.failures == 0
    lists = {slot.after} if later else {slot.before, slot.after}
    if not slot.restorable or person or built or cache.images not in lists:
        return False
    from ..planning.taking_back import is_wanted_back  # noqa: PLC0415 - few watches may put a list back

    return is_wanted_back(cache, slot.before, slot.after, rules)


def _kept_by_hold(task: Task, cache: ImageCache, at: Moment, *, always: bool = False) -> Done | None:
    """A hold that ends the task, since it freezes the cache or where it does so always.

    Else the list that the cache has may be rebuilt: other changes may have been merged into the task.
    """
    hold, barrier = hold_on(cache, at.now), hold_barrier(cache, task.change, at.now, new_list=True)
    if hold is None or barrier is None or not (hold.freeze or always):
        return None
    ended = _done(task, cache, Result.IGNORED, barrier.reason, barrier.message)
    return Done(replace(ended.decision, until=barrier.until))


def _lost(task: Task, cache: ImageCache, at: Moment, rules: Rules) -> bool:
    """Whether the pushed tag has lost its place; another list may hold it all the same."""
    if not isinstance(task.change, PushEvent):
        return True
    wanted = decide(cache, task.change, at, rules)
    return wanted is None or wanted.reason in {Reason.TAG_PROMOTED, Reason.POLICY_HOLDS}


_GONE = "when the cache was read again, the change no longer concerned it"


def _reason(task: Task) -> Reason:
    return Reason.TAG_REPUSHED if isinstance(task.change, PushEvent) else task.change.reason


def _decision(task: Task, cache: ImageCache | None, result: Result, reason: Reason, message: str) -> Decision:
    return Decision(task.change, cache, result, reason, message)


def _done(task: Task, cache: ImageCache | None, result: Result, reason: Reason, message: str) -> Done:
    return Done(_decision(task, cache, result, reason, message))
