"""A timer's event: sweep what failed, or refresh a selection.

The payload is configuration, so a wrong one must not look like a tick with nothing to do.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from ..base.json_input import MAX_BODY_BYTES, read_json
from ..base.json_schema import validate
from ..base.reasons import Reason
from ..model.change import CacheRequest, Item
from ..model.image_cache import UPDATE_FAILED
from ..model.selector import ALL_CACHES, read_selector
from .invocation import Invocation

SOURCE = "timer"


def read_timer(document: Any, invocation: Invocation) -> list[Item]:
    """The change that a timer tick asks for. An empty payload is a sweep of all caches.

    A sweep skips a cache that a follow task may still handle.

    Raises:
        InputError: when the event or its payload breaks its schema, or names a region that is not looked
            after.
    """
    validate(document, "timer-event")
    text = document["payload"].strip()
    payload: Any = {"action": "sweep"}
    if text:
        payload = read_json(text.encode("utf-8", errors="replace"), limit=MAX_BODY_BYTES, what="payload")
        validate(payload, "timer-payload", where="/payload")
    selector = read_selector(payload["caches"]) if "caches" in payload else ALL_CACHES
    invocation.check_regions(selector.regions, "/payload/caches/regions")
    sweep = payload["action"] == "sweep"
    request = CacheRequest(
        source=SOURCE,
        event_id=f"{document['triggerName']}@{document['triggerTime']}",
        reason=Reason.SWEEP_REPAIR if sweep else Reason.REFRESH_SCHEDULED,
        selector=selector,
        statuses=frozenset({UPDATE_FAILED}) if sweep else None,
        quiet_since=_quiet_since(invocation) if sweep else None,
        reads_registries=sweep,
    )
    return [request]


def _quiet_since(invocation: Invocation) -> datetime | None:
    follow = invocation.settings.follow
    if not follow.function:
        return None
    return invocation.arrived - timedelta(seconds=2 * follow.max_seconds)
