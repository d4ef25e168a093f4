"""The deadline: the timeout less a second, counted down, never negative."""

from __future__ import annotations

import pytest

from imagecache.deadline import Deadline


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("timeout", "passed", "left"),
    [
        pytest.param(60.0, 0.0, 59.0, id="begun"),
        pytest.param(60.0, 10.5, 48.5, id="under way"),
        pytest.param(60.0, 59.0, 0.0, id="over"),
        pytest.param(60.0, 3600.0, 0.0, id="long over"),
        pytest.param(1.0, 0.0, 0.0, id="no longer than the reserve"),
        pytest.param(0.5, 0.0, 0.0, id="shorter than the reserve"),
    ],
)
def test_what_remains_is_the_timeout_less_a_second_and_the_time_that_passed(
    timeout: float, passed: float, left: float
) -> None:
    clock = Clock()
    deadline = Deadline(timeout, clock)
    clock.now += passed
    assert deadline.remaining() == left


def test_the_time_is_that_of_a_clock_that_never_goes_back() -> None:
    deadline = Deadline(60.0)
    first = deadline.remaining()
    second = deadline.remaining()
    assert 0.0 < second <= first <= 59.0
