"""Which image caches a manual request or a timer's payload means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .globs import glob_matches
from .image_cache import ImageCache


class CacheSelector(NamedTuple):
    """Every given criterion must be met, by any of its values.

    Attributes:
        names: globs over names.
        exact_name: a literal name.
        tags: ECI tags as (key, glob over the value or None for any value); all must match.
    """

    ids: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    exact_name: str | None = None
    tags: tuple[tuple[str, str | None], ...] = ()
    regions: tuple[str, ...] = ()

    def matches(self, cache: ImageCache) -> bool:
        """Whether the cache is meant."""
        return (
            (not self.ids or cache.image_cache_id in self.ids)
            and (not self.names or any(glob_matches(name, cache.name) for name in self.names))
            and (self.exact_name is None or cache.name == self.exact_name)
            and (not self.regions or cache.region_id in self.regions)
            and all(_has_tag(cache, key, value) for key, value in self.tags)
        )


ALL_CACHES = CacheSelector()
"""No criterion, so every cache."""


def read_selector(document: Mapping[str, Any]) -> CacheSelector:
    """The selector of a schema-valid ``caches`` document."""
    return CacheSelector(
        ids=tuple(document.get("ids", ())),
        names=tuple(document.get("names", ())),
        tags=tuple((tag["key"], tag.get("value")) for tag in document.get("tags", ())),
        regions=tuple(document.get("regions", ())),
    )


def _has_tag(cache: ImageCache, key: str, value: str | None) -> bool:
    return any(
        key == tag_key and (value is None or glob_matches(value, tag_value))
        for tag_key, tag_value in cache.tags
    )
