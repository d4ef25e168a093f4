"""What a warm instance keeps between invocations: connections, listings, the updates that it made.

Modules that open connections import an SDK or an HTTP client, which a cold start pays for; so each is
imported when its first connection is wanted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..engine.listings import Listings
from ..engine.update_limits import RecentUpdates

if TYPE_CHECKING:
    from ..clients.acr_login import AcrConnections
    from ..clients.aliyun_sdk import Connections
    from ..clients.function_compute import TaskConnections
    from ..clients.oci_registry import RegistryConnections

__all__ = ["Warm"]


class Warm:
    """Kept by the process, never by an invocation; holds no credentials of the role."""

    def __init__(self) -> None:
        self.listings = Listings()
        self._recent: dict[str, RecentUpdates] = {}
        self._connections: Connections | None = None
        self._task_connections: TaskConnections | None = None
        self._registry_connections: RegistryConnections | None = None
        self._acr_connections: AcrConnections | None = None

    def recent(self, endpoint: str) -> RecentUpdates:
        """The updates that were sent to an endpoint; another endpoint is another account's caches."""
        return self._recent.setdefault(endpoint, RecentUpdates())

    def connections(self) -> Connections:
        """Connections to ECI."""
        from ..clients.aliyun_sdk import Connections  # noqa: PLC0415 - an ignored event must not pay for it

        if self._connections is None:
            self._connections = Connections()
        return self._connections

    def task_connections(self) -> TaskConnections:
        """Connections to Function Compute."""
        from ..clients.function_compute import TaskConnections  # noqa: PLC0415 - likewise

        if self._task_connections is None:
            self._task_connections = TaskConnections()
        return self._task_connections

    def registry_connections(self) -> RegistryConnections:
        """Connections to registries."""
        from ..clients.oci_registry import RegistryConnections  # noqa: PLC0415 - likewise

        if self._registry_connections is None:
            self._registry_connections = RegistryConnections()
        return self._registry_connections

    def acr_connections(self) -> AcrConnections:
        """Connections to Container Registry's API, with the temporary accounts that it gave."""
        from ..clients.acr_login import AcrConnections  # noqa: PLC0415 - likewise

        if self._acr_connections is None:
            self._acr_connections = AcrConnections()
        return self._acr_connections
