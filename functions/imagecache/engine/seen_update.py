"""What a cache shows of an update: by its events, its memory, or its list. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from ..base.timestamps import Moment
from ..model.image_cache import READY, ImageCache
from ..planning.update_memory import MEMORY_TAG, MOST_TAGS, last_update
from .follow_task import Task
from .slot import Slot
from .steps import is_later

_SECOND = timedelta(seconds=1)
"""To which the times of a cache's events are given."""


def leaves_it(task: Task, cache: ImageCache, at: Moment) -> bool:
    """Whether the runs of a task leave its update to the one task that the first of them stored.

    That is a look; or a watch, which sees by the cache whether its update was made. A task that catches up
    always sends, so that what is refused for good comes to the on-failure queue; and any does where nothing
    would show whether the update was made.

    Args:
        task: the task, of a cache.
        cache: as just described.
        at: now.
    """
    shown = cache.ready_at is not None or last_update(cache, at) is not None
    return task.single and not task.catches_up and shown


def is_unseen(task: Task, cache: ImageCache, at: Moment) -> bool:
    """Whether a cache that can be updated does not show a watch's update, nor one that stands for it.

    One of another list does not stand for it, where that has what the watch's list takes out.

    Args:
        task: the watch.
        cache: as just described.
        at: now.
    """
    memory, slot, began = last_update(cache, at), task.slot, task.update_began or task.due
    made = _was_made(task, cache, at)
    if made is False or slot is None or not slot.is_absent(cache.images):
        return made is False
    own = memory is not None and memory.began == began
    person = memory is not None and memory.asked is not None and memory.asked >= task.chain.since
    return not own and not person and (cache.status == READY or is_later(memory, task, at))


def may_have_begun(cache: ImageCache, began: datetime, slot: Slot | None, at: Moment) -> bool:
    """Whether a Ready cache's events allow that an update began; or, without events, its list or its tags.

    The watch may have been stored before the update. That leaves a tag, where there is room for one.

    Args:
        cache: as just described.
        began: when the update was to begin.
        slot: the list that it was to set.
        at: now.
    """
    if cache.ready_at is not None:
        return cache.ready_at >= began - at.skew - _SECOND
    return slot is not None or MEMORY_TAG in dict(cache.tags) or len(cache.tags) >= MOST_TAGS


def _was_made(watch: Task, cache: ImageCache, at: Moment) -> bool | None:
    """Whether a watch's update was made, or a later one; None where nothing says that."""
    memory, began = last_update(cache, at), watch.update_began or watch.due
    if memory is not None and memory.began >= began - at.skew:
        return True
    if cache.ready_at is not None:
        return watch.ready_before is None or cache.ready_at > watch.ready_before
    return None if memory is None else False
