"""The webhook of Quay: tags of a repository were updated. It has no time, no digest and no id.

So each delivery counts as a push of its own: perhaps a needless update, never a missing one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...base.errors import InputError
from ...base.json_schema import validate
from ...base.reasons import Reason
from ...model.change import Item, Notice
from .authority import Delivery, registry_host
from .push import ignored, image_push, not_a_text, push_id, split_host

SOURCE = "quay"

_TAGS = "updated_tags"


def read(document: Any, delivery: Delivery) -> list[Item]:
    """The pushes that the webhook reports, one for each tag, or a notice.

    Raises:
        InputError: when the document breaks its schema or names no registry. A bad tag is a notice.
    """
    validate(document, "quay-webhook", where=delivery.where)
    repository = document["repository"]
    if _TAGS not in document:
        return [ignored(SOURCE, "", Reason.NOT_A_PUSH, f"the event of {repository} is not a push")]
    if not document[_TAGS]:
        return [ignored(SOURCE, "", Reason.NO_TAG, f"{repository} was pushed without a tag")]
    stated, _ = split_host(document.get("docker_url"))
    host = registry_host(delivery, SOURCE, stated, needed="docker_url", where=delivery.where)
    return [
        _read_one(tag, document, (host, stated), delivery, f"{delivery.where}/{_TAGS}/{index}")
        for index, tag in enumerate(document[_TAGS])
    ]


def _read_one(
    tag: Any, document: Mapping[str, Any], hosts: tuple[str, str], delivery: Delivery, where: str
) -> Item:
    """The push of one tag; the hosts are the one that counts and the payload's."""
    repository, (host, stated) = document["repository"], hosts
    event_id = push_id(delivery, None, repository, tag)
    if not isinstance(tag, str):
        return Notice.refusal(not_a_text(where, tag), source=SOURCE, event_id=event_id, inside=where)
    try:
        return image_push(
            delivery,
            source=SOURCE,
            event_id=event_id,
            host=host,
            repository=repository,
            tag=tag,
            payload_host=stated,
        )
    except InputError as error:
        return Notice.refusal(error, source=SOURCE, event_id=event_id, inside=where)
