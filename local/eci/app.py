"""The API over HTTP: hands a call to the service, and lets the ordered fault happen to the answer."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ..base.connections import wire_of
from .admin import admin_routes
from .service import Answer, Service

__all__ = ["eci_app"]

_JSON = "application/json;charset=utf-8"
_FORM = "application/x-www-form-urlencoded"
_ODD_BODIES = {
    "not_json": b"ok",
    "json_array": b'["RequestId"]',
    "json_null": b"null",
    "json_number": b"20180808",
    "invalid_utf8": b'{"RequestId":"\xff\xfe"}',
    "empty": b"",
}
_PAGE = b"<html><head><title>Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"


def eci_app(service: Service) -> Starlette:
    """The ASGI application: the API on ``/``, the administration under ``/_local/``."""

    async def call(request: Request) -> Response:
        form = await request.body()
        if form and not request.headers.get("content-type", "").startswith(_FORM):
            raise HTTPException(415, f"a body is expected to be {_FORM}")
        query: bytes = request.scope["query_string"]
        host = request.headers.get("host", "")
        headers = dict(request.headers)
        answer = await run_in_threadpool(service.call, request.method, query, form, host, headers)
        if answer.fault is not None and answer.fault.delay_seconds:
            await _client_leaves(request.receive, answer.fault.delay_seconds)
        return _response(answer)

    async def broken(_request: Request, _error: Exception) -> Response:
        # Starlette raises the exception again after this answer, and uvicorn logs it with its trace.
        return _json_response(500, {"Code": "InternalError", "Message": "A defect of the local server."})

    methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    return Starlette(
        routes=[Route("/", call, methods=methods), *admin_routes(service)],
        exception_handlers={Exception: broken},
    )


class _Reset(Response):
    """No answer: the connection is reset."""

    async def __call__(self, scope: Scope, receive: Receive, _send: Send) -> None:
        wire_of(scope).reset()
        await _client_leaves(receive)


class _Truncated(Response):
    """Half of the announced body, and then the end of the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body[: len(self.body) // 2])
        await send({"type": "http.response.body", "body": half, "more_body": True})
        wire_of(scope).cut()
        await _client_leaves(receive)


def _response(answer: Answer) -> Response:
    fault = answer.fault
    kind = "" if fault is None else fault.kind
    if kind == "reset":
        return _Reset()
    if kind == "truncated":
        return _Truncated(json.dumps(answer.document), answer.status, media_type=_JSON)
    if fault is not None and kind == "html":
        return Response(_PAGE, fault.status, media_type="text/html")
    if kind in _ODD_BODIES:
        return Response(_ODD_BODIES[kind], 200, headers={"content-type": _JSON})
    return _json_response(answer.status, answer.document)


def _json_response(status: int, document: Any) -> Response:
    return Response(json.dumps(document), status, headers={"content-type": _JSON})


async def _client_leaves(receive: Receive, most_seconds: float | None = None) -> None:
    """Wait until the connection has ended, or the given number of seconds has passed."""

    async def disconnected() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    try:
        await asyncio.wait_for(disconnected(), most_seconds)
    except asyncio.TimeoutError:
        return
