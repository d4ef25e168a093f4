"""A server on a loopback port that says what a test wants, as a registry or as a token service."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.http_server import QuietHandler, serve_http

__all__ = ["Asked", "LyingRegistry", "Said", "lying_registry", "page", "refusal"]


@dataclass(frozen=True)
class Asked:
    """What came."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    port: int
    target: str


@dataclass(frozen=True)
class Said:
    """What goes out.

    With ``raw`` those bytes are all of it, and the connection ends. ``drip`` puts so many seconds between
    single bytes, of which there are as many as wanted. ``fault`` is ``reset`` or ``hang``.
    """

    body: bytes = b""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    raw: bytes | None = None
    drip: bool = False
    fault: str = ""


def page(tags: Any, *links: str, **members: Any) -> Said:
    """A page of tags; each link is the value of a ``Link`` header."""
    body = json.dumps({"name": "prod/web", "tags": tags, **members}).encode()
    return Said(body, headers=tuple(("Link", link) for link in links))


def refusal(code: str, status: int = 404, *headers: tuple[str, str]) -> Said:
    """An error answer in a registry's form."""
    return Said(json.dumps({"errors": [{"code": code, "message": "MARK"}]}).encode(), status, headers)


Script = Callable[[Asked], Said]


@dataclass
class LyingRegistry:
    """What it got, and the script by which it answers."""

    script: Script
    host: str = ""
    asked: list[Asked] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    @property
    def paths(self) -> list[str]:
        return [f"{asked.method} {asked.path}" for asked in self.asked]

    @property
    def authorizations(self) -> list[str | None]:
        return [asked.headers.get("authorization") for asked in self.asked]


@contextmanager
def lying_registry(script: Script) -> Iterator[LyingRegistry]:
    """A running server."""
    registry = LyingRegistry(script)
    with serve_http(_handler(registry)) as registry.host:
        try:
            yield registry
        finally:
            registry.over.set()


def _handler(registry: LyingRegistry) -> type[BaseHTTPRequestHandler]:
    class Handler(QuietHandler):
        def respond(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(
                self.command, parts.path, parse_qs(parts.query), headers, self.client_address[1], self.path
            )
            registry.asked.append(asked)
            said = registry.script(asked)
            if said.fault or said.raw is not None:
                self.close_connection = True
                _misbehave(self, said, registry.over)
                return
            self.answer(said.status, said.body, *said.headers)

    return Handler


def _misbehave(handler: BaseHTTPRequestHandler, said: Said, over: threading.Event) -> None:
    if said.fault == "reset":
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif said.fault == "hang":
        over.wait(10)
    elif said.drip:
        for byte in said.raw or b"":
            handler.wfile.write(bytes([byte]))
            if over.wait(0.02):
                break
    else:
        handler.wfile.write(said.raw or b"")
