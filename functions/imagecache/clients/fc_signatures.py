"""The two signatures that an invocation of Function Compute may take.

Version 3.0's own pages have ACS3-HMAC-SHA256 alone, and the vendor's deployment tool invokes with it. The
SDK of version 2.0 (aliyun-fc2 2.5.2) signs otherwise, which 3.0 took for another call. It is not documented
whether invocations take it: so both are tried, and what was taken is remembered for the process.

Importing this module imports fc2, which costs a cold start: do it when a hand-off is about to be made.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from email.utils import formatdate
from enum import Enum
from typing import Final
from urllib.parse import urlsplit
from uuid import uuid4

from ..base.credentials import Credentials
from ..base.scrubber import LOGGER
from .left_out import left_out

with left_out():
    from fc2.auth import Auth

API_VERSION: Final = "2023-03-30"


class Scheme(Enum):
    """A way to sign."""

    FC2 = "FC"
    ACS3 = "ACS3-HMAC-SHA256"


class TakenScheme:
    """Which signature was taken last, for the process."""

    def __init__(self) -> None:
        self._taken: Scheme | None = None

    @property
    def name(self) -> str:
        """Of the scheme; empty before one was taken."""
        return self._taken.value if self._taken else ""

    @property
    def order(self) -> tuple[Scheme, Scheme]:
        """Which to try first, and which after it."""
        return (Scheme.ACS3, Scheme.FC2) if self._taken is Scheme.ACS3 else (Scheme.FC2, Scheme.ACS3)

    def take(self, scheme: Scheme) -> None:
        """Remember that a signature was taken; the log has it where it is another one than before."""
        if scheme is not self._taken and (self._taken or scheme is not Scheme.FC2):
            LOGGER.warning("Function Compute takes invocations that are signed with %s", scheme.value)
        self._taken = scheme


def signed_with_fc2(credentials: Credentials, path: str, headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of a POST with the SDK's signature.

    Args:
        credentials: of this invocation.
        path: not percent-encoded.
        headers: the others, names in lower case.
    """
    signed = {**headers, "date": formatdate(usegmt=True)}
    if credentials.security_token:
        signed["x-fc-security-token"] = credentials.security_token
    # Auth strips its arguments, so a missing token must be an empty text.
    signer = Auth(credentials.access_key_id, credentials.access_key_secret, credentials.security_token)
    with _unlogged():
        signed["authorization"] = signer.sign_request("POST", path, signed)
    return signed


def signed_with_acs3(
    credentials: Credentials, url: str, headers: Mapping[str, str], payload: bytes
) -> dict[str, str]:
    """The headers of a POST with the signature of version 3.0, which is over all of them.

    Args:
        credentials: of this invocation.
        url: without a query.
        headers: the others, names in lower case.
        payload: the body.
    """
    place = urlsplit(url)
    signed = {
        **headers,
        "host": place.netloc,
        "x-acs-action": "InvokeFunction",
        "x-acs-content-sha256": hashlib.sha256(payload).hexdigest(),
        "x-acs-date": f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}",
        "x-acs-signature-nonce": uuid4().hex,
        "x-acs-version": API_VERSION,
    }
    if credentials.security_token:
        signed["x-acs-security-token"] = credentials.security_token
    return {**signed, "authorization": acs3_authorization(credentials, place.path, signed)}


def acs3_authorization(credentials: Credentials, path: str, headers: Mapping[str, str]) -> str:
    """The header ``Authorization`` of a POST (vendor page "V3 request body and signature").

    Args:
        credentials: of this invocation.
        path: percent-encoded; there is no query.
        headers: those that are signed, names in lower case, the body's hash among them.
    """
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers))
    canonical = "\n".join(("POST", path, "", lines, names, headers["x-acs-content-sha256"]))
    text = f"{Scheme.ACS3.value}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    made = hmac.new(credentials.access_key_secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return (
        f"{Scheme.ACS3.value} Credential={credentials.access_key_id},SignedHeaders={names},Signature={made}"
    )


@contextmanager
def _unlogged() -> Iterator[None]:
    """fc2 logs the text that it signs, with the token, by the root logger's own function."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
