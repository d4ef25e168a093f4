"""CloudEvents of the vendor's Container Registry, as EventBridge delivers them.

The keys of BuildCompleted are documented; those of PushCompleted are not, and are read as the same.
Failures are "Completed" too, so a status other than SUCCESS means that there is no image.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ...base.errors import InputError
from ...base.json_schema import validate
from ...base.reasons import Reason
from ...model.change import Item
from ...model.registry_identity import enterprise_host, personal_host
from .authority import Delivery
from .optional_facts import optional_region, optional_text
from .push import ignored, image_push, push_id

SOURCE = "acs.cr"

_PUSHED = "cr:Artifact:PushCompleted"
_PUSH_TYPES = frozenset({_PUSHED, "cr:Artifact:BuildCompleted"})
_REGISTRY_KEYS = ("InstanceId", "InstanceName", "RegionId")
_PERSONAL = "crpi-"
_PERSONAL_ID = re.compile(r"crpi-[a-z0-9]+", re.ASCII)
"""Nothing may follow, such as -vpc: it would name another host."""


def read(document: Any, delivery: Delivery) -> list[Item]:
    """The push that one CloudEvents object reports, or a notice that says why there is none.

    Raises:
        InputError: when it breaks its schema, a name is invalid, or no registry is named.
    """
    validate(document, "acr-cloudevent", where=delivery.where)
    event_id, data = optional_text(document.get("id")), document.get("data")
    if document["source"] != SOURCE or document["type"] not in _PUSH_TYPES:
        problem = f"type {document['type']} from {document['source']} does not report an image push"
        return [ignored(document["source"], event_id, Reason.UNKNOWN_EVENT_TYPE, problem)]
    status = optional_text(data.get("BuildStatus")) or "SUCCESS"
    # Not by upper case, which turns a sharp s into SS.
    if status.lower() != "success":
        problem = f"the build ended with status {status}"
        return [ignored(SOURCE, event_id, Reason.BUILD_FAILED, problem)]
    push = image_push(
        delivery,
        source=SOURCE,
        event_id=event_id or push_id(delivery, document.get("time"), document),
        host=_host(document, delivery.where),
        repository=f"{data['RepoNamespaceName']}/{data['RepoName']}",
        tag=data["Tag"],
        digest=data.get("Digest"),
        pushed_at=document.get("time"),
    )
    return [push]


def is_push(event: Mapping[str, Any]) -> bool:
    """Whether an event says that it is a push. A refused one may be in a form that nobody has seen."""
    return event.get("source") == SOURCE and event.get("type") == _PUSHED


def _host(document: Mapping[str, Any], where: str) -> str:
    """The registry's public host: by the instance's name (enterprise) or its id (personal)."""
    data = document["data"]
    region_id = optional_region(data.get("RegionId")) or optional_region(document.get("aliyunregionid"))
    instance_id, instance_name = data.get("InstanceId"), optional_text(data.get("InstanceName"))
    # A text that is odd is kept: it may be that of a personal instance, which no name stands for.
    instance_id = instance_id if isinstance(instance_id, str) else ""
    if region_id and _PERSONAL_ID.fullmatch(instance_id):
        return personal_host(instance_id, region_id)
    if region_id and instance_name and not instance_id.startswith(_PERSONAL):
        return enterprise_host(instance_name, region_id)
    raise InputError(
        Reason.UNKNOWN_REGISTRY,
        "the event does not name its registry: RegionId and InstanceName, or a personal InstanceId, needed",
        where=f"{where}/data",
        rule="names its instance and region",
        found=", ".join(key for key in _REGISTRY_KEYS if data.get(key)) or "none of them",
    )
