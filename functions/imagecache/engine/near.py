"""Of a dry run: which caches almost match its pushes. For the answer; nothing is recorded for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..model.change import CacheRequest, Change, PushEvent
from ..model.image_cache import Listing
from ..planning.near_misses import near_misses
from ..policy.rules import Rules
from .applied import Applied
from .records import Recorder


def tell_near_misses(
    recorder: Recorder,
    looked_through: Iterable[tuple[Change, Sequence[Listing]]],
    planned: Sequence[Applied],
    rules: Rules,
) -> None:
    """Give the recorder the caches that almost match.

    Args:
        recorder: has them for the answer.
        looked_through: each change with its listings.
        planned: what is planned for all changes.
        rules: the rules.
    """
    for change, listings in looked_through:
        if not isinstance(change, PushEvent):
            continue
        decisions = [each.decision for each in planned if _is_of(change, each.decision.change)]
        for miss in near_misses(listings, change, decisions, rules):
            recorder.near_miss(
                {
                    "image": change.image,
                    "region_id": miss.cache.region_id,
                    "image_cache_id": miss.cache.image_cache_id,
                    "image_cache_name": miss.cache.name,
                    "cache_status": miss.cache.status,
                    "entry": miss.entry,
                    "because": miss.because,
                    "rule": miss.rule,
                    "message": miss.message,
                }
            )


def _is_of(push: PushEvent, change: Change) -> bool:
    """Whether a change is the push, or the repair that it led to where a policy held it."""
    return change == push or (isinstance(change, CacheRequest) and change.event_id == push.event_id)
