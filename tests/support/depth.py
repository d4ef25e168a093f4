"""Long lists of parameters: the quick run has a fixed part that stands for all, the deep one all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pytest

__all__ = ["every_value", "pairs", "sampled", "thin_out"]

every_value = pytest.mark.every_value
"""For a test with several lists of parameters: the quick run has each value of each, not each combination."""

Items = Iterable[str] | Mapping[str, tuple[Any, ...]]


def _never(_first: str, _second: str) -> bool:
    return False


def pairs(firsts: Items, seconds: Items, *, quick: Callable[[str, str], bool] = _never) -> list[Any]:
    """All pairs of two lists; the quick run has each item of the first list, with one of the second in turn.

    So it has each item of the second list too, where the first list is at least as long.

    Args:
        firsts: names that are the values of a parameter, or names with the values of several parameters.
        seconds: the same.
        quick: says of the names of a pair that the quick run has it in any case.
    """
    rows, columns = _rows(firsts), _rows(seconds)
    return [
        pytest.param(
            *values,
            *others,
            id=f"{name}-{other}",
            marks=() if place == number % len(columns) or quick(name, other) else pytest.mark.deep,
        )
        for number, (name, values) in enumerate(rows.items())
        for place, (other, others) in enumerate(columns.items())
    ]


def sampled(cases: Sequence[Any], every: int) -> list[Any]:
    """The cases of a table: the quick run has one in so many.

    Args:
        cases: a value each, a tuple of values, or a ``pytest.param``.
        every: the first of so many is quick.
    """
    return [case if number % every == 0 else _deep(case) for number, case in enumerate(cases)]


def _deep(case: Any) -> Any:
    if hasattr(case, "marks"):
        return pytest.param(*case.values, marks=[*case.marks, pytest.mark.deep], id=case.id)
    return pytest.param(*(case if type(case) is tuple else (case,)), marks=pytest.mark.deep)


def thin_out(items: Iterable[pytest.Item]) -> None:
    """Mark as deep what ``every_value`` leaves to the deep run.

    Of the longest list there is one test for each value, each with one value of every other list in turn.
    """
    tests: dict[str, list[tuple[pytest.Item, Sequence[str]]]] = defaultdict(list)
    for item in items:
        if item.get_closest_marker("every_value") and not item.get_closest_marker("deep"):
            # Nothing public tells the values of one list from those of another.
            values = item.callspec._idlist  # type: ignore[attr-defined]  # noqa: SLF001
            tests[item.nodeid.partition("[")[0]].append((item, values))
    for combinations in tests.values():
        lists = [
            list(dict.fromkeys(values)) for values in zip(*(own for _, own in combinations), strict=True)
        ]
        longest = max(range(len(lists)), key=lambda number: len(lists[number]))
        for item, own in combinations:
            turn = lists[longest].index(own[longest])
            if any(value != values[turn % len(values)] for value, values in zip(own, lists, strict=True)):
                item.add_marker(pytest.mark.deep)


def _rows(items: Items) -> dict[str, tuple[Any, ...]]:
    return dict(items) if isinstance(items, Mapping) else {str(item): (item,) for item in items}
