"""The oracle: whether every cache ended fresh, from what was pushed and what ECI really did.

Pure: no I/O, no clock, and no word of the library's, so that an error there cannot hide itself here. It knows
nothing of deliveries, faults or records but what it is told as a claim or as given up.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

__all__ = ["Cache", "Claim", "Finding", "GivenUp", "Kind", "Push", "Update", "judge", "staleness", "unneeded"]

READY = "Ready"
REBUILD = "rebuild"


@dataclass(frozen=True)
class Push:
    """An image was pushed.

    Attributes:
        event_id: of the event that tells it; duplicates have the same.
        image: its name, the same for all forms in which a cache may list it.
        at: when, in seconds since the epoch.
    """

    event_id: str
    image: str
    at: float


@dataclass(frozen=True)
class Cache:
    """An image cache, from its creation and from its end.

    Attributes:
        image_cache_id: its id.
        listed: the list that it was created with, as written.
        images: the names of the images that a push can make stale; what it pins by digest is not among them.
        listed_at_end: the list in the end.
        status: in the end.
        remembers: whether it can keep a tag that says when its last update began.
        joined: whether Function Compute tells that a task is stored already, so that those who wait share it.
    """

    image_cache_id: str
    listed: tuple[str, ...]
    images: frozenset[str]
    listed_at_end: tuple[str, ...]
    status: str
    remembers: bool = True
    joined: bool = True


@dataclass(frozen=True)
class Update:
    """An update that ECI accepted.

    Attributes:
        image_cache_id: of the cache.
        kind: ``rebuild``, or anything else where no images were pulled.
        started_at: in seconds since the epoch.
        ended_at: likewise; None while it is under way.
        status: that it left; None while it is under way.
        images: the list that it built.
    """

    image_cache_id: str
    kind: str
    started_at: float
    ended_at: float | None
    status: str | None
    images: tuple[str, ...]


@dataclass(frozen=True)
class Claim:
    """A record that says that a cache has a push and is Ready.

    Attributes:
        image_cache_id: of the cache.
        event_id: of the push.
        at: when it was said, in seconds since the epoch.
    """

    image_cache_id: str
    event_id: str
    at: float


@dataclass(frozen=True)
class GivenUp:
    """An event that nobody will try again, and anybody can see.

    A dead letter, a refused sender, or ECI's word that the cache needs no update.

    Attributes:
        event_id: of the push.
        image_cache_id: the one cache that it was given up for; empty for all.
    """

    event_id: str
    image_cache_id: str = ""


class Kind(Enum):
    """What can be wrong."""

    STALE = "a push is missing from a cache"
    NOT_READY = "a cache did not end Ready"
    LIST_CHANGED = "a list was changed, or not sent"
    UNINVOLVED = "a cache was updated that lists nothing that was pushed"
    UNBOUNDED = "a cache was updated more often than its pushes and failures explain"
    FALSE_CLAIM = "a record says that a push landed, and it had not"


@dataclass(frozen=True)
class Finding:
    """Something that is not as it has to be.

    Attributes:
        kind: what.
        image_cache_id: where.
        image: the name of the image, where it is about one.
        text: for a person.
        explained: everything that it can come from was given up visibly, or the cache has a stored task that
            waits for a later time, so nothing was lost in silence.
    """

    kind: Kind
    image_cache_id: str
    image: str
    text: str
    explained: bool = False


def judge(
    caches: Iterable[Cache],
    pushes: Iterable[Push],
    updates: Sequence[Update],
    claims: Iterable[Claim] = (),
    given_up: Collection[GivenUp] = (),
    postponed: Collection[str] = (),
) -> list[Finding]:
    """Everything that is wrong; an empty list where every push that concerns a cache is in it.

    Args:
        caches: all of them.
        pushes: all of them, in any order.
        updates: that ECI accepted, in any order.
        claims: that the records make.
        given_up: events that were given up where it can be seen.
        postponed: ids of caches for which a task is stored that updates them after the run.
    """
    by_image: dict[str, list[Push]] = {}
    by_event: dict[str, Push] = {}
    for push in pushes:
        by_image.setdefault(push.image, []).append(push)
        by_event[push.event_id] = push
    by_cache: dict[str, list[Update]] = {}
    for update in sorted(updates, key=lambda one: one.started_at):
        by_cache.setdefault(update.image_cache_id, []).append(update)
    findings: list[Finding] = []
    for cache in caches:
        made = by_cache.get(cache.image_cache_id, [])
        concerned = {image: by_image[image] for image in sorted(cache.images & by_image.keys())}
        excused = {one.event_id for one in given_up if one.image_cache_id in {"", cache.image_cache_id}}
        if cache.image_cache_id in postponed:
            # Such a task acts for all that waits for its cache.
            excused |= {push.event_id for pushed in concerned.values() for push in pushed}
        findings += _lists(cache, made)
        all_pushed = [push for pushed in concerned.values() for push in pushed]
        findings += _unbounded(cache, made, all_pushed)
        if made and not concerned:
            text = f"{len(made)} updates, and no push of {sorted(cache.images)}"
            findings.append(Finding(Kind.UNINVOLVED, cache.image_cache_id, "", text))
        for image, pushed in concerned.items():
            findings += _stale(cache, image, pushed, made, excused)
        findings += _not_ready(cache, made, concerned, excused)
    return findings + _false(claims, by_event, by_cache)


def staleness(caches: Iterable[Cache], pushes: Iterable[Push], updates: Iterable[Update]) -> list[float]:
    """For each push and each cache that it concerns, how long the cache was without it, in seconds.

    That is until the end of the first rebuild that began after the push and ended Ready. A push that never
    came to a cache is not among them: that is ``judge``'s to tell.
    """
    by_image: dict[str, list[Push]] = {}
    for push in pushes:
        by_image.setdefault(push.image, []).append(push)
    built: dict[str, list[tuple[float, float]]] = {}
    for update in updates:
        if update.kind == REBUILD and update.status == READY and update.ended_at is not None:
            built.setdefault(update.image_cache_id, []).append((update.started_at, update.ended_at))
    waits = []
    for cache in caches:
        made = built.get(cache.image_cache_id, [])
        for push in (push for image in cache.images for push in by_image.get(image, ())):
            ends = [ended_at for started_at, ended_at in made if started_at > push.at]
            if ends:
                waits.append(min(ends) - push.at)
    return waits


def unneeded(made: Sequence[Update], pushes: Iterable[Push]) -> tuple[int, int]:
    """How many updates of one cache were needed when they began, and how many were not.

    One is needed where a push that concerns the cache came since the last rebuild that ended Ready began.

    Args:
        made: the updates, oldest first.
        pushes: those that concern the cache.
    """
    times = sorted(push.at for push in pushes)
    built = float("-inf")
    needed = 0
    for update in made:
        needed += any(built <= at < update.started_at for at in times)
        if update.kind == REBUILD and update.status == READY:
            built = update.started_at
    return needed, len(made) - needed


def _unbounded(cache: Cache, made: Sequence[Update], pushes: Sequence[Push]) -> Iterable[Finding]:
    # A push that arrives late or without a time may cost one too many; where nothing is remembered, each push
    # may that comes once more after the update that has it.
    needed, too_many = unneeded(made, pushes)
    if pushes and too_many > max(1, needed if cache.remembers else len(pushes)):
        text = f"{needed} updates were needed, and {too_many} more were made"
        yield Finding(Kind.UNBOUNDED, cache.image_cache_id, "", text)


def _lists(cache: Cache, made: Sequence[Update]) -> Iterable[Finding]:
    identifier = cache.image_cache_id
    if cache.listed_at_end != cache.listed:
        text = f"{list(cache.listed)} became {list(cache.listed_at_end)}"
        yield Finding(Kind.LIST_CHANGED, identifier, "", text)
    for update in made:
        if update.kind != REBUILD or update.images != cache.listed:
            text = f"{update.kind} at {update.started_at:.3f} with {list(update.images)}"
            yield Finding(Kind.LIST_CHANGED, identifier, "", text)


def _stale(
    cache: Cache, image: str, pushed: Sequence[Push], made: Sequence[Update], excused: Collection[str]
) -> Iterable[Finding]:
    built = max(
        (update.started_at for update in made if update.kind == REBUILD and update.status == READY),
        default=float("-inf"),
    )
    # A rebuild that began in the very moment of the push need not have it.
    missing = [push for push in pushed if push.at >= built]
    if missing:
        named = ", ".join(f"{push.event_id} at {push.at:.3f}" for push in missing)
        text = f"pushed: {named}; the last rebuild that ended Ready began at {built:.3f}"
        explained = all(push.event_id in excused for push in missing)
        yield Finding(Kind.STALE, cache.image_cache_id, image, text, explained)


def _not_ready(
    cache: Cache,
    made: Sequence[Update],
    concerned: dict[str, list[Push]],
    excused: Collection[str],
) -> Iterable[Finding]:
    last = made[-1] if made else None
    if cache.status == READY and (last is None or last.status == READY):
        return
    events = {push.event_id for pushed in concerned.values() for push in pushed}
    text = f"it is {cache.status}; the last of {len(made)} updates ended as {last.status if last else None}"
    yield Finding(Kind.NOT_READY, cache.image_cache_id, "", text, not events.isdisjoint(excused))


def _false(
    claims: Iterable[Claim], by_event: dict[str, Push], by_cache: dict[str, list[Update]]
) -> list[Finding]:
    findings = []
    for claim in claims:
        push = by_event.get(claim.event_id)
        if push is not None and not any(
            update.kind == REBUILD
            and update.status == READY
            and update.started_at > push.at
            and update.ended_at is not None
            and update.ended_at <= claim.at
            for update in by_cache.get(claim.image_cache_id, [])
        ):
            text = f"{claim.event_id} of {push.at:.3f} was said to have landed at {claim.at:.3f}"
            findings.append(Finding(Kind.FALSE_CLAIM, claim.image_cache_id, push.image, text))
    return findings
