"""What a warm instance of the function keeps between invocations; a new ``Warm`` is a new instance."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timezone

from ..clients.connections import Connections
from ..model.image_cache import Listing


def _now() -> datetime:
    return datetime.now(timezone.utc)


class Warm:
    """Kept by the process, never by an invocation.

    Attributes:
        clock: the time, with a zone.
        sleep: waits, in seconds.
        connections: to ECI, Function Compute and registries.
        listings: the last listing of each (endpoint, region); another endpoint is another account's caches.
        warned: whether the log has what is said once for an instance.
    """

    def __init__(
        self, clock: Callable[[], datetime] = _now, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.clock = clock
        self.sleep = sleep
        self.connections = Connections()
        self.listings: dict[tuple[str, str], Listing] = {}
        self.warned = False
