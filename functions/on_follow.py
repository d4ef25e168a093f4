"""Entry point for follow tasks: look again at a change that is not done yet."""

from __future__ import annotations

from typing import Any

from imagecache.base.json_input import MAX_BODY_BYTES, read_json
from imagecache.engine.follow_message import read_message
from imagecache.engine.follow_task import Task
from imagecache.model.change import Probe
from imagecache.triggers.invocation import Invocation, event_answer, run_follow
from imagecache.triggers.probe import is_probe, read_probe


def handler(event: bytes, context: Any) -> dict[str, Any]:
    """Follow a change, and make it again if needed, until its cache is Ready.

    Args:
        event: a follow message (schema ``follow-message``), or an operator's probe (``probe-message``).
        context: the platform's context object.

    Returns:
        ``{"outcomes": [...]}``, one record for each decision.

    Raises:
        RetryableEntryPointError: when the next look could not be stored.
        PermanentEntryPointError: when the change failed for good; belongs in the on-failure queue.
    """

    def read(_: Invocation) -> Task | Probe:
        document = read_json(event, limit=MAX_BODY_BYTES, what="message")
        return read_probe(document) if is_probe(document) else read_message(document)

    recorder = run_follow("on_follow", context, read)
    return event_answer(recorder.outcomes, refuse_rejected=True)
