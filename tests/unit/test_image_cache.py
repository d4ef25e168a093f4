"""Image caches: read from ECI's answer, and indexed by what they list."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from imagecache.model.image_cache import UPDATABLE, ImageCache, Listing, cache_entries
from imagecache.model.reference import ImageRef
from tests.support.for_each import for_each

NOW = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
HOST = "registry.cn-hangzhou.aliyuncs.com"
ITEM: dict[str, Any] = {
    "ImageCacheId": "imc-1",
    "ImageCacheName": "web",
    "Status": "Ready",
    "Progress": "100%",
    "Images": ["nginx:1.27", f"{HOST}/shop/web:v1"],
    "ImageCacheSize": 40,
    "ResourceGroupId": "rg-1",
    "EliminationStrategy": "LRU",
    "FlashSnapshotId": "s-1",
    "RegionId": "cn-hangzhou",
    "Tags": [{"Key": "team", "Value": "shop"}, {"Key": "empty"}],
    "Events": [],
}


def cache(image_cache_id: str, *images: str, status: str = "Ready") -> ImageCache:
    return ImageCache("cn-hangzhou", image_cache_id, f"name-{image_cache_id}", status, images)


def test_a_described_cache_is_read() -> None:
    assert ImageCache.from_answer("cn-hangzhou", ITEM) == ImageCache(
        region_id="cn-hangzhou",
        image_cache_id="imc-1",
        name="web",
        status="Ready",
        images=("nginx:1.27", f"{HOST}/shop/web:v1"),
        tags=(("team", "shop"), ("empty", "")),
        resource_group_id="rg-1",
        size_gib=40,
        elimination_strategy="LRU",
        flash=True,
    )


@pytest.mark.parametrize("absent", [{}, None], ids=["left out", "null"])
def test_only_id_and_status_are_needed(absent: dict[str, Any] | None) -> None:
    needed = {key: ITEM[key] for key in ("ImageCacheId", "Status")}
    others = dict.fromkeys(set(ITEM) - set(needed)) if absent is None else absent
    assert ImageCache.from_answer("cn-hangzhou", {**others, **needed}) == ImageCache(
        "cn-hangzhou", "imc-1", "", "Ready", ()
    )


@for_each(
    ("change", "error"),
    [
        pytest.param({"ImageCacheId": None}, TypeError, id="id is null"),
        pytest.param({"ImageCacheId": 1}, TypeError, id="id is a number"),
        pytest.param({"ImageCacheName": ["web"]}, TypeError, id="name is a list"),
        pytest.param({"Status": None}, TypeError, id="status is null"),
        pytest.param({"Images": [None]}, TypeError, id="image is null"),
        pytest.param({"Images": [{"Image": "nginx"}]}, TypeError, id="image is an object"),
        pytest.param({"Images": 1}, TypeError, id="images are a number"),
        pytest.param({"Tags": [{}]}, KeyError, id="tag without a key"),
        pytest.param({"Tags": [{"Key": 1}]}, TypeError, id="tag key is a number"),
        pytest.param({"Tags": {"team": "shop"}}, TypeError, id="tags are an object"),
        pytest.param({"ImageCacheSize": "big"}, ValueError, id="size is no number"),
        pytest.param({"ImageCacheSize": [1]}, TypeError, id="size is a list"),
        pytest.param({"ResourceGroupId": 1}, TypeError, id="resource group is a number"),
        pytest.param({"EliminationStrategy": True}, TypeError, id="strategy is a boolean"),
    ],
)
def test_an_answer_of_another_shape_is_an_error(change: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        ImageCache.from_answer("cn-hangzhou", {**ITEM, **change})


@pytest.mark.parametrize("key", ["ImageCacheId", "Status"])
def test_an_answer_without_id_or_status_is_an_error(key: str) -> None:
    with pytest.raises(KeyError):
        ImageCache.from_answer("cn-hangzhou", {name: value for name, value in ITEM.items() if name != key})


@for_each(
    ("status", "expected"),
    [
        ("Ready", True),
        ("UpdateFailed", True),
        ("Preparing", False),
        ("Creating", False),
        ("Updating", False),
        ("Failed", False),
        ("ready", False),
        ("", False),
    ],
)
def test_eci_takes_updates_in_two_states_only(status: str, expected: bool) -> None:
    assert cache("imc-1", "nginx", status=status).updatable is expected
    assert (status in UPDATABLE) is expected


def test_entries_have_the_identity_of_their_registry_and_keep_their_own_host() -> None:
    listed = cache("imc-1", "nginx", "registry-vpc.cn-hangzhou.aliyuncs.com/shop/web:v1")
    assert cache_entries(listed) == [
        ("docker.io", ImageRef("docker.io", "library/nginx")),
        (HOST, ImageRef("registry-vpc.cn-hangzhou.aliyuncs.com", "shop/web", "v1")),
    ]


def test_an_entry_that_is_no_reference_is_left_out_of_the_entries() -> None:
    listed = cache("imc-1", "nginx", "Not A Reference", "", "a" * 2000, "redis")
    assert [reference.repository for _, reference in cache_entries(listed)] == [
        "library/nginx",
        "library/redis",
    ]
    assert len(listed.images) == 5


def test_a_listing_is_indexed_by_identity_and_repository() -> None:
    public = cache("imc-1", f"{HOST}/shop/web:v1", f"{HOST}/shop/api:v1")
    private = cache("imc-2", "registry-vpc.cn-hangzhou.aliyuncs.com/shop/web:v2", f"{HOST}/shop/web:v3")
    elsewhere = cache("imc-3", "registry.cn-shanghai.aliyuncs.com/shop/web:v1", "broken:")
    listing = Listing("cn-hangzhou", (public, private, elsewhere), NOW)
    assert listing.by_repository == {
        (HOST, "shop/web"): (public, private),
        (HOST, "shop/api"): (public,),
        ("registry.cn-shanghai.aliyuncs.com", "shop/web"): (elsewhere,),
    }


def test_a_listing_without_caches_has_an_empty_index() -> None:
    assert Listing("cn-hangzhou", (), NOW).by_repository == {}


READY = {"Type": "Normal", "Reason": "Ready", "LastTimestamp": "2026-03-02T12:00:00Z"}


@for_each(
    ("events", "ready_at"),
    [
        pytest.param([], None, id="no events"),
        pytest.param([READY], NOW, id="Ready"),
        pytest.param([{**READY, "LastTimestamp": "2026-03-02T20:00:00+08:00"}], NOW, id="another zone"),
        pytest.param([{**READY, "LastTimestamp": "2026-03-02T12:00:00"}], None, id="no zone"),
        pytest.param([{**READY, "LastTimestamp": "noon"}], None, id="unreadable"),
        pytest.param([{**READY, "LastTimestamp": None}], None, id="no time"),
        pytest.param([{**READY, "Type": "Warning"}], None, id="a warning"),
        pytest.param(
            [READY, {**READY, "Reason": "Updating", "LastTimestamp": "2026-03-02T12:00:01Z"}],
            None,
            id="something since",
        ),
    ],
)
def test_when_a_cache_became_ready_is_read_from_its_newest_event(
    events: list[dict[str, Any]], ready_at: datetime | None
) -> None:
    assert ImageCache.from_answer("cn-hangzhou", {**ITEM, "Events": events}).ready_at == ready_at
