"""The webhook of Docker Hub: a tag was pushed.

It has no digest, no id and no signature. Its callback URL is never called: a payload must not decide whom a
function talks to.
"""

from __future__ import annotations

from typing import Any

from ...base.json_schema import validate
from ...base.timestamps import rfc3339
from ...model.change import Item
from ...model.reference import DOCKER_HUB
from .authority import Delivery
from .optional_facts import other_artifact
from .push import image_push, not_an_image, push_id

SOURCE = "dockerhub"


def read(document: Any, delivery: Delivery) -> list[Item]:
    """The push that the webhook reports, or a notice that it is no image's.

    Raises:
        InputError: when the document breaks its schema or a name is invalid.
    """
    validate(document, "dockerhub-webhook", where=delivery.where)
    pushed, name = document["push_data"], document["repository"]["repo_name"]
    repository = name if "/" in name else f"library/{name}"
    pushed_at = rfc3339(pushed.get("pushed_at"))
    event_id = push_id(delivery, pushed_at, repository, pushed["tag"])
    if artifact := other_artifact(pushed.get("media_type")):
        return [not_an_image(SOURCE, event_id, artifact)]
    push = image_push(
        delivery,
        source=SOURCE,
        event_id=event_id,
        host=delivery.registry or DOCKER_HUB,
        repository=repository,
        tag=pushed["tag"],
        pushed_at=pushed_at,
    )
    return [push]
