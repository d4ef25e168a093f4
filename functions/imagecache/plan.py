"""The plan: what a change asks of each image cache. Pure; no I/O, no environment, no clock.

For a push, policy ``exact``: a cache that lists the pushed tag is rebuilt with its full list; one that
lists another tag of the repository, or pins it by digest, is left alone and the record says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from .caches import ImageCache, Listing, cache_entries
from .changes import CacheRequest, Change, PushEvent
from .memory import LastUpdate, covering_update, last_update
from .reasons import Reason, Result

__all__ = ["Decision", "decide", "plan"]


@dataclass(frozen=True)
class Decision:
    """What one change asks of one cache, or of none.

    Attributes:
        change: the change.
        cache: the cache, None where no cache is concerned.
        result: the final result, or ``refreshed`` where an update is to be sent and ECI has to accept it.
        reason: why.
        message: one sentence for a person.
        images_after: the list that the update sends.
        caches_seen: how many caches were looked through.
        covered_by: the update that already has the change.
    """

    change: Change
    cache: ImageCache | None
    result: Result
    reason: Reason
    message: str
    images_after: tuple[str, ...] = ()
    caches_seen: int | None = None
    covered_by: LastUpdate | None = None


def plan(listings: Sequence[Listing], change: Change, skew: timedelta) -> list[Decision]:
    """Decide one change over all caches of the listed regions.

    Args:
        listings: the caches of each region.
        change: the change.
        skew: how far the registry's clock may be off.

    Returns:
        At least one decision: where no cache is concerned, one that says so.
    """
    decisions = [
        decision
        for listing in listings
        for cache in _candidates(listing, change)
        if (decision := decide(cache, change, skew)) is not None
    ]
    if isinstance(change, CacheRequest) and change.single and len(decisions) > 1:
        ids = ", ".join(decision.cache.image_cache_id for decision in decisions if decision.cache)
        return [
            Decision(
                change,
                None,
                Result.REJECTED,
                Reason.AMBIGUOUS_NAME,
                f"{len(decisions)} caches match: {ids}",
            )
        ]
    return decisions or [_nothing(listings, change)]


def decide(cache: ImageCache, change: Change, skew: timedelta) -> Decision | None:
    """Decide one change for one cache as it is described.

    Returns:
        The decision, or None where the change does not concern the cache.
    """
    wanted = _decide_push(cache, change) if isinstance(change, PushEvent) else _decide_request(cache, change)
    if wanted is None or wanted.result is not Result.REFRESHED:
        return wanted
    covering = covering_update(cache, change, skew)
    if covering is None:
        return wanted
    state = "ended Ready" if cache.updatable else "is running"
    message = f"an update that began at {covering.began.isoformat()} has it and {state}"
    return Decision(change, cache, Result.UNCHANGED, Reason.COVERED, message, covered_by=covering)


def _decide_push(cache: ImageCache, push: PushEvent) -> Decision | None:
    listed = [
        reference
        for registry, reference in cache_entries(cache)
        if registry == push.registry and reference.repository == push.repository
    ]
    if not listed:
        return None
    tags = [reference.effective_tag for reference in listed if reference.digest is None]
    if push.tag in tags:
        return _update(
            cache,
            push,
            Reason.TAG_REPUSHED,
            f"{push.image} is in the list",
            cache.images,
        )
    if tags:
        held = f"the cache lists {', '.join(tags)}; {push.tag} does not replace it"
        return Decision(push, cache, Result.IGNORED, Reason.POLICY_HOLDS, held)
    pinned = f"the cache lists {push.repository} by digest only"
    return Decision(push, cache, Result.IGNORED, Reason.PINNED_BY_DIGEST, pinned)


def _decide_request(cache: ImageCache, request: CacheRequest) -> Decision | None:
    if not request.selector.matches(cache):
        return None
    if request.statuses is not None and cache.status not in request.statuses:
        return None
    last = last_update(cache)
    if request.quiet_since and last and last.began > request.quiet_since:
        quiet = f"its last update began at {last.began.isoformat()} and is being followed"
        return Decision(request, cache, Result.IGNORED, Reason.FOLLOW_RUNNING, quiet)
    images = request.images or cache.images
    if request.images == cache.images and not request.force and cache.status == "Ready":
        same = "the cache has this list already; force rebuilds it"
        return Decision(request, cache, Result.UNCHANGED, Reason.LIST_UNCHANGED, same)
    return _update(cache, request, request.reason, f"asked for by {request.source}", images)


def _update(
    cache: ImageCache,
    change: Change,
    reason: Reason,
    message: str,
    images: tuple[str, ...],
) -> Decision:
    return Decision(change, cache, Result.REFRESHED, reason, message, images)


def _candidates(listing: Listing, change: Change) -> Iterable[ImageCache]:
    if isinstance(change, PushEvent):
        return listing.by_repository.get((change.registry, change.repository), ())
    return listing.caches


def _nothing(listings: Sequence[Listing], change: Change) -> Decision:
    seen = sum(len(listing.caches) for listing in listings)
    regions = ", ".join(listing.region_id for listing in listings)
    where = f"among {seen} image caches in {regions}"
    if isinstance(change, PushEvent):
        message = f"none lists {change.registry}/{change.repository} {where}"
        result, reason = Result.IGNORED, Reason.NO_MATCH
    elif change.single:
        result, reason = Result.REJECTED, Reason.CACHE_NOT_FOUND
        message = f"the requested image cache is not {where}"
    elif change.statuses is not None:
        result, reason = Result.IGNORED, Reason.NOTHING_TO_REPAIR
        message = f"no selected cache is in {' or '.join(sorted(change.statuses))} {where}"
    else:
        result, reason = Result.IGNORED, Reason.NOTHING_SELECTED
        message = f"the selector matches none {where}"
    return Decision(change, None, result, reason, message, caches_seen=seen)
