"""The parameters of UpdateImageCache and DescribeImageCaches, checked: what a client asks for, as values.

Names, types, ranges and counts are those of the vendor's pages of UpdateImageCache and DescribeImageCaches;
where those give no limit, a generous one stands here. Must not know the caches.

``MatchImage.N``, ``ImageFullMatch`` and ``ImageMatchCountRequest`` of DescribeImageCaches rank caches by an
unpublished rule; they are refused as unknown rather than answered by guesswork.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .common_parameters import (
    COMMON,
    ID,
    ID_LENGTH,
    NAME_LENGTH,
    REGION,
    read_client_token,
    read_region,
    read_tags,
    refuse_duplicates,
)
from .parameters import Reader

__all__ = ["DescribeRequest", "UpdateRequest", "fingerprint", "read_describe", "read_update"]

MOST_IMAGES = 20
MOST_CREDENTIALS = 10
MOST_ACR_INSTANCES = 20
MOST_DOMAINS = 100
DEFAULT_LIMIT = 20

_IMAGE_LENGTH = 1024
_CREDENTIAL_LENGTH = 8192
_LARGEST_COUNT = 2**31 - 1
_IDS = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(,[A-Za-z0-9][A-Za-z0-9_-]*)*")
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
        region_id=read_region(reader),
        image_cache_id=reader.required("ImageCacheId", ID_LENGTH, ID),
        client_token=read_client_token(reader),
        name=reader.text("ImageCacheName", NAME_LENGTH),
        images=tuple(images) or None,
        tags=tuple((key, value or "") for key, value in tags) or None,
        attributes={name: value for name, value in attributes.items() if value is not None},
        fingerprint=fingerprint(parameters),
    )
    reader.finish()
    refuse_duplicates("Image", images)
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
        region_id=read_region(reader),
        image_cache_id=reader.text("ImageCacheId", ID_LENGTH, ID),
        name=reader.text("ImageCacheName", NAME_LENGTH),
        snapshot_id=reader.text("SnapshotId", ID_LENGTH, ID),
        resource_group_id=reader.text("ResourceGroupId", ID_LENGTH, ID),
        image=reader.text("Image", _IMAGE_LENGTH),
        tags=tuple(tags),
        limit=reader.integer("Limit", 1, largest_limit) or min(DEFAULT_LIMIT, largest_limit),
        next_token=reader.text("NextToken", 1024),
    )
    reader.finish()
    return request


def fingerprint(parameters: Mapping[str, str]) -> str:
    """A digest of what a call asks for, without who asks and when."""
    asked = sorted((name, value) for name, value in parameters.items() if name not in COMMON - {"Action"})
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


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
            "InstanceName": reader.text(f"{name}.InstanceName", NAME_LENGTH),
            "RegionId": reader.text(f"{name}.RegionId", ID_LENGTH, REGION),
            "Domain": domains,
        }
        instances.append({key: value for key, value in instance.items() if value})
    return instances
