"""L1, measured: what is merged into a stored task is in the update that the task makes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import product

from imagecache.engine.warm import Warm
from tests.laws.failing import rebuild
from tests.laws.lines import SWITCHES, Line
from tests.laws.small_cloud import HOST, small_cloud
from tests.laws.storms import lost, untrue

__all__ = ["merged"]


def merged(*, short: bool) -> Iterator[Line]:
    """L1: a push is merged into a task at the last moment, just after an update that has the task's own."""
    for switch, skew, early in product(SWITCHES[:1] if short else SWITCHES, (1, 2), (1, 0)):
        # Without events and a remembered time, all that waits has one due time: the full minute.
        eci = {**switch.eci, "rebuild_seconds": 12.0, "show_events": False}
        cloud = small_cloud(eci=eci, fc=switch.fc, clock_skew_seconds=skew)
        identifier = cloud.eci.create(f"{HOST}/web:latest")
        minute, events = cloud.clock() // 60 * 60, [cloud.event(), cloud.event()]
        cloud.push(events[0])
        cloud.run_until(minute + 10)
        cloud.push(events[1])
        # An instance whose clock is behind takes the task's time for as much later.
        cloud.run_until(minute + 60 - early * skew - 0.6)
        cloud.invoke("on_manual", [rebuild(cloud, identifier)])
        cloud.run_until(minute + 60 - early * skew - 0.2)
        exact, behind = cloud.warm, timedelta(seconds=skew)
        cloud.warm = Warm(lambda late=behind, clock=cloud.clock: clock.moment() - late, cloud.clock.advance)
        events.append(cloud.event())
        cloud.push(events[-1])
        cloud.warm = exact
        cloud.settle()
        what = f"merged just after an update, clocks {skew} s apart, {early * skew} s before it is due: lost"
        yield Line("L1", what, switch.name, 0, lost(cloud, [identifier], events) + untrue(cloud))
