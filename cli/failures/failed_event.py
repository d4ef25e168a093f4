"""A message of the on-failure queue, decoded: which push it was, why it failed, since when. Pure.

Its form is that of the vendor's page "Result callback" (destinations of asynchronous invocations).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ..sources.failure_queue import QueuedMessage
from .subject import NOTHING, Subject, subject_of

DOORS = ("on-push", "on-manual", "on-timer", "on-follow")
"""The functions that have the queue for a destination, by the ends of their names."""


@dataclass(frozen=True)
class FailedEvent:
    """What a message says.

    Attributes:
        message: it.
        function: the name of the function that the event is for; empty if it does not say.
        request_id: of the invocation that failed, by which its records are found.
        attempts: how often the function was invoked; None if it does not say.
        why: what the last attempt failed with.
        payload: the event, to be sent again; None where that is no use.
        subject: what the event is about.
        stays: why it cannot be sent again; empty if it can.
    """

    message: QueuedMessage
    function: str = ""
    request_id: str = ""
    attempts: int | None = None
    why: str = ""
    payload: bytes | None = None
    subject: Subject = NOTHING
    stays: str = ""

    @property
    def door(self) -> str:
        """The entry point; empty if it is none of ours."""
        return next((door.replace("-", "_") for door in DOORS if self.function.endswith(f"-{door}")), "")

    def document(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {
            "message_id": self.message.message_id,
            "since": self.message.since.isoformat(),
            "function": self.function or None,
            "door": self.door or None,
            "request_id": self.request_id or None,
            "attempts": self.attempts,
            "what": self.subject.text,
            "images": list(self.subject.images),
            "event_ids": list(self.subject.event_ids),
            "image_cache_id": self.subject.image_cache_id or None,
            "why": self.why,
            "can_be_sent_again": not self.stays,
            "stays_because": self.stays or None,
            "event": None if self.payload is None else self.payload.decode("utf-8", "replace"),
        }


def decode(message: QueuedMessage, prefix: str) -> FailedEvent:
    """What a message says.

    Args:
        message: of the queue.
        prefix: what the names of the stack's functions begin with.
    """
    document = _document(message.body)
    context = document.get("requestContext") if document is not None else None
    if document is None or not isinstance(context, dict):
        return FailedEvent(message, stays="it is no message of Function Compute")
    name = _function(context.get("functionArn"))
    attempts = context.get("approximateInvokeCount")
    event = FailedEvent(
        message,
        name,
        str(context.get("requestId") or ""),
        attempts if isinstance(attempts, int) else None,
        _why(document, context),
    )
    payload = _payload(document.get("requestPayload"))
    if name not in {f"{prefix}-{door}" for door in DOORS}:
        stays = (
            f"it is for the function {name}, which is none of {prefix}" if name else "it names no function"
        )
    elif payload is None or not _is_json(payload):
        stays = "its event is not whole JSON, so no function could read it"
    else:
        stays = ""
    subject = subject_of(event.door, payload, message.since) if payload is not None else NOTHING
    return FailedEvent(message, name, event.request_id, event.attempts, event.why, payload, subject, stays)


def _document(body: str) -> dict[str, Any] | None:
    """The JSON object of a body; a queue's API may hand it out in base64."""
    texts = [body]
    with suppress(ValueError):
        texts.append(base64.b64decode(body, validate=True).decode("utf-8"))
    for text in texts:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            return found
    return None


def _function(arn: Any) -> str:
    """The name in ``acs:fc:<region>:<account>:functions/<name>``, perhaps with a qualifier behind it."""
    found = str(arn or "").rpartition(":functions/")[2] if ":functions/" in str(arn) else ""
    return found.partition("/")[0]


def _payload(value: Any) -> bytes | None:
    if isinstance(value, str):
        try:
            return value.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            return None
    return json.dumps(value).encode("ascii") if isinstance(value, dict | list) else None


def _is_json(payload: bytes) -> bool:
    try:
        json.loads(payload)
    except (ValueError, RecursionError):
        return False
    return True


def _why(document: Mapping[str, Any], context: Mapping[str, Any]) -> str:
    """The error of the function, or else the condition of the platform."""
    answer = document.get("responsePayload")
    try:
        said = json.loads(answer) if isinstance(answer, str) else answer
    except (ValueError, RecursionError):
        said = None
    message = said.get("errorMessage") if isinstance(said, dict) else None
    return str(message or context.get("condition") or "")
