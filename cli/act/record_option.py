"""Where a command that changes something reads records: a file, the local cloud's log, or the stack's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, TypeVar

import click

from ..sources.period import Period, ago
from ..sources.record import Record
from ..sources.record_source import RecordSource
from ..sources.stack import StackSource
from .session import Session

_T = TypeVar("_T")
_USUAL = timedelta(days=7)


@dataclass(frozen=True)
class RecordOption:
    """What the options say.

    Attributes:
        file: of records; None for none.
        period: that is asked for.
    """

    file: str | None
    period: Period

    def read(self, at_work: Session) -> tuple[Record, ...]:
        """The records, the oldest first; without a period those of a week.

        Raises:
            Problem: when they cannot be had.
        """
        acting = at_work.acting
        stack = StackSource(at_work.stack_region, acting.prefix, acting.source.profile, {})
        local = None if self.file is not None else acting.source.local
        records = RecordSource(self.file, local, self.period, stack).read(_USUAL)
        records.say_notes()
        return records.all


def asks_for_records(command: Callable[..., _T]) -> Callable[..., _T]:
    """Give a command the options; it gets them as ``records``."""

    @click.option(
        "--records",
        "file",
        metavar="FILE",
        help="A file of records; - is standard input. Else the stack's log, or that of the local cloud.",
    )
    @click.option("--since", callback=ago, metavar="AGO", help="Only records from then on; else 7d.")
    @wraps(command)
    def with_records(*arguments: Any, file: str | None, since: datetime | None, **options: Any) -> _T:
        return command(*arguments, records=RecordOption(file, Period(since, None)), **options)

    return with_records
