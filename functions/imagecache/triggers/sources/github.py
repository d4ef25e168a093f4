"""The webhook of GitHub: events ``package`` and ``registry_package`` of the container registry.

The body has a key of the event's name. Whatever else GitHub posts to a webhook, such as the first ping, has
neither key and is not a push.

The payload's times are the version's. A tag can be moved to a version that was made long before, and GitHub
does not document that this changes them. So they are not read, and a push counts as made when it arrived.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...base.json_schema import validate
from ...base.reasons import Reason
from ...model.change import Item
from .authority import Delivery, registry_host
from .push import ignored, image_push, push_id, split_host

SOURCE = "github"

_HOST = "ghcr.io"
_ACTIONS = frozenset({"published", "updated"})
_IMAGE = "container"


def read(document: Any, delivery: Delivery) -> list[Item]:
    """The push that the webhook reports, or a notice that says why there is none.

    Raises:
        InputError: when the document breaks its schema or a name is invalid.
    """
    validate(document, "github-webhook", where=delivery.where)
    package = document.get("package") or document.get("registry_package")
    if package is None or document["action"] not in _ACTIONS:
        problem = f"action {document['action']} adds no image" if package else "the event has no package"
        return [_ignored(package or {}, Reason.NOT_A_PUSH, problem)]
    if package["package_type"].lower() != _IMAGE:
        problem = f"a package of type {package['package_type']} is not an image"
        return [_ignored(package, Reason.NOT_AN_IMAGE, problem)]
    version = package.get("package_version") or {}
    tag = (version.get("container_metadata") or {}).get("tag") or {}
    if not tag.get("name"):
        problem = f"a version of {package['name']} was published without a tag"
        return [_ignored(package, Reason.NO_TAG, problem)]
    host, repository = _repository(package, version)
    push = image_push(
        delivery,
        source=SOURCE,
        event_id=push_id(delivery, None, repository, version.get("id"), tag),
        host=registry_host(delivery, SOURCE, host or _HOST, needed="package_url", where=delivery.where),
        repository=repository,
        tag=tag["name"],
        digest=tag.get("digest"),
        payload_host=host,
    )
    return [push]


def _repository(package: Mapping[str, Any], version: Mapping[str, Any]) -> tuple[str, str]:
    """Host, empty if not stated, and path, in lower case as the registry needs it: owners have capitals."""
    host, path = split_host(_lower(version.get("package_url") or ""))
    if host:
        return host, path.partition("@")[0].partition(":")[0]
    return "", _lower("/".join(part for part in (package.get("namespace"), package["name"]) if part))


def _lower(name: str) -> str:
    """In lower case if all is ASCII: the Kelvin sign, for one, would become a plain k."""
    return name.lower() if name.isascii() else name


def _ignored(package: Mapping[str, Any], reason: Reason, message: str) -> Item:
    version = package.get("package_version") or {}
    return ignored(SOURCE, str(version.get("id") or ""), reason, message)
