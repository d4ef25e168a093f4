"""ECI servers that the tests of one process share, each test with a server that is like a new one.

A server is started when the first test wants it. Before each test it forgets everything, and so do the
functions in this process: what they keep from one invocation to the next goes by the server's address.

What a test orders goes to the service itself, as HTTP would take most of the time of most tests. The
functions call the server as they call ECI.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from imagecache.engine.warm import Warm
from imagecache.triggers import invocation
from local.base.loopback import LoopbackClient
from local.base.serving import Served, serve
from local.base.switches import SwitchError
from local.eci.admin import NotFoundError, administer
from local.eci.app import eci_app
from local.eci.control import ControlError, EciControl
from local.eci.errors import OrderError
from local.eci.service import Service
from local.permissions.credentials import Credential, CredentialStore

from .clock import ManualClock

__all__ = ["REGION", "EciServer", "LocalEci", "Update", "eci_server", "renewed", "start_new_instance"]

REGION = "cn-hangzhou"
_LONG_SECONDS = 1800


class Update(NamedTuple):
    """One UpdateImageCache call."""

    image_cache_id: str
    images: list[str]
    parameters: dict[str, str]


@dataclass(frozen=True)
class LocalEci:
    """A running server and what a test needs to use it.

    Attributes:
        url: of the server.
        control: orders to it.
        store: its access keys.
        credential: one of them.
        clock: the time of its caches.
        images: what a cache lists if the test does not say.
    """

    url: str
    control: EciControl
    store: CredentialStore
    credential: Credential
    clock: ManualClock | None
    images: tuple[str, ...] = ()

    def cache(self, *images: str, **members: Any) -> str:
        """A new image cache; its id."""
        members = {"region_id": REGION, "image_cache_name": "web", **members}
        return self.control.create_cache(images=images or self.images, **members)

    def end_updates(self, status: str = "Ready") -> None:
        """Let every update that runs end."""
        for cache in self.control.caches():
            if cache["status"] == "Updating":
                self.control.force(cache["image_cache_id"], status)

    def actions(self) -> list[str]:
        """The actions of all calls, oldest first."""
        return [call["action"] for call in self.control.journal()]

    def calls(self, action: str) -> list[dict[str, str]]:
        """The parameters of the calls of an action, oldest first."""
        return [call["parameters"] for call in self.control.journal(action)]

    def listings(self) -> list[dict[str, str]]:
        """The parameters of the calls that asked for all caches of a region, one for each page."""
        return [call for call in self.calls("DescribeImageCaches") if "ImageCacheId" not in call]

    def updates(self) -> list[Update]:
        """The updates that were asked for, oldest first."""
        return [_update(parameters) for parameters in self.calls("UpdateImageCache")]

    def updated(self) -> dict[str, list[str]]:
        """The image lists that were sent, by cache; fails where a cache was updated twice."""
        updates = self.updates()
        lists = {update.image_cache_id: update.images for update in updates}
        assert len(lists) == len(updates)
        return lists


def _update(parameters: dict[str, str]) -> Update:
    names = itertools.takewhile(parameters.__contains__, (f"Image.{n}" for n in itertools.count(1)))
    return Update(parameters["ImageCacheId"], [parameters[name] for name in names], parameters)


class _Direct(LoopbackClient):
    """Orders to a service of this process. An order to the port is sent there."""

    service: Service | None = None

    def ask(self, method: str, path: str, expected: int = 200, **options: Any) -> Any:
        if path == "/_local/refuse":
            return super().ask(method, path, expected, **options)
        assert self.service is not None
        # Both ways as JSON, which has no tuples and nothing in common with what the service keeps.
        document = json.loads(json.dumps(options.get("json")))
        try:
            answer = administer(self.service, method, path, options.get("params", {}), document)
        except (OrderError, SwitchError, NotFoundError) as error:
            raise ControlError(str(error)) from None
        return json.loads(json.dumps(answer))


class _DirectControl(EciControl):
    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._client.close()
        self._client = self.client = _Direct(url, ControlError, 30.0)


class EciServer:
    """A running server, for one test after the other.

    Attributes:
        served: where it runs.
        database_path: its memory, of which the keys are a part.
        clock: the time of its caches; None for the real one.
        control: orders to it.
        over_http: the same, as everybody else gives them.
        store: its access keys.
        credential: one of them, for as long as nobody revokes it.
    """

    def __init__(self, database_path: Path, clock: ManualClock | None, stack: ExitStack) -> None:
        self.database_path = database_path
        self.clock = clock
        self.served, service = self._serve()
        stack.callback(self.close)
        self.control = _DirectControl(self.served.url)
        self.control.client.service = service
        self.over_http = EciControl(self.served.url)
        self.store = CredentialStore(database_path)
        for opened in (self.control, self.over_http, self.store):
            stack.callback(opened.close)
        self.credential = self.store.issue()

    def restart(self) -> None:
        """End it, and start it again on its file and its port."""
        self.served.close()
        self.served, self.control.client.service = self._serve(self.served.port)

    def close(self) -> None:
        """End it."""
        self.served.close()

    def only_key(self) -> Credential:
        """Revoke every key but one that is good for a long time."""
        known = self.store.lookup(self.credential.access_key_id)
        if known is None or known.expired(time.time() + _LONG_SECONDS):
            self.credential = self.store.issue()
        self.store.revoke_others(self.credential.access_key_id)
        return self.credential

    def _serve(self, port: int = 0) -> tuple[Served, Service]:
        service = Service(self.database_path, clock=self.clock or time.time, gateway_clock=time.time)
        served = serve(eci_app(service), port=port, name="Elastic Container Instance", release=service.close)
        return served, service


@contextmanager
def eci_server(database_path: Path, clock: ManualClock | None = None) -> Iterator[EciServer]:
    """A running server on a file."""
    with ExitStack() as stack:
        yield EciServer(database_path, clock, stack)


def renewed(server: EciServer, images: tuple[str, ...] = ()) -> LocalEci:
    """The server as if it had just been started, and this process as a new instance of the functions.

    Args:
        server: any; it is started again if it still refuses connections, as an earlier test ordered.
        images: what a cache lists if the test does not say.
    """
    if server.served.refuses:
        server.restart()
    server.control.reset()
    credential = server.only_key()
    if server.clock is not None:
        server.clock.reset()
    start_new_instance()
    return LocalEci(server.served.url, server.control, server.store, credential, server.clock, images)


def start_new_instance() -> None:
    """Let this process be a new instance of the functions: it keeps nothing of earlier invocations.

    Its open connections stay: they carry nothing from one invocation to the next, and to leave them to be
    collected would leave sockets unclosed.
    """
    connections = invocation._warm.connections  # noqa: SLF001 - the one place where an instance keeps things
    invocation._warm = Warm()  # noqa: SLF001
    invocation._warm.connections = connections  # noqa: SLF001
