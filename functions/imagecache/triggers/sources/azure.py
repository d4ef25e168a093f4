"""The webhook of Azure Container Registry: an image was pushed, or something else was done."""

from __future__ import annotations

from typing import Any

from ...base.json_schema import validate
from ...base.reasons import Reason
from ...model.change import Item
from ...model.media_types import IMAGE_MEDIA_TYPES
from .delivery import Delivery
from .hosts import registry_host
from .push import ignored, image_push

SOURCE = "azure"


def read(document: Any, delivery: Delivery) -> list[Item]:
    """The push that the webhook reports, or the notice that says why it reports none.

    Raises:
        InputError: when the document breaks its schema, a name is invalid, or no registry is named.
    """
    validate(document, "azure-webhook", where=delivery.where)
    event_id, action = document.get("id") or "", document["action"]
    if action != "push":
        return [ignored(SOURCE, event_id, Reason.NOT_A_PUSH, f"action {action} adds no image")]
    target = document["target"]
    media_type = target.get("mediaType")
    if media_type and media_type not in IMAGE_MEDIA_TYPES:
        told = f"media type {media_type} is no image manifest"
        return [ignored(SOURCE, event_id, Reason.NOT_AN_IMAGE, told)]
    if not target.get("tag"):
        told = f"a manifest of {target['repository']} was pushed without a tag"
        return [ignored(SOURCE, event_id, Reason.NO_TAG, told)]
    told_host = (document.get("request") or {}).get("host")
    push = image_push(
        delivery,
        source=SOURCE,
        event_id=event_id,
        host=registry_host(delivery, told_host, needed="request.host", where=delivery.where),
        repository=target["repository"],
        tag=target["tag"],
        digest=target.get("digest"),
        pushed_at=document.get("timestamp"),
    )
    return [push]
