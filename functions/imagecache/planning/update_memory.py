"""What an image cache remembers of its updates, in one ECI tag, and what its last update covers. Pure.

ECI does not say when an update began. So each update writes a tag on its cache, and the look that finds the
cache Ready adds how long the rebuild took. The memory is best effort: where it is missing, a bounded number
of updates too many is made, never a missing one.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone

from ..base.timestamps import Moment
from ..model.change import CacheRequest, Change, PushEvent
from ..model.image_cache import READY, UPDATE_FAILED, UPDATING, ImageCache
from ..policy.list_entries import entries_of
from ..policy.rules import NO_RULES, Rules
from .entry_memory import DIGESTS_TAG, NO_NOTES, PUSHED_TAG, Notes, note_tags
from .update_memory_layout import (
    BEFORE_LENGTH,
    CHANGE_LENGTH,
    HOUR,
    IMAGE_LENGTH,
    LONGEST_VALUE,
    MILLISECOND,
    MOST_FAILED,
    UpdateMemory,
    believed,
    memory_value,
    read_value,
)

MEMORY_TAG = "imc-refresh"
OWN_TAGS = frozenset({MEMORY_TAG, DIGESTS_TAG, PUSHED_TAG})
"""The keys of the ECI tags that this application writes."""

HOLD_TAG = "imc-refresh-hold"
"""The key of the ECI tag by which a person holds a cache: not ours, so sent along like any other."""

MOST_TAGS = 20
"""The most ECI tags that a cache has (API documentation of UpdateImageCache)."""

EXTRA_WINDOW = timedelta(hours=24)

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_SAME_SHARE = 0.05
_CERTAIN = frozenset({UPDATING, READY})


def last_update(cache: ImageCache, at: Moment) -> UpdateMemory | None:
    """What the cache remembers, or None: no tag, one that cannot be read, or one from the future.

    Args:
        cache: as described.
        at: now.
    """
    value = dict(cache.tags).get(MEMORY_TAG, "")
    try:
        memory = read_value(value) if len(value) <= LONGEST_VALUE else None
    except (ValueError, OverflowError):
        return None
    if memory is None:
        return None
    # What else is dated would hold for as long: a person's list that is never older, a count that never ends.
    known = (memory.began, memory.asked or memory.began, memory.extra_since or memory.began)
    return memory if max(known) <= at.now + at.skew else None


def undone_within_a_day(memory: UpdateMemory | None, now: datetime) -> list[datetime]:
    """When updates began of which tags were taken back, of the last 24 hours, as remembered; newest first."""
    return [] if memory is None else [at for _, at in memory.undone if now - at < EXTRA_WINDOW]


def memory_of_update(  # noqa: PLR0913 - the facts of one update, all by name
    cache: ImageCache,
    changes: Iterable[Change],
    at: Moment,
    *,
    extra: bool,
    repeats: bool = False,
    undone: Iterable[tuple[str, datetime]] = (),
) -> UpdateMemory:
    """The memory of an update that begins now.

    Args:
        cache: as described.
        changes: what the update is for; the last one's list is sent.
        at: now.
        extra: the update does not wait for its place after a failure.
        repeats: it makes one again that failed, so that a person's request is none any more.
        undone: short ids of tags that were taken back, by the update or before it, and when they were tried
            last; the newest first.
    """
    changes = list(changes)
    before = last_update(cache, at)
    began = _EPOCH + (at.now - _EPOCH) // MILLISECOND * MILLISECOND
    failing = cache.status == UPDATE_FAILED
    person = not repeats and asked_anew(changes, before)
    memory = UpdateMemory(began, change_ids=tuple(dict.fromkeys(map(_short, changes))))
    images = tuple(dict.fromkeys(image_id(change) for change in changes if isinstance(change, PushEvent)))
    if before is not None:
        kept = failing and not person
        recent = before.extra_since is not None and began - before.extra_since < EXTRA_WINDOW
        memory = memory._replace(
            duration=_took(before, cache.ready_at) or before.duration,
            failures=before.failures,
            extra=before.extra if kept and recent else 0,
            extra_since=before.extra_since if kept and recent else None,
            failed=before.failed if kept else (),
            starts=tuple(start for start in (before.began, *before.starts) if began - start < HOUR),
            asked=before.asked,
            change_ids=tuple(dict.fromkeys((*memory.change_ids, *before.change_ids))),
        )
    failures = memory.failures + 1 if failing and not person else 0
    if extra:
        memory = memory._replace(extra=memory.extra + 1, extra_since=memory.extra_since or began)
    set_by = [change.asked_at for change in changes if isinstance(change, CacheRequest) and change.images]
    return memory._replace(
        failures=failures,
        failed=tuple(dict.fromkeys((*images, *memory.failed)))[:MOST_FAILED],
        asked=set_by[-1] if set_by else memory.asked,
        undone=tuple(undone),
    )


def with_memory(
    cache: ImageCache, memory: UpdateMemory, notes: Notes = NO_NOTES
) -> tuple[tuple[str, str], ...]:
    """The cache's tags with the memory of an update.

    All other tags are kept, so that none is lost whether the platform merges or replaces tags. Where the
    cache has as many tags as it may have and none of them is the memory, it keeps those and remembers
    nothing.

    Args:
        cache: the cache as described.
        memory: of the update.
        notes: what the cache is to remember of its entries.
    """
    if len(cache.tags) >= MOST_TAGS and MEMORY_TAG not in dict(cache.tags):
        return cache.tags
    others = tuple((key, old) for key, old in cache.tags if key not in OWN_TAGS)
    noted = note_tags(cache, notes, memory.began)
    ours = _own_tags(cache, memory_value(memory), noted, MOST_TAGS - len(others))
    return (*others, *ours.items())


def learnt(memory: UpdateMemory, ended: datetime) -> UpdateMemory | None:
    """The memory with the time that its rebuild took, or None where that is nothing new.

    Args:
        memory: of the update that ended Ready.
        ended: when it ended, or was first seen Ready, with a zone.
    """
    took = _took(memory, ended)
    if took is None or (memory.duration is not None and abs(took - memory.duration) <= _SAME_SHARE * took):
        return None
    return memory._replace(duration=took, failures=0, failed=(), extra=0, extra_since=None)


def restored(
    cache: ImageCache, before: UpdateMemory, change: Change, began: datetime, ended: datetime
) -> UpdateMemory | None:
    """The memory of an update that ended Ready, where the cache has that of one before it.

    The watch of an update writes what it has learnt, and may do so in the very moment when the next one
    begins: the last one to write a tag wins.

    Args:
        cache: as described.
        before: what it remembers.
        change: what the update was for, as far as it is known.
        began: when the update began, with a zone.
        ended: when it ended, with a zone.
    """
    memory = memory_of_update(cache, [change], Moment(began), extra=False, undone=before.undone)
    return learnt(memory._replace(duration=None), ended)


def covering_update(
    cache: ImageCache, change: Change, at: Moment, rules: Rules = NO_RULES
) -> UpdateMemory | None:
    """The update that certainly has what a change asks for, or None.

    Certain is: the update is running or ended Ready, and it began after the push, or carries the change's id
    (a duplicate delivery) while the push is not known to be later. An UpdateFailed covers nothing.

    Args:
        cache: the cache as described.
        change: the change.
        at: now, and how far the clocks of the registry and of this function may be apart.
        rules: tell which hosts are one registry.
    """
    last = last_update(cache, at)
    if last is None or cache.status not in _CERTAIN or not has_wanted_list(cache, change, rules):
        return None
    pushed_at = change.pushed_at if isinstance(change, PushEvent) else None
    if pushed_at is not None and last.began > pushed_at + at.skew:
        return last
    later = (
        isinstance(change, PushEvent) and change.dated and pushed_at is not None and pushed_at > last.began
    )
    return last if carries(last, change) and not later else None


def carries(update: UpdateMemory, change: Change) -> bool:
    """Whether the update, or one before it, was for this very change."""
    return _short(change) in update.change_ids or change.change_id[:BEFORE_LENGTH] in update.change_ids


def asked_anew(changes: Iterable[Change], memory: UpdateMemory | None) -> bool:
    """Whether a person asks for something that no update was made for: a task may run twice.

    Args:
        changes: what an update is for.
        memory: what the cache remembers.
    """
    asked = (change for change in changes if change.by_person)
    return any(memory is None or not carries(memory, change) for change in asked)


def has_wanted_list(cache: ImageCache, change: Change, rules: Rules = NO_RULES) -> bool:
    """Whether the cache's list is one that the change can have landed in.

    For a request, the list that it sets, if it sets one; for a push, a list with the pushed tag.
    """
    if isinstance(change, CacheRequest):
        return change.images is None or change.images == cache.images
    entries = entries_of(cache.images, rules, (rules.identity(change.registry), change.repository))
    return any(entry.tag == change.tag and not entry.pinned for entry in entries)


def image_id(push: PushEvent) -> str:
    """A short id of the pushed image: its reference, and its digest if known."""
    return _hashed(push.image, push.digest or "")[:IMAGE_LENGTH]


def tag_id(registry: str, repository: str, tag: str) -> str:
    """A short id of a tag, by the registry's identity, aliases resolved."""
    return _hashed(registry, repository, tag)[:IMAGE_LENGTH]


def _own_tags(cache: ImageCache, value: str, noted: Mapping[str, str], room: int) -> dict[str, str]:
    """Our tags. One that is there is sent again, or there could be one too many where tags are merged."""
    before = dict(cache.tags)
    ours = {MEMORY_TAG: value}
    ours |= {key: noted.get(key, before[key]) for key in (PUSHED_TAG, DIGESTS_TAG) if key in before}
    for key, text in noted.items():
        if key in ours or len(ours) < room:
            ours[key] = text
    return ours


def _took(memory: UpdateMemory, ended: datetime | None) -> timedelta | None:
    """How long the rebuild took, in whole seconds; None if it is not known that it ended."""
    if ended is None or ended < memory.began:
        return None
    return believed(max(1, round((ended - memory.began).total_seconds())))


def _short(change: Change) -> str:
    return _hashed(change.change_id)[:CHANGE_LENGTH]


def _hashed(*parts: str) -> str:
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return base64.urlsafe_b64encode(digest).decode("ascii")
