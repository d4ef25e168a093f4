"""Random stories in a small cloud: what they are made of, and how each is played from two numbers."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from tests.laws.judge import complaints
from tests.laws.world import APP, BAD, BUILDS, OWN_TAGS, PLAIN, World

__all__ = ["ECI", "FC", "play"]

ECI: Sequence[dict[str, Any]] = (
    {},
    {"tags_mode": "replace"},
    {"tags_mode": "drop", "tag_calls": "unknown"},
    {"tags_applied": "end"},
    {"tags_after_failure": "restore"},
    {"images_after_failure": "restore"},
    {"tag_calls": "forbid"},
    {"show_events": False},
    {"listing_lag_seconds": 5.0},
    {"busy_code": "OperationConflict"},
    {"busy_mode": "queue"},
    {"no_need_update": "ready"},
)
"""What nobody knows of ECI."""
FC: Sequence[dict[str, Any]] = (
    {},
    {"async_delay": "ignore"},
    {"task_ids": "ignore"},
    {"duplicate_code": "Conflict"},
    {"conflict_share": 0.34},
    {"task_copies": 2, "copy_pause_seconds": 1.0},
)
"""What nobody knows of Function Compute."""
WAITS: Sequence[dict[str, Any]] = (
    {},
    {},
    {"keepReady": 1},
    {"minAgeSeconds": 300},
    {"minAgeSeconds": 60, "keepReady": "50%"},
)
"""What makes updates wait."""

REBUILDS = (90.0, 90.0, 20.0, 600.0)
"""Seconds that a rebuild takes."""
COPY_PAUSES = (1.0, 31.0, 45.0, 100.0)
"""Seconds between the runs of one task, where each runs twice."""

_Step = Callable[[World, random.Random], None]
_STEPS: Sequence[tuple[int, _Step]] = (
    (8, lambda world, chance: world.push(chance.choice(PLAIN), **_way(chance))),
    (4, lambda world, chance: world.push(f"{APP}:v1.0.{chance.randrange(10)}", **_way(chance))),
    (2, lambda world, chance: world.push(f"{APP}:{BAD}", **_way(chance))),
    (3, lambda world, chance: world.duplicate(chance.randrange(99))),
    (1, lambda world, chance: world.ask(chance.randrange(9))),
    (1, lambda world, chance: world.ask(chance.randrange(9), images=True)),
    (2, lambda world, chance: world.sweep(refresh=chance.random() < 0.3)),
    (8, lambda world, chance: world.wait(chance.choice((0.1, 1, 5, 31, 61, 95, 200, 600)))),
    (2, lambda world, _: world.restart()),
    (
        3,
        lambda world, chance: world.fail(
            chance.choice(("refused", "throttled", "kill")),
            after=chance.random() < 0.4,
            skip=chance.randrange(3),
        ),
    ),
    (1, lambda world, chance: world.refuse_tasks(chance.randrange(1, 4))),
    (1, lambda world, chance: world.rename(chance.randrange(9))),
    (1, lambda world, chance: world.forget(chance.randrange(9), forge=chance.random() < 0.5)),
    (1, lambda world, chance: world.delete(chance.randrange(9))),
)
_WEIGHTS = [weight for weight, _ in _STEPS]


def _way(chance: random.Random) -> dict[str, Any]:
    """How a push is told of: with a clock that is off by two seconds at most."""
    return {
        "skew": chance.choice((0.0, 0.0, -2.0, -0.5, 0.5, 1.9)),
        "entry_point": chance.choice(("on_push", "on_push", "on_webhook")),
    }


def play(
    seed: int, number: int, *, waits: bool = True, builds: bool = True, paces: bool = True
) -> tuple[World, list[str]]:
    """Play the story of two numbers to its end; the world, and what is wrong with it.

    Args:
        seed: one number.
        number: the other.
        waits: whether rules may make updates wait.
        builds: whether there may be tags without an order.
        paces: whether rebuilds, and the pauses between the runs of one task, may take any time.
    """
    chance = random.Random(f"{seed}:{number}")  # noqa: S311 - repeatable on purpose
    # Of another chance, so that the rest of a story does not depend on it.
    wait = random.Random(f"waits {seed}:{number}").choice(WAITS)  # noqa: S311 - likewise
    build = random.Random(f"builds {seed}:{number}")  # noqa: S311 - likewise
    builds = builds and build.random() < 0.5
    pace = random.Random(f"paces {seed}:{number}")  # noqa: S311 - likewise
    eci, fc = chance.choice(ECI), chance.choice(FC)
    tags = OWN_TAGS if chance.random() < 0.1 else ()
    if paces:
        # Where nothing shows an update, runs far apart make updates without an end, as README says.
        shown = not tags or eci.get("show_events", True)
        eci = {"rebuild_seconds": pace.choice(REBUILDS), **eci}
        paused = {**fc, "copy_pause_seconds": pace.choice(COPY_PAUSES)}
        fc = paused if "task_copies" in fc and shown else fc
    world = World(
        eci,
        fc,
        tags=tags,
        caches=chance.randrange(1, 4),
        waits=wait if waits else {},
        builds=builds,
    )
    for _ in range(chance.randrange(3, 17)):
        (_, step) = chance.choices(_STEPS, _WEIGHTS)[0]
        step(world, chance)
        for _ in range(build.choice((0, 0, 1, 1, 3)) if builds else 0):
            world.push(f"{BUILDS}:{build.randrange(99)}", **_way(build))
            world.wait(build.choice((0.1, 2, 7)))
    world.settle()
    return world, complaints(world)
