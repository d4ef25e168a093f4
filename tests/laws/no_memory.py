"""L3, measured: caches that remember nothing of their updates cost no more than others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from imagecache.base.environment import Environment
from imagecache.config.rules_file import read_rules
from imagecache.policy.rules import Rules
from tests.laws.lines import BASE, Line
from tests.laws.small_cloud import HOST, small_cloud
from tests.laws.storms import REBUILD_SECONDS

__all__ = ["no_memory", "refused_hand_off", "several_places"]

OWN_TAGS = tuple((f"key-{number}", "") for number in range(20))
SHORT_REBUILD_SECONDS = 50.0
"""Within one step of the grid on which an update of unknown length is looked at."""


def _any_policy() -> Rules:
    return read_rules(Environment({"IMC_RULES": json.dumps({"rules": [{"policy": {"type": "any"}}]})}))


def refused_hand_off(*, short: bool) -> Iterator[Line]:
    """L3: one event delivered again and again while no task can be stored."""
    ways: dict[str, dict[str, Any]] = {"tags dropped": {}, "20 tags of its own": {"tags": OWN_TAGS}}
    for name, attributes in ways.items():
        cloud = small_cloud(eci={"tags_mode": "drop"} if not attributes else {})
        identifier = cloud.eci.create(f"{HOST}/web:latest", **attributes)
        cloud.store.refuse = lambda: True
        event = cloud.event()
        for _ in range(5 if short else 30):
            cloud.push(event)
            cloud.clock.advance(120)
        yield Line(
            "L3",
            "no task can be stored, the event again and again: updates",
            name,
            0,
            len(cloud.eci.updates[identifier]),
        )
        yield Line(
            "L1",
            "no task can be stored: deliveries that were not refused",
            name,
            0,
            len(cloud.seen) - len(cloud.said("failed")),
        )


def no_memory(*, short: bool) -> Iterator[Line]:
    """L3: tags without an order between them, pushed while the cache is busy; at last where it remembers."""
    rules = _any_policy()
    ways: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "tags dropped": ({"tags_mode": "drop", "tag_calls": "unknown"}, {}),
        "20 tags of its own": ({}, {"tags": OWN_TAGS}),
        "as documented": ({}, {}),
    }
    seconds = (SHORT_REBUILD_SECONDS, REBUILD_SECONDS)
    cases = [(4, seconds[1])] if short else [(tags, each) for tags in (2, 4, 12) for each in seconds]
    for name, (eci, attributes) in ways.items():
        for tags, rebuild in cases:
            cloud = small_cloud(eci={"rebuild_seconds": rebuild, **eci}, rules=rules)
            identifier = cloud.eci.create(f"{HOST}/web:first", **attributes)
            for number in range(tags):
                cloud.push(cloud.event(tag=f"tag-{number}"))
                cloud.clock.advance(1)
            cloud.settle()
            what = f"{tags} tags of policy any, a rebuild of {rebuild:g} s"
            # Two updates are looked at, and one list that waits: the others are told that it does.
            looks = 6 if rebuild <= 2 * BASE else 6 + 2 * rebuild / (2 * BASE)
            if eci or attributes:
                # Where the cache remembers which was pushed last, each looks for itself.
                yield Line("L3", f"{what}: runs", name, tags + looks, cloud.runs_of[identifier])
            yield Line("L3", f"{what}: updates", name, 3, len(cloud.eci.updates[identifier]))
            other = cloud.eci.cache(identifier).images != (f"{HOST}/web:tag-{tags - 1}",)
            yield Line("L3", f"{what}: caches without the last one", name, 0, other)


def several_places(*, short: bool) -> Iterator[Line]:
    """L3: tags of two repositories, pushed in turn while the cache is busy: each ends with its last one."""
    rules = _any_policy()
    for tags in (2,) if short else (2, 6):
        for name, eci in (
            ("tags dropped", {"tags_mode": "drop", "tag_calls": "unknown"}),
            ("as documented", {}),
        ):
            cloud = small_cloud(eci={"rebuild_seconds": REBUILD_SECONDS, **eci}, rules=rules)
            repositories = ("web", "api")
            identifier = cloud.eci.create(*(f"{HOST}/{each}:first" for each in repositories), f"{HOST}/base")
            cloud.push(cloud.event("base"))
            for number in range(tags):
                for each in repositories:
                    cloud.clock.advance(1)
                    cloud.push(cloud.event(each, tag=f"tag-{number}"))
            cloud.settle()
            what = f"{tags} tags of policy any for each of two repositories"
            yield Line("L3", f"{what}: updates", name, 3, len(cloud.eci.updates[identifier]))
            images = cloud.eci.cache(identifier).images
            missing = [each for each in repositories if f"{HOST}/{each}:tag-{tags - 1}" not in images]
            yield Line("L3", f"{what}: places without the last one", name, 0, len(missing))
