"""Which list a cache goes back to: one that records tell of, or the present one with an earlier tag. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

from imagecache.base.errors import InputError
from imagecache.base.reasons import Result
from imagecache.model.image_cache import READY, ImageCache
from imagecache.model.reference import check_tag, parse_reference
from imagecache.model.registry_identity import registry_identity
from imagecache.policy.list_entries import Entry, entries_of
from imagecache.policy.rules import NO_RULES

from ..problem import Problem
from ..sources.record import Record
from ..wording import cache_text, moment_text, names_of

_IDS = ("event_id", "change_id", "request_id", "task_id")
_NAME_IT = "Say which with --to TAG, or --to and the id of an event, a change, an invocation or a task."


class Earlier(NamedTuple):
    """A list to go back to, and where it is from, as the end of a sentence."""

    images: tuple[str, ...]
    origin: str


class _Served(NamedTuple):
    """A list with which the cache was Ready, and when it was first seen so."""

    images: tuple[str, ...]
    at: datetime


def list_before(cache: ImageCache, records: Sequence[Record]) -> Earlier:
    """The list that a cache served last before it first got the one that it has.

    So a cache that went back once is not brought forward again.

    Args:
        cache: as it is.
        records: the oldest first.

    Raises:
        Problem: when no record tells of one.
    """
    served = _served(cache, records)
    known = [images for images, _ in served]
    end = known.index(cache.images) if cache.images in known else len(known)
    if end == 0:
        raise Problem(
            f"of {len(records)} records none tells what {cache_text(cache)} served before its list", _NAME_IT
        )
    images, at = served[end - 1]
    return Earlier(images, f"as it was at {moment_text(at)}")


def named_list(cache: ImageCache, records: Sequence[Record], to: str) -> Earlier:
    """The list that a person names.

    Args:
        cache: as it is.
        records: the oldest first; none where nobody gave any.
        to: an id in a record, a tag, or a reference with a tag.

    Raises:
        Problem: when it means nothing, or more than one thing.
    """
    with_id = [record for record in records if to in {record.text(key) for key in _IDS}]
    if with_id:
        return _of_record(cache, with_id, to)
    return _with_tag(cache, records, to)


def images_of(record: Record, key: str) -> tuple[str, ...]:
    """A list in a record; empty where it has none."""
    members: Any = record.facts.get(key)
    return tuple(map(str, members)) if isinstance(members, list) else ()


def _of_cache(cache: ImageCache, records: Sequence[Record]) -> list[Record]:
    return [record for record in records if record.cache == (cache.region_id, cache.image_cache_id)]


def _served(cache: ImageCache, records: Sequence[Record]) -> list[_Served]:
    seen = [
        _Served(images_of(record, "images_before"), record.at)
        for record in _of_cache(cache, records)
        if record.text("cache_status") == READY and images_of(record, "images_before")
    ]
    return [next(group) for _, group in groupby(seen, key=lambda each: each.images)]


def _of_record(cache: ImageCache, with_id: Sequence[Record], to: str) -> Earlier:
    """The list that a cache had after what records tell of."""
    keys = {Result.REFRESHED.value: "images_after", Result.LANDED.value: "images_before"}
    for record in reversed(_of_cache(cache, with_id)):
        images = images_of(record, keys.get(record.result, ""))
        if images:
            return Earlier(images, f"as {to} left it")
    raise Problem(f"{len(with_id)} records have the id {to}, and none is an update of {cache_text(cache)}")


def _with_tag(cache: ImageCache, records: Sequence[Record], to: str) -> Earlier:
    repository, tag = _read(to)
    entries = [entry for entry in entries_of(cache.images, NO_RULES) if not entry.pinned]
    places: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        places.setdefault((entry.registry, entry.repository), []).append(entry)
    wanted = set(places) if repository is None else {repository} & set(places)
    if not wanted:
        # The end of a listed name is enough.
        wanted = {each for each in places if "/".join(each).endswith(f"/{to.rpartition(':')[0]}")}
    if len(wanted) > 1:
        had = {
            (entry.registry, entry.repository)
            for each in _served(cache, records)
            for entry in entries_of(each.images, NO_RULES)
            if entry.tag == tag
        }
        wanted = wanted & had or wanted
    names = sorted("/".join(each) for each in wanted)
    if not wanted:
        raise Problem(f"{cache_text(cache)} lists no tag of {to.rpartition(':')[0] or 'anything'}")
    if len(wanted) > 1:
        raise Problem(
            f"{cache_text(cache)} lists {names_of(names, last='and')}: which of them goes back to {tag}?",
            f"Name it: --to {names[0]}:{tag}",
        )
    replaced = places[wanted.pop()]
    images = [
        f"{replaced[0].stem}:{tag}" if position == replaced[0].position else image
        for position, image in enumerate(cache.images)
        if position not in {entry.position for entry in replaced[1:]}
    ]
    return Earlier(tuple(images), f"with {tag} of {names[0]}")


def _read(to: str) -> tuple[tuple[str, str] | None, str]:
    """Registry identity and path, where they are named, and the tag."""
    try:
        if "/" not in to and ":" not in to:
            return None, check_tag(to)
        reference = parse_reference(to)
        identity = registry_identity(reference.host), reference.repository
    except InputError as error:
        raise Problem(f"--to {to} is in no record, and no tag either: {error.message}", _NAME_IT) from None
    if reference.tag is None or reference.digest is not None:
        raise Problem(f"--to {to} names no tag alone", "An image to go back to is [HOST/]PATH:TAG.")
    return identity, reference.tag
