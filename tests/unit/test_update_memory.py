"""What a cache remembers of its last update: the tag's form, what is kept in it, and what it covers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imagecache.base.reasons import Reason
from imagecache.base.timestamps import Moment
from imagecache.model.change import CacheRequest, Change, PushEvent
from imagecache.model.image_cache import ImageCache
from imagecache.model.selector import CacheSelector
from imagecache.planning.update_memory import (
    MEMORY_TAG,
    MOST_TAGS,
    carries,
    covering_update,
    image_id,
    last_update,
    learnt,
    memory_of_update,
)
from imagecache.planning.update_memory_layout import UpdateMemory, memory_value
from tests.support.for_each import for_each
from tests.support.remembered import remembered as remembered_tags

BEGAN = datetime(2026, 3, 2, 2, 15, 31, 250000, tzinfo=timezone.utc)
NO_SKEW = timedelta(0)
SKEW = timedelta(seconds=2)
LATER = timedelta(days=40)
MILLISECOND = timedelta(milliseconds=1)
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
    partial(PushEvent),
    source=st.sampled_from(["acr", "acs.cr", "distribution"]),
    event_id=st.text(min_size=1, max_size=20),
    registry=st.just("registry.cn-hangzhou.aliyuncs.com"),
    repository=st.just("prod/web"),
    tag=st.sampled_from(["latest", "v1"]),
    pushed_at=st.none() | moments,
)
requests = st.builds(
    partial(CacheRequest),
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
    return before._replace(status="Ready", tags=remembered_tags(before, made_for, began))


def at(began: datetime, skew: timedelta = NO_SKEW) -> Moment:
    """Long enough after an update that it is not one of the future."""
    return Moment(began + LATER, skew)


def memory_of(image_cache: ImageCache, began: datetime = BEGAN) -> UpdateMemory:
    last = last_update(image_cache, at(began))
    assert last is not None
    return last


milliseconds = st.integers(1_500_000_000_000, 2_500_000_000_000).map(
    lambda number: datetime(1970, 1, 1, tzinfo=timezone.utc) + number * MILLISECOND
)
short_texts = st.text("abcXYZ-_019", min_size=4, max_size=4)


@st.composite
def memories(draw: st.DrawFn) -> UpdateMemory:
    """Any memory, with no more in it than is kept."""
    began = draw(milliseconds)
    counted = draw(st.booleans())
    minute = began.replace(second=0, microsecond=0)
    return UpdateMemory(
        began,
        duration=draw(st.none() | st.integers(1, 7200).map(lambda number: timedelta(seconds=number))),
        failures=draw(st.integers(0, 36**2 - 1)),
        extra=draw(st.integers(1, 9)) if counted else 0,
        extra_since=minute - timedelta(minutes=draw(st.integers(0, 2000))) if counted else None,
        failed=tuple(draw(st.lists(short_texts, max_size=4))),
        starts=tuple(
            began - 3 * timedelta(seconds=n) for n in draw(st.lists(st.integers(0, 1199), max_size=10))
        ),
        asked=draw(st.none() | milliseconds.map(lambda asked: min(asked, began))),
        change_ids=tuple(draw(st.lists(st.text("aZ0-_", min_size=8, max_size=8), max_size=3))),
        undone=tuple((draw(short_texts), minute) for _ in range(draw(st.integers(0, 3)))),
    )


@unhurried
@given(memories())
def test_what_is_written_is_read_again(memory: UpdateMemory) -> None:
    value = memory_value(memory)
    assert len(value) <= 128
    assert memory_of(cache(tags=[(MEMORY_TAG, value)]), memory.began) == memory


def test_the_longest_memory_leaves_room_for_the_ids_of_six_changes() -> None:
    memory = UpdateMemory(
        BEGAN,
        timedelta(hours=2),
        10**9,
        99,
        BEGAN,
        tuple("abcd" for _ in range(9)),
        tuple(BEGAN - timedelta(minutes=number) for number in range(30)),
        BEGAN,
        tuple(f"change{number:02d}" for number in range(30)),
    )
    value = memory_value(memory)
    last = memory_of(cache(tags=[(MEMORY_TAG, value)]))
    assert len(value) <= 128
    assert len(last.change_ids) >= 6
    assert (last.failures, last.extra, len(last.failed), len(last.starts)) == (1295, 9, 4, 10)


def test_with_tags_that_were_taken_back_there_is_room_for_two_changes() -> None:
    memory = UpdateMemory(
        BEGAN,
        timedelta(hours=2),
        10**9,
        99,
        BEGAN,
        tuple("abcd" for _ in range(9)),
        tuple(BEGAN - timedelta(minutes=number) for number in range(30)),
        BEGAN,
        tuple(f"change{number:02d}" for number in range(30)),
        tuple((f"tag{number}", BEGAN) for number in range(9)),
    )
    value = memory_value(memory)
    last = memory_of(cache(tags=[(MEMORY_TAG, value)]))
    assert len(value) <= 128
    assert (len(last.change_ids), [tag for tag, _ in last.undone]) == (2, ["tag0", "tag1", "tag2"])


@pytest.mark.parametrize(
    ("tried", "read"),
    [
        pytest.param(BEGAN - timedelta(seconds=40.25), BEGAN - timedelta(seconds=40.25), id="a tenth"),
        pytest.param(BEGAN - timedelta(seconds=40.21), BEGAN - timedelta(seconds=40.25), id="the one before"),
        pytest.param(BEGAN + timedelta(days=900), BEGAN, id="never after the update that took it back"),
    ],
)
def test_when_a_tag_was_tried_is_remembered_to_a_tenth_of_a_second(tried: datetime, read: datetime) -> None:
    value = memory_value(UpdateMemory(BEGAN, undone=(("abcd", tried),)))
    assert memory_of(cache(tags=[(MEMORY_TAG, value)])).undone == (("abcd", read),)


def test_the_memory_of_the_version_before_is_read() -> None:
    change = push()
    described = cache(tags=[(MEMORY_TAG, f"20260302T021531250000Z.3.{change.change_id[:12]}")])
    last = memory_of(described)
    assert (last.began, last.failures, last.duration) == (BEGAN, 3, None)
    assert carries(last, change)
    assert not carries(last, push("other"))


def test_the_start_is_kept_to_the_millisecond_and_never_later_than_it_was() -> None:
    began = BEGAN + timedelta(microseconds=999)
    assert memory_of(updated(cache(), push(), began=began)).began == BEGAN


def test_changes_accumulate_over_updates_the_newest_first() -> None:
    image_cache = cache()
    made = [push(f"e-{number}") for number in range(30)]
    for number, change in enumerate(made):
        image_cache = updated(image_cache, change, began=BEGAN + timedelta(seconds=number))
        last = memory_of(image_cache)
        assert all(carries(last, each) for each in made[max(0, number - 5) : number + 1])
    assert not carries(memory_of(image_cache), made[0])


def test_an_id_that_comes_again_is_there_once() -> None:
    again, other = push("again"), push("other")
    last = memory_of(updated(updated(updated(cache(), again), other), again))
    assert len(last.change_ids) == 2


def test_the_failures_count_updates_in_a_row_that_began_from_update_failed() -> None:
    counts = []
    image_cache = cache()
    for status in ("Ready", "UpdateFailed", "UpdateFailed", "UpdateFailed", "Ready", "UpdateFailed"):
        image_cache = updated(image_cache._replace(status=status), push())
        counts.append(memory_of(image_cache).failures)
    assert counts == [0, 1, 2, 3, 0, 1]


def test_a_person_resets_the_count() -> None:
    image_cache = updated(updated(cache("UpdateFailed"), push())._replace(status="UpdateFailed"), push())
    assert memory_of(image_cache).failures == 2
    asked = CacheRequest("manual", "r-1", Reason.REBUILD_REQUESTED, CacheSelector())
    last = memory_of(updated(image_cache._replace(status="UpdateFailed"), asked))
    assert (last.failures, last.failed) == (0, ())
    once_more = updated(updated(image_cache, asked)._replace(status="UpdateFailed"), asked)
    assert memory_of(once_more).failures == 1, "a task that runs twice asks for nothing new"


def test_the_images_of_failed_updates_in_a_row_are_known_and_forgotten_with_success() -> None:
    one, two = push("e-1"), push("e-2")._replace(digest=f"sha256:{'b' * 64}")
    image_cache = updated(cache(), one)
    assert memory_of(image_cache).failed == (image_id(one),)
    image_cache = updated(image_cache._replace(status="UpdateFailed"), two)
    assert memory_of(image_cache).failed == (image_id(two), image_id(one))
    image_cache = updated(image_cache, one)
    assert memory_of(image_cache).failed == (image_id(one),)


def extra(before: ImageCache, hours: float) -> ImageCache:
    """The cache in UpdateFailed after an update that did not wait for its place."""
    at_time = Moment(BEGAN + timedelta(hours=hours), NO_SKEW)
    memory = memory_of_update(before, [push()], at_time, extra=True)
    return cache("UpdateFailed", [(MEMORY_TAG, memory_value(memory))])


def test_updates_that_did_not_wait_are_counted_for_a_day() -> None:
    first = extra(cache("UpdateFailed"), 0)
    second = extra(first, 23.9)
    third = extra(second, 24.1)
    counts = [memory_of(each).extra for each in (first, second, third)]
    assert counts == [1, 2, 1]


def test_starts_of_the_last_hour_are_kept() -> None:
    image_cache = cache()
    for minutes in (0, 30, 59, 61):
        image_cache = updated(image_cache, push(), began=BEGAN + timedelta(minutes=minutes))
    last = memory_of(image_cache)
    assert [round((last.began - start).total_seconds() / 60) for start in last.starts] == [2, 31]


def test_the_time_of_a_rebuild_is_learnt_from_the_cache_or_from_the_look_that_finds_it_ready() -> None:
    image_cache = updated(cache(), push())
    ready = image_cache._replace(ready_at=BEGAN + timedelta(seconds=240))
    assert memory_of(updated(ready, push(), began=BEGAN + timedelta(hours=1))).duration == timedelta(
        seconds=240
    )
    early = image_cache._replace(ready_at=BEGAN - timedelta(seconds=1))
    assert memory_of(updated(early, push(), began=BEGAN + timedelta(hours=1))).duration is None
    first = learnt(memory_of(image_cache), BEGAN + timedelta(seconds=100))
    assert first is not None
    assert first.duration == timedelta(seconds=100)
    assert learnt(first, BEGAN + timedelta(seconds=104)) is None
    assert learnt(first, BEGAN + timedelta(seconds=120)) is not None
    assert learnt(first, BEGAN - timedelta(seconds=1)) is None


@pytest.mark.parametrize(("seconds", "believed"), [(7200, True), (7201, False)])
def test_a_rebuild_of_more_than_two_hours_is_not_believed(seconds: int, believed: bool) -> None:
    ended = BEGAN + timedelta(seconds=seconds)
    image_cache = updated(cache(), push())._replace(ready_at=ended)
    assert (learnt(memory_of(image_cache), ended) is not None) == believed
    assert (memory_of(updated(image_cache, push(), began=ended)).duration is not None) == believed


def test_a_time_of_a_rebuild_that_somebody_wrote_is_not_believed_either() -> None:
    memory = last_update(
        cache(tags=[(MEMORY_TAG, f"2.{START}.zzzz.0.....")]), at(BEGAN + 400 * timedelta(days=1))
    )
    assert memory is not None
    assert memory.duration is None


def test_whose_list_the_cache_has_is_known() -> None:
    asked = CacheRequest(
        "manual", "r-1", Reason.LIST_CHANGED, CacheSelector(), images=("nginx:2",), asked_at=BEGAN
    )
    image_cache = updated(cache(), asked)
    assert memory_of(image_cache).asked == BEGAN
    assert memory_of(updated(image_cache, push())).asked == BEGAN


@unhurried
@given(foreign_tags, foreign_tags, st.booleans())
def test_foreign_tags_stay_as_they_are_and_in_their_order(
    before: list[tuple[str, str]], after: list[tuple[str, str]], known: bool
) -> None:
    tags = list({**dict(before), **dict(after)}.items())[: MOST_TAGS - 1]
    ours = [(MEMORY_TAG, "20260302T021531250000Z.0")] if known else []
    middle = len(tags) // 2
    described = cache(tags=[*tags[:middle], *ours, *tags[middle:]])
    written = remembered_tags(described, [push()], BEGAN)
    assert written[:-1] == tuple(tags)
    assert written[-1][0] == MEMORY_TAG


def test_with_as_many_foreign_tags_as_there_may_be_they_are_kept_and_nothing_is_remembered() -> None:
    described = cache(tags=[(f"team-{number}", str(number)) for number in range(MOST_TAGS)])
    image_cache = updated(described, push())
    assert image_cache.tags == described.tags
    assert last_update(image_cache, at(BEGAN)) is None


def test_a_memory_among_the_most_tags_is_renewed() -> None:
    others = [(f"team-{number}", str(number)) for number in range(MOST_TAGS - 1)]
    described = cache(tags=[(MEMORY_TAG, "20200101T000000000000Z.0"), *others])
    image_cache = updated(described, push())
    assert image_cache.tags[:-1] == tuple(others)
    assert len(image_cache.tags) == MOST_TAGS
    assert memory_of(image_cache).began == BEGAN


START = "mm8zvg2q"
GOOD = f"2.{START}..0.....abcdefgh"


@for_each(
    "value",
    [
        "",
        "true",
        "20260302T021531250000Z",
        "20260302T021531250000Z.x",
        "20260302T021531250000Z.0.0123456789a",
        "20260302T021531250000Z.0 ",
        "20260230T021531250000Z.0",
        "00000302T021531250000Z.0",
        "\u0662\u0660260302T021531250000Z.0",
        GOOD[:-1],
        f"{GOOD} ",
        f"{GOOD}\n",
        f"3{GOOD[1:]}",
        GOOD.replace(START, ""),
        GOOD.replace(START, "zzzzzzzzzz"),
        GOOD.replace(START, "-1"),
        GOOD.replace("..0.", "..0.x"),
        GOOD.replace("..0.", "..000."),
        GOOD.replace("abcdefgh", "abcdefgh" * 20),
    ],
    ids=ascii,
)
def test_garbage_in_the_tag_is_no_memory_and_is_replaced(value: str) -> None:
    described = cache(tags=[("team", "shop"), (MEMORY_TAG, value)])
    assert last_update(described, at(BEGAN)) is None
    assert covering_update(described, push(), at(BEGAN)) is None
    image_cache = updated(described, push())
    assert image_cache.tags[0] == ("team", "shop")
    assert memory_of(image_cache).began == BEGAN


def test_the_form_of_the_value_is_the_one_that_is_refused_when_it_is_damaged() -> None:
    assert last_update(cache(tags=[(MEMORY_TAG, GOOD)]), at(BEGAN)) is not None


@unhurried
@given(st.text(max_size=140) | st.from_regex(r"2\.[0-9a-z]{1,9}(\.[0-9a-zA-Z_-]{0,9}){7}", fullmatch=True))
def test_no_text_in_the_tag_is_ever_an_error(value: str) -> None:
    last = last_update(cache(tags=[(MEMORY_TAG, value)]), at(BEGAN))
    assert last is None or last.began <= BEGAN + LATER


@for_each(("ahead", "known"), [(0, True), (2, True), (2.001, False), (10**9, False)])
def test_a_memory_from_the_future_is_no_memory(ahead: float, known: bool) -> None:
    image_cache = updated(cache(), push(), began=BEGAN + timedelta(seconds=ahead))
    assert (last_update(image_cache, Moment(BEGAN, SKEW)) is not None) is known


@pytest.mark.parametrize("part", ["asked", "extra_since"])
@for_each(("ahead", "known"), [(0, True), (2, True), (61, False), (10**10, False)])
def test_nor_is_one_with_a_part_from_the_future(ahead: float, known: bool, part: str) -> None:
    memory = UpdateMemory(BEGAN)._replace(extra=1, **{part: BEGAN + timedelta(seconds=ahead)})
    image_cache = cache(tags=[(MEMORY_TAG, memory_value(memory))])
    assert (last_update(image_cache, Moment(BEGAN, SKEW)) is not None) is known


def test_a_cache_without_our_tag_has_no_memory() -> None:
    assert last_update(cache(tags=[("imc-refresh-2", GOOD)]), at(BEGAN)) is None


@unhurried
@given(statuses, changes, milliseconds, skews)
def test_only_a_running_update_or_one_that_ended_ready_covers(
    status: str, change: Change, began: datetime, skew: timedelta
) -> None:
    image_cache = updated(cache(), change, began=began)._replace(status=status)
    covering = covering_update(image_cache, change, at(began, skew))
    assert covering == (last_update(image_cache, at(began, skew)) if status in CERTAIN else None)


@unhurried
@given(st.sampled_from(CERTAIN), pushes, pushes, milliseconds, skews)
def test_an_update_for_another_change_covers_a_push_exactly_if_it_began_later_than_the_margin(
    status: str, change: PushEvent, other: PushEvent, began: datetime, skew: timedelta
) -> None:
    other = other._replace(event_id=f"not {change.event_id}")
    image_cache = updated(cache(), other, began=began)._replace(status=status)
    covered = covering_update(image_cache, change, at(began, skew)) is not None
    assert covered == (change.pushed_at is not None and began > change.pushed_at + skew)


@unhurried
@given(requests, changes, milliseconds, skews)
def test_a_request_is_covered_by_its_own_update_alone(
    request: CacheRequest, other: Change, began: datetime, skew: timedelta
) -> None:
    image_cache = updated(cache(), other, began=began)
    covered = covering_update(image_cache, request, at(began, skew)) is not None
    assert covered == (other.change_id == request.change_id)


@for_each(
    ("seconds", "covered"),
    [(-3600, False), (0, False), (1.999, False), (2, False), (2.001, True), (3600, True)],
)
def test_the_margin_for_clock_skew_is_not_covered(seconds: float, covered: bool) -> None:
    began = BEGAN + timedelta(seconds=seconds)
    image_cache = updated(cache(), push("other"), began=began)
    assert (covering_update(image_cache, push(), at(began, SKEW)) is not None) == covered


@pytest.mark.parametrize(("dated", "covered"), [(True, False), (False, True)])
def test_the_same_id_covers_unless_the_push_is_known_to_be_later(dated: bool, covered: bool) -> None:
    later = push(pushed_at=BEGAN + timedelta(minutes=1))._replace(dated=dated)
    image_cache = updated(cache(), push())
    assert (covering_update(image_cache, later, at(BEGAN)) is not None) == covered
