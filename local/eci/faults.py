"""Faults on order: what goes wrong with the next calls that match, and what the client gets to see then.

A fault is an event between the client and the service, so it happens to calls whose signature is
valid, before or after they have acted. Must not know how a fault is put on the wire.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields, replace
from http import HTTPStatus
from typing import Any

from .errors import ERRORS, OrderError

__all__ = ["ANSWER_KINDS", "SCHEMA", "UPDATE_FAILS", "Fault", "add", "clear", "pending", "read_fault", "take"]

SCHEMA = """
CREATE TABLE IF NOT EXISTS faults (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    document TEXT NOT NULL,
    left_over INTEGER NOT NULL
);
"""

UPDATE_FAILS = "update_fails"
ANSWER_KINDS: Mapping[str, str] = {
    "error": "an error answer of the API: `code`, `status` (the usual one of the code), `message`",
    "html": "an HTML page, as from a gateway in front: `status` (502)",
    "not_json": "200 and a text that is not JSON",
    "json_array": "200 and a JSON array",
    "json_null": "200 and JSON's null",
    "json_number": "200 and a JSON number",
    "invalid_utf8": "200 and bytes that are not valid UTF-8",
    "empty": "200 and no body",
    "truncated": "the answer, its connection closed in order before the end of the body",
    "slow": "the answer, `delay_seconds` late",
    "reset": "no answer: the connection is reset",
}
"""What can happen to an answer, and which members say how. Any may be late by ``delay_seconds``."""

_ODD_ANSWERS = frozenset({"not_json", "json_array", "json_null", "json_number", "invalid_utf8", "empty"})
_ACTS = frozenset({"slow", "truncated"})
"""Kinds whose call is carried out where ``acts`` does not say otherwise."""


@dataclass(frozen=True)
class Fault:
    """An ordered fault.

    Attributes:
        kind: one of ``ANSWER_KINDS``, or ``update_fails``: an accepted update ends as UpdateFailed.
        count: how many calls it happens to.
        action: only calls of this action; None for any.
        image_cache_id: only calls with this ImageCacheId, or it as the first ResourceId; None for any.
        region_id: only calls with this RegionId; None for any.
        acts: whether the call is carried out anyway.
        delay_seconds: how late the answer, or the fault, comes.
        code: of an error answer.
        status: the HTTP status of an error answer or a page; 0 for the usual one.
        message: of an error answer, or of the event of a failed update.
    """

    kind: str
    count: int = 1
    action: str | None = None
    image_cache_id: str | None = None
    region_id: str | None = None
    acts: bool = False
    delay_seconds: float = 0.0
    code: str = ""
    status: int = 0
    message: str = ""

    def matches(self, parameters: Mapping[str, str]) -> bool:
        """Whether it happens to a call with these parameters."""
        return (
            self.action in {None, parameters.get("Action")}
            and self.image_cache_id in {None, parameters.get("ImageCacheId"), parameters.get("ResourceId.1")}
            and self.region_id in {None, parameters.get("RegionId")}
        )

    def seen_status(self, status: int) -> int | None:
        """The HTTP status that the client sees of an answer with this one; None when it sees none."""
        if self.kind == "reset":
            return None
        if self.kind == "html":
            return self.status
        return HTTPStatus.OK if self.kind in _ODD_ANSWERS else status


def read_fault(document: Mapping[str, Any]) -> Fault:
    """An order, checked.

    Raises:
        OrderError: an unknown member or kind, or a value that a member cannot have.
    """
    kind = document.get("kind")
    if kind not in (*ANSWER_KINDS, UPDATE_FAILS):
        raise OrderError(f"kind: one of {', '.join([*ANSWER_KINDS, UPDATE_FAILS])} expected, {kind!r} found")
    values: dict[str, Any] = {"acts": kind in _ACTS, **document}
    types = {field.name: str(field.type) for field in fields(Fault)}
    for name, value in values.items():
        if name not in types:
            raise OrderError(f"no member has the name {name!r}; there are {', '.join(types)}")
        if not _is(value, types[name]):
            raise OrderError(f"{name}: {types[name]} expected, {value!r} found")
    fault = Fault(**values)
    if fault.count < 1 or fault.delay_seconds < 0:
        raise OrderError("count: 1 or more, delay_seconds: 0 or more expected")
    if fault.kind == "error":
        if not fault.code or (fault.code not in ERRORS and not fault.status):
            raise OrderError("code: a documented one, or any with its status, expected")
        return replace(fault, status=fault.status or ERRORS[fault.code].status)
    if fault.kind == "html":
        return replace(fault, status=fault.status or HTTPStatus.BAD_GATEWAY)
    if fault.kind == "slow" and not (fault.delay_seconds and fault.acts):
        raise OrderError("a slow answer acts, and needs delay_seconds")
    return fault


def add(connection: sqlite3.Connection, fault: Fault) -> int:
    """Queue a fault behind the others; returns its number."""
    cursor = connection.execute(
        "INSERT INTO faults (document, left_over) VALUES (?, ?)", (json.dumps(asdict(fault)), fault.count)
    )
    return int(cursor.lastrowid or 0)


def take(
    connection: sqlite3.Connection, kinds: Collection[str], parameters: Mapping[str, str]
) -> Fault | None:
    """The first queued fault of these kinds that matches this call; its count goes down by one."""
    rows = connection.execute("SELECT number, document FROM faults WHERE left_over > 0 ORDER BY number")
    for row in rows.fetchall():
        fault = Fault(**json.loads(row["document"]))
        if fault.kind in kinds and fault.matches(parameters):
            connection.execute(
                "UPDATE faults SET left_over = left_over - 1 WHERE number = ?", (row["number"],)
            )
            return fault
    return None


def pending(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    """The queue: each fault with its number, and as its count the calls that it will still happen to."""
    rows = connection.execute("SELECT * FROM faults WHERE left_over > 0 ORDER BY number")
    return [
        {"number": row["number"], **json.loads(row["document"]), "count": row["left_over"]} for row in rows
    ]


def clear(connection: sqlite3.Connection) -> None:
    """Take back all faults that have not happened."""
    connection.execute("DELETE FROM faults")


def _is(value: Any, expected: str) -> bool:
    if expected == "float":
        return type(value) in {int, float}
    if expected == "str | None":
        return value is None or type(value) is str
    return type(value).__name__ == expected
