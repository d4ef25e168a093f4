"""Entry point for registry webhooks: ``POST /webhooks/<source>?token=...[&registry=host][&layout=host]``."""

from __future__ import annotations

from typing import Any

from imagecache.base.json_input import MAX_EVENT_BYTES, read_json
from imagecache.triggers.http import read_http_event, webhook_answer
from imagecache.triggers.invocation import run
from imagecache.triggers.webhook import read_webhook


def handler(event: bytes, context: Any) -> dict[str, Any]:
    """Refresh the image caches that list a pushed image.

    Args:
        event: the HTTP trigger's event.
        context: the platform's context object.

    Returns:
        The HTTP answer: 200 with results, reasons and counts, 202 when any is deferred, 400, 401, 404, 405,
        413 for refused requests, 503 when the sender must try again, 500 when something failed for good.
    """
    recorder = run(
        "on_webhook",
        context,
        lambda invocation: read_webhook(
            read_http_event(read_json(event, limit=MAX_EVENT_BYTES, what="event")), invocation
        ),
        in_time=True,
    )
    return webhook_answer(recorder.outcomes)
