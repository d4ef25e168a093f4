"""Promotions that are taken back, as their tags cannot be built. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from ..base.timestamps import Moment
from ..model.change import CacheRequest, Change, PushEvent
from ..model.image_cache import READY, ImageCache
from ..policy.list_entries import Entry, entries_of
from ..policy.rules import Rules
from .update_memory import carries, last_update, tag_id
from .update_memory_layout import UpdateMemory

_SECOND = timedelta(seconds=1)


def can_be_taken_back(
    cache: ImageCache, images: Sequence[str], changes: Iterable[Change], rules: Rules
) -> bool:
    """Whether the cache's list is worth putting back where a new one cannot be built.

    It is where it was Ready, policies alone have made the new one, and the rules of all new tags want it.

    Args:
        cache: as described before the update.
        images: the new list.
        changes: what the update is for.
        rules: the rules.
    """
    by_person = any(isinstance(change, CacheRequest) and change.images for change in changes)
    return cache.status == READY and not by_person and is_wanted_back(cache, cache.images, images, rules)


def is_wanted_back(cache: ImageCache, before: Sequence[str], after: Sequence[str], rules: Rules) -> bool:
    """Whether a list has new tags, and the rules of all of them want the one before back if it fails."""
    found = [rules.rule_for(cache, *entry.place) for entry in new_entries(before, after, rules)]
    return bool(found) and all(rule is not None and rule.restores_failed for rule in found)


def new_entries(before: Sequence[str], after: Sequence[str], rules: Rules) -> list[Entry]:
    """The entries of a list that the one before has not."""
    return [entry for entry in entries_of(after, rules) if entry.text not in before]


def id_of(entry: Entry) -> str:
    """The short id of an entry's tag."""
    return tag_id(*entry.place)


def still_undone(cache: ImageCache, memory: UpdateMemory, rules: Rules) -> list[tuple[str, datetime]]:
    """What a cache remembers of tags that were taken back, but those that it was built with after all."""
    listed = entries_of(cache.images, rules) if cache.status == READY else []
    built = {id_of(entry) for entry in listed}
    return [(tag, tried) for tag, tried in memory.undone if tag not in built]


def is_taken_back(cache: ImageCache, push: PushEvent, rules: Rules, now: Moment) -> bool:
    """Whether a pushed tag was tried after its push, and taken back; a person may have it in any case."""
    if push.by_person or push.pushed_at is None:
        return False
    memory = last_update(cache, now)
    if memory is None or not memory.undone:
        return False
    tag = tag_id(rules.identity(push.registry), push.repository, push.tag)
    at = dict(reversed(memory.undone)).get(tag)
    if at is None:
        return False
    # Its time may be read as a little later than it was: at the end of its second, by another clock. Where an
    # update was for this very push, it was there.
    later = now.skew + _SECOND if carries(memory, push) else timedelta(0)
    return push.pushed_at <= at + later
