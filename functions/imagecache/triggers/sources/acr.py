"""The webhook of the vendor's Container Registry (ACR).

The payload names neither the registry's host nor an event id. Without the ``registry`` parameter it is
read as the shared registry of the region that it names, which is where this webhook comes from by
default; a personal instance under its own host and an enterprise instance need the parameter.
"""

from __future__ import annotations

from typing import Any

from ...base.errors import InputError
from ...base.json_input import fingerprint
from ...base.json_schema import validate
from ...base.reasons import Reason
from ...model.change import Item
from ...model.registry_identity import registry_identity, registry_region, shared_host
from .delivery import Delivery
from .push import image_push

SOURCE = "acr"


def read(document: Any, delivery: Delivery) -> list[Item]:
    """The push that the webhook reports.

    Raises:
        InputError: when the document breaks its schema, a name is invalid, or the ``registry`` parameter
            names a registry of another region than the payload.
    """
    validate(document, "acr-webhook", where=delivery.where)
    pushed, repository = document["push_data"], document["repository"]
    host = delivery.registry or shared_host(repository["region"])
    _check_region(host, repository["region"])
    # Without its time, one push of a tag cannot be told from the next; then each delivery is one.
    undated = None if pushed.get("pushed_at") else delivery.delivery_id
    push = image_push(
        delivery,
        source=SOURCE,
        event_id=fingerprint([pushed, repository, undated]),
        host=host,
        repository=repository["repo_full_name"],
        tag=pushed["tag"],
        digest=pushed.get("digest"),
        pushed_at=pushed.get("pushed_at"),
    )
    return [push]


def _check_region(host: str, region_id: str) -> None:
    named = registry_region(registry_identity(host))
    if named is not None and named != region_id:
        raise InputError(
            Reason.REGISTRY_MISMATCH,
            f"the registry parameter names {host} in {named}, the payload comes from {region_id}",
            where="registry",
            rule=f"a registry of {region_id}",
            found=host,
        )
