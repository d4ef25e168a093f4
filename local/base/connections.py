"""Faults below HTTP and ASGI: connections that are reset or cut, and a port that refuses.

ASGI gives an application no way to its connection, so each request's scope gets one more extension with a
``Wire``: the transport that uvicorn received the request on, and the server. A reset is a real one: with
SO_LINGER on and a time of zero, closing the socket drops what is unsent and sends RST instead of FIN
(socket(7), tcp(7)). A refusal is a real one too: the listening socket is closed for that time.
Must not know when or why a fault is wanted.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["Wire", "WireServer", "bind", "wire_of"]

_EXTENSION = "local.wire"
_TRANSPORT = "local.transport"
_LINGER_ZERO = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Wire:
    """The connection under one request, and the server that it came to."""

    transport: asyncio.Transport
    server: WireServer

    def reset(self) -> None:
        """End the connection with RST; of what was written, nothing more is sent."""
        _reset(self.transport)

    def cut(self) -> None:
        """End the connection in order (FIN), after what was written so far."""
        self.transport.close()

    def refuse(self, seconds: float) -> None:
        """Refuse connections for this time, and reset the open ones, all but this."""
        self.server.refuse(seconds, spared=self.transport)


def wire_of(scope: MutableMapping[str, Any]) -> Wire:
    """The wire of a request that a ``WireServer`` serves.

    Raises:
        KeyError: another server serves it.
    """
    wire: Wire = scope["extensions"][_EXTENSION]
    return wire


class _WireProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 protocol, its transport put into the scope of each request."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wrap the application, now that the transport is known."""
        super().connection_made(transport)
        application = self.app

        async def with_transport(scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("extensions", {})[_TRANSPORT] = transport
            await application(scope, receive, send)

        self.app = with_transport


class WireServer(uvicorn.Server):
    """A uvicorn server for one listening socket; says when it is ready, and can refuse connections.

    Args:
        app: the ASGI application; it gets no lifespan events.
        grace_seconds: how long running requests may take when the server ends.
    """

    def __init__(self, app: Any, *, grace_seconds: int) -> None:
        async def with_wire(scope: Any, receive: Any, send: Any) -> None:
            extensions = scope["extensions"]
            extensions[_EXTENSION] = Wire(extensions[_TRANSPORT], self)
            await app(scope, receive, send)

        super().__init__(
            uvicorn.Config(
                with_wire,
                http=_WireProtocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=grace_seconds,
            )
        )
        self.ready = threading.Event()
        self._reopening: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve, and say so."""
        await super().startup(sockets=sockets)
        self.ready.set()

    @property
    def refuses(self) -> bool:
        """Whether its port is closed for a time."""
        return self._reopening is not None and not self._reopening.done()

    def refuse(self, seconds: float, *, spared: asyncio.BaseTransport) -> None:
        """Close the port at once; open it again after ``seconds``. Call it on the server's event loop."""
        (listening,) = self.servers
        address = listening.sockets[0].getsockname()
        listening.close()
        # Bound but not listening: connections are refused, and nobody else gets the port meanwhile.
        held = bind(address[0], address[1])
        for connection in list(self.server_state.connections):
            if connection.transport is not spared:
                _reset(connection.transport)
        self._reopening = asyncio.get_running_loop().create_task(self._reopen(held, seconds))

    async def _reopen(self, held: socket.socket, seconds: float) -> None:
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            held.close()
            raise
        self.servers = [await asyncio.get_running_loop().create_server(self._protocol, sock=held)]

    def _protocol(self) -> asyncio.Protocol:
        return _WireProtocol(self.config, self.server_state, self.lifespan.state)


def bind(host: str, port: int) -> socket.socket:
    """A TCP socket bound to an address and not yet listening.

    Args:
        host: an IP address.
        port: 0 for any free one.

    Raises:
        OSError: the port is in use.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sets TCP_NODELAY; without, every answer in two parts waits 40 ms.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # The port of a server that has just ended may be taken again at once.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def _reset(transport: asyncio.Transport) -> None:
    if not transport.is_closing():
        connection: socket.socket = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        transport.abort()
