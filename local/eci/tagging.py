"""TagResources and UntagResources: single tags set on caches, or taken away, whatever state these are in.

Parameters and limits are those of the vendor's pages of the two actions. No page names a state in which
they are refused. Pure: must not know a database, nor what else a cache goes through.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from .cache import Cache
from .common_parameters import (
    COMMON,
    MOST_TAGS,
    read_client_token,
    read_ids,
    read_region,
    read_tags,
    refuse_duplicates,
)
from .errors import invalid, missing
from .parameters import Reader

__all__ = ["TAG_ACTIONS", "TagRequest", "read_tag_request", "retagged"]

TAG_ACTIONS = frozenset({"TagResources", "UntagResources"})
_KEY_LENGTH = 128
_RESERVED = re.compile(r"aliyun|acs:", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://", re.IGNORECASE)


@dataclass(frozen=True)
class TagRequest:
    """What a call asks for.

    Attributes:
        region_id: the region.
        image_cache_ids: the caches.
        added: pairs of key and value.
        removed: keys; None for all of a cache.
    """

    region_id: str
    image_cache_ids: tuple[str, ...]
    added: tuple[tuple[str, str], ...] = ()
    removed: tuple[str, ...] | None = ()


def read_tag_request(parameters: Mapping[str, str]) -> TagRequest:
    """Check the parameters of a call of one of the ``TAG_ACTIONS``.

    Raises:
        ApiError: MissingParameter or InvalidParameter.
    """
    reader = Reader(parameters)
    reader.ignore(COMMON)
    region_id = read_region(reader)
    if reader.choice("ResourceType", ("ImageCache",)) is None:
        raise missing("ResourceType")
    image_cache_ids = read_ids(reader, "ResourceId")
    read_client_token(reader)  # setting the same tags twice is the same as once
    if parameters["Action"] == "TagResources":
        request = TagRequest(region_id, image_cache_ids, added=_read_added(reader))
    else:
        request = TagRequest(region_id, image_cache_ids, removed=_read_removed(reader))
    reader.finish()
    return request


def retagged(cache: Cache, request: TagRequest) -> Cache:
    """The cache with its tags as asked for; those that the request does not name stay.

    Raises:
        ApiError: InvalidParameter; the cache would have too many.
    """
    if request.removed is None:
        return replace(cache, tags=())
    tags = {key: value for key, value in cache.tags if key not in request.removed} | dict(request.added)
    if len(tags) > MOST_TAGS:
        raise invalid("Tag", f"at most {MOST_TAGS} tags on one image cache are expected")
    return replace(cache, tags=tuple(tags.items()))


def _read_added(reader: Reader) -> tuple[tuple[str, str], ...]:
    tags = tuple((key, value or "") for key, value in read_tags(reader))
    if not tags:
        raise missing("Tag.1.Key")
    for number, tag in enumerate(tags, 1):
        for name, text in zip(("Key", "Value"), tag, strict=True):
            if _RESERVED.match(text):
                raise invalid(
                    f"Tag.{number}.{name}", "a text that does not begin with aliyun or acs: is expected"
                )
            if _ADDRESS.search(text):
                raise invalid(f"Tag.{number}.{name}", "a text without http:// and https:// is expected")
    return tags


def _read_removed(reader: Reader) -> tuple[str, ...] | None:
    keys = tuple(reader.required(name, _KEY_LENGTH) for name in reader.members("TagKey", MOST_TAGS))
    refuse_duplicates("TagKey", keys)
    everything = reader.boolean("All")
    if keys:
        return keys
    if not everything:
        raise missing("TagKey.1")
    return None
