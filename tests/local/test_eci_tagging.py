"""TagResources: single tags are set in any status and the others stay; beyond the limits it is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from aliyunsdkcore.request import RpcRequest

REGION = "cn-hangzhou"
STATUSES = ["Preparing", "Creating", "Ready", "Failed", "Updating", "UpdateFailed"]

Tag = Callable[..., Any]


@pytest.fixture
def tag(eci: Any) -> Tag:
    """Sends a TagResources call for caches, with the tags and other parameters that are given."""

    def send(*ids: str, tags: dict[str, str] | None = None, **parameters: str) -> Any:
        query = {"RegionId": REGION, "ResourceType": "ImageCache", **parameters}
        query |= {f"ResourceId.{number}": one for number, one in enumerate(ids, 1)}
        for number, (key, value) in enumerate((tags or {}).items(), 1):
            query |= {f"Tag.{number}.Key": key, f"Tag.{number}.Value": value}
        wanted = {name: value for name, value in query.items() if value}
        return json.loads(eci.sdk.raw(RpcRequest("Eci", "2018-08-08", "TagResources", "eci"), wanted))

    return send


def tags_of(eci: Any, cache_id: str) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in eci.sdk.describe_one(cache_id)["Tags"]}


@pytest.mark.parametrize("status", STATUSES)
def test_a_tag_is_set_in_any_status_and_the_others_stay(eci: Any, tag: Tag, status: str) -> None:
    cache_id = eci.cache("nginx:1", status=status, tags={"team": "shop", "memory": "old"})
    before = eci.sdk.describe_one(cache_id)
    answer = tag(cache_id, tags={"memory": "new", "more": "1"})
    assert list(answer) == ["RequestId"]
    after = eci.sdk.describe_one(cache_id)
    assert tags_of(eci, cache_id) == {"team": "shop", "memory": "new", "more": "1"}
    assert {**after, "Tags": None} == {**before, "Tags": None}
    assert eci.control.history(cache_id) == []


def test_an_update_that_runs_goes_on_and_keeps_the_tag(eci: Any, tag: Tag) -> None:
    cache_id = eci.cache()
    eci.control.settings(rebuild_seconds=100)
    eci.sdk.update(ImageCacheId=cache_id, Images=["nginx:2"])
    eci.clock.advance(50)
    tag(cache_id, tags={"memory": "new"})
    assert eci.sdk.describe_one(cache_id)["Progress"] == "50%"
    eci.clock.advance(50)
    assert eci.sdk.describe_one(cache_id)["Status"] == "Ready"
    assert tags_of(eci, cache_id) == {"memory": "new"}


def test_several_caches_are_tagged_at_once_or_none_is(eci: Any, refused: Any, tag: Tag) -> None:
    first, second = eci.cache(), eci.cache(image_cache_name="other")
    tag(first, second, tags={"a": "1"})
    assert (tags_of(eci, first), tags_of(eci, second)) == ({"a": "1"}, {"a": "1"})
    assert refused(tag, first, "imc-none", tags={"b": "2"}) == (404, "InvalidParameter.NotFound")
    assert tags_of(eci, first) == {"a": "1"}


def test_a_cache_of_another_region_is_not_found(eci: Any, refused: Any, tag: Tag) -> None:
    cache_id = eci.cache(region_id="cn-shanghai")
    assert refused(tag, cache_id, tags={"a": "1"}) == (404, "InvalidParameter.NotFound")


def test_a_cache_has_at_most_20_tags(eci: Any, refused: Any, tag: Tag) -> None:
    cache_id = eci.cache(tags={f"k{number}": "v" for number in range(19)})
    tag(cache_id, tags={"k0": "new", "last": "v"})
    assert refused(tag, cache_id, tags={"k1": "new", "more": "v"}) == (400, "InvalidParameter")
    assert len(tags_of(eci, cache_id)) == 20
    assert tags_of(eci, cache_id)["k1"] == "v"


@pytest.mark.parametrize(
    ("tags", "parameters", "code"),
    [
        pytest.param({"k" * 129: "v"}, {}, "InvalidParameter", id="long-key"),
        pytest.param({"k": "v" * 129}, {}, "InvalidParameter", id="long-value"),
        pytest.param({"aliyun-k": "v"}, {}, "InvalidParameter", id="key-of-the-vendor"),
        pytest.param({"ACS:k": "v"}, {}, "InvalidParameter", id="key-with-acs"),
        pytest.param({"k": "see http://example.com"}, {}, "InvalidParameter", id="link"),
        pytest.param({"k": "v"}, {"ResourceType": "ContainerGroup"}, "InvalidParameter", id="another-type"),
        pytest.param({"k": "v"}, {"ResourceType": ""}, "MissingParameter", id="no-type"),
        pytest.param({"k": "v"}, {"RegionId": "Hangzhou"}, "InvalidParameter", id="region"),
        pytest.param({"k": "v"}, {"ResourceId.1": ""}, "MissingParameter", id="no-cache"),
        pytest.param({"k": "v"}, {"ImageCacheId": "imc-1"}, "InvalidParameter", id="unknown-parameter"),
        pytest.param({}, {}, "MissingParameter", id="no-tag"),
    ],
)
def test_what_the_limits_forbid_is_refused(
    eci: Any, refused: Any, tag: Tag, tags: dict[str, str], parameters: dict[str, str], code: str
) -> None:
    cache_id = eci.cache()
    ids = () if "ResourceId.1" in parameters else (cache_id,)
    assert refused(tag, *ids, tags=tags, **parameters) == (400, code)
    assert tags_of(eci, cache_id) == {}


def test_the_longest_key_and_value_are_taken(eci: Any, tag: Tag) -> None:
    cache_id = eci.cache()
    tag(cache_id, tags={"k" * 128: "v" * 128})
    assert tags_of(eci, cache_id) == {"k" * 128: "v" * 128}


def test_a_cache_or_a_key_that_is_named_twice_is_refused(eci: Any, refused: Any, tag: Tag) -> None:
    cache_id = eci.cache()
    assert refused(tag, cache_id, cache_id, tags={"k": "v"}) == (400, "InvalidParameter")
    doubled = {"Tag.2.Key": "k"}
    assert refused(tag, cache_id, tags={"k": "v"}, **doubled) == (400, "InvalidParameter")


def test_a_switch_refuses_the_action(eci: Any, refused: Any, tag: Tag) -> None:
    cache_id = eci.cache()
    eci.control.settings(tag_resources=False)
    assert refused(tag, cache_id, tags={"k": "v"}) == (404, "InvalidAction.NotFound")
    assert tags_of(eci, cache_id) == {}
