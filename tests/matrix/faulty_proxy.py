"""A proxy on loopback that stands between the functions and the cloud, and lets ordered faults befall calls.

It knows the calls by the step of the work that they are: ``list``, ``describe``, ``update`` and ``verify``
(reading a cache after its update was accepted) of ECI, and ``hand_off`` of Function Compute. It also knows
the process behind a connection, so that it can end the very instance that is making a call, before the call
gets through or after it has acted. Linux only, for that reason.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import IO, NamedTuple
from urllib.parse import urlsplit

from local.eci.errors import ERRORS
from tests.support.rpc_calls import parameters_of

__all__ = ["Answer", "Fault", "FaultyProxy", "Order", "eci_error"]

_RESET = struct.pack("ii", 1, 0)
_SECONDS_OF_A_LATE_ANSWER = 12.0
"""Longer than any read timeout of the functions: a late answer ends when the client has left."""
_DRIP_SECONDS = 0.5


class Answer(NamedTuple):
    """An HTTP answer; ``status`` 0 means that the body is all that is sent, and no HTTP at all."""

    status: int
    body: bytes
    content_type: str = "application/json"

    def encoded(self) -> bytes:
        """As it goes over the wire."""
        if not self.status:
            return self.body
        head = f"HTTP/1.1 {self.status} Status\r\nContent-Type: {self.content_type}\r\n"
        return f"{head}Content-Length: {len(self.body)}\r\n\r\n".encode() + self.body


@dataclass(frozen=True)
class Fault:
    """What happens to a call. Each part is optional; they happen in this order.

    Attributes:
        name: in the test's id.
        rotates: the functions' access key is revoked, and another issued, before the call is passed on.
        stop: the signal that the calling process gets before the call is passed on.
        passes: how often the call is passed on; the last answer is the one that counts.
        stop_after: the signal that the calling process gets when the call has acted.
        answer: what is answered instead of the true answer; gets what the call sent.
        ending: how the answer goes out: ``whole``, ``cut`` (half of it), ``drip`` (too slow to end in time),
            ``late`` (when the client has left), ``reset`` (not at all).
        hits: how many calls it befalls.
    """

    name: str
    rotates: bool = False
    stop: signal.Signals | None = None
    passes: int = 0
    stop_after: signal.Signals | None = None
    answer: Callable[[str], Answer] | None = None
    ending: str = "whole"
    hits: int = 1


@dataclass
class Order:
    """A fault that is ordered for a step, and how many calls it has befallen."""

    step: str
    fault: Fault
    hits: int = 0


class FaultyProxy:
    """One listening port in front of one server; a context manager.

    The port is chosen at once and the server behind it named later, as a cloud must know the addresses of its
    proxies before it starts.

    Attributes:
        port: of this proxy.
        rotate: revokes the functions' access key and issues another; set with the server.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._orders: list[Order] = []
        self._updated: set[str] = set()
        self._open: set[socket.socket] = set()
        self._upstream = ("", 0)
        self.rotate: Callable[[], object] = lambda: None
        # Held from the first moment to the last: nobody else gets the port while connections are refused.
        self._held = _bound(0)
        self.port: int = self._held.getsockname()[1]
        self._listening: socket.socket | None = None
        self._accepting: threading.Thread | None = None
        self.accept()

    @property
    def url(self) -> str:
        """What the functions are told."""
        return f"http://127.0.0.1:{self.port}"

    def forward_to(self, url: str, rotate: Callable[[], object]) -> None:
        """Name the server behind, and what gives the functions another access key."""
        self.rotate = rotate
        parts = urlsplit(url)
        self._upstream = (parts.hostname or "", parts.port or 80)

    def order(self, step: str, fault: Fault) -> Order:
        """Let a fault befall the next calls of a step."""
        order = Order(step, fault)
        with self._lock:
            self._orders.append(order)
        return order

    def forget(self) -> None:
        """Take all orders back."""
        with self._lock:
            self._orders.clear()

    def accept(self) -> None:
        """Listen, if the port is closed."""
        if self._listening is None:
            listening = self._listening = _bound(self.port)
            listening.listen(128)
            self._accepting = threading.Thread(target=self._accept, args=(listening,), daemon=True)
            self._accepting.start()

    def refuse(self) -> None:
        """Close the port: open connections are reset, new ones refused."""
        listening, self._listening = self._listening, None
        if listening is not None and self._accepting is not None:
            # A shutdown wakes the thread that waits in accept; a close alone would not.
            listening.shutdown(socket.SHUT_RDWR)
            self._accepting.join()
            listening.close()
        with self._lock:
            still_open = list(self._open)
        for client in still_open:
            with suppress(OSError):  # its thread may have closed it by now
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                client.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close everything."""
        self.refuse()
        self._held.close()

    def __enter__(self) -> FaultyProxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                client, (_, port) = listening.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(client)
            threading.Thread(target=self._serve, args=(client, port), daemon=True).start()

    def _serve(self, client: socket.socket, port: int) -> None:
        # The other side leaves when it likes: by its own will, or because it was killed.
        with client, suppress(OSError, HTTPException), client.makefile("rb") as reader:
            for request in _requests(reader):
                if not self._exchange(client, port, request):
                    break
        with self._lock:
            self._open.discard(client)

    def _exchange(self, client: socket.socket, port: int, request: _Request) -> bool:
        """Answer one request; whether the connection may serve another."""
        order = self._order(request)
        fault = order.fault
        if fault.rotates:
            self.rotate()
        if fault.stop is not None:
            self._signal(order, fault.stop, port)
        answer = Answer(0, b"")
        for _ in range(fault.passes):
            answer = self._forward(request)
        if fault.stop_after is not None:
            self._signal(order, fault.stop_after, port)
        if fault.answer is not None:
            answer = fault.answer(request.sent)
        if fault.ending == "reset" or fault.stop is signal.SIGKILL or fault.stop_after is signal.SIGKILL:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            return False
        if fault.ending == "late" or fault.stop is signal.SIGSTOP or fault.stop_after is signal.SIGSTOP:
            client.settimeout(_SECONDS_OF_A_LATE_ANSWER)
            client.recv(1)
            return False
        data = answer.encoded()
        if fault.ending == "drip":
            _drip(client, data)
        client.sendall(data[: -len(answer.body) // 2] if fault.ending == "cut" else data)
        return answer.status != 0 and fault.ending == "whole"

    def _order(self, request: _Request) -> Order:
        step = self._step(request)
        with self._lock:
            for order in self._orders:
                if order.step == step and order.hits < order.fault.hits:
                    order.hits += 1
                    return order
        return Order(step, _NONE)

    def _signal(self, order: Order, number: signal.Signals, port: int) -> None:
        """Send a signal to the caller; one that has gone by itself was not befallen.

        Raises:
            ConnectionAbortedError: it has gone.
        """
        process = _process(port, self.port)
        if process is None:
            with self._lock:
                order.hits -= 1
            raise ConnectionAbortedError(f"no child process has port {port}")
        os.kill(process, number)

    def _step(self, request: _Request) -> str:
        if urlsplit(request.target).path.endswith("/invocations"):
            return "hand_off"
        parameters = parameters_of(request.target, request.body)
        if parameters["Action"] == "UpdateImageCache":
            return "update"
        if "ImageCacheId" not in parameters:
            return "list"
        with self._lock:
            return "verify" if parameters["ImageCacheId"] in self._updated else "describe"

    def _forward(self, request: _Request) -> Answer:
        upstream = HTTPConnection(*self._upstream, timeout=30)
        try:
            upstream.request(request.method, request.target, request.body, request.headers)
            response = upstream.getresponse()
            answer = Answer(response.status, response.read(), response.headers.get_content_type())
        finally:
            upstream.close()
        if answer.status == 200 and self._step(request) == "update":
            parameters = parameters_of(request.target, request.body)
            with self._lock:
                self._updated.add(parameters["ImageCacheId"])
        return answer


_NONE = Fault("none", passes=1)


def eci_error(code: str, message: str | None = None) -> Callable[[str], Answer]:
    """The answer of ECI to a call that it refuses with a documented code."""
    known = ERRORS[code]
    document = {
        "RequestId": "0B7A3C5E-0000-4000-8000-000000000000",
        "HostId": "eci.aliyuncs.com",
        "Code": code,
        "Message": known.message if message is None else message,
    }
    return lambda _target: Answer(known.status, json.dumps(document).encode())


class _Request(NamedTuple):
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def sent(self) -> str:
        """What a server could repeat: the target and the form."""
        form = self.body.decode() if self.headers.get("content-type", "").endswith("form-urlencoded") else ""
        return f"{self.target}&{form}" if form else self.target


def _requests(reader: IO[bytes]) -> Iterator[_Request]:
    """The requests that come over a connection, until it ends, be it in the middle of one."""
    while (line := reader.readline()).endswith(b"\n"):
        method, target, _ = line.decode("ascii").split(" ", 2)
        headers = {}
        while (line := reader.readline()) not in {b"\r\n", b""}:
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        length = int(headers.get("content-length", "0"))
        body = reader.read(length)
        if not line or len(body) < length:
            return
        yield _Request(method, target, headers, body)


def _bound(port: int) -> socket.socket:
    """A socket on a port of loopback that others of this process may share."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind(("127.0.0.1", port))
    return bound


def _drip(client: socket.socket, data: bytes) -> None:
    """Send an answer so slowly that no pause is a timeout, and the whole of it never ends in time."""
    for byte in data[:-1]:
        client.send(bytes([byte]))
        client.settimeout(_DRIP_SECONDS)
        try:
            if not client.recv(1):
                raise ConnectionResetError
        except TimeoutError:
            continue


def _process(port: int, server_port: int) -> int | None:
    """The process that has the client's end of a connection; None if it is no child of this process.

    None but our own children are ever given a signal.
    """
    ends = f"0100007F:{port:04X} 0100007F:{server_port:04X}"
    rows = (line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines())
    sockets = {f"socket:[{row[9]}]" for row in rows if f"{row[1]} {row[2]}" == ends}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it may end while we look
            if int((folder / "stat").read_text().rpartition(")")[2].split()[1]) != os.getpid():
                continue
            if any(str(one.readlink()) in sockets for one in (folder / "fd").iterdir()):
                return int(folder.name)
    return None
