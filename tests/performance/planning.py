"""Planning one push over many image caches, in a warm instance: how it grows with their number.

Two times: with a listing that was planned on before (it keeps an index by repository), and with one that was
just read, whose index has to be made first. No network; reading a listing is not part of it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from statistics import median
from typing import Any

from imagecache.base.timestamps import Moment
from imagecache.model.change import PushEvent
from imagecache.model.image_cache import ImageCache, Listing
from imagecache.planning.plan import plan
from imagecache.policy.rules import Rule, Rules
from imagecache.policy.tag_policy import Policy

__all__ = ["CACHES", "GOAL_MS", "measure_planning"]

CACHES = (100, 1_000, 10_000)
IMAGES = 20
GOAL_MS = 5.0
"""The most that planning one push may take on a kept listing, at the largest number of caches."""

REGION = "cn-hangzhou"
HOST = f"acme-registry.{REGION}.cr.aliyuncs.com"
REPOSITORIES = 2_000
ROUNDS, FRESH_ROUNDS = 200, 5
SKEW = timedelta(seconds=2)
SEED = 20
RULES = Rules(
    (
        Rule("releases", tags=("v*",), policy=Policy("semver", 2, ">=1.0 <2")),
        Rule("builds", policy=Policy("numerical")),
    )
)


def measure_planning() -> dict[int, dict[str, float]]:
    """Median milliseconds by number of caches: ``kept_ms`` and ``fresh_ms``, and how many caches matched."""
    return {number: _measure(number) for number in CACHES}


def _measure(number: int) -> dict[str, float]:
    chance = random.Random(SEED)  # noqa: S311 - invented caches
    caches = tuple(_cache(index, chance) for index in range(number))
    now = datetime.now(timezone.utc)
    push = PushEvent("bench", "event", HOST, "team/service-1", "v1.9.0", pushed_at=now)
    kept, at = Listing(REGION, caches, now), Moment(now, SKEW)
    decisions = plan([kept], push, at, RULES)
    return {
        "kept_ms": median(_times(lambda: plan([kept], push, at, RULES), ROUNDS)),
        "fresh_ms": median(
            _times(lambda: plan([Listing(REGION, caches, now)], push, at, RULES), FRESH_ROUNDS)
        ),
        "matched": len([decision for decision in decisions if decision.cache is not None]),
    }


def _cache(index: int, chance: random.Random) -> ImageCache:
    services = chance.sample(range(REPOSITORIES), IMAGES)
    return ImageCache(
        REGION,
        f"imc-{index:08d}",
        f"cache-{index}",
        "Ready",
        tuple(f"{HOST}/team/service-{service}:v1.{service % 9}.0" for service in services),
    )


def _times(action: Callable[[], Any], rounds: int) -> list[float]:
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        action()
        times.append((time.perf_counter() - began) * 1000)
    return times
