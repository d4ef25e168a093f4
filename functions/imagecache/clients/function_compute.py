"""The hand-off: an asynchronous, delayed invocation of the follow function, stored by Function Compute 3.0.

fc2 (aliyun-fc2 2.5.2) signs, or what version 3.0 has instead; the SDK's transport is avoided. It does not
know version 3.0; it logs headers with the token at ERROR and the signed text at DEBUG, both on the root
logger; it opens a new connection for each call; it tries a refused connection again for half a minute; and
errors of its JSON reading escape.

Importing this module imports fc2, which costs a cold start: do it when a hand-off is about to be made.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from functools import partial
from urllib.parse import quote

from ..base.credentials import Credentials
from ..base.deadline import Deadline
from ..base.errors import HandOffError
from ..config.settings import FollowSettings
from .fc_signatures import API_VERSION, Scheme, TakenScheme, signed_with_acs3, signed_with_fc2
from .http_calls import Answer, Fault, HttpCalls, new_session
from .task_store import Stored

SHORTEST_CALL_SECONDS = 0.5
MOST_PAYLOAD_BYTES = 128 * 1024
ATTEMPTS = 3
KNOWN_ID = "StatefulAsyncInvocationAlreadyExists"
"""The code of a 409 whose id is that of a stored task (documentation of 2.0); others prove nothing."""
_KNOWN = re.compile(rb'"(?i:(?:error)?code)"\s*:\s*"%s"' % KNOWN_ID.encode())
"""Its place in a body of JSON: in another one's message it says nothing."""

RETRY_SECONDS = 0.2

_ACCEPTED, _CONFLICT, _THROTTLED, _SERVER_FAULT = 202, 409, 429, 500
_REFUSED = frozenset({401, 403})


class TaskConnections:
    """Connections to Function Compute, and which signature it took. They outlive an invocation."""

    def __init__(self) -> None:
        self.session = new_session()
        self.taken = TakenScheme()


class FcTaskStore:
    """Stores follow tasks.

    Args:
        follow: where Function Compute is, and the follow function's name.
        credentials: of this invocation.
        deadline: of this invocation.
        connections: to Function Compute; they outlive the invocation.
        sleep: waits between attempts, in seconds.
    """

    def __init__(
        self,
        follow: FollowSettings,
        credentials: Credentials,
        deadline: Deadline,
        connections: TaskConnections,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._function = follow.function
        self._taken = connections.taken
        self._path = f"/{API_VERSION}/functions/{follow.function}/invocations"
        self._url = f"{follow.endpoint}{quote(self._path)}"
        self._credentials = credentials
        self._remaining = partial(deadline.remaining, reserve=False)
        self._http = HttpCalls(connections.session, self._remaining)
        self._sleep = sleep

    @property
    def signature(self) -> str:
        """See ``TaskStore``."""
        return self._taken.name

    def store(self, payload: bytes, *, task_id: str, delay_seconds: int) -> Stored:
        """See ``TaskStore``."""
        if len(payload) > MOST_PAYLOAD_BYTES:
            raise HandOffError(f"the follow message has {len(payload)} bytes, more than {MOST_PAYLOAD_BYTES}")
        headers = {
            "content-type": "application/json",
            "x-fc-invocation-type": "Async",
            "x-fc-async-delay": str(delay_seconds),
            "x-fc-async-task-id": task_id,
        }
        problem = "no time is left to store a follow task"
        for attempt in range(1, ATTEMPTS + 1):
            if self._remaining() < SHORTEST_CALL_SECONDS:
                break
            outcome = self._attempt(payload, headers)
            if isinstance(outcome, Fault):
                problem = f"the follow task could not be sent: {outcome.text}"
            elif outcome.status == _ACCEPTED:
                return Stored.NOW
            elif outcome.status == _CONFLICT:
                return Stored.BEFORE if _KNOWN.search(outcome.body) else Stored.REFUSED
            else:
                problem = f"Function Compute answered {outcome.status} to the follow task"
                if outcome.status < _SERVER_FAULT and outcome.status != _THROTTLED:
                    break
            if attempt < ATTEMPTS:
                self._sleep(RETRY_SECONDS * attempt)
        raise HandOffError(problem)

    def _attempt(self, payload: bytes, headers: Mapping[str, str]) -> Answer | Fault:
        """One call, with the signature that was taken last; with the other one where that is refused.

        Raises:
            HandOffError: when both are refused.
        """
        refused: list[str] = []
        for scheme in self._taken.order:
            if refused and self._remaining() < SHORTEST_CALL_SECONDS:
                break
            outcome = self._http.attempt("POST", self._url, self._signed(scheme, payload, headers), payload)
            if isinstance(outcome, Fault) or outcome.status not in _REFUSED:
                if not isinstance(outcome, Fault) and outcome.status in {_ACCEPTED, _CONFLICT}:
                    self._taken.take(scheme)
                return outcome
            refused.append(f"{outcome.status} with {scheme.value}")
        needed = f"the function's role needs fc:InvokeFunction of {self._function}"
        raise HandOffError(f"Function Compute answered {', '.join(refused)} to the follow task: {needed}")

    def _signed(self, scheme: Scheme, payload: bytes, headers: Mapping[str, str]) -> dict[str, str]:
        if scheme is Scheme.FC2:
            return signed_with_fc2(self._credentials, self._path, headers)
        return signed_with_acs3(self._credentials, self._url, headers, payload)
