"""The life of a push, put together from records: received, decided, deferred, updated, landed. Pure.

What waits for one cache shares its follow tasks, so a record of a task may name another change than the one
that it also ends: the ids of tasks join them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imagecache.base.errors import InputError
from imagecache.base.reasons import Result
from imagecache.model.reference import parse_reference
from imagecache.model.registry_identity import registry_identity

from ..sources.record_lines import Record, moment_of

_ENDED = frozenset(result.value for result in Result) - {Result.DEFERRED.value, Result.REFRESHED.value}
"""Results after which nothing more comes of a change for a cache."""


@dataclass(frozen=True)
class Life:
    """One change and what became of it.

    Attributes:
        change_id: of the change.
        records: all that tell of it, the oldest first.
    """

    change_id: str
    records: tuple[Record, ...]

    @property
    def first(self) -> Record:
        """The record of the change itself that was written first."""
        return next(record for record in self.records if record.get("change_id") == self.change_id)

    @property
    def ends(self) -> Mapping[str, Record]:
        """Id of a cache -> the last record about it."""
        return {record["image_cache_id"]: record for record in self.records if "image_cache_id" in record}

    @property
    def open(self) -> Sequence[str]:
        """The ids of the caches of which no end is recorded."""
        return [key for key, record in self.ends.items() if record["result"] not in _ENDED]

    def as_document(self) -> dict[str, Any]:
        """All of it, for JSON."""
        known = ("source", "event_id", "image", "digest", "pushed_at")
        return {
            "change_id": self.change_id,
            **{key: self.first.get(key) for key in known},
            "open": list(self.open),
            "records": list(self.records),
        }


def lives_of(records: Sequence[Record], subject: str) -> list[Life]:
    """The lives of the changes that a subject means, the oldest first.

    Args:
        records: the oldest first.
        subject: an id of an event, a change, an invocation or a task, an image with or without its tag, or a
            cache's id or name: then only what happened to that cache.
    """
    images = _images(subject)
    wanted = [
        record["change_id"] for record in records if "change_id" in record and _means(record, subject, images)
    ]
    caches = {record["image_cache_id"] for record in records if _is_cache(record, subject)}
    lives = []
    for change_id in dict.fromkeys(wanted):
        told = list(_of_change(records, change_id))
        of_cache = [record for record in told if record.get("image_cache_id") in caches]
        own = any(record.get("change_id") == change_id for record in of_cache)
        lives.append(Life(change_id, tuple(of_cache if own else told)))
    return lives


def _is_cache(record: Record, subject: str) -> bool:
    return "image_cache_id" in record and subject in {
        record["image_cache_id"],
        record.get("image_cache_name"),
    }


def _means(record: Record, subject: str, images: frozenset[str]) -> bool:
    ids = ("event_id", "change_id", "request_id", "task_id", "image_cache_id", "image_cache_name")
    image = record.get("image", "")
    return (
        subject in {record.get(key) for key in ids} or image in images or image.rpartition(":")[0] in images
    )


def _images(subject: str) -> frozenset[str]:
    """How records name an image, or a repository where it is named without a tag; nothing for other texts."""
    try:
        reference = parse_reference(subject)
        name = f"{registry_identity(reference.host)}/{reference.repository}"
    except InputError:
        return frozenset()
    return frozenset({f"{name}:{reference.tag}"} if reference.tag else {name})


def _of_change(records: Iterable[Record], change_id: str) -> Iterable[Record]:
    """Its own records, and those of the tasks that it waits for, in the order of their time."""
    tasks: set[str] = set()
    # A task's record is written after the one that stored it, so one way through is enough.
    for record in records:
        if record.get("change_id") == change_id or record.get("task_id") in tasks:
            tasks.add(record.get("follow_task_id", ""))
            tasks.discard("")
            yield record


def since_push(life: Life, record: Record) -> float:
    """Seconds from the push, or from the first record where its time is not known, to a record."""
    began = moment_of(life.first, "pushed_at" if "pushed_at" in life.first else "time")
    return (moment_of(record) - began).total_seconds()
