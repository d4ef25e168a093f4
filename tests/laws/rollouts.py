"""Rules that make updates wait, measured: tags that come to an age, and caches of which some stay ready."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from imagecache.base.environment import Environment
from imagecache.config.rules_file import read_rules
from tests.laws.lines import BASE, GRID, SWITCHES, Line, Switch
from tests.laws.small_cloud import HOST, SmallCloud, small_cloud
from tests.laws.storms import REBUILD_SECONDS, forget, lost, untrue

__all__ = ["keep_ready", "minimum_age"]

_AGE = 3 * 3600.0
_LONGEST_DELAY = 3599
_WAIT_IN_RUN = 20.0
"""How long a task that is early waits inside its run, where the platform ignores delays."""


def _cloud(switch: Switch, rule: dict[str, Any]) -> SmallCloud:
    rules = read_rules(Environment({"IMC_RULES": json.dumps({"rules": [rule]})}))
    return small_cloud(eci={"rebuild_seconds": REBUILD_SECONDS, **switch.eci}, fc=switch.fc, rules=rules)


def minimum_age(*, short: bool) -> Iterator[Line]:
    """Tags that have to come to an age: none comes early, each comes in time, and its task only hops."""
    rule = {"policy": {"type": "semver", "range": "1"}, "minAgeSeconds": int(_AGE)}
    for switch in SWITCHES[:1] if short else SWITCHES:
        cloud, tags = _cloud(switch, rule), 2 if short else 4
        identifier = cloud.eci.create(f"{HOST}/web:v1.0.0")
        pushed: dict[str, float] = {}
        for number in range(tags):
            tag = f"v1.0.{number + 1}"
            pushed[tag] = cloud.clock()
            event = cloud.event(tag=tag)
            cloud.push(event)
            cloud.push(event)
            cloud.run_until(cloud.clock() + 1800)
        cloud.settle()
        ages = [
            update.at - pushed[update.images[0].rpartition(":")[2]]
            for update in cloud.eci.updates[identifier]
            if update.images[0].rpartition(":")[2] in pushed
        ]
        what = f"{tags} tags of a minimum age of {_AGE / 3600:g} h"
        yield Line("minAge", f"{what}: seconds before their time", switch.name, 0, _AGE - min(ages))
        yield Line(
            "minAge", f"{what}: seconds after it", switch.name, 2 * BASE + GRID, max(ages[:tags]) - _AGE
        )
        last = cloud.eci.cache(identifier).images != (f"{HOST}/web:v1.0.{tags}",)
        yield Line("minAge", f"{what}: without the last one", switch.name, 0, last)
        yield Line("minAge", f"{what}: deferred to no task", switch.name, 0, untrue(cloud))
        if switch.ids:
            hops = _AGE / (_WAIT_IN_RUN if switch.early else _LONGEST_DELAY)
            looks = hops + 6 + REBUILD_SECONDS / ((_WAIT_IN_RUN if switch.early else BASE) * 2)
            copies = switch.fc.get("task_copies", 1)
            yield Line(
                "minAge",
                f"{what}: runs a tag",
                switch.name,
                looks * (copies if copies == 1 else 2 * copies),
                cloud.runs_of[identifier] / tags,
            )


def keep_ready(*, short: bool) -> Iterator[Line]:
    """Waves over caches of which some stay ready: never fewer, all get the push, and nobody polls."""
    waves: tuple[tuple[int, int | str, int], ...] = ((3, 2, 1), (4, "50%", 2))
    for switch in SWITCHES[:1] if short else SWITCHES:
        for caches, kept, at_once in waves if short else (*waves, (2, 5, 1), (10, "70%", 3), (6, 1, 5)):
            cloud = _cloud(switch, {"keepReady": kept})
            ids = [cloud.eci.create(f"{HOST}/web:latest") for _ in range(caches)]
            cloud.push(cloud.event())
            cloud.settle()
            cloud.run_until(cloud.clock() // 7200 * 7200 + 7200)
            forget(cloud)
            event = cloud.event()
            for _ in range(2):
                cloud.push(event)
                cloud.clock.advance(20)
            cloud.settle()
            starts = [update.at for each in ids for update in cloud.eci.updates[each]]
            most = max(sum(at - REBUILD_SECONDS < start <= at for start in starts) for at in starts)
            what = f"{kept} of {caches} caches kept ready"
            line = Line("keepReady", f"{what}: rebuilt at a time", switch.name, at_once, most)
            yield line
            missing = lost(cloud, ids, [event]) + len(cloud.said("failed"))
            yield Line("keepReady", f"{what}: caches without the push", switch.name, 0, missing)
            rounds = -(-caches // at_once)
            span = (max(starts) - min(starts)) / max(1, rounds - 1)
            yield Line("keepReady", f"{what}: seconds between two rounds", switch.name, _round(switch), span)
            if switch.ids and switch.remembers and not switch.early:
                copies = switch.fc.get("task_copies", 1)
                # Where a task is given twice, its second run may find the cache busy and want one more.
                for each in ids:
                    updates = len(cloud.eci.updates[each])
                    yield Line("keepReady", f"{what}: updates a cache", switch.name, copies, updates)
                    bound = (6 * updates + rounds) * copies
                    yield Line("keepReady", f"{what}: runs a cache", switch.name, bound, cloud.runs_of[each])


def _round(switch: Switch) -> float:
    """The most seconds from the start of one round to that of the next."""
    if not switch.remembers:
        # The same push is built twice, and those that are done seem to wait.
        return 3.5 * REBUILD_SECONDS
    shared = switch.ids and "task_copies" not in switch.fc
    return REBUILD_SECONDS + max(20.0, 0.15 * REBUILD_SECONDS) + (3 * GRID if shared else 2 * BASE + 4 * GRID)
