"""This application's own payload, for CI jobs and registries without a webhook of their own."""

from __future__ import annotations

from typing import Any

from ...base.errors import InputError
from ...base.json_input import shown
from ...base.json_schema import validate
from ...base.reasons import Reason
from ...model.change import Item
from ...model.reference import parse_reference
from .authority import Delivery
from .optional_facts import optional_digest, optional_text, other_artifact
from .push import image_push, not_an_image

SOURCE = "native"


def read(document: Any, delivery: Delivery) -> list[Item]:
    """The push that the sender reports, or a notice that it is no image's.

    An image without a tag means ``latest``.

    Raises:
        InputError: when the document breaks its schema, the image is not a valid reference or is named by
            digest only, or two different digests are given.
    """
    validate(document, "native-webhook", where=delivery.where)
    image = parse_reference(document["image"])
    if image.digest and not image.tag:
        raise _invalid("names a tag, as a push does, or none for latest", document["image"])
    digest = optional_digest(document.get("digest")) or image.digest
    if image.digest and image.digest != digest:
        raise _invalid("names the same digest as the digest beside it, or none", document["image"])
    # Without an id, two pushes may look the same, so each delivery counts as a push.
    event_id = optional_text(document.get("id")) or delivery.delivery_id
    if artifact := other_artifact(document.get("mediaType")):
        return [not_an_image(SOURCE, event_id, artifact)]
    push = image_push(
        delivery,
        source=SOURCE,
        event_id=event_id,
        host=image.host,
        repository=image.repository,
        tag=image.effective_tag,
        digest=digest,
        pushed_at=document.get("pushedAt"),
    )
    return [push]


def _invalid(rule: str, found: str) -> InputError:
    return InputError(
        Reason.INVALID_REFERENCE,
        f"image {shown(found)} breaks the rule: {rule}",
        where="image",
        rule=rule,
        found=shown(found),
    )
