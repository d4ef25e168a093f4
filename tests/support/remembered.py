"""Caches that remember an update, and the request of one, in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from imagecache.base.timestamps import Moment
from imagecache.model.change import Change
from imagecache.model.image_cache import ImageCache
from imagecache.planning.entry_memory import NO_NOTES, Notes
from imagecache.planning.update_memory import memory_of_update, with_memory
from imagecache.planning.update_request import Update, build_update

__all__ = ["remembered", "update_request"]


def remembered(
    cache: ImageCache, changes: Sequence[Change], began: datetime, notes: Notes = NO_NOTES
) -> tuple[tuple[str, str], ...]:
    """The tags of a cache that an update for some changes began on at a time."""
    memory = memory_of_update(cache, changes, Moment(began, timedelta(0)), extra=False)
    return with_memory(cache, memory, notes)


def update_request(
    cache: ImageCache,
    images: tuple[str, ...],
    changes: Sequence[Change],
    *,
    began: datetime,
    due: str = "",
    notes: Notes = NO_NOTES,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The request of an update for some changes that begins at a time."""
    memory = memory_of_update(cache, changes, Moment(began, timedelta(0)), extra=False)
    ids = tuple(change.change_id for change in changes)
    return build_update(cache, Update(images, ids, memory, due, notes), extra)
