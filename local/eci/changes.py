"""What an update does to a cache's list, tags and parameters, when it begins and when it ends.

Much of this is a choice (``settings``): the documents say that a list replaces the old one, and nothing of
what a failure leaves. Pure functions. Must not know when an update begins or ends.
"""

from __future__ import annotations

from dataclasses import replace

from .cache import DEFAULTS, Cache, Change, Tags
from .common_parameters import MOST_TAGS
from .errors import invalid

__all__ = ["begin", "check_tags", "end"]


def check_tags(cache: Cache, change: Change) -> None:
    """Check that an update leaves no more tags than a cache may have.

    Raises:
        ApiError: InvalidParameter.
    """
    if len(_with_tags(cache.tags, change)) > MOST_TAGS:
        raise invalid("Tag", f"at most {MOST_TAGS} tags on one image cache are expected")


def begin(cache: Cache, change: Change) -> tuple[Cache, Change]:
    """The cache when an update has begun, and the update with what it found."""
    settings = change.settings
    late = settings.tags_applied == "end" and change.images is not None
    tags = cache.tags if late else _with_tags(cache.tags, change)
    old = cache.attributes if settings.omitted_mode == "keep" else DEFAULTS
    begun = replace(
        cache,
        name=change.name or cache.name,
        images=cache.images if change.images is None else change.images,
        tags=tags,
        attributes={**old, **change.attributes},
    )
    return begun, replace(change, images_before=cache.images, tags_before=cache.tags, tags_set=tags)


def end(cache: Cache, change: Change, *, well: bool) -> Cache:
    """The cache when an update has ended, well or not."""
    settings = change.settings
    if not well and settings.images_after_failure == "restore":
        cache = replace(cache, images=change.images_before)
    kept = well or settings.tags_after_failure == "keep"
    if settings.tags_applied == "end":
        # For what others have set meanwhile there is room first.
        return replace(cache, tags=_with_tags(cache.tags, change)[:MOST_TAGS]) if kept else cache
    return cache if kept else replace(cache, tags=_without_tags(cache.tags, change))


def _with_tags(tags: Tags, change: Change) -> Tags:
    settings = change.settings
    if settings.tags_mode == "drop":
        return tags
    if settings.tags_mode == "merge":
        return tuple({**dict(tags), **dict(change.tags or ())}.items())
    if change.tags is None:
        return tags if settings.omitted_mode == "keep" else ()
    return change.tags


def _without_tags(tags: Tags, change: Change) -> Tags:
    """Take back what the update did to tags; what others did since stays."""
    before, after, now = dict(change.tags_before), dict(change.tags_set), dict(tags)
    for key in {**before, **after}:
        if before.get(key) != after.get(key) and now.get(key) == after.get(key):
            if key in before:
                now[key] = before[key]
            else:
                now.pop(key, None)
    return tuple(now.items())
