"""Entry point for people and jobs: a signed HTTP request, or a plain invocation with the same body."""

from __future__ import annotations

from typing import Any

from imagecache.base.errors import InputError
from imagecache.base.json_input import MAX_BODY_BYTES, MAX_EVENT_BYTES, read_json
from imagecache.base.reasons import Reason
from imagecache.model.change import Item
from imagecache.triggers.http import http_answer, is_http_event, read_http_event, status_code
from imagecache.triggers.invocation import Invocation, event_answer, run
from imagecache.triggers.manual import read_manual


def handler(event: bytes, context: Any) -> dict[str, Any]:
    """Rebuild what a manual request asks for.

    Args:
        event: the HTTP trigger's event, or the request document itself.
        context: the platform's context object.

    Returns:
        Over HTTP the HTTP answer, with the status codes of the webhook; else
        ``{"statusCode": ..., "outcomes": [...]}``.

    Raises:
        EntryPointError: from a plain invocation, where the status would be 5xx, so that an asynchronous one
            is tried again and ends in the on-failure queue.
    """
    over_http = False

    def read(invocation: Invocation) -> list[Item]:
        nonlocal over_http
        document = read_json(event, limit=MAX_EVENT_BYTES, what="event")
        over_http = is_http_event(document)
        if over_http:
            request = read_http_event(document)
            if request.method != "POST":
                raise InputError(
                    Reason.METHOD_NOT_ALLOWED, "only POST is allowed here", where="method", rule="POST"
                )
            document = read_json(request.body(), limit=MAX_BODY_BYTES, what="body")
        return read_manual(document, invocation)

    recorder = run("on_manual", context, read)
    if over_http:
        return http_answer(recorder.outcomes, recorder.near)
    answer = event_answer(recorder.outcomes, recorder.near)
    return {"statusCode": status_code(recorder.outcomes), **answer}
