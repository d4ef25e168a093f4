"""What goes wrong during a run: faults of ECI, its undocumented habits, rotations of the functions' key.

All of it can be survived: what says that there is nothing to do when there is (``NoNeedUpdate``,
``DryRunOperation``) is not among it, as no client can know better.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from local.cloud.cloud import Cloud

__all__ = ["TIME_FACTOR", "Weather"]

TIME_FACTOR = 60.0
"""Builds and pauses between attempts pass this much faster."""
UPDATE = "UpdateImageCache"
SWEEP_SECONDS = 900 / TIME_FACTOR
PAUSE_SECONDS = 0.25
MOST_PENDING = 10

_BUSY = ("IncorrectStatus", "ImageCache.IncorrectStatus", "OperationConflict")
_THROTTLED = ("Throttling", "Throttling.User")
_CAPACITY = ("QuotaExceeded", "OperationDenied.NoStock", "InvalidVSwitchId.IpNotEnough")
_PERMANENT = ("Account.Arrearage", "Forbidden.SubUser", "InvalidParameter.NotFound", "Zone.NotOnSale")
_UNKNOWN = (("Strange.Refusal", 418), ("Strange.Fault", 599))
_MALFORMED = ("html", "not_json", "json_array", "json_null", "json_number", "invalid_utf8", "empty")
_LONGER_THAN_A_READ = 11.0


@dataclass(frozen=True)
class _Habit:
    """Something that the weather does now and then, so often on average."""

    name: str
    every_seconds: float
    act: Callable[[], object]


class Weather:
    """Makes bad weather in a thread of its own, from ``__enter__`` to ``__exit__``.

    Attributes:
        made: how often each thing was done.
        problems: what went wrong in here, which must be nothing.

    Args:
        cloud: running.
        seed: of the faults and of the settings.
    """

    def __init__(self, cloud: Cloud, seed: int) -> None:
        self.made: Counter[str] = Counter()
        self.problems: list[str] = []
        self._cloud = cloud
        self._rng = random.Random(seed)  # noqa: S311 - a story, not a secret
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._guarded, name="weather", daemon=True)

    def __enter__(self) -> Weather:
        self._change_habits()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._cloud.control.clear_faults()

    def _guarded(self) -> None:
        try:
            self._run()
        except (RuntimeError, OSError) as error:
            self.problems.append(f"the weather ended early: {type(error).__name__}: {error}")

    def _run(self) -> None:
        habits = (
            _Habit("fault", PAUSE_SECONDS, self._inject),
            _Habit("key rotation", 10.0, self._cloud.fc.rotate_role_keys),
            _Habit("change of habits", 9.0, self._change_habits),
            _Habit("sweep", SWEEP_SECONDS, lambda: self._cloud.fire_timer("sweep")),
        )
        due = {habit.name: time.monotonic() + self._pause(habit) for habit in habits}
        while not self._ended.wait(PAUSE_SECONDS):
            for habit in habits:
                if time.monotonic() >= due[habit.name]:
                    due[habit.name] += self._pause(habit)
                    habit.act()
                    self.made[habit.name] += 1

    def _pause(self, habit: _Habit) -> float:
        """Irregular, so that nothing falls into step with the attempts at an event."""
        return habit.every_seconds * self._rng.uniform(0.5, 1.5)

    def _inject(self) -> None:
        if len(self._cloud.control.faults()) < MOST_PENDING:
            fault = self._fault()
            self.made[f"  {fault['kind']} {fault.get('code', '')}".rstrip()] += fault.get("count", 1)
            self._cloud.control.inject(**fault)

    def _change_habits(self) -> None:
        """What nobody knows of the cloud may be one way or the other, but where the run's switches say it."""
        habits = {
            "time_factor": TIME_FACTOR,
            "rebuild_seconds": self._rng.uniform(20.0, 180.0),
            "busy_code": self._rng.choice(_BUSY),
            "tags_mode": self._rng.choice(("merge", "replace")),
            "omitted_mode": self._rng.choice(("keep", "reset")),
        }
        self._cloud.control.settings(**{**habits, **self._cloud.config.switches.eci})

    def _fault(self) -> dict[str, Any]:
        rng = self._rng
        kinds: tuple[tuple[int, Callable[[], dict[str, Any]]], ...] = (
            (4, lambda: {"kind": "error", "code": rng.choice(_THROTTLED), "count": rng.randint(1, 6)}),
            (2, lambda: {"kind": "error", "code": rng.choice(_BUSY), "action": UPDATE}),
            (2, lambda: {"kind": "error", "code": rng.choice(_CAPACITY), "action": UPDATE}),
            (2, lambda: {"kind": "error", "code": rng.choice(_PERMANENT)}),
            (1, lambda: dict(zip(("kind", "code", "status"), ("error", *rng.choice(_UNKNOWN)), strict=True))),
            (3, lambda: {"kind": "error", "code": rng.choice(("ServiceUnavailable", "InternalError"))}),
            (2, lambda: {"kind": "error", "code": "InternalError", "action": UPDATE, "acts": True}),
            (3, lambda: {"kind": "reset", "acts": False, "count": rng.randint(1, 4)}),
            (3, lambda: {"kind": "reset", "acts": True, "action": UPDATE, "count": rng.randint(1, 4)}),
            (3, lambda: {"kind": rng.choice(_MALFORMED), "acts": rng.random() < 1 / 2}),
            (2, lambda: {"kind": "truncated", "acts": rng.random() < 1 / 2}),
            (3, lambda: {"kind": "slow", "delay_seconds": rng.uniform(0.2, 2.0)}),
            (3, lambda: {"kind": "update_fails", "message": "no space left on the temporary disk"}),
            (1, lambda: {"kind": "slow", "action": UPDATE, "delay_seconds": _LONGER_THAN_A_READ}),
        )
        ((_, make),) = rng.choices(kinds, weights=[weight for weight, _ in kinds])
        return make()
