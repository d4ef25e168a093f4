"""Parameters that several actions have, checked by the same rules. Must not know any action."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .errors import invalid
from .parameters import Reader

__all__ = [
    "COMMON",
    "ID",
    "ID_LENGTH",
    "MOST_TAGS",
    "NAME_LENGTH",
    "REGION",
    "read_client_token",
    "read_ids",
    "read_region",
    "read_tags",
    "refuse_duplicates",
]

MOST_TAGS = 20
MOST_IDS = 50
ID_LENGTH = 128
NAME_LENGTH = 128
REGION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_ASCII = re.compile(r"[ -~]+")

COMMON = frozenset(
    {
        *("Action", "Version", "Format", "AccessKeyId", "SecurityToken", "Timestamp"),
        *("Signature", "SignatureMethod", "SignatureVersion", "SignatureNonce", "SignatureType"),
        # Part of every SDK's request classes, without a meaning to these actions.
        *("OwnerId", "OwnerAccount", "ResourceOwnerId", "ResourceOwnerAccount"),
    }
)
"""Parameters that every action takes."""


def read_region(reader: Reader) -> str:
    """The RegionId, which every call needs."""
    return reader.required("RegionId", ID_LENGTH, REGION)


def read_client_token(reader: Reader) -> str | None:
    """The ClientToken."""
    return reader.text("ClientToken", 64, _ASCII)


def read_ids(reader: Reader, name: str) -> tuple[str, ...]:
    """A list of ids with at least one in it, and none twice."""
    members = reader.members(name, MOST_IDS) or [f"{name}.1"]
    ids = tuple(reader.required(member, ID_LENGTH, ID) for member in members)
    refuse_duplicates(name, ids)
    return ids


def read_tags(reader: Reader) -> list[tuple[str, str | None]]:
    """Pairs of key and value, no key twice; a value that was left out is None."""
    tags: list[tuple[str, str | None]] = []
    for name in reader.members("Tag", MOST_TAGS):
        # The vendor's rule for tags of all resources: keys and values of up to 128 characters.
        key = reader.required(f"{name}.Key", NAME_LENGTH)
        tags.append((key, reader.text(f"{name}.Value", NAME_LENGTH, shortest=0)))
    refuse_duplicates("Tag", [key for key, _ in tags])
    return tags


def refuse_duplicates(name: str, values: Sequence[str]) -> None:
    """Raise InvalidParameter where two values are equal."""
    if len(set(values)) != len(values):
        raise invalid(name, "members that differ are expected")
