"""Rolling rebuilds: of the caches of a rule some stay Ready while others are rebuilt, whatever comes."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from tests.support.depth import sampled

HOST = "acme-registry.cn-hangzhou.cr.aliyuncs.com"
WEB, API = f"{HOST}/prod/web:latest", f"{HOST}/prod/api:latest"
REBUILD = 100
ROLLING, REPUSHED, LANDED = ("deferred", "ROLLING"), ("refreshed", "TAG_REPUSHED"), ("landed", "LANDED")
STOPPED = ("failed", "ROLLOUT_STOPPED")
MOST_TAGS = 20


def rules(world: Any, keep: int | str, **more: Any) -> None:
    world.setenv("IMC_RULES", json.dumps({"rules": [{"name": "web", "keepReady": keep, **more}]}))


def caches(world: Any, count: int, *images: str, **members: Any) -> list[str]:
    return [
        world.cache(*(images or (WEB,)), image_cache_id=f"imc-{number:02}", **members)
        for number in range(count)
    ]


def statuses(world: Any) -> list[str]:
    return [cache["status"] for cache in world.eci.caches()]


def most_at_once(world: Any) -> int:
    """How many updates ran at the same time."""
    updates = world.updates()
    starts = [update["started_at"] for update in updates]
    return max(sum(start <= at < start + REBUILD for start in starts) for at in starts)


def settled(world: Any) -> list[tuple[str, str]]:
    """All that was said until nothing was left, but of looks at updates that run."""
    return [said for visit in world.settle() for said in visit.said if said[0] != "deferred"]


@pytest.mark.parametrize(
    ("keep", "count", "at_once"),
    sampled(
        [
            (1, 3, 2),
            (1, 1, 1),
            (1, 2, 1),
            (5, 3, 1),
            (2, 3, 1),
            ("50%", 4, 2),
            ("50%", 5, 2),
            ("34%", 3, 1),
            ("100%", 3, 1),
            (0, 3, 3),
            ("0%", 3, 3),
        ],
        3,
    ),
)
def test_so_many_stay_ready_and_all_are_rebuilt(
    world: Any, keep: int | str, count: int, at_once: int
) -> None:
    rules(world, keep)
    ids = caches(world, count)
    told = world.push()
    assert sorted(told.said) == sorted([REPUSHED] * at_once + [ROLLING] * (count - at_once))
    assert statuses(world).count("Updating") == at_once
    assert settled(world).count(LANDED) == count
    assert most_at_once(world) == at_once
    assert [len(world.updates(each)) for each in ids] == [1] * count
    assert statuses(world) == ["Ready"] * count


def test_the_next_begins_soon_after_another_is_ready(world: Any) -> None:
    rules(world, 2)
    caches(world, 3)
    world.push()
    world.settle()
    world.clock.advance(3600)
    before = len(world.updates())
    world.push()
    visits = world.settle()
    starts = sorted(update["started_at"] for update in world.updates()[before:])
    assert all(REBUILD <= later - earlier <= REBUILD + 40 for earlier, later in pairwise(starts))
    # It waits, and does not poll: a look for the wave to come by, and the watch of its own update.
    assert len(visits) <= 3 * 4


def test_a_record_says_what_is_waited_for(world: Any) -> None:
    rules(world, "50%")
    caches(world, 2)
    (record,) = (record for record in world.push().records if record["reason"] == "ROLLING")
    assert record["message"] == "rule web keeps 50% of 2 caches ready: this one waits for others"
    assert (record["rule"], "until" in record, "follow_task_id" in record) == ("web", True, True)


def test_a_wave_is_the_same_however_often_it_is_delivered(world: Any) -> None:
    rules(world, 2)
    ids = caches(world, 3)
    event = world.event()
    world.push(event)
    for _ in range(3):
        assert statuses(world).count("Ready") == 2
        world.clock.advance(20)
        world.push(event)
    settled(world)
    assert most_at_once(world) == 1
    assert [len(world.updates(each)) for each in ids] == [1] * 3


def test_pushes_that_follow_each_other_share_the_wave(world: Any) -> None:
    rules(world, 1)
    caches(world, 2)
    for _ in range(5):
        world.push()
        world.clock.advance(30)
    settled(world)
    assert most_at_once(world) == 1
    assert len(world.updates()) <= 4


def test_promotions_roll_as_well(world: Any) -> None:
    rules(world, 1, policy={"type": "semver", "range": "1"})
    ids = caches(world, 2, f"{HOST}/prod/web:v1.0.0")
    told = world.push(world.event(tag="v1.0.1"))
    assert sorted(told.said) == [ROLLING, ("refreshed", "TAG_PROMOTED")]
    settled(world)
    assert most_at_once(world) == 1
    assert [world.eci.cache(each)["images"] for each in ids] == [[f"{HOST}/prod/web:v1.0.1"]] * 2


def test_tags_that_come_to_their_age_together_roll(world: Any) -> None:
    rules(world, 1, policy={"type": "semver", "range": "1"}, minAgeSeconds=3000)
    caches(world, 3, f"{HOST}/prod/web:v1.0.0")
    assert set(world.push(world.event(tag="v1.0.1")).said) == {("deferred", "TOO_YOUNG")}
    assert settled(world).count(LANDED) == 3
    assert most_at_once(world) == 2


@pytest.mark.parametrize("caches_known", [False, True])
def test_a_failing_build_stops_the_wave(world: Any, caches_known: bool) -> None:
    rules(world, 2)
    ids = caches(world, 3)
    if caches_known:
        world.push()
        world.settle()
        world.clock.advance(3600)
    before = len(world.updates())
    world.eci.builds(ids[0], failing_builds=-1)
    world.push()
    said = settled(world)
    assert said.count(STOPPED) == 2
    assert {update["image_cache_id"] for update in world.updates()[before:]} == {ids[0]}
    assert statuses(world)[1:] == ["Ready", "Ready"]


def test_after_a_stop_a_newer_push_or_a_person_goes_on(world: Any) -> None:
    rules(world, 2)
    ids = caches(world, 3)
    world.eci.builds(ids[0], failing_builds=-1)
    event = world.event()
    world.push(event)
    assert STOPPED in settled(world)
    # The same push again is stopped as well.
    again = world.push(event)
    assert again.said.count(STOPPED) == 2
    assert world.manual(imageCacheId=ids[1]).said == [("refreshed", "REBUILD_REQUESTED")]
    world.settle()
    world.eci.builds(ids[0], failing_builds=0)
    world.clock.advance(7200)
    world.push()
    assert STOPPED not in settled(world)
    assert statuses(world) == ["Ready"] * 3


def test_a_cache_that_failed_is_repaired_and_waited_for_by_nobody(world: Any) -> None:
    rules(world, 2)
    caches(world, 2)
    world.cache(WEB, image_cache_id="imc-broken", status="UpdateFailed")
    told = world.push()
    # The one that is not usable takes nothing away.
    assert sorted(told.said) == [ROLLING, REPUSHED, REPUSHED]
    settled(world)
    assert statuses(world) == ["Ready"] * 3


def test_other_rules_repositories_and_caches_count_for_nothing(world: Any) -> None:
    rules(world, 1, caches={"names": ["web-*"]})
    world.cache(WEB, image_cache_name="web-1")
    world.cache(WEB, image_cache_name="other")
    world.cache(API, image_cache_name="web-2")
    assert sorted(world.push().said) == [REPUSHED, REPUSHED]


def test_a_cache_is_in_the_wave_of_each_repository_that_it_lists(world: Any) -> None:
    rules(world, 1)
    both = world.cache(WEB, API, image_cache_id="imc-0")
    world.cache(API, image_cache_id="imc-1")
    world.push(world.event(repository="api"))
    assert [cache["status"] for cache in world.eci.caches()] == ["Updating", "Ready"]
    world.eci.force(both, "Ready")
    world.eci.force("imc-1", "Updating")
    # A push of the web image would take the last one that has the api image.
    assert world.push().said == [ROLLING]


@pytest.mark.parametrize("mode", ["drop", "full"])
def test_caches_that_can_remember_nothing_come_in_the_end(world: Any, mode: str) -> None:
    rules(world, 2)
    tags = {f"key-{number}": "" for number in range(MOST_TAGS)} if mode == "full" else {}
    if mode == "drop":
        world.eci.settings(tags_mode="drop", tag_calls="unknown")
    ids = caches(world, 3, tags=tags)
    world.push()
    said = settled(world)
    assert not {entry for entry in said if entry[0] == "failed"}
    assert all(1 <= len(world.updates(each)) <= 2 for each in ids)
    assert most_at_once(world) == 1


def test_a_refresh_of_all_rolls_too(world: Any) -> None:
    rules(world, 1)
    caches(world, 2)
    told = world.timer({"action": "refresh", "caches": {"ids": ["imc-00", "imc-01"]}})
    assert sorted(told.said) == [ROLLING, ("refreshed", "REFRESH_SCHEDULED")]
    assert settled(world).count(LANDED) == 2
    assert most_at_once(world) == 1


def test_a_person_may_have_all_at_once(world: Any) -> None:
    rules(world, 1)
    caches(world, 2)
    assert world.manual(caches={"ids": ["imc-00", "imc-01"]}).said == [("refreshed", "REBUILD_REQUESTED")] * 2


def test_a_dry_run_says_which_ones_would_wait(world: Any) -> None:
    rules(world, 1)
    caches(world, 2)
    world.setenv("IMC_DRY_RUN", "true")
    plan = world.push().answer["plan"]
    waits = [
        "not now: rule web keeps 1 of 2 caches ready" in each["message"] for each in plan["would_refresh"]
    ]
    assert sorted(waits) == [False, True]


def test_without_a_follow_function_the_others_are_raised(world: Any) -> None:
    rules(world, 1)
    world.delenv("IMC_FOLLOW_FUNCTION")
    caches(world, 2)
    told = world.push()
    assert sorted(told.said) == [("failed", "ROLLING"), REPUSHED]
    assert told.error is not None
