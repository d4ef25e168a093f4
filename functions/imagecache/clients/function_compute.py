"""The hand-off: an asynchronous, delayed invocation of the follow function, stored by Function Compute 3.0.

fc2 (aliyun-fc2 2.5.2) signs; its transport is avoided. It does not know version 3.0; it logs headers with the
token at ERROR and the signed text at DEBUG, both on the root logger; it opens a new connection for each call;
it tries a refused connection again for half a minute; and errors of its JSON reading escape.

Importing this module imports fc2, which costs a cold start: do it when a hand-off is about to be made.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from functools import partial
from typing import Final
from urllib.parse import quote

import requests
from fc2.auth import Auth

from ..base.credentials import Credentials
from ..base.deadline import Deadline
from ..base.errors import HandOffError
from ..config.settings import FollowSettings
from .http_calls import Fault, HttpCalls
from .task_store import Stored

API_VERSION: Final = "2023-03-30"
SHORTEST_CALL_SECONDS = 0.5
MOST_PAYLOAD_BYTES = 128 * 1024
ATTEMPTS = 3
KNOWN_ID = "StatefulAsyncInvocationAlreadyExists"
"""The code of a 409 whose id is that of a stored task (documentation of 2.0); others prove nothing."""

RETRY_SECONDS = 0.2

_ACCEPTED, _CONFLICT, _THROTTLED, _SERVER_FAULT = 202, 409, 429, 500


class FcTaskStore:
    """Stores follow tasks.

    Args:
        follow: where Function Compute is, and the follow function's name.
        credentials: of this invocation.
        deadline: of this invocation.
        session: of ``new_session``; it outlives the invocation.
        sleep: waits between attempts, in seconds.
    """

    def __init__(
        self,
        follow: FollowSettings,
        credentials: Credentials,
        deadline: Deadline,
        session: requests.Session,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._path = f"/{API_VERSION}/functions/{follow.function}/invocations"
        self._url = f"{follow.endpoint}{quote(self._path)}"
        self._credentials = credentials
        self._remaining = partial(deadline.remaining, reserve=False)
        self._http = HttpCalls(session, self._remaining)
        self._sleep = sleep

    def store(self, payload: bytes, *, task_id: str, delay_seconds: int) -> Stored:
        """See ``TaskStore``."""
        if len(payload) > MOST_PAYLOAD_BYTES:
            raise HandOffError(f"the follow message has {len(payload)} bytes, more than {MOST_PAYLOAD_BYTES}")
        problem = "no time is left to store a follow task"
        for attempt in range(1, ATTEMPTS + 1):
            if self._remaining() < SHORTEST_CALL_SECONDS:
                break
            outcome = self._http.attempt("POST", self._url, self._headers(task_id, delay_seconds), payload)
            if isinstance(outcome, Fault):
                problem = f"the follow task could not be sent: {outcome.text}"
            elif outcome.status == _ACCEPTED:
                return Stored.NOW
            elif outcome.status == _CONFLICT:
                return Stored.BEFORE if KNOWN_ID.encode() in outcome.body else Stored.REFUSED
            else:
                problem = f"Function Compute answered {outcome.status} to the follow task"
                if outcome.status < _SERVER_FAULT and outcome.status != _THROTTLED:
                    break
            if attempt < ATTEMPTS:
                self._sleep(RETRY_SECONDS * attempt)
        raise HandOffError(problem)

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
        # Auth strips its arguments, so a missing token must be an empty text.
        signer = Auth(
            self._credentials.access_key_id,
            self._credentials.access_key_secret,
            self._credentials.security_token,
        )
        with _unlogged():
            headers["authorization"] = signer.sign_request("POST", self._path, headers)
        return headers


@contextmanager
def _unlogged() -> Iterator[None]:
    """fc2 logs the text that it signs, with the token, by the root logger's own function."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
