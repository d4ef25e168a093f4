"""L2, measured: versions that are pushed while the cache is busy, in any order."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator, Sequence
from typing import Any

from imagecache.base.environment import Environment
from imagecache.config.rules_file import read_rules
from tests.laws.lines import BASE, SWITCHES, Line, Switch
from tests.laws.small_cloud import HOST, SmallCloud, small_cloud
from tests.laws.storms import REBUILD_SECONDS

__all__ = ["close_versions", "versions"]

_REMEMBERS, _FORGETS = SWITCHES[0], SWITCHES[2]
_PUSHED = ("1.0.1", "1.0.2", "1.1.0", "1.1.1", "2.0.0", "2.0.3")
_CLOSE: dict[str, tuple[dict[str, Any], str, Sequence[str]]] = {
    "prereleases": (
        {"type": "semver", "range": ">=1.2.0-rc.0"},
        "1.2.0-rc.0",
        [f"1.2.0-rc.{number}" for number in range(1, 7)],
    ),
    "times": ({"type": "numerical"}, "20261127101500", [f"2026112810150{number}" for number in range(1, 7)]),
    "run numbers": (
        {"type": "semver", "range": "1"},
        "1.0.100",
        [f"1.0.30{number}" for number in range(1, 7)],
    ),
    "builds": ({"type": "numerical"}, "1000", [f"{1200 + number}" for number in range(1, 7)]),
}
"""Tags that are close to each other and far from the listed one: their policy, that one, the others."""


def versions(*, short: bool) -> Iterator[Line]:
    """L2: the newest one is built first, so that nobody pays for those before it."""
    orders: dict[str, Sequence[str]] = {"the oldest first": _PUSHED, "the newest first": _PUSHED[::-1]}
    shuffled = random.Random(20261128).sample(_PUSHED, len(_PUSHED))  # noqa: S311 - repeatable on purpose
    orders["in no order"] = shuffled
    for switch in (_REMEMBERS, _FORGETS):
        for name, order in orders.items():
            for keep in (1,) if short else (1, 3):
                for rebuild in (REBUILD_SECONDS,) if short else (50.0, REBUILD_SECONDS, 300.0):
                    policy = {"type": "semver", "range": ">=1", "keep": keep}
                    cloud, identifier = _pushed(policy, "1.0.0", order, rebuild, switch)
                    what = f"{len(order)} versions, {name}, keep {keep}, a rebuild of {rebuild:g} s"
                    # The newest one first, and a third where the cache is Ready between their turns.
                    # Where more than one stays, each is built for itself.
                    most = 3 if keep == 1 else 1 + len(order)
                    updates = len(cloud.eci.updates[identifier])
                    yield Line("L2", f"{what}: updates", switch.name, most, updates)
                    # Each waits for itself: one look a step of the grid.
                    steps = math.ceil(updates * (rebuild + 2 * BASE) / (2 * BASE))
                    looks = (1 + len(order)) * steps
                    yield Line("L2", f"{what}: runs", switch.name, looks, cloud.runs_of[identifier])
                    newest = [f"{HOST}/app:{version}" for version in _PUSHED[-keep:]]
                    missing = set(newest) - set(cloud.eci.cache(identifier).images)
                    yield Line("L2", f"{what}: newest that are missing", switch.name, 0, len(missing))


def close_versions(*, short: bool) -> Iterator[Line]:
    """L2: of those that are too close to each other the last pushed one is built first."""
    for kind, (policy, listed, pushed) in _CLOSE.items():
        for switch in (_REMEMBERS,) if short else (_REMEMBERS, _FORGETS):
            cloud, identifier = _pushed(policy, listed, pushed, 90.0, switch)
            what = f"{len(pushed)} {kind}, the oldest first"
            yield Line("L2", f"{what}: updates", switch.name, 3, len(cloud.eci.updates[identifier]))
            missing = f"{HOST}/app:{pushed[-1]}" not in cloud.eci.cache(identifier).images
            yield Line("L2", f"{what}: newest that are missing", switch.name, 0, missing)


def _pushed(
    policy: dict[str, Any], listed: str, tags: Sequence[str], rebuild: float, switch: Switch
) -> tuple[SmallCloud, str]:
    """A cloud whose only cache was busy when tags were pushed, and the id of the cache."""
    rules = read_rules(Environment({"IMC_RULES": json.dumps({"rules": [{"policy": policy}]})}))
    cloud = small_cloud(eci={"rebuild_seconds": rebuild, **switch.eci}, rules=rules)
    identifier = cloud.eci.create(f"{HOST}/app:{listed}", f"{HOST}/web:latest")
    cloud.push(cloud.event("web", "latest"))
    for tag in tags:
        cloud.clock.advance(1)
        cloud.push(cloud.event("app", tag))
    cloud.settle()
    return cloud, identifier
