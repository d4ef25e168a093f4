"""One module per payload format, each with ``read(document, delivery) -> items``.

The formats that a webhook may name are those of ``model.webhook_sources``; an event imports only its own
format. How to add one: CONTRIBUTING.md, "Add a registry".
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ...model.change import Item
from ...model.webhook_sources import WEBHOOK_SOURCES
from .authority import Authority as Authority
from .authority import Delivery as Delivery
from .authority import delivery_for as delivery_for

_PREFIX = "/webhooks/"


def read_source(source: str, document: Any, delivery: Delivery) -> list[Item]:
    """Read a payload with the module of its source.

    Raises:
        InputError: when the source's module refuses the document as a whole.
        KeyError: when the table has no such source.
    """
    _ = WEBHOOK_SOURCES[source]
    items: list[Item] = import_module(f".{source}", __name__).read(document, delivery)
    return items


def source_in_path(path: str) -> str | None:
    """The source in the table that a path ``/webhooks/<source>`` names, or None."""
    source = path.removeprefix(_PREFIX).removesuffix("/") if path.startswith(_PREFIX) else ""
    return source if source in WEBHOOK_SOURCES else None
