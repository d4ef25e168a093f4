"""The plan: what a change asks of each image cache. Pure; no I/O, no environment, no clock.

For a push: a cache that lists the pushed tag is rebuilt with its full list; one that lists another tag of the
repository gets the pushed one if a rule's policy lets it in, and is else left alone, as is one that pins the
repository by digest; the record says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from ..base.reasons import Hold, Reason, Result
from ..base.timestamps import Moment
from ..model.change import CacheRequest, Change, PushEvent
from ..model.image_cache import READY, ImageCache, Listing
from ..policy.list_entries import Entry, entries_of
from ..policy.rules import NO_RULES, Rule, Rules
from .barriers import age_barrier, approval_barrier, hold_barrier
from .decision import Decision, kept_back
from .entry_memory import had_digest, promoted_at
from .update_memory import covering_update, last_update


def plan(listings: Sequence[Listing], change: Change, at: Moment, rules: Rules = NO_RULES) -> list[Decision]:
    """Decide one change over all caches of the listed regions.

    Args:
        listings: the caches of each region.
        change: the change.
        at: now, and how far the registry's clock may be off.
        rules: the policies of entries.

    Returns:
        At least one decision: where no cache is concerned, one that says so.
    """
    decisions = [
        decision
        for listing in listings
        for cache in _candidates(listing, change, rules)
        if (decision := decide(cache, change, at, rules)) is not None
    ]
    if isinstance(change, CacheRequest) and change.single and len(decisions) > 1:
        ids = ", ".join(decision.cache.image_cache_id for decision in decisions if decision.cache)
        return [
            Decision(
                change, None, Result.REJECTED, Reason.AMBIGUOUS_NAME, f"{len(decisions)} caches match: {ids}"
            )
        ]
    return decisions or [_nothing(listings, change)]


def decide(cache: ImageCache, change: Change, at: Moment, rules: Rules = NO_RULES) -> Decision | None:
    """Decide one change for one cache as it is described.

    Returns:
        The decision, or None where the change does not concern the cache.
    """
    if isinstance(change, PushEvent):
        wanted = _decide_push(cache, change, at, rules)
    else:
        wanted = _decide_request(cache, change, at)
    if wanted is None or wanted.result is not Result.REFRESHED or wanted.reason is Reason.TAG_PROMOTED:
        # The list that a promotion leads to is another one than any update has made.
        return wanted
    covering = covering_update(cache, change, at, rules)
    if covering is not None:
        state = "ended Ready" if cache.updatable else "is running"
        message = f"an update that began at {covering.began.isoformat()} has it and {state}"
        return Decision(change, cache, Result.UNCHANGED, Reason.COVERED, message, covered_by=covering)
    if isinstance(change, PushEvent) and _has_digest(cache, change, at, rules):
        message = f"{change.tag} was built with this digest by the last update"
        return Decision(change, cache, Result.UNCHANGED, Reason.SAME_DIGEST, message, rule=wanted.rule)
    barrier = hold_barrier(cache, change, at.now, new_list=wanted.images_after != cache.images)
    return kept_back(wanted, barrier) if barrier else wanted


def _decide_push(cache: ImageCache, push: PushEvent, at: Moment, rules: Rules) -> Decision | None:
    listed = _listed(cache.images, push, rules)
    if not listed:
        return None
    tags = [entry.tag for entry in listed if not entry.pinned]
    repository = (rules.identity(push.registry), push.repository)
    rule = rules.rule_for(cache, *repository, push.tag)
    if not tags:
        pinned = f"the cache lists {push.repository} by digest only"
        return Decision(
            push,
            cache,
            Result.IGNORED,
            Reason.PINNED_BY_DIGEST,
            pinned,
            rule=rule,
            hold=Hold.PINNED_BY_DIGEST,
        )
    images = _promoted(cache, repository, push.tag, rules) if rule else cache.images
    later = _promoted_later(cache, push, rule, repository)
    # Another list that has the pushed tag nowhere else is the old one put in order, not worth a rebuild.
    changed = images != cache.images
    taken = changed and _forms(_listed(images, push, rules), push) - _forms(listed, push)
    undone = bool(taken) and _taken_back(cache, push, at, rules)
    if rule is not None and later is None and taken and not undone:
        promoted = f"policy {rule.policy.type} of rule {rule.name} takes {push.tag} beside {', '.join(tags)}"
        decision = Decision(push, cache, Result.REFRESHED, Reason.TAG_PROMOTED, promoted, images, rule=rule)
        # Without a time it counts as pushed now; the task that waits for its age says so.
        pushed_at = push.pushed_at or at.now
        barrier = (
            hold_barrier(cache, push, at.now, new_list=True)
            or age_barrier(push, rule, pushed_at, at.now)
            or approval_barrier(push, rule)
        )
        if barrier is None:
            return decision
        if push.tag not in tags:
            return kept_back(decision, barrier)
    if push.tag in tags:
        listed_tag = f"{push.image} is in the list"
        return Decision(
            push, cache, Result.REFRESHED, Reason.TAG_REPUSHED, listed_tag, cache.images, rule=rule
        )
    hold, why = Hold.EXACT_POLICY, f"{push.tag} does not replace it"
    if rule is not None and later is not None:
        hold = Hold.OLDER
        why = f"by rule {rule.name}, a tag that was pushed later, at {later.isoformat()}, has its place"
    elif rule is not None:
        hold = Hold.TAKEN_BACK if undone else _why_held(cache, repository, push.tag, rule, rules)
        why = f"by rule {rule.name}, policy {rule.policy.type} does not let {push.tag} in: {hold.meaning}"
    held = f"the cache lists {', '.join(tags)}; {why}"
    return Decision(push, cache, Result.IGNORED, Reason.POLICY_HOLDS, held, rule=rule, hold=hold)


def _promoted(cache: ImageCache, repository: tuple[str, str], tag: str, rules: Rules) -> tuple[str, ...]:
    from ..policy.tag_slots import promote  # noqa: PLC0415 - a cold start without rules need not pay for it

    return promote(cache, cache.images, repository, tag, rules)


def _why_held(cache: ImageCache, repository: tuple[str, str], tag: str, rule: Rule, rules: Rules) -> Hold:
    from ..policy.tag_slots import why_held  # noqa: PLC0415 - see _promoted

    return why_held(cache, repository, tag, rule, rules)


def _taken_back(cache: ImageCache, push: PushEvent, at: Moment, rules: Rules) -> bool:
    from .taking_back import is_taken_back  # noqa: PLC0415 - see _promoted

    return is_taken_back(cache, push, rules, at)


def _listed(images: Sequence[str], push: PushEvent, rules: Rules) -> list[Entry]:
    return entries_of(images, rules, (rules.identity(push.registry), push.repository))


def _forms(listed: Sequence[Entry], push: PushEvent) -> set[str]:
    """The entries that are the pushed tag, each as it is written."""
    return {entry.text for entry in listed if entry.tag == push.tag and not entry.pinned}


def _promoted_later(
    cache: ImageCache, push: PushEvent, rule: Rule | None, repository: tuple[str, str]
) -> datetime | None:
    """When the tag was pushed that has the place, if tags do not tell their order and it came later."""
    if rule is None or rule.policy.ordered or push.pushed_at is None:
        return None
    latest = promoted_at(cache, *repository)
    return latest if latest is not None and push.pushed_at < latest else None


def _has_digest(cache: ImageCache, push: PushEvent, at: Moment, rules: Rules) -> bool:
    """Whether the cache certainly has the pushed digest. Who asks by hand gets the rebuild in any case."""
    last = last_update(cache, at)
    if push.digest is None or push.by_person or last is None or cache.status != READY:
        return False
    texts = _forms(_listed(cache.images, push, rules), push)
    return bool(texts) and all(had_digest(cache, last.began, text, push.digest) for text in texts)


def _decide_request(cache: ImageCache, request: CacheRequest, at: Moment) -> Decision | None:
    if not request.selector.matches(cache):
        return None
    if request.statuses is not None and cache.status not in request.statuses:
        return None
    last = last_update(cache, at)
    if request.quiet_since and last and last.began > request.quiet_since:
        quiet = f"its last update began at {last.began.isoformat()} and is being followed"
        return Decision(request, cache, Result.IGNORED, Reason.FOLLOW_RUNNING, quiet)
    images = request.images or cache.images
    if request.if_images is not None and cache.images not in {request.if_images, request.images}:
        differs = f"the cache's list is not ifImages, but {', '.join(cache.images)}"
        return Decision(request, cache, Result.REJECTED, Reason.LIST_DIFFERS, differs)
    if request.images == cache.images and not request.force and cache.status == READY:
        same = "the cache has this list already; force rebuilds it"
        return Decision(request, cache, Result.UNCHANGED, Reason.LIST_UNCHANGED, same)
    why = request.why or f"asked for by {request.source}"
    return Decision(request, cache, Result.REFRESHED, request.reason, why, images)


def _candidates(listing: Listing, change: Change, rules: Rules) -> Iterable[ImageCache]:
    if not isinstance(change, PushEvent):
        return listing.caches
    found = (
        cache
        for registry in rules.names_of(change.registry)
        for cache in listing.by_repository.get((registry, change.repository), ())
    )
    return {cache.image_cache_id: cache for cache in found}.values()


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
