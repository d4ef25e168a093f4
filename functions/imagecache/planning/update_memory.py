"""What an image cache remembers of its last update, and what that update covers.

ECI does not say when an update began. Each update therefore writes one ECI tag on the cache with its start
time and the changes that it was for, so that a burst or a duplicate delivery need not cost a rebuild. The
memory is best effort: where it is missing, one unneeded update is made, and never a needed one missed.

Value: ``<start>.<rebuilds>.<change>.<change>...``: the start in UTC to the microsecond, how many updates in a
row began from UpdateFailed, and short change ids, the newest first, as many as the 128 characters that a tag
value may have allow.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from ..model.change import CacheRequest, Change, PushEvent
from ..model.image_cache import UPDATE_FAILED, ImageCache, cache_entries
from ..policy.rules import NO_RULES, Rules
from .entry_memory import DIGESTS_TAG, NO_NOTES, PUSHED_TAG, Notes, note_tags

MEMORY_TAG = "imc-refresh"
OWN_TAGS = frozenset({MEMORY_TAG, DIGESTS_TAG, PUSHED_TAG})
"""The keys of the ECI tags that this application writes."""

MOST_TAGS = 20
"""The most ECI tags that a cache has (API documentation of UpdateImageCache)."""

_LONGEST_VALUE = 128
_SHORT_ID = 12
_MOST_REBUILDS = 9999
_TIME_FORM = "%Y%m%dT%H%M%S%fZ"
_VALUE = re.compile(r"(?P<began>\d{8}T\d{12}Z)\.(?P<rebuilds>\d{1,4})(?P<ids>(?:\.[0-9a-f]{12})*)", re.ASCII)
_CERTAIN = frozenset({"Updating", "Ready"})


@dataclass(frozen=True)
class LastUpdate:
    """The last update of a cache, as far as this application made it.

    Attributes:
        began: when its call was about to be made, with a zone.
        rebuilds: how many updates in a row, this one included, began from UpdateFailed.
        change_ids: short ids of the changes that it and the ones before it were for.
    """

    began: datetime
    rebuilds: int
    change_ids: tuple[str, ...]


def last_update(cache: ImageCache) -> LastUpdate | None:
    """The last update that the cache's tag describes, or None where there is no readable tag."""
    match = _VALUE.fullmatch(dict(cache.tags).get(MEMORY_TAG, ""))
    if match is None:
        return None
    try:
        began = datetime.strptime(match["began"], _TIME_FORM).replace(tzinfo=timezone.utc)
    except ValueError:
        return None
    return LastUpdate(began, int(match["rebuilds"]), tuple(filter(None, match["ids"].split("."))))


def covering_update(
    cache: ImageCache, change: Change, skew: timedelta, rules: Rules = NO_RULES
) -> LastUpdate | None:
    """The update that certainly has what a change asks for, or None.

    Certain is: the update is running or ended Ready, and it carries the change's id (a duplicate delivery),
    or it began after the push. An UpdateFailed covers nothing.

    Args:
        cache: the cache as described.
        change: the change.
        skew: how far the clocks of the registry and of this function may be apart.
        rules: say which hosts are one registry.
    """
    last = last_update(cache)
    if last is None or cache.status not in _CERTAIN or not has_wanted_list(cache, change, rules):
        return None
    if carries(last, change):
        return last
    pushed_at = change.pushed_at if isinstance(change, PushEvent) else None
    return last if pushed_at is not None and last.began > pushed_at + skew else None


def carries(update: LastUpdate, change: Change) -> bool:
    """Whether the update, or one before it, was for this very change."""
    return _short(change) in update.change_ids


def has_wanted_list(cache: ImageCache, change: Change, rules: Rules = NO_RULES) -> bool:
    """Whether the cache's list is one that the change can have landed in.

    For a request, the list that it sets, if it sets one; for a push, a list with the pushed tag.
    """
    if isinstance(change, CacheRequest):
        return change.images is None or change.images == cache.images
    registry = rules.identity(change.registry)
    return any(
        rules.identity(host) == registry
        and (entry.repository, entry.effective_tag, entry.digest) == (change.repository, change.tag, None)
        for host, entry in cache_entries(cache)
    )


def with_memory(
    cache: ImageCache, changes: Iterable[Change], began: datetime, notes: Notes = NO_NOTES
) -> tuple[tuple[str, str], ...]:
    """The cache's tags with the memory of an update that begins now.

    All other tags are kept, so that none is lost whether the platform merges or replaces tags. Where the
    cache has as many tags as it may have and none of them is the memory, it keeps those and remembers
    nothing.

    Args:
        cache: the cache as described.
        changes: what the update is for.
        began: now, with a zone.
        notes: what the cache is to remember of its entries.
    """
    before = last_update(cache)
    rebuilds = (before.rebuilds if before else 0) + 1 if cache.status == UPDATE_FAILED else 0
    rebuilds = min(rebuilds, _MOST_REBUILDS)
    known = before.change_ids if before else ()
    value = f"{began.astimezone(timezone.utc).strftime(_TIME_FORM)}.{rebuilds}"
    for change_id in dict.fromkeys([*(_short(change) for change in changes), *known]):
        if len(value) + 1 + _SHORT_ID > _LONGEST_VALUE:
            break
        value += f".{change_id}"
    others = tuple((key, old) for key, old in cache.tags if key not in OWN_TAGS)
    if len(others) >= MOST_TAGS or (len(cache.tags) >= MOST_TAGS and MEMORY_TAG not in dict(cache.tags)):
        return cache.tags
    ours = _own_tags(cache, value, note_tags(cache, notes, began), MOST_TAGS - len(others))
    return (*others, *ours.items())


def _own_tags(cache: ImageCache, value: str, noted: Mapping[str, str], room: int) -> dict[str, str]:
    """Our tags. One that is there is sent again, or there could be one too many where tags are merged."""
    before = dict(cache.tags)
    ours = {MEMORY_TAG: value}
    ours |= {key: noted.get(key, before[key]) for key in (PUSHED_TAG, DIGESTS_TAG) if key in before}
    for key, text in noted.items():
        if key in ours or len(ours) < room:
            ours[key] = text
    return ours


def _short(change: Change) -> str:
    return change.change_id[:_SHORT_ID]
