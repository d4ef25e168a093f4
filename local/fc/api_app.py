"""The server of the invocation API.

``POST /2023-03-30/functions/<name>/invocations``, signed (vendor page "InvokeFunction"). With
``x-fc-invocation-type: Async`` the event is stored and the answer is 202; ``x-fc-async-delay`` (in seconds)
and ``x-fc-async-task-id`` go with it; ``settings`` says what becomes of them. The key's owner needs
``fc:InvokeFunction``.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..base.delivery import PayloadTooLargeError
from ..permissions import acs3
from ..permissions.credentials import Credential
from .answers import access_denied, failed_function, platform_error, request_headers
from .deliveries import DuplicateTaskError
from .dispatcher import Dispatcher
from .functions import Functions, ThrottledError, UnknownFunctionError, new_request_id
from .settings import Switchboard
from .signature import SignatureError, check_signature, resource_of_api
from .trigger_app import TriggerHost

__all__ = ["api_app"]

MAX_SYNC_BYTES = 32 * 1024 * 1024
_TASK_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,127}")


def api_app(
    triggers: TriggerHost, dispatcher: Dispatcher, switches: Switchboard, admin: Sequence[Route]
) -> Starlette:
    """The ASGI application.

    Args:
        triggers: the functions, the access keys and their rights.
        dispatcher: takes events for later.
        switches: how asynchronous invocation behaves.
        admin: the routes of the administration.
    """
    invocations = Route(
        "/2023-03-30/functions/{name}/invocations",
        _invocations(triggers, dispatcher, switches),
        methods=["POST"],
    )
    return Starlette(routes=[invocations, *admin])


class _BadRequestError(ValueError):
    """Raised when a header is not what the API takes."""


def _invocations(
    triggers: TriggerHost, dispatcher: Dispatcher, switches: Switchboard
) -> Callable[[Request], object]:
    async def endpoint(request: Request) -> Response:
        request_id = new_request_id()
        try:
            key = await _key(request, triggers, switches.settings.signatures)
        except SignatureError as error:
            return platform_error(403, error.code, str(error), request_id)
        name = request.path_params["name"]
        if not await run_in_threadpool(triggers.may_invoke, key.principal, name):
            return access_denied(name, request_id)
        payload = await request.body()
        if len(payload) > MAX_SYNC_BYTES:
            return platform_error(413, "RequestTooLarge", f"more than {MAX_SYNC_BYTES} bytes", request_id)
        kind = request.headers.get("x-fc-invocation-type", "Sync")
        if kind == "Sync":
            return await run_in_threadpool(_sync, triggers.functions, name, payload, request_id)
        if kind == "Async":
            return await run_in_threadpool(_async, dispatcher, switches, name, payload, request)
        return platform_error(
            400,
            "InvalidArgument",
            f"x-fc-invocation-type: Sync or Async expected, {kind!r} found",
            request_id,
        )

    return endpoint


async def _key(request: Request, triggers: TriggerHost, taken: str) -> Credential:
    """The key that a request is signed with, by either signature, as far as it is taken."""
    scheme = "acs3" if request.headers.get("authorization", "").startswith(acs3.SCHEME) else "fc2"
    if taken not in {"both", scheme}:
        raise SignatureError("AccessDenied", f"a signature by {scheme} is not taken here")
    headers, target = dict(request.headers), request.scope["raw_path"].decode("ascii")
    if scheme == "fc2":
        return check_signature("POST", resource_of_api(target), headers, triggers.lookup, time.time())
    query = request.scope["query_string"].decode("ascii")
    body = await request.body()
    if headers.get("x-acs-action") != "InvokeFunction" or headers.get("x-acs-version") != "2023-03-30":
        raise SignatureError("InvalidAction", "x-acs-action InvokeFunction of 2023-03-30 is expected")
    signed = acs3.Request("POST", f"{target}?{query}", headers, body)
    return acs3.check_acs3(signed, triggers.lookup, time.time())


def _sync(functions: Functions, name: str, payload: bytes, request_id: str) -> Response:
    try:
        invocation = functions.invoke(name, payload, request_id=request_id)
    except UnknownFunctionError as error:
        return platform_error(404, "FunctionNotFound", str(error), request_id)
    except ThrottledError as error:
        return platform_error(429, "ResourceThrottled", str(error), request_id)
    if invocation.error_type is not None:
        # The call succeeded; that the function failed is in a header (vendor page "Error handling").
        return failed_function(invocation, 200)
    return Response(
        invocation.payload, 200, headers=request_headers(request_id), media_type="application/octet-stream"
    )


def _async(
    dispatcher: Dispatcher, switches: Switchboard, name: str, payload: bytes, request: Request
) -> Response:
    request_id = new_request_id()
    refusal = switches.refusal()
    if refusal is not None:
        return platform_error(refusal.status, refusal.code, "the call is refused for now", request_id)
    settings = switches.settings
    try:
        delay_seconds = _delay(request.headers.get("x-fc-async-delay"), settings.longest_delay_seconds)
        task_id = _task_id(request.headers.get("x-fc-async-task-id"))
        request_id = dispatcher.deliver(
            name,
            payload,
            source="api",
            delay_seconds=delay_seconds if settings.async_delay == "honour" else 0.0,
            task_id=task_id if settings.task_ids == "deduplicate" else None,
            copies_after=[number * settings.copy_pause_seconds for number in range(1, settings.task_copies)],
        )
    except _BadRequestError as error:
        return platform_error(400, "InvalidArgument", str(error), request_id)
    except UnknownFunctionError as error:
        return platform_error(404, "FunctionNotFound", str(error), request_id)
    except DuplicateTaskError as error:
        return platform_error(409, settings.duplicate_code, str(error), request_id)
    except PayloadTooLargeError as error:
        return platform_error(413, "RequestTooLarge", str(error), request_id)
    return Response(status_code=202, headers=request_headers(request_id))


def _delay(text: str | None, longest_seconds: int) -> float:
    if text is None:
        return 0.0
    if not text.isdecimal() or not 1 <= int(text) <= longest_seconds:
        raise _BadRequestError(f"x-fc-async-delay: 1 to {longest_seconds} is expected, {text!r} found")
    return float(text)


def _task_id(text: str | None) -> str | None:
    if text is not None and not _TASK_ID.fullmatch(text):
        raise _BadRequestError(
            "x-fc-async-task-id: a letter or _, then letters, digits, _ or -, at most 128 characters, "
            f"are expected, {text[:140]!r} found"
        )
    return text
