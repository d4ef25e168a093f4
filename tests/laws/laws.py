"""Each law of follow-up as a measurement: a bound, and the worst seen, whatever the platforms do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from imagecache.base.reasons import Reason
from tests.laws.failing import asked, behind_a_push, failing, given_twice
from tests.laws.lines import BASE, GRID, SWITCHES, Line, Switch
from tests.laws.merged import merged
from tests.laws.no_memory import no_memory, refused_hand_off, several_places
from tests.laws.rollouts import keep_ready, minimum_age
from tests.laws.run_twice import killed, refused_for_long, run_twice, taking_turns
from tests.laws.small_cloud import HOST, small_cloud
from tests.laws.storms import PHASES, REBUILD_SECONDS, Cost, Storm, forget, lost, measure, untrue
from tests.laws.versions import close_versions, versions

__all__ = ["LAWS", "SWITCHES", "Line", "Switch", "lines", "storms"]


def lines(*, short: bool = False) -> Iterator[Line]:
    """All measurements; a representative part if ``short``."""
    for switch in SWITCHES:
        yield from storms(switch, short=short)
    for law in LAWS:
        yield from law(short=short)


def storms(switch: Switch, *, short: bool) -> Iterator[Line]:
    """Storms under one switch; also with other lengths of a rebuild where all is as documented."""
    several = (
        (Storm(2, 3),) if short else (Storm(1, 2), Storm(5, 10), Storm(10, 10), Storm(3, 4, seconds=150.0))
    )
    for storm in several:
        yield from _storm(storm, switch, PHASES[:1] if short else PHASES)
    if switch is SWITCHES[0] and not short:
        yield from _storm(Storm(50, 4), switch, PHASES[:1])
        for took in (0.75, 0.8, 1.2, 1.25, 3.0):
            for seconds in (1.0, 300.0):
                yield from _storm(Storm(3, 4, took=took, seconds=seconds), switch, PHASES)


def _most_updates(storm: Storm, switch: Switch) -> int:
    """Two; a third for a push that comes when an update could begin.

    Where ids do not share tasks, each push has a chain of its own. Those that look just before the cache is
    Ready, and those that look just after, ask for an update each.
    """
    if not switch.ids:
        return 4
    return 2 if storm.seconds <= 1 else 3


def _worst(costs: list[Cost], fact: Callable[[Cost], float]) -> float:
    return max(fact(cost) for cost in costs)


def _storm(storm: Storm, switch: Switch, phases: tuple[float, ...]) -> Iterator[Line]:
    """L1, L2 and L4: a storm whose rebuild time is remembered, and one of which nothing is known."""
    for remembered in (True, False):
        each = replace(storm, remembered=remembered)
        costs = [measure(each, phase, switch.eci, switch.fc) for phase in phases]
        known = remembered and switch.remembers and 0.75 <= storm.took <= 1.25
        what = f"{storm.images} images of {storm.caches} caches"
        what += ", spread" if storm.seconds > 1 else ""
        what += f", {storm.took:g} of the remembered time" if storm.took != 1 else ""
        what += "" if remembered else ", unknown time"
        line = partial(Line, switch=switch.name)
        yield line("L1", f"{what}: pushes lost", bound=0, worst=_worst(costs, lambda cost: cost.lost))
        yield line(
            "L1", f"{what}: deferred to no task", bound=0, worst=_worst(costs, lambda cost: cost.untrue)
        )
        yield line("L1", f"{what}: dead letters", bound=0, worst=_worst(costs, lambda cost: cost.dead))
        yield line(
            "L2",
            f"{what}: updates a cache",
            bound=_most_updates(storm, switch),
            worst=_worst(costs, lambda cost: cost.updates),
        )
        runs = 6.0 if known else 6 + storm.rebuild / (2 * BASE)
        if switch.ids and not switch.early:
            copies = switch.fc.get("task_copies", 1)
            yield line(
                "L2",
                f"{what}: runs an update",
                bound=runs * copies,
                worst=_worst(costs, lambda cost: cost.runs),
            )
        yield line(
            "L2",
            f"{what}: calls an update beside runs",
            # Each push reads a cache that the listing still shows as Ready.
            bound=4 + (storm.images / 2 if "listing_lag_seconds" in switch.eci else 0),
            worst=_worst(costs, lambda cost: cost.calls - cost.runs),
        )
        if storm.took <= 1.25:
            wait = max(20.0, 0.15 * storm.rebuild) if known else 2 * BASE + GRID
            yield line(
                "L4",
                f"{what}: seconds from Ready to the update",
                bound=wait,
                worst=_worst(costs, lambda cost: cost.wait),
            )


def envelope(*, short: bool) -> Iterator[Line]:
    """L2: one invocation with many events of one tag that busy caches list."""
    events, caches = (20, 5) if short else (100, 20)
    cloud = small_cloud(eci={"rebuild_seconds": REBUILD_SECONDS})
    for _ in range(caches):
        cloud.eci.create(f"{HOST}/web:latest")
    cloud.push(cloud.event())
    forget(cloud)
    cloud.push(*(cloud.event() for _ in range(events)))
    yield Line(
        "L2",
        f"{events} events in one envelope, {caches} busy caches: tasks",
        "as documented",
        caches,
        cloud.store.stored,
    )


def hot_loop(*, short: bool) -> Iterator[Line]:
    """L6: the platform ignores the delay."""
    cloud = small_cloud(eci={"rebuild_seconds": 1000.0}, fc={"async_delay": "ignore"})
    cloud.eci.create(f"{HOST}/web:latest")
    begin = cloud.clock()
    cloud.push(cloud.event())
    cloud.clock.advance(1)
    cloud.push(cloud.event())
    cloud.settle()
    life, chains = cloud.clock() - begin, 2
    waited = sum(record["reason"] == Reason.NOT_DUE.value for record in cloud.seen)
    yield Line(
        "L6",
        "an update that runs 1000 s: runs in 20 s that only wait, a chain",
        "delay ignored",
        1,
        20 * waited / (life * chains),
    )


def wide(*, short: bool) -> Iterator[Line]:
    """L7: more caches than one invocation has time for; each call takes a tenth of a second."""
    caches, timeout = (60, 6) if short else (500, 12)
    cloud = small_cloud(eci={"rebuild_seconds": 600.0}, most_per_run=10_000)
    cloud.timeout = timeout
    cloud.eci.call_seconds = 0.1
    for _ in range(caches):
        cloud.eci.create(f"{HOST}/web:latest")
    begin = cloud.clock()
    records = cloud.push(cloud.event())
    left = {record["follow_task_id"] for record in records if record["result"] == "deferred"}
    yield Line(
        "L7", f"a push that {caches} caches list, {timeout} s: continuations", "one at a time", 1, len(left)
    )
    yield Line(
        "L7",
        f"a push that {caches} caches list, {timeout} s: failed for lack of time",
        "one at a time",
        0,
        len(cloud.said("failed")),
    )
    cloud.run_until(begin + 590)
    cloud.settle()
    yield Line(
        "L7",
        f"a push that {caches} caches list, {timeout} s: caches without it",
        "one at a time",
        0,
        sum(1 for each in cloud.eci.caches if not cloud.eci.updates[each]),
    )


def ends(*, short: bool) -> Iterator[Line]:
    """L8: every chain ends."""
    ways = {"creation failed": "Failed"}
    if not short:
        ways |= {"never Ready": "Updating", "creation never ends": "Creating"}
    for name, status in ways.items():
        cloud = small_cloud()
        cloud.eci.create(f"{HOST}/web:latest", status=status)
        begin = cloud.clock()
        cloud.push(cloud.event())
        cloud.settle()
        told = list(cloud.said("failed"))
        yield Line(
            "L8",
            f"a cache whose {name}: hours until it is told",
            "as documented",
            30.1,
            (told[-1]["at"] - begin) / 3600 if told else float("inf"),
        )


def held(*, short: bool) -> Iterator[Line]:
    """L8: a chain that an update holds for longer than the give-up time still ends well."""
    cloud = small_cloud(eci={"rebuild_seconds": 8 * 3600.0})
    identifier = cloud.eci.create(f"{HOST}/web:latest")
    cloud.push(cloud.event())
    cloud.clock.advance(1)
    event = cloud.event()
    cloud.push(event)
    cloud.settle()
    yield Line(
        "L8",
        "an update that runs for 8 h: pushes lost behind it",
        "as documented",
        0,
        lost(cloud, [identifier], [event]) + len(cloud.said("failed")) + untrue(cloud),
    )


LAWS = (
    envelope,
    refused_hand_off,
    failing,
    given_twice,
    asked,
    behind_a_push,
    no_memory,
    several_places,
    versions,
    close_versions,
    hot_loop,
    wide,
    ends,
    held,
    merged,
    run_twice,
    taking_turns,
    killed,
    refused_for_long,
    minimum_age,
    keep_ready,
)
"""The measurements that storms do not make."""
