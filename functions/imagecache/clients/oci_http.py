"""HTTP to registries and their token services, on ``requests`` (2.34.2) and its urllib3 (2.8.0).

Neither a registry nor a token service is trusted to be quick, small or honest. What these libraries would do
about that, and what is done here instead:

- a read timeout bounds the wait for one more byte, so an answer that drips has no end: every read, of
  headers and chunk sizes too, waits no longer than the time that is left in all;
- a body is read whole, and unpacked: it is read in pieces to a bound, and asked for unpacked;
- the body and the target of a redirection are read even where it is not followed: they are not;
- a cookie is kept and sent again, and a .netrc entry replaces our authorization: neither here;
- urllib3 logs URLs, and headers that it cannot parse: its loggers are silenced;
- exception texts hold the URL: only the kind of a fault is passed on.

Must not know what is asked, nor of whom.
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
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as UrllibTimeoutError

from ..base.environment import is_loopback
from ..base.errors import RegistryError

CONNECT_TIMEOUT_SECONDS = 3.0
READ_TIMEOUT_SECONDS = 5.0
SHORTEST_CALL_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 2
MOST_BODY_BYTES = 4 * 1024 * 1024
MOST_ERROR_BYTES = 64 * 1024
_PIECE_BYTES = 64 * 1024
_BUSY = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_SECONDS = re.compile(r"[0-9]{1,4}", re.ASCII)

logging.getLogger("urllib3").setLevel(logging.CRITICAL + 1)

_time_left: ContextVar[Callable[[], float]] = ContextVar("_time_left", default=lambda: 0.0)
"""Of the call that is being made: connections outlive it."""


@dataclass(frozen=True)
class Answer:
    """An answer that came whole.

    Attributes:
        status: the HTTP status.
        headers: by name, in any letter case.
        body: empty where it was too large and the status is not 200.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class _Fault:
    """Why there is no answer, and whether to ask once more."""

    told: str
    passing: bool = False


class HttpCalls:
    """Makes calls, each within the time that is left.

    Args:
        session: of ``new_session``.
        remaining: seconds that are left for calls.
        sleep: waits before a second attempt, in seconds.
    """

    def __init__(
        self,
        session: requests.Session,
        remaining: Callable[[], float],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._session = session
        self._remaining = remaining
        self._sleep = sleep

    def ask(self, method: str, url: str, headers: Mapping[str, str], *, where: str) -> Answer:
        """The answer, whatever its status.

        A connection that fails, and a server that is busy for two seconds at most, are tried once more.

        Args:
            method: GET or HEAD.
            url: may hold what must not be shown.
            headers: likewise.
            where: what the text of an error begins with.

        Raises:
            RegistryError: when there is no answer, or one without an end or a bound.
        """
        outcome = self._attempt(method, url, headers)
        pause = _pause(outcome)
        if pause is not None and self._remaining() >= pause + SHORTEST_CALL_SECONDS:
            self._sleep(pause)
            outcome = self._attempt(method, url, headers)
        if isinstance(outcome, _Fault):
            raise RegistryError(f"{where}: {outcome.told}")
        return outcome

    def _attempt(self, method: str, url: str, headers: Mapping[str, str]) -> Answer | _Fault:
        """One call. A fault is returned, so that no error has the library's exception as its context."""
        left = self._remaining()
        if left < SHORTEST_CALL_SECONDS:
            return _Fault("out of time")
        reset = _time_left.set(self._remaining)
        try:
            with self._session.request(
                method,
                url,
                headers={"Accept-Encoding": "identity", **headers},
                timeout=(min(CONNECT_TIMEOUT_SECONDS, left), min(READ_TIMEOUT_SECONDS, left)),
                allow_redirects=False,
                auth=_no_netrc,
                proxies={"http": "", "https": ""} if is_loopback(urlsplit(url).hostname or "") else None,
                stream=True,
            ) as response:
                return _whole(response)
        except (requests.Timeout, UrllibTimeoutError, TimeoutError):
            return _Fault("out of time" if self._remaining() < SHORTEST_CALL_SECONDS else "no answer in time")
        except (OSError, HTTPError, HTTPException, ValueError) as error:
            return _Fault(f"the connection failed: {type(error).__name__}", passing=True)
        finally:
            _time_left.reset(reset)


def new_session() -> requests.Session:
    """Connections that outlive a call; no retries, redirections or cookies."""
    session = _Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Adapter(max_retries=0))
    return session


def _whole(response: requests.Response) -> Answer | _Fault:
    expected = response.status_code == HTTPStatus.OK
    bound = MOST_BODY_BYTES if expected else MOST_ERROR_BYTES
    body = bytearray()
    while piece := response.raw.read(_PIECE_BYTES, decode_content=False):
        body += piece
        if len(body) > bound:
            if expected:
                return _Fault(f"an answer of more than {bound} bytes")
            body.clear()
            break
    return Answer(response.status_code, response.headers, bytes(body))


def _pause(outcome: Answer | _Fault) -> int | None:
    """Seconds to wait before the call is made once more, or None if it is not."""
    if isinstance(outcome, _Fault):
        return 0 if outcome.passing else None
    wanted = outcome.headers.get("Retry-After", "")
    if outcome.status not in _BUSY or not _SECONDS.fullmatch(wanted):
        return None
    return int(wanted) if int(wanted) <= LONGEST_PAUSE_SECONDS else None


def _no_netrc(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """An explicit authentication that adds nothing, so that no .netrc entry replaces our header."""
    return request


class _TimedReads(io.RawIOBase):
    """Reads a connection, with no more patience each time than there is time left in all."""

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


class _PlainConnection(HTTPConnection):
    response_class = _TimedResponse


class _TlsConnection(HTTPSConnection):
    response_class = _TimedResponse


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


_POOLS = {"http": _PlainPool, "https": _TlsPool}


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
        manager = super().proxy_manager_for(*arguments, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nothing is a redirection: the library reads the body of one without a bound."""
