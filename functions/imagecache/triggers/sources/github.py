"""The webhook of GitHub: events ``package`` and ``registry_package`` of the container registry.

The body has a key of the event's name. Whatever else GitHub posts to a webhook, such as the first ping, has
neither key and is not a push.

The payload's times are the version's. A tag can be moved to a version that was made long before, and GitHub
does not document that this changes them. So they are not read, and a push counts as made when it arrived.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...base.errors import InputError
from ...base.json_input import shown
from ...base.json_schema import validate
from ...base.reasons import Reason
from ...model.change import Item
from .authority import Delivery, registry_host
from .optional_facts import optional_object, optional_text, other_artifact
from .push import ignored, image_push, is_digest, lower_case, not_a_text, not_an_image, push_id, split_host

SOURCE = "github"

_HOST = "ghcr.io"
_ACTIONS = frozenset({"published", "updated"})
_KEYS = ("package", "registry_package")
_CONTAINER, _DOCKER = "container", "docker"
"""What images are: the second in the older registry, whose paths also have the name of a Git repository."""


def read(document: Any, delivery: Delivery) -> list[Item]:
    """The push that the webhook reports, or a notice that says why there is none.

    Raises:
        InputError: when the document breaks its schema, names no repository, or a name is invalid.
    """
    validate(document, "github-webhook", where=delivery.where)
    key = next((key for key in _KEYS if key in document), "")
    package = document.get(key)
    if package is None or document["action"] not in _ACTIONS:
        problem = f"action {document['action']} adds no image" if package else "the event has no package"
        return [_ignored(package or {}, Reason.NOT_A_PUSH, problem)]
    kind = optional_text(package.get("package_type"))
    if kind and kind.lower() not in {_CONTAINER, _DOCKER}:
        return [_ignored(package, Reason.NOT_AN_IMAGE, f"a package of type {kind} is not an image")]
    version = package.get("package_version") or {}
    metadata = optional_object(version.get("container_metadata"))
    if artifact := _artifact(optional_object(metadata.get("manifest"))):
        return [not_an_image(SOURCE, str(version.get("id") or ""), artifact)]
    stated = optional_object(metadata.get("tag"))
    host, path, tag = _address(version)
    tag = _tag(stated, tag, f"{delivery.where}/{key}")
    if not tag:
        return [_ignored(package, Reason.NO_TAG, "a version was published without a tag")]
    repository = path if host else _owned(document, package, kind, f"{delivery.where}/{key}")
    push = image_push(
        delivery,
        source=SOURCE,
        event_id=push_id(delivery, None, repository, version.get("id"), stated),
        host=registry_host(delivery, SOURCE, host or _HOST, needed="package_url", where=delivery.where),
        repository=repository,
        tag=tag,
        digest=stated.get("digest"),
        payload_host=host,
    )
    return [push]


def _address(version: Mapping[str, Any]) -> tuple[str, str, str]:
    """Host, path and tag of the version's address, each empty if it has none."""
    host, rest = split_host(version.get("package_url"))
    path, _, tag = rest.partition("@")[0].partition(":")
    return host, lower_case(path), tag


def _artifact(manifest: Mapping[str, Any]) -> str:
    """The media type of the manifest, or of its config, if it is not that of an image."""
    config = optional_object(manifest.get("config")).get("media_type")
    return other_artifact(manifest.get("media_type"), config)


def _tag(stated: Mapping[str, Any], in_address: str, where: str) -> str:
    """The pushed tag, empty if the version has none: its name may be the digest, or be left out.

    Raises:
        InputError: when a tag is there that cannot be read, and the address has none.
    """
    name = stated.get("name")
    text = optional_text(name)
    if text and not is_digest(text):
        return text
    if name and not text and not in_address:
        raise not_a_text(f"{where}/package_version/container_metadata/tag/name", name)
    return in_address


def _owned(document: Mapping[str, Any], package: Mapping[str, Any], kind: str, where: str) -> str:
    """The path of owner and name, where no address says it, in lower case: owners' names may have capitals.

    Raises:
        InputError: when either is missing, or is not all of the path; it would be somebody else's repository.
    """
    repository, organization = document.get("repository"), document.get("organization")
    named = (
        package.get("namespace"),
        _login(package.get("owner")),
        _login(optional_object(repository).get("owner")),
        _login(organization),
    )
    owner = next(filter(None, map(optional_text, named)), "")
    name = optional_text(package.get("name"))
    if owner and name and kind.lower() != _DOCKER:
        return lower_case(f"{owner}/{name}")
    raise InputError(
        Reason.INVALID_REFERENCE,
        "the payload names no repository: package_url, or the package's name and its owner, needed",
        where=where,
        rule="names its repository",
        found=f"owner {shown(owner) or 'none'}, name {shown(name) or 'none'}",
    )


def _login(account: Any) -> Any:
    return optional_object(account).get("login")


def _ignored(package: Mapping[str, Any], reason: Reason, message: str) -> Item:
    version = package.get("package_version") or {}
    return ignored(SOURCE, str(version.get("id") or ""), reason, message)
