"""Long lists of parameters: the quick run has a fixed part that stands for all, the deep one all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pytest

__all__ = ["pairs", "sampled"]

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
    """The cases of a table, each a ``pytest.param``: the quick run has one in so many."""
    return [
        case
        if number % every == 0
        else pytest.param(*case.values, marks=[*case.marks, pytest.mark.deep], id=case.id)
        for number, case in enumerate(cases)
    ]


def _rows(items: Items) -> dict[str, tuple[Any, ...]]:
    return dict(items) if isinstance(items, Mapping) else {str(item): (item,) for item in items}
