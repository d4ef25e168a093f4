"""Storms of pushes, measured: what caches and messages cost, and how long the last push waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from imagecache.model.change import PushEvent
from tests.laws.small_cloud import HOST, SmallCloud, small_cloud

REBUILD_SECONDS = 200.0
PHASES = (7.0, 31.5, 58.0)
"""Seconds after the hour at which a storm begins: due times are on a grid of the clock."""


@dataclass(frozen=True)
class Storm:
    """Pushes of several images that the same caches list.

    Attributes:
        caches: how many caches list all of the images.
        images: how many images are pushed, each once.
        remembered: whether the caches remember how long their last rebuild took.
        took: how long a rebuild takes, as a part of what is remembered.
        seconds: within how many seconds the pushes come.
    """

    caches: int
    images: int
    remembered: bool = True
    took: float = 1.0
    seconds: float = 1.0

    @property
    def rebuild(self) -> float:
        """How long a rebuild takes."""
        return REBUILD_SECONDS * self.took


@dataclass(frozen=True)
class Cost:
    """The worst that a storm cost, over its caches.

    Attributes:
        updates: accepted updates of a cache.
        runs: runs of on_follow for each update of a cache.
        calls: calls to ECI for each update of a cache, beside listings.
        wait: seconds from the end of a rebuild to the update that waited for it.
        lost: pushes that are in no update, and of which nobody was told.
        untrue: deferred records whose task did not run after them.
        dead: failed records that ended in the on-failure queue.
        tasks: stored tasks.
    """

    updates: int
    runs: float
    calls: float
    wait: float
    lost: int
    untrue: int
    dead: int
    tasks: int


def measure(storm: Storm, phase: float, eci: Mapping[str, Any], fc: Mapping[str, Any]) -> Cost:
    """The cost of a storm in a new world."""
    cloud = small_cloud(eci={"rebuild_seconds": REBUILD_SECONDS, **eci}, fc=dict(fc), at=phase)
    images = [f"{HOST}/app-{number}:latest" for number in range(storm.images)]
    ids = [cloud.eci.create(*images) for _ in range(storm.caches)]
    if storm.remembered:
        cloud.push(cloud.event("app-0"))
        cloud.settle()
        cloud.run_until(cloud.clock() // 7200 * 7200 + 7200 + phase)
    forget(cloud)
    cloud.eci.switches = cloud.eci.switches.changed({"rebuild_seconds": storm.rebuild})
    return pushed(cloud, ids, storm)


def forget(cloud: SmallCloud) -> None:
    """Begin to count anew."""
    cloud.eci.calls.clear()
    cloud.eci.calls_of.clear()
    cloud.eci.updates.clear()
    cloud.runs.clear()
    cloud.runs_of.clear()
    cloud.seen.clear()
    cloud.store.stored = 0


def pushed(cloud: SmallCloud, ids: list[str], storm: Storm) -> Cost:
    """Let the pushes come, and everything that follows from them."""
    events: list[PushEvent] = []
    begin = cloud.clock()
    for number in range(storm.images):
        cloud.run_until(begin + number * storm.seconds / storm.images)
        events.append(cloud.event(f"app-{number}"))
        cloud.push(events[-1])
    cloud.settle()
    return cost(cloud, ids, events, storm.rebuild)


def cost(cloud: SmallCloud, ids: list[str], events: list[PushEvent], rebuild: float) -> Cost:
    """What was counted, where nothing is left to run."""
    updates = cloud.eci.updates
    waits = [
        later.at - before.at - rebuild
        for each in ids
        for before, later in zip(updates[each], updates[each][1:], strict=False)
    ]
    return Cost(
        max(len(updates[each]) for each in ids),
        max(cloud.runs_of[each] / max(1, len(updates[each])) for each in ids),
        max(cloud.eci.calls_of[each] / max(1, len(updates[each])) for each in ids),
        max(waits, default=0.0),
        lost(cloud, ids, events),
        untrue(cloud),
        len(cloud.dead),
        cloud.store.stored,
    )


def lost(cloud: SmallCloud, ids: list[str], events: list[PushEvent]) -> int:
    """How many pushes did not reach a cache, though nobody was told."""
    told = {record.get("change_id") for record in cloud.seen if record["result"] == "failed"}
    missing = 0
    for each in ids:
        last = max((update.at for update in cloud.eci.updates[each]), default=0.0)
        fresh = cloud.eci.cache(each).status == "Ready"
        for event in events:
            assert event.pushed_at is not None
            if event.change_id not in told and not (fresh and last >= event.pushed_at.timestamp()):
                missing += 1
    return missing


def untrue(cloud: SmallCloud) -> int:
    """How many records say deferred though their task did not run later."""
    deferred = [record for record in cloud.seen if record["result"] == "deferred"]
    return sum(1 for record in deferred if cloud.ran.get(record["follow_task_id"], 0.0) < record["at"])
