"""Listings of image caches, reused inside a warm instance for a short time.

A listing may be reused for a push only if it was begun after the push: a cache that was created, or given
the image, between the listing and the push would be missed, and the push lost without a word.
A listing of ECI's own that is some seconds behind misses only a cache that is still starting, with its first
list or another one, and that pulls its images after the push.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ..clients.clients import Clients
from ..config.settings import Settings
from ..model.image_cache import ImageCache, Listing

LISTING_LIFETIME = timedelta(seconds=30)


@dataclass(eq=False, repr=False)
class Listings:
    """The listings of one invocation.

    Attributes:
        clients: ECI is asked when the kept listing is too old.
        settings: of this invocation.
        now: when the invocation began; a listing of this very invocation always serves.
        kept: the last listing of each (endpoint, region), which outlives the invocation.
    """

    clients: Clients
    settings: Settings
    now: datetime
    kept: dict[tuple[str, str], Listing] = field(repr=False)

    def current(self, region_id: str, since: datetime | None = None) -> Listing:
        """A listing that is right for a push.

        Args:
            region_id: the region.
            since: the latest moment the push can have happened; None: only one of this invocation serves.

        Raises:
            EciError: when the region could not be listed.
        """
        key = (self.settings.eci_endpoint, region_id)
        kept = self.kept.get(key)
        if kept is not None and self._serves(kept, since):
            return kept
        found = self.clients.eci.list_image_caches(region_id)
        self.kept[key] = listing = Listing(
            region_id,
            tuple(cache for cache in found if not cache.unreadable),
            self.now,
            tuple(cache for cache in found if cache.unreadable),
        )
        return listing

    def unreadable(self) -> Iterator[ImageCache]:
        """The caches that could not be read in what this invocation listed itself."""
        for listing in self.kept.values():
            if listing.listed_at == self.now:
                yield from listing.unreadable

    def all_caches(self) -> Iterator[ImageCache]:
        """Every cache of the regions that are looked after.

        Raises:
            EciError: when a region could not be listed.
        """
        for region_id in self.settings.regions:
            yield from self.current(region_id).caches

    def _serves(self, kept: Listing, since: datetime | None) -> bool:
        if kept.listed_at == self.now:
            return True
        young = timedelta(0) <= self.now - kept.listed_at <= LISTING_LIFETIME
        skew = timedelta(seconds=self.settings.clock_skew_seconds)
        return young and since is not None and kept.listed_at >= since + skew
