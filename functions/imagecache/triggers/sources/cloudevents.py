"""CloudEvents of the vendor's Container Registry, as EventBridge delivers them.

Documented: BuildCompleted. The data keys of PushCompleted are not, and are read as the same ones.
"Completed" is said of failures too, so a status other than SUCCESS means that there is no image.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ...base.errors import InputError
from ...base.json_schema import validate
from ...base.reasons import Reason, Result
from ...model.change import Item, Notice
from ...model.registry_identity import enterprise_host, personal_host
from .delivery import Delivery
from .push import image_push

SOURCE = "acs.cr"

_PUSH_TYPES = frozenset({"cr:Artifact:PushCompleted", "cr:Artifact:BuildCompleted"})
_PERSONAL = "crpi-"
_PERSONAL_ID = re.compile(r"crpi-[a-z0-9]+", re.ASCII)
"""With anything behind it, such as -vpc, it would make another name of an instance's host."""


def read(document: Any, delivery: Delivery) -> list[Item]:
    """The push that one CloudEvents object reports, or the notice that says why it reports none.

    Raises:
        InputError: when it breaks its schema, a name is invalid, or the registry cannot be told.
    """
    validate(document, "acr-cloudevent", where=delivery.where)
    if document["source"] != SOURCE or document["type"] not in _PUSH_TYPES:
        return [
            _ignored(
                document,
                Reason.UNKNOWN_EVENT_TYPE,
                f"type {document['type']} from {document['source']} does not say that an image was pushed",
            )
        ]
    data = document["data"]
    status = data.get("BuildStatus", "SUCCESS")
    # Not by upper case, in which letters beyond ASCII would be these: of the sharp s, SS.
    if status.lower() != "success":
        return [_ignored(document, Reason.BUILD_FAILED, f"the build ended with status {status}")]
    push = image_push(
        delivery,
        source=SOURCE,
        event_id=document["id"],
        host=_host(document, delivery.where),
        repository=f"{data['RepoNamespaceName']}/{data['RepoName']}",
        tag=data["Tag"],
        digest=data.get("Digest"),
        pushed_at=document.get("time"),
    )
    return [push]


def _host(document: Mapping[str, Any], where: str) -> str:
    """The registry's public host: by the instance's name (enterprise) or its id (personal)."""
    data = document["data"]
    region_id = data.get("RegionId") or document.get("aliyunregionid")
    instance_id, instance_name = data.get("InstanceId") or "", data.get("InstanceName")
    if region_id and _PERSONAL_ID.fullmatch(instance_id):
        return personal_host(instance_id, region_id)
    if region_id and instance_name and not instance_id.startswith(_PERSONAL):
        return enterprise_host(instance_name, region_id)
    raise InputError(
        Reason.UNKNOWN_REGISTRY,
        "the event does not tell its registry: RegionId and InstanceName, or a personal InstanceId, needed",
        where=f"{where}/data",
        rule="names its instance and region",
        found=_named(data),
    )


def _named(data: Mapping[str, Any]) -> str:
    return (
        ", ".join(key for key in ("InstanceId", "InstanceName", "RegionId") if data.get(key))
        or "none of them"
    )


def _ignored(document: Mapping[str, Any], reason: Reason, message: str) -> Notice:
    return Notice(Result.IGNORED, reason, message, source=document["source"], event_id=document["id"])
