"""Where records come from: a file, the local cloud, or the log service of an account.

It must not know what is asked about them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import wraps
from typing import Any, TypeVar

import click

from ..output import print_note
from ..wording import moment_text
from .period import Period, asks_for_period
from .record import Record
from .record_lines import read_record_file
from .stack import StackSource, asks_stack

_T = TypeVar("_T")


@dataclass(frozen=True)
class Records:
    """The records that a command was given.

    Attributes:
        all: of the period, oldest first.
        period: that was asked for.
        where: they are from, in words.
        notes: what a person should know of them.
    """

    all: tuple[Record, ...]
    period: Period
    where: str
    notes: tuple[str, ...]

    def say_notes(self) -> None:
        """Say on standard error what a person should know."""
        for note in self.notes:
            print_note(note)


@dataclass(frozen=True)
class RecordSource:
    """What the options of a command say about where records come from.

    Attributes:
        file: of records; None for none.
        local: the folder of a local cloud; None for none.
        period: that is asked for.
        stack: whose log it is where none of the others is given.
    """

    file: str | None
    local: str | None
    period: Period
    stack: StackSource

    def read(self, usual: timedelta) -> Records:
        """The records of the period.

        Args:
            usual: how far back where nothing was said; of a file it is all that is in it.

        Raises:
            Problem: when they cannot be had.
        """
        if self.file is not None:
            where = "standard input" if self.file == "-" else self.file
            return _within(read_record_file(self.file), self.period, where)
        now = datetime.now(timezone.utc)
        period = (
            self.period
            if self.period.since
            else Period((self.period.until or now) - usual, self.period.until)
        )
        if self.local is not None:
            from .local_cloud import LocalCloud  # noqa: PLC0415 - only for --local

            with LocalCloud(self.local) as cloud:
                return _within(cloud.records(), period, f"the local cloud of {self.local}")
        stack = self.stack.open()
        from .log_service import read_log  # noqa: PLC0415 - an account alone needs the SDKs

        found, notes = read_log(stack, period)
        return _within(found, period, f"the log {stack.log_project}", notes)


def _within(records: tuple[Record, ...], period: Period, where: str, told: Iterable[str] = ()) -> Records:
    found = tuple(record for record in records if period.has(record.at))
    notes = list(told)
    if records and not found:
        first, last = moment_text(records[0].at), moment_text(records[-1].at)
        notes.append(f"no record {period}; the {len(records)} of {where} are from {first} to {last}")
    return Records(found, period, where, tuple(notes))


def reads_records(command: Callable[..., _T]) -> Callable[..., _T]:
    """Give a command the options that say which records are read; it gets them as ``source``."""

    @click.option(
        "--records",
        "records_file",
        metavar="FILE",
        help="A file of records, or an export of the log service; - is standard input.",
    )
    @click.option(
        "--local",
        is_flag=False,
        flag_value=".local",
        metavar="[DIR]",
        help="Ask the local cloud that is served from this folder.",
    )
    @asks_stack
    @asks_for_period
    @wraps(command)
    def with_source(
        *arguments: Any,
        records_file: str | None,
        local: str | None,
        period: Period,
        stack: StackSource,
        **options: Any,
    ) -> _T:
        if records_file is not None and local is not None:
            raise click.UsageError("--records and --local exclude each other.")
        return command(*arguments, source=RecordSource(records_file, local, period, stack), **options)

    return with_source
