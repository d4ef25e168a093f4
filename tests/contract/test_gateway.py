"""The gateway's calls: pages, odd pages, attempts and their token, and the deadline."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest

from imagecache.base.deadline import Deadline
from imagecache.base.errors import (
    BenignError,
    BusyError,
    CapacityError,
    ErrorClass,
    PermanentError,
    TransientError,
)
from imagecache.clients.eci_error_codes import ATTEMPTS
from imagecache.clients.eci_gateway import Accepted
from imagecache.model.image_cache import ImageCache
from tests.support.depth import every_value
from tests.support.rpc_calls import form_of, parameters_of, url_of

REGION = "cn-hangzhou"
MEMBER = {"ImageCacheId": "imc-1", "ImageCacheName": "web", "Status": "Ready", "Images": ["nginx:1"]}


def page(*members: Any, **others: Any) -> dict[str, Any]:
    return {"RequestId": "R-1", "ImageCaches": list(members), "NextToken": "", "TotalCount": 1, **others}


def update(cache_id: str, **others: Any) -> dict[str, Any]:
    return {
        "RegionId": REGION,
        "ImageCacheId": cache_id,
        "ClientToken": "token-1",
        "Image": ["nginx:1"],
        **others,
    }


def perform(gateway: Any, action: str, cache_id: str) -> Any:
    if action == "UpdateImageCache":
        return gateway.update_image_cache(update(cache_id))
    if action == "TagResources":
        return gateway.tag_image_cache(REGION, cache_id, "memory", "new")
    return gateway.describe_image_cache(REGION, cache_id)


def test_a_described_cache_is_read_whole(eci: Any, gateway: Any) -> None:
    cache_id = eci.cache(
        "nginx:1",
        "not a reference:",
        image_cache_name="web",
        tags={"team": "shop", "bare": ""},
        resource_group_id="rg-1",
        image_cache_size=40,
        elimination_strategy="LRU",
        flash=True,
        status="UpdateFailed",
    )
    assert gateway.describe_image_cache(REGION, cache_id) == ImageCache(
        region_id=REGION,
        image_cache_id=cache_id,
        name="web",
        status="UpdateFailed",
        images=("nginx:1", "not a reference:"),
        tags=(("team", "shop"), ("bare", "")),
        resource_group_id="rg-1",
        size_gib=40,
        elimination_strategy="LRU",
        flash=True,
    )


def test_a_cache_of_another_region_or_of_none_is_none(eci: Any, gateway: Any) -> None:
    cache_id = eci.cache(region_id="cn-beijing")
    assert gateway.describe_image_cache(REGION, cache_id) is None
    assert gateway.describe_image_cache(REGION, "imc-none") is None


def test_a_cache_that_was_not_asked_for_is_not_taken_for_the_one_that_was(
    new_gateway: Any, raw_server: Any, respond: Any
) -> None:
    server = raw_server(lambda _head: respond(page(MEMBER)))
    assert new_gateway(server.url).describe_image_cache(REGION, "imc-2") is None


def test_an_accepted_update_tells_its_request_id(eci: Any, gateway: Any) -> None:
    accepted = gateway.update_image_cache(update(eci.cache()))
    (history,) = eci.control.history()
    assert accepted == Accepted(history["request_id"], 1)
    assert (history["kind"], history["client_token"]) == ("rebuild", "token-1")


@pytest.mark.parametrize("status", ["Ready", "Updating", "UpdateFailed"])
def test_one_tag_is_set_and_all_else_stays(eci: Any, gateway: Any, status: str) -> None:
    cache_id = eci.cache(tags={"team": "shop", "memory": "old"}, status=status)
    before = gateway.describe_image_cache(REGION, cache_id)
    gateway.tag_image_cache(REGION, cache_id, "memory", "a+b & c=%2F")
    after = gateway.describe_image_cache(REGION, cache_id)
    assert after == before._replace(tags=(("team", "shop"), ("memory", "a+b & c=%2F")))
    assert eci.control.history() == []


def test_a_server_that_does_not_know_tags_is_a_permanent_refusal_after_one_call(
    eci: Any, gateway: Any
) -> None:
    cache_id = eci.cache(tags={"memory": "old"})
    eci.control.settings(tag_calls="unknown")
    with pytest.raises(PermanentError) as raised:
        gateway.tag_image_cache(REGION, cache_id, "memory", "new")
    assert (raised.value.code, raised.value.calls) == ("InvalidAction.NotFound", 1)
    assert len(eci.calls("TagResources")) == 1
    assert gateway.describe_image_cache(REGION, cache_id).tags == (("memory", "old"),)


def test_all_pages_are_read_and_each_asks_with_the_token_of_the_one_before(eci: Any, gateway: Any) -> None:
    seeds = [{"region_id": REGION, "image_cache_name": f"c{n}", "images": ["nginx:1"]} for n in range(45)]
    ids = eci.control.create_caches(seeds)
    eci.cache(region_id="cn-beijing")

    assert [cache.image_cache_id for cache in gateway.list_image_caches(REGION)] == ids

    calls = eci.calls("DescribeImageCaches")
    assert [call["Limit"] for call in calls] == ["20", "20", "20"]
    assert "NextToken" not in calls[0]
    assert len({call["NextToken"] for call in calls[1:]}) == 2


def test_a_region_without_caches_lists_none(gateway: Any) -> None:
    assert gateway.list_image_caches(REGION) == ()


def test_a_cache_that_moves_from_page_to_page_is_listed_once_as_last_seen(
    new_gateway: Any, raw_server: Any, respond: Any
) -> None:
    pages = iter([page(MEMBER, NextToken="t"), page({**MEMBER, "Status": "Updating"})])
    server = raw_server(lambda _head: respond(next(pages)))
    assert [cache.status for cache in new_gateway(server.url).list_image_caches(REGION)] == ["Updating"]


def test_a_token_that_comes_again_ends_the_listing_as_unreadable(
    new_gateway: Any, raw_server: Any, respond: Any
) -> None:
    tokens = itertools.cycle(["a", "b"])
    server = raw_server(lambda _head: respond(page(MEMBER, NextToken=next(tokens))))
    with pytest.raises(TransientError) as raised:
        new_gateway(server.url).list_image_caches(REGION)
    assert raised.value.reason == "UNREADABLE_ANSWER"
    calls = [parameters_of(url_of(call), form_of(call)) for call in server.received]
    assert [call.get("NextToken") for call in calls] == [None, "a", "b"]


def test_a_listing_that_never_comes_to_an_end_is_given_up(
    new_gateway: Any, raw_server: Any, respond: Any
) -> None:
    numbers = itertools.count()
    server = raw_server(lambda _head: respond(page(NextToken=str(next(numbers)))))
    with pytest.raises(TransientError) as raised:
        new_gateway(server.url).list_image_caches(REGION)
    assert raised.value.reason == "UNREADABLE_ANSWER"
    assert len(server.received) == 1000


def test_a_failure_on_a_later_page_is_no_shorter_listing(eci: Any, gateway: Any) -> None:
    eci.control.create_caches(
        [{"region_id": REGION, "image_cache_name": f"c{n}", "images": ["nginx:1"]} for n in range(21)]
    )
    # Slow by nothing that matters: it lets the first page pass, and the errors befall the second.
    eci.control.inject("slow", delay_seconds=0.001)
    eci.control.inject("error", code="ServiceUnavailable", count=3)
    with pytest.raises(TransientError) as raised:
        gateway.list_image_caches(REGION)
    assert (raised.value.code, raised.value.calls) == ("ServiceUnavailable", 3)
    assert len(eci.calls("DescribeImageCaches")) == 4


ODD_PAGES: dict[str, Any] = {
    "no ImageCaches": {"RequestId": "R-1"},
    "ImageCaches null": page(ImageCaches=None),
    "ImageCaches an object": page(ImageCaches={}),
    "ImageCaches an object with a list": page(ImageCaches={"ImageCache": [MEMBER]}),
    "ImageCaches an empty text": page(ImageCaches=""),
    "ImageCaches a text": page(ImageCaches="none"),
    "ImageCaches a number": page(ImageCaches=0),
    "ImageCaches false": page(ImageCaches=False),
    "a NextToken that is an object": page(MEMBER, NextToken={"a": "b"}),
    "a NextToken that is a list": page(MEMBER, NextToken=["a"]),
    "an error with 200": {"RequestId": "R-1", "Code": "Throttling", "Message": "slow down"},
    "nested too deep": "[" * 100_000,
}


ODD_MEMBERS: dict[str, Any] = {
    "a member null": None,
    "a member a text": "imc-1",
    "a member a list": [MEMBER],
    "a member without id": {key: MEMBER[key] for key in ("ImageCacheName", "Status", "Images")},
    "a member whose id is null": {**MEMBER, "ImageCacheId": None},
    "a member whose id is a number": {**MEMBER, "ImageCacheId": 1},
    "a member without status": {key: MEMBER[key] for key in ("ImageCacheId", "Images")},
    "a member whose images are a text": {**MEMBER, "Images": "nginx:1"},
    "a member whose images are an object": {**MEMBER, "Images": {"Image": ["nginx:1"]}},
    "a member whose image is null": {**MEMBER, "Images": [None]},
    "a member whose size is no number": {**MEMBER, "ImageCacheSize": "big"},
    "a member whose size is infinite": {**MEMBER, "ImageCacheSize": float("inf")},
    "a member whose tags are an object": {**MEMBER, "Tags": {"team": "shop"}},
    "a tag without key": {**MEMBER, "Tags": [{"Value": "shop"}]},
}


@pytest.mark.parametrize("member", ODD_MEMBERS.values(), ids=list(ODD_MEMBERS))
def test_a_member_that_is_not_as_documented_costs_itself(
    new_gateway: Any, raw_server: Any, respond: Any, member: Any
) -> None:
    server = raw_server(lambda _head: respond(page({**MEMBER, "ImageCacheId": "imc-good"}, member)))
    found = new_gateway(server.url).list_image_caches(REGION)
    assert [(cache.image_cache_id == "imc-good", bool(cache.unreadable)) for cache in found] == [
        (True, False),
        (False, True),
    ]
    # Of a single cache nothing else is known, so it is not taken for one that does not exist.
    with pytest.raises(TransientError) as raised:
        new_gateway(server.url).describe_image_cache(REGION, "imc-1")
    assert raised.value.reason == "UNREADABLE_ANSWER"


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("answer", ODD_PAGES.values(), ids=list(ODD_PAGES))
def test_a_page_that_is_not_as_documented_is_unreadable_and_never_an_empty_listing(
    new_gateway: Any, raw_server: Any, respond: Any, answer: Any
) -> None:
    server = raw_server(lambda _head: respond(answer))
    with pytest.raises(TransientError) as raised:
        new_gateway(server.url).list_image_caches(REGION)
    assert raised.value.reason == "UNREADABLE_ANSWER"


@pytest.mark.parametrize(
    "answer",
    [{}, {"RequestId": None}, {"Code": "Throttling"}, ["RequestId"], "RequestId", "null", "5"],
    ids=["no id", "null id", "an error with 200", "a list", "no JSON", "null", "a number"],
)
def test_an_update_is_not_accepted_without_its_request_id(
    new_gateway: Any, raw_server: Any, respond: Any, answer: Any
) -> None:
    server = raw_server(lambda _head: respond(answer))
    with pytest.raises(TransientError) as raised:
        new_gateway(server.url).update_image_cache(update("imc-1"))
    assert (raised.value.reason, raised.value.calls) == ("UNREADABLE_ANSWER", 3)


ERRORS = [
    ("IncorrectStatus", BusyError),
    ("Throttling", TransientError),
    ("QuotaExceeded", CapacityError),
    ("NoNeedUpdate", BenignError),
    ("NoPermission", PermanentError),
]


def test_the_table_of_attempts_has_every_class_that_a_call_can_end_in() -> None:
    assert {error.error_class for _, error in ERRORS} == set(ATTEMPTS) == set(ErrorClass) - {ErrorClass.INPUT}


@every_value
@pytest.mark.parametrize(("code", "error"), ERRORS, ids=[code for code, _ in ERRORS])
@pytest.mark.parametrize("action", ["DescribeImageCaches", "UpdateImageCache", "TagResources"])
def test_a_call_is_made_as_often_as_its_class_of_error_says(
    eci: Any, gateway: Any, action: str, code: str, error: Any
) -> None:
    cache_id = eci.cache()
    eci.control.inject("error", code=code, count=10)
    with pytest.raises(error) as raised:
        perform(gateway, action, cache_id)
    calls = eci.control.journal(action)
    assert len(calls) == raised.value.calls == ATTEMPTS[error.error_class]
    assert raised.value.code == code
    assert raised.value.request_id == calls[-1]["request_id"]


def test_attempts_of_an_update_share_the_token_and_are_signed_each_for_itself(eci: Any, gateway: Any) -> None:
    eci.control.inject("error", code="Throttling", count=2)
    accepted = gateway.update_image_cache(update(eci.cache()))
    calls = eci.calls("UpdateImageCache")
    assert accepted.calls == 3
    assert [call["ClientToken"] for call in calls] == ["token-1"] * 3
    assert len({call["SignatureNonce"] for call in calls}) == 3
    signing = {"SignatureNonce", "Timestamp"}
    asked = [{name: value for name, value in call.items() if name not in signing} for call in calls]
    assert asked[0] == asked[1] == asked[2]


def test_the_pause_between_attempts_grows_and_stays_short(
    eci: Any, new_gateway: Any, credentials: Any
) -> None:
    pauses: list[float] = []
    gateway = new_gateway(eci.url, credentials(eci.credential), sleep=pauses.append)
    eci.control.inject("error", code="Throttling", count=3)
    with pytest.raises(TransientError):
        gateway.list_image_caches(REGION)
    assert len(pauses) == 2
    assert 0.1 <= pauses[0] <= 0.2 <= pauses[1] <= 0.4


def test_no_call_is_started_that_has_no_time_to_end(
    eci: Any, new_gateway: Any, credentials: Any, time_left: Any
) -> None:
    gateway = new_gateway(eci.url, credentials(eci.credential), deadline=time_left(0.9))
    for call in (
        lambda: gateway.list_image_caches(REGION),
        lambda: gateway.describe_image_cache(REGION, "imc-1"),
        lambda: gateway.update_image_cache(update("imc-1")),
    ):
        with pytest.raises(TransientError) as raised:
            call()
        assert (raised.value.reason, raised.value.calls) == ("OUT_OF_TIME", 0)
    assert eci.control.journal() == []


def test_no_other_attempt_is_started_that_has_no_time_to_end(
    new_gateway: Any, time_left: Any, raw_server: Any, respond: Any
) -> None:
    now = [0.0]

    def answer(_head: bytes) -> bytes:
        # Time for a call is left, but not for a pause of a tenth of a second before it.
        now[0] = 30 - 1.05
        return bytes(respond({"Code": "Throttling", "Message": "slower", "RequestId": "r-1"}, 400))

    server = raw_server(answer)
    gateway = new_gateway(server.url, deadline=time_left(30, clock=lambda: now[0]))
    with pytest.raises(TransientError) as raised:
        gateway.update_image_cache(update("imc-1"))
    assert (raised.value.reason, raised.value.calls) == ("THROTTLED", 1)
    assert len(server.received) == 1


def test_no_other_page_is_asked_for_when_the_time_is_over(
    new_gateway: Any, raw_server: Any, respond: Any
) -> None:
    now = [0.0]

    def answer(_head: bytes) -> bytes:
        now[0] += 20
        return bytes(respond(page(MEMBER, NextToken=str(now[0]))))

    server = raw_server(answer)
    with pytest.raises(TransientError) as raised:
        new_gateway(server.url, deadline=Deadline(60, clock=lambda: now[0])).list_image_caches(REGION)
    assert raised.value.reason == "OUT_OF_TIME"
    assert len(server.received) == 3


@pytest.mark.parametrize("action", ["DescribeImageCaches", "UpdateImageCache", "TagResources"])
def test_a_slow_answer_is_waited_for_as_long_as_the_time_lasts(
    eci: Any, new_gateway: Any, credentials: Any, time_left: Any, action: str
) -> None:
    cache_id = eci.cache()
    eci.control.inject("slow", delay_seconds=30)
    began = time.monotonic()
    gateway = new_gateway(eci.url, credentials(eci.credential), deadline=time_left(2.0))
    with pytest.raises(TransientError) as raised:
        perform(gateway, action, cache_id)
    assert (raised.value.reason, raised.value.calls) == ("TIMED_OUT", 1)
    assert 2.0 <= time.monotonic() - began < 5.0
    assert len(eci.control.journal(action)) == 1
