"""The UpdateImageCache request: built from a described cache, shown, and flattened for the wire.

Whether the platform keeps the value of a parameter that an update leaves out is documented nowhere. So
everything that DescribeImageCaches returns and UpdateImageCache takes is sent again: right either way.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ..base.errors import PermanentError
from ..base.reasons import Reason
from ..model.image_cache import MOST_IMAGES, ImageCache
from .entry_memory import NO_NOTES, Notes
from .update_memory import MEMORY_TAG, MOST_TAGS, with_memory
from .update_memory_layout import UpdateMemory

MASK = "***"
_SMALLEST_GIB, _LARGEST_GIB = 20, 32768


def client_token(cache: ImageCache, images: Iterable[str], change_ids: Iterable[str], due: str = "") -> str:
    """The idempotency token of an update: one for each (cache, image list, change).

    A repeated change must get a new token once its update has ended, or the platform may answer with the call
    of then; so the cache's state and memory, and the due time of the follow task, are part of what makes it.

    Returns:
        64 hexadecimal characters, the most that the API takes.
    """
    facts = [cache.region_id, cache.image_cache_id, list(images), sorted(set(change_ids))]
    state = [cache.status, dict(cache.tags).get(MEMORY_TAG, ""), due]
    return hashlib.sha256(json.dumps([*facts, *state]).encode()).hexdigest()


class Update(NamedTuple):
    """One update that is to be sent.

    Attributes:
        images: the full list to build, in order.
        change_ids: of what it is for.
        memory: what the cache is to remember of it.
        due: of the follow task that makes it, as text; empty elsewhere.
        notes: what the cache is to remember of its entries.
    """

    images: tuple[str, ...]
    change_ids: tuple[str, ...]
    memory: UpdateMemory
    due: str = ""
    notes: Notes = NO_NOTES


def build_update(cache: ImageCache, update: Update, extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The request document, by the API's own parameter names (schema ``update-image-cache``).

    Args:
        cache: the cache as just described.
        update: the update.
        extra: parameters from configuration; they replace what the description says. Tags are joined to those
            that the cache has, as many as there is room for.

    Raises:
        PermanentError: ``INVALID_UPDATE_REQUEST`` when the list is empty or too long.
    """
    images = update.images
    if not 1 <= len(images) <= MOST_IMAGES:
        raise PermanentError(
            Reason.INVALID_UPDATE_REQUEST,
            f"the list has {len(images)} images; an image cache has 1 to {MOST_IMAGES}",
            calls=0,
        )
    request: dict[str, Any] = {
        "RegionId": cache.region_id,
        "ImageCacheId": cache.image_cache_id,
        "ClientToken": client_token(cache, images, update.change_ids, update.due),
        "Image": list(images),
    }
    given = dict(extra or {})
    described: dict[str, Any] = {
        "ImageCacheName": cache.name,
        "ResourceGroupId": cache.resource_group_id,
        "EliminationStrategy": cache.elimination_strategy,
        "Tag": _tags(with_memory(cache, update.memory, update.notes), given.pop("Tag", ())),
        "ImageCacheSize": _sendable_size(cache.size_gib),
        "Flash": cache.flash,
    }
    request.update({key: value for key, value in described.items() if value})
    request.update(given)
    return request


def _tags(tags: Iterable[tuple[str, str]], given: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    rows = [{"Key": key, "Value": value} for key, value in tags]
    for tag in given:
        same = [row for row in rows if row["Key"] == tag["Key"]]
        for row in same:
            row["Value"] = tag["Value"]
        if not same and len(rows) < MOST_TAGS:
            rows.append(dict(tag))
    return rows


def _sendable_size(gib: int | None) -> int | None:
    """The size, unless an update would not take it: a description may hold one from before the limits."""
    return gib if gib is not None and _SMALLEST_GIB <= gib <= _LARGEST_GIB else None


def masked(request: Mapping[str, Any]) -> dict[str, Any]:
    """The request as it may be shown: registry passwords replaced."""
    shown = dict(request)
    if "ImageRegistryCredential" in shown:
        shown["ImageRegistryCredential"] = [
            {key: MASK if key == "Password" else value for key, value in credential.items()}
            for credential in shown["ImageRegistryCredential"]
        ]
    return shown
