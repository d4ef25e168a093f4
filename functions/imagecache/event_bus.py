"""What EventBridge delivers: one CloudEvents object, or an array of them, each with its own fate."""

from __future__ import annotations

from typing import Any

from .changes import Item, Notice
from .errors import InputError
from .reasons import Reason, Result
from .registries import Delivery, cloudevents

__all__ = ["read_event_bus"]


def read_event_bus(document: Any, delivery: Delivery) -> list[Item]:
    """The pushes that a delivery reports, and a notice for each event that is none or is refused."""
    if not isinstance(document, list):
        return _read_one(document, delivery, "")
    if not document:
        return [Notice(Result.IGNORED, Reason.NO_EVENTS, "the array holds no events")]
    return [item for index, event in enumerate(document) for item in _read_one(event, delivery, f"/{index}")]


def _read_one(event: Any, delivery: Delivery, where: str) -> list[Item]:
    try:
        return cloudevents.read(event, delivery, where=where)
    except InputError as error:
        identifier = event.get("id") if isinstance(event, dict) else None
        source = event.get("source") if isinstance(event, dict) else None
        return [
            Notice.refusal(
                error,
                source=source if isinstance(source, str) else "",
                event_id=identifier if isinstance(identifier, str) else "",
                inside=where,
            )
        ]
