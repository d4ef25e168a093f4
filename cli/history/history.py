"""Records together: attempts at one decision count once, and a change goes on in stored tasks. Pure.

A record with ``follow_task_id`` goes on in the records with that ``task_id``, which may be of another change:
a task is shared by all changes that wait for a cache.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from ..sources.record import Cache, Record, in_order

GOES_ON = frozenset({"deferred", "refreshed", "unchanged"})
"""Results that a stored task may go on from."""


@dataclass(frozen=True)
class Decided:
    """One decision.

    Attributes:
        record: of the last attempt.
        attempts: all, oldest first.
    """

    record: Record
    attempts: tuple[Record, ...]


@dataclass(frozen=True)
class Fate:
    """What became of one change for one cache.

    Attributes:
        change: its id.
        cache: region and id; empty where no cache is concerned.
        last: the last record of it, or of the tasks that went on with it.
        waits: whether a task is stored of which there is no record.
    """

    change: str
    cache: Cache
    last: Record
    waits: bool


@dataclass(frozen=True)
class History:
    """Records, oldest first."""

    records: tuple[Record, ...]

    @staticmethod
    def of(records: Iterable[Record]) -> History:
        """The history that records in any order tell."""
        return History(tuple(in_order(records)))

    @cached_property
    def decided(self) -> tuple[Decided, ...]:
        """Each decision once, in the order of the last attempts."""
        groups: dict[tuple[str, ...], list[Record]] = defaultdict(list)
        for record in self.records:
            groups[record.counted_as].append(record)
        found = [Decided(attempts[-1], tuple(attempts)) for attempts in groups.values()]
        return tuple(sorted(found, key=lambda each: each.record.at))

    @cached_property
    def attempt_numbers(self) -> tuple[int, ...]:
        """Of each record, which attempt at its decision it is, from 0 on."""
        counts: dict[tuple[str, ...], int] = defaultdict(int)
        numbers = []
        for record in self.records:
            numbers.append(counts[record.counted_as])
            counts[record.counted_as] += 1
        return tuple(numbers)

    @cached_property
    def first_reports(self) -> dict[str, Record]:
        """The pushes that were reported: by the change's id, the first record of each."""
        found: dict[str, Record] = {}
        for record in self.records:
            if record.reported and record.change:
                found.setdefault(record.change, record)
        return found

    @cached_property
    def fates(self) -> tuple[Fate, ...]:
        """What became of each change, for each cache that it concerned."""
        return tuple(
            self._fate(change, cache, records)
            for (change, cache), records in self._by_change_and_cache.items()
        )

    @cached_property
    def fates_by_change(self) -> dict[str, list[Fate]]:
        """The same by the change's id."""
        found: dict[str, list[Fate]] = defaultdict(list)
        for fate in self.fates:
            found[fate.change].append(fate)
        return found

    def life(self, begin: Iterable[Record]) -> list[Record]:
        """Records, and those of the tasks that they and these stored, oldest first."""
        found: dict[int, Record] = {}
        todo = list(begin)
        while todo:
            record = todo.pop()
            if id(record) not in found:
                found[id(record)] = record
                todo += self.next_of(record)
        return in_order(found.values())

    def next_of(self, record: Record) -> Sequence[Record]:
        """The records of the task that a record stored; of a cache's task, those of that cache."""
        task = record.text("follow_task_id")
        ran = self._by_task.get(task, ()) if task else ()
        return [each for each in ran if not record.cache[1] or each.cache == record.cache]

    def _fate(self, change: str, cache: Cache, records: Sequence[Record]) -> Fate:
        last, waits, seen = records[-1], False, set()
        while last.text("follow_task_id") and last.text("follow_task_id") not in seen:
            seen.add(last.text("follow_task_id"))
            ran = self.next_of(last)
            if not ran:
                waits = last.result in GOES_ON
                break
            last = ran[-1]
        return Fate(change, cache, last, waits)

    @cached_property
    def by_change(self) -> dict[str, list[Record]]:
        """The records of each change, oldest first."""
        found: dict[str, list[Record]] = defaultdict(list)
        for record in self.records:
            found[record.change].append(record)
        return found

    @cached_property
    def _by_change_and_cache(self) -> dict[tuple[str, Cache], list[Record]]:
        found: dict[tuple[str, Cache], list[Record]] = defaultdict(list)
        for record in self.records:
            if record.change:
                found[record.change, record.cache].append(record)
        return found

    @cached_property
    def _by_task(self) -> dict[str, list[Record]]:
        found: dict[str, list[Record]] = defaultdict(list)
        for record in self.records:
            if record.text("task_id"):
                found[record.text("task_id")].append(record)
        return found


def changes_of(records: Iterable[Record]) -> Iterator[str]:
    """The ids of the changes of records, each once, in their order."""
    yield from dict.fromkeys(record.change for record in records if record.change)
