"""An image cache as DescribeImageCaches gives it, and a region's caches indexed for planning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from ..base.json_input import shown
from .reference import ImageRef
from .registry_identity import parse_entry

MOST_IMAGES = 20
"""The longest image list that a cache takes."""

UPDATABLE = frozenset({"Ready", "UpdateFailed"})
"""The states in which ECI accepts an update (vendor documentation of UpdateImageCache)."""

STATUSES = UPDATABLE | {"Preparing", "Creating", "Failed", "Updating"}
"""All states (vendor documentation of DescribeImageCaches)."""

READY = "Ready"
UPDATING = "Updating"
UPDATE_FAILED = "UpdateFailed"
CREATION_FAILED = "Failed"


class ImageCache(NamedTuple):
    """One image cache as last described.

    Attributes:
        status: Preparing, Creating, Ready, Failed, Updating or UpdateFailed.
        images: its image list, as written and in order.
        tags: its ECI tags as (key, value).
        size_gib: ImageCacheSize, if known.
        flash: whether it has an instant (flash) snapshot.
        last_warning: reason and message of its latest Warning event, empty where there is none.
        ready_at: when its latest event says that it became Ready, with a zone; None if none does.
        unreadable: why its description could not be read; empty if it could. Then it has an id at the most.
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
    ready_at: datetime | None = None
    unreadable: str = ""

    @classmethod
    def listed(cls, region_id: str, item: Any) -> ImageCache:
        """Read one member of a listing; one of an odd shape costs itself, and not the others."""
        try:
            return cls.from_answer(region_id, item)
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
            members = item if isinstance(item, Mapping) else {}
            known = [members.get(key) for key in ("ImageCacheId", "ImageCacheName")]
            identifier, name = (value if isinstance(value, str) else "" for value in known)
            why = f"{type(error).__name__}: {shown(str(error))}"
            return cls(region_id, identifier, name, "", (), unreadable=why)

    @classmethod
    def from_answer(cls, region_id: str, item: Mapping[str, Any]) -> ImageCache:
        """Read one member of ``ImageCaches``.

        Raises:
            ArithmeticError, AttributeError, KeyError, TypeError, ValueError: when the answer is not of the
                documented shape.
        """
        size = item.get("ImageCacheSize")
        status = text_of(item["Status"])
        if status not in STATUSES:
            raise ValueError(f"the status {status} is not known")
        return cls(
            region_id=region_id,
            image_cache_id=text_of(item["ImageCacheId"]),
            name=text_of(item.get("ImageCacheName") or ""),
            status=status,
            images=tuple(text_of(image) for image in list_of(item.get("Images"))),
            tags=tuple(
                (text_of(tag["Key"]), text_of(tag.get("Value") or "")) for tag in list_of(item.get("Tags"))
            ),
            resource_group_id=text_of(item.get("ResourceGroupId") or ""),
            size_gib=int(size) if size else None,
            elimination_strategy=text_of(item.get("EliminationStrategy") or ""),
            flash=bool(item.get("FlashSnapshotId")),
            last_warning=_last_warning(list_of(item.get("Events"))),
            ready_at=_ready_at(list_of(item.get("Events"))),
        )

    @property
    def updatable(self) -> bool:
        """Whether ECI accepts an update now."""
        return self.status in UPDATABLE


@dataclass(eq=False, repr=False)
class Listing:
    """All image caches of one region; ``listed_at`` is when reading them began, with a zone.

    Those whose description could not be read are apart: nothing is known of them that could be acted on.
    """

    region_id: str
    caches: tuple[ImageCache, ...]
    listed_at: datetime
    unreadable: tuple[ImageCache, ...] = ()

    @cached_property
    def by_repository(self) -> Mapping[tuple[str, str], tuple[ImageCache, ...]]:
        """Caches by the (registry identity, repository path) of their list entries."""
        index: dict[tuple[str, str], dict[str, ImageCache]] = {}
        for cache in self.caches:
            for registry, reference in cache_entries(cache):
                index.setdefault((registry, reference.repository), {})[cache.image_cache_id] = cache
        return {key: tuple(found.values()) for key, found in index.items()}


def cache_entries(cache: ImageCache) -> list[tuple[str, ImageRef]]:
    """The entries of a cache's list with their registry identity; what is not a reference is left out."""
    return [entry for image in cache.images if (entry := parse_entry(image)) is not None]


def _last_warning(events: Iterable[Mapping[str, Any]]) -> str:
    warnings = [event for event in events if event.get("Type") == "Warning"]
    if not warnings:
        return ""
    # Of several in one second the last one: events are listed in their order.
    latest = max(reversed(warnings), key=lambda event: str(event.get("LastTimestamp") or ""))
    return ": ".join(str(latest[key]) for key in ("Reason", "Message") if latest.get(key))


def _ready_at(events: Sequence[Mapping[str, Any]]) -> datetime | None:
    """When the newest event of all says that the cache became Ready."""
    if not events:
        return None
    # As above: a build of less than a second begins and ends in the same one.
    latest = max(reversed(events), key=lambda event: str(event.get("LastTimestamp") or ""))
    if latest.get("Type") != "Normal" or latest.get("Reason") != READY:
        return None
    try:
        moment = datetime.fromisoformat(str(latest.get("LastTimestamp")).replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def list_of(value: Any, *, required: bool = False) -> list[Any]:
    """A list in an answer, empty if missing; raises ``TypeError`` if it is something else, or required."""
    if value is None and not required:
        return []
    if not isinstance(value, list):
        raise TypeError(f"list expected, {type(value).__name__} found")
    return value


def text_of(value: Any) -> str:
    """A text in an answer; raises ``TypeError`` if it is something else."""
    if not isinstance(value, str):
        raise TypeError(f"text expected, {type(value).__name__} found")
    return value
