"""One outcome record as the functions write it. Pure.

Its form is ``schemas/outcome.schema.json``. A record of another version may have results, reasons and keys
that are not known here: they are shown as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from typing import Any

from imagecache.base.iso_time import iso_time

_REQUIRED = ("time", "door", "request_id", "result", "reason")
_FIRST_YEAR, _LAST_YEAR = 2000, 2200
FOLLOW = "on_follow"
PUSH_DOORS = frozenset({"on_push", "on_webhook"})
"""The entry points that are told of pushes."""

Cache = tuple[str, str]
"""Region and id of an image cache; both are empty where a record concerns none."""


@dataclass(frozen=True)
class Record:
    """One record.

    Attributes:
        at: when it was written, with a zone.
        facts: all of it, as it was written.
    """

    at: datetime
    facts: Mapping[str, Any]

    def text(self, key: str) -> str:
        """A text of it; empty if there is none."""
        value = self.facts.get(key)
        return value if isinstance(value, str) else ""

    def number(self, key: str) -> float | None:
        """A number of it, not below 0; None if there is none."""
        value = self.facts.get(key)
        return (
            value if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0 else None
        )

    def error(self, key: str) -> str:
        """A text of its error; empty if there is none."""
        error = self.facts.get("error")
        value = error.get(key) if isinstance(error, Mapping) else None
        return value if isinstance(value, str) else ""

    @property
    def door(self) -> str:
        """The entry point."""
        return self.text("door")

    @property
    def result(self) -> str:
        """What became of the decision."""
        return self.text("result")

    @property
    def reason(self) -> str:
        """Why."""
        return self.text("reason")

    @property
    def why(self) -> str:
        """The reason, and what of a policy is behind it."""
        return " ".join(filter(None, (self.reason, self.text("held_because"))))

    @property
    def change(self) -> str:
        """The id of the change; empty for an event that led to none."""
        return self.text("change_id")

    @property
    def cache(self) -> Cache:
        """The image cache."""
        found = self.text("image_cache_id")
        return (self.text("region_id"), found) if found else ("", "")

    @property
    def cache_name(self) -> str:
        """The image cache as a person calls it; empty where there is none."""
        return self.text("image_cache_name") or self.text("image_cache_id")

    @property
    def stale_seconds(self) -> float | None:
        """Of an update that landed, how long the oldest push known to it waited; None if not known."""
        return self.number("staleness_seconds") if self.result == "landed" else None

    @property
    def reported(self) -> bool:
        """Whether it was written where a push was reported, not by a task that goes on with it."""
        return self.door in PUSH_DOORS

    @cached_property
    def counted_as(self) -> tuple[str, ...]:
        """Records that are equal in this are attempts at one decision and count once.

        That is the request, the change and the cache. Where nothing could be read that is a change, what is
        wrong with the event stands for it.
        """
        of = self.change or "\n".join(
            (self.text("event_id"), self.result, self.reason, self.error("where"), self.error("found"))
        )
        return (self.text("request_id"), of, *self.cache)


def read_record(document: Mapping[str, Any]) -> Record | None:
    """The record that a document is; None if it is none."""
    if not all(isinstance(document.get(key), str) and document[key] for key in _REQUIRED):
        return None
    at = read_time(document["time"])
    return Record(at, document) if at is not None else None


def read_time(text: str) -> datetime | None:
    """A time, in UTC, which it is of where no zone is written; None if it is none, or of another age."""
    try:
        moment = iso_time(text)
        moment = moment.astimezone(timezone.utc) if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    except (ValueError, OverflowError):
        return None
    return moment if _FIRST_YEAR <= moment.year < _LAST_YEAR else None


def in_order(records: Iterable[Record]) -> list[Record]:
    """Oldest first; those of one moment as they came."""
    return sorted(records, key=lambda record: record.at)
