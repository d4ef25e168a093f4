"""What a warm instance of the function keeps between invocations; a new ``Warm`` is a new instance."""

from __future__ import annotations

from ..clients.connections import Connections
from ..model.image_cache import Listing
from .update_limits import RecentUpdates


class Warm:
    """Kept by the process, never by an invocation.

    Attributes:
        connections: to ECI, Function Compute and registries.
        listings: the last listing of each (endpoint, region); another endpoint is another account's caches.
        warned: whether the log has what is said once for an instance.
    """

    def __init__(self) -> None:
        self.connections = Connections()
        self.listings: dict[tuple[str, str], Listing] = {}
        self.warned = False
        self._recent: dict[str, RecentUpdates] = {}

    def recent(self, endpoint: str) -> RecentUpdates:
        """The updates that were sent to an endpoint."""
        return self._recent.setdefault(endpoint, RecentUpdates())
