"""Plots as SVG, to stand in a page: bars over time, spreads over time, bars side by side. Pure.

Colours are classes, so that the page says what they are in light and in dark. Each mark says its number as a
title, and as ``data-number``, the JSON pointer of what it shows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape

WIDTH, HEIGHT = 520, 210
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 8, 10, 26
_MOST_TICKS = 4
_LABEL_WIDTH = 52
_DAY = timedelta(days=1)
_DAY_SECONDS = 86400
_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, _DAY_SECONDS)


@dataclass(frozen=True)
class Mark:
    """One number in a plot.

    Attributes:
        value: it.
        pointer: of the number.
        kind: the class that colours it.
        title: what it is, in words.
    """

    value: float
    pointer: str
    kind: str
    title: str


@dataclass(frozen=True)
class Scale:
    """An upright axis from 0 on.

    Attributes:
        top: its largest value.
        step: between two ticks.
    """

    top: float
    step: float

    def y(self, value: float) -> float:
        """Where a value is, from above."""
        return _TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - value / self.top)


def bars(columns: Sequence[Sequence[Mark]], times: Sequence[datetime], label: str) -> str:
    """A column for each time, its marks on top of each other."""
    scale = _scale(max((sum(mark.value for mark in column) for column in columns), default=0.0))
    width = _column_width(len(columns))
    parts = [_axes(scale, times, _count)]
    for number, column in enumerate(columns):
        below = 0.0
        for mark in column:
            if mark.value:
                top, foot = scale.y(below + mark.value), scale.y(below)
                box = f'x="{_x(number, width):.1f}" y="{top:.1f}" width="{max(width - 1, 0.8):.1f}"'
                parts.append(f'<rect {box} height="{foot - top:.1f}" {_says(mark)}</rect>')
                below += mark.value
    return _figure(parts, label)


def spreads(columns: Sequence[Sequence[Mark]], times: Sequence[datetime], label: str,
            text: Callable[[float], str]) -> str:  # fmt: skip
    """For each time a dot for each mark, and a line from the lowest to the highest."""
    scale = _scale_of_seconds(max((mark.value for column in columns for mark in column), default=0.0))
    width = _column_width(len(columns))
    parts = [_axes(scale, times, text)]
    for number, column in enumerate(columns):
        middle = _x(number, width) + width / 2
        ends = [scale.y(mark.value) for mark in column]
        if len(ends) > 1:
            line = f'x1="{middle:.1f}" x2="{middle:.1f}" y1="{min(ends):.1f}" y2="{max(ends):.1f}"'
            parts.append(f'<line class="span" {line}/>')
        for mark, at in zip(column, ends, strict=True):
            parts.append(f'<circle cx="{middle:.1f}" cy="{at:.1f}" r="3.2" {_says(mark)}</circle>')
    return _figure(parts, label)


def _says(mark: Mark) -> str:
    value = f"{mark.value:g}" if mark.value != int(mark.value) else str(int(mark.value))
    data = f'data-number="{escape(mark.pointer)}" data-value="{value}"'
    return f'class="{mark.kind}" {data}><title>{escape(mark.title)}</title>'


def _figure(parts: Sequence[str], label: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )


def _scale(largest: float) -> Scale:
    """An axis of counts with two to five ticks at round numbers."""
    rough = max(largest, 1.0) / _MOST_TICKS
    size = 10.0 ** math.floor(math.log10(rough))
    step = max(1.0, next(each * size for each in (1, 2, 5, 10) if each * size >= rough))
    return Scale(step * math.ceil(max(largest, step) / step), step)


def _scale_of_seconds(largest: float) -> Scale:
    """The same for seconds, at times that a clock has."""
    rough = max(largest, 1.0) / _MOST_TICKS
    step = next((each for each in _SECONDS if each >= rough), math.ceil(rough / _DAY_SECONDS) * _DAY_SECONDS)
    return Scale(step * math.ceil(max(largest, step) / step), step)


def _axes(scale: Scale, times: Sequence[datetime], text: Callable[[float], str]) -> str:
    parts = []
    for number in range(round(scale.top / scale.step) + 1):
        value = number * scale.step
        at = scale.y(value)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{escape(text(value))}</text>')
    width = _column_width(len(times))
    for number, said in _labels(times, width):
        left = _x(number, width)
        foot = HEIGHT - _BOTTOM
        parts.append(f'<line class="tick" x1="{left:.1f}" x2="{left:.1f}" y1="{foot}" y2="{foot + 4}"/>')
        parts.append(f'<text x="{left:.1f}" y="{HEIGHT - 8}">{said}</text>')
    return "".join(parts)


def _labels(times: Sequence[datetime], width: float) -> Iterator[tuple[int, str]]:
    """Which columns say their time, and how: where there are days, their beginnings."""
    days = times[-1] - times[0] >= 2 * _DAY
    free = 0.0
    for number, moment in enumerate(times):
        at = number * width
        if (not days or moment.hour == 0) and free <= at <= WIDTH - _LEFT - _LABEL_WIDTH / 2:
            free = at + _LABEL_WIDTH
            yield number, moment.strftime("%m-%d" if days else "%H:%M")


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _column_width(count: int) -> float:
    return (WIDTH - _LEFT - _RIGHT) / max(count, 1)


def _x(number: int, width: float) -> float:
    return _LEFT + number * width
