"""Caches that a push almost matches, as the library finds them, in the form of an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from imagecache.base.timestamps import Moment
from imagecache.model.change import PushEvent
from imagecache.model.image_cache import Listing
from imagecache.planning.near_misses import near_misses
from imagecache.planning.plan import plan
from imagecache.policy.rules import Rules


def near_of(listings: Sequence[Listing], push: PushEvent, rules: Rules, at: Moment) -> list[dict[str, Any]]:
    """The caches that almost match, each with why not.

    Args:
        listings: the caches by region.
        push: the push.
        rules: the rules.
        at: now.
    """
    decisions = plan(listings, push, at, rules)
    return [
        {
            "region_id": miss.cache.region_id,
            "image_cache_id": miss.cache.image_cache_id,
            "image_cache_name": miss.cache.name,
            "entry": miss.entry,
            "because": miss.because,
            "message": miss.message,
            "rule": miss.rule or None,
        }
        for miss in near_misses(listings, push, decisions, rules)
    ]
