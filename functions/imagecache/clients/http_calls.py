"""HTTP calls on ``requests`` (2.34.2) and its urllib3 (2.8.0).

No server is trusted to be quick, small or honest. What these libraries do about that, and what is done here:

- a read timeout bounds the wait for one more byte, so an answer that drips has no end: every read, of
  headers and chunk sizes too, waits no longer than the time that is left in all;
- a body is read whole and unpacked: here in pieces to a bound, and asked for unpacked;
- the body and target of a redirection are read even if it is not followed: not here;
- a cookie is kept and sent again, and a .netrc entry replaces our authorization: neither here;
- urllib3 logs URLs, and headers that it cannot parse: its loggers are silenced;
- exception texts hold the URL: only the kind of a fault is passed on.

Must not know what is asked for, nor whom.
"""

from __future__ import annotations

import io
import logging
import re
import socket
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from http.cookiejar import DefaultCookiePolicy
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as UrllibTimeoutError
from urllib3.util.ssl_ import create_urllib3_context

from ..base.environment import is_loopback
from ..base.errors import RegistryError
from .left_out import left_out

with left_out():
    import requests
    from requests.adapters import HTTPAdapter

CONNECT_TIMEOUT_SECONDS = 3.0
READ_TIMEOUT_SECONDS = 5.0
SHORTEST_CALL_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 2
MOST_BODY_BYTES = 4 * 1024 * 1024
MOST_ERROR_BYTES = 64 * 1024
_PIECE_BYTES = 64 * 1024
_MOST_AT_ONCE = 32
_BUSY = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_SECONDS = re.compile(r"[0-9]{1,4}", re.ASCII)

logging.getLogger("urllib3").setLevel(logging.CRITICAL + 1)

_time_left: ContextVar[Callable[[], float]] = ContextVar("_time_left", default=lambda: 0.0)
"""Of the current call: connections outlive it."""


@dataclass(frozen=True)
class Answer:
    """A complete answer: header names in any letter case; no body if too large and the status is not 200."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Fault(NamedTuple):
    """Why there is no answer, and whether to ask once more."""

    text: str
    passing: bool = False


@dataclass(eq=False, repr=False)
class HttpCalls:
    """Makes calls, each within the time that is left.

    Attributes:
        session: made by ``new_session``.
        remaining: seconds that are left for calls.
        sleep: waits before a second attempt, in seconds.
    """

    session: requests.Session
    remaining: Callable[[], float]
    sleep: Callable[[float], None] = time.sleep

    def ask(self, method: str, url: str, headers: Mapping[str, str], *, where: str) -> Answer:
        """A registry's answer, whatever its status.

        A failed connection, and a server that is busy for at most two seconds, are tried once more.

        Args:
            method: GET or HEAD.
            url: may hold a secret.
            headers: may hold a secret.
            where: the beginning of an error's text.

        Raises:
            RegistryError: when there is no answer, or one that does not end or is too large.
        """
        outcome = self.attempt(method, url, headers)
        pause = _pause(outcome)
        if pause is not None and self.remaining() >= pause + SHORTEST_CALL_SECONDS:
            self.sleep(pause)
            outcome = self.attempt(method, url, headers)
        if isinstance(outcome, Fault):
            raise RegistryError(f"{where}: {outcome.text}")
        return outcome

    def attempt(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer | Fault:
        """One call. A fault is returned, so that no error has the library's exception as its context."""
        left = self.remaining()
        if left < SHORTEST_CALL_SECONDS:
            return Fault("out of time")
        reset = _time_left.set(self.remaining)
        try:
            with self.session.request(
                method,
                url,
                data=body,
                headers={"Accept-Encoding": "identity", **headers},
                timeout=(min(CONNECT_TIMEOUT_SECONDS, left), min(READ_TIMEOUT_SECONDS, left)),
                allow_redirects=False,
                auth=_no_netrc,
                proxies={"http": "", "https": ""} if is_loopback(urlsplit(url).hostname or "") else None,
                stream=True,
            ) as response:
                return _whole(response)
        except (requests.Timeout, UrllibTimeoutError, TimeoutError):
            return Fault("out of time" if self.remaining() < SHORTEST_CALL_SECONDS else "no answer in time")
        except (OSError, HTTPError, HTTPException, ValueError) as error:
            return Fault(f"the connection failed: {type(error).__name__}", passing=True)
        finally:
            _time_left.reset(reset)


def new_session(ca_file: str = "") -> requests.Session:
    """Connections that outlive a call; no retries, redirections or cookies.

    Args:
        ca_file: certificate authorities that servers are trusted by beside the public ones; empty for none.
    """
    session = _Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Adapter(ca_file))
    return session


def _whole(response: requests.Response) -> Answer | Fault:
    expected = response.status_code == HTTPStatus.OK
    bound = MOST_BODY_BYTES if expected else MOST_ERROR_BYTES
    body = bytearray()
    while piece := response.raw.read(_PIECE_BYTES, decode_content=False):
        body += piece
        if len(body) > bound:
            if expected:
                return Fault(f"an answer of more than {bound} bytes")
            body.clear()
            break
    return Answer(response.status_code, response.headers, bytes(body))


def _pause(outcome: Answer | Fault) -> int | None:
    """Seconds to wait before a second call, or None for no second call."""
    if isinstance(outcome, Fault):
        return 0 if outcome.passing else None
    wanted = outcome.headers.get("Retry-After", "")
    if outcome.status not in _BUSY or not _SECONDS.fullmatch(wanted):
        return None
    return int(wanted) if int(wanted) <= LONGEST_PAUSE_SECONDS else None


def _no_netrc(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """An authentication that adds nothing, so that no .netrc entry replaces our header."""
    return request


class _TimedReads(io.RawIOBase):
    """Reads a connection; no read waits longer than the time that is left in all."""

    def __init__(self, raw: io.RawIOBase, connection: socket.socket) -> None:
        self._raw = raw
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = _time_left.get()()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(min(READ_TIMEOUT_SECONDS, left))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp = io.BufferedReader(_TimedReads(self.fp.detach(), sock))


def _timed(pool: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
    """The same kind of pool, with connections whose answers are read in time."""
    connection = type("_TimedConnection", (pool.ConnectionCls,), {"response_class": _TimedResponse})
    return type("_TimedPool", (pool,), {"ConnectionCls": connection})


_POOLS = {"http": _timed(HTTPConnectionPool), "https": _timed(HTTPSConnectionPool)}


class _Adapter(HTTPAdapter):
    def __init__(self, ca_file: str) -> None:
        self._options: dict[str, Any] = {}
        if ca_file:
            # The library adds the public authorities to what a context has.
            self._options["ssl_context"] = create_urllib3_context()
            self._options["ssl_context"].load_verify_locations(cafile=ca_file)
        # As many as threads make calls at a time; the library would close the others after each call.
        super().__init__(pool_maxsize=_MOST_AT_ONCE, max_retries=0)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **{**options, **self._options})
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
        manager = super().proxy_manager_for(*arguments, **{**options, **self._options})
        manager.pool_classes_by_scheme = _POOLS
        return manager


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nothing is a redirection: the library would read its body without a bound."""
