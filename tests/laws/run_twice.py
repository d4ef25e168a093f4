"""L1 and L3, measured: each task runs twice, some time apart, or is killed before its update."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from typing import Any

from imagecache.base.environment import Environment
from imagecache.base.errors import EciError, TransientError
from imagecache.base.reasons import Reason
from imagecache.config.rules_file import read_rules
from imagecache.policy.rules import Rules
from tests.laws.failing import rebuild
from tests.laws.lines import Line
from tests.laws.small_cloud import HOST, KilledError, SmallCloud, small_cloud
from tests.laws.small_eci import Fault
from tests.laws.storms import lost, untrue
from tests.laws.world import OWN_TAGS

__all__ = ["killed", "refused_for_long", "run_twice", "taking_turns"]

_SWITCHES: dict[str, dict[str, Any]] = {
    "as documented": {},
    "no events": {"show_events": False},
    "tags dropped": {"tags_mode": "drop", "tag_calls": "unknown"},
    "tags written when an update ends": {"tags_applied": "end"},
    "no room for a tag": {},
}
_TAGS = {"no room for a tag": OWN_TAGS}
"""The tags that caches have from the start."""
_MOST_UPDATES = 8
"""Of two pushes and the two updates that they wait for, each by the two runs of a task."""


def run_twice(*, short: bool) -> Iterator[Line]:
    """L3: updates end where each task runs twice, though the runs see the cache in different states."""
    rebuilds, pauses = (
        ((90.0,), (31.0, 62.0)) if short else ((20.0, 90.0, 600.0), (1.0, 20.0, 31.0, 45.0, 62.0, 100.0))
    )
    for (name, eci), rebuild_seconds, pause, group in product(_SWITCHES.items(), rebuilds, pauses, (0, 1)):
        rules = _rules({"keepReady": 1}, number=group)
        twice = {"task_copies": 2, "copy_pause_seconds": pause}
        cloud = small_cloud(eci={"rebuild_seconds": rebuild_seconds, **eci}, fc=twice, rules=rules)
        tags = _TAGS.get(name, ())
        caches = [cloud.eci.create(f"{HOST}/web:latest", tags=tags) for _ in range(1 + group)]
        events = [cloud.event()]
        cloud.push(events[0])
        cloud.run_until(cloud.clock() + 45)
        events.append(cloud.event())
        cloud.push(events[1])
        cloud.settle(5000)
        what = f"{len(caches)} caches, tasks run twice {pause:g} s apart, a rebuild of {rebuild_seconds:g} s"
        yield Line(
            "L3", f"{what}: updates", name, _MOST_UPDATES, max(len(cloud.eci.updates[one]) for one in caches)
        )
        yield Line("L1", f"{what}: lost", name, 0, lost(cloud, caches, events) + untrue(cloud))


def taking_turns(*, short: bool) -> Iterator[Line]:
    """L3: a list that a person asked for and a promotion wait together, and each task runs twice."""
    rules = _rules({"policy": {"type": "semver", "range": "1"}})
    pauses = (31.0, 45.0, 130.0) if short else (1.0, 20.0, 31.0, 45.0, 62.0, 100.0, 130.0)
    for pause, rebuild_seconds in product(pauses, (20.0, 90.0)):
        twice = {"task_copies": 2, "copy_pause_seconds": pause}
        cloud = small_cloud(eci={"rebuild_seconds": rebuild_seconds}, fc=twice, rules=rules)
        identifier = cloud.eci.create(f"{HOST}/app:v1.0.0", f"{HOST}/web:latest")
        cloud.push(cloud.event("web"))
        cloud.run_until(cloud.clock() + 1)
        cloud.push(cloud.event("app", "v1.0.8"))
        cloud.run_until(cloud.clock() + 60)
        wanted = (f"{HOST}/app:v1.0.5", f"{HOST}/web:latest")
        asked = rebuild(cloud, identifier)._replace(reason=Reason.LIST_CHANGED, images=wanted)
        cloud.invoke("on_manual", [asked])
        cloud.settle(5000)
        what = f"a list and a promotion, each task twice {pause:g} s apart, rebuilds of {rebuild_seconds:g} s"
        updates = len(cloud.eci.updates[identifier])
        yield Line("L3", f"{what}: updates", "as documented", _MOST_UPDATES, updates)


def killed(*, short: bool) -> Iterator[Line]:
    """L1: a late look ends between its watch and its update, and is held back when it is tried again."""
    for (name, eci), held in product(_SWITCHES.items(), ("by nothing", "by a cap", "by a group")):
        rules = _rules({"keepReady": 1}, number=held == "by a group")
        cap = {"most_per_hour": 6} if held == "by a cap" else {}
        cloud = small_cloud(eci={"rebuild_seconds": 900.0, **eci}, rules=rules, **cap)
        identifier = cloud.eci.create(f"{HOST}/web:latest", tags=_TAGS.get(name, ()))
        others = [cloud.eci.create(f"{HOST}/other:latest") for _ in range(6)]
        cloud.invoke("on_manual", [rebuild(cloud, identifier)])
        cloud.run_until(cloud.clock() + 100)
        event = cloud.event()
        cloud.push(event)
        _kill_the_next_update(cloud)
        while len(cloud.eci.updates[identifier]) < 2 and cloud.eci.fault is not _none and cloud.run_next():
            pass
        for other in others if held == "by a cap" else others[:1]:
            cloud.invoke("on_manual", [rebuild(cloud, other)])
        cloud.settle(5000)
        assert cloud.eci.fault is _none, "it was killed"
        reasons = {record["reason"] for record in cloud.seen}
        assert Reason.FOLLOW_RUNNING.value in reasons, "it was tried again"
        what = f"a late look is killed before its update, and then held back {held}"
        yield Line("L1", f"{what}: lost", name, 0, lost(cloud, [identifier], [event]) + untrue(cloud))
        yield Line("L2", f"{what}: updates", name, 3, len(cloud.eci.updates[identifier]))


def refused_for_long(*, short: bool) -> Iterator[Line]:
    """L2: a promotion waits, and ECI throttles its update for long: nothing multiplies."""
    rules = _rules({"policy": {"type": "semver", "range": "1"}})
    for (name, eci), hours in product(_SWITCHES.items(), (0.5,) if short else (0.5, 2.0)):
        cloud = small_cloud(eci=eci, rules=rules)
        identifier = cloud.eci.create(f"{HOST}/app:v1.0.0", tags=_TAGS.get(name, ()))
        cloud.eci.fault = _throttled_until(cloud, cloud.clock() + hours * 3600)
        cloud.push(cloud.event("app", "v1.0.1"))
        cloud.settle()
        what, calls = f"a promotion that is throttled for {hours:g} h", cloud.eci.calls["UpdateImageCache"]
        yield Line("L2", f"{what}: calls of UpdateImageCache", name, hours * 60 + 2, calls)
        yield Line("L2", f"{what}: updates", name, 1, len(cloud.eci.updates[identifier]))
        yield Line("L1", f"{what}: records that promise too much", name, 0, untrue(cloud))


def _rules(rule: dict[str, Any], *, number: int = 1) -> Rules:
    return read_rules(Environment({"IMC_RULES": json.dumps({"rules": [rule] * number})}))


def _throttled_until(cloud: SmallCloud, end: float) -> Fault:
    def fault(action: str, done: bool) -> EciError | None:
        refused = action == "UpdateImageCache" and not done and cloud.clock() < end
        return TransientError(Reason.THROTTLED, "throttled") if refused else None

    return fault


def _none(_action: str, _done: bool) -> EciError | None:
    return None


def _kill_the_next_update(cloud: SmallCloud) -> None:
    def fault(action: str, done: bool) -> EciError | None:
        if action == "UpdateImageCache" and not done:
            cloud.eci.fault = _none
            raise KilledError
        return None

    cloud.eci.fault = fault
