"""A rule that needs approval: a promotion is asked for, and made when a person sends the list that was seen.

What is sent then is done only while the cache still has the list that the person saw.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.tagged_registry import TaggedRegistry

HOST = "acme-registry.cn-hangzhou.cr.aliyuncs.com"
WEB = f"{HOST}/prod/web"
OLD, NEW = [f"{WEB}:v1.0.0", "redis:7"], [f"{WEB}:v1.0.1", "redis:7"]
RULE = {"name": "web", "policy": {"type": "semver", "range": "1"}, "approval": True}

NEEDED = [("ignored", "APPROVAL_NEEDED")]
SET = [("refreshed", "LIST_CHANGED")]
DIFFERS = [("rejected", "LIST_DIFFERS")]


@pytest.fixture
def world(world: Any) -> Any:
    """With a rule that needs approval."""
    world.setenv("IMC_RULES", json.dumps({"rules": [RULE]}))
    return world


@pytest.fixture
def registry(world: Any) -> Iterator[TaggedRegistry]:
    """One that the rule reads; the two newest tags are kept."""
    rule = {**RULE, "policy": {"type": "semver", "range": "1", "keep": 2}, "registry": "read"}
    world.setenv("IMC_RULES", json.dumps({"rules": [rule]}))
    with TaggedRegistry().serve() as one:
        yield one


def images(world: Any, identifier: str) -> list[str]:
    found: list[str] = world.eci.cache(identifier)["images"]
    return found


def test_a_promotion_is_asked_for_and_made_when_it_is_approved(world: Any) -> None:
    identifier = world.cache(*OLD)
    for _ in range(2):
        told = world.push(world.event(tag="v1.0.1"))
        assert told.said == NEEDED
        assert (told.record["images_before"], told.record["images_after"]) == (OLD, NEW)
        assert told.record["rule"] == "web"
    assert (world.updates(), world.tasks.waiting) == ([], [])
    seen = told.record
    approved = world.manual(
        imageCacheId=identifier, images=seen["images_after"], ifImages=seen["images_before"]
    )
    assert approved.said == SET
    assert world.settle()[-1].said == [("landed", "LANDED")]
    assert images(world, identifier) == NEW


def test_a_listed_tag_needs_no_approval(world: Any) -> None:
    world.cache(*OLD)
    assert world.push(world.event(tag="v1.0.0")).said == [("refreshed", "TAG_REPUSHED")]


def test_what_no_policy_lets_in_needs_none_either(world: Any) -> None:
    world.cache(*OLD)
    assert world.push(world.event(tag="v0.9.0")).said == [("ignored", "POLICY_HOLDS")]


def test_a_push_by_hand_is_approved_by_force(world: Any) -> None:
    identifier = world.cache(*OLD)
    assert world.manual(image=f"{WEB}:v1.0.1").said == NEEDED
    assert world.manual(image=f"{WEB}:v1.0.1", force=True).said == [("refreshed", "TAG_PROMOTED")]
    assert images(world, identifier) == NEW


def test_a_push_by_hand_is_not_lost_among_what_waits_with_it(world: Any, registry: TaggedRegistry) -> None:
    web = f"{registry.host}/prod/web"
    identifier = world.cache(f"{web}:v1.0.0")
    world.eci.force(identifier, "Updating")
    for asked in ({"imageCacheId": identifier}, {"image": f"{web}:v1.0.1", "force": True}):
        assert world.manual(**asked).said == [("deferred", "CACHE_BUSY")]
    world.eci.force(identifier, "Ready")
    world.settle()
    assert images(world, identifier) == [f"{web}:v1.0.1", f"{web}:v1.0.0"]


def test_a_list_that_is_another_one_now_is_left_alone(world: Any) -> None:
    identifier = world.cache(*OLD)
    wrong = world.manual(imageCacheId=identifier, images=NEW, ifImages=[*OLD, "nginx:1"])
    assert (wrong.said, wrong.answer["statusCode"]) == (DIFFERS, 409)
    assert ", ".join(OLD) in wrong.record["message"]
    assert world.manual(imageCacheId=identifier, images=NEW, ifImages=OLD[::-1]).said == DIFFERS
    assert world.updates() == []
    over_http = world.http("on_manual", "/", {"imageCacheId": identifier, "images": NEW, "ifImages": NEW})
    assert over_http.answer["statusCode"] == 409


def test_what_is_approved_twice_is_done_once(world: Any) -> None:
    identifier = world.cache(*OLD)
    approval = {"imageCacheId": identifier, "images": NEW, "ifImages": OLD}
    assert world.manual(**approval).said == SET
    world.settle()
    assert world.manual(**approval).said == [("unchanged", "LIST_UNCHANGED")]
    assert len(world.updates()) == 1


@pytest.mark.parametrize("changed", [False, True])
def test_an_approval_that_waits_is_for_the_list_that_was_seen(world: Any, changed: bool) -> None:
    identifier = world.cache(*OLD)
    world.eci.force(identifier, "Updating")
    waits = world.manual(imageCacheId=identifier, images=NEW, ifImages=OLD)
    assert waits.said == [("deferred", "CACHE_BUSY")]
    if changed:
        world.cache("nginx:1", image_cache_id=identifier, tags=world.eci.cache(identifier)["tags"])
    else:
        world.eci.force(identifier, "Ready")
    said = [entry for visit in world.settle() for entry in visit.said]
    assert said[-1] == (("ignored", "SUPERSEDED") if changed else ("landed", "LANDED"))
    assert images(world, identifier) == (["nginx:1"] if changed else NEW)


def test_where_a_person_set_another_list_before_it_is_left_alone(world: Any) -> None:
    identifier = world.cache("nginx:1")
    world.manual(imageCacheId=identifier, images=OLD)
    waits = world.manual(imageCacheId=identifier, images=NEW, ifImages=OLD)
    assert waits.said == [("deferred", "CACHE_BUSY")]
    world.eci.force(identifier, "Ready")
    tags = world.eci.cache(identifier)["tags"]
    world.cache("nginx:2", image_cache_id=identifier, tags=tags)
    world.settle()
    assert images(world, identifier) == ["nginx:2"]


@pytest.mark.parametrize(
    ("request_", "where"),
    [
        ({"imageCacheId": "imc-1", "ifImages": OLD}, "/"),
        ({"image": f"{WEB}:v1", "ifImages": OLD}, "/"),
        ({"imageCacheId": "imc-1", "images": NEW, "ifImages": []}, "/ifImages"),
    ],
)
def test_a_condition_without_a_list_is_refused(world: Any, request_: dict[str, Any], where: str) -> None:
    told = world.manual(**request_)
    assert (told.said, told.answer["statusCode"]) == ([("rejected", "SCHEMA_VIOLATION")], 400)
    assert told.record["error"]["where"] == where


def test_a_sweep_asks_once_for_each_tag_and_an_update_takes_none_along(
    world: Any, registry: TaggedRegistry
) -> None:
    web = f"{registry.host}/prod/web"
    registry.tags = ["v1.0.0", "v1.1.0", "v1.2.0"]
    identifier = world.cache(f"{web}:v1.0.0")
    world.timer()
    world.settle()
    assert images(world, identifier) == [f"{web}:v1.0.0"]
    told = world.timer()
    asked = {record["image"]: record["images_after"] for record in told.records}
    assert told.said == NEEDED * 2
    assert asked == {
        f"{web}:v1.2.0": [f"{web}:v1.2.0", f"{web}:v1.0.0"],
        f"{web}:v1.1.0": [f"{web}:v1.1.0", f"{web}:v1.0.0"],
    }
    assert len(world.updates()) == 1


def test_a_rule_without_approval_beside_it_takes_its_tags(world: Any, registry: TaggedRegistry) -> None:
    rule = {"policy": {"type": "semver", "range": "1"}, "registry": "read"}
    names = {"images": {"repositories": ["prod/api"]}, "approval": True}
    world.setenv("IMC_RULES", json.dumps({"rules": [{**rule, **names}, rule]}))
    web = f"{registry.host}/prod/web"
    identifier = world.cache(f"{web}:v1.0.0")
    assert world.timer().said == [("refreshed", "REGISTRY_NEWER")]
    world.settle()
    assert images(world, identifier) == [f"{web}:v1.0.1"]


def test_a_tag_that_is_listed_in_another_form_is_rebuilt_without_approval(world: Any) -> None:
    vpc = WEB.replace("-registry", "-registry-vpc")
    identifier = world.cache(f"{WEB}:v1.0.1", f"{vpc}:v1.0.0")
    assert world.push(world.event(tag="v1.0.1")).said == [("refreshed", "TAG_REPUSHED")]
    assert images(world, identifier) == [f"{WEB}:v1.0.1", f"{vpc}:v1.0.0"]


def test_a_sweep_has_nothing_to_ask_where_the_newest_is_listed(world: Any, registry: TaggedRegistry) -> None:
    web = f"{registry.host}/prod/web"
    world.cache(f"{web}:v1.0.1", f"{web}:v1.0.0")
    world.timer()
    world.settle()
    assert world.timer().said == [("ignored", "NOTHING_TO_REPAIR")]


def test_a_dry_run_shows_the_list_that_waits_for_approval(world: Any) -> None:
    world.cache(*OLD)
    plan = world.manual(image=f"{WEB}:v1.0.1", dryRun=True).answer["plan"]
    (member,) = plan["held"]
    assert (member["reason"], member["images_before"], member["images_after"]) == (NEEDED[0][1], OLD, NEW)
    assert [miss["because"] for miss in plan["near"]] == ["approval_needed"]
