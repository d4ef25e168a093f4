"""What a cache costs in a day whose builds all fail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from imagecache.base.reasons import Reason
from imagecache.model.change import CacheRequest, PushEvent
from imagecache.model.selector import CacheSelector
from tests.laws.lines import Line
from tests.laws.small_cloud import HOST, SmallCloud, small_cloud

__all__ = ["DAY", "asked", "behind_a_push", "failing", "given_twice", "rebuild", "sweep"]

DAY = 86_400.0
_WINDOW = 7200.0


def _most_in_a_day(times: list[float]) -> int:
    return max((sum(begin <= at < begin + DAY for at in times) for begin in times), default=0)


def failing(*, short: bool) -> Iterator[Line]:
    """L5: a day of pushes, sweeps and follow tasks for a cache whose builds all fail."""
    ways: dict[str, dict[str, Any]] = {
        "as documented": {},
        "tags dropped": {"tags_mode": "drop", "tag_calls": "unknown"},
        "tags of a failed update taken back": {"tags_after_failure": "restore"},
        "list of a failed update taken back": {"images_after_failure": "restore"},
        "NoNeedUpdate for an unchanged list": {"no_need_update": "any"},
    }
    windows = {"tags dropped", "tags of a failed update taken back"}
    for name, eci in list(ways.items())[: 2 if short else None]:
        for what, every, tags in (("the same tag", 300.0, False), ("a new digest each time", 300.0, True)):
            cloud = small_cloud(eci={"rebuild_seconds": 60.0, "failing_images": "*", **eci})
            identifier = cloud.eci.create(f"{HOST}/web:latest")
            # Windows of two hours hold for a cache that remembers nothing: the first begins with the day.
            end = cloud.clock() // _WINDOW * _WINDOW + _WINDOW + (DAY / 4 if short else DAY)
            begin = cloud.clock() // _WINDOW * _WINDOW + _WINDOW if name in windows else 0.0
            number = 0
            while cloud.clock() < end:
                number += 1
                cloud.push(cloud.event(digest=f"sha256:{number:064x}" if tags else None))
                if number % 12 == 0:
                    cloud.invoke("on_timer", [sweep(cloud)])
                cloud.run_until(cloud.clock() + every)
            yield Line(
                "L5",
                f"a day of pushes of {what} and of sweeps: updates",
                name,
                # A day that begins within a window of two hours touches thirteen of them.
                13 if name in windows else 12,
                _most_in_a_day([update.at for update in cloud.eci.updates[identifier] if update.at >= begin]),
            )


def given_twice(*, short: bool) -> Iterator[Line]:
    """L5: one push to a cache whose builds all fail, where the platform gives each task twice."""
    ways: dict[str, dict[str, Any]] = {
        "tags of a failed update taken back": {"tags_after_failure": "restore"},
        "as documented": {},
        "list of a failed update taken back": {"images_after_failure": "restore"},
    }
    for name, eci in list(ways.items())[: 1 if short else None]:
        cloud = small_cloud(
            eci={"rebuild_seconds": 60.0, "failing_images": "*", **eci},
            fc={"task_copies": 2, "copy_pause_seconds": 1.0},
        )
        identifier = cloud.eci.create(f"{HOST}/web:latest")
        cloud.push(cloud.event())
        cloud.run_until(cloud.clock() + DAY)
        yield Line(
            "L5",
            "one push, its builds fail, each task given twice: updates in a day",
            name,
            4,
            len(cloud.eci.updates[identifier]),
        )


def asked(*, short: bool) -> Iterator[Line]:
    """L5: a person's request whose builds all fail, made again as often as it may be."""
    ways: dict[str, dict[str, Any]] = {
        "as documented": {},
        "tags dropped": {"tags_mode": "drop", "tag_calls": "unknown"},
        "tags of a failed update taken back": {"tags_after_failure": "restore"},
    }
    for name, eci in list(ways.items())[: 1 if short else None]:
        cloud = small_cloud(
            eci={"rebuild_seconds": 60.0, "failing_images": "*", **eci}, follow={"rebuilds": 100}
        )
        identifier = cloud.eci.create(f"{HOST}/web:latest")
        cloud.invoke("on_manual", [rebuild(cloud, identifier)])
        cloud.settle()
        yield Line(
            "L5",
            "a person's request, its builds fail: updates in a day",
            name,
            # The first one is of a Ready cache.
            14 if eci else 12,
            _most_in_a_day([update.at for update in cloud.eci.updates[identifier]]),
        )


def behind_a_push(*, short: bool) -> Iterator[Line]:
    """L5: a person's request goes at once, also where a push waits already for the failing cache's place."""
    ways: tuple[str, ...] = ("push first",) if short else ("push first", "person first")
    for way in ways:
        cloud = small_cloud(eci={"rebuild_seconds": 300.0, "failing_images": "*"}, follow={"rebuilds": 100})
        identifier = cloud.eci.create(f"{HOST}/web:latest")
        cloud.push(cloud.event())
        while len(cloud.eci.updates[identifier]) < 5:
            cloud.run_next()
        cloud.run_until(cloud.clock() + 10)
        changes: list[PushEvent | CacheRequest] = [cloud.event(), rebuild(cloud, identifier)]
        for change in changes if way == "push first" else reversed(changes):
            cloud.invoke("on_push" if isinstance(change, PushEvent) else "on_manual", [change])
        begin = cloud.clock()
        while len(cloud.eci.updates[identifier]) < 6:
            cloud.run_next()
        took = cloud.eci.updates[identifier][-1].at - begin
        yield Line("L5", "a person's request, its cache fails and is busy: seconds", way, 370, took)


def rebuild(cloud: SmallCloud, identifier: str) -> CacheRequest:
    """What a person asks for now: a rebuild of one cache."""
    selector, reason = CacheSelector(ids=(identifier,)), Reason.REBUILD_REQUESTED
    return CacheRequest("manual", "asked", reason, selector, single=True, asked_at=cloud.now())


def sweep(cloud: SmallCloud) -> CacheRequest:
    """A sweep of now."""
    return CacheRequest(
        "timer",
        f"tick-{cloud.clock()}",
        Reason.SWEEP_REPAIR,
        CacheSelector(),
        statuses=frozenset({"UpdateFailed"}),
    )
