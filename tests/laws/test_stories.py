"""Stories in a small cloud end well, whatever happens: random ones, and those that hypothesis looks for."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from imagecache.base.errors import EciError, TransientError
from imagecache.base.reasons import Reason
from tests.laws.judge import complaints
from tests.laws.stories import ECI, FC, play
from tests.laws.world import APP, BAD, OWN_TAGS, PLAIN, World
from tests.support.depth import every_value
from tests.support.for_each import for_each

QUICK_SEED, QUICK = 20261126, 12
SEED = int(os.environ.get("STORIES_SEED") or random.SystemRandom().randrange(10**6))
"""Of the stories of a full run; it is in the message of a story that ends badly, and repeats it."""
FULL = os.environ.get("TEST_DEPTH") == "full"
CHUNKS, CHUNK = 40, 500
FIXED = range(QUICK, 340)
"""Numbers of the first seed that are told where no new stories are wanted."""


def told(
    seed: int, numbers: range, *, waits: bool = True, builds: bool = True, paces: bool = True
) -> list[str]:
    """What is wrong with some stories, each with its numbers."""
    bad = []
    for number in numbers:
        world, found = play(seed, number, waits=waits, builds=builds, paces=paces)
        ways = f"{world.eci}, {world.fc}, {world.waits}"
        bad += [f"story {number} of seed {seed}, {ways}: {each}" for each in found]
    return bad


@pytest.mark.parametrize("number", range(4))
def test_stories_end_well(number: int) -> None:
    assert told(QUICK_SEED, range(number * QUICK // 4, (number + 1) * QUICK // 4)) == []


@for_each(
    ("seed", "number", "waits"),
    [(20261126, 168, False), (271828, 955, False), (161803, 5, False), (20261126, 313, True)],
)
def test_stories_that_once_ended_badly_end_well(seed: int, number: int, waits: bool) -> None:
    assert told(seed, range(number, number + 1), waits=waits, builds=False, paces=False) == []


@for_each(
    ("seed", "number"),
    [
        (5, 88),
        (7, 591),
        (20261127, 4861),
        (20261127, 4988),
        (20261127, 9713),
        (20261127, 13337),
        (20261128, 2227),
        (20261130, 4812),
        (20261130, 5836),
        (20261130, 10005),
        (20261130, 19707),
        (20261201, 10291),
        (20261201, 12710),
        (20261201, 14474),
        (20261204, 12835),
    ],
)
def test_stories_with_tags_without_an_order_that_once_ended_badly_end_well(seed: int, number: int) -> None:
    assert told(seed, range(number, number + 1), paces=False) == []


@for_each(
    ("seed", "number"),
    [(20261207, 8985), (20261207, 11898), (20261208, 2319), (20261208, 12979), (20261208, 13594)],
)
def test_stories_of_any_pace_that_once_ended_badly_end_well(seed: int, number: int) -> None:
    assert told(seed, range(number, number + 1)) == []


@pytest.mark.deep
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("chunk", range(CHUNKS if FULL else 1))
def test_many_stories_end_well(chunk: int) -> None:
    seed, numbers = (SEED, range(chunk * CHUNK, (chunk + 1) * CHUNK)) if FULL else (QUICK_SEED, FIXED)
    print(f"STORIES_SEED={seed}")
    assert told(seed, numbers) == []


@every_value
@pytest.mark.parametrize("fc", FC, ids=str)
@pytest.mark.parametrize("failures", [1, 2, 3, 7])
def test_a_push_goes_on_however_often_the_list_of_caches_fails(fc: dict[str, Any], failures: int) -> None:
    world = World({}, fc)
    left = [failures]

    def fault(_action: str, done: bool) -> EciError | None:
        left[0] -= not done
        return TransientError(Reason.SERVER_ERROR, "refused") if left[0] >= 0 and not done else None

    world.cloud.eci.fault = fault
    world.push("api:latest")
    world.cloud.settle()
    world.settle()
    assert complaints(world) == []
    assert len(world.cloud.eci.updates["imc-1"]) == 1
    assert world.cloud.dead == []


ways = st.fixed_dictionaries(
    {
        "skew": st.sampled_from([0.0, -2.0, -0.5, 0.5, 1.9]),
        "entry_point": st.sampled_from(["on_push", "on_webhook"]),
    }
)
caches = st.integers(0, 2)


class Stories(RuleBasedStateMachine):
    """Whatever hypothesis can think of, under every switch."""

    world: World

    @initialize(eci=st.sampled_from(ECI), fc=st.sampled_from(FC), own=st.booleans(), number=st.integers(1, 3))
    def begin(self, eci: dict[str, Any], fc: dict[str, Any], own: bool, number: int) -> None:
        self.world = World(eci, fc, OWN_TAGS if own else (), number)

    @rule(name=st.sampled_from(PLAIN), way=ways)
    def push(self, name: str, way: dict[str, Any]) -> None:
        self.world.push(name, **way)

    @rule(number=st.integers(0, 9), way=ways)
    def push_version(self, number: int, way: dict[str, Any]) -> None:
        self.world.push(f"{APP}:v1.0.{number}", **way)

    @rule()
    def push_bad_version(self) -> None:
        self.world.push(f"{APP}:{BAD}")

    @rule(number=st.integers(0, 9))
    def duplicate(self, number: int) -> None:
        self.world.duplicate(number)

    @rule(number=caches, images=st.booleans())
    def ask(self, number: int, images: bool) -> None:
        self.world.ask(number, images=images)

    @rule(refresh=st.booleans())
    def sweep(self, refresh: bool) -> None:
        self.world.sweep(refresh=refresh)

    @rule(seconds=st.sampled_from([0.1, 1, 5, 31, 61, 95, 200, 600]))
    def wait(self, seconds: float) -> None:
        self.world.wait(seconds)

    @rule(kind=st.sampled_from(["refused", "throttled", "kill"]), after=st.booleans(), skip=st.integers(0, 3))
    def fail(self, kind: str, after: bool, skip: int) -> None:
        self.world.fail(kind, after=after, skip=skip)

    @rule(calls=st.integers(1, 3))
    def refuse_tasks(self, calls: int) -> None:
        self.world.refuse_tasks(calls)

    @rule(act=st.sampled_from([World.rename, World.forget, World.delete]), number=caches)
    def person(self, act: Callable[[World, int], None], number: int) -> None:
        act(self.world, number)

    @rule(number=caches)
    def forge(self, number: int) -> None:
        self.world.forget(number, forge=True)

    @rule()
    def restart(self) -> None:
        self.world.restart()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.settle()
            assert complaints(self.world) == []


def test_whatever_happens_ends_well() -> None:
    run_state_machine_as_test(
        Stories, settings=settings(max_examples=20, stateful_step_count=12, deadline=None)
    )


@pytest.mark.deep
@pytest.mark.timeout(1200)
def test_whatever_happens_ends_well_at_length() -> None:
    run_state_machine_as_test(
        Stories, settings=settings(max_examples=1000 if FULL else 30, stateful_step_count=20, deadline=None)
    )
