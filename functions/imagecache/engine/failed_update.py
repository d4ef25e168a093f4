"""A watch whose update failed: it is made again, within bounds, or the list before is put back.

Also which pushes have to wait for that.
"""

from __future__ import annotations

from datetime import datetime

from ..base.reasons import Reason, Result
from ..base.timestamps import Moment
from ..model.change import PushEvent
from ..model.image_cache import MOST_IMAGES, UPDATE_FAILED, ImageCache
from ..planning.barriers import hold_on
from ..planning.decision import Decision
from ..planning.update_memory import last_update, undone_within_a_day
from ..planning.update_memory_layout import UpdateMemory
from ..policy.rules import Rules
from .follow_task import Task
from .slot import Slot
from .steps import Done, Make, Wait, ended, is_later, kept_by_hold, reason_of, shows_later

_FAILED_PLACES = 3
"""Places of a failing cache that a promoted tag may fail at before it is taken back."""


def failed_update(
    task: Task, cache: ImageCache, at: Moment, rules: Rules, rebuilds: int
) -> Done | Wait | Make:
    """What a watch does that finds its cache in UpdateFailed; arguments as those of ``chain.look``."""
    kept = kept_by_hold(task, cache, at)
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
        return ended(task, cache, Result.IGNORED, Reason.SUPERSEDED, message)
    failures = task.chain.repeats
    if memory is not None and shows_later(memory, task, at):
        failures = memory.failures
    elif later:
        # Its own update and the later one failed, and how often the later one was made again is not known.
        failures = rebuilds
    if slot is not None and restorable and failures >= places(memory, at.now, rebuilds):
        new = ", ".join(image for image in slot.after if image not in slot.before)
        message = f"{new} could not be built, so what was there before is put back: {why}"[:1000]
        undone = Decision(task.change, cache, Result.REFRESHED, Reason.PROMOTION_UNDONE, message)
        return Make(undone._replace(images_after=slot.put_back(cache.images)), repeats=True)
    if later:
        # The task of that one makes it again, and knows no list before.
        return Wait(Reason.BACKING_OFF, f"a later update with the same list failed as well: {why}"[:1000])
    if task.chain.repeats >= rebuilds:
        message = f"UpdateFailed after {task.chain.repeats} repetitions: {why}"[:1000]
        return ended(task, cache, Result.FAILED, Reason.UPDATE_FAILED, message)
    message = f"the update failed and is made again: {why}"[:1000]
    reason = Reason.PROMOTION_UNDONE if task.undoes else reason_of(task)
    again = Decision(task.change, cache, Result.REFRESHED, reason, message)
    # Another list is somebody else's, and stays.
    known = slot is not None and cache.images in {slot.before, slot.after}
    images = slot.after if slot is not None and known else cache.images
    return Make(again._replace(images_after=images), repeats=True)


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


def _is_restorable(task: Task, slot: Slot, cache: ImageCache, at: Moment, rules: Rules) -> bool:
    """Whether the list before may be put back: no person's list is in its place, and the rules want it still.

    A later update that failed may have been made from a Ready cache, and then the promotion was built. It was
    not where the later one began from a failed cache.
    """
    memory = last_update(cache, at)
    later, shown = is_later(memory, task, at), shows_later(memory, task, at)
    began = task.update_began or task.due
    person = memory is not None and memory.asked is not None and memory.asked >= began
    # Since a person had it built, no update that failed was for this push, or for another one.
    anew = memory is not None and isinstance(task.change, PushEvent) and not memory.failed
    failed = memory is not None and memory.failures > 0 and not anew if shown else task.earlier_failed
    built = later and not failed
    known = cache.images == slot.after or (cache.images == slot.before and not later)
    # Other policies may have changed other entries meanwhile.
    room = len(cache.images) + len(slot.gone) - len(slot.new) <= MOST_IMAGES
    listed = later and bool(slot.new) and slot.new <= set(cache.images) and room
    if not slot.restorable or person or built or not (known or listed):
        return False
    from ..planning.taking_back import is_wanted_back  # noqa: PLC0415 - few watches may put a list back

    return is_wanted_back(cache, slot.before, slot.after, rules)
