"""What a payload reader needs to know beside the payload."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

__all__ = ["Delivery"]


@dataclass(frozen=True)
class Delivery:
    """How a payload came.

    Attributes:
        arrived: when, with a zone.
        delivery_id: the platform's id of the invocation that brought it.
        registry: the host that the webhook's ``registry`` parameter names, or None.
    """

    arrived: datetime
    delivery_id: str
    registry: str | None = None
