"""Listings of image caches, reused inside a warm instance for a short time.

A listing may be reused for a push only if it was begun after the push: a cache that was created, or given
the image, between the listing and the push would be missed, and the push lost without a word.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from ..base.timestamps import CLOCK_SKEW
from ..clients.eci_gateway import EciGateway
from ..model.image_cache import Listing

__all__ = ["LISTING_LIFETIME", "Listings"]

LISTING_LIFETIME = timedelta(seconds=30)


class Listings:
    """The last listing of each region, by the endpoint that gave it."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], Listing] = {}

    def current(  # noqa: PLR0913 - what makes a listing right, by name
        self,
        gateway: EciGateway,
        region_id: str,
        *,
        endpoint: str,
        now: datetime,
        since: datetime | None,
        skew: timedelta = CLOCK_SKEW,
    ) -> Listing:
        """A listing that is right for a change.

        Args:
            gateway: asked when the kept listing is too old.
            region_id: the region.
            endpoint: the gateway's endpoint; another endpoint is another account's caches.
            now: the time of this invocation; a listing of this very invocation always serves.
            since: the latest moment the push can have happened; None: only one of this invocation serves.
            skew: how far the registry's clock may be off.

        Raises:
            EciError: when the region could not be listed.
        """
        kept = self._kept.get((endpoint, region_id))
        if kept is not None and self._serves(kept, now, since, skew):
            return kept
        listing = Listing(region_id, gateway.list_image_caches(region_id), now)
        self._kept[endpoint, region_id] = listing
        return listing

    @staticmethod
    def _serves(kept: Listing, now: datetime, since: datetime | None, skew: timedelta) -> bool:
        if kept.listed_at == now:
            return True
        young = timedelta(0) <= now - kept.listed_at <= LISTING_LIFETIME
        return young and since is not None and kept.listed_at >= since + skew
