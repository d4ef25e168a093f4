"""Outcome records: one JSON line on stdout for each decision (schema ``outcome``).

A bare line on stdout is what the log service can index as JSON; its limit is 32 KB a line. What may be
long is left out, and named in ``truncated``, before a line gets there.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, TextIO

from .. import __version__
from ..base.errors import EciError, ErrorClass, HeldBackError
from ..base.reasons import Reason, Result
from ..base.scrubber import NO_SECRETS, scrubber
from ..model.change import Notice, PushEvent
from ..model.image_cache import MOST_IMAGES, UPDATE_FAILED, ImageCache
from ..planning.decision import Decision

Outcome = dict[str, Any]
"""A record; what it may hold is said by the schema."""

MAX_LINE_BYTES = 32_000
RETRIED = "retried"
"""Fate: the entry point raises or answers 503, and the sender or the platform tries again."""
ON_FAILURE_QUEUE = "on_failure_queue"
"""Fate: the entry point raises or answers 500, and the on-failure queue gets the event."""

_LONGEST_ID = 250
_LONGEST = {
    **dict.fromkeys(("message", "image", "digest", "images_before", "images_after"), 1000),
    **dict.fromkeys(("cache_event", "hand_off", "registry_error"), 1000),
    **dict.fromkeys(("region_id", "cache_status"), 60),
    "eci_request_id": 120,
}
"""How long a text may be under a key; a little under the schema's bounds."""
_OURS = frozenset({"time", "version", "door", "request_id", "result", "reason", "fate"})
"""What nobody outside has a part in."""
_DROPPED_FIRST = ("images_before", "images_after", "request", "images_before_text", "images_after_text")
_LISTS = ("images_before", "images_after", "truncated")
"""What the log service cannot index (its page "Data types"): each is also there as a text, ``<key>_text``."""
_LONGEST_TEXT = 2000
"""The log service indexes the first 2 KB of a field (the same page)."""


class Recorder:
    """Writes the records of one invocation.

    Args:
        door: the entry point's name.
        request_id: the platform's id of the invocation.
        stream: where lines go; stdout if None.
    """

    def __init__(self, door: str, request_id: str, stream: TextIO | None = None) -> None:
        self._door = door
        self._request_id = request_id
        self._stream = stream
        self._secrets: frozenset[str] = frozenset()
        self._scrubber = NO_SECRETS
        self.dry_run = False
        """Whether the settings say that nothing is rebuilt; then every record says so."""
        self.task_id = ""
        """The follow task that is running; then every record names it."""
        self.outcomes: list[Outcome] = []
        """All records so far, in order."""
        self.near: list[dict[str, Any]] = []
        """Of a dry run: the caches that almost match, for the answer alone."""

    def hide(self, secrets: Iterable[str]) -> None:
        """Show none of these in any record from now on, nor in an answer or an error made of records."""
        self._secrets |= frozenset(secrets)
        self._scrubber = scrubber(self._secrets)

    def without_secrets(self, line: logging.LogRecord) -> bool:
        """A filter of the log: what a sender repeats is shown in no line either."""
        line.msg, line.args = self._scrubber.cleaned(line.getMessage()), None
        return True

    def record(self, result: Result, reason: Reason, message: str, facts: Mapping[str, Any]) -> Outcome:
        """Complete, bound, write and return one record; facts that are None or "" are left out."""
        outcome: Outcome = {
            "time": _now_text(),
            "version": __version__,
            "door": self._door,
            "request_id": self._request_id,
            "result": result.value,
            "reason": reason.value,
            "message": message,
        }
        if self.dry_run:
            outcome["dry_run"] = True
        if self.task_id:
            outcome["task_id"] = self.task_id
        outcome.update((key, value) for key, value in facts.items() if value is not None and value != "")
        outcome = {key: _bounded(key, value) for key, value in outcome.items()}
        line = _line(_with_texts(outcome))
        if self._scrubber.suspects(line):
            outcome = {
                key: value if key in _OURS else _bounded(key, self._scrubber.cleaned(value))
                for key, value in outcome.items()
            }
            line = _line(_with_texts(outcome))
        for key in _DROPPED_FIRST:
            if len(line) > MAX_LINE_BYTES and key in outcome:
                _drop(outcome, key)
                line = _line(outcome)
        stream = self._stream or sys.stdout
        stream.write(line + "\n")
        stream.flush()
        self.outcomes.append(outcome)
        return outcome

    def near_miss(self, facts: Mapping[str, Any]) -> None:
        """Keep what a dry run says of a cache that almost matches; nothing is written."""
        cleaned = self._scrubber.cleaned(dict(facts))
        self.near.append({key: _bounded(key, value) for key, value in cleaned.items() if value})

    def notice(self, notice: Notice) -> Outcome:
        """Record an event or request that ended where it was read."""
        facts: dict[str, Any] = {"source": notice.source, "event_id": notice.event_id, "image": notice.image}
        if notice.result is Result.REJECTED:
            facts["error"] = _present(
                **{"class": ErrorClass.INPUT.value}, where=notice.where, rule=notice.rule, found=notice.found
            )
            facts["fate"] = ON_FAILURE_QUEUE if notice.queued else None
        return self.record(notice.result, notice.reason, notice.message, facts)

    def failure(self, error: EciError, facts: Mapping[str, Any], *, deferred: bool = False) -> Outcome:
        """Record something that was not done.

        Args:
            error: why.
            facts: of the decision.
            deferred: a follow task that will try again is stored.
        """
        kind = error.error_class
        more = {
            "eci_request_id": error.request_id or facts.get("eci_request_id"),
            "until": _text(error.until) if isinstance(error, HeldBackError) else None,
            "error": _present(**{"class": kind.value}, code=error.code, http_status=error.http_status),
            "fate": None if deferred else _fate(kind),
        }
        result = Result.DEFERRED if deferred else Result.FAILED
        return self.record(result, error.reason, error.message, {**facts, **more})


def answer_document(outcomes: Sequence[Outcome], near: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """What an entry point answers: the records, and of a dry run the plan.

    Args:
        outcomes: the records.
        near: of a dry run, the caches that almost match.
    """
    document: dict[str, Any] = {"outcomes": list(outcomes)}
    if any(outcome.get("dry_run") for outcome in outcomes):
        from .dry_run_plan import plan_of  # noqa: PLC0415 - only dry runs need it

        document["plan"] = {**plan_of(outcomes), "near": list(near)}
    return document


def describe(decision: Decision) -> dict[str, Any]:
    """All facts of a record that follow from a decision and its change."""
    change = decision.change
    facts: dict[str, Any] = {
        "source": change.source,
        "event_id": change.event_id,
        "change_id": change.change_id,
        "region_id": change.region_id,
        "dry_run": change.dry_run or None,
    }
    if isinstance(change, PushEvent):
        facts |= {"image": change.image, "digest": change.digest, "pushed_at": _text(change.pushed_at)}
        facts["payload_host"] = change.payload_host or None
    facts |= {
        "caches_seen": decision.caches_seen,
        "rule": decision.rule.name if decision.rule else None,
        "held_because": decision.hold.value if decision.hold else None,
        "covered_by": _text(decision.covered_by.began) if decision.covered_by else None,
        "until": _text(decision.until),
        "images_after": list(decision.images_after) or None,
        "error": {"class": ErrorClass.INPUT.value} if decision.result is Result.REJECTED else None,
    }
    if decision.cache is not None:
        facts |= _describe_cache(decision.cache)
    return {key: value for key, value in facts.items() if value is not None}


def _describe_cache(cache: ImageCache) -> dict[str, Any]:
    return {
        "region_id": cache.region_id,
        "image_cache_id": cache.image_cache_id,
        "image_cache_name": cache.name,
        "cache_status": cache.status,
        "images_before": list(cache.images),
        "cache_event": cache.last_warning if cache.status == UPDATE_FAILED else None,
    }


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _fate(kind: ErrorClass) -> str:
    return RETRIED if kind.retryable else ON_FAILURE_QUEUE


def _present(**facts: Any) -> dict[str, Any]:
    return {key: value for key, value in facts.items() if value is not None and value != ""}


def _bounded(key: str, value: Any) -> Any:
    """The value with every text in it cut to what the schema takes under this key."""
    if isinstance(value, str):
        longest = _LONGEST.get(key, _LONGEST_ID)
        return value if len(value) <= longest else value[: longest - 3] + "..."
    if isinstance(value, list):
        return [_bounded(key, member) for member in value]
    if isinstance(value, dict) and key == "error":
        return {name: _bounded(name, member) for name, member in value.items()}
    return value


def _with_texts(outcome: Outcome) -> Outcome:
    """The same outcome, with each of its lists as a text, too; an image list that is too long is dropped."""
    if len(outcome.get("images_after", ())) > MOST_IMAGES:
        _drop(outcome, "images_after")
    outcome.update((f"{key}_text", _text_of(outcome[key])) for key in _LISTS if outcome.get(key))
    return outcome


def _text_of(members: Sequence[str]) -> str:
    """A list as one text that can be searched; a comma is in no reference, and parts words for the index."""
    return ",".join(members)[:_LONGEST_TEXT]


def _drop(outcome: Outcome, key: str) -> None:
    del outcome[key]
    outcome.setdefault("truncated", []).append(key)
    outcome["truncated_text"] = _text_of(outcome["truncated"])


def _line(outcome: Outcome) -> str:
    return json.dumps(outcome, ensure_ascii=True, separators=(",", ":"))


def _now_text() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
