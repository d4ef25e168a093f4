"""The plots of the report: the numbers of each step of time. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from .plots import Mark, bars, spreads
from .view import View, count, moment, safe, seconds

_RESULTS = ("landed", "refreshed", "unchanged", "planned", "deferred", "ignored", "rejected", "failed")
"""In the order of a column, from below; each is a class of the page's style."""
_SPREAD = ("median", "longest")


def plots(view: View) -> str:
    """All plots; none where there is no time."""
    steps: Sequence[dict[str, Any]] = view.get("/over_time/steps")
    if not steps:
        return ""
    times = [datetime.fromisoformat(step["from"]) for step in steps]
    each = f"each {seconds(view.get('/over_time/step_seconds'))}"
    marks = partial(_columns, view, len(steps))
    stale = marks("staleness_seconds/", _SPREAD, seconds)
    used = [result for result in _RESULTS if any(result in step["results"] for step in steps)]
    return "".join(
        (
            _figure(
                f"Pushes reported, {each}", bars(marks("", ("pushes",), count), times, "pushes over time")
            ),
            _figure(
                f"Decisions, {each}",
                bars(marks("results/", used, count), times, "decisions by result over time"),
                used,
            ),
            _figure(
                "How long caches were stale, as they landed",
                spreads(stale, times, "staleness over time", seconds),
                _SPREAD,
            ),
            _figure(
                f"Rebuilds that ECI accepted, {each}",
                bars(marks("", ("rebuilds",), count), times, "rebuilds over time"),
            ),
        )
    )


def _columns(
    view: View, steps: int, inside: str, kinds: Iterable[str], text: Callable[[Any], str]
) -> list[list[Mark]]:
    """For each step of time the marks of some of its numbers.

    Args:
        view: all numbers.
        steps: how many there are.
        inside: where in a step the numbers are.
        kinds: their keys there, and the classes of the marks.
        text: how a number is written.
    """
    columns = []
    for step in range(steps):
        base = f"/over_time/steps/{step}"
        at, there = moment(view.get(f"{base}/from")), view.get(f"{base}/{inside}" if inside else base)
        columns.append(
            [
                Mark(there[kind], f"{base}/{inside}{kind}", kind, f"{at}: {text(there[kind])} {kind}")
                for kind in kinds
                if there.get(kind) is not None
            ]
        )
    return columns


def _figure(title: str, plot: str, kinds: Iterable[str] = ()) -> str:
    legend = "".join(f'<li><i class="{kind}"></i>{safe(kind)}</li>' for kind in kinds)
    shown = f"<ul>{legend}</ul>" if legend else ""
    return f"<figure><figcaption>{safe(title)}</figcaption>{plot}{shown}</figure>"
