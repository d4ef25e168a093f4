"""The time that is asked about: ``--since`` and ``--until``, each a time or how long ago it was."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import wraps
from typing import Any, TypeVar

import click

from ..wording import moment_text
from .record import read_time

_T = TypeVar("_T")
_AGO = re.compile(r"([0-9]{1,9})(s|min|m|h|d|w)")
_LONGEST_SECONDS = 20 * 366 * 86400
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


@dataclass(frozen=True)
class Period:
    """From ``since`` on, before ``until``; an end that is None is open."""

    since: datetime | None
    until: datetime | None

    def has(self, moment: datetime) -> bool:
        """Whether a time is in it."""
        return (self.since is None or self.since <= moment) and (self.until is None or moment < self.until)

    def __str__(self) -> str:
        parts = [
            f"{word} {moment_text(moment)}"
            for word, moment in (("from", self.since), ("until", self.until))
            if moment is not None
        ]
        return " ".join(parts) or "at any time"


def asks_for_period(command: Callable[..., _T]) -> Callable[..., _T]:
    """Give a command ``--since`` and ``--until``; it gets them as ``period``."""

    @click.option("--since", callback=ago, metavar="AGO", help="Only from then on: 90m, 24h, 7d, or a time.")
    @click.option("--until", callback=ago, metavar="AGO", help="Only before then.")
    @wraps(command)
    def with_period(*arguments: Any, since: datetime | None, until: datetime | None, **options: Any) -> _T:
        if since is not None and until is not None and until <= since:
            raise click.UsageError(
                f"--until ({moment_text(until)}) is not after --since ({moment_text(since)})."
            )
        return command(*arguments, period=Period(since, until), **options)

    return with_period


def ago(_context: click.Context, _parameter: click.Parameter, text: str | None) -> datetime | None:
    """The callback of an option that takes a time, or how long ago it was."""
    if text is None:
        return None
    length = _AGO.fullmatch(text)
    if length is not None:
        span = timedelta(seconds=min(int(length[1]) * _UNITS[length[2]], _LONGEST_SECONDS))
        return datetime.now(timezone.utc) - span
    moment = read_time(text)
    if moment is None:
        raise click.BadParameter(
            f"{text} is not a time such as 2026-03-02T12:00:00Z, nor how long ago, as 24h."
        )
    return moment
