"""The event bus: takes CloudEvents, and hands each to the functions whose rule matches.

Answers like the operation PutEvents: each entry has a result of its own, and an event that matches no rule is
accepted anyway. Delivery is an asynchronous invocation, so the bus is done when the function's queue
has the event.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..base.delivery import Deliver, PayloadTooLargeError
from .rules import Rule

__all__ = ["MAX_EVENTS", "bus_app"]

MAX_EVENTS = 100
"""In one request: a limit of this server, so that a mistake does not fill the queue."""

_REQUIRED = ("id", "source", "type")


def bus_app(rules: Sequence[Rule], deliver: Deliver) -> Starlette:
    """The ASGI application: ``POST /events`` with one CloudEvents object or an array of them.

    Args:
        rules: a disabled one gets nothing.
        deliver: takes an event for a function.
    """
    enabled = [rule for rule in rules if rule.enabled]

    async def events(request: Request) -> Response:
        request_id = str(uuid.uuid4()).upper()
        try:
            document = json.loads(await request.body())
        except ValueError as error:
            return _refusal(request_id, f"JSON is expected: {error}")
        listed = document if isinstance(document, list) else [document]
        if not 1 <= len(listed) <= MAX_EVENTS:
            return _refusal(request_id, f"1 to {MAX_EVENTS} events are expected, {len(listed)} found")
        entries = await run_in_threadpool(lambda: [_take(event, enabled, deliver) for event in listed])
        failed = sum("ErrorCode" in entry for entry in entries)
        return JSONResponse({"RequestId": request_id, "FailedEntryCount": failed, "EntryList": entries})

    return Starlette(routes=[Route("/events", events, methods=["POST"])])


def _refusal(request_id: str, message: str) -> Response:
    return JSONResponse({"RequestId": request_id, "Code": "InvalidArgument", "Message": message}, 400)


def _take(event: Any, rules: Sequence[Rule], deliver: Deliver) -> dict[str, Any]:
    problem = _problem(event)
    if problem is not None:
        return {"ErrorCode": "InvalidArgument", "ErrorMessage": problem}
    payload = json.dumps(event).encode()
    entry: dict[str, Any] = {"EventId": event["id"], "MatchedTriggers": []}
    for rule in rules:
        if rule.pattern(event):
            try:
                deliver(rule.function_name, payload, source=rule.name)
            except PayloadTooLargeError as error:
                return {**entry, "ErrorCode": "EventTooLarge", "ErrorMessage": str(error)}
            entry["MatchedTriggers"].append(rule.name)
    return entry


def _problem(event: Any) -> str | None:
    """What is wrong with an event by CloudEvents 1.0, structured mode; None if nothing is."""
    if not isinstance(event, Mapping):
        return f"an object is expected, {type(event).__name__} found"
    if event.get("specversion") != "1.0":
        return f"specversion: '1.0' is expected, {event.get('specversion')!r} found"
    for name in _REQUIRED:
        if not isinstance(event.get(name), str) or not event[name]:
            return f"{name}: a text is expected, {event.get(name)!r} found"
    return None
