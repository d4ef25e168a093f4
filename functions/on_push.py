"""Entry point for EventBridge: an image was pushed to the vendor's registry."""

from __future__ import annotations

from typing import Any

from imagecache.base.json_input import MAX_EVENT_BYTES, read_json
from imagecache.triggers.event_bus import read_event_bus
from imagecache.triggers.invocation import event_answer, run
from imagecache.triggers.sources import Authority, Delivery


def handler(event: bytes, context: Any) -> dict[str, Any]:
    """Refresh the image caches that list a pushed image.

    Args:
        event: one CloudEvents object, or an array of them.
        context: the platform's context object.

    Returns:
        ``{"outcomes": [...]}``, one record for each decision.

    Raises:
        RetryableEntryPointError: when something must be tried again.
        PermanentEntryPointError: when something failed for good; belongs in the on-failure queue.
    """
    recorder = run(
        "on_push",
        context,
        lambda invocation: read_event_bus(
            read_json(event, limit=MAX_EVENT_BYTES, what="event"),
            Delivery(
                invocation.arrived,
                invocation.request_id,
                authority=Authority(invocation.settings.rules.aliases),
            ),
        ),
    )
    return event_answer(recorder.outcomes, recorder.near)
