"""Promotions followed through: busy caches, bursts over several repositories, caps and cooldowns."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from local.registry.docker_registry import LocalRegistry, missing_tools

HOST = "acme-registry.cn-hangzhou.cr.aliyuncs.com"
WEB = f"{HOST}/prod/web"
SEMVER = {"type": "semver", "range": ">=1.0 <2"}


def set_rules(world: Any, *rules: dict[str, Any]) -> None:
    world.setenv("IMC_RULES", json.dumps({"rules": list(rules)}))


def images(world: Any, identifier: str) -> list[str]:
    found: list[str] = world.eci.cache(identifier)["images"]
    return found


def test_a_promotion_for_a_busy_cache_is_made_once_it_is_ready(world: Any) -> None:
    set_rules(world, {"policy": SEMVER})
    identifier = world.cache(f"{WEB}:v1.0.0")
    assert world.push(world.event(tag="v1.0.1")).said == [("refreshed", "TAG_PROMOTED")]
    assert world.push(world.event(tag="v1.0.2")).said == [("deferred", "CACHE_BUSY")]
    visits = world.settle()
    assert images(world, identifier) == [f"{WEB}:v1.0.2"]
    assert [update["images"] for update in world.updates()] == [[f"{WEB}:v1.0.1"], [f"{WEB}:v1.0.2"]]
    said = Counter(entry for visit in visits for entry in visit.said)
    # Where the second update begins before the first one's watch runs, one watch is left for both.
    assert said["landed", "LANDED"] in {1, 2}
    assert not said["failed", "GAVE_UP"]


def test_an_older_promotion_that_waited_takes_nothing_back(world: Any) -> None:
    set_rules(world, {"policy": SEMVER})
    identifier = world.cache(f"{WEB}:v1.0.0")
    world.push(world.event(tag="v1.0.1"))
    assert world.push(world.event(tag="v1.0.2")).said == [("deferred", "CACHE_BUSY")]
    assert world.push(world.event(tag="v1.0.3")).said == [("deferred", "CACHE_BUSY")]
    for task in reversed(list(iter(world.tasks.take, None))):
        world.clock.now = max(world.clock.now, task.due)
        world.eci.force(identifier, "Ready")
        world.follow(task.document)
    world.settle()
    assert images(world, identifier) == [f"{WEB}:v1.0.3"]


def test_of_tags_for_one_place_the_last_pushed_goes_on_where_nothing_is_remembered(world: Any) -> None:
    set_rules(world, {"policy": {"type": "any"}})
    world.eci.settings(rebuild_seconds=200)
    api = f"{HOST}/prod/api"
    identifier = world.cache(f"{WEB}:blue", f"{api}:blue", tags={f"k{number}": "v" for number in range(20)})
    world.push(world.event("first", tag="green"))
    for seconds, (repository, tag) in enumerate(
        [("web", "red"), ("api", "red"), ("web", "black"), ("api", "black")]
    ):
        world.clock.advance(2)
        pushed = world.push(world.event(f"later-{seconds}", repository=repository, tag=tag))
        assert pushed.said == [("deferred", "CACHE_BUSY")]
    said = []
    for task in sorted(iter(world.tasks.take, None), key=lambda task: task.document["due"]):
        world.clock.now = max(world.clock.now, datetime.fromisoformat(task.document["due"]).timestamp())
        said.append((task.document["change"]["tag"], *world.follow(task.document).said))
    busy, superseded = ("deferred", "CACHE_BUSY"), ("ignored", "SUPERSEDED")
    assert Counter(said) == {
        ("black", busy): 2,
        ("red", superseded): 2,
        ("green", ("deferred", "UPDATE_RUNNING")): 1,
    }
    world.settle()
    assert images(world, identifier) == [f"{WEB}:black", f"{api}:black"]
    assert len(world.updates()) == 3


@pytest.mark.parametrize("gap", [1, 3, 7, 20])
@pytest.mark.parametrize("late", [0, 3])
def test_the_last_pushed_tag_stays_also_where_its_task_runs_after_the_others(
    world: Any, gap: float, late: float
) -> None:
    set_rules(world, {"policy": {"type": "any"}})
    world.eci.settings(rebuild_seconds=400)
    identifier = world.cache(f"{WEB}:blue")
    world.push(world.event("first", tag="green"))
    for number, tag in enumerate(("older", "newer")):
        world.clock.advance(gap)
        world.push(world.event(f"event-{number}", tag=tag))
    waiting = {task.document["change"]["tag"]: task for task in world.tasks.waiting}
    waits = {tag: waiting[tag].due + (late if tag == "newer" else 0) for tag in ("older", "newer")}
    for tag in sorted(waits, key=waits.__getitem__):
        world.tasks.waiting.remove(waiting[tag])
        world.clock.now = max(world.clock.now, waits[tag])
        world.follow(waiting[tag].document)
    world.settle()
    assert images(world, identifier) == [f"{WEB}:newer"]


def test_of_tags_without_an_order_a_retry_takes_no_later_one_back(world: Any) -> None:
    set_rules(world, {"policy": {"type": "any"}})
    identifier = world.cache(f"{WEB}:blue")
    world.push(world.event(tag="green", age_seconds=30))
    assert world.push(world.event(tag="red", age_seconds=20)).said == [("deferred", "CACHE_BUSY")]
    assert world.push(world.event(tag="black", age_seconds=10)).said == [("deferred", "CACHE_BUSY")]
    by_tag = {task.document["change"]["tag"]: task for task in iter(world.tasks.take, None)}
    # Of tags that wait together, the one that was pushed last is set first.
    assert by_tag["black"].document["due"] < by_tag["red"].document["due"]
    world.clock.now = by_tag["red"].due
    world.eci.force(identifier, "Ready")
    world.follow(by_tag["black"].document)
    assert images(world, identifier) == [f"{WEB}:black"]
    world.eci.force(identifier, "Ready")
    assert world.follow(by_tag["red"].document).said == [("ignored", "POLICY_HOLDS")]
    assert world.follow(by_tag["green"].document).said == [("ignored", "SUPERSEDED")]
    world.settle()
    assert images(world, identifier) == [f"{WEB}:black"]


def test_a_promotion_that_ended_in_a_failed_update_is_made_again(world: Any) -> None:
    set_rules(world, {"policy": SEMVER})
    identifier = world.cache(f"{WEB}:v1.0.0")
    world.push(world.event(tag="v1.0.1"))
    world.eci.force(identifier, "UpdateFailed", "pull failed")
    said = [entry for visit in world.settle() for entry in visit.said]
    assert said[-1] == ("landed", "LANDED")
    assert images(world, identifier) == [f"{WEB}:v1.0.1"]
    assert len(world.updates()) == 2


def test_a_cooldown_defers_until_it_is_over_and_one_update_serves_all(world: Any) -> None:
    set_rules(world, {"cooldownSeconds": 900})
    world.cache()
    assert world.push().said == [("refreshed", "TAG_REPUSHED")]
    began = world.clock()
    world.settle()
    for _ in range(5):
        visit = world.push()
        assert visit.said == [("deferred", "COOLING_DOWN")]
    (task,) = world.tasks.waiting
    assert 900 <= task.due - began <= 911
    assert len(world.updates()) == 1
    world.settle()
    assert len(world.updates()) == 2


def test_beyond_the_cap_per_run_updates_are_deferred_and_then_made(world: Any) -> None:
    world.setenv("IMC_MAX_UPDATES_PER_RUN", "2")
    identifiers = {world.cache(image_cache_name=f"web-{number}") for number in range(5)}
    told = world.push()
    assert Counter(told.said) == {("refreshed", "TAG_REPUSHED"): 2, ("deferred", "UPDATE_CAP"): 3}
    world.settle()
    assert {update["image_cache_id"] for update in world.updates()} == identifiers
    assert len(world.updates()) == len(identifiers)


def test_the_cap_per_hour_holds_for_follow_tasks_too(world: Any) -> None:
    world.setenv("IMC_MAX_UPDATES_PER_HOUR", "2")
    world.setenv("IMC_FOLLOW_GIVE_UP_SECONDS", "604800")
    for number in range(4):
        world.cache(image_cache_name=f"web-{number}")
    assert Counter(world.push().said)["deferred", "UPDATE_CAP"] == 2
    began = world.clock()
    world.run_until(began + 3590)
    assert len(world.updates()) == 2
    world.settle()
    starts = sorted(update["started_at"] for update in world.updates())
    assert len(starts) == 4
    assert starts[2] >= began + 3600


@pytest.mark.skipif(bool(missing_tools()), reason=f"no real registry: missing {', '.join(missing_tools())}")
def test_a_burst_of_promotions_over_ten_repositories_costs_two_updates(world: Any, tmp_path: Path) -> None:
    repositories = [f"prod/app-{number}" for number in range(10)]
    set_rules(world, {"policy": SEMVER, "registry": "read"})
    with LocalRegistry(tmp_path / "registry", {}) as registry:
        identifier = world.cache(*(f"{registry.host}/{repository}:v1.0.0" for repository in repositories))

        def pushed(repository: str) -> Any:
            registry.push(repository, "v1.0.1", content=repository)
            event = {
                "id": f"event-{repository}",
                "timestamp": world.event()["time"],
                "action": "push",
                "target": {"repository": repository, "tag": "v1.0.1", "digest": None, "mediaType": None},
                "request": {"host": registry.host},
            }
            event["target"] = {key: value for key, value in event["target"].items() if value}
            visit = world.http(
                "on_webhook",
                "/webhooks/distribution",
                {"events": [event]},
                token="token-0123456789abcdef",
                registry=registry.host,
            )
            return visit.said

        assert pushed(repositories[0]) == [("refreshed", "TAG_PROMOTED")]
        for repository in repositories[1:]:
            assert pushed(repository) == [("deferred", "CACHE_BUSY")]
        said = Counter(entry for visit in world.settle() for entry in visit.said)
    assert len(world.updates()) == 2
    assert images(world, identifier) == [
        f"{registry.host}/{repository}:v1.0.1" for repository in repositories
    ]
    assert said["landed", "LANDED"] == 2


@pytest.fixture
def behind(world: Any, tmp_path: Path) -> Any:
    """A cache that is behind its registry, and a sweep whose repair was throttled and waits in a task."""
    if missing := missing_tools():
        pytest.skip(f"no real registry: missing {', '.join(missing)}")
    set_rules(world, {"policy": SEMVER, "registry": "read"})
    with LocalRegistry(tmp_path / "registry", {}) as registry:
        for tag in ("v1.0.0", "v1.0.1"):
            registry.push("prod/web", tag, content=tag)
        identifier = world.cache(f"{registry.host}/prod/web:v1.0.0")
        world.eci.inject("error", action="UpdateImageCache", code="Throttling", count=3)
        assert world.timer().said == [("deferred", "THROTTLED")]
        assert world.eci.faults() == []
        yield identifier, registry


def test_a_deferred_repair_is_made_by_what_the_registry_has_then(world: Any, behind: Any) -> None:
    identifier, registry = behind
    registry.push("prod/web", "v1.0.2", content="newest")
    said = [entry for visit in world.settle() for entry in visit.said]
    assert ("refreshed", "REGISTRY_NEWER") in said
    assert said[-1] == ("landed", "LANDED")
    assert images(world, identifier) == [f"{registry.host}/prod/web:v1.0.2"]


def test_a_repair_that_something_else_made_in_the_meantime_is_not_made_again(world: Any, behind: Any) -> None:
    identifier, registry = behind
    world.manual(imageCacheId=identifier)
    world.eci.force(identifier, "Ready")
    said = {entry for visit in world.settle() for entry in visit.said}
    assert ("landed", "LANDED") in said
    assert images(world, identifier) == [f"{registry.host}/prod/web:v1.0.1"]
    # What waited is rebuilt once more, as another change may have been merged into its task.
    assert len(world.updates()) <= 2


def test_a_repair_waits_for_a_registry_that_does_not_answer(world: Any, behind: Any) -> None:
    identifier, registry = behind
    registry.stop()
    visits = [world.run_next(), world.run_next()]
    assert ("deferred", "REGISTRY_UNREADABLE") in [entry for visit in visits for entry in visit.said]
    assert world.updates() == []
    registry.start()
    world.settle()
    assert images(world, identifier) == [f"{registry.host}/prod/web:v1.0.1"]
