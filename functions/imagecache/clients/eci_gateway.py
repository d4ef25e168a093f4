"""What the library needs of ECI: three calls. The SDK behind them is imported in ``eci`` alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from ..model.image_cache import ImageCache


class Accepted(NamedTuple):
    """ECI accepted an update: its id of the request, and how many calls it took with one ClientToken."""

    request_id: str
    calls: int


class EciGateway(Protocol):
    """Each call raises a leaf of ``EciError`` and nothing else."""

    def list_image_caches(self, region_id: str) -> tuple[ImageCache, ...]:
        """All image caches of a region that the role may see, from all pages."""

    def describe_image_cache(self, region_id: str, image_cache_id: str) -> ImageCache | None:
        """One image cache, or None if it does not exist or the role may not see it."""

    def update_image_cache(self, request: Mapping[str, Any]) -> Accepted:
        """Send a request of ``build_update``; success means that it was accepted, not that it is done."""

    def tag_image_cache(self, region_id: str, image_cache_id: str, key: str, value: str) -> None:
        """Set one ECI tag of an image cache, in whatever state it is, and leave the others."""
