"""Calls of the invocation API, and of the administration, of a running local Function Compute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from ..base.loopback import LoopbackClient
from .functions import Invocation

__all__ = ["FcControl", "FcControlError"]

# Longer than functions run here: the platform itself ends one that takes too long.
_TIMEOUT_SECONDS = 900.0


class FcControlError(RuntimeError):
    """Raised when the server refuses a call; the text says why."""


class FcControl:
    """Calls to one server.

    Args:
        url: of the server.
        auth: signs the calls of the API; None is enough for the administration.
    """

    def __init__(self, url: str, auth: httpx.Auth | None = None) -> None:
        self._client = LoopbackClient(url, FcControlError, _TIMEOUT_SECONDS)
        self._auth = auth

    def invoke(self, function: str, payload: bytes) -> Invocation:
        """Invoke a function and wait for its end.

        Raises:
            FcControlError: the platform refuses; a failure of the function is in the result.
        """
        response = self._invocation(function, payload, {}, httpx.codes.OK)
        headers = response.headers
        return Invocation(headers["x-fc-request-id"], response.content, headers.get("x-fc-error-type"))

    def invoke_async(
        self, function: str, payload: bytes, *, delay_seconds: int | None = None, task_id: str | None = None
    ) -> str:
        """Hand an event over for later; returns the request id.

        Raises:
            FcControlError: the platform refuses.
        """
        headers = {"x-fc-invocation-type": "Async"}
        if delay_seconds is not None:
            headers["x-fc-async-delay"] = str(delay_seconds)
        if task_id is not None:
            headers["x-fc-async-task-id"] = task_id
        response = self._invocation(function, payload, headers, httpx.codes.ACCEPTED)
        return str(response.headers["x-fc-request-id"])

    def fire_timer(self, trigger: str) -> str:
        """Fire a timer trigger now; returns the request id."""
        return str(
            self._client.ask("POST", f"/_local/timers/{trigger}/fire", httpx.codes.ACCEPTED)["request_id"]
        )

    def logs(self, *, after: int = 0, request_id: str | None = None) -> list[dict[str, Any]]:
        """Lines that functions wrote: number, at, function, request_id, stream, line."""
        query = {"after": str(after)} | ({} if request_id is None else {"request_id": request_id})
        return list(self._client.ask("GET", "/_local/logs", params=query))

    def deliveries(self) -> list[dict[str, Any]]:
        """All asynchronous invocations; see ``deliveries.Delivery``."""
        return list(self._client.ask("GET", "/_local/deliveries"))

    def dead_letters(self) -> list[dict[str, Any]]:
        """Those that were given up."""
        return list(self._client.ask("GET", "/_local/dead-letters"))

    def queues(self) -> dict[str, int]:
        """The names of the queues, and how many messages are in each."""
        return {one["name"]: one["messages"] for one in self._client.ask("GET", "/_local/queues")}

    def queue_messages(self, name: str) -> list[dict[str, Any]]:
        """What is in a queue, oldest first; see ``queues.Message``.

        Raises:
            FcControlError: there is no such queue.
        """
        return list(self._client.ask("GET", f"/_local/queues/{name}"))

    def remove_message(self, name: str, message_id: str) -> None:
        """Take a message out of a queue.

        Raises:
            FcControlError: there is no such queue, or no such message in it.
        """
        self._client.ask("DELETE", f"/_local/queues/{name}/messages/{message_id}")

    def redrive(self, name: str) -> list[dict[str, Any]]:
        """Send each failed event of a queue to its function again; see ``on_failure.Redriven``.

        Raises:
            FcControlError: there is no such queue.
        """
        return list(self._client.ask("POST", f"/_local/queues/{name}/redrive"))

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Change switches, if any are given; returns all of them. See ``settings.Settings``."""
        if not changes:
            return dict(self._client.ask("GET", "/_local/settings"))
        return dict(self._client.ask("PATCH", "/_local/settings", json=changes))

    def reset_settings(self) -> dict[str, Any]:
        """Make all switches the defaults; returns them."""
        return dict(self._client.ask("DELETE", "/_local/settings"))

    def rotate_role_keys(self) -> dict[str, str]:
        """Revoke the functions' access keys and issue others; returns their ids by the functions' names."""
        return dict(self._client.ask("POST", "/_local/role-key/rotate"))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _invocation(
        self, function: str, payload: bytes, headers: Mapping[str, str], expected: int
    ) -> httpx.Response:
        return self._client.send(
            "POST",
            f"/2023-03-30/functions/{function}/invocations",
            expected,
            content=payload,
            headers={"content-type": "application/json", **headers},
            auth=self._auth or httpx.USE_CLIENT_DEFAULT,
        )
