"""What became of each push, cache by cache, by the records. Pure: must not know the servers or a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

__all__ = ["Fate", "Push", "Step", "fates_of"]


@dataclass(frozen=True)
class Push:
    """An image that was pushed.

    Attributes:
        number: of the push, from 1.
        image: with its registry and tag.
        content: what is new in it, in words.
        digest: of its manifest.
        at: when the push began, in seconds since the epoch.
    """

    number: int
    image: str
    content: str
    digest: str
    at: float


@dataclass(frozen=True)
class Step:
    """What was done about a push at one cache, by one record.

    Attributes:
        after: seconds since the push began.
        result: of the record.
        what: the rest of it in words.
    """

    after: float
    result: str
    what: str


@dataclass(frozen=True)
class Fate:
    """What became of the pushes.

    Attributes:
        steps: number of the push -> name of the cache -> its steps in order.
        others: how many records there are, by result and reason, that name none of these pushes.
    """

    steps: Mapping[int, Mapping[str, Sequence[Step]]]
    others: Mapping[tuple[str, str], int]


def fates_of(pushes: Iterable[Push], outcomes: Iterable[Mapping[str, Any]]) -> Fate:
    """Give each record to the push that it is about.

    A record of an entry point names the image and its digest. One of a follow task is about each push of
    which a record has the task's id; it is told once, with the push that came to the task first.

    Args:
        pushes: all so far.
        outcomes: the records so far, in order.
    """
    known = {push.number: push for push in pushes}
    numbers = {(push.image, push.digest): push.number for push in known.values()}
    waiting: dict[str, list[int]] = {}
    given: list[tuple[Sequence[int], Mapping[str, Any]]] = []
    others: Counter[tuple[str, str]] = Counter()
    for outcome in outcomes:
        about = _about(outcome, numbers, waiting)
        if not about:
            others[outcome["result"], outcome["reason"]] += 1
            continue
        given.append((about, outcome))
        if "follow_task_id" in outcome:
            joined = waiting.setdefault(outcome["follow_task_id"], [])
            joined += [number for number in about if number not in joined]
    steps: dict[int, dict[str, list[Step]]] = {number: {} for number in known}
    for about, outcome in given:
        first = about[0]
        cache = outcome.get("image_cache_name", "")
        step = Step(
            datetime.fromisoformat(outcome["time"].replace("Z", "+00:00")).timestamp() - known[first].at,
            outcome["result"],
            _words(outcome, about, waiting),
        )
        steps[first].setdefault(cache, []).append(step)
    return Fate(steps, others)


def _about(
    outcome: Mapping[str, Any], numbers: Mapping[tuple[Any, Any], int], waiting: Mapping[str, list[int]]
) -> Sequence[int]:
    """The pushes that a record is about, that one first with which it is told."""
    if "task_id" in outcome:
        # Not a copy: others may come to the task until it runs.
        return waiting.get(outcome["task_id"], ())
    number = numbers.get((outcome.get("image"), outcome.get("digest")))
    return () if number is None else (number,)


def _words(outcome: Mapping[str, Any], about: Sequence[int], waiting: Mapping[str, list[int]]) -> str:
    words = [outcome["reason"]]
    if "staleness_seconds" in outcome:
        words.append(f"{outcome['staleness_seconds']:.1f} s stale")
    if len(about) > 1 and outcome["result"] == "refreshed":
        words.append(f"for pushes {_listed(about)}")
    if outcome["result"] == "deferred" and "follow_task_id" in outcome:
        first = waiting[outcome["follow_task_id"]][0]
        if first != about[0]:
            words.append(f"waits with push {first}")
    return ", ".join(words)


def _listed(numbers: Sequence[int]) -> str:
    first, *_, last = ordered = sorted(numbers)
    if ordered == list(range(first, last + 1)) and len(ordered) > 2:  # noqa: PLR2004 - two are no range
        return f"{first} to {last}"
    return f"{', '.join(map(str, ordered[:-1]))} and {last}"
