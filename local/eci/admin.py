"""The administration under ``/_local/``: what a test or a person does that no client of the API can.

JSON both ways. Unsigned: the server listens on loopback only, and a request whose body is not declared as
JSON is refused, which keeps the pages of a browser on the same machine from posting here.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..base.connections import wire_of
from ..base.database import transaction
from ..base.switches import SwitchError
from . import faults, journal, machine, seeds, store
from .cache import Cache
from .errors import OrderError
from .service import Service
from .settings import Settings

__all__ = ["NotFoundError", "admin_routes", "administer"]

_Parameters = Mapping[str, str]
"""Of the path, and of the query."""
_Handler = Callable[[Service, _Parameters, Any], Any]


class NotFoundError(Exception):
    """Raised when there is no image cache of an id."""


def admin_routes(service: Service) -> list[Route]:
    """The routes of the administration."""
    routes = [
        Route(path, _endpoint(service, handler), methods=[method])
        for (method, path), handler in _HANDLERS.items()
    ]
    return [*routes, Route("/_local/refuse", _refuse, methods=["POST"])]


def administer(service: Service, method: str, path: str, parameters: Mapping[str, str], document: Any) -> Any:
    """Do what a request would, for who has the service at hand; returns the answer's document.

    Args:
        service: whose administration it is.
        method: of the request.
        path: of the request; not that of an order to the port, which a service knows nothing of.
        parameters: of the request's query.
        document: the request's, None where it has none.

    Raises:
        OrderError: the order is wrong.
        SwitchError: a setting is wrong.
        NotFoundError: there is no such image cache.
        KeyError: there is no such order.
    """
    begin, found, rest = path.partition("/caches/")
    image_cache_id, _, end = rest.partition("/")
    if not found:
        return _act(service, _HANDLERS[method, path], parameters, document)
    handler = _HANDLERS[method, "/".join([f"{begin}/caches/{{id}}", *([end] if end else [])])]
    return _act(service, handler, {**parameters, "id": image_cache_id}, document)


def _act(service: Service, handler: _Handler, parameters: _Parameters, document: Any) -> Any:
    with transaction(service.connection):
        return handler(service, parameters, document)


def _endpoint(service: Service, handler: _Handler) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        parameters = {**request.query_params, **request.path_params}
        try:
            document = await _document(request)
            return JSONResponse(await run_in_threadpool(_act, service, handler, parameters, document))
        except (OrderError, SwitchError) as error:
            return JSONResponse({"error": str(error)}, 400)
        except NotFoundError as error:
            return JSONResponse({"error": str(error)}, 404)

    return endpoint


async def _document(request: Request) -> Any:
    if request.method in {"GET", "DELETE"}:
        return None
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise OrderError("a body of the type application/json is expected")
    try:
        return json.loads(await request.body())
    except ValueError as error:
        raise OrderError(f"JSON is expected: {error}") from None


def _object(document: Any) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise OrderError(f"a JSON object is expected, {type(document).__name__} found")
    return document


def _observed(service: Service, image_cache_id: str) -> Cache:
    cache = store.load_cache(service.connection, image_cache_id)
    if cache is None:
        raise NotFoundError(f"there is no image cache {image_cache_id}")
    return machine.observe(cache, service.clock())


def _list_caches(service: Service, _parameters: _Parameters, _document: Any) -> Any:
    now = service.clock()
    return [
        seeds.show(machine.observe(cache, now), now) for _, cache in store.load_caches(service.connection)
    ]


def _create_caches(service: Service, _parameters: _Parameters, document: Any) -> Any:
    """One seed or a list of them. ``building`` lets a cache go through its creation, from Preparing on."""
    created = []
    for seed in document if isinstance(document, list) else [document]:
        members = dict(_object(seed))
        building = members.pop("building", False)
        if type(building) is not bool:
            raise OrderError(f"building: true or false is expected, {building!r} found")
        now, key = service.clock(), uuid.uuid4().hex[:20]
        cache = seeds.read_seed({**members, "status": "Preparing"} if building else members, now=now, key=key)
        if building:
            settings = store.load_settings(service.connection)
            cache = machine.begin_creation(cache, settings, now=now, key=key)
            if members.get("status") == "Failed":
                cache = machine.with_failure(cache)
        store.cut_update(service.connection, cache.image_cache_id, cache.status, now)
        store.save_cache(service.connection, cache, now)
        created.append(cache.image_cache_id)
    return {"image_cache_ids": created}


def _get_cache(service: Service, parameters: _Parameters, _document: Any) -> Any:
    return seeds.show(_observed(service, parameters["id"]), service.clock())


def _delete_cache(service: Service, parameters: _Parameters, _document: Any) -> Any:
    image_cache_id, now = parameters["id"], service.clock()
    store.cut_update(service.connection, image_cache_id, "Deleted", now)
    if not store.delete_cache(service.connection, image_cache_id, now):
        raise NotFoundError(f"there is no image cache {image_cache_id}")
    return {}


def _force_status(service: Service, parameters: _Parameters, document: Any) -> Any:
    members = _object(document)
    now = service.clock()
    cache = _observed(service, parameters["id"])
    message = str(members.get("message", ""))
    forced = machine.force(cache, members.get("status", ""), now=now, message=message)
    store.cut_update(service.connection, cache.image_cache_id, forced.status, now)
    store.save_cache(service.connection, forced, now)
    return seeds.show(forced, now)


def _change_builds(service: Service, parameters: _Parameters, document: Any) -> Any:
    now = service.clock()
    cache = _observed(service, parameters["id"])
    cache = replace(cache, builds=cache.builds.changed(_object(document)))
    store.save_cache(service.connection, cache, now)
    return seeds.show(cache, now)


def _history(service: Service, parameters: _Parameters, _document: Any) -> Any:
    return store.updates(service.connection, parameters.get("image_cache_id"), service.clock())


def _get_settings(service: Service, _parameters: _Parameters, _document: Any) -> Any:
    return store.load_settings(service.connection).to_json()


def _change_settings(service: Service, _parameters: _Parameters, document: Any) -> Any:
    settings = store.load_settings(service.connection).changed(_object(document))
    store.save_settings(service.connection, settings)
    return settings.to_json()


def _reset_settings(service: Service, _parameters: _Parameters, _document: Any) -> Any:
    store.save_settings(service.connection, Settings())
    return Settings().to_json()


def _list_faults(service: Service, _parameters: _Parameters, _document: Any) -> Any:
    return faults.pending(service.connection)


def _add_fault(service: Service, _parameters: _Parameters, document: Any) -> Any:
    return {"number": faults.add(service.connection, faults.read_fault(_object(document)))}


def _clear_faults(service: Service, _parameters: _Parameters, _document: Any) -> Any:
    faults.clear(service.connection)
    return {}


def _journal(service: Service, parameters: _Parameters, _document: Any) -> Any:
    return journal.calls(service.connection, parameters.get("action"))


def _clear_journal(service: Service, _parameters: _Parameters, _document: Any) -> Any:
    journal.clear(service.connection)
    return {}


def _reset(service: Service, _parameters: _Parameters, _document: Any) -> Any:
    service.reset()
    return {}


_HANDLERS: dict[tuple[str, str], _Handler] = {
    ("GET", "/_local/caches"): _list_caches,
    ("POST", "/_local/caches"): _create_caches,
    ("GET", "/_local/caches/{id}"): _get_cache,
    ("DELETE", "/_local/caches/{id}"): _delete_cache,
    ("PUT", "/_local/caches/{id}/status"): _force_status,
    ("PATCH", "/_local/caches/{id}/builds"): _change_builds,
    ("GET", "/_local/history"): _history,
    ("GET", "/_local/settings"): _get_settings,
    ("PATCH", "/_local/settings"): _change_settings,
    ("DELETE", "/_local/settings"): _reset_settings,
    ("GET", "/_local/faults"): _list_faults,
    ("POST", "/_local/faults"): _add_fault,
    ("DELETE", "/_local/faults"): _clear_faults,
    ("GET", "/_local/journal"): _journal,
    ("DELETE", "/_local/journal"): _clear_journal,
    ("DELETE", "/_local/state"): _reset,
}


def _seconds(value: Any) -> float:
    if type(value) not in {int, float} or value <= 0:
        raise OrderError(f"seconds: a number above 0 is expected, {value!r} found")
    return float(value)


async def _refuse(request: Request) -> Response:
    """From this answer on, and for ``seconds``, the port is closed: connections are refused."""
    try:
        seconds = _seconds(_object(await _document(request)).get("seconds"))
    except OrderError as error:
        return JSONResponse({"error": str(error)}, 400)
    wire_of(request.scope).refuse(seconds)
    return JSONResponse({}, headers={"connection": "close"})
