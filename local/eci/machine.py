"""The states of an image cache, and what an update does to them: pure functions on values.

    Preparing -> Creating -> Ready | Failed
    Ready | UpdateFailed -> Updating -> Ready | UpdateFailed

Nothing runs in the background. A build stores when it began, when it ends and as what; ``observe`` gives
the state of the cache now. Times are seconds since the epoch. Must not know a database, a clock, or
how parameters are written on the wire.

From the vendor's documents: only a cache in Ready or UpdateFailed can be updated; without an image list
metadata is refreshed and nothing rebuilt; a list replaces the old one. Not from them: the new list shows
while it is being built; a cache past its retention stays.
"""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase

from . import changes
from .cache import Build, Cache, Change, Event, with_event
from .errors import ApiError, OrderError
from .requests import UpdateRequest
from .settings import Settings

__all__ = ["STATUSES", "begin_creation", "force", "observe", "progress", "update", "with_failure"]

STATUSES = ("Preparing", "Creating", "Ready", "Failed", "Updating", "UpdateFailed")
UPDATABLE = frozenset({"Ready", "UpdateFailed"})
PREPARING_SHARE = 0.1
"""The part of a creation in which the cache is Preparing."""

_FAILED = {"creation": "Failed", "update": "UpdateFailed"}
_FAILURE_MESSAGE = "Failed to pull an image of the list."


def begin_creation(cache: Cache, settings: Settings, *, now: float, key: str) -> Cache:
    """Let a new cache be built: Preparing, then Creating, then Ready or Failed."""
    build = Build("creation", now, now + settings.creation_seconds / settings.time_factor, "Ready", "", key)
    return replace(cache, status="Preparing", build=build, container_group_id=f"eci-{key}")


def observe(cache: Cache, now: float) -> Cache:
    """The cache as it is at a time: a build has ended at its end, and the next has begun then."""
    while True:
        build = cache.build
        if build is None:
            if not cache.queue or now < cache.queue[0].started_at:
                return cache
            cache = _begin(replace(cache, queue=cache.queue[1:]), cache.queue[0])
        elif now >= build.ends_at:
            cache = _end(cache, build, build.ends_as, build.message, build.ends_at)
        elif build.kind == "update":
            return replace(cache, status="Updating")
        else:
            return replace(cache, status="Preparing" if _share(build, now) < PREPARING_SHARE else "Creating")


def progress(cache: Cache, now: float) -> int:
    """How far the cache is built, in percent, at a time that it was observed at."""
    if cache.build is not None:
        return min(99, int(100 * _share(cache.build, now)))
    return 100 if cache.status == "Ready" else 0


def update(cache: Cache, request: UpdateRequest, settings: Settings, *, now: float, key: str) -> Cache:
    """Accept an update: it begins now, or waits for the end of the one under way.

    Args:
        cache: as observed now.
        request: what is asked for.
        settings: durations and modes.
        now: the time.
        key: new; makes the ids of the new snapshot and the temporary instance.

    Raises:
        ApiError: the update is refused; the cache stays as it is.
    """
    last = cache.last_build
    waits = settings.busy_mode == "queue" and last is not None and last.kind == "update"
    if cache.status not in UPDATABLE and not waits:
        raise ApiError(settings.busy_code)
    compared = {"never": False, "ready": cache.status == "Ready", "any": True}[settings.no_need_update]
    if compared and request.images == cache.coming_images:
        raise ApiError("NoNeedUpdate")
    change = Change(request.name, request.images, request.tags, request.attributes, settings)
    changes.check_tags(cache, change)
    begins_at = now if last is None else last.ends_at
    build = Build("update", begins_at, begins_at, "Ready", "", key, change)
    if request.images is not None:
        cache, build = _planned(cache, build, request.images, settings)
    return replace(cache, queue=(*cache.queue, build)) if waits else _begin(cache, build)


def _planned(cache: Cache, build: Build, images: tuple[str, ...], settings: Settings) -> tuple[Cache, Build]:
    """How long the build takes and whether it fails; the cache with one failure less to come."""
    builds = cache.builds
    seconds = builds.rebuild_seconds if builds.rebuild_seconds >= 0 else settings.rebuild_seconds
    build = replace(build, ends_at=build.started_at + seconds / settings.time_factor)
    globs = [glob.strip() for glob in settings.failing_images.split(",")]
    if builds.failing_builds:
        build = _failing(build, builds.failure_message)
        left = builds.failing_builds - 1 if builds.failing_builds > 0 else builds.failing_builds
        cache = replace(cache, builds=replace(builds, failing_builds=left))
    elif any(fnmatchcase(image, glob) for image in images for glob in globs):
        build = _failing(build, "")
    return cache, build


def with_failure(cache: Cache, message: str = "") -> Cache:
    """Let the build that ends last fail, for the reason in the message.

    Raises:
        ValueError: there is no build.
    """
    if cache.queue:
        return replace(cache, queue=(*cache.queue[:-1], _failing(cache.queue[-1], message)))
    if cache.build is None:
        raise ValueError("a cache that is being built is expected")
    return replace(cache, build=_failing(cache.build, message))


def force(cache: Cache, status: str, *, now: float, message: str = "") -> Cache:
    """Put an observed cache into a status; it stays there. A build under way ends with it, or is dropped.

    Updates that wait are dropped.

    Raises:
        OrderError: there is no such status.
    """
    if status not in STATUSES:
        raise OrderError(f"status: one of {', '.join(STATUSES)} expected, {status!r} found")
    cache, build = replace(cache, queue=()), cache.build
    if build is not None and status in {"Ready", _FAILED[build.kind]}:
        return _end(cache, build, status, message or _FAILURE_MESSAGE, now)
    forced = replace(cache, status=status, build=None)
    if status in _FAILED.values():
        return with_event(forced, Event("Warning", status, message or _FAILURE_MESSAGE, now))
    return forced


def _begin(cache: Cache, build: Build) -> Cache:
    if build.change is None:
        raise ValueError("an update is expected")
    begun, change = changes.begin(cache, build.change)
    if change.images is None:
        return begun
    begun = replace(
        begun,
        status="Updating",
        build=replace(build, change=change),
        container_group_id=f"eci-{build.key}",
    )
    return with_event(begun, Event("Normal", "Updating", "The update has begun.", build.started_at))


def _end(cache: Cache, build: Build, status: str, message: str, at: float) -> Cache:
    ended = replace(cache, status=status, build=None)
    if build.change is not None:
        ended = changes.end(ended, build.change, well=status == "Ready")
    if status != "Ready":
        return with_event(ended, Event("Warning", status, message, at))
    flash = f"s-f{build.key}" if cache.attributes.get("Flash") else ""
    ended = replace(ended, snapshot_id=f"s-{build.key}", flash_snapshot_id=flash)
    return with_event(ended, Event("Normal", "Ready", "The images are cached.", at))


def _failing(build: Build, message: str) -> Build:
    return replace(build, ends_as=_FAILED[build.kind], message=message or _FAILURE_MESSAGE)


def _share(build: Build, now: float) -> float:
    seconds = build.ends_at - build.started_at
    return max(0.0, (now - build.started_at) / seconds) if seconds > 0 else 1.0
