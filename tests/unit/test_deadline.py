"""The deadline: the timeout less a second and less a reserve, counted down, never negative."""

from __future__ import annotations

import pytest

from imagecache.base.deadline import HAND_OFF_SECONDS, Deadline
from tests.support.for_each import for_each


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@for_each(
    ("timeout", "passed", "left"),
    [
        pytest.param(60.0, 0.0, 59.0, id="begun"),
        pytest.param(60.0, 10.5, 48.5, id="under way"),
        pytest.param(60.0, 59.0, 0.0, id="over"),
        pytest.param(60.0, 3600.0, 0.0, id="long over"),
        pytest.param(3.0, 0.0, 2.7, id="a tenth of a short one"),
        pytest.param(1.0, 0.95, 0.0, id="a short one, over"),
    ],
)
def test_what_remains_is_the_timeout_less_a_second_and_the_time_that_passed(
    timeout: float, passed: float, left: float
) -> None:
    clock = Clock()
    deadline = Deadline(timeout, clock)
    clock.now += passed
    assert deadline.remaining() == pytest.approx(left)


@for_each(
    ("reserve", "passed", "left", "left_with_reserve"),
    [
        pytest.param(0.0, 0.0, 59.0, 59.0, id="no reserve"),
        pytest.param(4.0, 0.0, 55.0, 59.0, id="begun"),
        pytest.param(4.0, 54.0, 1.0, 5.0, id="nearly over"),
        pytest.param(4.0, 55.0, 0.0, 4.0, id="the reserve alone is left"),
        pytest.param(4.0, 58.0, 0.0, 1.0, id="the reserve is in use"),
        pytest.param(4.0, 59.0, 0.0, 0.0, id="over"),
        pytest.param(4.0, 3600.0, 0.0, 0.0, id="long over"),
        pytest.param(100.0, 0.0, 47.0, 59.0, id="a reserve of more than a fifth"),
    ],
)
def test_the_reserve_is_kept_from_all_but_those_who_ask_for_it(
    reserve: float, passed: float, left: float, left_with_reserve: float
) -> None:
    clock = Clock()
    deadline = Deadline(60.0, clock, reserve_seconds=reserve)
    clock.now += passed
    assert deadline.remaining() == deadline.remaining(reserve=True) == left
    assert deadline.remaining(reserve=False) == left_with_reserve


@for_each(
    ("answer", "left"),
    [
        pytest.param(None, 55.0, id="nobody waits"),
        pytest.param(2.5, 2.0, id="half a second to hand off and to answer"),
        pytest.param(0.4, 0.0, id="no time"),
        pytest.param(-3.0, 0.0, id="the sender has gone"),
        pytest.param(600.0, 55.0, id="longer than the timeout"),
    ],
)
def test_ordinary_calls_end_before_the_answer_and_the_hand_off_does_not(
    answer: float | None, left: float
) -> None:
    deadline = Deadline(60.0, Clock(), reserve_seconds=4.0, answer_seconds=answer)
    assert deadline.remaining() == pytest.approx(left)
    assert deadline.remaining(reserve=False) == 59.0


@for_each("timeout", [3.0, 5.0, 10.0, 60.0])
def test_a_short_timeout_has_time_for_calls_beside_the_hand_off(timeout: float) -> None:
    deadline = Deadline(timeout, Clock(), reserve_seconds=HAND_OFF_SECONDS)
    assert deadline.remaining() > 0.5 * timeout
    kept = deadline.remaining(reserve=False) - deadline.remaining()
    assert kept == pytest.approx(min(HAND_OFF_SECONDS, 0.2 * timeout))


def test_the_time_is_that_of_a_clock_that_never_goes_back() -> None:
    deadline = Deadline(60.0)
    first = deadline.remaining()
    second = deadline.remaining()
    assert 0.0 < second <= first <= 59.0
