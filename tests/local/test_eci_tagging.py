"""TagResources and UntagResources, through the SDK's core: its package for ECI has no classes for them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aliyunsdkcore.request import RpcRequest

OLD = {"a": "1", "b": "2"}


def call(eci: Any, action: str, cache_id: str, **parameters: str) -> Any:
    request = RpcRequest("Eci", "2018-08-08", action)
    query = {"ResourceType": "ImageCache", "ResourceId.1": cache_id, **parameters}
    return json.loads(eci.sdk.raw(request, query))


def tag(eci: Any, cache_id: str, added: dict[str, str], **more: str) -> Any:
    sent: dict[str, str] = {}
    for number, (key, value) in enumerate(added.items(), 1):
        sent |= {f"Tag.{number}.Key": key, f"Tag.{number}.Value": value}
    return call(eci, "TagResources", cache_id, **sent, **more)


def untag(eci: Any, cache_id: str, *keys: str, **more: str) -> Any:
    sent = {f"TagKey.{number}": key for number, key in enumerate(keys, 1)}
    return call(eci, "UntagResources", cache_id, **sent, **more)


def tags(eci: Any, cache_id: str) -> dict[str, str]:
    return {one["Key"]: one["Value"] for one in eci.sdk.describe_one(cache_id)["Tags"]}


@pytest.mark.parametrize("status", ["Preparing", "Creating", "Ready", "Failed", "Updating", "UpdateFailed"])
def test_single_tags_are_set_and_taken_away_in_every_status(eci: Any, status: str) -> None:
    cache_id = eci.cache(status=status, tags=OLD)
    answer = tag(eci, cache_id, {"b": "new", "c": ""}, ClientToken="t-1")
    assert tags(eci, cache_id) == {"a": "1", "b": "new", "c": ""}
    untag(eci, cache_id, "a", "c", "never-there")
    assert tags(eci, cache_id) == {"b": "new"}
    untag(eci, cache_id, All="true")
    assert tags(eci, cache_id) == {}
    assert list(answer) == ["RequestId"]
    assert eci.sdk.describe_one(cache_id)["Status"] == status
    assert [one["action"] for one in eci.control.journal("TagResources")] == ["TagResources"]
    assert eci.control.history(cache_id) == []


def test_tags_that_come_at_an_updates_end_have_the_room_that_others_left(eci: Any) -> None:
    cache_id = eci.cache(tags=OLD)
    eci.control.settings(tags_applied="end", rebuild_seconds=10)
    sent = [{"Key": key, "Value": "sent"} for key in ("b", "late")]
    eci.sdk.update(ImageCacheId=cache_id, Images=["nginx:2"], Tags=sent)
    others = {f"key-{number}": "" for number in range(18)}
    tag(eci, cache_id, others)
    eci.clock.advance(10)
    assert tags(eci, cache_id) == {"a": "1", "b": "sent", **others}


def test_a_tag_that_is_set_during_an_update_outlives_its_failure(eci: Any) -> None:
    cache_id = eci.cache(tags=OLD, builds={"failing_builds": 1, "rebuild_seconds": 10})
    eci.control.settings(tags_after_failure="restore")
    eci.sdk.update(
        ImageCacheId=cache_id,
        Images=["nginx:2"],
        Tags=[{"Key": "a", "Value": "x"}, {"Key": "b", "Value": "x"}, {"Key": "n", "Value": "x"}],
    )
    eci.clock.advance(5)
    tag(eci, cache_id, {"b": "mine", "c": "3"})
    assert tags(eci, cache_id) == {"a": "x", "b": "mine", "n": "x", "c": "3"}
    eci.clock.advance(5)
    assert tags(eci, cache_id) == {"a": "1", "b": "mine", "c": "3"}


def test_a_call_is_carried_out_on_all_caches_or_on_none(eci: Any, refused: Any) -> None:
    one, two = eci.cache(), eci.cache()
    tag(eci, one, {"a": "1"}, **{"ResourceId.2": two})
    assert tags(eci, one) == tags(eci, two) == {"a": "1"}
    other = eci.cache(region_id="cn-shanghai")
    assert refused(tag, eci, one, {"b": "2"}, **{"ResourceId.2": other}) == (404, "InvalidParameter.NotFound")
    assert tags(eci, one) == {"a": "1"}


def test_a_cache_has_at_most_20_tags(eci: Any, refused: Any) -> None:
    cache_id = eci.cache(tags={f"k{number}": "v" for number in range(20)})
    tag(eci, cache_id, {"k0": "again"})
    assert refused(tag, eci, cache_id, {"one-more": "v"}) == (400, "InvalidParameter")
    untag(eci, cache_id, "k0")
    tag(eci, cache_id, {"one-more": "v"})
    assert len(tags(eci, cache_id)) == 20


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("k" * 129, "v"),
        ("k", "v" * 129),
        ("aliyun-x", "v"),
        ("acs:x", "v"),
        ("k", "acs:x"),
        ("http://x", "v"),
        ("k", "see https://x"),
    ],
)
def test_a_tag_that_the_documents_do_not_allow_is_refused(
    eci: Any, refused: Any, key: str, value: str
) -> None:
    cache_id = eci.cache(tags=OLD)
    assert refused(tag, eci, cache_id, {key: value}) == (400, "InvalidParameter")
    assert tags(eci, cache_id) == OLD


def test_the_longest_tags_are_taken(eci: Any) -> None:
    cache_id = eci.cache()
    longest = {"k" * 128: "v" * 128, "my-aliyun": "x-acs:"}
    tag(eci, cache_id, longest)
    assert tags(eci, cache_id) == longest


@pytest.mark.parametrize(
    ("action", "parameters", "code"),
    [
        ("TagResources", {}, "MissingParameter"),
        ("TagResources", {"ResourceId.1": ""}, "InvalidParameter"),
        ("TagResources", {"ResourceType": "ContainerGroup"}, "InvalidParameter"),
        ("TagResources", {"Tag.1.Key": "a", "Tag.2.Key": "a"}, "InvalidParameter"),
        ("TagResources", {"Tag.1.Key": "a", "TagKey.1": "a"}, "InvalidParameter"),
        ("UntagResources", {}, "MissingParameter"),
        ("UntagResources", {"All": "false"}, "MissingParameter"),
        ("UntagResources", {"TagKey.1": "a", "TagKey.2": "a"}, "InvalidParameter"),
    ],
)
def test_wrong_parameters_are_refused(
    eci: Any, refused: Any, action: str, parameters: dict[str, str], code: str
) -> None:
    cache_id = eci.cache(tags=OLD)
    assert refused(call, eci, action, cache_id, **parameters) == (400, code)
    assert tags(eci, cache_id) == OLD


@pytest.mark.parametrize("left_out", ["ResourceType", "ResourceId.1"])
def test_type_and_id_are_needed(eci: Any, refused: Any, left_out: str) -> None:
    query = {"ResourceType": "ImageCache", "ResourceId.1": eci.cache(), "Tag.1.Key": "a"}
    query.pop(left_out)
    request = RpcRequest("Eci", "2018-08-08", "TagResources")
    assert refused(eci.sdk.raw, request, query) == (400, "MissingParameter")


@pytest.mark.parametrize(
    ("mode", "expected"), [("forbid", (403, "Forbidden")), ("unknown", (404, "InvalidAction.NotFound"))]
)
def test_the_calls_can_be_refused(eci: Any, refused: Any, mode: str, expected: tuple[int, str]) -> None:
    cache_id = eci.cache(tags=OLD)
    eci.control.settings(tag_calls=mode)
    assert refused(tag, eci, cache_id, {"c": "3"}) == expected
    assert refused(untag, eci, cache_id, "a") == expected
    assert tags(eci, cache_id) == OLD


def test_a_fault_finds_the_call_of_a_cache(eci: Any, refused: Any) -> None:
    one, two = eci.cache(), eci.cache()
    eci.control.inject("error", code="Throttling", image_cache_id=two)
    tag(eci, one, {"a": "1"})
    assert refused(tag, eci, two, {"a": "1"}) == (400, "Throttling")
