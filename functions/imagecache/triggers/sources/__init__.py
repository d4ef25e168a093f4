"""One module per payload format, each with ``read(document, delivery) -> items``.

The table lists the formats that a webhook may name; an event imports only its own format. How to add one:
CONTRIBUTING.md, "Add a registry".
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from importlib import import_module
from typing import Any

from ...model.change import Item
from .push import Delivery as Delivery

_PREFIX = "/webhooks/"


class Access(Enum):
    """How a webhook's sender proves itself; the secrets are the configured tokens."""

    TOKEN = "the token parameter, or an Authorization header with Bearer and a token"  # noqa: S105 - not a secret
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
"""The sources of ``POST /webhooks/<source>``; each is a module of this package."""


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
