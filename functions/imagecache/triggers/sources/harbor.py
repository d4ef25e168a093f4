"""The webhook of Harbor, in both of its payload formats: Default and CloudEvents.

They have the same facts under different keys. Each resource of a push is a push of its own. Harbor 1 and
Tencent's registry (TCR) send the format Default with types of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...base.errors import InputError
from ...base.json_schema import validate
from ...base.reasons import Reason
from ...base.timestamps import rfc3339
from ...model.change import Item, Notice
from .authority import Delivery, registry_host
from .optional_facts import optional_text, other_artifact, other_kind
from .push import ignored, image_push, not_an_image, push_id, split_host, untagged

SOURCE = "harbor"

_MEMBER = {"PUSH_ARTIFACT": "event_data", "pushImage": "event_data", "harbor.artifact.pushed": "data"}
"""The type of a push in each format, and the key of its facts."""


def read(document: Any, delivery: Delivery) -> list[Item]:
    """The pushes that the webhook reports, one for each resource, or a notice.

    Raises:
        InputError: when the document breaks its schema. A bad resource is a notice.
    """
    validate(document, "harbor-webhook", where=delivery.where)
    member = _MEMBER.get(document["type"])
    if member is None:
        problem = f"type {document['type']} adds no image"
        return [ignored(SOURCE, optional_text(document.get("id")), Reason.NOT_A_PUSH, problem)]
    inside = f"{delivery.where}/{member}/resources"
    return [
        _read_one(resource, document, document[member]["repository"], delivery, f"{inside}/{index}")
        for index, resource in enumerate(document[member]["resources"])
    ]


def _read_one(
    resource: Any, document: Mapping[str, Any], repository: Mapping[str, Any], delivery: Delivery, where: str
) -> Item:
    name = repository["repo_full_name"]
    pushed_at = optional_text(document.get("time")) or rfc3339(document.get("occur_at"))
    # Only the CloudEvents format has an id.
    event_id = optional_text(document.get("id")) or push_id(delivery, pushed_at, name, resource)
    try:
        validate(resource, "harbor-resource", where=where)
        # For a push by digest only, Harbor writes the digest as the tag.
        tag = resource.get("tag")
        if not tag:
            return untagged(SOURCE, event_id, name)
        if artifact := _artifact(resource):
            return not_an_image(SOURCE, event_id, artifact)
        host, _ = split_host(resource.get("resource_url"))
        return image_push(
            delivery,
            source=SOURCE,
            event_id=event_id,
            host=registry_host(delivery, SOURCE, host, needed="resource_url", where=where),
            repository=name,
            tag=tag,
            digest=resource.get("digest"),
            pushed_at=pushed_at,
            payload_host=host,
        )
    except InputError as error:
        return Notice.refusal(error, source=SOURCE, event_id=event_id, inside=where)


def _artifact(resource: Mapping[str, Any]) -> str:
    """What the resource is if it says that it is no image: by Harbor's own word, or by a media type."""
    stated = other_artifact(*(resource.get(key) for key in ("mediaType", "media_type", "type")))
    return stated or other_kind(resource.get("type"), "image")
