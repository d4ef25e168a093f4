"""Runs an ASGI application on a loopback port, in a thread of this process.

The local servers check signatures but have no TLS and an open administration: they are for this machine
alone, so any other address is refused. Must not know what is served.
"""

from __future__ import annotations

import ipaddress
import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, final

from .connections import WireServer, bind

__all__ = ["Served", "serve"]

START_SECONDS = 10.0
GRACE_SECONDS = 3
"""How long requests that are being answered may take when a server is closed."""

# uvicorn reports its start and stop at INFO; whoever starts a server here reports that.
logging.getLogger("uvicorn.error").setLevel(logging.WARNING)


@final
@dataclass(frozen=True)
class Served:
    """A server that accepts connections; also a context manager that closes it.

    Attributes:
        name: what is served, for messages.
        host: the loopback address.
        port: the port that is really used, never 0.
    """

    name: str
    host: str
    port: int
    _server: WireServer = field(repr=False)
    _thread: threading.Thread = field(repr=False)
    _release: Callable[[], None] = field(repr=False)

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def refuses(self) -> bool:
        """Whether it was ordered to refuse connections, and still does."""
        return self._server.refuses

    def close(self) -> None:
        """Stop: no new connections, a few seconds for running requests, then the end. May be called again.

        Raises:
            RuntimeError: the server's thread does not end.
        """
        self._server.should_exit = True
        self._thread.join(GRACE_SECONDS + START_SECONDS)
        if self._thread.is_alive():
            raise RuntimeError(f"{self.name} does not stop")
        self._release()

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def serve(
    app: Any,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    name: str,
    release: Callable[[], None] = lambda: None,
) -> Served:
    """Serve an ASGI application; returns when it accepts connections.

    The application gets no lifespan events: it is ready when it is handed over.

    Args:
        app: the ASGI application.
        host: a loopback address.
        port: 0 for any free one.
        name: what is served, for messages and the thread's name.
        release: frees what the application holds, after its end, or where it cannot be served; may be called
            more than once.

    Raises:
        ValueError: the host is not a loopback address.
        OSError: the port is in use.
        RuntimeError: the server does not start.
    """
    with ExitStack() as stack:
        stack.callback(release)
        address = _loopback(host)
        listening = stack.enter_context(bind(address, port))
        server = WireServer(app, grace_seconds=GRACE_SECONDS)
        thread = threading.Thread(target=server.run, args=([listening],), name=name, daemon=True)
        thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not server.ready.wait(0.05):
            if not thread.is_alive() or time.monotonic() > deadline:
                server.should_exit = True
                raise RuntimeError(f"{name} did not start")
        stack.pop_all()
    return Served(name, address, listening.getsockname()[1], server, thread, release)


def _loopback(host: str) -> str:
    address = "127.0.0.1" if host == "localhost" else host
    try:
        if ipaddress.ip_address(address).is_loopback:
            return address
    except ValueError:
        pass
    raise ValueError(f"a loopback address is expected, {host!r} found")
