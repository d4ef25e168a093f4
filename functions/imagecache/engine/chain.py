"""One look of a follow task, as a decision: pure, from the cache as it is now and what the task says.

::

    deleted                                        -> ends
    creation failed                                -> ends, failed
    again: an update began since its last change   -> ends, covered
    again: another list has the place of its own   -> ends, superseded
    held, and nothing may be rebuilt               -> ends, held
    again: busy                                    -> look again
    again: can be updated                          -> update, whatever became of the image that stored it
    watch: busy                                    -> look again
    watch in place of a look: its update not seen  -> a look makes it
    watch: Ready, its update not seen              -> ends, superseded
    watch: Ready                                   -> landed
    watch: UpdateFailed                            -> update again, a bounded number of times in a row
    watch: UpdateFailed that often, a promotion    -> update with the list before, once
"""

from __future__ import annotations

from datetime import datetime, timedelta

from ..base.errors import EciError, PermanentError
from ..base.reasons import Reason, Result
from ..base.timestamps import Moment
from ..config.settings import FollowSettings
from ..model.change import CacheRequest, PushEvent
from ..model.image_cache import CREATION_FAILED, READY, UPDATABLE, UPDATE_FAILED, ImageCache
from ..planning.decision import Decision
from ..planning.plan import decide
from ..planning.update_memory import carries, has_wanted_list, last_update
from ..policy.list_entries import entries_of
from ..policy.rules import Rules
from .failed_update import failed_update
from .follow_task import Job, Task
from .seen_update import is_unseen, may_have_begun
from .slot import Slot
from .steps import Done, Make, NotSeen, Wait, ended, is_ordered, kept_by_hold, reason_of, unconcerned
from .update_limits import creation_failed

_MOST_HELD = timedelta(hours=24)


def look(
    task: Task, cache: ImageCache | None, at: Moment, rules: Rules, rebuilds: int
) -> Done | Wait | Make | NotSeen:
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
        return ended(task, None, Result.IGNORED, Reason.CACHE_GONE, message)
    if cache.status == CREATION_FAILED:
        return ended(task, cache, Result.FAILED, Reason.CREATION_FAILED, creation_failed(cache))
    if task.job is Job.WATCH:
        return _watch(task, cache, at, rules, rebuilds)
    return _again(task, cache, at, rules)


def last_begun(task: Task, cache: ImageCache, at: Moment) -> datetime:
    """When the update began that a Ready cache has: a later one may have merged into this watch."""
    memory, began = last_update(cache, at), task.update_began or task.due
    return began if memory is None else max(began, memory.began)


def expired(task: Task, now: datetime, settings: FollowSettings) -> bool:
    """Whether the chain is to be given up: its time is over, less the time for which it was held."""
    return now - task.chain.since - min(task.chain.held, _MOST_HELD) >= timedelta(
        seconds=settings.give_up_seconds
    )


def given_up(error: EciError, settings: FollowSettings) -> PermanentError:
    """What ends a chain whose time is over: the last error, which cannot be mended by trying."""
    hours = settings.give_up_seconds / 3600
    return PermanentError(Reason.GAVE_UP, f"not done after {hours:g} h; last: {error.message}")


def _again(task: Task, cache: ImageCache, at: Moment, rules: Rules) -> Done | Wait | Make:
    own_list = task.slot is not None and isinstance(task.change, CacheRequest)
    kept = kept_by_hold(task, cache, at, always=own_list)
    if kept is not None:
        return kept
    wanted = decide(cache, task.change, at, rules)
    ended = _again_ended(task, cache, at, rules, wanted)
    if ended is not None:
        return ended
    if cache.status not in UPDATABLE:
        message = f"the image cache is {cache.status}; only Ready and UpdateFailed can be updated"
        return Wait(Reason.CACHE_BUSY, message)
    if wanted is not None and wanted.result is Result.REFRESHED:
        return Make(wanted)
    # Changes that came later may have been merged into this task: what they ask for is in the list.
    message = "rebuilt for all changes that waited for the cache"
    # A list of its own is set by the cache's id, also where its name is another one now.
    images = task.slot.after if task.slot is not None else cache.images
    rebuilt = Decision(task.change, cache, Result.REFRESHED, reason_of(task), message)
    held = wanted if wanted is not None and wanted.reason is Reason.HELD else None
    return Make(rebuilt._replace(images_after=images), held=held)


def _again_ended(
    task: Task, cache: ImageCache, at: Moment, rules: Rules, wanted: Decision | None
) -> Done | None:
    """What is done already, or not to be done any more."""
    if task.slot is not None:
        return _slot_ended(task, task.slot, cache, at, rules)
    if task.alone and (wanted is None or wanted.result is Result.IGNORED):
        return Done(wanted or unconcerned(task.change, cache))
    memory = last_update(cache, at)
    # What was merged into it arrived two skews before it is due; of other settings, or of the version before,
    # its own change may have arrived later.
    since = max(task.due - at.skew, task.chain.since + at.skew)
    updated = memory is not None and memory.began >= since and cache.status != UPDATE_FAILED
    left_out = wanted is not None and wanted.reason is Reason.TAG_PROMOTED
    if memory is None or not updated or left_out:
        return None
    message = f"an update that began at {memory.began.isoformat()} has it"
    return Done(
        Decision(task.change, cache, Result.UNCHANGED, Reason.COVERED, message)._replace(covered_by=memory)
    )


def _slot_ended(task: Task, slot: Slot, cache: ImageCache, at: Moment, rules: Rules) -> Done | None:
    """A list of its own that is set already, or that something later has taken the place of."""
    change, memory = task.change, last_update(cache, at)
    wanted = decide(cache, change, at, rules)
    there, forced = cache.images == slot.after, False
    if isinstance(change, CacheRequest):
        other = not there and cache.images != slot.before
        asked = memory.asked if memory is not None else None
        if asked is None or change.if_images is not None:
            taken = other
        else:
            taken = change.asked_at is not None and asked > change.asked_at
        # Another run of the task has set it, and it had to make room since.
        set_before = memory is not None and carries(memory, change) and cache.status == READY
        taken = taken or (set_before and not there)
        # The cache had this list before, and is to be rebuilt anyway.
        done = wanted is not None and wanted.reason is Reason.COVERED
        forced = change.force and slot.before == slot.after and not done
    else:
        if wanted is None or wanted.result is not Result.REFRESHED:
            return Done(wanted or unconcerned(task.change, cache))
        there = slot.new <= set(cache.images) and slot.gone.isdisjoint(cache.images)
        # Of several tags that came together each has a list with all of them, and waits for itself alone.
        there = there or (
            wanted.reason is Reason.TAG_REPUSHED
            and not has_wanted_list(cache._replace(images=slot.before), change, rules)
        )
        taken = not is_ordered(wanted, cache, at) and not there and _is_taken(slot, change, cache, rules)
    if taken:
        message = "the cache has got another list since this one was asked for"
        return ended(task, cache, Result.IGNORED, Reason.SUPERSEDED, message)
    # An instance that was taken away may have begun the update that runs, and left nobody to follow it.
    followed = cache.updatable or (memory is not None and memory.began >= task.due - at.skew)
    if there and followed and cache.status != UPDATE_FAILED and not forced:
        covered = Decision(
            task.change, cache, Result.UNCHANGED, Reason.COVERED, "the cache has this list already"
        )
        return Done(covered._replace(covered_by=memory))
    return None


def _is_taken(slot: Slot, push: PushEvent, cache: ImageCache, rules: Rules) -> bool:
    """Whether another tag has the place of a pushed one; those of other repositories have their own."""
    if slot.gone:
        return not slot.gone <= set(cache.images)
    others = [image for image in cache.images if image not in slot.before]
    return bool(entries_of(others, rules, (rules.identity(push.registry), push.repository)))


def _watch(
    task: Task, cache: ImageCache, at: Moment, rules: Rules, rebuilds: int
) -> Done | Wait | Make | NotSeen:
    began, slot = task.update_began or task.due, task.slot
    if cache.status not in UPDATABLE:
        return Wait(Reason.UPDATE_RUNNING, f"the update that began at {began.isoformat()} runs")
    if task.in_place_of_look and is_unseen(task, cache, at):
        return NotSeen(f"the cache does not show the update that was to begin at {began.isoformat()}")
    if cache.status != READY:
        # Whoever has its list's place now, watches of other updates may be one with this one.
        return failed_update(task, cache, at, rules, rebuilds)
    taken = (
        slot is not None and cache.images not in {slot.before, slot.after} and _lost(task, cache, at, rules)
    )
    before = slot is not None and cache.images == slot.before
    if taken or before or not may_have_begun(cache, began, slot, at):
        message = f"the update that was to begin at {began.isoformat()} is not to be seen in the cache"
        return ended(task, cache, Result.IGNORED, Reason.SUPERSEDED, message)
    message = f"Ready after the update that began at {last_begun(task, cache, at).isoformat()}"
    if task.undoes:
        message = f"{message}: the list before the promotion is back"
    reason = Reason.PROMOTION_UNDONE if task.undoes else Reason.LANDED
    return ended(task, cache, Result.LANDED, reason, message)


def _lost(task: Task, cache: ImageCache, at: Moment, rules: Rules) -> bool:
    """Whether the pushed tag has lost its place; another list may hold it all the same."""
    if not isinstance(task.change, PushEvent):
        return True
    wanted = decide(cache, task.change, at, rules)
    return wanted is None or wanted.reason in {Reason.TAG_PROMOTED, Reason.POLICY_HOLDS}
