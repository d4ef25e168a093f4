"""One module per payload format, each with ``read(document, delivery) -> items``.

To add a source: a module here, a schema, samples under ``tests/payloads/<source>/``, and a line in the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..changes import Item
from . import acr, distribution
from .delivery import Delivery

__all__ = ["WEBHOOK_SOURCES", "Delivery"]

WEBHOOK_SOURCES: Mapping[str, Callable[[Any, Delivery], list[Item]]] = {
    "acr": acr.read,
    "distribution": distribution.read,
}
"""The sources of ``POST /webhooks/<source>``."""
