"""Payloads of webhooks inside CloudEvents, as a custom event bus delivers them.

A publisher names the source of its ``data`` by the event's source, ``imc-refresh.<source>``, or by its type,
``imc-refresh:<source>``. EventBridge's own HTTP event source wraps each request: there the request's path
(``/webhooks/<source>``) or query (``source=<source>``) names it, and the query may name the ``registry`` and
its ``layout``, as with a webhook. A publisher names these in attributes of the event.

No token is asked for: only the account's own buses can invoke the function, and they decide who may put an
event on them. A body's signature cannot be checked, as its bytes are gone.

Event form: vendor documentation of the HTTP event source; it does not say what its ``queryString`` has in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...base.errors import InputError
from ...base.json_input import MAX_BODY_BYTES, fingerprint, read_json
from ...base.json_schema import validate
from ...base.timestamps import parse_moment
from ...model.change import Item, Notice
from ...model.webhook_sources import WEBHOOK_SOURCES
from . import read_source, source_in_path
from .authority import Delivery, delivery_for
from .optional_facts import optional_object, optional_text

_HTTP_EVENT = "eventbridge:Events:HTTPEvent"
_SOURCE_PREFIX, _TYPE_PREFIX = "imc-refresh.", "imc-refresh:"


def wrapped_source(event: Mapping[str, Any]) -> str | None:
    """The source in the table whose payload an event claims to carry, or None."""
    kind, publisher = _text(event, "type"), _text(event, "source")
    if kind == _HTTP_EVENT:
        return _requested_source(event.get("data"))
    named = ""
    if kind.startswith(_TYPE_PREFIX):
        named = kind.removeprefix(_TYPE_PREFIX)
    elif publisher.startswith(_SOURCE_PREFIX):
        named = publisher.removeprefix(_SOURCE_PREFIX)
    return named if named in WEBHOOK_SOURCES else None


def read(source: str, event: Mapping[str, Any], delivery: Delivery) -> list[Item]:
    """The pushes that the payload inside an event reports, and a notice for each other part.

    Args:
        source: as ``wrapped_source`` gives it.
        event: the parsed CloudEvents object.
        delivery: how the event came; ``where`` points to it.
    """
    inside = delivery.where
    try:
        validate(event, "wrapped-event", where=inside)
        payload, carried = _unwrap(source, event, delivery)
        inside = carried.where
        return read_source(source, payload, carried)
    except InputError as error:
        return [Notice.refusal(error, source=source, event_id=_text(event, "id"), inside=inside)]


def _unwrap(source: str, event: Mapping[str, Any], delivery: Delivery) -> tuple[Any, Delivery]:
    """The payload, and how it came."""
    payload, where = event["data"], f"{delivery.where}/data"
    query: Mapping[str, Any] = {}
    if event.get("type") == _HTTP_EVENT:
        query, payload, where = optional_object(payload.get("queryString")), payload["body"], f"{where}/body"
    if isinstance(payload, str):
        # EventBridge parses a request's body only if its content type is plainly JSON.
        payload = read_json(payload.encode("utf-8", "replace"), limit=MAX_BODY_BYTES, what=where)
    carried = delivery_for(
        delivery,
        source,
        query.get("registry") or event.get("registry"),
        query.get("layout") or event.get("layout"),
    )._replace(  # The same for each delivery of one event.
        delivery_id=_delivery_id(event, delivery),
        where=where,
        # The event was made after the push. This bounds only a push without a time of its own, so that a
        # wrapper with too early a time harms no other.
        no_later_than=parse_moment(optional_text(event.get("time")), arrived=delivery.arrived),
    )
    return payload, carried


def _delivery_id(event: Mapping[str, Any], delivery: Delivery) -> str:
    event_id = optional_text(event.get("id"))
    named = [_text(event, "source"), event_id] if event_id else [delivery.delivery_id, delivery.where]
    return fingerprint(named)


def _requested_source(request: Any) -> str | None:
    if not isinstance(request, dict):
        return None
    query = request.get("queryString")
    named = query.get("source") if isinstance(query, dict) else None
    if isinstance(named, str) and named in WEBHOOK_SOURCES:
        return named
    return source_in_path(_text(request, "path"))


def _text(members: Mapping[str, Any], key: str) -> str:
    value = members.get(key)
    return value if isinstance(value, str) else ""
