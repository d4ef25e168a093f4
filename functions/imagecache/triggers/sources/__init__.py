"""One module per payload format, each with ``read(document, delivery) -> items``.

The table says which formats a webhook may name; an event pays for the import of its own format only.
How to add one: CONTRIBUTING.md, "Add a registry".
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from importlib import import_module
from typing import Any

from ...model.change import Item
from .delivery import Delivery as Delivery

_PREFIX = "/webhooks/"


class Access(Enum):
    """How a webhook's sender shows that it may be let in; the configured tokens are the secrets of all."""

    TOKEN = "the token parameter, or an Authorization header with Bearer and a token"  # noqa: S105 - no secret
    HEADER = "the token parameter, or an Authorization header with a token"
    SIGNATURE = "an X-Hub-Signature-256 header with the body's HMAC, keyed with a token"


WEBHOOK_SOURCES: Mapping[str, Access] = {
    "acr": Access.TOKEN,
    "azure": Access.TOKEN,
    "distribution": Access.TOKEN,
    "dockerhub": Access.TOKEN,
    "github": Access.SIGNATURE,
    "harbor": Access.HEADER,
    "native": Access.TOKEN,
    "quay": Access.TOKEN,
}
"""The sources of ``POST /webhooks/<source>``; each is a module of that name in this package."""


def read_source(source: str, document: Any, delivery: Delivery) -> list[Item]:
    """Read a payload with the module of its source.

    Args:
        source: a name of the table.
        document: the parsed JSON.
        delivery: how it came.

    Raises:
        InputError: when the source's module refuses the document as a whole.
        KeyError: when the table has no such source.
    """
    _ = WEBHOOK_SOURCES[source]
    items: list[Item] = import_module(f".{source}", __name__).read(document, delivery)
    return items


def source_in_path(path: str) -> str | None:
    """The source of the table that a path of the form ``/webhooks/<source>`` names, or None."""
    source = path.removeprefix(_PREFIX).removesuffix("/") if path.startswith(_PREFIX) else ""
    return source if source in WEBHOOK_SOURCES else None
