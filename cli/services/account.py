"""Calls to the account's services, by the vendor's SDKs, each imported when it is first asked.

What fails becomes one sentence without a secret: an SDK's own text may hold the whole request. Nothing is
tried twice: a run has less than half a minute. Must not know what is asked for, nor why.
"""

from __future__ import annotations

import math
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from inspect import signature
from typing import Any, TypeVar
from urllib.parse import urlsplit

from imagecache.base.credentials import Credentials, without_secrets

from ..problem import Problem
from .credentials import refused_key
from .errors import FunctionFailedError, NotReadError
from .services import SERVICES, right_of

CONNECT_MILLISECONDS = 4000
READ_MILLISECONDS = 6000
INVOKE_MILLISECONDS = 18000
"""A cold start, and all that a function is asked to try."""
LEAST_SECONDS = 0.2

_T = TypeVar("_T")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
_DENIED = re.compile(r"NoPermission|Forbidden|AccessDenied|Unauthorized|NotAuthorized", re.IGNORECASE)
_MISSING = re.compile(r"NotFound|NotExist|EntityNotExist", re.IGNORECASE)
_LONGEST_TEXT = 200


@dataclass(eq=False)
class Account:
    """One account in one region.

    Attributes:
        credentials: its key.
        region: where the stack is.
        endpoints: addresses of services that are not the usual ones, by the service's short name.
        account_id: its number, empty until it is known.
        until: when all calls have to have ended, on the monotonic clock.
    """

    credentials: Credentials
    region: str
    endpoints: Mapping[str, str] = field(default_factory=dict)
    account_id: str = ""
    until: float = math.inf
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _kept: dict[str, _Kept] = field(default_factory=dict)

    def once(self, key: str, read: Callable[[], _T]) -> _T:
        """What ``read`` gives or raises; of several that ask under one key, the first one reads."""
        with self._lock:
            kept = self._kept.setdefault(key, _Kept(read))
        answer: _T = kept.answer()
        return answer

    def call(
        self, service: str, action: str, *path: str, region: str = "", **parameters: Any
    ) -> dict[str, Any]:
        """One call; the body of the answer, with the API's own names.

        Args:
            service: short name, see ``SERVICES``.
            action: the API's name, such as ``GetStack``.
            path: what the API has in its path.
            region: another one than the stack's.
            parameters: the fields of the SDK's request, and as ``headers`` those of its headers.

        Raises:
            NotReadError: it was refused, or there was no usable answer.
        """
        response = self._send(service, action, path, region or self.region, parameters)
        body: Any = response.body
        if hasattr(body, "to_map"):
            return dict(body.to_map())
        return {"body": body, "headers": response.headers or {}, "status": response.status_code}

    def _send(
        self, service: str, action: str, path: tuple[str, ...], region: str, parameters: Mapping[str, Any]
    ) -> Any:
        fields = dict(parameters)
        headers = fields.pop("headers", {})
        models = import_module(f"{SERVICES[service].package}.models")
        client = self._client(service, region)
        method = getattr(client, f"{_snake(action)}_with_options")
        wanted = signature(method).parameters
        left = self.until - time.monotonic()
        if left < LEAST_SECONDS:
            title = SERVICES[service].title
            raise NotReadError(f"{title} was not asked: the time was over", "Run this again.")
        given: dict[str, Any] = {"runtime": _runtime(action, left)}
        if "request" in wanted:
            given["request"] = getattr(models, f"{action}Request")(**fields)
        if "headers" in wanted:
            make = getattr(models, f"{action}Headers", dict)
            given["headers"] = make(**headers)
        from Tea.exceptions import TeaException  # noqa: PLC0415 - with the SDKs

        try:
            return method(*path, **given)
        except TeaException as error:
            raise self._refusal(service, action, error) from None
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, OSError) as error:
            what = f"{SERVICES[service].title}: the answer to {action} could not be read"
            raise NotReadError(f"{what} ({type(error).__name__})") from None
        except Exception as error:  # noqa: BLE001 - the SDK's own, RetryError among them, have no common base
            raise self._unreachable(service, client, str(error)) from None

    def _refusal(self, service: str, action: str, error: Any) -> NotReadError:
        code = str(getattr(error, "code", "") or "")
        if not _CODE.fullmatch(code) or code == "None":
            return self._unreachable(service, self._client(service, self.region), str(error))
        title = SERVICES[service].title
        key = refused_key(title, code)
        if key is not None:
            return NotReadError(*key, code=code)
        if _DENIED.search(code):
            right = right_of(service, action)
            text = f"{title} refused {action} ({code})"
            return NotReadError(text, f"Who runs this needs the right {right} (docs/doctor.md).", code=code)
        message = without_secrets(str(getattr(error, "message", "") or ""), self.credentials.secrets)
        text = f"{title} answered {code} to {action}: {message[:_LONGEST_TEXT]}"
        return NotReadError(text, code=code, missing=bool(_MISSING.search(code)))

    def _unreachable(self, service: str, client: Any, text: str) -> NotReadError:
        host = getattr(client, "_endpoint", None) or self._endpoint(service, self.region)
        why, remedy = "the connection failed", "Look at the network of this machine."
        if "roxy" in text:
            why, remedy = "the proxy did not pass it on", "Look at HTTPS_PROXY and HTTP_PROXY."
        elif "resol" in text or "Name or service" in text or "nodename" in text:
            why = "there is no such name"
            remedy = f"Look at the network, and whether {SERVICES[service].title} is in {self.region}."
        elif "timed out" in text:
            why = "no answer in time"
        elif "SSL" in text or "certificate" in text:
            why, remedy = (
                "its certificate is not trusted",
                "Look at what stands between: a proxy that ends TLS?",
            )
        return NotReadError(f"{SERVICES[service].title} at {host} was not reached: {why}", remedy)

    def _endpoint(self, service: str, region: str) -> str:
        usual = self.endpoints.get(service) or SERVICES[service].endpoint
        return usual.replace("{region}", region).replace("{account}", self.account_id)

    def _client(self, service: str, region: str) -> Any:
        with self._lock:
            if (service, region) not in self._clients:
                from alibabacloud_tea_openapi.utils_models import Config  # noqa: PLC0415 - with the SDKs

                place = urlsplit(self._endpoint(service, region))
                config = Config(
                    access_key_id=self.credentials.access_key_id,
                    access_key_secret=self.credentials.access_key_secret,
                    security_token=self.credentials.security_token or None,
                    region_id=region,
                    endpoint=place.netloc or place.path or None,
                    protocol=place.scheme or "https",
                    connect_timeout=CONNECT_MILLISECONDS,
                    read_timeout=READ_MILLISECONDS,
                )
                module = import_module(f"{SERVICES[service].package}.client")
                self._clients[service, region] = module.Client(config)
            return self._clients[service, region]


def identify(account: Account) -> str:
    """Whose account it is.

    Raises:
        Problem: the credentials are not taken, or nothing is reached.
    """
    try:
        answer = account.call("sts", "GetCallerIdentity")
    except NotReadError as error:
        raise Problem(f"{error}.", error.remedy) from None
    account.account_id = str(answer.get("AccountId") or "")
    return account.account_id


class _Kept:
    """An answer, or a failure, that is read once."""

    def __init__(self, read: Callable[[], Any]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._done: list[Any] = []

    def answer(self) -> Any:
        with self._lock:
            if not self._done:
                try:
                    self._done.append((self._read(), None))
                except (NotReadError, FunctionFailedError) as error:
                    self._done.append((None, error))
        answer, problem = self._done[0]
        if problem is not None:
            raise problem
        return answer


def _runtime(action: str, left: float) -> Any:
    from darabonba.runtime import RuntimeOptions  # noqa: PLC0415 - with the SDKs

    longest = INVOKE_MILLISECONDS if action == "InvokeFunction" else READ_MILLISECONDS
    return RuntimeOptions(
        autoretry=False,
        max_attempts=1,
        connect_timeout=int(min(CONNECT_MILLISECONDS, left * 1000)),
        read_timeout=int(min(longest, left * 1000)),
    )


def _snake(action: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", action).lower()
