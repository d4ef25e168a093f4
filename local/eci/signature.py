"""The vendor's RPC signature (version 1.0, HMAC-SHA1): is this call made by the holder of this access key?

The rules are those of the vendor's page on the RPC request style: the parameters of query and form, without
``Signature``, sorted by name and percent-encoded (RFC 3986), are joined, encoded once more as a whole, put
behind the method and ``/``, and signed with the secret and ``&``. Neither a secret nor the text that was
signed ever leaves this module: the cloud repeats that text in its message, with every parameter in it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from urllib.parse import quote

from ..permissions.credentials import Credential
from .errors import ApiError, missing

__all__ = ["NONCE_MEMORY_SECONDS", "authenticate"]

TIMESTAMP_TOLERANCE_SECONDS = 15 * 60
NONCE_MEMORY_SECONDS = 2 * TIMESTAMP_TOLERANCE_SECONDS
"""How long a nonce can be replayed: a timestamp may be as far ahead as behind."""

_MANDATORY = (
    "AccessKeyId",
    "Signature",
    "SignatureMethod",
    "SignatureVersion",
    "SignatureNonce",
    "Timestamp",
)
_LONGEST_NONCE = 128


def authenticate(
    method: str,
    parameters: Mapping[str, str],
    now: float,
    lookup: Callable[[str], Credential | None],
    first_use: Callable[[str, str], bool],
) -> Credential:
    """Check that a call is signed by a valid access key, now, and for the first time; returns the key.

    Args:
        method: the HTTP method.
        parameters: all parameters of query and form.
        now: seconds since the epoch.
        lookup: finds an access key by its id.
        first_use: remembers a nonce of an access key; False when it was there before. It is asked last, so
            that a call that is refused for another reason uses up no nonce.

    Raises:
        ApiError: with the gateway's code for what is wrong.
    """
    for name in _MANDATORY:
        if not parameters.get(name):
            raise missing(name)
    if parameters["SignatureMethod"] != "HMAC-SHA1" or parameters["SignatureVersion"] != "1.0":
        raise ApiError("IncompleteSignature")
    if len(parameters["SignatureNonce"]) > _LONGEST_NONCE:
        raise ApiError("IncompleteSignature", "The nonce of the signature is too long.")
    _check_timestamp(parameters["Timestamp"], now)
    credential = lookup(parameters["AccessKeyId"])
    if credential is None:
        raise ApiError("InvalidAccessKeyId.NotFound")
    expected = _signature(method, parameters, credential.access_key_secret)
    if not _equal(expected, parameters["Signature"]):
        raise ApiError("SignatureDoesNotMatch")
    _check_security_token(parameters.get("SecurityToken"), credential, now)
    if not first_use(credential.access_key_id, parameters["SignatureNonce"]):
        raise ApiError("SignatureNonceUsed")
    return credential


def _signature(method: str, parameters: Mapping[str, str], secret: str) -> str:
    canonical = "&".join(
        f"{_encode(name)}={_encode(value)}"
        for name, value in sorted(parameters.items())
        if name != "Signature"
    )
    signed = f"{method}&{_encode('/')}&{_encode(canonical)}"
    digest = hmac.digest(f"{secret}&".encode(), signed.encode(), hashlib.sha1)
    return base64.b64encode(digest).decode()


def _encode(text: str) -> str:
    return quote(text, safe="-_.~")


def _equal(expected: str, given: str) -> bool:
    # In constant time: the time that the comparison takes reveals nothing about the right value.
    return hmac.compare_digest(expected.encode(), given.encode())


def _check_timestamp(text: str, now: float) -> None:
    try:
        stamp = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    except ValueError:
        raise ApiError("InvalidTimeStamp.Format") from None
    if abs(stamp.timestamp() - now) > TIMESTAMP_TOLERANCE_SECONDS:
        raise ApiError("InvalidTimeStamp.Expired")


def _check_security_token(token: str | None, credential: Credential, now: float) -> None:
    if credential.security_token is None:
        if token is not None:
            raise ApiError("InvalidSecurityToken.Malformed")
        return
    if not token:
        raise ApiError("MissingSecurityToken")
    if not _equal(credential.security_token, token):
        raise ApiError("InvalidSecurityToken.Malformed")
    if credential.expired(now):
        raise ApiError("InvalidSecurityToken.Expired")
