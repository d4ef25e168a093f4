"""The HTTP trigger's two translations: a request to an event, and a function's result to an answer.

Vendor page "Use an HTTP trigger to invoke a function" (3.0, built-in runtimes). Where it leaves room: the
body is text if its content type is a text type and its bytes are UTF-8, else base64; a result that is not a
JSON object with a ``statusCode`` is answered whole, with 200. Must not know sockets, signatures or functions.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from urllib.parse import parse_qsl, unquote

__all__ = [
    "MAX_BODY_BYTES",
    "BadResultError",
    "HttpRequest",
    "LimitError",
    "check_limits",
    "event_of",
    "read_result",
]

MAX_HEADER_BYTES = 8 * 1024
MAX_PATH_BYTES = 4 * 1024
MAX_BODY_BYTES = 32 * 1024 * 1024

_TEXT_TYPES = frozenset(
    {"application/json", "application/javascript", "application/xml", "application/x-www-form-urlencoded"}
)
# Set by the server itself, for the connection that it has.
_NOT_PASSED_ON = frozenset(
    {"connection", "content-length", "keep-alive", "transfer-encoding", "date", "server"}
)


class LimitError(ValueError):
    """Raised when a request is larger than the trigger takes."""


class BadResultError(ValueError):
    """Raised when a function's result has a ``statusCode`` but is not a valid HTTP answer."""


@dataclass(frozen=True)
class HttpRequest:
    """A request as it came.

    Attributes:
        method: in upper case.
        raw_path: percent-encoded, without the query.
        query: the query, without ``?``.
        headers: names and values in the order they came.
        body: its bytes.
        http_version: such as ``1.1``.
        client: the client's address.
    """

    method: str
    raw_path: str
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    http_version: str
    client: str


def check_limits(raw_path: str, query: str, headers: Iterable[tuple[str, str]]) -> None:
    """Check a request before its body is read.

    Raises:
        LimitError: path and query have more than 4 KB, or the headers more than 8 KB.
    """
    path_bytes = len(raw_path) + len(query) + bool(query)
    if path_bytes > MAX_PATH_BYTES:
        raise LimitError(f"path and query have {path_bytes} bytes, more than {MAX_PATH_BYTES}")
    header_bytes = sum(len(name) + len(value) for name, value in headers)
    if header_bytes > MAX_HEADER_BYTES:
        raise LimitError(f"the headers have {header_bytes} bytes, more than {MAX_HEADER_BYTES}")


def event_of(request: HttpRequest, *, request_id: str, account_id: str, moment: datetime) -> bytes:
    """The event for a request.

    Args:
        request: the request.
        request_id: of the invocation.
        account_id: of the function's owner.
        moment: when it came, with a zone.
    """
    headers = _joined((_canonical(name), value) for name, value in request.headers)
    text = _text_body(request.body, headers.get("Content-Type", ""))
    host = headers.get("Host", "")
    document = {
        "version": "v1",
        "rawPath": request.raw_path,
        "body": base64.b64encode(request.body).decode() if text is None else text,
        "isBase64Encoded": text is None,
        "headers": headers,
        "queryParameters": _joined(parse_qsl(request.query, keep_blank_values=True)),
        "requestContext": {
            "accountId": account_id,
            "domainName": host,
            "domainPrefix": host.partition(".")[0],
            "http": {
                "method": request.method,
                "path": unquote(request.raw_path),
                "protocol": f"HTTP/{request.http_version}",
                "sourceIp": request.client,
                "userAgent": headers.get("User-Agent", ""),
            },
            "requestId": request_id,
            "time": moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "timeEpoch": str(int(moment.timestamp() * 1000)),
        },
    }
    return json.dumps(document).encode()


def read_result(payload: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the answer that a function's result means.

    Raises:
        BadResultError: it has a ``statusCode``, and something in it is not of its type.
    """
    try:
        document = json.loads(payload)
    except ValueError:
        return 200, {"Content-Type": "text/plain; charset=utf-8"}, payload
    if not isinstance(document, dict) or "statusCode" not in document:
        return 200, {"Content-Type": "application/json"}, payload
    status = document["statusCode"]
    if not isinstance(status, int) or not 200 <= status <= 599:  # noqa: PLR2004 - final HTTP statuses
        raise BadResultError(f"statusCode: 200 to 599 is expected, {status!r} found")
    headers = document.get("headers") or {}
    if not isinstance(headers, dict):
        raise BadResultError(f"headers: an object is expected, {headers!r} found")
    passed = {name: _header_value(name, value) for name, value in headers.items()}
    passed = {name: value for name, value in passed.items() if name.lower() not in _NOT_PASSED_ON}
    return status, passed, _body_of(document)


def _body_of(document: Mapping[str, Any]) -> bytes:
    body = document.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise BadResultError(f"body: a text is expected, {type(body).__name__} found")
    if not document.get("isBase64Encoded"):
        return body.encode()
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error:
        raise BadResultError("body: base64 is expected, as isBase64Encoded says so") from None


def _header_value(name: str, value: Any) -> str:
    if isinstance(value, list):
        return ",".join(_header_value(name, one) for one in value)
    if not isinstance(value, (str, int)) or "\n" in str(value) or "\r" in str(value):
        raise BadResultError(f"headers.{name}: one line of text is expected, {value!r} found")
    return str(value)


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """One value for each name; several of one name are joined by commas."""
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _canonical(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))


def _text_body(body: bytes, content_type: str) -> str | None:
    kind = content_type.partition(";")[0].strip().lower()
    if kind and not kind.startswith("text/") and kind not in _TEXT_TYPES:
        return None
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return None
