"""A cache that a person holds: its list stays, whatever is pushed, swept or followed, until the hold ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.support.tagged_registry import TaggedRegistry

HOST = "acme-registry.cn-hangzhou.cr.aliyuncs.com"
WEB = f"{HOST}/prod/web"
HOLD = "imc-refresh-hold"
RULE = {"name": "web", "policy": {"type": "semver", "range": ">=1.0 <2"}}

HELD = [("ignored", "HELD")]
REPUSHED = [("refreshed", "TAG_REPUSHED")]
MOST_TAGS = 20


@pytest.fixture
def world(world: Any) -> Any:
    """With a rule that promotes versions."""
    world.setenv("IMC_RULES", json.dumps({"rules": [RULE]}))
    return world


@pytest.fixture
def registry(world: Any) -> Iterator[TaggedRegistry]:
    """One that the rule reads."""
    world.setenv("IMC_RULES", json.dumps({"rules": [{**RULE, "registry": "read"}]}))
    with TaggedRegistry().serve() as one:
        yield one


def hold(world: Any, identifier: str, value: str = "") -> None:
    """Hold a cache as a person does: by TagResources, in whatever state it is."""
    world.tag(identifier, HOLD, value)


def until(world: Any, seconds: float) -> str:
    return f"until={world.clock.moment() + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


def images(world: Any, identifier: str) -> list[str]:
    found: list[str] = world.eci.cache(identifier)["images"]
    return found


def test_another_tag_stays_out_until_the_hold_ends(world: Any) -> None:
    end = until(world, 3600)
    identifier = world.cache(f"{WEB}:v1.0.0", tags={HOLD: f"{end};by=ann;why=release 12"})
    told = world.push(world.event(tag="v1.0.1"))
    assert told.said == HELD
    assert told.record["message"].endswith(" by ann: release 12")
    assert told.record["until"] == end.removeprefix("until=").replace("Z", "+00:00")
    assert (told.record["images_after"], told.record["rule"]) == ([f"{WEB}:v1.0.1"], "web")
    assert (world.updates(), world.tasks.waiting) == ([], [])
    world.clock.advance(3600)
    assert world.push(world.event(tag="v1.0.1")).said == [("refreshed", "TAG_PROMOTED")]
    world.settle()
    assert images(world, identifier) == [f"{WEB}:v1.0.1"]


def test_what_no_policy_lets_in_is_said_as_ever(world: Any) -> None:
    world.cache(f"{WEB}:v1.0.0", tags={HOLD: ""})
    assert world.push(world.event(tag="v2.0.0")).said == [("ignored", "POLICY_HOLDS")]


@pytest.mark.parametrize("mode", ["merge", "replace"])
def test_a_listed_tag_is_rebuilt_and_the_hold_sent_along(world: Any, mode: str) -> None:
    world.eci.settings(tags_mode=mode)
    identifier = world.cache(f"{WEB}:v1.0.0", "redis:7", tags={HOLD: "by=ann;x=1", "team": "shop"})
    assert world.push(world.event(tag="v1.0.0")).said == REPUSHED
    assert world.settle()[-1].said == [("landed", "LANDED")]
    tags = world.eci.cache(identifier)["tags"]
    assert (tags[HOLD], tags["team"], "imc-refresh" in tags) == ("by=ann;x=1", "shop", True)
    assert images(world, identifier) == [f"{WEB}:v1.0.0", "redis:7"]


def test_a_frozen_cache_is_not_even_rebuilt(world: Any) -> None:
    world.cache(f"{WEB}:v1.0.0", status="UpdateFailed", tags={HOLD: "freeze"})
    assert world.push(world.event(tag="v1.0.0")).said == HELD
    assert world.timer().said == HELD
    assert world.timer({"action": "refresh", "caches": {"names": ["web"]}}).said == HELD
    assert (world.updates(), world.tasks.waiting) == ([], [])


def test_a_sweep_repairs_a_held_cache_and_leaves_its_list(world: Any) -> None:
    identifier = world.cache(f"{WEB}:v1.0.0", status="UpdateFailed", tags={HOLD: ""})
    assert world.timer().said == [("refreshed", "SWEEP_REPAIR")]
    assert images(world, identifier) == [f"{WEB}:v1.0.0"]


@pytest.mark.parametrize(
    "request_", [{}, {"images": ["nginx:1"]}, {"image": f"{WEB}:v1.0.0"}, {"image": f"{WEB}:v1.0.1"}]
)
def test_what_a_person_asks_for_needs_force(world: Any, request_: dict[str, Any]) -> None:
    identifier = world.cache(f"{WEB}:v1.0.0", tags={HOLD: "freeze;by=ann"})
    asked = request_ if "image" in request_ else {"imageCacheId": identifier, **request_}
    told = world.manual(**asked)
    assert (told.said, told.answer["statusCode"]) == (HELD, 200)
    assert told.record["message"] == "the cache is held without end by ann; force does it all the same"
    (forced,) = world.manual(**asked, force=True).said
    assert forced[0] == "refreshed"
    assert world.settle()[-1].said == [("landed", "LANDED")]
    wanted = {"images": "nginx:1"}.get(next(iter(request_), ""), request_.get("image", f"{WEB}:v1.0.0"))
    assert images(world, identifier) == [wanted]
    assert world.eci.cache(identifier)["tags"][HOLD] == "freeze;by=ann"


def test_a_sweep_that_reads_registries_says_what_is_held(world: Any, registry: TaggedRegistry) -> None:
    web = f"{registry.host}/prod/web"
    identifier = world.cache(f"{web}:v1.0.0", tags={HOLD: ""})
    # What the cache was built with is not known, so it is rebuilt once: with the list that it has.
    assert sorted(world.timer().said) == [("ignored", "HELD"), ("refreshed", "REGISTRY_NEWER")]
    world.settle()
    told = world.timer()
    assert told.said == HELD
    assert (told.record["image"], told.record["rule"]) == (f"{web}:v1.0.1", "web")
    assert told.record["images_after"] == [f"{web}:v1.0.1"]
    registry.builds["v1.0.0"] = 1
    assert sorted(world.timer().said) == [("ignored", "HELD"), ("refreshed", "REGISTRY_NEWER")]
    world.settle()
    assert images(world, identifier) == [f"{web}:v1.0.0"]
    hold(world, identifier, "freeze")
    registry.builds["v1.0.0"] = 2
    assert world.timer().said == HELD * 2
    assert len(world.updates()) == 2
    hold(world, identifier, "until=2000-01-01")
    assert world.timer().said == [("refreshed", "REGISTRY_NEWER")]
    world.settle()
    assert images(world, identifier) == [f"{web}:v1.0.1"]


def test_a_sweep_does_not_build_what_is_listed_under_another_name(
    world: Any, registry: TaggedRegistry
) -> None:
    aliases = {"images.example.com": registry.host}
    rules = [{**RULE, "registry": "read"}]
    world.setenv("IMC_RULES", json.dumps({"rules": rules, "registryAliases": aliases}))
    listed = f"{registry.host}/prod/web:v1.0.1", "images.example.com/prod/web:v1.0.0"
    identifier = world.cache(*listed, tags={HOLD: ""})
    world.manual(imageCacheId=identifier, force=True)
    world.settle()
    world.timer()
    assert len(world.updates()) == 1


def test_a_repushed_tag_takes_no_newer_one_along(world: Any, registry: TaggedRegistry) -> None:
    web = f"{registry.host}/prod/web"
    identifier = world.cache(f"{web}:v1.0.0", tags={HOLD: ""})
    event = {"id": "e", "timestamp": world.event()["time"], "action": "push"}
    event["target"] = {"repository": "prod/web", "tag": "v1.0.0"}
    query = {"token": "token-0123456789abcdef", "registry": registry.host}
    assert world.http("on_webhook", "/webhooks/distribution", {"events": [event]}, **query).said == REPUSHED
    world.settle()
    assert images(world, identifier) == [f"{web}:v1.0.0"]


def test_a_promotion_that_waits_finds_the_hold(world: Any) -> None:
    identifier = world.cache(f"{WEB}:v1.0.0")
    world.push(world.event(tag="v1.0.0"))
    assert world.push(world.event(tag="v1.0.1")).said == [("deferred", "CACHE_BUSY")]
    hold(world, identifier)
    said = [entry for visit in world.settle() for entry in visit.said]
    assert {entry for entry in said if entry[0] != "deferred"} == {*HELD, ("landed", "LANDED")}
    assert images(world, identifier) == [f"{WEB}:v1.0.0"]
    assert len(world.updates()) == 1


def test_a_promotion_that_waits_with_others_is_told_of_the_hold(world: Any, registry: TaggedRegistry) -> None:
    web = f"{registry.host}/prod/web"
    identifier = world.cache(f"{web}:v1.0.0")
    query = {"token": "token-0123456789abcdef", "registry": registry.host}
    told = []
    registry.tags = ["v1.0.0"]
    for tag in ("v1.0.0", "v1.0.1"):
        event = {"id": tag, "timestamp": world.event()["time"], "action": "push"}
        event["target"] = {"repository": "prod/web", "tag": tag}
        told += world.http("on_webhook", "/webhooks/distribution", {"events": [event]}, **query).said
    assert told == [*REPUSHED, ("deferred", "CACHE_BUSY")]
    hold(world, identifier)
    said = [entry for visit in world.settle() for entry in visit.said if entry[0] != "deferred"]
    # Others may have been merged into its task, so the list that the cache has is rebuilt all the same.
    assert sorted(said) == sorted([*HELD, *REPUSHED, ("landed", "LANDED"), ("landed", "LANDED")])
    assert images(world, identifier) == [f"{web}:v1.0.0"]


@pytest.mark.parametrize(("value", "rebuilt"), [("", True), ("freeze", False)])
def test_a_repush_that_waits_is_made_unless_the_cache_is_frozen(
    world: Any, value: str, rebuilt: bool
) -> None:
    identifier = world.cache(f"{WEB}:v1.0.0")
    world.push(world.event(tag="v1.0.0"))
    assert world.push(world.event(tag="v1.0.0")).said == [("deferred", "CACHE_BUSY")]
    hold(world, identifier, value)
    said = [entry for visit in world.settle() for entry in visit.said]
    assert (("ignored", "HELD") in said) != rebuilt
    assert len(world.updates()) == 1 + rebuilt


@pytest.mark.parametrize("force", [False, True])
def test_a_list_that_waits_is_set_by_force_alone(world: Any, force: bool) -> None:
    identifier = world.cache(f"{WEB}:v1.0.0")
    world.push(world.event(tag="v1.0.0"))
    asked = world.manual(imageCacheId=identifier, images=["nginx:1"], force=force)
    assert asked.said == [("deferred", "CACHE_BUSY")]
    hold(world, identifier, "by=ann")
    said = [entry for visit in world.settle() for entry in visit.said]
    assert (("ignored", "HELD") in said) != force
    assert images(world, identifier) == (["nginx:1"] if force else [f"{WEB}:v1.0.0"])


def test_a_forced_rebuild_that_waits_is_made_in_a_frozen_cache(world: Any) -> None:
    identifier = world.cache(f"{WEB}:v1.0.0", tags={HOLD: "freeze"})
    world.eci.force(identifier, "Updating")
    assert world.push(world.event(tag="v1.0.0")).said == HELD
    assert world.manual(imageCacheId=identifier, force=True).said == [("deferred", "CACHE_BUSY")]
    world.eci.force(identifier, "Ready")
    assert world.settle()[-1].said == [("landed", "LANDED")]
    assert len(world.updates()) == 1


def test_a_failed_promotion_is_not_taken_back_under_a_hold(world: Any) -> None:
    world.eci.settings(failing_images="*:v1.0.1", rebuild_seconds=60)
    identifier = world.cache(f"{WEB}:v1.0.0")
    assert world.push(world.event(tag="v1.0.1")).said == [("refreshed", "TAG_PROMOTED")]
    hold(world, identifier)
    visits = world.settle()
    assert visits[-1].said == [("failed", "UPDATE_FAILED")]
    assert {tuple(update["images"]) for update in world.updates()} == {(f"{WEB}:v1.0.1",)}


def test_a_list_that_a_failure_restored_stays_under_a_hold(world: Any) -> None:
    world.eci.settings(failing_images="*:v1.0.1", rebuild_seconds=60, images_after_failure="restore")
    identifier = world.cache(f"{WEB}:v1.0.0")
    assert world.push(world.event(tag="v1.0.1")).said == [("refreshed", "TAG_PROMOTED")]
    hold(world, identifier)
    assert world.settle()[-1].said == [("landed", "LANDED")]
    assert images(world, identifier) == [f"{WEB}:v1.0.0"]
    assert [update["images"] for update in world.updates()] == [[f"{WEB}:v1.0.1"], [f"{WEB}:v1.0.0"]]


def test_a_failing_cache_that_is_frozen_is_left_alone(world: Any) -> None:
    world.eci.settings(failing_images="*", rebuild_seconds=60)
    identifier = world.cache(f"{WEB}:v1.0.0")
    world.push(world.event(tag="v1.0.0"))
    hold(world, identifier, "freeze")
    assert world.settle()[-1].said == HELD
    assert len(world.updates()) == 1


@pytest.mark.parametrize("count", [3, MOST_TAGS - 1])
def test_a_rollback_that_is_held_stays(world: Any, registry: TaggedRegistry, count: int) -> None:
    web = f"{registry.host}/prod/web"
    own = {f"key-{number}": "" for number in range(count)}
    identifier = world.cache(f"{web}:v1.0.1", tags={**own, HOLD: "by=ann"})
    world.push(world.event())
    back = world.manual(imageCacheId=identifier, images=[f"{web}:v1.0.0"], force=True)
    assert back.said == [("refreshed", "LIST_CHANGED")]
    query = {"token": "token-0123456789abcdef", "registry": registry.host}
    for number in range(10):
        target = {"repository": "prod/web", "tag": "v1.0.1"}
        event = {"id": f"e-{number}", "timestamp": world.event()["time"], "action": "push", "target": target}
        world.http("on_webhook", "/webhooks/distribution", {"events": [event]}, **query)
        if number % 3 == 0:
            world.run_next()
    world.timer()
    world.settle()
    assert images(world, identifier) == [f"{web}:v1.0.0"]
    tags = world.eci.cache(identifier)["tags"]
    assert {key: value for key, value in tags.items() if not key.startswith("imc-refresh")} == own
    assert tags[HOLD] == "by=ann"
    assert ("imc-refresh" in tags) == (count < MOST_TAGS - 1)


def test_a_dry_run_says_what_is_held(world: Any) -> None:
    identifier = world.cache(f"{WEB}:v1.0.0", tags={HOLD: until(world, 60)})
    plan = world.manual(image=f"{WEB}:v1.0.1", dryRun=True).answer["plan"]
    (member,) = plan["held"]
    assert (member["image_cache_id"], member["reason"]) == (identifier, "HELD")
    assert (member["images_after"], "until" in member) == ([f"{WEB}:v1.0.1"], True)
    assert [miss["because"] for miss in plan["near"]] == ["held"]


def test_a_promotion_that_a_hold_keeps_back_is_told_of_once_however_long_its_task_waits(
    world: Any, registry: TaggedRegistry
) -> None:
    world.setenv("IMC_MAX_UPDATES_PER_HOUR", "1")
    identifier = world.cache(f"{registry.host}/prod/web:v1.0.0")
    query = {"token": "token-0123456789abcdef", "registry": registry.host}
    registry.tags = ["v1.0.0"]
    for tag in ("v1.0.0", "v1.0.1"):
        event = {"id": tag, "timestamp": world.event()["time"], "action": "push"}
        event["target"] = {"repository": "prod/web", "tag": tag}
        world.http("on_webhook", "/webhooks/distribution", {"events": [event]}, **query)
    hold(world, identifier)
    said = [each for visit in world.settle() for each in visit.said]
    assert said.count(("deferred", "UPDATE_CAP")) > 1
    assert said.count(("ignored", "HELD")) == 1
