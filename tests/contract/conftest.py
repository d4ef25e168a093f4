"""The entry points and the gateway against a running ECI server, or a server that says what a test wants."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest

import on_manual
import on_push
import on_webhook
from imagecache.base.credentials import Credentials
from imagecache.base.deadline import Deadline
from imagecache.base.errors import EntryPointError
from imagecache.clients.aliyun_sdk import EciConnections
from imagecache.clients.eci import SdkGateway
from local.permissions.credentials import Credential
from tests.support.eci import EciServer, LocalEci, renewed
from tests.support.outcomes import read_records
from tests.support.payloads import read_sample

WEBHOOK_TOKEN = "webhook-token-0123456789"
IMAGES = (
    "registry-vpc.cn-hangzhou.aliyuncs.com/prod/web:latest",
    "acme-registry-vpc.cn-hangzhou.cr.aliyuncs.com/prod/web:latest",
    "nginx:1.27",
)
"""What the caches of these tests list: both pushes of ``Doors`` concern it."""

_PATIENCE_SECONDS = 10


@pytest.fixture(autouse=True)
def _bare(bare_environment: None) -> None:
    """No test here sees the variables of the machine."""


@pytest.fixture
def eci(shared_eci: EciServer) -> LocalEci:
    """A server that is like a new one."""
    return renewed(shared_eci, IMAGES)


@pytest.fixture
def credentials() -> Callable[[Credential], Credentials]:
    """A server's credential as the library has it."""

    def convert(credential: Credential) -> Credentials:
        return Credentials(
            credential.access_key_id, credential.access_key_secret, credential.security_token or ""
        )

    return convert


@pytest.fixture
def new_gateway() -> Callable[..., SdkGateway]:
    """Makes a gateway that does not pause between attempts, unless the test says otherwise."""

    def make(url: str, given: Credentials | None = None, **options: Any) -> SdkGateway:
        return SdkGateway(
            url,
            given or Credentials("id", "secret", "token"),
            options.pop("deadline", None) or Deadline(60),
            options.pop("connections", None) or EciConnections(),
            **{"sleep": lambda _seconds: None, **options},
        )

    return make


@pytest.fixture
def time_left() -> Callable[..., Deadline]:
    """Makes the deadline of an invocation that has exactly so many seconds left to make calls in."""

    def make(seconds: float, clock: Callable[[], float] = time.monotonic) -> Deadline:
        passed = 0.0
        deadline = Deadline(60, clock=lambda: clock() + passed)
        passed = deadline.remaining() - seconds
        return deadline

    return make


@pytest.fixture
def gateway(eci: LocalEci, new_gateway: Any, credentials: Any) -> SdkGateway:
    """A gateway to the local ECI server."""
    made: SdkGateway = new_gateway(eci.url, credentials(eci.credential))
    return made


@dataclass
class Told:
    """What an entry point said: its records, and its answer or the error that it raised."""

    outcomes: list[dict[str, Any]]
    answer: Any = None
    error: EntryPointError | None = None


class Doors:
    """Calls the entry points as the platform does, and reads their records from stdout.

    ``streams`` keeps all that came on stdout and stderr, of whomever.
    """

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self.streams: list[str] = []
        self._capfd = capfd

    def push(self) -> Told:
        event = read_sample("cloudevents/push_completed.json")
        event["time"] = datetime.now(timezone.utc).isoformat()
        return self._call(on_push.handler, event)

    def webhook(self, token: str = WEBHOOK_TOKEN) -> Told:
        event = read_sample("http/webhook_acr.json")
        event["queryParameters"] = {"token": token}
        body = read_sample("acr/push_latest.json")
        body["push_data"]["pushed_at"] = datetime.now(timezone.utc).isoformat()
        event["body"] = json.dumps(body)
        return self._call(on_webhook.handler, event)

    def manual(self, request: Any, *, over_http: bool = False) -> Told:
        event = request
        if over_http:
            event = {**read_sample("http/manual_by_id.json"), "body": json.dumps(request)}
        return self._call(on_manual.handler, event)

    def _call(self, handler: Any, event: Any) -> Told:
        context = SimpleNamespace(request_id="1-contract", function=SimpleNamespace(timeout=60))
        self.read()
        try:
            answer = handler(json.dumps(event).encode(), context)
        except EntryPointError as error:
            return Told(read_records(self.read()), error=error)
        records = read_records(self.read())
        told = json.loads(answer["body"]) if "body" in answer else answer
        if "request_id" in told:
            # A webhook's sender gets them counted, or nothing without a right token.
            counts = [kind["count"] for kind in told.get("outcomes", ())]
            assert sum(counts) == len(records) or [record["reason"] for record in records] == ["UNAUTHORIZED"]
        else:
            assert told["outcomes"] == records
        return Told(records, answer=answer)

    def read(self) -> str:
        """What came on stdout since the last time."""
        out, err = self._capfd.readouterr()
        self.streams += out, err
        return out


@pytest.fixture
def doors(capfd: pytest.CaptureFixture[str]) -> Doors:
    return Doors(capfd)


@pytest.fixture
def deployed(eci: LocalEci, deploy: Callable[..., LocalEci]) -> LocalEci:
    """The environment of functions that are deployed against the local ECI server."""
    return deploy(eci, IMC_WEBHOOK_TOKENS=WEBHOOK_TOKEN)


@dataclass
class RawServer:
    """A server of bytes: what came is kept, and what goes out is the test's to say.

    ``answer`` is called with each whole request, or with the first bytes of what is no HTTP; it gives
    the bytes to send. A connection stays open after an answer with a length, and is closed after any other.
    With ``drip_seconds`` the bytes go out one by one, so long apart.
    """

    answer: Callable[[bytes], bytes]
    tls: Any = None
    drip_seconds: float = 0.0
    received: list[bytes] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        # A thread that waits in accept() or recv() is woken by shutdown(), not by close().
        self._listening.shutdown(socket.SHUT_RDWR)
        self._threads[0].join(_PATIENCE_SECONDS)
        self.drop()
        for thread in self._threads:
            thread.join(_PATIENCE_SECONDS)
        self._listening.close()
        assert not any(thread.is_alive() for thread in self._threads)

    def drop(self) -> None:
        """End the open connections."""
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                plain, _ = self._listening.accept()
                self.connections += 1
                connection = plain
                if self.tls:
                    connection = self.tls.wrap_socket(
                        plain, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=True
                    )
                self._open.append(connection)
                self._threads.append(threading.Thread(target=self._serve, args=(connection,), daemon=True))
                self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            # The handshake of TLS is made with the first read.
            while self._exchange(connection):
                pass

    def _exchange(self, connection: socket.socket) -> bool:
        data = b""
        while data[:1] in {b"", b"G", b"C", b"P"} and not _whole(data):
            more = connection.recv(65536)
            if not more:
                return False
            data += more
        self.received.append(data)
        answer = self.answer(data)
        for piece in [bytes([byte]) for byte in answer] if self.drip_seconds else [answer]:
            connection.sendall(piece)
            time.sleep(self.drip_seconds)
        return b"Content-Length" in answer and b"Connection: close" not in answer


def _whole(request: bytes) -> bool:
    head, end, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: *([0-9]+)", head.lower())
    return bool(end) and len(body) >= int(length[1] if length else 0)


@pytest.fixture
def raw_server() -> Iterator[Callable[..., RawServer]]:
    servers: list[RawServer] = []

    def start(answer: Callable[[bytes], bytes], **options: Any) -> RawServer:
        servers.append(RawServer(answer, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def respond() -> Callable[..., bytes]:
    """Makes an HTTP answer; a document that is no text is sent as JSON."""

    def make(document: Any, status: int = 200, *headers: str) -> bytes:
        body = document if isinstance(document, str) else json.dumps(document)
        head = [f"HTTP/1.1 {status} Status", f"Content-Length: {len(body.encode())}", *headers]
        return ("\r\n".join(head) + "\r\n\r\n" + body).encode()

    return make
