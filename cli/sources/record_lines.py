"""Records from a text: what the functions printed, or what a log service gave of it.

It must not know what they are for. A line may be a record, a log service's object around one, or text with a
record at its end; documents may also stand over several lines, in a list, or in the list of an answer. CSV
has the printed lines in a column. Other lines are what else a function wrote.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..problem import Problem
from .files import DECODER, called, read_file
from .record import Record, in_order, read_record

_AROUND = ("message", "content", "line", "log", "__raw__")
"""Where log services and shippers keep the line that a function wrote."""
_LISTS = ("outcomes", "records", "logs", "data", "body")
"""Where an answer has several: of an entry point, of ``records --json``, of the log service's API."""
_DEEPEST = 12
_BEGIN = re.compile(r"[{\[]")
_HOW = (
    "What is expected is a record a line, as the functions print them, or an export of the log service: "
    "JSON, or CSV with a column message."
)


def read_record_file(name: str) -> tuple[Record, ...]:
    """The records of a file, oldest first.

    Args:
        name: of the file; ``-`` is standard input.

    Raises:
        Problem: when it cannot be read, or has no record.
    """
    data = read_file(name)
    # A shell of Windows writes a mark at the beginning. Other bytes may stand in other lines.
    found = records_in(
        data.decode("utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig", "replace")
    )
    if not found:
        raise Problem(f"{called(name)} has no record", _HOW)
    return found


def records_in(text: str) -> tuple[Record, ...]:
    """The records of a text, oldest first."""
    rows = _rows(text)
    return records_of(_documents(text) if rows is None else rows)


def records_of(documents: Iterable[Any]) -> tuple[Record, ...]:
    """The records of printed lines, or of documents around them, oldest first."""
    return tuple(in_order(record for document in documents for record in _records_of(document)))


def _documents(text: str) -> Iterator[Any]:
    """The JSON documents of a text, whatever stands between them."""
    at = 0
    while (begin := _BEGIN.search(text, at)) is not None:
        try:
            document, at = DECODER.raw_decode(text, begin.start())
        except (ValueError, RecursionError):
            at = begin.end()  # not a record, but what else a function wrote
        else:
            yield document


def _rows(text: str) -> list[dict[str, str]] | None:
    """The rows of CSV; None where a text is something else."""
    first = text.partition("\n")[0].strip()
    try:
        if first.startswith(("{", "[")) or not {*_AROUND} & {*next(csv.reader([first]), [])}:
            return None
        return list(csv.DictReader(io.StringIO(text, newline="")))
    except csv.Error:
        return None


def _records_of(document: Any, depth: int = 0) -> Iterator[Record]:
    """The records in a document: it is one, is around one, or has a list of them."""
    if depth > _DEEPEST:
        return
    if isinstance(document, str):
        for inside in _documents(document):
            yield from _records_of(inside, depth + 1)
    elif isinstance(document, list):
        for member in document:
            yield from _records_of(member, depth + 1)
    elif isinstance(document, Mapping):
        record = read_record(document)
        if record is not None:
            yield record
            return
        for key in (*_LISTS, *_AROUND):
            if isinstance(document.get(key), (str, list, dict)):
                yield from _records_of(document[key], depth + 1)
