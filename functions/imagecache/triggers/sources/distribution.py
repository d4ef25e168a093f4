"""The notification envelope of the OCI distribution registry (media types events.v1+json and v2+json).

One envelope mixes pushes and pulls, manifests and blobs; each event is judged on its own. The host in it is
what the pushing client wrote as its Host header, so the ``registry`` parameter alone names the registry.
"""

from __future__ import annotations

from typing import Any

from ...base.errors import InputError
from ...base.json_schema import validate
from ...model.change import Item, Notice
from .authority import Delivery, not_named
from .optional_facts import optional_object, optional_text
from .push import manifest_push

SOURCE = "distribution"


def read(document: Any, delivery: Delivery) -> list[Item]:
    """The pushes among an envelope's events, and a notice for each of the others.

    Raises:
        InputError: when the document is not an envelope, or the registry is not named. A bad event inside one
            is a notice.
    """
    validate(document, "distribution-envelope", where=delivery.where)
    if delivery.registry is None:
        raise not_named(SOURCE, where=delivery.where, found="")
    inside = f"{delivery.where}/events"
    return [_read_one(event, delivery, f"{inside}/{index}") for index, event in enumerate(document["events"])]


def _read_one(event: Any, delivery: Delivery, where: str) -> Item:
    try:
        validate(event, "distribution-event", where=where)
        stated = optional_text(optional_object(event.get("request")).get("host"))
        return manifest_push(event, delivery, source=SOURCE, host=(stated, "request.host"), where=where)
    except InputError as error:
        event_id = optional_text(optional_object(event).get("id"))
        return Notice.refusal(error, source=SOURCE, event_id=event_id, inside=where)
