"""The webhook of Gitea and Forgejo: event ``package`` of the container registry.

The address in it is made of the server's own setting, so its host counts where no ``registry`` parameter is
given. Its time is the version's, and it is not documented that a tag which is pushed anew has another: so it
is not read, and a push counts as made when it arrived.
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
from .optional_facts import optional_object, optional_text
from .push import ignored, image_push, lower_case, push_id, split_host

SOURCE = "gitea"

_ACTION, _CONTAINER = "created", "container"
_PACKAGES = "/-/packages/"


def read(document: Any, delivery: Delivery) -> list[Item]:
    """The push that the webhook reports, or a notice that says why there is none.

    Raises:
        InputError: when the document breaks its schema, names no owner, or a name is invalid.
    """
    validate(document, "gitea-webhook", where=delivery.where)
    package = document.get("package")
    if package is None or document["action"] != _ACTION:
        problem = f"action {document['action']} adds no image" if package else "the event has no package"
        return [ignored(SOURCE, "", Reason.NOT_A_PUSH, problem)]
    kind = optional_text(package.get("type"))
    if kind and kind.lower() != _CONTAINER:
        return [ignored(SOURCE, "", Reason.NOT_AN_IMAGE, f"a package of type {kind} is not an image")]
    validate(package, "gitea-package", where=f"{delivery.where}/package")
    host, path = split_host(package.get("html_url"))
    repository = _repository(package, path, f"{delivery.where}/package")
    tag = package["version"]
    event_id = push_id(delivery, None, repository, tag, package.get("id"))
    push = image_push(
        delivery,
        source=SOURCE,
        event_id=event_id,
        host=registry_host(delivery, SOURCE, host, needed="package.html_url", where=delivery.where),
        repository=repository,
        tag=tag,
        payload_host=host,
    )
    return [push]


def _repository(package: Mapping[str, Any], path: str, where: str) -> str:
    """The path of owner and name; the owner's may have capitals, which the registry does not show.

    Raises:
        InputError: when the owner is missing; a name alone would be somebody else's repository.
    """
    account = optional_object(package.get("owner"))
    in_address = path.partition(_PACKAGES)[0].rpartition("/")[2] if _PACKAGES in path else ""
    named = (optional_text(account.get("login")), optional_text(account.get("username")), in_address)
    owner = next(filter(None, named), "")
    if owner:
        return f"{lower_case(owner)}/{package['name']}"
    raise InputError(
        Reason.INVALID_REFERENCE,
        "the payload names no repository: the package's owner is needed",
        where=where,
        rule="names its repository",
        found=f"owner none, name {shown(package['name'])}",
    )
