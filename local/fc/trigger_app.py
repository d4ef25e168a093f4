"""The server of one HTTP trigger: each has a port of its own, so that paths are those of the cloud.

Checks what the platform's gateway checks (limits, method, signature, right), and then lets the function
answer. A failing function is a 502, and a request over a limit a 400 (vendor page "HTTP handlers").
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..permissions.access import Permitted
from ..permissions.credentials import Credential
from . import http_trigger
from .answers import access_denied, failed_function, platform_error, request_headers
from .functions import Functions, ThrottledError, function_resource, new_request_id
from .signature import SignatureError, check_signature, resource_of_trigger
from .specs import HttpTrigger

__all__ = ["TriggerHost", "trigger_app", "trigger_endpoint"]

_ANY_METHOD = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]


@dataclass(frozen=True)
class TriggerHost:
    """What a trigger's server needs.

    Attributes:
        functions: to invoke.
        lookup: finds an access key by its id.
        permitted: whether a key's owner may do something.
        region: of the functions.
        account_id: of the functions.
    """

    functions: Functions
    lookup: Callable[[str], Credential | None]
    permitted: Permitted
    region: str
    account_id: str

    def may_invoke(self, principal: str | None, function: str) -> bool:
        """Whether the owner of a key may invoke a function; it is recorded that it asked."""
        resource = function_resource(self.region, self.account_id, function)
        return self.permitted(principal, "fc:InvokeFunction", resource)


def trigger_app(trigger: HttpTrigger, host: TriggerHost) -> Starlette:
    """The ASGI application of a trigger; every path is the function's."""
    endpoint = trigger_endpoint(trigger, host, prefix="", signed=trigger.auth_type == "function")
    return Starlette(routes=[Route("/{path:path}", endpoint, methods=_ANY_METHOD)])


def trigger_endpoint(
    trigger: HttpTrigger, host: TriggerHost, *, prefix: str, signed: bool
) -> Callable[[Request], object]:
    """What answers the requests of a trigger.

    Args:
        trigger: the trigger.
        host: its surroundings.
        prefix: the part of the path that is not the function's.
        signed: whether a signature is required.
    """

    async def endpoint(request: Request) -> Response:
        request_id = new_request_id()
        raw_path = request.scope["raw_path"].decode("ascii").removeprefix(prefix) or "/"
        query = request.scope["query_string"].decode("ascii")
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]
        try:
            http_trigger.check_limits(raw_path, query, headers)
            if request.method not in trigger.methods:
                allowed = ", ".join(trigger.methods)
                return platform_error(405, "MethodNotAllowed", f"allowed are {allowed}", request_id)
            if signed:
                resource = resource_of_trigger(raw_path, query)
                headers_by_name = dict(request.headers)
                key = check_signature(request.method, resource, headers_by_name, host.lookup, time.time())
                if not await run_in_threadpool(host.may_invoke, key.principal, trigger.function_name):
                    return access_denied(trigger.function_name, request_id)
            body = await _body(request)
        except http_trigger.LimitError as error:
            return platform_error(400, "InvalidArgument", str(error), request_id)
        except SignatureError as error:
            return platform_error(403, error.code, str(error), request_id)
        event = http_trigger.event_of(
            http_trigger.HttpRequest(
                method=request.method,
                raw_path=raw_path,
                query=query,
                headers=headers,
                body=body,
                http_version=request.scope["http_version"],
                client=request.client.host if request.client else "",
            ),
            request_id=request_id,
            account_id=host.account_id,
            moment=datetime.now(timezone.utc),
        )
        return await run_in_threadpool(_answer, trigger, host, event, request_id)

    return endpoint


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > http_trigger.MAX_BODY_BYTES:
            raise http_trigger.LimitError(f"the body has more than {http_trigger.MAX_BODY_BYTES} bytes")
    return bytes(body)


def _answer(trigger: HttpTrigger, host: TriggerHost, event: bytes, request_id: str) -> Response:
    try:
        invocation = host.functions.invoke(trigger.function_name, event, request_id=request_id)
    except ThrottledError as error:
        return platform_error(429, "ResourceThrottled", str(error), request_id)
    if invocation.error_type is not None:
        return failed_function(invocation, 502)
    try:
        status, headers, body = http_trigger.read_result(invocation.payload)
    except http_trigger.BadResultError as error:
        return platform_error(502, "BadResponse", str(error), request_id)
    return Response(body, status, headers={**headers, **request_headers(request_id)})
