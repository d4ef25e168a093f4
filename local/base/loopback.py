"""How a client here talks to a server of this machine. Must not know what it asks for."""

from __future__ import annotations

import ssl
from typing import Any

import httpx

__all__ = ["LOOPBACK", "LoopbackClient"]

LOOPBACK: dict[str, Any] = {"trust_env": False, "verify": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)}
"""Options of httpx: no proxy of the environment, and a TLS context that trusts nobody.

The servers speak plain HTTP; loading the machine's certificates takes a client longer than most tests take.
"""

_KEPT = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=2.0)
"""The servers close a connection that is idle for 5 s; a request that is sent just then is lost."""


class LoopbackClient:
    """Calls one server.

    Args:
        url: of the server.
        refusal: what is raised, with status and text, when the server answers otherwise than expected.
        timeout_seconds: how long one answer may take.
    """

    def __init__(self, url: str, refusal: type[Exception], timeout_seconds: float) -> None:
        self._client = httpx.Client(base_url=url, **LOOPBACK, timeout=timeout_seconds, limits=_KEPT)
        self._refusal = refusal

    def send(self, method: str, path: str, expected: int = httpx.codes.OK, **options: Any) -> httpx.Response:
        """Send a request; returns the answer.

        Args:
            method: of HTTP.
            path: below the server's URL.
            expected: the status of an answer that is not a refusal.
            options: of ``httpx.Client.request``.

        Raises:
            httpx.HTTPError: there is no answer in time.
        """
        response = self._client.request(method, path, **options)
        if response.status_code != expected:
            raise self._refusal(f"{response.status_code}: {response.text}")
        return response

    def ask(self, method: str, path: str, expected: int = httpx.codes.OK, **options: Any) -> Any:
        """Send a request as ``send`` does; returns the answer's JSON."""
        return self.send(method, path, expected, **options).json()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
