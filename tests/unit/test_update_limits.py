"""What updates cost: cooldowns wait, caps hold back, and nothing is counted twice."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecache.base.errors import ErrorClass, HeldBackError, TransientError
from imagecache.base.reasons import Reason, Result
from imagecache.config.settings import Settings
from imagecache.engine.listings import Listings
from imagecache.engine.update_limits import RecentUpdates, UpdateBudget, cooldown_left
from imagecache.model.change import CacheRequest, Change, PushEvent
from imagecache.model.image_cache import ImageCache
from imagecache.model.selector import CacheSelector
from imagecache.planning.plan import Decision
from imagecache.policy.rules import Rule
from tests.support.remembered import remembered

NOW = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
CACHE = ImageCache("cn-hangzhou", "imc-1", "web", "Ready", ("nginx",))
PUSH = PushEvent("acr", "event-1", "docker.io", "library/nginx", "latest")
REQUEST = CacheRequest("timer", "tick", Reason.REFRESH_SCHEDULED, CacheSelector())
RULE = Rule("r", cooldown_seconds=600)


def updated(began: datetime, **facts: Any) -> ImageCache:
    return replace(CACHE, tags=remembered(CACHE, [PUSH], began), **facts)


def decision(change: Change = PUSH, rule: Rule | None = RULE) -> Decision:
    return Decision(change, CACHE, Result.REFRESHED, Reason.TAG_REPUSHED, "", CACHE.images, rule=rule)


@pytest.mark.parametrize(
    ("seconds", "left"),
    [(0, 600), (1, 599), (599.5, 0.5), (600, 0), (601, 0), (86400, 0), (-60, 660)],
    ids=["now", "a second ago", "nearly over", "over", "longer ago", "a day ago", "by a clock ahead"],
)
def test_a_push_waits_from_the_start_of_the_last_update_on(seconds: float, left: float) -> None:
    cache = updated(NOW - timedelta(seconds=seconds))
    assert cooldown_left(cache, decision(), NOW) == timedelta(seconds=left)


@pytest.mark.parametrize(
    ("cache", "wanted", "waits"),
    [
        pytest.param(updated(NOW), decision(), True, id="a push"),
        pytest.param(updated(NOW), decision(replace(PUSH, source="manual")), False, id="asked for by hand"),
        pytest.param(updated(NOW), decision(REQUEST), False, id="a timer's request"),
        pytest.param(updated(NOW), decision(rule=None), False, id="no rule"),
        pytest.param(updated(NOW), decision(rule=Rule("r")), False, id="a rule without a cooldown"),
        pytest.param(updated(NOW, status="UpdateFailed"), decision(), False, id="a cache that failed"),
        pytest.param(updated(NOW, status="Updating"), decision(), False, id="a cache that is busy anyway"),
        pytest.param(CACHE, decision(), False, id="no update is remembered"),
    ],
)
def test_what_waits(cache: ImageCache, wanted: Decision, waits: bool) -> None:
    assert (cooldown_left(cache, wanted, NOW) > timedelta(0)) is waits


def budget(
    caches: Sequence[ImageCache] = (), recent: RecentUpdates | None = None, **caps: int
) -> UpdateBudget:
    return limited(lambda _: tuple(caches), recent or RecentUpdates(), **caps)


def limited(
    list_caches: Callable[[str], tuple[ImageCache, ...]], recent: RecentUpdates, **caps: int
) -> UpdateBudget:
    settings = Settings(
        ("cn-hangzhou",), most_per_run=caps.get("per_run", 100), most_per_hour=caps.get("per_hour", 0)
    )
    gateway: Any = SimpleNamespace(list_image_caches=list_caches)
    return UpdateBudget(settings, Listings(gateway, settings, NOW, {}), recent)


def held_back(made: UpdateBudget, now: datetime = NOW) -> HeldBackError:
    error = made.capped(now)
    assert error is not None
    return error


@pytest.mark.parametrize("dry_run", [False, True], ids=["made", "planned"])
def test_one_run_makes_as_many_updates_as_it_may(dry_run: bool, caplog: pytest.LogCaptureFixture) -> None:
    made = budget(per_run=2)
    for number in range(2):
        assert made.capped(NOW) is None
        made.spend(f"imc-{number}", NOW, dry_run=dry_run)
    assert caplog.records == []
    error = held_back(made)
    assert (error.reason, error.delay_seconds) == (Reason.UPDATE_CAP, None)
    assert error.error_class.retryable
    assert error.calls == 0
    assert "2 updates" in error.message
    held_back(made)
    # Once a run, however many updates it holds back.
    # Told once, however many updates it holds back.
    held_back(made)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def other(number: int, began: datetime) -> ImageCache:
    return updated(began, image_cache_id=f"imc-{number}")


@pytest.mark.parametrize(
    ("caches", "own", "count"),
    [
        pytest.param([], [], 0, id="none"),
        pytest.param([other(1, NOW), other(2, NOW - HOUR)], [], 2, id="remembered by caches"),
        pytest.param([other(1, NOW - HOUR - SECOND), CACHE], [], 0, id="longer ago, and never"),
        pytest.param([], [(1, NOW), (1, NOW), (2, NOW)], 3, id="made by this process"),
        pytest.param([], [(1, NOW - HOUR - SECOND), (2, NOW - HOUR)], 1, id="made longer ago"),
        pytest.param([other(1, NOW)], [(1, NOW)], 1, id="the same update, remembered by both"),
        pytest.param([other(1, NOW)], [(1, NOW), (1, NOW)], 2, id="more made than the cache remembers"),
        pytest.param([other(1, NOW), other(2, NOW)], [(3, NOW)], 3, id="different caches"),
    ],
)
def test_an_hours_updates_are_counted_once(
    caches: list[ImageCache], own: Iterable[tuple[int, datetime]], count: int
) -> None:
    recent = RecentUpdates()
    for number, began in own:
        recent.add(f"imc-{number}", began)
    assert budget(caches, recent, per_hour=count + 1).capped(NOW) is None
    if count:
        error = held_back(budget(caches, recent, per_hour=count))
        assert (error.reason, error.delay_seconds) == (Reason.UPDATE_CAP, 900)
        assert error.message == f"{count} updates started within the last hour; the limit is {count}"


def test_updates_of_this_run_count_for_the_hour_and_those_of_a_dry_run_do_not() -> None:
    made = budget(per_hour=1)
    made.spend("imc-1", NOW, dry_run=True)
    assert made.capped(NOW) is None
    made.spend("imc-1", NOW)
    held_back(made)


def test_what_a_process_made_outlives_the_invocation() -> None:
    recent = RecentUpdates()
    budget(recent=recent, per_hour=1).spend("imc-1", NOW)
    held_back(budget(recent=recent, per_hour=1))
    assert budget(recent=recent, per_hour=1).capped(NOW + HOUR + SECOND) is None


@pytest.mark.parametrize(("per_hour", "lists"), [(0, 0), (5, 1)], ids=["no cap", "a cap"])
def test_the_caches_are_listed_once_and_only_for_the_cap_per_hour(per_hour: int, lists: int) -> None:
    listed = []

    def list_caches(_: str) -> tuple[ImageCache, ...]:
        listed.append(1)
        return (other(1, NOW),)

    made = limited(list_caches, RecentUpdates(), per_hour=per_hour)
    for _ in range(3):
        assert made.capped(NOW) is None
    assert len(listed) == lists


def test_where_the_run_is_over_nothing_is_listed() -> None:
    def list_caches(_: str) -> tuple[ImageCache, ...]:
        raise AssertionError

    made = limited(list_caches, RecentUpdates(), per_run=1, per_hour=1)
    made.spend("imc-1", NOW)
    held_back(made)


def test_caches_that_could_not_be_listed_are_no_free_pass() -> None:
    def list_caches(_: str) -> tuple[ImageCache, ...]:
        raise TransientError(Reason.THROTTLED, "no answer")

    with pytest.raises(TransientError):
        limited(list_caches, RecentUpdates(), per_hour=1).capped(NOW)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-7200, 0)), max_size=12))
def test_recent_updates_are_those_since_then(made: list[tuple[int, int]]) -> None:
    recent = RecentUpdates()
    for number, seconds in made:
        recent.add(f"imc-{number}", NOW + timedelta(seconds=seconds))
    counts = recent.by_cache(NOW - HOUR)
    for number in range(4):
        expected = sum(1 for one, seconds in made if one == number and seconds >= -3600)
        assert counts.get(f"imc-{number}", 0) == expected
    # What was older is forgotten, what counts stays.
    assert recent.by_cache(NOW - HOUR * 3) == counts


def test_held_back_is_a_class_that_is_tried_again() -> None:
    assert HeldBackError.error_class in {kind for kind in ErrorClass if kind.retryable}
