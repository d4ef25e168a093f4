"""Promotions that are taken back, as their tags cannot be built. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..base.timestamps import Moment
from ..model.change import CacheRequest, Change, PushEvent
from ..model.image_cache import READY, ImageCache
from ..policy.list_entries import Entry, entries_of
from ..policy.rules import Rules
from .update_memory import tag_id, taken_back


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
    new = [] if cache.status != READY or by_person else new_entries(cache.images, images, rules)
    found = [rules.rule_for(cache, entry.registry, entry.repository, entry.tag) for entry in new]
    return bool(found) and all(rule is not None and rule.restores_failed for rule in found)


def new_entries(before: Sequence[str], after: Sequence[str], rules: Rules) -> list[Entry]:
    """The entries of a list that the one before has not."""
    return [entry for entry in entries_of(after, rules) if entry.text not in before]


def id_of(entry: Entry) -> str:
    """The short id of an entry's tag."""
    return tag_id(entry.registry, entry.repository, entry.tag)


def is_taken_back(cache: ImageCache, push: PushEvent, rules: Rules, now: Moment) -> bool:
    """Whether a pushed tag was tried after its push, and taken back; a person may have it in any case."""
    if push.by_person or push.pushed_at is None:
        return False
    at = taken_back(cache, tag_id(rules.identity(push.registry), push.repository, push.tag), now)
    return at is not None and push.pushed_at <= at
