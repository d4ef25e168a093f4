"""HTTP servers of the standard library on loopback ports, for what a test wants to answer itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["QuietHandler", "serve_http"]

_POLL_SECONDS = 0.01


class QuietHandler(BaseHTTPRequestHandler):
    """Answers in one segment, keeps connections open, and writes no access log."""

    protocol_version = "HTTP/1.1"
    timeout = 10
    disable_nagle_algorithm = True
    # Headers and body in one segment: Nagle would hold the body back until the headers are acknowledged.
    wbufsize = -1

    def respond(self) -> None:
        """Answer a request, whatever its method is."""
        raise NotImplementedError

    def do_GET(self) -> None:
        """Answer a request."""
        self.respond()

    do_HEAD = do_POST = do_GET  # noqa: N815 - the base class's names

    def answer(self, status: int, body: bytes = b"", *headers: tuple[str, str]) -> None:
        """Send an answer; its length is added where no header says it. A HEAD request gets no body."""
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if "content-length" not in {name.lower() for name, _ in headers}:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Keep stderr free of access lines."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def shutdown_request(self, request: Any) -> None:
        # The usual half close would send FIN before a reset.
        self.close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has left is what some tests are about."""


@contextmanager
def serve_http(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """A running server; its ``host:port``."""
    server = _Server(("127.0.0.1", 0), handler)
    options = {"poll_interval": _POLL_SECONDS}
    thread = threading.Thread(target=server.serve_forever, kwargs=options, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
