"""Calls by the vendor's SDK (aliyun-python-sdk-core 2.16.1), which signs and transports.

Its traps, and what is done here about each:

- plain HTTP by default, and HTTPS only by identity with its own constant: the constant is set;
- six known regions, a location service for all others: the endpoint is always set;
- variables ALIYUN_ACCESS_KEY_* override a credential object, but not a key and secret passed as arguments:
  they are passed so, and the token is added to the request: to a ROA request as a header;
- signed URLs and whole answers in exception texts and log lines: neither is passed on;
- odd answers escape as TypeError, ValueError, IndexError and more: all are caught;
- a request object keeps state: each attempt needs its own;
- HTTP_PROXY is honoured but NO_PROXY is not: decided here, and loopback never goes through a proxy;
- it imports the signers of all kinds of credentials, with cryptography, and more: see ``left_out``.

Importing this module imports the SDK, which costs a cold start: do it when a call is about to be made.
"""

from __future__ import annotations

import json
import logging
import re
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit
from urllib.request import proxy_bypass

from ..base.credentials import Credentials, without_secrets
from ..base.environment import is_loopback
from ..base.reasons import Reason
from .left_out import left_out

with left_out():
    from aliyunsdkcore.acs_exception.exceptions import ClientException, ServerException
    from aliyunsdkcore.client import AcsClient
    from aliyunsdkcore.http import protocol_type
    from aliyunsdkcore.request import RoaRequest
    from aliyunsdkcore.vendored.requests.packages.urllib3.exceptions import HTTPError
    from aliyunsdkcore.vendored.requests.packages.urllib3.util import ssl_

NO_CODE = "SDK.UnknownServerError"
"""The SDK's code for an answer without one."""
_ODD = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError)
"""What reading an odd answer raises, in the SDK or here."""
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_T = TypeVar("_T")


class Fault(NamedTuple):
    """Why there is no answer, or no readable one; ``code`` is the SDK's."""

    reason: Reason
    text: str
    code: str = ""


class Refusal(NamedTuple):
    """An error answer, without secrets: an unreadable code is empty, an unreadable request id None."""

    status: int
    code: str
    message: str = ""
    request_id: str | None = None


class EciConnections:
    """Connections to the vendor's APIs that outlive an invocation, whatever credentials the next one has."""

    def __init__(self) -> None:
        self._client: Any = None
        self._credentials: Credentials | None = None
        self._lock = threading.Lock()

    def client(self, credentials: Credentials) -> Any:
        """The SDK's client for these credentials, on the connections that are already open."""
        with self._lock:
            return self._client_for(credentials)

    def _client_for(self, credentials: Credentials) -> Any:
        if credentials != self._credentials:
            client = AcsClient(
                credentials.access_key_id, credentials.access_key_secret, "unused", auto_retry=False
            )
            client.session.trust_env = False
            if self._client is not None:
                client.session.close()
                # The old client would close the session when it is collected.
                client.session, self._client.session = self._client.session, None
            self._client, self._credentials = client, credentials
        return self._client


@dataclass(eq=False, repr=False)
class SdkCalls:
    """Makes calls, each within the time that is left.

    Attributes:
        endpoint: a URL with an optional ``{region}``.
        remaining: seconds that are left for calls.
        timeouts: the longest waits for a connection and for an answer, in seconds.
    """

    endpoint: str
    credentials: Credentials = field(repr=False)
    remaining: Callable[[], float] = field(repr=False)
    connections: EciConnections = field(repr=False)
    timeouts: tuple[float, float]

    def send(
        self, request: Any, region_id: str, read: Callable[[Any], _T], secrets: tuple[str, ...] = ()
    ) -> _T | Refusal | Fault:
        """What ``read`` makes of the JSON answer. Failures are returned, so none has an SDK error as context.

        Args:
            request: a new one, with its parameters.
            region_id: for the endpoint.
            read: may raise what an odd answer raises.
            secrets: what must not be shown beside the credentials.
        """
        client = self.connections.client(self.credentials)
        self._address(request, client, region_id)
        try:
            return read(json.loads(client.do_action_with_exception(request)))
        except ServerException as error:
            return self._refusal(error, secrets)
        except ClientException as error:
            # The text holds the signed URL, so only the kind of fault is taken from it.
            if "timed out" in str(error.message):
                return Fault(Reason.TIMED_OUT, "no answer in time", str(error.error_code))
            return Fault(Reason.CONNECTION_FAILED, "the connection failed", str(error.error_code))
        except _ODD as error:
            return Fault(Reason.UNREADABLE_ANSWER, f"the answer could not be read: {type(error).__name__}")
        except (OSError, HTTPException, HTTPError) as error:
            return Fault(Reason.CONNECTION_FAILED, f"the connection failed: {type(error).__name__}")

    def shown(self, code: str, secrets: tuple[str, ...] = (), form: re.Pattern[str] = _CODE) -> str:
        """An error code, or empty where it has not the form of one, or repeats a secret."""
        known = form.fullmatch(code) and without_secrets(code, (*self.credentials.secrets, *secrets)) == code
        return code if known else ""

    def _refusal(self, error: Any, secrets: tuple[str, ...]) -> Refusal:
        code = self.shown(str(error.error_code), secrets)
        # The text about a wrong signature repeats what was signed, which holds every parameter.
        silent = "Signature" in code or code == NO_CODE
        message = without_secrets(str(error.message), (*self.credentials.secrets, *secrets))
        request_id = self.shown(str(error.request_id), secrets, _REQUEST_ID)
        return Refusal(error.http_status, code, "" if silent else message, request_id or None)

    def _address(self, request: Any, client: Any, region_id: str) -> None:
        endpoint = urlsplit(self.endpoint.replace("{region}", region_id))
        hostname = endpoint.hostname or ""
        direct = is_loopback(hostname) or proxy_bypass(hostname)
        # A filled mapping keeps the SDK from reading the proxy variables; None in it means no proxy.
        client.proxy = {"http": None, "https": None} if direct else None
        request.set_endpoint(endpoint.netloc)
        request.set_protocol_type(protocol_type.HTTPS if endpoint.scheme == "https" else protocol_type.HTTP)
        remaining = self.remaining()
        request.set_connect_timeout(min(self.timeouts[0], remaining))
        request.set_read_timeout(min(self.timeouts[1], remaining))
        token = self.credentials.security_token
        if token and isinstance(request, RoaRequest):
            request.add_header("x-acs-security-token", token)
        elif token:
            request.add_query_param("SecurityToken", token)


def _silence_sdk_loggers() -> None:
    """One of the SDK's loggers brings its own handler and level, so each is silenced for itself."""
    first = logging.getLogger("aliyunsdkcore")
    for name in list(logging.Logger.manager.loggerDict):
        if name.split(".")[0] == first.name:
            logger = logging.getLogger(name)
            logger.handlers.clear()
            logger.setLevel(logging.CRITICAL + 1)
    first.propagate = False
    first.addHandler(logging.NullHandler())


_silence_sdk_loggers()

# The SDK's own copy of urllib3 takes the lack of ssl.wrap_socket, which Python 3.12 removed, for a lack of
# SNI, and would then name no host in the TLS handshake.
ssl_.HAS_SNI = ssl.HAS_SNI
