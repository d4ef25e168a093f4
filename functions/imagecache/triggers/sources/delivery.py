"""What a payload format may know beside the payload."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Delivery:
    """How a payload came.

    Attributes:
        arrived: when, with a zone.
        delivery_id: the platform's id of the invocation that brought it, or of the event that it came in.
        registry: the host that the webhook's ``registry`` parameter names, or None.
        where: a JSON pointer to the payload inside what was received, for error messages.
        no_later_than: the latest moment that the push can have happened, where something that carried the
            payload tells one before ``arrived``. It bounds a push whose payload tells no time.
    """

    arrived: datetime
    delivery_id: str
    registry: str | None = None
    where: str = ""
    no_later_than: datetime | None = None
