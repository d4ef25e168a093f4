"""When follow tasks are due: laws of the times, and the series of the first."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import partial

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imagecache.base.timestamps import Moment
from imagecache.planning.follow_times import FollowTimes
from imagecache.planning.update_memory_layout import UpdateMemory

NOW = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
SKEW = timedelta(seconds=2)
TIMES = FollowTimes()

seconds = st.floats(0, 100_000, allow_nan=False).map(lambda number: timedelta(seconds=round(number, 3)))
memories = st.none() | st.builds(
    partial(UpdateMemory),
    began=seconds.map(lambda ago: NOW - ago),
    duration=st.none() | st.integers(1, 20_000).map(lambda number: timedelta(seconds=number)),
)
all_times = st.builds(FollowTimes, base=st.sampled_from([1, 5, 30, 600]))


def remembered(duration: float, ago: float = 0) -> UpdateMemory:
    return UpdateMemory(NOW - timedelta(seconds=ago), timedelta(seconds=duration))


def after(moment: datetime) -> float:
    return (moment - NOW).total_seconds()


@given(all_times, memories, seconds)
def test_a_due_time_is_later_than_the_clock_by_the_margin_and_on_a_grid(
    times: FollowTimes, memory: UpdateMemory | None, skew: timedelta
) -> None:
    at = Moment(NOW, skew)
    for due in (times.again(memory, at), times.watch(memory, at)):
        assert due > NOW + max(2 * skew, timedelta(seconds=2))
        grid = min(10.0, times.base / 3)
        steps = (due - EPOCH).total_seconds() / grid
        assert abs(steps - round(steps)) < 0.01


@given(all_times, memories, seconds)
def test_all_who_wait_for_a_cache_in_one_window_find_the_same_time(
    times: FollowTimes, memory: UpdateMemory | None, later: timedelta
) -> None:
    first = times.again(memory, Moment(NOW, SKEW))
    second = times.again(memory, Moment(NOW + later, SKEW))
    assert second >= first
    assert (second == first) == (NOW + later + 2 * SKEW < first)


@given(all_times, memories, seconds)
def test_the_time_before_is_the_one_that_an_earlier_clock_finds(
    times: FollowTimes, memory: UpdateMemory | None, later: timedelta
) -> None:
    due = times.again(memory, Moment(NOW + later, SKEW))
    before = times.before(due, memory)
    assert before < due
    if memory is not None and memory.duration is not None and before > memory.began:
        longest = max(2 * times.base, memory.duration.total_seconds() / 4) + min(10.0, times.base / 3)
        margin = 2 * SKEW + timedelta(seconds=0.001)
        assert times.again(memory, Moment(before, SKEW)) <= before + margin + timedelta(seconds=longest)


def test_a_remembered_rebuild_is_looked_at_about_when_it_should_end() -> None:
    memory, at, found = remembered(300), NOW, []
    for _ in range(8):
        at = TIMES.again(memory, Moment(at, SKEW))
        found.append(after(at))
    assert found == [230, 260, 290, 320, 350, 390, 470, 540]


def test_a_watch_begins_when_the_rebuild_should_be_over() -> None:
    assert after(TIMES.watch(remembered(300), Moment(NOW, SKEW))) == 320
    assert after(TIMES.watch(remembered(300, ago=310), Moment(NOW, SKEW))) == 10


@pytest.mark.parametrize("memory", [None, UpdateMemory(NOW)])
def test_an_unknown_rebuild_is_looked_at_on_a_grid_of_twice_the_base(memory: UpdateMemory | None) -> None:
    assert after(TIMES.again(memory, Moment(NOW, SKEW))) == 60
    assert after(TIMES.watch(memory, Moment(NOW + timedelta(seconds=56), SKEW))) == 120


@pytest.mark.parametrize(("until", "due"), [(3, 60), (5, 10), (123.4, 130)])
def test_the_end_of_a_hold_is_waited_for_if_it_is_later_than_the_margin(until: float, due: float) -> None:
    assert after(TIMES.again(None, Moment(NOW, SKEW), NOW + timedelta(seconds=until))) == due


def test_the_later_a_tag_was_pushed_the_earlier_it_is_set() -> None:
    before, due = NOW, NOW + timedelta(seconds=60)
    found = [
        TIMES.order(NOW + timedelta(seconds=at), before, due).total_seconds() for at in (-9, 0, 30, 60, 99)
    ]
    assert found == [5.348, 5, 3.333, 0, 0]


def test_the_newer_a_tag_is_the_earlier_it_is_set() -> None:
    found = [TIMES.turn(lead).total_seconds() for lead in (0, 0.5, 0.75, 1)]
    assert found == [9.99, 4.995, 2.497, 0]


@given(all_times, memories, seconds)
@example(FollowTimes(1, 0.0, 0.0), UpdateMemory(NOW, timedelta(seconds=1)), timedelta(0))
def test_a_due_time_without_the_order_of_pushes_is_that_before_it(
    times: FollowTimes, memory: UpdateMemory | None, later: timedelta
) -> None:
    due = times.again(memory, Moment(NOW + later, SKEW))
    before = times.before(due, memory)
    for pushed_at in (NOW - timedelta(days=9), NOW, NOW + later, due):
        assert times.without_order(due + times.order(pushed_at, before, due)) == due


@pytest.mark.parametrize(("now", "due"), [(-4.1, 0), (-4, 900), (0, 900), (1, 900)])
def test_capacity_is_tried_on_a_grid_of_the_longest_time(now: float, due: float) -> None:
    at = Moment(NOW + timedelta(seconds=now), SKEW)
    assert after(TIMES.later(at)) == due
    assert after(TIMES.again(None, at, TIMES.later(at))) == due


def test_the_places_of_a_failing_cache() -> None:
    places = [after(TIMES.place(UpdateMemory(NOW, failures=count))) / 300 for count in range(7)]
    assert places == [0, 1, 4, 12, 48, 48, 48]
