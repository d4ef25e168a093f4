"""The check of requests that are signed as version 3.0's own pages say, with ACS3-HMAC-SHA256.

``Authorization: ACS3-HMAC-SHA256 Credential=<key id>,SignedHeaders=<names>,Signature=<hex>`` over method,
path, query, the signed headers and the body's hash. Vendor page "V3 request body and signature": host,
content-type and every ``x-acs-`` header are signed; the date may be 15 minutes off.
Must not know what is asked for.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple
from urllib.parse import parse_qsl, quote

from .credentials import Credential

__all__ = ["MAX_SKEW_SECONDS", "SCHEME", "Request", "SignatureError", "check_acs3"]

MAX_SKEW_SECONDS = 900

SCHEME = "ACS3-HMAC-SHA256"
_HEADER = re.compile(
    rf"{SCHEME} Credential=(?P<key>[^,]+),SignedHeaders=(?P<names>[a-z0-9;-]+),Signature=(?P<made>[0-9a-f]+)"
)


class SignatureError(ValueError):
    """Raised when a request is not signed as it should be.

    Attributes:
        code: the error code of the answer.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Request(NamedTuple):
    """A request as it came.

    Attributes:
        method: the HTTP method.
        target: path and query.
        headers: names in lower case.
        body: what was sent.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


def check_acs3(request: Request, lookup: Callable[[str], Credential | None], now: float) -> Credential:
    """Check that a request is signed with a key that is known and not expired; returns the key.

    Args:
        request: as it came.
        lookup: finds a key by its id.
        now: seconds since the epoch.

    Raises:
        SignatureError: it is not.
    """
    method, target, headers, body = request
    found = _HEADER.fullmatch(headers.get("authorization", ""))
    if found is None:
        raise SignatureError("InvalidAuthorization", f"a header 'Authorization: {SCHEME} ...' is required")
    names = found["names"].split(";")
    wanted = {name for name in headers if name.startswith("x-acs-") or name in {"host", "content-type"}}
    if names != sorted(set(names)) or not wanted <= set(names) <= headers.keys():
        raise SignatureError("IncompleteSignature", f"at least {';'.join(sorted(wanted))} are to be signed")
    _check_date(headers.get("x-acs-date", ""), now)
    if not headers.get("x-acs-signature-nonce"):
        raise SignatureError("IncompleteSignature", "x-acs-signature-nonce is required")
    if headers.get("x-acs-content-sha256") != hashlib.sha256(body).hexdigest():
        raise SignatureError("SignatureNotMatch", "x-acs-content-sha256 is not that of the body")
    credential = lookup(found["key"])
    if credential is None or credential.expired(now):
        raise SignatureError("InvalidAccessKeyID", "the access key is not known, or has expired")
    token = headers.get("x-acs-security-token", "")
    if not hmac.compare_digest(token.encode(), (credential.security_token or "").encode()):
        raise SignatureError("InvalidSecurityToken", "the security token is not that of the access key")
    path, _, query = target.partition("?")
    query = "&".join(
        f"{quote(name, safe='~')}={quote(value, safe='~')}"
        for name, value in sorted(parse_qsl(query, keep_blank_values=True))
    )
    signed = "".join(f"{name}:{headers[name].strip()}\n" for name in names)
    text = "\n".join((method, path, query, signed, found["names"], headers["x-acs-content-sha256"]))
    to_sign = f"{SCHEME}\n{hashlib.sha256(text.encode()).hexdigest()}"
    made = hmac.new(credential.access_key_secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(made, found["made"]):
        raise SignatureError("SignatureNotMatch", "the signature is not that of the request")
    return credential


def _check_date(text: str, now: float) -> None:
    try:
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").timestamp()
    except ValueError:
        raise SignatureError("InvalidTimeStamp", "a header 'x-acs-date' is required, in UTC") from None
    if abs(moment - now) > MAX_SKEW_SECONDS:
        raise SignatureError("InvalidTimeStamp", f"the date is more than {MAX_SKEW_SECONDS} seconds off")
