"""A queue of Simple Message Queue on loopback: XML over HTTP, signatures, receipts, and what hides a message.

By the vendor's pages "BatchReceiveMessage", "DeleteMessage", "ChangeMessageVisibility" and "Signature". Its
time passes only when a test says so.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

from .http_server import QuietHandler, serve_http

__all__ = ["QueueServer", "queue_server"]

_SPACE = 'xmlns="http://mns.aliyuncs.com/doc/v1/"'
VISIBILITY_SECONDS = 30


@dataclass
class _Held:
    message_id: str
    body: str
    enqueued_at: int
    visible_at: float = 0.0
    receipt: str = ""


@dataclass
class QueueServer:
    """One queue.

    Attributes:
        name: of the queue.
        key: id and secret of the only key that is taken.
        now: seconds since the epoch.
        refused: codes of errors that are answered, by action.
        asked: the actions that were asked.
        url: of the server.
    """

    name: str
    key: tuple[str, str] = ("", "")
    now: float = 1_772_452_800.0
    refused: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""
    _messages: list[_Held] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def send(self, body: str) -> str:
        """Put a message into it; its id."""
        held = _Held(f"MESSAGE-{next(self._numbers):04}", body, int(self.now * 1000))
        self._messages.append(held)
        return held.message_id

    @property
    def ids(self) -> list[str]:
        """The messages that are in it."""
        return [held.message_id for held in self._messages]

    @property
    def visible(self) -> list[str]:
        """Those that anybody may take."""
        return [held.message_id for held in self._messages if held.visible_at <= self.now]

    def answer(self, method: str, path: str, query: dict[str, str]) -> tuple[int, str]:
        """Status and XML."""
        action = {"GET": "Receive", "DELETE": "Delete", "PUT": "Change"}[method]
        self.asked.append(action)
        if action in self.refused:
            return _error(403, self.refused[action])
        if path != f"/queues/{self.name}/messages":
            return _error(404, "QueueNotExist")
        if action == "Receive":
            return self._receive(int(query["numOfMessages"]), query.get("waitseconds"))
        held = next((each for each in self._messages if each.receipt == query["ReceiptHandle"]), None)
        if held is None or held.visible_at <= self.now:
            return _error(400, "ReceiptHandleError")
        if action == "Delete":
            self._messages.remove(held)
            return 204, ""
        held.visible_at = self.now + int(query["VisibilityTimeout"])
        held.receipt = f"{held.receipt}-again"
        facts = {"ReceiptHandle": held.receipt, "NextVisibleTime": int(held.visible_at * 1000)}
        return 200, f"<ChangeVisibility {_SPACE}>{_members(facts)}</ChangeVisibility>"

    def _receive(self, most: int, wait: str | None) -> tuple[int, str]:
        assert wait == "0", "the queue would wait for a message"
        taken = [held for held in self._messages if held.visible_at <= self.now][:most]
        if not taken:
            return _error(404, "MessageNotExist")
        parts = []
        for held in taken:
            held.visible_at, held.receipt = (
                self.now + VISIBILITY_SECONDS,
                f"{next(self._numbers)}-{held.message_id}",
            )
            facts = {
                "MessageId": held.message_id,
                "MessageBodyMD5": hashlib.md5(held.body.encode(), usedforsecurity=False).hexdigest().upper(),
                "MessageBody": held.body,
                "ReceiptHandle": held.receipt,
                "EnqueueTime": held.enqueued_at,
                "FirstDequeueTime": int(self.now * 1000),
                "NextVisibleTime": int(held.visible_at * 1000),
                "DequeueCount": 1,
                "Priority": 8,
            }
            parts.append(f"<Message>{_members(facts)}</Message>")
        return 200, f"<Messages {_SPACE}>{''.join(parts)}</Messages>"

    def signed(self, method: str, target: str, headers: Any) -> bool:
        """Whether a request is signed with the key."""
        names = sorted(name.lower() for name in headers if name.lower().startswith("x-mns-"))
        lines = "".join(f"{name}:{headers[name]}\n" for name in names)
        parts = (method, headers.get("content-md5", ""), headers.get("content-type", ""), headers["date"])
        text = "\n".join(parts) + f"\n{lines}{target}"
        made = hmac.new(self.key[1].encode(), text.encode(), hashlib.sha1).digest()
        return bool(headers["authorization"] == f"MNS {self.key[0]}:{base64.b64encode(made).decode()}")


def _members(facts: dict[str, Any]) -> str:
    return "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in facts.items())


def _error(status: int, code: str) -> tuple[int, str]:
    inside = f"<Code>{code}</Code><Message>refused</Message><RequestId>R</RequestId><HostId>H</HostId>"
    return status, f"<Error {_SPACE}>{inside}</Error>"


@contextmanager
def queue_server(name: str) -> Iterator[QueueServer]:
    """A running queue."""
    server = QueueServer(name)

    class Handler(QuietHandler):
        def respond(self) -> None:
            target = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(target.query).items()}
            if server.signed(self.command, self.path, self.headers):
                status, body = server.answer(self.command, target.path, query)
            else:
                status, body = _error(403, "SignatureDoesNotMatch")
            text = f'<?xml version="1.0" encoding="utf-8"?>{body}' if body else ""
            self.answer(status, text.encode(), ("Content-Type", "text/xml"), ("x-mns-request-id", "R"))

        do_DELETE = do_PUT = QuietHandler.do_GET  # noqa: N815 - the base class's names

    with serve_http(Handler) as host:
        server.url = f"http://{host}"
        yield server
