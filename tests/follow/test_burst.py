"""Bursts: any number of pushes to the images of one cache, in any order, costs at most two updates.

A push has its time, and may be delivered late, more than once and in any order. The ECI server counts the
updates; that the last one began after the last push is seen from how many there were when that happened.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import pytest

SIZES_AND_SEEDS = [
    (1, 1),
    (2, 2),
    (10, 3),
    pytest.param(10, 4, marks=pytest.mark.deep),
    pytest.param(100, 5, marks=pytest.mark.deep),
]
REPOSITORIES = ("web", "api", "job")
REBUILD_SECONDS = 600

ALLOWED = {("refreshed", "TAG_REPUSHED"), ("unchanged", "COVERED"), ("deferred", "CACHE_BUSY")}


def image(repository: str) -> str:
    return f"acme-registry.cn-hangzhou.cr.aliyuncs.com/prod/{repository}:latest"


def cache_of_all(world: Any, **members: Any) -> str:
    world.eci.settings(rebuild_seconds=REBUILD_SECONDS)
    cache_id: str = world.cache(*map(image, REPOSITORIES), **members)
    return cache_id


def events(world: Any, chance: random.Random, count: int) -> list[dict[str, Any]]:
    return [world.event(repository=chance.choice(REPOSITORIES)) for _ in range(count)]


def deliver(world: Any, chance: random.Random, pushed: Iterable[dict[str, Any]]) -> list[Any]:
    """Deliver each push once or twice, shuffled, and run the tasks that become due in between."""
    deliveries = [event for event in pushed for _ in range(chance.choice([1, 1, 1, 2]))]
    chance.shuffle(deliveries)
    visits = []
    for event in deliveries:
        visits.append(world.push(event))
        visits += world.run_until(world.clock() + chance.uniform(0, 0.9 * REBUILD_SECONDS / len(deliveries)))
    return visits


def check_every_push(visits: list[Any], pushed: list[dict[str, Any]]) -> None:
    """Each push has records that say what becomes of it: a task that runs later, or an update that has it."""
    ran = {visit.document_id: visit.at for visit in visits if visit.document_id}
    arrivals = [visit for visit in visits if not visit.document_id]
    for visit in arrivals:
        for record in visit.records:
            assert (record["result"], record["reason"]) in ALLOWED
            assert (record["reason"] == "COVERED") == ("covered_by" in record)
            if record["result"] == "deferred":
                assert ran[record["follow_task_id"]] > visit.at
    assert {record["event_id"] for visit in arrivals for record in visit.records} == {e["id"] for e in pushed}
    assert visits[-1].said == [("landed", "LANDED")]
    assert all(visit.error is None for visit in visits)


@pytest.mark.parametrize(("size", "seed"), SIZES_AND_SEEDS)
def test_pushes_before_the_update_cost_one(world: Any, size: int, seed: int) -> None:
    print(f"seed {seed}")  # noqa: T201 - shown with a failure
    chance = random.Random(seed)  # noqa: S311 - an order, not a secret
    cache_id = cache_of_all(world)
    pushed = events(world, chance, size)

    visits = [*deliver(world, chance, pushed), *world.settle()]

    assert len(world.updates(cache_id)) == 1
    assert len(world.update_calls()) == 1
    check_every_push(visits, pushed)


@pytest.mark.parametrize(("size", "seed"), SIZES_AND_SEEDS)
def test_pushes_during_the_update_cost_one_more_that_begins_after_the_last_of_them(
    world: Any, size: int, seed: int
) -> None:
    print(f"seed {seed}")  # noqa: T201 - shown with a failure
    chance = random.Random(seed)  # noqa: S311 - an order, not a secret
    cache_id = cache_of_all(world)
    before = events(world, chance, chance.randint(1, min(3, size)))
    first = world.push(chance.choice(before))
    assert first.record["result"] == "refreshed"
    during = events(world, chance, size)
    # The last push has happened, and there was one update: whatever is made from now on begins after it.
    assert len(world.updates(cache_id)) == 1

    visits = [first, *deliver(world, chance, [*before, *during]), *world.settle()]

    assert len(world.updates(cache_id)) == 2
    assert len(world.update_calls()) == 2
    check_every_push(visits, [*before, *during])


@pytest.mark.parametrize("size", [2, 10])
def test_pushes_during_an_update_that_fails_cost_one_more(world: Any, size: int) -> None:
    chance = random.Random(size)  # noqa: S311 - an order, not a secret
    cache_id = cache_of_all(world)
    world.eci.inject("update_fails")
    pushed = events(world, chance, 1)
    visits = [world.push(pushed[0])]
    pushed += events(world, chance, size)
    visits += [*deliver(world, chance, pushed), *world.settle()]
    assert [update["status"] for update in world.updates(cache_id)] == ["UpdateFailed", "Ready"]
    check_every_push(visits, pushed)


@pytest.mark.parametrize("size", [2, 10])
def test_pushes_to_a_cache_that_others_update_cost_one(world: Any, size: int) -> None:
    chance = random.Random(size)  # noqa: S311 - an order, not a secret
    cache_id = cache_of_all(world, status="Updating")
    pushed = events(world, chance, size)
    visits = deliver(world, chance, pushed)
    assert world.updates(cache_id) == []
    world.eci.force(cache_id, "Ready")
    visits += world.settle()
    assert len(world.updates(cache_id)) == 1
    check_every_push(visits, pushed)


@pytest.mark.parametrize("moment", ["during", "after"])
def test_a_whole_burst_delivered_again_costs_nothing(world: Any, moment: str) -> None:
    chance = random.Random(5)  # noqa: S311 - an order, not a secret
    cache_id = cache_of_all(world)
    pushed = events(world, chance, 10)
    for event in pushed:
        world.push(event)
    if moment == "after":
        world.settle()
    stored = set(world.tasks.known)
    for event in pushed:
        assert world.push(event).said in ([("unchanged", "COVERED")], [("deferred", "CACHE_BUSY")])
    assert len(world.tasks.known - stored) <= 1
    world.settle()
    assert len(world.updates(cache_id)) == 1
    assert len(world.update_calls()) == 1


def test_a_burst_in_one_delivery_costs_one_update(world: Any) -> None:
    chance = random.Random(6)  # noqa: S311 - an order, not a secret
    cache_id = cache_of_all(world)
    pushed = events(world, chance, 10)
    visits = [world.push([*pushed, *pushed]), *world.settle()]
    assert len(visits[0].records) == 20
    assert len({record["eci_request_id"] for record in visits[0].records}) == 1
    assert len(world.updates(cache_id)) == 1
    check_every_push(visits, pushed)
