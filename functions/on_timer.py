"""Entry point for timers: sweep what failed, or refresh a selection of caches."""

from __future__ import annotations

from typing import Any

from imagecache.base.json_input import MAX_EVENT_BYTES, read_json
from imagecache.triggers.invocation import event_answer, run
from imagecache.triggers.timer import read_timer


def handler(event: bytes, context: Any) -> dict[str, Any]:
    """Carry out a timer tick.

    Args:
        event: the timer trigger's event; its payload is "" or a JSON text with an ``action``.
        context: the platform's context object.

    Returns:
        ``{"outcomes": [...]}``, one record for each decision.

    Raises:
        RetryableEntryPointError: when something must be tried again.
        PermanentEntryPointError: when something failed for good, or the payload is wrong.
    """
    recorder = run(
        "on_timer",
        context,
        lambda invocation: read_timer(read_json(event, limit=MAX_EVENT_BYTES, what="event"), invocation),
    )
    return event_answer(recorder.outcomes, refuse_rejected=True)
