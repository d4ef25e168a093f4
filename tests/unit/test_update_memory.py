"""What a cache remembers of its last update: the tag's form, what is kept in it, and what it covers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imagecache.base.reasons import Reason
from imagecache.model.change import CacheRequest, Change, PushEvent
from imagecache.model.image_cache import ImageCache
from imagecache.model.selector import CacheSelector
from imagecache.planning.update_memory import (
    MEMORY_TAG,
    MOST_TAGS,
    LastUpdate,
    covering_update,
    last_update,
    with_memory,
)

BEGAN = datetime(2026, 3, 2, 2, 15, 31, 250000, tzinfo=timezone.utc)
NO_SKEW = timedelta(0)
SKEW = timedelta(seconds=2)
MOST_IDS = 8
VALUE = re.compile(r"[0-9]{8}T[0-9]{12}Z\.[0-9]+(\.[0-9a-f]{12})*")
IMAGES = (
    "nginx:1",
    "registry.cn-hangzhou.aliyuncs.com/prod/web",
    "registry.cn-hangzhou.aliyuncs.com/prod/web:v1",
)
STATUSES = ("Preparing", "Creating", "Ready", "Failed", "Updating", "UpdateFailed")
CERTAIN = ("Ready", "Updating")

statuses = st.sampled_from(STATUSES)
moments = st.datetimes(
    min_value=datetime(2020, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2099, 12, 31),  # noqa: DTZ001
    timezones=st.sampled_from([timezone.utc, timezone(timedelta(hours=8)), timezone(timedelta(hours=-9.5))]),
)
skews = st.integers(0, 3600).map(lambda seconds: timedelta(seconds=seconds))
pushes = st.builds(
    PushEvent,
    source=st.sampled_from(["acr", "acs.cr", "distribution"]),
    event_id=st.text(min_size=1, max_size=20),
    registry=st.just("registry.cn-hangzhou.aliyuncs.com"),
    repository=st.just("prod/web"),
    tag=st.sampled_from(["latest", "v1"]),
    pushed_at=st.none() | moments,
)
requests = st.builds(
    CacheRequest,
    source=st.sampled_from(["manual", "timer"]),
    event_id=st.text(min_size=1, max_size=20),
    reason=st.sampled_from([Reason.REBUILD_REQUESTED, Reason.REFRESH_SCHEDULED, Reason.SWEEP_REPAIR]),
    selector=st.just(CacheSelector()),
)
changes = pushes | requests
foreign_tags = st.lists(
    st.tuples(st.text(min_size=1, max_size=12).filter(lambda key: key != MEMORY_TAG), st.text(max_size=12)),
    unique_by=lambda tag: tag[0],
    max_size=MOST_TAGS,
)

# A slow machine is no defect.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def cache(status: str = "Ready", tags: Iterable[tuple[str, str]] = ()) -> ImageCache:
    return ImageCache("cn-hangzhou", "imc-1", "web", status, IMAGES, tuple(tags))


def push(event_id: str = "e-1", pushed_at: datetime | None = BEGAN) -> PushEvent:
    host = "registry.cn-hangzhou.aliyuncs.com"
    return PushEvent("acs.cr", event_id, host, "prod/web", "latest", pushed_at=pushed_at)


def updated(before: ImageCache, *made_for: Change, began: datetime = BEGAN) -> ImageCache:
    """The cache once an update for these changes was accepted and ended Ready."""
    return replace(before, status="Ready", tags=with_memory(before, made_for, began))


def remembered(image_cache: ImageCache) -> LastUpdate:
    last = last_update(image_cache)
    assert last is not None
    return last


def short(change: Change) -> str:
    return change.change_id[:12]


@unhurried
@given(statuses, st.lists(changes, min_size=1, max_size=10), st.lists(changes, max_size=10), moments)
def test_the_value_has_its_form_and_never_more_than_128_characters(
    status: str, older: list[Change], newer: list[Change], began: datetime
) -> None:
    image_cache = replace(updated(cache(), *older), status=status)
    value = dict(with_memory(image_cache, newer, began))[MEMORY_TAG]
    assert VALUE.fullmatch(value)
    assert len(value) <= 128


@unhurried
@given(st.lists(changes, max_size=MOST_IDS, unique_by=lambda change: change.change_id), moments)
def test_what_is_written_is_read_again(made_for: list[Change], began: datetime) -> None:
    last = remembered(updated(cache(), *made_for, began=began))
    assert last == LastUpdate(began, 0, tuple(short(change) for change in made_for))
    assert last.began.utcoffset() == timedelta(0)


def test_the_value_is_the_start_in_utc_the_rebuilds_and_the_ids() -> None:
    china = BEGAN.astimezone(timezone(timedelta(hours=8)))
    change = push()
    assert with_memory(cache(), [change], china) == (
        (MEMORY_TAG, f"20260302T021531250000Z.0.{change.change_id[:12]}"),
    )


def test_ids_accumulate_over_updates_the_newest_first_until_the_value_is_full() -> None:
    image_cache = cache()
    made: list[str] = []
    for number in range(MOST_IDS + 5):
        change = push(f"e-{number}")
        made.insert(0, short(change))
        image_cache = updated(image_cache, change, began=BEGAN + timedelta(seconds=number))
        assert remembered(image_cache).change_ids == tuple(made[:MOST_IDS])


def test_the_ids_of_one_update_keep_their_order_before_those_of_older_ones() -> None:
    old, first, second = push("old"), push("first"), push("second")
    image_cache = updated(updated(cache(), old), first, second)
    assert remembered(image_cache).change_ids == (short(first), short(second), short(old))


def test_an_id_that_comes_again_moves_to_the_front_and_is_there_once() -> None:
    again, other = push("again"), push("other")
    image_cache = updated(updated(updated(cache(), again), other), again)
    assert remembered(image_cache).change_ids == (short(again), short(other))


def test_the_rebuilds_count_updates_in_a_row_that_began_from_update_failed() -> None:
    counts = []
    image_cache = cache()
    for status in ("Ready", "UpdateFailed", "UpdateFailed", "UpdateFailed", "Ready", "UpdateFailed"):
        image_cache = updated(replace(image_cache, status=status), push())
        counts.append(remembered(image_cache).rebuilds)
    assert counts == [0, 1, 2, 3, 0, 1]


def test_an_update_from_update_failed_without_memory_is_the_first_rebuild() -> None:
    assert remembered(updated(cache("UpdateFailed"), push())).rebuilds == 1


@unhurried
@given(foreign_tags, foreign_tags, st.booleans())
def test_foreign_tags_stay_as_they_are_and_in_their_order(
    before: list[tuple[str, str]], after: list[tuple[str, str]], known: bool
) -> None:
    tags = list({**dict(before), **dict(after)}.items())[: MOST_TAGS - 1]
    ours = [(MEMORY_TAG, "20260302T021531250000Z.0")] if known else []
    middle = len(tags) // 2
    described = cache(tags=[*tags[:middle], *ours, *tags[middle:]])
    written = with_memory(described, [push()], BEGAN)
    assert written[:-1] == tuple(tags)
    assert written[-1][0] == MEMORY_TAG


def test_with_as_many_foreign_tags_as_there_may_be_they_are_kept_and_nothing_is_remembered() -> None:
    described = cache(tags=[(f"team-{number}", str(number)) for number in range(MOST_TAGS)])
    image_cache = updated(described, push())
    assert image_cache.tags == described.tags
    assert last_update(image_cache) is None


def test_a_memory_among_the_most_tags_is_renewed() -> None:
    others = [(f"team-{number}", str(number)) for number in range(MOST_TAGS - 1)]
    described = cache(tags=[(MEMORY_TAG, "20200101T000000000000Z.0"), *others])
    image_cache = updated(described, push())
    assert image_cache.tags[:-1] == tuple(others)
    assert len(image_cache.tags) == MOST_TAGS
    assert remembered(image_cache).began == BEGAN


@pytest.mark.parametrize(
    "value",
    [
        "",
        "true",
        "20260302T021531250000Z",
        "20260302T021531250000Z.",
        "20260302T021531250000Z.x",
        "20260302T021531250000Z.-1",
        "20260302T021531250000Z.0.",
        "20260302T021531250000Z.0.0123456789a",
        "20260302T021531250000Z.0.0123456789abc",
        "20260302T021531250000Z.0.0123456789AB",
        "20260302T021531250000Z.0..0123456789ab",
        "20260302T021531250000Z.0 ",
        "20260302T021531250000Z.0\n",
        "20261302T021531250000Z.0",
        "20260230T021531250000Z.0",
        "20260302T251531250000Z.0",
        "00000302T021531250000Z.0",
        "20260302T021531Z.0",
        "2026-03-02T02:15:31Z.0",
        "20260302T021531250000.0",
        "\u0662\u0660260302T021531250000Z.0",
        "20260302T021531250000Z.0;DROP",
    ],
    ids=ascii,
)
def test_garbage_in_the_tag_is_no_memory_and_is_replaced(value: str) -> None:
    described = cache(tags=[("team", "shop"), (MEMORY_TAG, value)])
    assert last_update(described) is None
    assert covering_update(described, push(), NO_SKEW) is None
    image_cache = updated(described, push())
    assert image_cache.tags[0] == ("team", "shop")
    assert remembered(image_cache).began == BEGAN


@unhurried
@given(st.text(max_size=140))
def test_no_text_in_the_tag_is_ever_an_error(value: str) -> None:
    last = last_update(cache(tags=[(MEMORY_TAG, value)]))
    assert last is None or VALUE.fullmatch(value)


def test_a_cache_without_our_tag_has_no_memory() -> None:
    assert last_update(cache(tags=[("imc-refresh-2", "20260302T021531250000Z.0")])) is None


@unhurried
@given(statuses, changes, moments, skews)
def test_only_a_running_update_or_one_that_ended_ready_covers(
    status: str, change: Change, began: datetime, skew: timedelta
) -> None:
    image_cache = replace(updated(cache(), change, began=began), status=status)
    covering = covering_update(image_cache, change, skew)
    assert covering == (last_update(image_cache) if status in CERTAIN else None)


@unhurried
@given(st.sampled_from(CERTAIN), pushes, pushes, moments, skews)
def test_an_update_for_another_change_covers_a_push_exactly_if_it_began_later_than_the_margin(
    status: str, change: PushEvent, other: PushEvent, began: datetime, skew: timedelta
) -> None:
    other = replace(other, event_id=f"not {change.event_id}")
    image_cache = replace(updated(cache(), other, began=began), status=status)
    covered = covering_update(image_cache, change, skew) is not None
    assert covered == (change.pushed_at is not None and began > change.pushed_at + skew)


@unhurried
@given(pushes, pushes, moments, st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=30)), skews)
def test_what_an_update_covers_a_later_one_covers_too(
    change: PushEvent, other: PushEvent, began: datetime, later: timedelta, skew: timedelta
) -> None:
    early = updated(cache(), other, began=began)
    late = updated(cache(), other, began=began + later)
    if covering_update(early, change, skew) is not None:
        assert covering_update(late, change, skew) is not None


@unhurried
@given(requests, changes, moments, skews)
def test_a_request_is_covered_by_its_own_update_alone(
    request: CacheRequest, other: Change, began: datetime, skew: timedelta
) -> None:
    image_cache = updated(cache(), other, began=began)
    covered = covering_update(image_cache, request, skew) is not None
    assert covered == (other.change_id == request.change_id)


@pytest.mark.parametrize(
    ("seconds", "covered"),
    [(-3600, False), (0, False), (1.999999, False), (2, False), (2.000001, True), (3600, True)],
)
def test_the_margin_for_clock_skew_is_not_covered(seconds: float, covered: bool) -> None:
    image_cache = updated(cache(), push("other"), began=BEGAN + timedelta(seconds=seconds))
    assert (covering_update(image_cache, push(), SKEW) is not None) == covered


def test_a_duplicate_is_covered_however_late_it_says_that_it_was_pushed() -> None:
    image_cache = updated(cache(), push())
    assert covering_update(image_cache, push(pushed_at=BEGAN + timedelta(days=1)), SKEW) is not None


def test_a_duplicate_is_covered_by_an_update_after_that_of_its_change() -> None:
    image_cache = updated(updated(cache(), push(pushed_at=None)), push("other"))
    assert covering_update(image_cache, push(pushed_at=None), NO_SKEW) == remembered(image_cache)
