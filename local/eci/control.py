"""The administration of the ECI server as Python calls, for tests and demonstrations."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from ..base.loopback import LoopbackClient

__all__ = ["ControlError", "EciControl"]

_POLL_SECONDS = 0.02
_TIMEOUT_SECONDS = 30.0


class ControlError(RuntimeError):
    """Raised when the server refuses an order, or what was waited for does not come; the text says why."""


class EciControl:
    """Orders to a running ECI server.

    Args:
        url: of the server.
    """

    def __init__(self, url: str) -> None:
        self._client = LoopbackClient(url, ControlError, _TIMEOUT_SECONDS)

    def create_cache(
        self,
        *,
        region_id: str,
        image_cache_name: str,
        images: Sequence[str],
        status: str = "Ready",
        tags: Mapping[str, str] | None = None,
        **attributes: Any,
    ) -> str:
        """Create an image cache, or replace the one of the same ``image_cache_id``; returns its id.

        It stays in ``status`` unless ``building=True`` is given: then it goes through its creation, from
        Preparing on, and ends as ``status``, Ready or Failed. More ``attributes``: see ``seeds.read_seed``.
        """
        seed = {
            "region_id": region_id,
            "image_cache_name": image_cache_name,
            "images": list(images),
            "status": status,
            "tags": dict(tags or {}),
            **attributes,
        }
        (image_cache_id,) = self.create_caches([seed])
        return image_cache_id

    def create_caches(self, seeds: Sequence[Mapping[str, Any]]) -> list[str]:
        """Create or replace several at once; returns their ids."""
        created = self._client.ask("POST", "/_local/caches", json=list(seeds))
        return list(created["image_cache_ids"])

    def delete_cache(self, image_cache_id: str) -> None:
        """Delete an image cache; its history stays."""
        self._client.ask("DELETE", f"/_local/caches/{image_cache_id}")

    def cache(self, image_cache_id: str) -> dict[str, Any]:
        """One image cache with all that the server knows of it."""
        return dict(self._client.ask("GET", f"/_local/caches/{image_cache_id}"))

    def caches(self) -> list[dict[str, Any]]:
        """All image caches of all regions."""
        return list(self._client.ask("GET", "/_local/caches"))

    def force(self, image_cache_id: str, status: str, message: str = "") -> dict[str, Any]:
        """Put a cache into a status at once; a rebuild under way ends with it. Returns the cache."""
        order = {"status": status, "message": message}
        return dict(self._client.ask("PUT", f"/_local/caches/{image_cache_id}/status", json=order))

    def builds(self, image_cache_id: str, **changes: Any) -> dict[str, Any]:
        """Say how a cache's updates go from now on; returns the cache.

        ``rebuild_seconds``: how long they take. ``failing_builds``: how many of the next fail, -1 for all.
        ``failure_message``: why. See ``cache.Builds``.
        """
        return dict(self._client.ask("PATCH", f"/_local/caches/{image_cache_id}/builds", json=changes))

    def history(self, image_cache_id: str | None = None) -> list[dict[str, Any]]:
        """The accepted updates of one cache or of all, oldest first.

        Each has image_cache_id, kind (``rebuild`` or ``metadata``), started_at, ended_at and status (both
        None while it waits or is under way), images, client_token and request_id. Times are seconds since
        the epoch.
        """
        query = {} if image_cache_id is None else {"image_cache_id": image_cache_id}
        return list(self._client.ask("GET", "/_local/history", params=query))

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Change settings, if any are given; returns all of them. See ``settings.Settings``."""
        if not changes:
            return dict(self._client.ask("GET", "/_local/settings"))
        return dict(self._client.ask("PATCH", "/_local/settings", json=changes))

    def reset_settings(self) -> dict[str, Any]:
        """Make all settings the defaults; returns them."""
        return dict(self._client.ask("DELETE", "/_local/settings"))

    def inject(self, kind: str, **members: Any) -> int:
        """Order a fault for the next calls that match; returns its number. See ``faults.Fault``."""
        return int(self._client.ask("POST", "/_local/faults", json={"kind": kind, **members})["number"])

    def faults(self) -> list[dict[str, Any]]:
        """The faults that are still to happen."""
        return list(self._client.ask("GET", "/_local/faults"))

    def clear_faults(self) -> None:
        """Take them back."""
        self._client.ask("DELETE", "/_local/faults")

    def refuse(self, seconds: float) -> None:
        """Close the server's port for this time: connections are refused, and open ones reset."""
        self._client.ask("POST", "/_local/refuse", json={"seconds": seconds})

    def journal(self, action: str | None = None) -> list[dict[str, Any]]:
        """The calls of the API, oldest first, without their secrets.

        Each has at, method, action, parameters, status, code, fault and request_id; see ``journal.Call``.
        """
        return list(
            self._client.ask("GET", "/_local/journal", params={} if action is None else {"action": action})
        )

    def clear_journal(self) -> None:
        """Forget the calls."""
        self._client.ask("DELETE", "/_local/journal")

    def reset(self) -> None:
        """Let the server be like a new one: no caches, history, faults or calls, and the default settings.

        Access keys stay good.
        """
        self._client.ask("DELETE", "/_local/state")

    def wait_for(self, image_cache_id: str, status: str, timeout_seconds: float = 10.0) -> dict[str, Any]:
        """Wait until a cache is in a status; returns it.

        Raises:
            ControlError: it is not, before the time is over.
        """
        deadline = time.monotonic() + timeout_seconds
        while True:
            cache = self.cache(image_cache_id)
            if cache["status"] == status:
                return cache
            if time.monotonic() > deadline:
                raise ControlError(
                    f"{image_cache_id} is {cache['status']}, not {status}, after {timeout_seconds} s"
                )
            time.sleep(_POLL_SECONDS)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
