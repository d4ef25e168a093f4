"""TagResources: sets single tags of image caches, whatever their status, and leaves the other tags.

Names and limits are those of the vendor's page of this action. Must not know a database or a clock.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from .errors import invalid, missing
from .machine import Cache
from .parameters import Reader
from .requests import COMMON, ID, ID_LENGTH, MOST_TAGS, REGION, read_tags, refuse_duplicates

__all__ = ["TagRequest", "read_tagging", "tagged"]

MOST_RESOURCES = 50
_RESERVED = re.compile(r"aliyun|acs:", re.IGNORECASE)
_LINK = re.compile(r"https?://", re.IGNORECASE)


@dataclass(frozen=True)
class TagRequest:
    """What a TagResources call asks for.

    Attributes:
        region_id: the region.
        image_cache_ids: the caches.
        tags: pairs of key and value.
    """

    region_id: str
    image_cache_ids: tuple[str, ...]
    tags: tuple[tuple[str, str], ...]


def read_tagging(parameters: Mapping[str, str]) -> TagRequest:
    """Check the parameters of a TagResources call.

    Raises:
        ApiError: MissingParameter or InvalidParameter.
    """
    reader = Reader(parameters)
    reader.ignore(COMMON)
    region_id = reader.required("RegionId", ID_LENGTH, REGION)
    if reader.choice("ResourceType", ("ImageCache",)) is None:
        raise missing("ResourceType")
    ids = [reader.required(name, ID_LENGTH, ID) for name in reader.members("ResourceId", MOST_RESOURCES)]
    tags = read_tags(reader)
    reader.finish()
    for name, given in (("ResourceId.1", ids), ("Tag.1.Key", tags)):
        if not given:
            raise missing(name)
    refuse_duplicates("ResourceId", ids)
    refuse_duplicates("Tag", [key for key, _ in tags])
    for key, value in tags:
        if _RESERVED.match(key) or _LINK.search(f"{key} {value}"):
            raise invalid("Tag", "no aliyun or acs: at the start of a key and no link are expected")
    return TagRequest(region_id, tuple(ids), tuple((key, value or "") for key, value in tags))


def tagged(cache: Cache, tags: tuple[tuple[str, str], ...]) -> Cache:
    """The cache with tags set; its other tags stay, and so does all else.

    Raises:
        ApiError: InvalidParameter where it would have too many.
    """
    merged = tuple({**dict(cache.tags), **dict(tags)}.items())
    if len(merged) > MOST_TAGS:
        raise invalid("Tag", f"at most {MOST_TAGS} tags on one image cache are expected")
    return replace(cache, tags=merged)
