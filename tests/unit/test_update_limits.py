"""Limits on updates: cooldowns, caps, and the pauses of a cache that fails."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from imagecache.base.errors import ErrorClass, HeldBackError, TransientError
from imagecache.base.reasons import Reason, Result
from imagecache.base.timestamps import Moment
from imagecache.config.settings import Settings
from imagecache.engine.listings import Listings
from imagecache.engine.update_limits import UpdateLimits, cooldown_end, needs_extra, pause_end
from imagecache.model.change import CacheRequest, Change, PushEvent
from imagecache.model.image_cache import ImageCache
from imagecache.model.selector import CacheSelector
from imagecache.planning.decision import Decision
from imagecache.planning.follow_times import FollowTimes
from imagecache.planning.update_memory import memory_of_update, with_memory
from imagecache.policy.rules import Rule
from tests.support.fake_clients import FakeClients
from tests.support.for_each import for_each
from tests.support.remembered import remembered

NOW = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
CACHE = ImageCache("cn-hangzhou", "imc-1", "web", "Ready", ("nginx",))
PUSH = PushEvent("acr", "event-1", "docker.io", "library/nginx", "latest")
REQUEST = CacheRequest("timer", "tick", Reason.REFRESH_SCHEDULED, CacheSelector())
RULE = Rule("r", cooldown_seconds=600)
TIMES = FollowTimes()
AT = Moment(NOW, 2 * SECOND)


def updated(began: datetime, **facts: Any) -> ImageCache:
    return CACHE._replace(tags=remembered(CACHE, [PUSH], began), **facts)


def decision(change: Change = PUSH, rule: Rule | None = RULE) -> Decision:
    return Decision(change, CACHE, Result.REFRESHED, Reason.TAG_REPUSHED, "", CACHE.images, rule=rule)


@for_each(
    ("seconds", "left"),
    [(0, 600), (1, 599), (599.5, 0.5), (600, 0), (601, 0), (86400, 0), (-2, 602), (-60, 0)],
    ids=[
        "now",
        "a second ago",
        "nearly over",
        "over",
        "longer ago",
        "a day ago",
        "by a clock ahead",
        "future",
    ],
)
def test_a_push_waits_from_the_start_of_the_last_update_on(seconds: float, left: float) -> None:
    end = cooldown_end(updated(NOW - timedelta(seconds=seconds)), decision(), AT)
    assert end == (NOW + timedelta(seconds=left) if left else None)


@for_each(
    ("cache", "wanted", "waits"),
    [
        pytest.param(updated(NOW), decision(), True, id="a push"),
        pytest.param(updated(NOW), decision(PUSH._replace(source="manual")), False, id="asked for by hand"),
        pytest.param(updated(NOW), decision(REQUEST), False, id="a timer's request"),
        pytest.param(updated(NOW), decision(rule=None), False, id="no rule"),
        pytest.param(updated(NOW), decision(rule=Rule("r")), False, id="no cooldown"),
        pytest.param(updated(NOW, status="UpdateFailed"), decision(), False, id="a cache that failed"),
        pytest.param(CACHE, decision(), False, id="no update is remembered"),
    ],
)
def test_what_waits(cache: ImageCache, wanted: Decision, waits: bool) -> None:
    assert (cooldown_end(cache, wanted, AT) is not None) is waits


def failing(*minutes: float) -> ImageCache:
    """A cache whose updates failed, which began so many minutes before now."""
    cache = CACHE
    for ago in minutes:
        began = NOW - timedelta(minutes=ago)
        cache = cache._replace(tags=remembered(cache, [PUSH], began), status="UpdateFailed")
    return cache


@for_each(("failures", "minutes"), [(1, 0), (2, 5), (3, 20), (4, 60), (5, 240), (6, 240), (20, 240)])
def test_a_failing_cache_is_updated_at_once_then_ever_later(failures: int, minutes: int) -> None:
    cache = failing(*(0.1 for _ in range(failures)))
    end = pause_end(cache, [decision()], AT, TIMES)
    assert end == (NOW + timedelta(minutes=minutes - 0.1) if minutes else None)


ANOTHER = PUSH._replace(event_id="event-2", tag="other")


@for_each(
    ("wanted", "minutes"),
    [
        pytest.param([decision()], 59, id="the same image"),
        pytest.param([decision(ANOTHER)], 4, id="another image"),
        pytest.param([decision(PUSH._replace(digest="sha256:1"))], 4, id="another digest"),
        pytest.param([decision(), decision(ANOTHER)], 4, id="both"),
        pytest.param([decision(REQUEST)], 59, id="a sweep"),
        pytest.param([decision(REQUEST._replace(source="manual"))], None, id="a person"),
        pytest.param([decision(PUSH._replace(source="manual"))], None, id="a person's push"),
    ],
)
def test_what_may_mend_the_cache_goes_earlier(wanted: list[Decision], minutes: float | None) -> None:
    end = pause_end(failing(1, 1, 1, 1), wanted, AT, TIMES)
    assert end == (None if minutes is None else NOW + timedelta(minutes=minutes))


def test_what_a_person_asked_for_and_a_task_does_once_more_waits_for_its_place() -> None:
    asked = REQUEST._replace(source="manual")
    cache = failing(1, 1, 1)
    cache = cache._replace(tags=remembered(cache, [asked], NOW), status="UpdateFailed")
    assert pause_end(cache, [decision(asked)], AT, TIMES) is None, "a person resets the count"
    cache = cache._replace(tags=remembered(cache, [asked], NOW), status="UpdateFailed")
    assert pause_end(cache, [decision(asked)], AT, TIMES) == NOW + timedelta(minutes=5)
    assert pause_end(cache, [decision(asked._replace(event_id="again"))], AT, TIMES) is None


def test_other_images_go_earlier_three_times_a_day() -> None:
    cache, made = failing(6, 6, 6, 6, 6), []
    for number in range(6):
        push = PUSH._replace(event_id=f"e-{number}", tag=f"v{number}")
        at = Moment(NOW + timedelta(minutes=10 * number), 2 * SECOND)
        if pause_end(cache, [decision(push)], at, TIMES) is None:
            made.append(needs_extra(cache, [decision(push)], at, TIMES))
            memory = memory_of_update(cache, [push], at, extra=made[-1])
            cache = cache._replace(tags=with_memory(cache, memory))
    assert made == [True, True, True]


def test_a_cache_that_does_not_fail_needs_no_place() -> None:
    assert pause_end(updated(NOW), [decision()], AT, TIMES) is None
    assert not needs_extra(updated(NOW), [decision()], AT, TIMES)


def limits(
    caches: Sequence[ImageCache] | Callable[[str], tuple[ImageCache, ...]] = (),
    *,
    dry_run: bool = False,
    **caps: int,
) -> UpdateLimits:
    listed = caches if callable(caches) else lambda _: tuple(caches)
    per_run, per_hour = caps.get("per_run", 100), caps.get("per_hour", 0)
    settings = Settings(("cn-hangzhou",), most_per_run=per_run, most_per_hour=per_hour, dry_run=dry_run)
    gateway: Any = SimpleNamespace(list_image_caches=listed)
    return UpdateLimits(settings, Listings(FakeClients(gateway), settings, NOW, {}), TIMES)


@pytest.mark.parametrize("dry_run", [False, True], ids=["made", "planned"])
def test_one_run_makes_as_many_updates_as_its_limit(dry_run: bool, caplog: pytest.LogCaptureFixture) -> None:
    made = limits(per_run=2)
    assert [made.spend(AT, dry_run=dry_run) for _ in range(2)] == [None, None]
    assert caplog.records == []
    errors = [made.spend(AT, dry_run=dry_run) for _ in range(3)]
    for error in errors:
        assert error is not None
        assert (error.reason, error.until, error.calls) == (Reason.UPDATE_CAP, None, 0)
        assert error.error_class.retryable
        assert "updates, which is its limit" in error.message
    # Said once a run, however many updates it holds back.
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def other(number: int, *began: datetime) -> ImageCache:
    cache = CACHE._replace(image_cache_id=f"imc-{number}")
    for each in began:
        cache = cache._replace(tags=remembered(cache, [PUSH], each))
    return cache


@for_each(
    ("caches", "count"),
    [
        pytest.param([], 0, id="none"),
        pytest.param([other(1, NOW), other(2, NOW - HOUR)], 2, id="of several caches"),
        pytest.param([other(1, NOW - HOUR - SECOND), CACHE], 0, id="longer ago, and never"),
        pytest.param([other(1, NOW - HOUR / 2, NOW), other(2, NOW)], 3, id="several of one cache"),
        pytest.param([other(1, NOW - 2 * HOUR, NOW)], 1, id="one of them longer ago"),
    ],
)
def test_an_hours_updates_are_those_that_caches_remember(caches: list[ImageCache], count: int) -> None:
    assert limits(caches, per_hour=count + 1).spend(AT) is None
    if count:
        error = limits(caches, per_hour=count).spend(AT)
        assert error is not None
        assert (error.reason, error.until) == (Reason.UPDATE_CAP, TIMES.later(AT))
        assert error.message == f"{count} updates started within the last hour; the limit is {count}"


@pytest.mark.parametrize(("dry_run", "second"), [(False, False), (True, True)])
def test_updates_of_this_run_count_for_the_hour_unless_they_are_planned(dry_run: bool, second: bool) -> None:
    made = limits(per_hour=1, dry_run=dry_run)
    assert made.spend(AT) is None
    assert (made.spend(AT) is None) is second


@pytest.mark.parametrize(("per_hour", "lists"), [(0, 0), (5, 1)], ids=["no cap", "a cap"])
def test_the_caches_are_listed_once_and_only_for_the_cap_per_hour(per_hour: int, lists: int) -> None:
    listed = []

    def list_caches(_: str) -> tuple[ImageCache, ...]:
        listed.append(1)
        return (other(1, NOW),)

    made = limits(list_caches, per_hour=per_hour)
    assert [made.spend(AT) for _ in range(3)] == [None] * 3
    assert len(listed) == lists


def test_caches_that_could_not_be_listed_are_no_free_pass() -> None:
    def list_caches(_: str) -> tuple[ImageCache, ...]:
        raise TransientError(Reason.THROTTLED, "no answer")

    with pytest.raises(TransientError):
        limits(list_caches, per_hour=1).spend(AT)


@for_each(
    ("cache", "wanted", "reason"),
    [
        pytest.param(CACHE._replace(status="Updating"), [decision()], Reason.CACHE_BUSY, id="busy"),
        pytest.param(updated(NOW), [decision()], Reason.COOLING_DOWN, id="cooldown"),
        pytest.param(updated(NOW), [decision(), decision(rule=None)], None, id="one need not wait"),
        pytest.param(failing(1, 1), [decision()], Reason.BACKING_OFF, id="failing"),
        pytest.param(CACHE, [decision()], None, id="nothing holds"),
    ],
)
def test_the_first_limit_that_holds_is_told(
    cache: ImageCache, wanted: list[Decision], reason: Reason | None
) -> None:
    error = limits().held_back(cache, wanted, AT)
    assert (None if error is None else error.reason) is reason


def test_held_back_is_a_class_that_is_tried_again() -> None:
    assert HeldBackError.error_class in {kind for kind in ErrorClass if kind.retryable}
