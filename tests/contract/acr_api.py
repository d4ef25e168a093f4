"""Container Registry's API on a loopback port: it gives a temporary login to whoever signs rightly.

Both styles are checked by the vendor's rules: RPC (parameters in the query, HMAC-SHA1 over them) by the local
ECI server's own check, ROA (``Authorization: acs id:signature`` over method, four headers, the ``x-acs-``
headers and the resource) here.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from local.eci.errors import ApiError
from local.eci.signature import authenticate
from local.permissions.credentials import Credential
from tests.support.http_server import QuietHandler, serve_http

__all__ = ["AcrApi", "Call", "acr_api"]


@dataclass(frozen=True)
class Call:
    """What came, its signature found right."""

    method: str
    path: str
    parameters: dict[str, str]
    headers: dict[str, str]


@dataclass
class AcrApi:
    """The key that it knows, what it got, and what it answers instead of a login, in order."""

    credential: Credential
    now_milliseconds: Callable[[], int]
    url: str = ""
    calls: list[Call] = field(default_factory=list)
    instead: list[tuple[int, bytes]] = field(default_factory=list)

    def answer(self, method: str, target: str, headers: dict[str, str]) -> tuple[int, bytes]:
        """The status and the body."""
        parts = urlsplit(target)
        parameters = dict(parse_qsl(parts.query, keep_blank_values=True))
        try:
            if parts.path == "/tokens":
                self._check_roa(method, parts.path, parameters, headers)
            else:
                authenticate(method, parameters, time.time(), self._lookup, lambda _key, _nonce: True)
        except ApiError as error:
            return error.status, json.dumps({"Code": error.code, "Message": "it is:MARK"}).encode()
        self.calls.append(Call(method, parts.path, parameters, headers))
        if self.instead:
            return self.instead.pop(0)
        user, password = f"cr_temp_user-{len(self.calls)}", f"MARK-login-{len(self.calls)}"
        until = self.now_milliseconds() + 3_600_000
        if parts.path == "/tokens":
            data = {"authorizationToken": password, "tempUserName": user, "expireDate": until}
            return 200, json.dumps({"data": data, "requestId": "R-1"}).encode()
        document = {"IsSuccess": True, "Code": "success", "RequestId": "R-1"}
        login = {"TempUsername": user, "AuthorizationToken": password, "ExpireTime": until}
        return 200, json.dumps({**document, **login}).encode()

    def _lookup(self, key_id: str) -> Credential | None:
        return self.credential if key_id == self.credential.access_key_id else None

    def _check_roa(self, method: str, path: str, parameters: dict[str, str], headers: dict[str, str]) -> None:
        first = [
            method,
            *(headers.get(name, "") for name in ("accept", "content-md5", "content-type", "date")),
        ]
        own = [f"{name}:{value}" for name, value in sorted(headers.items()) if name.startswith("x-acs-")]
        query = "&".join(f"{name}={value}" for name, value in sorted(parameters.items()))
        signed = "\n".join([*first, *own, f"{path}?{query}" if query else path])
        secret = self.credential.access_key_secret.encode()
        expected = base64.b64encode(hmac.digest(secret, signed.encode(), hashlib.sha1)).decode()
        if headers.get("authorization") != f"acs {self.credential.access_key_id}:{expected}":
            raise ApiError("SignatureDoesNotMatch")
        if headers.get("x-acs-security-token") != self.credential.security_token:
            raise ApiError("InvalidSecurityToken.Malformed")


@contextmanager
def acr_api(credential: Credential, now_milliseconds: Callable[[], int]) -> Iterator[AcrApi]:
    """A running server."""
    api = AcrApi(credential, now_milliseconds)

    class Handler(QuietHandler):
        def respond(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.answer(*api.answer(self.command, self.path, headers))

    with serve_http(Handler) as host:
        api.url = f"http://{host}"
        yield api
