"""Signed requests as Function Compute's SDK makes them, and their check.

``authorization: FC <key id>:<base64 of HMAC-SHA256>`` over method, content-md5, content-type, date, the
``x-fc-`` headers and the resource. Vendor page "Signature authentication": the date may be 15 minutes off;
the resource is the path without its percent-encoding, and for an HTTP trigger the query's sorted parameters
follow.
Must not know what is asked for.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Generator, Mapping
from email.utils import formatdate, parsedate_to_datetime
from urllib.parse import parse_qsl, unquote

import httpx

from ..permissions.acs3 import MAX_SKEW_SECONDS, SignatureError
from ..permissions.credentials import Credential

__all__ = ["SignatureError", "Signer", "check_signature", "resource_of_api", "resource_of_trigger"]

_SCHEME = "FC "


def resource_of_api(raw_path: str) -> str:
    """The resource of a call of the API: its path, percent-encoding removed."""
    return unquote(raw_path)


def resource_of_trigger(raw_path: str, query: str) -> str:
    """The resource of a request to an HTTP trigger: the path, a line end, and the sorted parameters."""
    parameters = sorted(f"{name}={value}" for name, value in parse_qsl(query, keep_blank_values=True))
    return unquote(raw_path) + "\n" + "\n".join(parameters)


def check_signature(
    method: str,
    resource: str,
    headers: Mapping[str, str],
    lookup: Callable[[str], Credential | None],
    now: float,
) -> Credential:
    """Check that a request is signed with a key that is known and not expired; returns the key.

    Args:
        method: the HTTP method.
        resource: see ``resource_of_api`` and ``resource_of_trigger``.
        headers: names in lower case.
        lookup: finds a key by its id.
        now: seconds since the epoch.

    Raises:
        SignatureError: it is not.
    """
    authorization = headers.get("authorization", "")
    key_id, _, signature = authorization.removeprefix(_SCHEME).partition(":")
    if not authorization.startswith(_SCHEME) or not signature:
        raise SignatureError("AccessDenied", "a header 'authorization: FC <key id>:<signature>' is required")
    _check_date(headers.get("date", ""), now)
    credential = lookup(key_id)
    if credential is None or credential.expired(now):
        raise SignatureError("InvalidAccessKeyID", "the access key is not known, or has expired")
    token = headers.get("x-fc-security-token", "")
    if not hmac.compare_digest(token.encode(), (credential.security_token or "").encode()):
        raise SignatureError("InvalidSecurityToken", "the security token is not that of the access key")
    expected = _signature(credential.access_key_secret, method, resource, headers)
    if not hmac.compare_digest(signature.encode(), expected.encode()):
        raise SignatureError("SignatureNotMatch", "the signature is not that of the request")
    return credential


class Signer(httpx.Auth):
    """Signs the requests of an httpx client.

    Args:
        credential: the access key.
        trigger: whether they go to an HTTP trigger, not to the API.
    """

    def __init__(self, credential: Credential, *, trigger: bool) -> None:
        self._credential = credential
        self._trigger = trigger

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the date, the token and the signature."""
        raw_path, _, query = request.url.raw_path.decode("ascii").partition("?")
        request.headers["date"] = formatdate(time.time(), usegmt=True)
        if self._credential.security_token is not None:
            request.headers["x-fc-security-token"] = self._credential.security_token
        resource = resource_of_trigger(raw_path, query) if self._trigger else resource_of_api(raw_path)
        headers = {name.lower(): value for name, value in request.headers.items()}
        signature = _signature(self._credential.access_key_secret, request.method, resource, headers)
        request.headers["authorization"] = f"{_SCHEME}{self._credential.access_key_id}:{signature}"
        yield request


def _check_date(text: str, now: float) -> None:
    try:
        moment = parsedate_to_datetime(text).timestamp()
    except ValueError:
        raise SignatureError("AccessDenied", "a header 'date' of the form of RFC 1123 is required") from None
    if abs(moment - now) > MAX_SKEW_SECONDS:
        raise SignatureError("AccessDenied", f"the date is more than {MAX_SKEW_SECONDS} seconds off")


def _signature(secret: str, method: str, resource: str, headers: Mapping[str, str]) -> str:
    own = sorted((name, value) for name, value in headers.items() if name.startswith("x-fc-"))
    parts = [
        method.upper(),
        headers.get("content-md5", ""),
        headers.get("content-type", ""),
        headers.get("date", ""),
        "".join(f"{name}:{value}\n" for name, value in own) + resource,
    ]
    digest = hmac.new(secret.encode(), "\n".join(parts).encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()
