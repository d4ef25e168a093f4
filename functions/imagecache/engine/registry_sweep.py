"""The sweep's second half: caches that are Ready, but older than what their registries have.

This is what repairs an event that was never delivered.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..base.errors import TransientError
from ..base.reasons import Reason, Result
from ..base.timestamps import Moment
from ..model.change import CacheRequest
from ..model.image_cache import READY, ImageCache, Listing
from ..planning.barriers import hold_barrier
from ..planning.decision import Decision, kept_back
from ..planning.wanted_list import what_is_newer
from .applied import Applied
from .new_tags import new_tags
from .registry_hint import repair
from .registry_view import RegistryView

_SHARE = 0.5


def sweep_registries(
    listings: Sequence[Listing],
    sweep: CacheRequest,
    decisions: Sequence[Decision],
    view: RegistryView,
    at: Moment,
) -> list[Applied]:
    """The decisions of a sweep, with one more for each cache that registries have newer images for.

    A cache about which a registry did not answer is a failure, which the retry of the tick may mend.

    Args:
        listings: the regions that could be listed.
        sweep: the sweep.
        decisions: what it does without asking registries.
        view: asks registries.
        at: now.

    Returns:
        The decision that says that there is nothing to repair only where that is known.
    """
    found = [Applied(decision) for decision in decisions if decision.cache is not None]
    seen = {decision.cache.image_cache_id for decision in decisions if decision.cache}
    caches = _ready(listings, sweep, seen)
    # The other half is for the updates, which ask again: what was read before one began may be old later.
    until = view.remaining() * _SHARE
    view.share(caches, 1 - _SHARE)
    survey = view.survey()
    for number, cache in enumerate(caches):
        current = survey.current(cache, cache.images) if view.remaining() > until else None
        why = what_is_newer(cache, current, at) if current else ""
        if current is None or (current.unread and not why and view.remaining() <= until):
            message = f"there was time to ask registries about {number} of {len(caches)} image caches"
            found.append(Applied(Decision(sweep, None, Result.IGNORED, Reason.SWEEP_UNFINISHED, message)))
            break
        found += [Applied(decision) for decision in new_tags(cache, sweep, survey, at)]
        if why:
            newer = repair(sweep, cache, why, current.images)
            barrier = hold_barrier(cache, newer.change, at.now, new_list=current.images != cache.images)
            found.append(Applied(kept_back(newer, barrier) if barrier else newer))
        elif current.unread:
            error = TransientError(Reason.REGISTRY_UNREADABLE, "; ".join(current.problems))
            unread = Decision(sweep, cache, Result.FAILED, error.reason, error.message)
            found.append(Applied(unread, error))
    view.share(caches, 1.0)
    return found or [Applied(decision) for decision in decisions]


def _ready(listings: Sequence[Listing], sweep: CacheRequest, seen: Collection[str]) -> list[ImageCache]:
    """The selected caches that are Ready, each tick from another one on: time may be too short for all."""
    caches = [
        cache
        for listing in listings
        for cache in listing.caches
        if cache.status == READY and cache.image_cache_id not in seen and sweep.selector.matches(cache)
    ]
    first = int(sweep.change_id, 16) % len(caches) if caches else 0
    return caches[first:] + caches[:first]
