"""Entry point for follow tasks: look again at a change that is not done yet."""

from __future__ import annotations

from typing import Any

from imagecache.base.json_input import MAX_BODY_BYTES, read_json
from imagecache.engine.follow_message import read_message
from imagecache.triggers.invocation import event_answer, run_follow


def handler(event: bytes, context: Any) -> dict[str, Any]:
    """Follow a change, and make it again if needed, until its cache is Ready.

    Args:
        event: a follow message (schema ``follow-message``).
        context: the platform's context object.

    Returns:
        ``{"outcomes": [...]}``, one record for each decision.

    Raises:
        RetryableEntryPointError: when the next look could not be stored.
        PermanentEntryPointError: when the change failed for good; belongs in the on-failure queue.
    """
    recorder = run_follow(
        "on_follow", context, lambda _: read_message(read_json(event, limit=MAX_BODY_BYTES, what="message"))
    )
    return event_answer(recorder.outcomes, refuse_rejected=True)
