"""The webhook of the vendor's Container Registry (ACR).

The payload has neither the registry's host nor an event id. Without the ``registry`` parameter it means the
shared registry of its region, where this webhook comes from by default; a personal instance under its own
host and an enterprise instance need the parameter.
"""

from __future__ import annotations

from typing import Any

from ...base.errors import InputError
from ...base.json_schema import validate
from ...base.reasons import Reason
from ...model.change import Item
from ...model.registry_identity import registry_identity, registry_region, shared_host
from .authority import Delivery, registry_host
from .optional_facts import optional_region
from .push import image_push, push_id

SOURCE = "acr"


def read(document: Any, delivery: Delivery) -> list[Item]:
    """The push that the webhook reports.

    Raises:
        InputError: when the document breaks its schema, a name is invalid, or the ``registry`` parameter
            names a registry of another region than the payload.
    """
    validate(document, "acr-webhook", where=delivery.where)
    pushed, repository = document["push_data"], document["repository"]
    region = optional_region(repository.get("region"))
    stated = shared_host(region) if region else ""
    host = registry_host(delivery, SOURCE, stated, needed="region", where=f"{delivery.where}/repository")
    named = registry_region(delivery.authority.behind(registry_identity(host)))
    if region and named not in {None, region}:
        raise InputError(
            Reason.REGISTRY_MISMATCH,
            f"the registry parameter names {host} in {named}, the payload comes from {region}",
            where="registry",
            rule=f"a registry of {region}",
            found=host,
        )
    push = image_push(
        delivery,
        source=SOURCE,
        event_id=push_id(delivery, pushed.get("pushed_at"), pushed, repository),
        host=host,
        repository=repository["repo_full_name"],
        tag=pushed["tag"],
        digest=pushed.get("digest"),
        pushed_at=pushed.get("pushed_at"),
    )
    return [push]
