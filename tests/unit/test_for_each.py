"""Tables that are one test."""

from __future__ import annotations

import inspect

import pytest

from tests.support.for_each import for_each


def test_every_case_is_tried_and_each_that_fails_is_named() -> None:
    tried = []

    @for_each(("a", "b"), [(1, 1), pytest.param(1, 2, id="one-two"), (3, 4), (5, 5)], ids=str)
    def check(a: int, b: int) -> None:
        tried.append(a)
        assert a == b
        with pytest.raises(ValueError, match="x"):
            raise ValueError("x")

    with pytest.raises(pytest.fail.Exception) as failure:
        check()
    assert tried == [1, 1, 3, 5]
    text = str(failure.value)
    assert text.startswith("2 of 4 cases failed:\n[1-2]\n")
    assert "[3-4]" in text
    assert "assert a == b" in text


def test_a_failure_of_pytests_own_is_one() -> None:
    @for_each("a", ["x"])
    def check(a: str) -> None:
        with pytest.raises(ValueError, match=a):
            pass

    with pytest.raises(pytest.fail.Exception, match="1 of 1 cases failed"):
        check()


def test_the_other_parameters_are_fixtures() -> None:
    given = []

    @for_each("a", [pytest.param(1, id="one"), 2], ids=["first", "second"])
    def check(given_list: list[int], a: int) -> None:
        given_list.append(a)

    assert list(inspect.signature(check).parameters) == ["given_list"]
    check(given_list=given)
    assert given == [1, 2]


def test_a_case_with_a_mark_or_no_case_at_all_is_a_mistake() -> None:
    with pytest.raises(AssertionError, match="mark"):
        for_each("a", [pytest.param(1, marks=pytest.mark.deep)])
    with pytest.raises(AssertionError, match="without a case"):
        for_each("a", [])
    with pytest.raises(ValueError, match="argument 2"):
        for_each("a", [1, 2], ids=["only"])
