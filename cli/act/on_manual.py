"""The function on_manual, invoked by Function Compute's API with a person's own credentials.

The event is the one that its HTTP trigger would hand over: so whatever comes of it is an answer with all
records, where a plain invocation raises with some of them. Signed with ACS3-HMAC-SHA256, as version 3.0 of
the API documents. Must not know what is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from imagecache.base.credentials import Credentials, without_secrets
from imagecache.base.environment import is_loopback
from imagecache.base.json_input import shown

from ..problem import Problem
from ..services.credentials import refused_key

_TIMEOUT_SECONDS = (5.0, 300.0)
_OK, _UNAUTHORIZED, _DENIED, _MISSING, _SERVER_FAULT = 200, 401, 403, 404, 500


@dataclass(frozen=True)
class Answer:
    """What the function answered.

    Attributes:
        status: as over HTTP.
        outcomes: its records.
    """

    status: int
    outcomes: Sequence[Mapping[str, Any]]


class NotAskedError(Problem):
    """Raised where Function Compute refused the call, so that nothing was done."""


class OnManual:
    """The function.

    Args:
        endpoint: of Function Compute, a URL.
        function: its name.
        credentials: of whoever asks.
    """

    def __init__(self, endpoint: str, function: str, credentials: Credentials) -> None:
        self._function = function
        self._url = f"{endpoint}/2023-03-30/functions/{quote(function)}/invocations"
        self._credentials = credentials

    def ask(self, document: Mapping[str, Any]) -> Answer:
        """Send a request (schema ``manual-request``).

        Raises:
            NotAskedError: when the call was refused.
            Problem: when it is not known whether the function did it.
        """
        status, headers, body = self._invoke(json.dumps(_event(document)).encode())
        try:
            payload = json.loads(body)
        except (ValueError, RecursionError):
            payload = None
        if status != _OK:
            raise self._refused(status, payload)
        if "x-fc-error-type" in headers:
            text = shown(str(payload.get("errorMessage", ""))) if isinstance(payload, dict) else ""
            raise Problem(f"{self._function} failed: {self._clean(text) or 'it says nothing'}", _LOOK)
        with suppress(KeyError, TypeError, ValueError, RecursionError):
            answered = json.loads(payload["body"])
            return Answer(int(payload["statusCode"]), list(answered["outcomes"]))
        raise Problem(f"the answer of {self._function} cannot be read", "Is it the function on_manual?")

    def _invoke(self, payload: bytes) -> tuple[int, Mapping[str, str], bytes]:
        import requests  # noqa: PLC0415 - only who invokes something pays for it

        from imagecache.clients.fc_signatures import signed_with_acs3  # noqa: PLC0415 - likewise

        headers = {"content-type": "application/json", "x-fc-invocation-type": "Sync"}
        host = urlsplit(self._url).hostname or ""
        try:
            answer = requests.post(
                self._url,
                data=payload,
                headers=signed_with_acs3(self._credentials, self._url, headers, payload),
                timeout=_TIMEOUT_SECONDS,
                allow_redirects=False,
                auth=lambda request: request,  # no .netrc entry replaces the signature
                proxies={"http": "", "https": ""} if is_loopback(host) else None,
            )
        except (OSError, ValueError) as error:
            # An exception's text may hold the whole request.
            kind = type(error).__name__
            raise Problem(f"Function Compute at {host} did not answer: {kind}", _NETWORK) from None
        return answer.status_code, answer.headers, answer.content

    def _refused(self, status: int, payload: Any) -> Problem:
        """What an answer of the platform means; from 500 on it may have come too late."""
        code = str(payload.get("Code", "")) if isinstance(payload, dict) else ""
        clean = self._clean(shown(code))
        text = f"Function Compute answered {status} {clean}".strip()
        key = refused_key("Function Compute", clean)
        if key is not None:
            return NotAskedError(f"{key[0]}.", key[1])
        if status in {_UNAUTHORIZED, _DENIED}:
            right = f"Whoever runs this needs the right fc:InvokeFunction on {self._function}."
            return NotAskedError(f"{text} to the invocation of {self._function}", right)
        if status == _MISSING:
            where = "Name the stack's NamePrefix with --prefix, and where it is with --stack-region."
            return NotAskedError(f"{text}: there is no function {self._function}", where)
        return (NotAskedError if status < _SERVER_FAULT else Problem)(text, "Try again.")

    def _clean(self, text: str) -> str:
        return without_secrets(text, self._credentials.secrets)


_LOOK = "`imc-refresh status` shows how the caches stand."
_NETWORK = "Look at the network, at HTTPS_PROXY, and at --stack-region."


def _event(document: Mapping[str, Any]) -> dict[str, Any]:
    """The event of an HTTP trigger."""
    return {
        "version": "v1",
        "rawPath": "/",
        "body": json.dumps(document),
        "isBase64Encoded": False,
        "headers": {"Content-Type": "application/json"},
        "queryParameters": {},
        "requestContext": {"http": {"method": "POST", "path": "/"}},
    }
