"""The states of an image cache, and what an update does to it: pure functions on values.

    Preparing -> Creating -> Ready | Failed
    Ready | UpdateFailed -> Updating -> Ready | UpdateFailed

Nothing runs in the background. A build stores when it began, when it ends and as what; ``observe`` gives
the state of the cache now. Times are seconds since the epoch. Must not know a database, a clock, or
how parameters are written on the wire.

From the vendor's documents: only a cache in Ready or UpdateFailed can be updated; without an image list
metadata is refreshed and nothing rebuilt; a list replaces the old one. Not from them: the new list shows
while it is being built, and stays when the build fails; a cache past its retention stays too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .errors import ApiError, OrderError, invalid
from .requests import MOST_TAGS, UpdateRequest
from .settings import Settings

__all__ = [
    "STATUSES",
    "Build",
    "Cache",
    "Event",
    "begin_creation",
    "force",
    "observe",
    "progress",
    "update",
    "with_failure",
]

STATUSES = ("Preparing", "Creating", "Ready", "Failed", "Updating", "UpdateFailed")
UPDATABLE = frozenset({"Ready", "UpdateFailed"})
MOST_EVENTS = 50
PREPARING_SHARE = 0.1
"""The part of a creation in which the cache is Preparing."""

_FAILED = {"creation": "Failed", "update": "UpdateFailed"}
_DEFAULTS: dict[str, Any] = {"ImageCacheSize": 20}
_FAILURE_MESSAGE = "Failed to pull an image of the list."


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
class Build:
    """A creation or an update under way.

    Attributes:
        kind: ``creation`` or ``update``.
        started_at: when it began.
        ends_at: when it ends.
        ends_as: the status that it leaves.
        message: why it fails, if it does.
        key: makes the ids of the new snapshot and the temporary instance.
    """

    kind: str
    started_at: float
    ends_at: float
    ends_as: str
    message: str
    key: str


@dataclass(frozen=True)
class Cache:
    """One image cache.

    Attributes:
        image_cache_id: its id.
        region_id: its region.
        name: its name.
        status: its status when it was last written; ``observe`` gives the current one.
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
    """

    image_cache_id: str
    region_id: str
    name: str
    status: str
    images: tuple[str, ...]
    created_at: float
    tags: tuple[tuple[str, str], ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=lambda: dict(_DEFAULTS))
    snapshot_id: str = ""
    flash_snapshot_id: str = ""
    container_group_id: str = ""
    last_matched_at: float | None = None
    events: tuple[Event, ...] = ()
    build: Build | None = None


def begin_creation(cache: Cache, settings: Settings, *, now: float, key: str) -> Cache:
    """Let a new cache be built: Preparing, then Creating, then Ready or Failed."""
    build = Build("creation", now, now + settings.creation_seconds / settings.time_factor, "Ready", "", key)
    return replace(cache, status="Preparing", build=build, container_group_id=f"eci-{key}")


def observe(cache: Cache, now: float) -> Cache:
    """The cache as it is at a time: a build whose end has come has ended, exactly then."""
    build = cache.build
    if build is None:
        return cache
    if now >= build.ends_at:
        return _end(cache, build, build.ends_as, build.message, build.ends_at)
    if build.kind == "update":
        return replace(cache, status="Updating")
    return replace(cache, status="Preparing" if _share(build, now) < PREPARING_SHARE else "Creating")


def progress(cache: Cache, now: float) -> int:
    """How far the cache is built, in percent, at a time that it was observed at."""
    if cache.build is not None:
        return min(99, int(100 * _share(cache.build, now)))
    return 100 if cache.status == "Ready" else 0


def update(cache: Cache, request: UpdateRequest, settings: Settings, *, now: float, key: str) -> Cache:
    """Accept an update.

    Args:
        cache: as observed now.
        request: what is asked for.
        settings: durations and modes.
        now: the time.
        key: new; makes the ids of the new snapshot and the temporary instance.

    Raises:
        ApiError: the update is refused; the cache stays as it is.
    """
    if cache.status not in UPDATABLE:
        raise ApiError(settings.busy_code)
    if settings.no_need_update and request.images == cache.images:
        raise ApiError("NoNeedUpdate")
    old = cache.attributes if settings.omitted_mode == "keep" else _DEFAULTS
    changed = replace(
        cache,
        name=request.name or cache.name,
        tags=_tags(cache, request, settings),
        attributes={**old, **request.attributes},
    )
    if request.images is None:
        return changed
    build = Build(
        kind="update",
        started_at=now,
        ends_at=now + settings.rebuild_seconds / settings.time_factor,
        ends_as="Ready",
        message="",
        key=key,
    )
    return _with_event(
        replace(
            changed,
            status="Updating",
            images=request.images,
            build=build,
            container_group_id=f"eci-{key}",
        ),
        Event("Normal", "Updating", "The update has begun.", now),
    )


def with_failure(cache: Cache, message: str = "") -> Cache:
    """Let the build under way fail, for the reason in the message.

    Raises:
        ValueError: there is no build under way.
    """
    if cache.build is None:
        raise ValueError("a cache that is being built is expected")
    build = replace(cache.build, ends_as=_FAILED[cache.build.kind], message=message or _FAILURE_MESSAGE)
    return replace(cache, build=build)


def force(cache: Cache, status: str, *, now: float, message: str = "") -> Cache:
    """Put an observed cache into a status; it stays there. A build under way ends with it, or is dropped.

    Raises:
        OrderError: there is no such status.
    """
    if status not in STATUSES:
        raise OrderError(f"status: one of {', '.join(STATUSES)} expected, {status!r} found")
    build = cache.build
    if build is not None and status in {"Ready", _FAILED[build.kind]}:
        return _end(cache, build, status, message or _FAILURE_MESSAGE, now)
    forced = replace(cache, status=status, build=None)
    if status in _FAILED.values():
        return _with_event(forced, Event("Warning", status, message or _FAILURE_MESSAGE, now))
    return forced


def _end(cache: Cache, build: Build, status: str, message: str, at: float) -> Cache:
    ended = replace(cache, status=status, build=None)
    if status != "Ready":
        return _with_event(ended, Event("Warning", status, message, at))
    flash = f"s-f{build.key}" if cache.attributes.get("Flash") else ""
    ended = replace(ended, snapshot_id=f"s-{build.key}", flash_snapshot_id=flash)
    return _with_event(ended, Event("Normal", "Ready", "The images are cached.", at))


def _share(build: Build, now: float) -> float:
    seconds = build.ends_at - build.started_at
    return max(0.0, (now - build.started_at) / seconds) if seconds > 0 else 1.0


def _tags(cache: Cache, request: UpdateRequest, settings: Settings) -> tuple[tuple[str, str], ...]:
    if settings.tags_mode == "merge":
        tags = tuple({**dict(cache.tags), **dict(request.tags or ())}.items())
        if len(tags) > MOST_TAGS:
            raise invalid("Tag", f"at most {MOST_TAGS} tags on one image cache are expected")
        return tags
    if request.tags is None:
        return cache.tags if settings.omitted_mode == "keep" else ()
    return request.tags


def _with_event(cache: Cache, event: Event) -> Cache:
    return replace(cache, events=(*cache.events, event)[-MOST_EVENTS:])
