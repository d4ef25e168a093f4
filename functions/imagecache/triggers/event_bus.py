"""What EventBridge delivers: one CloudEvents object, or an array of them, each with its own fate.

An event is the vendor's own, one of Harbor, or a webhook's payload inside an event. A push of the vendor's
registry that cannot be read is raised: nobody has seen its form, and the on-failure queue then has it.
"""

from __future__ import annotations

from typing import Any

from ..base.errors import InputError
from ..base.reasons import Reason, Result
from ..model.change import Item, Notice
from .sources import Delivery, cloudevents, read_source

_HARBOR, _HARBOR_PUSH = "harbor", "harbor.artifact.pushed"


def read_event_bus(document: Any, delivery: Delivery) -> list[Item]:
    """The pushes that a delivery reports, and a notice for each other or refused event."""
    if not isinstance(document, list):
        return _read_one(document, delivery)
    if not document:
        return [Notice(Result.IGNORED, Reason.NO_EVENTS, "the array has no events")]
    return [
        item
        for index, event in enumerate(document)
        for item in _read_one(event, delivery._replace(where=f"/{index}"))
    ]


def _read_one(event: Any, delivery: Delivery) -> list[Item]:
    members = event if isinstance(event, dict) else {}
    source = members.get("source")
    try:
        if source != cloudevents.SOURCE and members:
            # Events of the vendor's registry must not pay for this import.
            from .sources import wrapped  # noqa: PLC0415

            if carried := wrapped.wrapped_source(members):
                return wrapped.read(carried, members, delivery)
            if members.get("type") == _HARBOR_PUSH:
                source = _HARBOR
                return read_source(_HARBOR, event, delivery)
        return cloudevents.read(event, delivery)
    except InputError as error:
        identifier = members.get("id")
        return [
            Notice.refusal(
                error,
                source=source if isinstance(source, str) else "",
                event_id=identifier if isinstance(identifier, str) else "",
                inside=delivery.where,
                queued=cloudevents.is_push(members),
            )
        ]
