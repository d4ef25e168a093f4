"""What the library needs of ECI: three calls. The SDK behind it is in ``eci_sdk``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from ..model.image_cache import ImageCache


class Accepted(NamedTuple):
    """ECI accepted an update.

    Attributes:
        request_id: ECI's id of the request.
        calls: how many times it was called, with the same ClientToken.
    """

    request_id: str
    calls: int


class EciGateway(Protocol):
    """The calls; each raises a leaf of ``EciError`` and nothing else."""

    def list_image_caches(self, region_id: str) -> tuple[ImageCache, ...]:
        """All image caches of a region that the role may see, every page read."""

    def describe_image_cache(self, region_id: str, image_cache_id: str) -> ImageCache | None:
        """One image cache, or None if there is none or the role may not see it."""

    def update_image_cache(self, request: Mapping[str, Any]) -> Accepted:
        """Send a request of ``build_update``; success says that it was accepted, not that it is done."""
