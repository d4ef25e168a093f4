from __future__ import annotations

import json
from typing import Any

import pytest
from aliyunsdkeci.request.v20180808.DescribeImageCachesRequest import DescribeImageCachesRequest


def names(answer: Any) -> list[str]:
    return [cache["ImageCacheName"] for cache in answer["ImageCaches"]]


def pages(eci: Any, **filters: Any) -> list[list[str]]:
    found, token = [], {}
    while True:
        answer = eci.sdk.describe(**filters, **token)
        found.append(names(answer))
        if not answer["NextToken"]:
            return found
        token = {"NextToken": answer["NextToken"]}


def test_a_cache_is_shown_as_documented(eci: Any) -> None:
    at = 1700000000
    cache_id = eci.cache(
        "nginx:1",
        "redis:7",
        tags={"team": "shop"},
        created_at=at,
        last_matched_at=at + 60,
        retention_days=1,
        resource_group_id="rg-1",
        image_cache_size=40,
        elimination_strategy="LRU",
        flash=True,
        security_group_id="sg-1",
        events=[{"type": "Normal", "reason": "Pulled", "message": "done", "at": at + 30}],
    )
    answer = eci.sdk.describe()
    assert set(answer) == {"RequestId", "ImageCaches", "NextToken", "TotalCount"}
    (cache,) = answer["ImageCaches"]
    assert cache.pop("Events") == [
        {
            "Type": "Normal",
            "Reason": "Pulled",
            "Message": "done",
            "Name": f"web.{(at + 30) * 1000:x}",
            "Count": 1,
            "FirstTimestamp": "2023-11-14T22:13:50Z",
            "LastTimestamp": "2023-11-14T22:13:50Z",
        }
    ]
    key = cache_id.removeprefix("imc-")
    assert cache == {
        "ImageCacheId": cache_id,
        "ImageCacheName": "web",
        "RegionId": "cn-hangzhou",
        "Status": "Ready",
        "Progress": "100%",
        "Images": ["nginx:1", "redis:7"],
        "CreationTime": "2023-11-14T22:13:20Z",
        "ExpireDateTime": "2023-11-15T22:13:20Z",
        "LastMatchedTime": "2023-11-14T22:14:20Z",
        "ContainerGroupId": f"eci-{key}",
        "SnapshotId": f"s-{key}",
        "FlashSnapshotId": f"s-f{key}",
        "ResourceGroupId": "rg-1",
        "ImageCacheSize": 40,
        "EliminationStrategy": "LRU",
        "Tags": [{"Key": "team", "Value": "shop"}],
    }


def test_what_an_update_sets_and_the_answer_has_no_place_for_is_not_shown(eci: Any) -> None:
    cache_id = eci.cache()
    eci.sdk.update(
        ImageCacheId=cache_id,
        RetentionDays=3,
        VSwitchId="vsw-1",
        AutoMatchImageCache=True,
        StandardCopyCount=2,
        ImageRegistryCredentials=[{"Server": "r.example.com", "UserName": "u", "Password": "p"}],
        AcrRegistryInfos=[{"InstanceId": "cri-1"}],
    )
    shown = eci.sdk.describe_one(cache_id)
    hidden = ("RetentionDays", "VSwitchId", "AutoMatchImageCache", "StandardCopyCount")
    assert not {*hidden, "ImageRegistryCredentials", "AcrRegistryInfos"} & set(shown)
    assert "ExpireDateTime" in shown


@pytest.fixture
def three(eci: Any) -> dict[str, str]:
    """Three caches, a, b and c, with something of each kind to find them by."""
    common: dict[str, dict[str, Any]] = {
        "a": {
            "images": ["nginx:1", "redis:7"],
            "tags": {"team": "x", "env": "prod"},
            "resource_group_id": "g1",
        },
        "b": {"images": ["nginx:1"], "tags": {"team": "x", "env": "test"}, "resource_group_id": "g2"},
        "c": {"images": ["nginx:10"], "tags": {}, "image_cache_name": "c"},
    }
    return {
        name: eci.control.create_cache(**{"region_id": "cn-hangzhou", "image_cache_name": name, **members})
        for name, members in common.items()
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["a", "b", "c"]),
        ({"ImageCacheName": "b"}, ["b"]),
        ({"ImageCacheName": "B"}, []),
        ({"Image": "nginx:1"}, ["a", "b"]),
        ({"Image": "redis"}, []),
        ({"ResourceGroupId": "g2"}, ["b"]),
        ({"Tag.1.Key": "team"}, ["a", "b"]),
        ({"Tag.1.Key": "team", "Tag.1.Value": "x", "Tag.2.Key": "env", "Tag.2.Value": "prod"}, ["a"]),
        ({"Tag.1.Key": "env", "Tag.1.Value": ""}, []),
        ({"ImageCacheName": "a", "Image": "nginx:10"}, []),
        ({"ImageCacheId": "imc-none"}, []),
        ({"SnapshotId": "s-none"}, []),
        ({"RegionId": "cn-beijing"}, []),
    ],
    ids=str,
)
@pytest.mark.usefixtures("three")
def test_filters_find(eci: Any, query: dict[str, str], expected: list[str]) -> None:
    answer = json.loads(eci.sdk.raw(DescribeImageCachesRequest(), query))
    assert (names(answer), answer["TotalCount"]) == (expected, len(expected))


def test_ids_find(eci: Any, three: dict[str, str]) -> None:
    assert names(eci.sdk.describe(ImageCacheId=three["c"])) == ["c"]
    assert names(eci.sdk.describe(SnapshotId=three["b"].replace("imc-", "s-"))) == ["b"]


def test_each_region_has_its_own_caches(eci: Any) -> None:
    eci.cache(image_cache_name="here")
    eci.cache(image_cache_name="there", region_id="cn-shanghai")
    assert names(eci.sdk.describe()) == ["here"]
    assert names(eci.new_client(region_id="cn-shanghai").describe()) == ["there"]


def test_pages_are_followed_to_the_end(eci: Any) -> None:
    every = [f"cache-{number:02}" for number in range(45)]
    eci.control.create_caches(
        [{"region_id": "cn-hangzhou", "image_cache_name": name, "images": ["a:1"]} for name in every]
    )
    assert pages(eci) == [every[:20], every[20:40], every[40:]]
    assert pages(eci, Limit=50) == [every]
    assert pages(eci, Limit=15) == [every[:15], every[15:30], every[30:]]
    assert eci.sdk.describe(Limit=1)["TotalCount"] == 45


def test_a_page_survives_a_deletion_before_it(eci: Any) -> None:
    ids = [eci.cache(image_cache_name=name) for name in ("a", "b", "c")]
    token = eci.sdk.describe(Limit=1)["NextToken"]
    eci.control.delete_cache(ids[0])
    assert names(eci.sdk.describe(Limit=1, NextToken=token)) == ["b"]


def test_the_page_size_may_change_and_the_filters_may_not(eci: Any, refused: Any) -> None:
    for name in ("a", "b", "c"):
        eci.cache(image_cache_name=name)
    token = eci.sdk.describe(Limit=1)["NextToken"]
    assert names(eci.sdk.describe(Limit=2, NextToken=token)) == ["b", "c"]
    assert refused(eci.sdk.describe, Image="nginx:1", NextToken=token) == (400, "InvalidParameter")
    elsewhere = eci.new_client(region_id="cn-shanghai")
    assert refused(elsewhere.describe, NextToken=token) == (400, "InvalidParameter")


def test_the_largest_limit_is_a_setting(eci: Any, refused: Any) -> None:
    assert refused(eci.sdk.describe, Limit=51) == (400, "InvalidParameter")
    eci.control.settings(largest_limit=100)
    eci.sdk.describe(Limit=100)
    eci.control.settings(largest_limit=10)
    for number in range(11):
        eci.cache(image_cache_name=str(number))
    assert [len(page) for page in pages(eci)] == [10, 1]
    assert refused(eci.sdk.describe, Limit=11) == (400, "InvalidParameter")


def test_a_failed_cache_expires_after_a_day(eci: Any) -> None:
    cache_id = eci.cache(status="Failed", created_at=1700000000)
    assert eci.sdk.describe_one(cache_id)["ExpireDateTime"] == "2023-11-15T22:13:20Z"
