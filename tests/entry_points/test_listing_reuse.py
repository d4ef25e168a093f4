"""How often a region is listed, and that a decision never rests on what a listing said some time ago."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

WEB = "acme-registry.cn-hangzhou.cr.aliyuncs.com/prod/web:latest"
API = "acme-registry.cn-hangzhou.cr.aliyuncs.com/prod/api:v2"


def push_web(doors: Any, events: Any, **members: Any) -> Any:
    return doors.push(events.cloud(**members))


def push_api(doors: Any, events: Any, **members: Any) -> Any:
    return doors.push(events.cloud(repository="prod/api", tag="v2", **members))


def test_pushes_that_are_older_than_the_listing_share_it(deployed: Any, doors: Any, events: Any) -> None:
    web, api = deployed.cache(WEB), deployed.cache(API)
    assert push_web(doors, events).results == [("refreshed", "TAG_REPUSHED")]
    assert push_api(doors, events).results == [("refreshed", "TAG_REPUSHED")]
    assert len(deployed.listings()) == 1
    assert sorted(deployed.updated()) == sorted([web, api])


@pytest.mark.parametrize("dated", [True, False], ids=["just now", "at no told time"])
def test_a_push_that_may_be_newer_than_the_listing_makes_another(
    deployed: Any, doors: Any, events: Any, dated: bool
) -> None:
    deployed.cache(WEB)
    push_web(doors, events)
    api = deployed.cache(API)
    told = push_api(doors, events, time=events.now() if dated else None)
    assert told.results == [("refreshed", "TAG_REPUSHED")]
    assert len(deployed.listings()) == 2
    assert told.only["image_cache_id"] == api


def test_the_events_of_one_invocation_share_a_listing(deployed: Any, doors: Any, events: Any) -> None:
    deployed.cache(WEB, API)
    pushes = [
        events.cloud(time=events.now()),
        events.cloud(repository="prod/api", tag="v2", time=events.now()),
        events.cloud(repository="prod/none", time=None),
    ]
    told = doors.push(pushes)
    assert sorted(told.results) == [("ignored", "NO_MATCH")] + [("refreshed", "TAG_REPUSHED")] * 2
    assert len(deployed.listings()) == 1


def test_a_manual_request_never_rests_on_an_earlier_listing(deployed: Any, doors: Any, events: Any) -> None:
    push_web(doors, events)
    cache_id = deployed.cache(WEB)
    told = doors.manual(image=WEB)
    assert told.results == [("refreshed", "TAG_REPUSHED")]
    assert (len(deployed.listings()), list(deployed.updated())) == (2, [cache_id])


def test_a_timer_never_rests_on_an_earlier_listing(deployed: Any, doors: Any, events: Any) -> None:
    push_web(doors, events)
    cache_id = deployed.cache(WEB, status="UpdateFailed")
    assert doors.timer().results == [("refreshed", "SWEEP_REPAIR")]
    assert (len(deployed.listings()), list(deployed.updated())) == (2, [cache_id])


def test_a_listing_of_another_region_is_another(
    deployed: Any, doors: Any, events: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    push_web(doors, events)
    monkeypatch.setenv("IMC_REGIONS", "cn-beijing,cn-hangzhou")
    push_web(doors, events)
    assert [page["RegionId"] for page in deployed.listings()] == ["cn-hangzhou", "cn-beijing"]


def test_a_failed_listing_is_not_kept(deployed: Any, doors: Any, events: Any) -> None:
    cache_id = deployed.cache(WEB)
    deployed.control.inject("error", code="NoPermission")
    assert push_web(doors, events).results == [("failed", "PERMISSION_DENIED")]
    assert push_web(doors, events).results == [("refreshed", "TAG_REPUSHED")]
    assert list(deployed.updated()) == [cache_id]


def test_all_pages_are_read(deployed: Any, doors: Any, events: Any) -> None:
    seeds = [
        {
            "region_id": "cn-hangzhou",
            "image_cache_name": f"cache-{n}",
            "images": [WEB if n % 18 == 0 else API],
        }
        for n in range(55)
    ]
    ids = deployed.control.create_caches(seeds)

    told = push_web(doors, events)

    pages = deployed.listings()
    assert ["NextToken" in page for page in pages] == [False, True, True]
    assert {page["Limit"] for page in pages} == {"20"}
    # The first, second and third page, and the last cache of all.
    wanted = [ids[0], ids[18], ids[36], ids[54]]
    assert sorted(deployed.updated()) == sorted(wanted)
    assert [outcome["image_cache_id"] for outcome in told.outcomes] == wanted
    assert told.results == [("refreshed", "TAG_REPUSHED")] * 4


def test_how_many_caches_were_looked_through_is_told(deployed: Any, doors: Any, events: Any) -> None:
    deployed.control.create_caches(
        [{"region_id": "cn-hangzhou", "image_cache_name": f"cache-{n}", "images": [API]} for n in range(25)]
    )
    assert push_web(doors, events).only["caches_seen"] == 25


def test_a_cache_that_was_deleted_since_the_listing_is_gone(deployed: Any, doors: Any, events: Any) -> None:
    deployed.cache("redis:7")
    cache_id = deployed.cache(WEB)
    push_api(doors, events)
    deployed.control.delete_cache(cache_id)

    told = push_web(doors, events)

    assert told.results == [("ignored", "CACHE_GONE")]
    assert told.only["image_cache_id"] == cache_id
    assert (len(deployed.listings()), deployed.updates()) == (1, [])


def test_a_list_that_changed_since_the_listing_is_sent_as_it_is_now(
    deployed: Any, doors: Any, events: Any
) -> None:
    cache_id = deployed.cache("redis:7", WEB)
    push_api(doors, events)
    deployed.cache(WEB, "nginx:1.27", image_cache_id=cache_id)

    told = push_web(doors, events)

    assert told.results == [("refreshed", "TAG_REPUSHED")]
    assert told.only["images_before"] == [WEB, "nginx:1.27"]
    assert deployed.updated() == {cache_id: [WEB, "nginx:1.27"]}
    assert len(deployed.listings()) == 1


@pytest.mark.parametrize(
    ("now_listed", "reason"),
    [
        ("redis:7", "NO_LONGER_LISTED"),
        (WEB.replace("latest", "v1"), "POLICY_HOLDS"),
        (WEB.replace(":latest", "@sha256:" + "0f" * 32), "PINNED_BY_DIGEST"),
    ],
)
def test_a_cache_that_no_longer_lists_the_tag_is_left_alone(
    deployed: Any, doors: Any, events: Any, now_listed: str, reason: str
) -> None:
    cache_id = deployed.cache(WEB)
    push_api(doors, events)
    deployed.cache(now_listed, image_cache_id=cache_id)

    told = push_web(doors, events)

    assert told.results == [("ignored", reason)]
    assert told.only["images_before"] == [now_listed]
    assert (len(deployed.listings()), deployed.updates()) == (1, [])


def test_a_cache_that_became_busy_since_the_listing_is_tried_again(
    deployed: Any, doors: Any, events: Any
) -> None:
    cache_id = deployed.cache(WEB)
    push_api(doors, events)
    deployed.control.force(cache_id, "Updating")
    assert push_web(doors, events).results == [("failed", "CACHE_BUSY")]
    assert (len(deployed.listings()), deployed.updates()) == (1, [])


def test_a_registry_whose_clock_is_further_off_needs_a_listing_of_its_own(
    deployed: Any, doors: Any, events: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMC_CLOCK_SKEW_SECONDS", "3600")
    deployed.cache(WEB)
    push_api(doors, events)
    a_minute_ago = (datetime.now(timezone.utc) - timedelta(minutes=1)).isoformat()
    push_web(doors, events, time=a_minute_ago)
    assert len(deployed.listings()) == 2
