"""Where records come from: a file of lines, or the local cloud's log. It must not know what they are for.

A line may be a record, a log service's object around one, or text with a record at its end; other lines are
what else a function wrote.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from ..problem import Problem
from .files import parse_json, read_file, why_not_json

_T = TypeVar("_T")
Record = dict[str, Any]
"""One record (schema ``outcome``)."""

_OWN = frozenset({"time", "door", "request_id", "result", "reason"})
"""What every record has."""
_TEXTS = (
    *_OWN,
    *("message", "held_because", "rule", "image", "image_cache_id", "image_cache_name", "pushed_at"),
    *("source", "event_id", "change_id", "task_id", "follow_task_id"),
)
_AROUND = ("message", "content", "line", "log", "__raw__")
"""Where log services and shippers keep the line that a function wrote."""
_SPAN = re.compile(r"(\d+)(s|m|min|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "min": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True)
class RecordSource:
    """What the options of a command say about where records come from, and since when."""

    file: str | None
    local: str | None
    since: datetime | None

    def read(self) -> list[Record]:
        """The records, in the order of their time.

        Raises:
            Problem: when they cannot be had.
        """
        if self.file is not None:
            found = list(records_in(_lines(self.file)))
            if not found:
                raise Problem(
                    f"{self.file} has no record", "A record is a JSON object with result and reason."
                )
        elif self.local is not None:
            found = list(records_in(_local_lines(self.local)))
        else:
            raise Problem("no records are named", "Give --records FILE, or --local.")
        kept = [record for record in found if self.since is None or moment_of(record) >= self.since]
        return sorted(kept, key=moment_of)


def reads_records(command: Callable[..., _T]) -> Callable[..., _T]:
    """Give a command the options that say where records come from; it gets them as ``source``."""

    @click.option("--records", "file", metavar="FILE", help="Records, a line each; - is standard input.")
    @click.option(
        "--local",
        is_flag=False,
        flag_value=".local",
        metavar="[DIR]",
        help="Those in the log of the local cloud that is served from this folder.",
    )
    @click.option(
        "--since",
        metavar="TIME",
        callback=_since,
        help="Not before this time (RFC 3339), or 30m, 24h, 7d ago.",
    )
    @wraps(command)
    def with_source(
        *arguments: Any, file: str | None, local: str | None, since: datetime | None, **options: Any
    ) -> _T:
        if file is not None and local is not None:
            raise click.UsageError("--records and --local exclude each other.")
        return command(*arguments, source=RecordSource(file, local, since), **options)

    return with_source


def records_in(lines: Iterable[str]) -> Iterator[Record]:
    """The records among lines."""
    for line in lines:
        begin = line.find("{")
        if begin >= 0:
            try:
                yield from _records_of(parse_json(line[begin:]))
            except (ValueError, RecursionError):
                continue  # not a record, but what else a function wrote


def moment_of(record: Record, key: str = "time") -> datetime:
    """When a record was written, or another time in it, with a zone."""
    moment = datetime.fromisoformat(record[key].replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _records_of(document: Any) -> Iterator[Record]:
    """The records in a document: it is one, is around one, or has a list of them."""
    if isinstance(document, list):
        for member in document:
            yield from _records_of(member)
    elif isinstance(document, dict):
        if document.keys() >= _OWN:
            if _readable(document):
                yield document
            return
        yield from _records_of(document.get("outcomes"))
        for key in _AROUND:
            if isinstance(document.get(key), str):
                yield from records_in([document[key]])


def _readable(document: Record) -> bool:
    """Whether everything that is asked of a record has its type; raises ``ValueError`` for a wrong time."""
    for key in ("time", "pushed_at"):
        if isinstance(document.get(key), str):
            moment_of(document, key)
    return all(isinstance(document.get(key, ""), str) for key in _TEXTS) and isinstance(
        document.get("staleness_seconds", 0), (int, float)
    )


def _lines(name: str) -> list[str]:
    text = read_file(name).decode("utf-8-sig", "replace")
    if text.lstrip().startswith("["):
        try:
            return [json.dumps(member) for member in parse_json(text)]
        except (ValueError, RecursionError) as error:
            raise Problem(f"{name} is not JSON: {why_not_json(error)}") from None
    return text.splitlines()


def _local_lines(folder: str) -> list[str]:
    try:
        import httpx  # noqa: PLC0415 - see below

        from local.base.state_folder import NothingServedError, read_endpoints  # noqa: PLC0415 - see below
        from local.fc.control import FcControl, FcControlError  # noqa: PLC0415 - only for --local
    except ImportError as error:
        raise Problem(f"the local cloud is not installed: {error.name}") from None
    try:
        control = FcControl(read_endpoints(Path(folder))["fc"])
        try:
            return [line["line"] for line in control.logs() if line["stream"] == "stdout"]
        finally:
            control.close()
    except (NothingServedError, FcControlError, httpx.HTTPError) as error:
        raise Problem(str(error)) from None


def _since(_context: click.Context, _parameter: click.Parameter, text: str | None) -> datetime | None:
    if text is None:
        return None
    span = _SPAN.fullmatch(text)
    try:
        if span:
            return datetime.now(timezone.utc) - timedelta(**{_UNITS[span[2]]: int(span[1])})
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except (ValueError, OverflowError):
        raise click.BadParameter(f"{text} is not a time such as 2026-03-02T12:00:00Z, nor 24h.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
