"""An image cache as DescribeImageCaches gives it, and a region's caches indexed for planning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from ..base.errors import InputError
from .reference import ImageRef, parse_reference
from .registry_identity import registry_identity

MOST_IMAGES = 20
"""The longest image list that a cache takes."""

UPDATABLE = frozenset({"Ready", "UpdateFailed"})
"""The states in which ECI takes an update (vendor documentation of UpdateImageCache)."""

READY = "Ready"
UPDATE_FAILED = "UpdateFailed"


@dataclass(frozen=True)
class ImageCache:
    """One image cache as last described.

    Attributes:
        region_id: its region.
        image_cache_id: its id (``imc-...``).
        name: its name.
        status: Preparing, Creating, Ready, Failed, Updating or UpdateFailed.
        images: its image list, as written and in order.
        tags: its ECI tags as (key, value).
        resource_group_id: empty where the answer has none.
        size_gib: ImageCacheSize, None where the answer has none.
        elimination_strategy: EliminationStrategy, empty where the answer has none.
        flash: whether it has an instant (flash) snapshot.
        last_warning: reason and message of its latest Warning event, empty where there is none.
    """

    region_id: str
    image_cache_id: str
    name: str
    status: str
    images: tuple[str, ...]
    tags: tuple[tuple[str, str], ...] = ()
    resource_group_id: str = ""
    size_gib: int | None = None
    elimination_strategy: str = ""
    flash: bool = False
    last_warning: str = ""

    @classmethod
    def from_answer(cls, region_id: str, item: Mapping[str, Any]) -> ImageCache:
        """Read one member of ``ImageCaches``.

        Raises:
            ArithmeticError, AttributeError, KeyError, TypeError, ValueError: when the answer is not of the
                documented shape.
        """
        size = item.get("ImageCacheSize")
        return cls(
            region_id=region_id,
            image_cache_id=text_of(item["ImageCacheId"]),
            name=text_of(item.get("ImageCacheName") or ""),
            status=text_of(item["Status"]),
            images=tuple(text_of(image) for image in list_of(item.get("Images"))),
            tags=tuple(
                (text_of(tag["Key"]), text_of(tag.get("Value") or "")) for tag in list_of(item.get("Tags"))
            ),
            resource_group_id=text_of(item.get("ResourceGroupId") or ""),
            size_gib=int(size) if size else None,
            elimination_strategy=text_of(item.get("EliminationStrategy") or ""),
            flash=bool(item.get("FlashSnapshotId")),
            last_warning=_last_warning(list_of(item.get("Events"))),
        )

    @property
    def updatable(self) -> bool:
        """Whether ECI takes an update now."""
        return self.status in UPDATABLE


@dataclass(frozen=True)
class Listing:
    """All image caches of one region at one time.

    Attributes:
        region_id: the region.
        caches: its caches.
        listed_at: when reading them began, with a zone.
    """

    region_id: str
    caches: tuple[ImageCache, ...]
    listed_at: datetime

    @cached_property
    def by_repository(self) -> Mapping[tuple[str, str], tuple[ImageCache, ...]]:
        """Caches by (registry identity, repository path) of the entries that they list."""
        index: dict[tuple[str, str], dict[str, ImageCache]] = {}
        for cache in self.caches:
            for registry, reference in cache_entries(cache):
                index.setdefault((registry, reference.repository), {})[cache.image_cache_id] = cache
        return {key: tuple(found.values()) for key, found in index.items()}


def cache_entries(cache: ImageCache) -> list[tuple[str, ImageRef]]:
    """The entries of a cache's list with their registry identity.

    An entry that is no reference (ECI took it once, so it stays listed) matches nothing and is left out.
    """
    entries = []
    for image in cache.images:
        try:
            reference = parse_reference(image)
            entries.append((registry_identity(reference.host), reference))
        except InputError:
            continue
    return entries


def _last_warning(events: Iterable[Mapping[str, Any]]) -> str:
    warnings = [event for event in events if event.get("Type") == "Warning"]
    if not warnings:
        return ""
    # Of several in one second, the last: events are listed in the order that they came in.
    latest = max(reversed(warnings), key=lambda event: str(event.get("LastTimestamp") or ""))
    return ": ".join(str(latest[key]) for key in ("Reason", "Message") if latest.get(key))


def list_of(value: Any, *, required: bool = False) -> list[Any]:
    """A list of an answer; empty where the answer has none.

    Raises:
        TypeError: when it is something else, or missing though it is required.
    """
    if value is None and not required:
        return []
    if not isinstance(value, list):
        message = f"list expected, {type(value).__name__} found"
        raise TypeError(message)
    return value


def text_of(value: Any) -> str:
    """A text of an answer.

    Raises:
        TypeError: when it is something else.
    """
    if not isinstance(value, str):
        message = f"text expected, {type(value).__name__} found"
        raise TypeError(message)
    return value
