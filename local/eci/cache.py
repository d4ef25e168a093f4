"""An image cache as a value: what it is, what is under way, and what waits. Must not know what changes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..base.switches import changed, switch
from .settings import Settings

__all__ = [
    "DEFAULTS",
    "MOST_EVENTS",
    "Build",
    "Builds",
    "Cache",
    "Change",
    "Event",
    "read_cache",
    "with_event",
]

MOST_EVENTS = 50
DEFAULTS: Mapping[str, Any] = {"ImageCacheSize": 20}
"""What the parameters of an update are where nobody gave them."""

Tags = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Event:
    """An event of a cache, as DescribeImageCaches shows it.

    Attributes:
        type: Normal or Warning.
        reason: what kind of event.
        message: for people.
        at: when.
    """

    type: str
    reason: str
    message: str
    at: float


@dataclass(frozen=True)
class Change:
    """What an accepted update asks for; None is a parameter that was left out.

    Attributes:
        name: the cache's name.
        images: the whole list; without it nothing is rebuilt.
        tags: pairs of key and value.
        attributes: all other parameters, by the API's names.
        settings: those that it is carried out by.
        images_before: the list when it began.
        tags_before: the tags when it began.
        tags_set: the tags that it began with.
    """

    name: str | None
    images: tuple[str, ...] | None
    tags: Tags | None
    attributes: Mapping[str, Any]
    settings: Settings
    images_before: tuple[str, ...] = ()
    tags_before: Tags = ()
    tags_set: Tags = ()


@dataclass(frozen=True)
class Build:
    """A creation or an update that is under way, or waits for its beginning.

    Attributes:
        kind: ``creation`` or ``update``.
        started_at: when it begins.
        ends_at: when it ends.
        ends_as: the status that it leaves.
        message: why it fails, if it does.
        key: makes the ids of the new snapshot and the temporary instance.
        change: of an update.
    """

    kind: str
    started_at: float
    ends_at: float
    ends_as: str
    message: str
    key: str
    change: Change | None = None


@dataclass(frozen=True)
class Builds:
    """How the updates of one cache go from now on; ``switch`` says what each means."""

    rebuild_seconds: float = switch(-1.0, "how long an update takes; below 0: what the settings say")
    failing_builds: int = switch(0, "how many of the next updates fail; -1: all", least=-1)
    failure_message: str = switch("", "why they fail")

    def changed(self, changes: Mapping[str, Any]) -> Builds:
        """This with some changed.

        Raises:
            SwitchError: an unknown name, or a value that it cannot have.
        """
        return changed(self, changes)


@dataclass(frozen=True)
class Cache:
    """One image cache.

    Attributes:
        image_cache_id: its id.
        region_id: its region.
        name: its name.
        status: its status when it was last written; ``machine.observe`` gives the current one.
        images: its list.
        created_at: when it was created.
        tags: pairs of key and value.
        attributes: what else an update can set, by the API's names.
        snapshot_id: of the last build that ended well; empty before.
        flash_snapshot_id: the same of an instant cache.
        container_group_id: the temporary instance of the last build.
        last_matched_at: when a pod last used it.
        events: the newest, in order.
        build: what is under way.
        queue: updates that begin one after the other when that has ended.
        builds: how its updates go.
    """

    image_cache_id: str
    region_id: str
    name: str
    status: str
    images: tuple[str, ...]
    created_at: float
    tags: Tags = ()
    attributes: Mapping[str, Any] = field(default_factory=lambda: dict(DEFAULTS))
    snapshot_id: str = ""
    flash_snapshot_id: str = ""
    container_group_id: str = ""
    last_matched_at: float | None = None
    events: tuple[Event, ...] = ()
    build: Build | None = None
    queue: tuple[Build, ...] = ()
    builds: Builds = field(default_factory=Builds)

    @property
    def last_build(self) -> Build | None:
        """The build that ends last."""
        return self.queue[-1] if self.queue else self.build

    @property
    def coming_images(self) -> tuple[str, ...]:
        """The list when all that waits has begun."""
        lists = [build.change.images for build in self.queue if build.change is not None]
        return next((images for images in reversed(lists) if images is not None), self.images)


def with_event(cache: Cache, event: Event) -> Cache:
    """The cache with one more event, the oldest dropped where there are too many."""
    return replace(cache, events=(*cache.events, event)[-MOST_EVENTS:])


def read_cache(document: Mapping[str, Any]) -> Cache:
    """The cache of which JSON made this from its ``dataclasses.asdict``."""
    return Cache(
        **{
            **document,
            "images": tuple(document["images"]),
            "tags": _tags(document["tags"]),
            "events": tuple(Event(**event) for event in document["events"]),
            "build": None if document["build"] is None else _build(document["build"]),
            "queue": tuple(_build(build) for build in document["queue"]),
            "builds": Builds(**document["builds"]),
        }
    )


def _build(document: Mapping[str, Any]) -> Build:
    change = document["change"]
    return Build(**{**document, "change": None if change is None else _change(change)})


def _change(document: Mapping[str, Any]) -> Change:
    return Change(
        **{
            **document,
            "images": None if document["images"] is None else tuple(document["images"]),
            "tags": None if document["tags"] is None else _tags(document["tags"]),
            "settings": Settings(**document["settings"]),
            "images_before": tuple(document["images_before"]),
            "tags_before": _tags(document["tags_before"]),
            "tags_set": _tags(document["tags_set"]),
        }
    )


def _tags(pairs: list[list[str]]) -> Tags:
    return tuple((key, value) for key, value in pairs)
