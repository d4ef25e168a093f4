"""The parameters of the two actions on image caches, checked: what a client asks for, as values.

Names, types, ranges and counts are those of the vendor's pages of UpdateImageCache and DescribeImageCaches;
where those give no limit, a generous one stands here. Must not know the caches.

``MatchImage.N``, ``ImageFullMatch`` and ``ImageMatchCountRequest`` of DescribeImageCaches rank caches by an
unpublished rule; they are refused as unknown rather than answered by guesswork.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import invalid
from .parameters import Reader

__all__ = [
    "COMMON",
    "ID",
    "ID_LENGTH",
    "MOST_TAGS",
    "REGION",
    "DescribeRequest",
    "UpdateRequest",
    "fingerprint",
    "read_describe",
    "read_tags",
    "read_update",
    "refuse_duplicates",
]

MOST_IMAGES = 20
MOST_TAGS = 20
MOST_CREDENTIALS = 10
MOST_ACR_INSTANCES = 20
MOST_DOMAINS = 100
DEFAULT_LIMIT = 20

COMMON = frozenset(
    {
        *("Action", "Version", "Format", "AccessKeyId", "SecurityToken", "Timestamp"),
        *("Signature", "SignatureMethod", "SignatureVersion", "SignatureNonce", "SignatureType"),
        # Part of every SDK's request classes, without a meaning to these actions.
        *("OwnerId", "OwnerAccount", "ResourceOwnerId", "ResourceOwnerAccount"),
    }
)
"""Parameters that every action takes."""

ID_LENGTH = 128
_NAME_LENGTH = 128
_IMAGE_LENGTH = 1024
_CREDENTIAL_LENGTH = 8192
_LARGEST_COUNT = 2**31 - 1
REGION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_IDS = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(,[A-Za-z0-9][A-Za-z0-9_-]*)*")
_ASCII = re.compile(r"[ -~]+")
_REFERENCE = re.compile(r"(?![a-z]+://)\S+")
_SERVER = re.compile(r"(?!https?://)[!-~]+")


@dataclass(frozen=True)
class UpdateRequest:
    """What an UpdateImageCache call asks for; None is a parameter that was left out.

    Attributes:
        region_id: the region.
        image_cache_id: the cache.
        client_token: makes the call idempotent.
        name: the cache's name.
        images: the whole list; without it nothing is rebuilt.
        tags: pairs of key and value.
        attributes: all other parameters that were given, by the API's names, registry passwords left out.
        fingerprint: equal for calls with the same parameters.
    """

    region_id: str
    image_cache_id: str
    client_token: str | None
    name: str | None
    images: tuple[str, ...] | None
    tags: tuple[tuple[str, str], ...] | None
    attributes: Mapping[str, Any]
    fingerprint: str


@dataclass(frozen=True)
class DescribeRequest:
    """What a DescribeImageCaches call asks for; None is a filter that was left out.

    Attributes:
        region_id: the region.
        image_cache_id: filter.
        name: filter.
        snapshot_id: filter.
        resource_group_id: filter.
        image: filter; one entry of a list, as it is written there.
        tags: filter; all of these, a value of None meaning any.
        limit: the most caches in the answer.
        next_token: where the previous page ended.
    """

    region_id: str
    image_cache_id: str | None
    name: str | None
    snapshot_id: str | None
    resource_group_id: str | None
    image: str | None
    tags: tuple[tuple[str, str | None], ...]
    limit: int
    next_token: str | None


def read_update(parameters: Mapping[str, str]) -> UpdateRequest:
    """Check the parameters of an UpdateImageCache call.

    Raises:
        ApiError: MissingParameter or InvalidParameter.
    """
    reader = Reader(parameters)
    reader.ignore(COMMON)
    images = [
        reader.required(name, _IMAGE_LENGTH, _REFERENCE) for name in reader.members("Image", MOST_IMAGES)
    ]
    tags = read_tags(reader)
    attributes: dict[str, Any] = {
        "SecurityGroupId": reader.text("SecurityGroupId", ID_LENGTH, ID),
        # Several vSwitches, separated by commas, are documented for creation.
        "VSwitchId": reader.text("VSwitchId", 2 * ID_LENGTH, _IDS),
        "EipInstanceId": reader.text("EipInstanceId", ID_LENGTH, ID),
        "ResourceGroupId": reader.text("ResourceGroupId", ID_LENGTH, ID),
        "ImageCacheSize": reader.integer("ImageCacheSize", 20, 32768),
        "RetentionDays": reader.integer("RetentionDays", 1, 65536),
        "AutoMatchImageCache": reader.boolean("AutoMatchImageCache"),
        "Flash": reader.boolean("Flash"),
        "StandardCopyCount": reader.integer("StandardCopyCount", 1, _LARGEST_COUNT),
        "FlashCopyCount": reader.integer("FlashCopyCount", 1, _LARGEST_COUNT),
        "EliminationStrategy": reader.choice("EliminationStrategy", ("", "LRU")),
        "ImageRegistryCredential": _read_credentials(reader) or None,
        "AcrRegistryInfo": _read_acr_instances(reader) or None,
    }
    request = UpdateRequest(
        region_id=reader.required("RegionId", ID_LENGTH, REGION),
        image_cache_id=reader.required("ImageCacheId", ID_LENGTH, ID),
        client_token=reader.text("ClientToken", 64, _ASCII),
        name=reader.text("ImageCacheName", _NAME_LENGTH),
        images=tuple(images) or None,
        tags=tuple((key, value or "") for key, value in tags) or None,
        attributes={name: value for name, value in attributes.items() if value is not None},
        fingerprint=fingerprint(parameters),
    )
    reader.finish()
    refuse_duplicates("Image", images)
    refuse_duplicates("Tag", [key for key, _ in tags])
    return request


def read_describe(parameters: Mapping[str, str], largest_limit: int) -> DescribeRequest:
    """Check the parameters of a DescribeImageCaches call.

    Args:
        parameters: of the call.
        largest_limit: the largest Limit that is taken.

    Raises:
        ApiError: MissingParameter or InvalidParameter.
    """
    reader = Reader(parameters)
    reader.ignore(COMMON)
    tags = read_tags(reader)
    request = DescribeRequest(
        region_id=reader.required("RegionId", ID_LENGTH, REGION),
        image_cache_id=reader.text("ImageCacheId", ID_LENGTH, ID),
        name=reader.text("ImageCacheName", _NAME_LENGTH),
        snapshot_id=reader.text("SnapshotId", ID_LENGTH, ID),
        resource_group_id=reader.text("ResourceGroupId", ID_LENGTH, ID),
        image=reader.text("Image", _IMAGE_LENGTH),
        tags=tuple(tags),
        limit=reader.integer("Limit", 1, largest_limit) or min(DEFAULT_LIMIT, largest_limit),
        next_token=reader.text("NextToken", 1024),
    )
    reader.finish()
    refuse_duplicates("Tag", [key for key, _ in tags])
    return request


def fingerprint(parameters: Mapping[str, str]) -> str:
    """A digest of what a call asks for, without who asks and when."""
    asked = sorted((name, value) for name, value in parameters.items() if name not in COMMON - {"Action"})
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def read_tags(reader: Reader) -> list[tuple[str, str | None]]:
    """The pairs of key and value that a call gives; a value of None was left out."""
    tags: list[tuple[str, str | None]] = []
    for name in reader.members("Tag", MOST_TAGS):
        # The vendor's rule for tags of all resources: keys and values of up to 128 characters.
        key = reader.required(f"{name}.Key", _NAME_LENGTH)
        tags.append((key, reader.text(f"{name}.Value", _NAME_LENGTH, shortest=0)))
    return tags


def _read_credentials(reader: Reader) -> list[dict[str, str]]:
    credentials = []
    for name in reader.members("ImageRegistryCredential", MOST_CREDENTIALS):
        server = reader.required(f"{name}.Server", ID_LENGTH * 2, _SERVER)
        user = reader.required(f"{name}.UserName", _CREDENTIAL_LENGTH)
        reader.required(f"{name}.Password", _CREDENTIAL_LENGTH)
        credentials.append({"Server": server, "UserName": user})
    refuse_duplicates("ImageRegistryCredential", [credential["Server"] for credential in credentials])
    return credentials


def _read_acr_instances(reader: Reader) -> list[dict[str, Any]]:
    instances = []
    for name in reader.members("AcrRegistryInfo", MOST_ACR_INSTANCES):
        domains = [
            reader.required(domain, ID_LENGTH * 2, _SERVER)
            for domain in reader.members(f"{name}.Domain", MOST_DOMAINS)
        ]
        refuse_duplicates(f"{name}.Domain", domains)
        instance = {
            "InstanceId": reader.required(f"{name}.InstanceId", ID_LENGTH, ID),
            "InstanceName": reader.text(f"{name}.InstanceName", _NAME_LENGTH),
            "RegionId": reader.text(f"{name}.RegionId", ID_LENGTH, REGION),
            "Domain": domains,
        }
        instances.append({key: value for key, value in instance.items() if value})
    return instances


def refuse_duplicates(name: str, values: Sequence[str]) -> None:
    """Refuse members of which two are equal."""
    if len(set(values)) != len(values):
        raise invalid(name, "members that differ are expected")
