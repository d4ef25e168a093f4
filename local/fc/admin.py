"""The administration of Function Compute under ``/_local/``: what tests and commands look at and order.

Unsigned: the server listens on loopback only, and refuses what a page in a browser on the same machine could
send. Must not know how anything is run.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..base.switches import SwitchError
from .deliveries import DEAD, DeliveryStore
from .dispatcher import Dispatcher
from .functions import UnknownFunctionError
from .logs import LogStore
from .on_failure import redrive
from .queues import QueueStore, UnknownQueueError
from .role import RoleKeys
from .settings import Switchboard
from .specs import HttpTrigger
from .timers import Timers, UnknownTriggerError
from .trigger_app import TriggerHost, trigger_endpoint

__all__ = ["AdminParts", "admin_routes"]


@dataclass(frozen=True)
class AdminParts:
    """What is looked at and ordered."""

    switches: Switchboard
    triggers: TriggerHost
    http_triggers: tuple[HttpTrigger, ...]
    dispatcher: Dispatcher
    deliveries: DeliveryStore
    logs: LogStore
    timers: Timers
    role_keys: RoleKeys
    queues: QueueStore


def admin_routes(parts: AdminParts) -> list[Route]:
    """The routes, those of the HTTP triggers without a signature among them."""
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
    return [
        *unsigned,
        Route("/_local/functions", _admin(_list_functions(parts)), methods=["GET"]),
        Route("/_local/timers", _admin(_list_timers(parts)), methods=["GET"]),
        Route("/_local/timers/{name}/fire", _admin(_fire(parts)), methods=["POST"]),
        Route("/_local/logs", _admin(_logs(parts)), methods=["GET"]),
        Route("/_local/deliveries", _admin(_deliveries(parts, None)), methods=["GET"]),
        Route("/_local/dead-letters", _admin(_deliveries(parts, DEAD)), methods=["GET"]),
        Route("/_local/queues", _admin(_list_queues(parts)), methods=["GET"]),
        Route("/_local/queues/{name}", _admin(_messages(parts)), methods=["GET"]),
        Route("/_local/queues/{name}/messages/{id}", _admin(_remove_message(parts)), methods=["DELETE"]),
        Route("/_local/queues/{name}/redrive", _admin(_redrive(parts)), methods=["POST"]),
        Route("/_local/settings", _admin(_settings(parts)), methods=["GET", "PATCH", "DELETE"]),
        Route("/_local/role-key/rotate", _admin(_rotate(parts)), methods=["POST"]),
    ]


class _BadRequestError(ValueError):
    """Raised when a parameter is not what the administration takes."""


def _admin(endpoint: Callable[[Request], Any]) -> Callable[[Request], object]:
    async def guarded(request: Request) -> Response:
        # A browser says where a page is from whenever that page posts to another server.
        if "origin" in request.headers:
            return JSONResponse({"error": "pages of a browser are not served here"}, 403)
        try:
            response: Response = await endpoint(request)
        except (UnknownFunctionError, UnknownTriggerError, UnknownQueueError) as error:
            return JSONResponse({"error": str(error)}, 404)
        except (_BadRequestError, SwitchError) as error:
            return JSONResponse({"error": str(error)}, 400)
        return response

    return guarded


def _list_functions(parts: AdminParts) -> Callable[[Request], Any]:
    async def endpoint(_request: Request) -> Response:
        listed = [
            {"name": spec.name, "handler": spec.handler, "runtime": spec.runtime}
            for spec in parts.triggers.functions.specs.values()
        ]
        return JSONResponse(listed)

    return endpoint


def _list_timers(parts: AdminParts) -> Callable[[Request], Any]:
    async def endpoint(_request: Request) -> Response:
        listed = [
            {"name": one.name, "function": one.function_name, "cron": one.expression, "enabled": one.enabled}
            for one in parts.timers.triggers.values()
        ]
        return JSONResponse(listed)

    return endpoint


def _fire(parts: AdminParts) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        request_id = await run_in_threadpool(parts.timers.fire, request.path_params["name"])
        return JSONResponse({"request_id": request_id}, 202)

    return endpoint


def _logs(parts: AdminParts) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        after = request.query_params.get("after", "0")
        if not after.isdecimal():
            raise _BadRequestError(f"after: a number is expected, {after!r} found")
        lines = await run_in_threadpool(
            parts.logs.lines, after=int(after), request_id=request.query_params.get("request_id")
        )
        return JSONResponse([asdict(line) for line in lines])

    return endpoint


def _deliveries(parts: AdminParts, state: str | None) -> Callable[[Request], Any]:
    async def endpoint(_request: Request) -> Response:
        listed = await run_in_threadpool(parts.deliveries.list, state)
        return JSONResponse([delivery.to_json() for delivery in listed])

    return endpoint


def _list_queues(parts: AdminParts) -> Callable[[Request], Any]:
    def listed() -> list[dict[str, Any]]:
        return [{"name": name, "messages": len(parts.queues.messages(name))} for name in parts.queues.names]

    async def endpoint(_request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(listed))

    return endpoint


def _messages(parts: AdminParts) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        messages = await run_in_threadpool(parts.queues.messages, request.path_params["name"])
        return JSONResponse([asdict(message) for message in messages])

    return endpoint


def _remove_message(parts: AdminParts) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        name, identifier = request.path_params["name"], request.path_params["id"]
        there = {message.message_id for message in await run_in_threadpool(parts.queues.messages, name)}
        if identifier not in there or not await run_in_threadpool(parts.queues.remove, identifier):
            return JSONResponse({"error": f"there is no message {identifier!r} in {name}"}, 404)
        return JSONResponse({"message_id": identifier})

    return endpoint


def _redrive(parts: AdminParts) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        name = request.path_params["name"]
        redriven = await run_in_threadpool(redrive, parts.queues, parts.dispatcher.deliver, name)
        return JSONResponse([asdict(one) for one in redriven])

    return endpoint


def _settings(parts: AdminParts) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        if request.method == "DELETE":
            return JSONResponse(asdict(parts.switches.reset()))
        if request.method == "PATCH":
            return JSONResponse(asdict(parts.switches.change(await _object(request))))
        return JSONResponse(asdict(parts.switches.settings))

    return endpoint


async def _object(request: Request) -> dict[str, Any]:
    try:
        document = json.loads(await request.body())
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise _BadRequestError("a JSON object is expected")
    return document


def _rotate(parts: AdminParts) -> Callable[[Request], Any]:
    async def endpoint(_request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(parts.role_keys.rotate))

    return endpoint
