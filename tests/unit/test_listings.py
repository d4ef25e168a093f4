"""Listings: reused only where a cache that a push is about cannot be missing from them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecache.base.errors import TransientError
from imagecache.base.reasons import Reason
from imagecache.clients.eci_gateway import Accepted
from imagecache.config.settings import Settings
from imagecache.engine.listings import LISTING_LIFETIME, Listings
from imagecache.model.image_cache import ImageCache, Listing
from tests.support.fake_clients import FakeClients
from tests.support.for_each import for_each

START = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
ENDPOINT = "https://eci.{region}.aliyuncs.com"
REGION = "cn-hangzhou"


class CountingGateway:
    """A gateway whose every listing is a new one."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fault: TransientError | None = None

    def list_image_caches(self, region_id: str) -> tuple[ImageCache, ...]:
        self.asked.append(region_id)
        if self.fault:
            raise self.fault
        return (ImageCache(region_id, f"imc-{len(self.asked)}", "web", "Ready", ("nginx",)),)

    def describe_image_cache(self, region_id: str, image_cache_id: str) -> ImageCache | None:
        raise NotImplementedError

    def update_image_cache(self, request: Mapping[str, Any]) -> Accepted:
        raise NotImplementedError


def current(
    gateway: CountingGateway,
    kept: dict[tuple[str, str], Listing],
    now: datetime,
    since: datetime | None = None,
    *,
    region_id: str = REGION,
    endpoint: str = ENDPOINT,
    skew: int = 2,
) -> Listing:
    settings = Settings((region_id,), endpoint, clock_skew_seconds=skew)
    return Listings(FakeClients(gateway), settings, now, kept).current(region_id, since)


def seconds(number: float) -> datetime:
    return START + timedelta(seconds=number)


@for_each(
    ("now", "since", "listed_again"),
    [
        pytest.param(0, None, False, id="same invocation, request"),
        pytest.param(0, 0, False, id="same invocation, push just now"),
        pytest.param(5, None, True, id="next invocation, request or push without a time"),
        pytest.param(5, -2, False, id="push before the listing and the clocks' difference"),
        pytest.param(5, -1.999, True, id="push within the clocks' difference"),
        pytest.param(5, 0, True, id="push when listing began"),
        pytest.param(5, 3, True, id="push after the listing"),
        pytest.param(30, -60, False, id="as old as may be"),
        pytest.param(30.001, -60, True, id="too old"),
        pytest.param(-1, -60, True, id="from the future"),
    ],
)
def test_a_listing_is_reused_or_not(now: float, since: float | None, listed_again: bool) -> None:
    gateway = CountingGateway()
    kept: dict[tuple[str, str], Listing] = {}
    first = current(gateway, kept, START)
    second = current(gateway, kept, seconds(now), None if since is None else seconds(since))
    assert (second is not first) is listed_again
    assert gateway.asked == [REGION] * (1 + listed_again)
    assert second.listed_at == (seconds(now) if listed_again else START)


@given(
    st.lists(
        st.tuples(st.integers(min_value=0, max_value=40), st.none() | st.integers(min_value=0, max_value=60)),
        min_size=1,
        max_size=8,
    )
)
def test_a_push_is_never_planned_on_a_listing_that_was_begun_before_it(
    invocations: list[tuple[int, int | None]],
) -> None:
    gateway = CountingGateway()
    kept: dict[tuple[str, str], Listing] = {}
    now = START
    for pause, age in invocations:
        now += timedelta(seconds=pause)
        since = None if age is None else now - timedelta(seconds=age)
        listing = current(gateway, kept, now, since)
        assert listing.listed_at == now or (since is not None and listing.listed_at > since)
        assert now - LISTING_LIFETIME <= listing.listed_at <= now


def test_each_region_and_each_endpoint_has_its_own_listing() -> None:
    gateway = CountingGateway()
    kept: dict[tuple[str, str], Listing] = {}
    asked = [
        (REGION, ENDPOINT),
        ("cn-shanghai", ENDPOINT),
        (REGION, "https://other.example"),
        (REGION, ENDPOINT),
    ]
    found = [
        current(gateway, kept, START, region_id=region_id, endpoint=endpoint) for region_id, endpoint in asked
    ]
    assert gateway.asked == [REGION, "cn-shanghai", REGION]
    assert [listing.region_id for listing in found] == [region_id for region_id, _ in asked]
    assert [listing.caches[0].image_cache_id for listing in found] == ["imc-1", "imc-2", "imc-3", "imc-1"]


def test_a_failed_listing_is_not_kept_and_does_not_replace_the_last() -> None:
    gateway = CountingGateway()
    kept: dict[tuple[str, str], Listing] = {}
    first = current(gateway, kept, START)
    gateway.fault = TransientError(Reason.TIMED_OUT, "ECI did not answer in time")
    with pytest.raises(TransientError):
        current(gateway, kept, seconds(5), seconds(5))
    reused = current(gateway, kept, seconds(5), seconds(-5))
    assert reused is first


@pytest.mark.parametrize(("skew", "listed_again"), [(9, False), (10, False), (11, True)])
def test_the_difference_between_the_clocks_is_the_one_that_is_set(skew: int, listed_again: bool) -> None:
    gateway = CountingGateway()
    kept: dict[tuple[str, str], Listing] = {}
    for now in (START, seconds(5)):
        current(gateway, kept, now, seconds(-10), skew=skew)
    assert len(gateway.asked) == 1 + listed_again
