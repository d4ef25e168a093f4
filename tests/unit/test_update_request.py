"""The UpdateImageCache request: valid by its schema, exact on the wire, safe to show, and idempotent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imagecache.base.errors import PermanentError
from imagecache.base.json_schema import validate
from imagecache.base.reasons import Reason
from imagecache.base.timestamps import Moment
from imagecache.clients.eci import flatten
from imagecache.model.change import CacheRequest, Change, PushEvent
from imagecache.model.image_cache import MOST_IMAGES, ImageCache
from imagecache.model.selector import CacheSelector
from imagecache.planning.entry_memory import DIGESTS_TAG, PUSHED_TAG
from imagecache.planning.update_memory import MEMORY_TAG, MOST_TAGS, OWN_TAGS, carries, last_update
from imagecache.planning.update_request import MASK, client_token, masked
from tests.support.for_each import for_each
from tests.support.remembered import remembered, update_request

BEGAN = datetime(2026, 3, 2, 12, 0, 0, 250000, tzinfo=timezone.utc)
PUSH = PushEvent("acr", "event-1", "docker.io", "library/nginx", "1.27")
OTHER_PUSH = PushEvent("acr", "event-2", "docker.io", "library/nginx", "1.27")
REQUEST = CacheRequest("manual", "request-1", Reason.REBUILD_REQUESTED, CacheSelector())
"""As many short ids have room in the 128 characters of a tag."""
MEMORY = dict(remembered(ImageCache("cn-hangzhou", "imc-1", "web", "Ready", ("nginx",)), [PUSH], BEGAN))[
    MEMORY_TAG
]
CACHE = ImageCache(
    region_id="cn-hangzhou",
    image_cache_id="imc-1",
    name="web",
    status="Ready",
    images=("nginx:1.27", "redis"),
    tags=(("team", "shop"), ("empty", "")),
    resource_group_id="rg-1",
    size_gib=40,
    elimination_strategy="LRU",
    flash=True,
)

BARE = ImageCache("cn-hangzhou", "imc-1", "", "Ready", ("nginx",))
EXTRA: dict[str, Any] = {
    "RetentionDays": 7,
    "AutoMatchImageCache": True,
    "Flash": False,
    "ImageRegistryCredential": [
        {"Server": "r.example.com", "UserName": "u", "Password": "correct horse"},
        {"Server": "q.example.com", "UserName": "v", "Password": "battery staple"},
    ],
    "AcrRegistryInfo": [
        {
            "InstanceId": "cri-1",
            "InstanceName": "acme",
            "RegionId": "cn-hangzhou",
            "Domain": ["a.example.com", "b.example.com"],
        },
        {"InstanceId": "cri-2"},
    ],
}

visible_texts = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=128)
ids = st.from_regex(r"[!-~]{1,64}", fullmatch=True)
image_lists = st.lists(visible_texts.filter(bool), min_size=1, max_size=MOST_IMAGES).map(tuple)
change_ids = st.lists(st.text("0123456789abcdef", min_size=32, max_size=32), min_size=1, max_size=4)
changes = st.lists(
    st.builds(
        partial(PushEvent),
        source=st.sampled_from(["acr", "acs.cr", "distribution"]),
        event_id=st.text(max_size=20),
        registry=st.just("docker.io"),
        repository=st.just("library/nginx"),
        tag=st.sampled_from(["1.27", "latest"]),
    )
    | st.builds(
        partial(CacheRequest),
        source=st.sampled_from(["manual", "timer"]),
        event_id=st.text(max_size=20),
        reason=st.sampled_from([Reason.REBUILD_REQUESTED, Reason.SWEEP_REPAIR]),
        selector=st.just(CacheSelector()),
    ),
    min_size=1,
    max_size=12,
)
moments = st.datetimes(
    min_value=datetime(2020, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2099, 12, 31),  # noqa: DTZ001
    timezones=st.sampled_from([timezone.utc, timezone(timedelta(hours=8))]),
)
own_tags = st.fixed_dictionaries(
    {},
    optional={
        MEMORY_TAG: st.sampled_from([MEMORY, "20260302T120000250000Z.7"]) | visible_texts,
        PUSHED_TAG: visible_texts,
        DIGESTS_TAG: visible_texts,
    },
)
foreign_tags = st.dictionaries(
    visible_texts.filter(lambda key: key and key not in OWN_TAGS), visible_texts, max_size=MOST_TAGS
)
described_caches = st.builds(
    partial(ImageCache),
    region_id=st.from_regex(r"[a-z0-9]{1,8}(?:-[a-z0-9]{1,8}){0,3}", fullmatch=True),
    image_cache_id=ids,
    name=visible_texts,
    status=st.sampled_from(["Ready", "UpdateFailed"]),
    images=image_lists,
    tags=st.builds(lambda own, foreign: (*own.items(), *foreign.items())[:MOST_TAGS], own_tags, foreign_tags),
    resource_group_id=st.just("") | ids,
    size_gib=st.none() | st.integers(min_value=0, max_value=100_000),
    elimination_strategy=st.sampled_from(["", "LRU"]),
    flash=st.booleans(),
)


def leaves(value: Any) -> int:
    if isinstance(value, Mapping):
        return sum(leaves(member) for member in value.values())
    if isinstance(value, list):
        return sum(leaves(member) for member in value)
    return 0 if value is None else 1


def build(cache: ImageCache, images: tuple[str, ...], **more: Any) -> dict[str, Any]:
    """The request for one push, with what a test says otherwise."""
    return update_request(cache, images, [PUSH], began=BEGAN, **more)


def foreign(cache: ImageCache) -> list[tuple[str, str]]:
    """The tags that are not this application's own."""
    return [(key, value) for key, value in cache.tags if key not in OWN_TAGS]


def sent_tags(request: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(tag["Key"], tag["Value"]) for tag in request["Tag"]]


@given(described_caches, changes, moments, st.integers(min_value=0, max_value=100_000))
def test_the_request_for_a_described_cache_is_valid_and_has_the_whole_list(
    cache: ImageCache, changes: list[Change], began: datetime, attempt: int
) -> None:
    request = update_request(cache, cache.images, changes, began=began, due=str(attempt))
    validate(request, "update-image-cache")
    assert request["Image"] == list(cache.images)
    assert (request["RegionId"], request["ImageCacheId"]) == (cache.region_id, cache.image_cache_id)


def test_all_that_a_description_returns_is_sent_again() -> None:
    assert build(CACHE, CACHE.images) == {
        "RegionId": "cn-hangzhou",
        "ImageCacheId": "imc-1",
        "ClientToken": client_token(CACHE, CACHE.images, [PUSH.change_id]),
        "Image": ["nginx:1.27", "redis"],
        "ImageCacheName": "web",
        "ResourceGroupId": "rg-1",
        "EliminationStrategy": "LRU",
        "Tag": [
            {"Key": "team", "Value": "shop"},
            {"Key": "empty", "Value": ""},
            {"Key": "imc-refresh", "Value": MEMORY},
        ],
        "ImageCacheSize": 40,
        "Flash": True,
    }


def test_what_a_description_does_not_have_is_left_out() -> None:
    request = build(BARE, BARE.images)
    assert set(request) == {"RegionId", "ImageCacheId", "ClientToken", "Image", "Tag"}
    assert sent_tags(request) == [(MEMORY_TAG, MEMORY)]


@given(described_caches, changes, moments)
@example(BARE._replace(tags=((PUSHED_TAG, ""),)), [PUSH], BEGAN)
@example(BARE._replace(status="UpdateFailed", tags=((MEMORY_TAG, MEMORY), ("team", "shop"))), [PUSH], BEGAN)
def test_the_update_is_remembered_where_there_is_room_and_no_other_tag_is_lost(
    cache: ImageCache, changes: list[Change], began: datetime
) -> None:
    request = update_request(cache, cache.images, changes, began=began)
    tags = sent_tags(request)
    after = cache._replace(tags=tuple(tags))
    if len(cache.tags) == MOST_TAGS and MEMORY_TAG not in dict(cache.tags):
        assert after.tags == cache.tags
        return
    assert foreign(after) == foreign(cache)
    # A platform that merges tags keeps what is left out, so a tag of ours that is there is sent again.
    assert dict(cache.tags).keys() | {MEMORY_TAG} == dict(tags).keys()
    assert len(tags) == len(dict(tags)) <= MOST_TAGS
    last = last_update(after, Moment(began))
    assert last is not None
    assert timedelta(0) <= began - last.began < timedelta(milliseconds=1)
    assert all(carries(last, change) for change in changes[:3])


def test_the_memory_of_an_earlier_update_is_replaced_and_its_changes_are_kept() -> None:
    first = update_request(CACHE, CACHE.images, [OTHER_PUSH], began=BEGAN - timedelta(hours=1))
    failed = CACHE._replace(status="UpdateFailed", tags=tuple(sent_tags(first)))
    second = update_request(failed, failed.images, [PUSH, REQUEST], began=BEGAN)
    assert [key for key, _ in sent_tags(second)] == ["team", "empty", MEMORY_TAG]
    last = last_update(CACHE._replace(tags=tuple(sent_tags(second))), Moment(BEGAN))
    assert last is not None
    assert (last.began, last.failures) == (BEGAN, 0 if REQUEST.by_person else 1)
    assert all(carries(last, change) for change in (PUSH, REQUEST, OTHER_PUSH))


@pytest.mark.parametrize(
    ("others", "remembered"),
    [(0, True), (19, True), (20, False)],
    ids=["no other tag", "room for one", "as many as there may be"],
)
def test_a_cache_has_at_most_twenty_tags(others: int, remembered: bool) -> None:
    cache = CACHE._replace(tags=tuple((f"key-{number}", "value") for number in range(others)))
    request = build(cache, cache.images)
    validate(request, "update-image-cache")
    assert sent_tags(request) == [*cache.tags, *([(MEMORY_TAG, MEMORY)] if remembered else [])]


def test_the_start_of_an_update_is_remembered_in_utc() -> None:
    china = BEGAN.astimezone(timezone(timedelta(hours=8)))
    request = update_request(BARE, BARE.images, [PUSH], began=china)
    assert sent_tags(request) == [(MEMORY_TAG, MEMORY)]


def test_configured_parameters_replace_described_ones() -> None:
    request = build(CACHE, CACHE.images, extra=EXTRA)
    validate(request, "update-image-cache")
    assert request["Flash"] is False
    assert request["ImageCacheSize"] == 40
    assert request["RetentionDays"] == 7


@for_each(
    ("size", "sent"),
    [(None, None), (0, None), (19, None), (20, 20), (32768, 32768), (32769, None)],
)
def test_a_size_outside_the_limits_of_an_update_is_not_sent(size: int | None, sent: int | None) -> None:
    request = build(CACHE._replace(size_gib=size), CACHE.images)
    assert request.get("ImageCacheSize") == sent


@pytest.mark.parametrize("count", [0, 21, 100])
def test_a_list_that_no_cache_takes_is_refused_before_it_is_sent(count: int) -> None:
    with pytest.raises(PermanentError) as refused:
        build(CACHE, ("nginx",) * count)
    assert refused.value.reason is Reason.INVALID_UPDATE_REQUEST
    assert refused.value.calls == 0
    assert f"{count} images" in refused.value.message


@pytest.mark.parametrize("count", [1, 20])
def test_the_shortest_and_the_longest_list_are_sent(count: int) -> None:
    images = tuple(f"r.example.com/app-{number}" for number in range(count))
    assert build(CACHE, images)["Image"] == list(images)


@given(described_caches, change_ids, st.randoms(use_true_random=False))
def test_a_token_is_the_same_for_the_same_changes_in_any_order(
    cache: ImageCache, changes: list[str], random: Any
) -> None:
    token = client_token(cache, cache.images, changes)
    shuffled = [*changes, changes[0]]
    random.shuffle(shuffled)
    assert client_token(cache, cache.images, shuffled) == token
    assert len(token) == 64
    assert set(token) <= set("0123456789abcdef")


@given(image_lists, image_lists)
def test_a_token_depends_on_the_images_and_their_order(
    images: tuple[str, ...], others: tuple[str, ...]
) -> None:
    same = client_token(CACHE, images, ["change"]) == client_token(CACHE, others, ["change"])
    assert same is (images == others)
    turned = images[::-1]
    same = client_token(CACHE, images, ["change"]) == client_token(CACHE, turned, ["change"])
    assert same is (images == turned)


@for_each(
    ("cache", "images", "changes"),
    [
        pytest.param(CACHE._replace(image_cache_id="imc-2"), ("nginx",), ["a"], id="another cache"),
        pytest.param(CACHE._replace(region_id="cn-shanghai"), ("nginx",), ["a"], id="another region"),
        pytest.param(CACHE, ("redis",), ["a"], id="another list"),
        pytest.param(CACHE, ("nginx", "nginx"), ["a"], id="an image twice"),
        pytest.param(CACHE, ("nginx",), ["b"], id="another change"),
        pytest.param(CACHE, ("nginx",), ["a", "b"], id="a further change"),
    ],
)
def test_another_update_has_another_token(
    cache: ImageCache, images: tuple[str, ...], changes: list[str]
) -> None:
    assert client_token(cache, images, changes) != client_token(CACHE, ("nginx",), ["a"])


@for_each(
    "facts",
    [
        pytest.param({"name": "api"}, id="name"),
        pytest.param({"size_gib": None}, id="size"),
        pytest.param({"tags": ()}, id="tags of others"),
        pytest.param({"images": ("redis",)}, id="the list that it had"),
        pytest.param({"last_warning": "Failed: no"}, id="events"),
    ],
)
def test_what_an_update_does_not_change_by_itself_is_no_part_of_its_token(facts: dict[str, Any]) -> None:
    assert client_token(CACHE._replace(**facts), CACHE.images, ["a"]) == client_token(
        CACHE, CACHE.images, ["a"]
    )


def remembering(value: str, **facts: Any) -> ImageCache:
    return CACHE._replace(tags=(*CACHE.tags, (MEMORY_TAG, value)), **facts)


def test_each_repetition_of_a_change_has_its_own_token() -> None:
    """A platform that knows the token of a failed update may answer with that update."""
    tokens = [
        client_token(cache, CACHE.images, ["a"], str(attempt))
        for cache, attempt in [
            (CACHE, 0),
            (CACHE, 1),
            (CACHE, 2),
            (CACHE._replace(status="UpdateFailed"), 0),
            (remembering("20260302T120000000000Z.0"), 0),
            (remembering("20260302T120000000001Z.0"), 0),
            (remembering("20260302T120000000000Z.1"), 0),
            (remembering("20260302T120000000000Z.0", status="UpdateFailed"), 0),
            (remembering("20260302T120000000000Z.0", status="UpdateFailed"), 1),
        ]
    ]
    assert len(set(tokens)) == len(tokens)


def test_two_attempts_at_one_update_have_one_token_whenever_they_are_made() -> None:
    now = update_request(CACHE, CACHE.images, [PUSH, REQUEST], began=BEGAN, due="3")
    later = update_request(CACHE, CACHE.images, [REQUEST, PUSH], began=BEGAN + timedelta(hours=1), due="3")
    assert now["ClientToken"] == later["ClientToken"]
    assert sent_tags(now) != sent_tags(later)


def test_the_token_of_a_request_is_that_of_its_cache_list_changes_and_attempt() -> None:
    request = update_request(CACHE, ("redis",), [PUSH, REQUEST], began=BEGAN, due="4")
    ids_of_changes = [PUSH.change_id, REQUEST.change_id]
    assert request["ClientToken"] == client_token(CACHE, ("redis",), ids_of_changes, "4")
    assert request["ClientToken"] != client_token(CACHE, ("redis",), ids_of_changes)


def test_the_request_is_flattened_to_the_names_of_the_api() -> None:
    request = build(CACHE, CACHE.images, extra=EXTRA)
    assert flatten(request) == {
        "RegionId": "cn-hangzhou",
        "ImageCacheId": "imc-1",
        "ClientToken": request["ClientToken"],
        "Image.1": "nginx:1.27",
        "Image.2": "redis",
        "ImageCacheName": "web",
        "ResourceGroupId": "rg-1",
        "EliminationStrategy": "LRU",
        "Tag.1.Key": "team",
        "Tag.1.Value": "shop",
        "Tag.2.Key": "empty",
        "Tag.2.Value": "",
        "Tag.3.Key": "imc-refresh",
        "Tag.3.Value": MEMORY,
        "ImageCacheSize": "40",
        "Flash": "false",
        "RetentionDays": "7",
        "AutoMatchImageCache": "true",
        "ImageRegistryCredential.1.Server": "r.example.com",
        "ImageRegistryCredential.1.UserName": "u",
        "ImageRegistryCredential.1.Password": "correct horse",
        "ImageRegistryCredential.2.Server": "q.example.com",
        "ImageRegistryCredential.2.UserName": "v",
        "ImageRegistryCredential.2.Password": "battery staple",
        "AcrRegistryInfo.1.InstanceId": "cri-1",
        "AcrRegistryInfo.1.InstanceName": "acme",
        "AcrRegistryInfo.1.RegionId": "cn-hangzhou",
        "AcrRegistryInfo.1.Domain.1": "a.example.com",
        "AcrRegistryInfo.1.Domain.2": "b.example.com",
        "AcrRegistryInfo.2.InstanceId": "cri-2",
    }


@for_each(
    ("value", "expected"),
    [
        pytest.param(None, {}, id="none"),
        pytest.param([], {}, id="empty list"),
        pytest.param({}, {}, id="empty object"),
        pytest.param([None, "a"], {"P.2": "a"}, id="none in a list"),
        pytest.param({"K": None}, {}, id="none in an object"),
        pytest.param("", {"P": ""}, id="empty text"),
        pytest.param(0, {"P": "0"}, id="zero"),
        pytest.param(True, {"P": "true"}, id="true"),
        pytest.param(False, {"P": "false"}, id="false"),
        pytest.param(20.0, {"P": "20"}, id="whole number written as a float"),
        pytest.param(("a", "b"), {"P.1": "a", "P.2": "b"}, id="tuple"),
        pytest.param([{"L": [{"M": 1}]}], {"P.1.L.1.M": "1"}, id="nested"),
    ],
)
def test_a_value_is_flattened(value: Any, expected: dict[str, str]) -> None:
    assert flatten({"P": value}) == expected


@given(described_caches, changes)
def test_every_value_of_the_request_becomes_one_parameter(cache: ImageCache, changes: list[Change]) -> None:
    request = update_request(cache, cache.images, changes, began=BEGAN, extra=EXTRA)
    parameters = flatten(request)
    assert len(parameters) == leaves(request)
    assert all(isinstance(value, str) for value in parameters.values())


def test_a_shown_request_has_no_password_and_the_sent_one_still_has() -> None:
    request = build(CACHE, CACHE.images, extra=EXTRA)
    shown = masked(request)
    text = json.dumps(shown)
    assert "horse" not in text
    assert "staple" not in text
    assert shown["ImageRegistryCredential"][1] == {
        "Server": "q.example.com",
        "UserName": "v",
        "Password": MASK,
    }
    assert {key: shown[key] for key in shown if key != "ImageRegistryCredential"} == {
        key: request[key] for key in request if key != "ImageRegistryCredential"
    }
    assert request["ImageRegistryCredential"][0]["Password"] == "correct horse"
    validate(shown, "update-image-cache")


def test_a_request_without_credentials_is_shown_as_it_is() -> None:
    request = build(CACHE, CACHE.images)
    assert masked(request) == request
