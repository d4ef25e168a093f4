"""The webhook of Azure Container Registry: an image was pushed, or something else was done."""

from __future__ import annotations

from typing import Any

from ...base.json_schema import validate
from ...model.change import Item
from .authority import Delivery
from .optional_facts import optional_object, optional_text
from .push import manifest_push

SOURCE = "azure"


def read(document: Any, delivery: Delivery) -> list[Item]:
    """The push that the webhook reports, or a notice that says why there is none.

    Raises:
        InputError: when the document breaks its schema, a name is invalid, or no registry is named.
    """
    validate(document, "azure-webhook", where=delivery.where)
    host = optional_text(optional_object(document.get("request")).get("host")), "request.host"
    return [manifest_push(document, delivery, source=SOURCE, host=host, where=delivery.where)]
