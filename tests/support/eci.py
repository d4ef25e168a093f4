"""ECI servers that the tests of one process share, each test with a server that is like a new one.

A server is started when the first test wants it. Before each test it forgets everything, and so do the
functions in this process: what they keep from one invocation to the next goes by the server's address.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from imagecache.engine.warm import Warm
from imagecache.triggers import invocation
from local.base.serving import Served
from local.eci.control import EciControl
from local.eci.server import serve_eci
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


@dataclass
class EciServer:
    """A running server, for one test after the other.

    Attributes:
        served: where it runs.
        database_path: its memory, of which the keys are a part.
        clock: the time of its caches; None for the real one.
        control: orders to it.
        store: its access keys.
        credential: one of them, for as long as nobody revokes it.
    """

    served: Served
    database_path: Path
    clock: ManualClock | None
    control: EciControl
    store: CredentialStore
    credential: Credential

    def restart(self) -> None:
        """End it, and start it again on its file and its port."""
        self.served.close()
        self.served = _serve(self.database_path, self.clock, self.served.port)

    def only_key(self) -> Credential:
        """Revoke every key but one that is good for a long time."""
        known = self.store.lookup(self.credential.access_key_id)
        if known is None or known.expired(time.time() + _LONG_SECONDS):
            self.credential = self.store.issue()
        self.store.revoke_others(self.credential.access_key_id)
        return self.credential

    def close(self) -> None:
        """End it."""
        self.served.close()


def _serve(database_path: Path, clock: ManualClock | None, port: int = 0) -> Served:
    return serve_eci(database_path, clock=clock or time.time, port=port)


@contextmanager
def eci_server(database_path: Path, clock: ManualClock | None = None) -> Iterator[EciServer]:
    """A running server on a file."""
    with ExitStack() as stack:
        served = _serve(database_path, clock)
        control = EciControl(served.url)
        stack.callback(control.close)
        store = CredentialStore(database_path)
        stack.callback(store.close)
        server = EciServer(served, database_path, clock, control, store, store.issue())
        stack.callback(server.close)
        yield server


def renewed(server: EciServer, images: tuple[str, ...] = ()) -> LocalEci:
    """The server as if it had just been started, and this process as a new instance of the functions.

    Args:
        server: any; it is started again if it still refuses connections, as an earlier test ordered.
        images: what a cache lists if the test does not say.
    """
    try:
        server.control.reset()
    except httpx.TransportError:
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
