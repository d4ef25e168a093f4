"""Pushes about which a registry does not answer: a listed tag is built, a new one waits until it is known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.tagged_registry import CHART, IMAGE, TaggedRegistry

WAITS = [("deferred", "REGISTRY_UNREADABLE")]


@pytest.fixture
def registry(world: Any) -> Iterator[TaggedRegistry]:
    world.setenv(
        "IMC_RULES", json.dumps({"rules": [{"policy": {"type": "semver", "range": "1"}, "registry": "read"}]})
    )
    world.setenv("IMC_REGISTRY_SECONDS", "2")
    with TaggedRegistry().serve() as one:
        yield one


def push(world: Any, registry: TaggedRegistry, *tags: str) -> Any:
    """One delivery of pushes, in the order of the tags."""
    events = [
        {
            "id": f"event-{next(world.counter)}",
            "timestamp": world.event()["time"],
            "action": "push",
            "target": {"repository": "prod/web", "tag": tag},
        }
        for tag in tags
    ]
    query = {"token": "token-0123456789abcdef", "registry": registry.host}
    return world.http("on_webhook", "/webhooks/distribution", {"events": events}, **query)


def images(world: Any, identifier: str) -> list[str]:
    return [image.rpartition(":")[2] for image in world.eci.cache(identifier)["images"]]


@pytest.mark.parametrize("status", [429, 500, 503, 401])
def test_where_neither_tags_nor_manifest_can_be_read_the_push_waits(
    world: Any, registry: TaggedRegistry, status: int
) -> None:
    identifier = world.cache(f"{registry.host}/prod/web:v1.0.0")
    registry.list_status = registry.manifest_status = status
    assert push(world, registry, "v1.0.1").said == WAITS
    assert world.updates() == []
    assert world.run_next().said == WAITS
    registry.list_status = registry.manifest_status = 200
    world.settle()
    assert images(world, identifier) == ["v1.0.1"]
    assert len(world.updates()) == 1


@pytest.mark.parametrize(("config", "taken"), [(IMAGE, True), (CHART, False)])
def test_where_the_tags_cannot_be_listed_the_manifest_decides(
    world: Any, registry: TaggedRegistry, config: str, taken: bool
) -> None:
    identifier = world.cache(f"{registry.host}/prod/web:v1.0.0")
    registry.list_status, registry.config = 429, config
    told = push(world, registry, "v1.0.1")
    assert told.said == [("refreshed", "TAG_PROMOTED") if taken else ("ignored", "NOT_AN_IMAGE")]
    world.settle()
    assert images(world, identifier) == ["v1.0.1" if taken else "v1.0.0"]


@pytest.mark.parametrize("status", [429, 503])
def test_a_listed_tag_is_built_in_any_case(world: Any, registry: TaggedRegistry, status: int) -> None:
    world.cache(f"{registry.host}/prod/web:v1.0.0")
    registry.list_status = registry.manifest_status = status
    told = push(world, registry, "v1.0.0")
    assert told.said == [("refreshed", "TAG_REPUSHED")]
    assert str(status) in told.record["registry_error"]


def test_of_two_pushes_the_one_that_is_known_is_built_and_the_other_waits(
    world: Any, registry: TaggedRegistry
) -> None:
    identifier = world.cache(f"{registry.host}/prod/web:v1.0.0")
    registry.list_status = registry.manifest_status = 503
    told = push(world, registry, "v1.0.0", "v1.0.1")
    assert sorted(told.said) == [*WAITS, ("refreshed", "TAG_REPUSHED")]
    assert images(world, identifier) == ["v1.0.0"]
    registry.list_status = registry.manifest_status = 200
    world.settle()
    assert images(world, identifier) == ["v1.0.1"]
    assert len(world.updates()) == 2


def test_what_can_never_be_read_is_given_up_and_told(world: Any, registry: TaggedRegistry) -> None:
    world.cache(f"{registry.host}/prod/web:v1.0.0")
    world.setenv("IMC_FOLLOW_GIVE_UP_SECONDS", "3600")
    registry.list_status = registry.manifest_status = 503
    push(world, registry, "v1.0.1")
    visits = world.settle()
    assert visits[-1].said == [("failed", "GAVE_UP")]
    assert visits[-1].error is not None
    assert world.updates() == []


def test_a_dry_run_says_what_was_not_read(world: Any, registry: TaggedRegistry) -> None:
    world.cache(f"{registry.host}/prod/web:v1.0.0")
    world.setenv("IMC_DRY_RUN", "true")
    registry.list_status = registry.manifest_status = 503
    told = push(world, registry, "v1.0.1")
    assert told.said == [("planned", "TAG_PROMOTED")]
    assert "503" in told.record["registry_error"]


def test_without_a_follow_function_the_sender_tries_again(world: Any, registry: TaggedRegistry) -> None:
    world.cache(f"{registry.host}/prod/web:v1.0.0")
    world.delenv("IMC_FOLLOW_FUNCTION")
    registry.list_status = registry.manifest_status = 503
    told = push(world, registry, "v1.0.1")
    assert (told.said, told.answer["statusCode"]) == ([("failed", "REGISTRY_UNREADABLE")], 503)
