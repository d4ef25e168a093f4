"""The life of a change, step by step: reported, decided, waiting until, updated, landed. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..sources.record import Record, read_time
from ..wording import duration_text, moment_text
from .history import Fate, History, changes_of
from .image_match import image_matches

_STEPS = {"refreshed": "updated", "rejected": "refused"}
_BUILDING = "UPDATE_RUNNING"
"""The reason of a wait that ends when an update does."""
_NAMES = ("event_id", "request_id", "change_id", "image_cache_id", "image_cache_name", "task_id")
_BAD = frozenset({"failed", "rejected"})


@dataclass(frozen=True)
class Step:
    """One line of a life.

    Attributes:
        at: when.
        after: seconds since it began.
        step: a word.
        cache: the image cache as a person calls it; empty for none.
        what: the rest in words.
    """

    at: datetime
    after: float
    step: str
    cache: str
    what: str


@dataclass(frozen=True)
class Life:
    """One change, or one event that led to none.

    Attributes:
        records: all of it, and of the tasks that went on with it, oldest first; never empty.
        fates: what became of it, for each cache.
        history: that it is a part of.
    """

    records: tuple[Record, ...]
    fates: tuple[Fate, ...]
    history: History

    @property
    def failed(self) -> bool:
        """Whether it ended badly for a cache, or was refused."""
        ends = [fate.last for fate in self.fates] or self.records[-1:]
        return any(record.result in _BAD for record in ends)

    @property
    def title(self) -> str:
        """What it is, in words."""
        first = self.records[0]
        by = " ".join(filter(None, (first.text("source"), first.text("event_id"))))
        what = f"A push of {first.text('image')}" if first.text("image") else "A request"
        what = what if first.change else "An event that led to nothing"
        return f"{what} ({by})" if by else what

    @property
    def open(self) -> tuple[str, ...]:
        """The caches of which no end is recorded, as a person calls them."""
        return tuple(fate.last.cache_name for fate in self.fates if fate.waits and fate.cache[1])

    @property
    def steps(self) -> Iterator[Step]:
        """Its steps, oldest first."""
        first = self.records[0]
        begin, pushed = first.at, read_time(first.text("pushed_at"))
        if pushed is not None and pushed <= begin:
            begin = pushed
            source = first.text("source") or "the event"
            yield Step(pushed, 0, "pushed", "", f"at the latest, as {source} states it")
        received = set()
        for number, record in enumerate(self.records):
            after = (record.at - begin).total_seconds()
            request = record.text("request_id")
            if record.door != "on_follow" and request not in received:
                received.add(request)
                yield Step(record.at, after, "received", "", f"by {record.door}, request {request}")
            same = _attempt(record)
            # Of attempts that ended alike the last one is shown.
            if any(_attempt(later) == same for later in self.records[number + 1 :]):
                continue
            tries = sum(_attempt(each) == same for each in self.records)
            yield Step(record.at, after, _step(record), record.cache_name, self._what(record, tries))

    def _what(self, record: Record, tries: int) -> str:
        parts = [": ".join(filter(None, (record.why, record.text("message"))))]
        stale, fate = record.number("staleness_seconds"), record.text("fate")
        if stale is not None:
            parts.append(f"stale for {duration_text(stale)}")
        if record.result == "deferred":
            ran = self.history.next_of(record)
            parts.append(f"until {moment_text(ran[0].at)}" if ran else "its task has not run yet")
        if fate:
            words = {"retried": "it is tried again", "on_failure_queue": "it goes to the on-failure queue"}
            parts.append(words.get(fate, fate))
        if tries > 1:
            parts.append(f"{tries} attempts")
        return "; ".join(parts)

    def document(self) -> dict[str, Any]:
        """All of it, for JSON."""
        first = self.records[0]
        keys = ("change_id", "event_id", "source", "image", "digest", "pushed_at")
        return {
            **{key: first.text(key) or None for key in keys},
            "failed": self.failed,
            "open": [fate.cache[1] for fate in self.fates if fate.waits and fate.cache[1]],
            "fates": [_fate_document(fate) for fate in self.fates],
            "records": [record.facts for record in self.records],
        }


def lives_of(history: History, what: str) -> list[Life]:
    """The lives that a person means, oldest first.

    Args:
        history: all records.
        what: the id of an event, a request, a change or a task, an image, or the name or id of a cache. Of a
            cache only what concerned it is told.
    """
    named = [record for record in history.records if _is_named(record, what)]
    caches = {record.cache for record in named if what in {record.cache[1], record.text("image_cache_name")}}
    fates = history.fates_by_change
    lives = []
    for change in changes_of(named):
        records, ends = history.life(history.by_change[change]), fates[change]
        if any(record.cache in caches for record in history.by_change[change]):
            records = [record for record in records if not record.cache[1] or record.cache in caches]
            ends = [fate for fate in ends if fate.cache in caches]
        lives.append(Life(tuple(records), tuple(ends), history))
    alone = History(tuple(record for record in named if not record.change)).decided
    lives += [Life(each.attempts, (), history) for each in alone]
    return sorted(lives, key=lambda life: life.records[0].at)


def _is_named(record: Record, what: str) -> bool:
    named = any(record.text(key) == what for key in _NAMES)
    return named or image_matches(what, record.text("image"), record.text("digest"))


def _step(record: Record) -> str:
    if record.result == "deferred" and record.reason == _BUILDING:
        return "building"
    return _STEPS.get(record.result, record.result)


def _attempt(record: Record) -> tuple[str, ...]:
    return (*record.counted_as, record.result, record.reason)


def _fate_document(fate: Fate) -> dict[str, Any]:
    return {
        "region_id": fate.cache[0] or None,
        "image_cache_id": fate.cache[1] or None,
        "image_cache_name": fate.last.text("image_cache_name") or None,
        "result": fate.last.result,
        "reason": fate.last.reason,
        "at": fate.last.at.isoformat(),
        "waits_for_a_task": fate.waits,
    }
