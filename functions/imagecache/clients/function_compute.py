"""The hand-off: an asynchronous, delayed invocation of the follow function, stored by Function Compute 3.0.

Signing is fc2's (aliyun-fc2 2.5.2), transport the ``requests`` it comes with, the path that of version 3.0,
which fc2 does not know. What fc2 does around its own transport is avoided: it logs headers with the token at
ERROR and the signed text at DEBUG, both on the root logger; it opens a new connection for each call; it
tries a refused connection again for half a minute; and it lets errors of its JSON reading escape.

Importing this module imports fc2, which costs a cold start: do it when a hand-off is about to be made.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from typing import Final
from urllib.parse import quote, urlsplit

import requests
from fc2.auth import Auth
from requests.adapters import HTTPAdapter

from ..base.credentials import Credentials
from ..base.deadline import Deadline
from ..base.environment import is_loopback
from ..base.errors import HandOffError

API_VERSION: Final = "2023-03-30"
CONNECT_TIMEOUT_SECONDS = 3.0
READ_TIMEOUT_SECONDS = 5.0
SHORTEST_CALL_SECONDS = 0.5
MOST_PAYLOAD_BYTES = 128 * 1024
ATTEMPTS = 3
RETRY_SECONDS = 0.2

_ACCEPTED, _DUPLICATE, _THROTTLED, _SERVER_FAULT = 202, 409, 429, 500


class TaskConnections:
    """Connections to Function Compute that outlive an invocation."""

    def __init__(self) -> None:
        self.session = requests.Session()
        for scheme in ("https://", "http://"):
            self.session.mount(scheme, HTTPAdapter(max_retries=0))


class FcTaskStore:
    """Stores follow tasks.

    Args:
        endpoint: the URL of Function Compute, without a path.
        function: the follow function's name.
        credentials: of this invocation.
        deadline: of this invocation.
        connections: those that outlive it.
        sleep: waits between attempts, in seconds.
    """

    def __init__(  # noqa: PLR0913 - what a call needs, by name
        self,
        endpoint: str,
        function: str,
        credentials: Credentials,
        deadline: Deadline,
        connections: TaskConnections,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._endpoint = endpoint
        self._path = f"/{API_VERSION}/functions/{function}/invocations"
        self._credentials = credentials
        self._deadline = deadline
        self._session = connections.session
        self._sleep = sleep

    def store(self, payload: bytes, *, task_id: str, delay_seconds: int) -> None:
        """Store a task; success means that it is stored, now or by an earlier call with the same id.

        Args:
            payload: what the follow function will get; at most 128 KB.
            task_id: a second task with the same id is refused by the platform, which counts as stored.
            delay_seconds: 1 to 3600.

        Raises:
            HandOffError: when it is not known to be stored.
        """
        if len(payload) > MOST_PAYLOAD_BYTES:
            message = f"the follow message has {len(payload)} bytes, more than {MOST_PAYLOAD_BYTES}"
            raise HandOffError(message)
        problem = "no time is left to store a follow task"
        for attempt in range(1, ATTEMPTS + 1):
            if self._deadline.remaining(reserve=False) < SHORTEST_CALL_SECONDS:
                break
            status, problem = self._post(payload, task_id, delay_seconds)
            if status in {_ACCEPTED, _DUPLICATE}:
                return
            if status is not None and status < _SERVER_FAULT and status != _THROTTLED:
                break
            if attempt < ATTEMPTS:
                self._sleep(RETRY_SECONDS * attempt)
        raise HandOffError(problem)

    def _post(self, payload: bytes, task_id: str, delay_seconds: int) -> tuple[int | None, str]:
        """The answer's status, or None, and the problem in words that hold nothing secret."""
        left = self._deadline.remaining(reserve=False)
        timeout = (min(CONNECT_TIMEOUT_SECONDS, left), min(READ_TIMEOUT_SECONDS, left))
        url = f"{self._endpoint}{quote(self._path)}"
        proxies = {"http": "", "https": ""} if is_loopback(urlsplit(url).hostname or "") else None
        try:
            answer = self._session.post(
                url,
                data=payload,
                headers=self._headers(task_id, delay_seconds),
                timeout=timeout,
                allow_redirects=False,
                auth=_no_netrc,
                proxies=proxies,
            )
        except (requests.RequestException, OSError, ValueError) as error:
            return None, f"the follow task could not be sent: {type(error).__name__}"
        return (answer.status_code, f"Function Compute answered {answer.status_code} to the follow task")

    def _headers(self, task_id: str, delay_seconds: int) -> dict[str, str]:
        headers = {
            "content-type": "application/json",
            "date": formatdate(usegmt=True),
            "x-fc-invocation-type": "Async",
            "x-fc-async-delay": str(delay_seconds),
            "x-fc-async-task-id": task_id,
        }
        if self._credentials.security_token:
            headers["x-fc-security-token"] = self._credentials.security_token
        # Auth strips its arguments, so an absent token must be an empty text.
        signer = Auth(
            self._credentials.access_key_id,
            self._credentials.access_key_secret,
            self._credentials.security_token,
        )
        with _unlogged():
            headers["authorization"] = signer.sign_request("POST", self._path, headers)
        return headers


def _no_netrc(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """An explicit authentication that adds nothing, so that no .netrc entry replaces our signature."""
    return request


@contextmanager
def _unlogged() -> Iterator[None]:
    """fc2 logs the text that it signs, token included, with the root logger's own function."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
