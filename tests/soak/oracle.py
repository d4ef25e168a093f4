"""The oracle: whether every cache ended fresh, from what was pushed and what ECI really did.

Pure: no I/O, no clock, and no word of the library's, so that an error there cannot hide itself here. It knows
nothing of deliveries, faults or records but what it is told as a claim or as given up.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from .facts import Cache, Claim, Finding, GivenUp, Kind, Push, Update

__all__ = ["judge", "staleness", "unneeded"]

READY = "Ready"
REBUILD = "rebuild"
MOST_REPAIRS = 4
"""Updates in a row that a cache in UpdateFailed needs, whatever was pushed: of its chain, and of a sweep."""


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

    One is needed where a push that concerns the cache came since the last rebuild that ended Ready began, or
    where the update before it failed, a bounded number of times in a row: no cache is left in UpdateFailed,
    whatever that update was for.

    Args:
        made: the updates, oldest first.
        pushes: those that concern the cache.
    """
    times = sorted(push.at for push in pushes)
    built = float("-inf")
    needed = failures = 0
    for update in made:
        waited_for = any(built <= at < update.started_at for at in times)
        needed += waited_for or 0 < failures <= MOST_REPAIRS
        failures = failures + 1 if update.status not in {READY, None} else 0
        if update.kind == REBUILD and update.status == READY:
            built = update.started_at
    return needed, len(made) - needed


def _unbounded(cache: Cache, made: Sequence[Update], pushes: Sequence[Push]) -> Iterable[Finding]:
    # For each update that is needed one too many is allowed, for what may have been merged into the task that
    # waited; one for pushes that waited for two due times; one whenever a push comes without its exact time.
    # Where nothing is remembered, one for each push, which may come again after the update that has it; where
    # tasks are not joined, for whatever is sent; where a task is given twice, all twice.
    needed, too_many = unneeded(made, pushes)
    told = sum(push.told for push in pushes)
    bound = needed + 1 + sum(push.told for push in pushes if not push.exact)
    if not (cache.joined and cache.remembers):
        bound = max(bound, len(pushes) if cache.joined else told)
    if pushes and too_many > cache.copies * bound:
        text = (
            f"{needed} updates were needed, and {too_many} more were made; "
            f"{len(pushes)} pushes were sent {told} times"
        )
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
