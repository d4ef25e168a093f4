"""The webhook of Sonatype Nexus: a component of a repository was created or updated.

It names no host, so the ``registry`` parameter does. Its time is the event's, which is not before the push.
"""

from __future__ import annotations

from typing import Any

from ...base.json_schema import validate
from ...base.reasons import Reason
from ...model.change import Item
from .authority import Delivery, not_named
from .optional_facts import optional_text
from .push import ignored, image_push, keyed_path, push_id

SOURCE = "nexus"

_ACTIONS = frozenset({"CREATED", "UPDATED"})
_FORMAT = "docker"


def read(document: Any, delivery: Delivery) -> list[Item]:
    """The push that the webhook reports, or a notice that says why there is none.

    Raises:
        InputError: when the document breaks its schema, the registry is not named, or a name is invalid.
    """
    validate(document, "nexus-webhook", where=delivery.where)
    component = document.get("component")
    if component is None or document["action"] not in _ACTIONS:
        problem = f"action {document['action']} adds no image" if component else "it is about no component"
        return [ignored(SOURCE, "", Reason.NOT_A_PUSH, problem)]
    kind = optional_text(component.get("format"))
    if kind and kind != _FORMAT:
        return [ignored(SOURCE, "", Reason.NOT_AN_IMAGE, f"a component of format {kind} is not an image")]
    validate(component, "nexus-component", where=f"{delivery.where}/component")
    tag, pushed_at = component["version"], document.get("timestamp")
    key, place = document.get("repositoryName"), f"{delivery.where}/repositoryName"
    repository = keyed_path(delivery, SOURCE, key, component["name"], where=place)
    # A component keeps its id when it is updated, so the time tells two pushes apart.
    event_id = push_id(delivery, pushed_at, repository, tag, document["action"])
    if delivery.registry is None:
        raise not_named(SOURCE, where=delivery.where, found="")
    push = image_push(
        delivery,
        source=SOURCE,
        event_id=event_id,
        host=delivery.registry,
        repository=repository,
        tag=tag,
        pushed_at=pushed_at,
    )
    return [push]
