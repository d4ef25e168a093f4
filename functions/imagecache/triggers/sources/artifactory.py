"""The webhook of JFrog Artifactory: event ``pushed`` of the domain ``docker``.

It has no time and no id, so each delivery counts as a push of its own. Its ``path`` is that of the manifest's
file, ``<image path>/<tag>/manifest.json``; ``image_name`` may lack the folders of a nested path and is not
read. The address in it is the platform's and need not be the registry's, which the ``registry`` parameter
names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...base.errors import InputError
from ...base.json_input import shown
from ...base.json_schema import validate
from ...base.reasons import Reason
from ...model.change import Item
from .authority import Delivery, not_named
from .optional_facts import optional_text, other_kind
from .push import ignored, image_push, is_digest, keyed_path, not_an_image, push_id, untagged

SOURCE = "artifactory"

_DOMAIN, _PUSHED = "docker", "pushed"
_MANIFESTS = ("manifest.json", "list.manifest.json")
_SHA256 = "sha256:"


def read(document: Any, delivery: Delivery) -> list[Item]:
    """The push that the webhook reports, or a notice that says why there is none.

    Raises:
        InputError: when the document breaks its schema, the registry is not named, or a name is invalid.
    """
    validate(document, "artifactory-webhook", where=delivery.where)
    domain, kind = document["domain"], document["event_type"]
    if (domain, kind) != (_DOMAIN, _PUSHED):
        return [ignored(SOURCE, "", Reason.NOT_A_PUSH, f"{kind} of {domain} adds no image")]
    data, inside = document["data"], f"{delivery.where}/data"
    path, tag = _image_path(data, inside)
    repository = keyed_path(delivery, SOURCE, data.get("repo_key"), path, where=f"{inside}/repo_key")
    event_id = push_id(delivery, None, repository, tag, data.get("sha256"))
    if artifact := other_kind(data.get("image_type"), "docker", "oci"):
        return [not_an_image(SOURCE, event_id, artifact)]
    # In the name of a folder the colon may be written as two underscores.
    if is_digest(tag.replace("__", ":", 1)):
        return [untagged(SOURCE, event_id, repository)]
    if delivery.registry is None:
        raise not_named(SOURCE, where=delivery.where, found="")
    push = image_push(
        delivery,
        source=SOURCE,
        event_id=event_id,
        host=delivery.registry,
        repository=repository,
        tag=tag,
        digest=_SHA256 + optional_text(data.get("sha256")),
    )
    return [push]


def _image_path(data: Mapping[str, Any], where: str) -> tuple[str, str]:
    """The image's path in its repository, and the pushed tag.

    Raises:
        InputError: when the path is not that of a manifest of the tag.
    """
    *folders, last = data["path"].removeprefix("/").split("/")
    stated = optional_text(data.get("tag"))
    tag = stated or (folders[-1] if folders and last in _MANIFESTS else "")
    image: list[str] = []
    if tag and folders[-1:] == [tag] and (last in _MANIFESTS or last != tag):
        image = folders[:-1]
    elif tag and last == tag:
        # Some versions may leave the name of the manifest's file out.
        image = folders
    if image:
        return "/".join(image), tag
    found = shown(data["path"])
    raise InputError(
        Reason.INVALID_REFERENCE,
        f"path {found} is not that of a manifest of the tag {shown(stated) or '(none)'}",
        where=f"{where}/path",
        rule="<image path>/<tag>/manifest.json",
        found=found,
    )
