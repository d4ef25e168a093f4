"""What a part of the story cost, counted by the servers. Must not know the story."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..cloud.cloud import Cloud

__all__ = ["FOLLOW", "Cost", "cost_so_far"]

FOLLOW = "on-follow"
"""What the name of the follow function ends with."""
_LISTING, _ONE_CACHE = "DescribeImageCaches", "ImageCacheId"
_CALLS_OF_AN_UPDATE, _RUNS_OF_AN_UPDATE = 4, 6


@dataclass(frozen=True)
class Cost:
    """Counts.

    Attributes:
        calls: to ECI.
        listings: those of them that list all caches of a region: at most one for each invocation.
        tasks: follow tasks that were stored.
        runs: how often the follow function was invoked.
        rebuilds: that ECI accepted.
    """

    calls: int
    listings: int
    tasks: int
    runs: int
    rebuilds: int

    def __sub__(self, before: Cost) -> Cost:
        return Cost(
            self.calls - before.calls,
            self.listings - before.listings,
            self.tasks - before.tasks,
            self.runs - before.runs,
            self.rebuilds - before.rebuilds,
        )

    def __str__(self) -> str:
        return (
            f"{self.rebuilds} rebuilds, {self.tasks} follow tasks that ran {self.runs} times, "
            f"{self.calls} calls to ECI ({self.listings} listings)"
        )

    def broken_bounds(self) -> Iterator[str]:
        """Where it is more than so many listings, rebuilds and runs may take.

        The bound of runs holds where the caches remember how long a rebuild takes.
        """
        runs = _RUNS_OF_AN_UPDATE * self.rebuilds
        calls = self.listings + _CALLS_OF_AN_UPDATE * self.rebuilds + self.runs
        if self.runs > runs:
            yield f"follow tasks ran {self.runs} times, not {runs} times at most"
        if self.calls > calls:
            yield f"ECI was called {self.calls} times, not {calls} times at most"


def cost_so_far(cloud: Cloud) -> Cost:
    """All that was counted since the cloud's state folder is new."""
    calls = cloud.control.journal()
    tasks = [task for task in cloud.fc.deliveries() if task["function"].endswith(FOLLOW)]
    return Cost(
        calls=len(calls),
        listings=sum(
            call["action"] == _LISTING and not any(name.startswith(_ONE_CACHE) for name in call["parameters"])
            for call in calls
        ),
        tasks=len(tasks),
        runs=sum(task["attempts"] for task in tasks),
        rebuilds=sum(update["kind"] == "rebuild" for update in cloud.control.history()),
    )
