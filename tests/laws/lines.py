"""What a law is measured under, and what a measurement says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["BASE", "GRID", "SWITCHES", "Line", "Switch"]

BASE, GRID = 30.0, 10.0


@dataclass(frozen=True)
class Switch:
    """One way that ECI and Function Compute may behave.

    Attributes:
        eci: switches of ECI.
        fc: switches of Function Compute.
        remembers: whether a cache can remember an update under it.
        ids: whether a second task of an id is refused, so that tasks are shared.
        early: whether tasks run long before they are due.
    """

    name: str
    eci: dict[str, Any]
    fc: dict[str, Any]
    remembers: bool = True
    ids: bool = True
    early: bool = False


SWITCHES = (
    Switch("as documented", {}, {}),
    Switch("tags replaced", {"tags_mode": "replace"}, {}),
    Switch("tags dropped", {"tags_mode": "drop", "tag_calls": "unknown"}, {}, remembers=False),
    Switch("tags written when an update ends", {"tags_applied": "end"}, {}, remembers=False),
    Switch("TagResources refused", {"tag_calls": "forbid"}, {}),
    Switch("no events", {"show_events": False}, {}),
    Switch("listing 5 s behind", {"listing_lag_seconds": 5.0}, {}),
    Switch("another code for busy", {"busy_code": "OperationConflict"}, {}),
    Switch("updates queued while updating", {"busy_mode": "queue"}, {}),
    Switch("delay ignored", {}, {"async_delay": "ignore"}, early=True),
    Switch("task given twice", {}, {"task_copies": 2, "copy_pause_seconds": 1.0}),
    Switch("ids not deduplicated", {}, {"task_ids": "ignore"}, ids=False),
    Switch("another code for a known id", {}, {"duplicate_code": "Conflict"}, ids=False),
    Switch("a third of new ids refused", {}, {"conflict_share": 0.34}, ids=False),
)


@dataclass(frozen=True)
class Line:
    """One measurement: the law, what was run, the switch, the bound, and the worst that was seen."""

    law: str
    what: str
    switch: str
    bound: float
    worst: float

    @property
    def holds(self) -> bool:
        """Whether the worst is within the bound."""
        return self.worst <= self.bound + 1e-9
