"""The notification envelope of the OCI distribution registry (media types events.v1+json and v2+json).

One envelope mixes pushes and pulls, manifests and blobs; each event has its own fate. The host is the
one under which the client reached the registry; where a proxy hides it, the ``registry`` parameter says it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ...base.errors import InputError
from ...base.json_schema import validate
from ...base.reasons import Reason, Result
from ...model.change import Item, Notice
from ...model.media_types import IMAGE_MEDIA_TYPES
from .delivery import Delivery
from .push import image_push

SOURCE = "distribution"


def read(document: Any, delivery: Delivery) -> list[Item]:
    """The pushes among an envelope's events, and a notice for each of the others.

    Raises:
        InputError: when the document is no envelope. A bad event inside one is a notice of its own.
    """
    validate(document, "distribution-envelope", where=delivery.where)
    inside = f"{delivery.where}/events"
    return [_read_one(event, delivery, f"{inside}/{index}") for index, event in enumerate(document["events"])]


def _read_one(event: Any, delivery: Delivery, where: str) -> Item:
    try:
        validate(event, "distribution-event", where=where)
        return _interpret(event, delivery, where)
    except InputError as error:
        return Notice.refusal(error, source=SOURCE, event_id=_event_id(event), inside=where)


def _interpret(event: Mapping[str, Any], delivery: Delivery, where: str) -> Item:
    target = event["target"]
    media_type = target.get("mediaType")
    if event["action"] != "push":
        return _ignored(event, Reason.NOT_A_PUSH, f"action {event['action']} adds no image")
    if media_type and media_type not in IMAGE_MEDIA_TYPES:
        return _ignored(event, Reason.NOT_AN_IMAGE, f"media type {media_type} is no image manifest")
    if not target.get("tag"):
        return _ignored(
            event, Reason.NO_TAG, f"a manifest of {target['repository']} was pushed without a tag"
        )
    return image_push(
        delivery,
        source=SOURCE,
        event_id=event["id"],
        host=_host(event, delivery, where),
        repository=target["repository"],
        tag=target["tag"],
        digest=target.get("digest"),
        pushed_at=event.get("timestamp"),
    )


def _host(event: Mapping[str, Any], delivery: Delivery, where: str) -> str:
    host = delivery.registry or event.get("request", {}).get("host") or _url_host(event["target"].get("url"))
    if host:
        return host
    raise InputError(
        Reason.UNKNOWN_REGISTRY,
        "the event does not tell its registry: request.host, target.url or the registry parameter is needed",
        where=where,
        rule="names the registry's host",
        found="none",
    )


def _url_host(url: str | None) -> str:
    try:
        return urlsplit(url or "").netloc
    except ValueError:
        return ""


def _event_id(event: Any) -> str:
    identifier = event.get("id") if isinstance(event, dict) else None
    return identifier if isinstance(identifier, str) else ""


def _ignored(event: Mapping[str, Any], reason: Reason, message: str) -> Notice:
    return Notice(Result.IGNORED, reason, message, source=SOURCE, event_id=event["id"])
