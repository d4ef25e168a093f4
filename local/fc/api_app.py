"""The server of the invocation API, and of the administration under ``/_local/``.

``POST /2023-03-30/functions/<name>/invocations``, signed (vendor page "InvokeFunction"). With
``x-fc-invocation-type: Async`` the event is stored and the answer is 202; ``x-fc-async-delay`` (1 to 3600
seconds) and ``x-fc-async-task-id`` go with it. The administration is unsigned: the server listens on loopback
only, and refuses what a page in a browser on the same machine could send.
"""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .answers import failed_function, platform_error, request_headers
from .deliveries import DEAD, DeliveryStore, DuplicateTaskError
from .dispatcher import Dispatcher, PayloadTooLargeError
from .functions import Functions, ThrottledError, UnknownFunctionError, new_request_id
from .logs import LogStore
from .queues import QueueStore
from .role import RoleKeys
from .signature import SignatureError, check_signature, resource_of_api
from .specs import HttpTrigger
from .timers import Timers, UnknownTriggerError
from .trigger_app import TriggerHost, trigger_endpoint

__all__ = ["ApiParts", "api_app"]

MAX_SYNC_BYTES = 32 * 1024 * 1024
_TASK_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,127}")
_LONGEST_DELAY_SECONDS = 3600


@dataclass(frozen=True)
class ApiParts:
    """What the API and its administration work on."""

    triggers: TriggerHost
    http_triggers: tuple[HttpTrigger, ...]
    dispatcher: Dispatcher
    deliveries: DeliveryStore
    logs: LogStore
    timers: Timers
    role_keys: RoleKeys
    queues: QueueStore
    account: tuple[str, str]
    calls: list[tuple[str, str]] = field(default_factory=list)
    """Who called the API, as the ids of access keys, and the functions that were to be invoked."""


def api_app(parts: ApiParts) -> Starlette:
    """The ASGI application."""
    host = parts.triggers
    unsigned = [
        Route(
            f"/_local/http/{trigger.name}{path}",
            _admin(trigger_endpoint(trigger, host, prefix=f"/_local/http/{trigger.name}", signed=False)),
            methods=list(trigger.methods),
        )
        for trigger in parts.http_triggers
        for path in ("", "/{path:path}")
    ]
    return Starlette(
        routes=[
            Route("/2023-03-30/functions/{name}/invocations", _invocations(parts), methods=["POST"]),
            *unsigned,
            Route("/_local/functions", _admin(_list_functions(parts)), methods=["GET"]),
            Route("/_local/timers", _admin(_list_timers(parts)), methods=["GET"]),
            Route("/_local/timers/{name}/fire", _admin(_fire(parts)), methods=["POST"]),
            Route("/_local/logs", _admin(_logs(parts)), methods=["GET"]),
            Route("/_local/deliveries", _admin(_deliveries(parts, None)), methods=["GET"]),
            Route("/_local/dead-letters", _admin(_deliveries(parts, DEAD)), methods=["GET"]),
            Route("/_local/queues", _admin(_queues(parts)), methods=["GET"]),
            Route("/_local/queues/{number:int}/redrive", _admin(_redrive(parts)), methods=["POST"]),
            Route("/_local/calls", _admin(_calls(parts)), methods=["GET"]),
            Route("/_local/role-key/rotate", _admin(_rotate(parts)), methods=["POST"]),
        ]
    )


class _BadRequestError(ValueError):
    """Raised when a header or a parameter is not what the API takes."""


def _invocations(parts: ApiParts) -> Callable[[Request], object]:
    async def endpoint(request: Request) -> Response:
        request_id = new_request_id()
        try:
            resource = resource_of_api(request.scope["raw_path"].decode("ascii"))
            caller = check_signature(
                "POST", resource, dict(request.headers), parts.triggers.lookup, time.time()
            )
        except SignatureError as error:
            return platform_error(403, error.code, str(error), request_id)
        payload = await request.body()
        if len(payload) > MAX_SYNC_BYTES:
            return platform_error(413, "RequestTooLarge", f"more than {MAX_SYNC_BYTES} bytes", request_id)
        kind = request.headers.get("x-fc-invocation-type", "Sync")
        name = request.path_params["name"]
        parts.calls.append((caller, name))
        if kind == "Sync":
            return await run_in_threadpool(_sync, parts.triggers.functions, name, payload, request_id)
        if kind == "Async":
            return await run_in_threadpool(_async, parts.dispatcher, name, payload, request)
        return platform_error(
            400,
            "InvalidArgument",
            f"x-fc-invocation-type: Sync or Async expected, {kind!r} found",
            request_id,
        )

    return endpoint


def _sync(functions: Functions, name: str, payload: bytes, request_id: str) -> Response:
    try:
        invocation = functions.invoke(name, payload, request_id=request_id)
    except UnknownFunctionError as error:
        return platform_error(404, "FunctionNotFound", str(error), request_id)
    except ThrottledError as error:
        return platform_error(429, "ResourceThrottled", str(error), request_id)
    if invocation.error_type is not None:
        # The call succeeded; that the function did not is told by a header (vendor page "Error handling").
        return failed_function(invocation, 200)
    return Response(
        invocation.payload, 200, headers=request_headers(request_id), media_type="application/octet-stream"
    )


def _async(dispatcher: Dispatcher, name: str, payload: bytes, request: Request) -> Response:
    request_id = new_request_id()
    try:
        request_id = dispatcher.deliver(
            name,
            payload,
            source="api",
            delay_seconds=_delay(request.headers.get("x-fc-async-delay")),
            task_id=_task_id(request.headers.get("x-fc-async-task-id")),
        )
    except _BadRequestError as error:
        return platform_error(400, "InvalidArgument", str(error), request_id)
    except UnknownFunctionError as error:
        return platform_error(404, "FunctionNotFound", str(error), request_id)
    except DuplicateTaskError as error:
        return platform_error(409, "StatefulAsyncInvocationAlreadyExists", str(error), request_id)
    except PayloadTooLargeError as error:
        return platform_error(413, "RequestTooLarge", str(error), request_id)
    return Response(status_code=202, headers=request_headers(request_id))


def _delay(text: str | None) -> float:
    if text is None:
        return 0.0
    if not text.isdecimal() or not 1 <= int(text) <= _LONGEST_DELAY_SECONDS:
        raise _BadRequestError(f"x-fc-async-delay: 1 to {_LONGEST_DELAY_SECONDS} is expected, {text!r} found")
    return float(text)


def _task_id(text: str | None) -> str | None:
    if text is not None and not _TASK_ID.fullmatch(text):
        raise _BadRequestError(
            "x-fc-async-task-id: a letter or _, then letters, digits, _ or -, at most 128 characters, "
            f"are expected, {text[:140]!r} found"
        )
    return text


def _admin(endpoint: Callable[[Request], Any]) -> Callable[[Request], object]:
    async def guarded(request: Request) -> Response:
        # A browser says where a page is from whenever that page posts to another server.
        if "origin" in request.headers:
            return JSONResponse({"error": "pages of a browser are not served here"}, 403)
        try:
            response: Response = await endpoint(request)
        except (UnknownFunctionError, UnknownTriggerError) as error:
            return JSONResponse({"error": str(error)}, 404)
        except _BadRequestError as error:
            return JSONResponse({"error": str(error)}, 400)
        return response

    return guarded


def _list_functions(parts: ApiParts) -> Callable[[Request], Any]:
    async def endpoint(_request: Request) -> Response:
        listed = [
            {"name": spec.name, "handler": spec.handler, "runtime": spec.runtime}
            for spec in parts.triggers.functions.specs.values()
        ]
        return JSONResponse(listed)

    return endpoint


def _list_timers(parts: ApiParts) -> Callable[[Request], Any]:
    async def endpoint(_request: Request) -> Response:
        listed = [
            {"name": one.name, "function": one.function_name, "cron": one.expression, "enabled": one.enabled}
            for one in parts.timers.triggers.values()
        ]
        return JSONResponse(listed)

    return endpoint


def _fire(parts: ApiParts) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        request_id = await run_in_threadpool(parts.timers.fire, request.path_params["name"])
        return JSONResponse({"request_id": request_id}, 202)

    return endpoint


def _logs(parts: ApiParts) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        after = request.query_params.get("after", "0")
        if not after.isdecimal():
            raise _BadRequestError(f"after: a number is expected, {after!r} found")
        lines = await run_in_threadpool(
            parts.logs.lines, after=int(after), request_id=request.query_params.get("request_id")
        )
        return JSONResponse([asdict(line) for line in lines])

    return endpoint


def _deliveries(parts: ApiParts, state: str | None) -> Callable[[Request], Any]:
    async def endpoint(_request: Request) -> Response:
        listed = await run_in_threadpool(parts.deliveries.list, state)
        return JSONResponse([delivery.to_json() for delivery in listed])

    return endpoint


def _rotate(parts: ApiParts) -> Callable[[Request], Any]:
    async def endpoint(_request: Request) -> Response:
        return JSONResponse({"access_key_ids": await run_in_threadpool(parts.role_keys.rotate)})

    return endpoint


def _queues(parts: ApiParts) -> Callable[[Request], Any]:
    async def endpoint(_request: Request) -> Response:
        messages = await run_in_threadpool(parts.queues.messages)
        return JSONResponse([asdict(message) for message in messages])

    return endpoint


def _redrive(parts: ApiParts) -> Callable[[Request], Any]:
    """Sends an event that was given up to its function again, and then takes the message away."""

    async def endpoint(request: Request) -> Response:
        number = request.path_params["number"]
        messages = {one.number: one for one in await run_in_threadpool(parts.queues.messages)}
        if number not in messages:
            return JSONResponse({"error": f"there is no message {number}"}, 404)
        body = messages[number].body
        function = body["requestContext"]["functionArn"].rpartition("/")[2]
        deliver = functools.partial(parts.dispatcher.deliver, source="redrive")
        request_id = await run_in_threadpool(deliver, function, body["requestPayload"].encode())
        await run_in_threadpool(parts.queues.delete, number)
        return JSONResponse({"request_id": request_id})

    return endpoint


def _calls(parts: ApiParts) -> Callable[[Request], Any]:
    """Whose each key is, and which functions each key was used to invoke."""
    region, account_id = parts.account

    async def endpoint(_request: Request) -> Response:
        calls = [
            {"access_key_id": key, "resource": f"acs:fc:{region}:{account_id}:functions/{name}"}
            for key, name in list(parts.calls)
        ]
        return JSONResponse({"owners": parts.role_keys.owners(), "invocations": calls})

    return endpoint
