"""The story of one run, all of it from its seed: which image is pushed when, and how each push is told.

Must not know servers, the time of day, or how an event looks on the wire.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from .cast import EVENT_BUS, WEBHOOK, Image, Listed, make_cache, make_images, season

__all__ = ["Delivery", "PushPlan", "Story", "tell"]

IMAGES_PER_CACHE = 3
PUSHES_PER_SECOND = 8.0
SHARE_DUPLICATED = 0.1
SHARE_REORDERED = 0.2
SHARE_BATCHED = 0.15
SHARE_BURST = 0.06
LONGEST_BURST = 8
LAG_SECONDS = 0.3
REORDER_SECONDS = 4.0
DUPLICATE_SECONDS = 6.0

_TIME_FORMS = {
    WEBHOOK: ("zulu", "zulu", "zulu", "seconds", "china"),
    EVENT_BUS: ("zulu", "zulu", "seconds", "china", "none"),
}


@dataclass(frozen=True)
class PushPlan:
    """A push that will happen.

    Attributes:
        event_id: of the event that tells it.
        image: what is pushed.
        at: when, in seconds from the beginning.
        time_form: how the event writes the time: zulu, china, seconds (no fraction), none.
    """

    event_id: str
    image: Image
    at: float
    time_form: str

    @property
    def exact(self) -> bool:
        """Whether the event tells the time finer than the second."""
        return self.time_form not in {"seconds", "none"}

    @property
    def digest(self) -> str:
        """Of what was pushed: new with each push."""
        return f"sha256:{hashlib.sha256(self.event_id.encode()).hexdigest()}"


@dataclass(frozen=True)
class Delivery:
    """One message to the application.

    Attributes:
        at: when it is sent first, in seconds from the beginning; never before its pushes.
        source: what kind of message.
        pushes: that it tells; more than one only where the format can.
        noisy: whether it tells of a pull as well, where the format can.
    """

    at: float
    source: str
    pushes: tuple[PushPlan, ...]
    noisy: bool


@dataclass(frozen=True)
class Story:
    """All of it, in order of time."""

    caches: tuple[Listed, ...]
    pushes: tuple[PushPlan, ...]
    deliveries: tuple[Delivery, ...]


def tell(seed: int, pushes: int, caches: int) -> Story:
    """The story of a seed.

    Args:
        seed: the same one gives the same story.
        pushes: how many.
        caches: how many.
    """
    rng = random.Random(seed)  # noqa: S311 - a story, not a secret
    pushed, quiet = make_images(rng, IMAGES_PER_CACHE * caches)
    listed = tuple(make_cache(rng, number, pushed, quiet) for number in range(caches))
    planned = tuple(_pushes(rng, pushed, pushes))
    return Story(listed, planned, tuple(_deliveries(rng, planned)))


def _pushes(rng: random.Random, images: Sequence[Image], count: int) -> Iterable[PushPlan]:
    """Single pushes and bursts of one image, by a rate that is constant on average."""
    at, burst, image = 0.0, 0, images[0]
    for number in range(count):
        if burst:
            burst -= 1
            at += rng.uniform(0.0, 0.2)
        else:
            image = rng.choice(season(images, number / count))
            burst = rng.randint(2, LONGEST_BURST) if rng.random() < SHARE_BURST else 0
            at += rng.expovariate(PUSHES_PER_SECOND)
        event_id = f"{rng.getrandbits(64):016x}-{number}"
        yield PushPlan(event_id, image, at, rng.choice(_TIME_FORMS[image.source]))


def _deliveries(rng: random.Random, pushes: Sequence[PushPlan]) -> Iterable[Delivery]:
    single: list[Delivery] = []
    for push in pushes:
        late = REORDER_SECONDS if rng.random() < SHARE_REORDERED else LAG_SECONDS
        times = [push.at + rng.uniform(0.0, late)]
        if rng.random() < SHARE_DUPLICATED:
            times.append(push.at + rng.uniform(0.0, DUPLICATE_SECONDS))
        single += [Delivery(at, push.image.source, (push,), rng.random() < SHARE_BATCHED) for at in times]
    single.sort(key=lambda delivery: delivery.at)
    merged: set[int] = set()
    for index, (first, second) in enumerate(pairwise(single)):
        both = first.source == second.source == WEBHOOK and first.pushes != second.pushes
        if both and index not in merged and rng.random() < SHARE_BATCHED:
            merged.add(index + 1)
            yield Delivery(second.at, WEBHOOK, first.pushes + second.pushes, second.noisy)
        elif index not in merged:
            yield first
    if single and len(single) - 1 not in merged:
        yield single[-1]
