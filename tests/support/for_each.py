"""Tables of cases that need nothing but the code: one test for the whole table.

A test of its own for each case costs the processes that collect, run and report it more than most of these
cases take. All cases are tried, and a failure names each that failed.
"""

from __future__ import annotations

import functools
import inspect
import traceback
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

__all__ = ["for_each"]


def for_each(
    names: str | Sequence[str],
    cases: Iterable[Any],
    *,
    ids: Iterable[str] | Callable[[Any], Any] | None = None,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """As ``pytest.mark.parametrize``, but the cases are one test.

    Its fixtures are made once for all cases, so it is for tests that leave nothing behind.

    Args:
        names: of the parameters.
        cases: their values, or a ``pytest.param`` of them, without marks.
        ids: the names of the cases, or what makes the name of a value.
    """
    columns = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    rows = [_row(case, len(columns)) for case in cases]
    if callable(ids):
        rows = [("-".join(str(ids(value)) for value in values), values) for _, values in rows]
    elif ids is not None:
        rows = [(name, values) for name, (_, values) in zip(ids, rows, strict=True)]
    assert rows, "a table without a case tests nothing"

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def run(**fixtures: Any) -> None:
            failed = []
            for name, values in rows:
                try:
                    test(**fixtures, **dict(zip(columns, values, strict=True)))
                except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001 - it is told below
                    failed.append(f"[{name}]\n{''.join(traceback.format_exception(error))}")
            if failed:
                pytest.fail(
                    "\n".join([f"{len(failed)} of {len(rows)} cases failed:", *failed]), pytrace=False
                )

        signature = inspect.signature(test)
        wanted = [parameter for name, parameter in signature.parameters.items() if name not in columns]
        run.__signature__ = signature.replace(parameters=wanted)  # type: ignore[attr-defined]
        return run

    return decorate


def _row(case: Any, width: int) -> tuple[str, tuple[Any, ...]]:
    """The name of a case, and its values."""
    name = getattr(case, "id", None)
    if hasattr(case, "marks"):
        assert not case.marks, "a case with a mark is a test of its own"
        values = tuple(case.values)
    else:
        values = (case,) if width == 1 else tuple(case)
    return name if isinstance(name, str) else repr(values)[:200], values
