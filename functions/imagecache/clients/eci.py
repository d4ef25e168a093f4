"""The gateway on the vendor's SDK (aliyun-python-sdk-eci 1.3.3, aliyun-python-sdk-core 2.16.1).

The SDK is used for what it does well, signing and transport, and kept from the rest. Its traps and what is
done here about each:

- plain HTTP by default, and HTTPS only by identity with its own constant: the constant is set;
- six known regions, a location service for all others: the endpoint is always set;
- no retry for ECI and no ClientToken: bounded retries here, with the request's own token;
- environment variables ALIYUN_ACCESS_KEY_* override a credential object: key and secret are passed as
  arguments, which they do not, and the token is added to the request;
- the full signed URL in exception texts and in its own log lines: neither is passed on;
- odd answers escape as TypeError, ValueError, IndexError and more: all become ``UNREADABLE_ANSWER``;
- a request object keeps state: each attempt has its own;
- HTTP_PROXY is honoured but NO_PROXY is not: decided here, and loopback never goes through a proxy.

Importing this module imports the SDK, which costs a cold start: do it when a call is about to be made.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.client import HTTPException
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit
from urllib.request import proxy_bypass

from aliyunsdkcore.acs_exception.exceptions import ClientException, ServerException
from aliyunsdkcore.http import protocol_type
from aliyunsdkcore.request import RpcRequest
from aliyunsdkcore.vendored.requests.packages.urllib3.exceptions import HTTPError
from aliyunsdkeci.request.v20180808.DescribeImageCachesRequest import DescribeImageCachesRequest

from ..base.credentials import Credentials, without_secrets
from ..base.deadline import Deadline
from ..base.environment import is_loopback
from ..base.errors import EciError, TransientError
from ..base.reasons import Reason
from ..model.image_cache import ImageCache, list_of, text_of
from .aliyun_sdk import EciConnections
from .eci_error_codes import ATTEMPTS, classify
from .eci_gateway import Accepted

CONNECT_TIMEOUT_SECONDS = 5.0
READ_TIMEOUT_SECONDS = 10.0
SHORTEST_CALL_SECONDS = 1.0
RETRY_BASE_SECONDS = 0.2
PAGE_SIZE = 20
MOST_PAGES = 1000
_MESSAGE_LENGTH = 300
_ODD = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError)
"""What reading an odd answer raises, in the SDK or here."""
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_NO_CODE = "SDK.UnknownServerError"

_T = TypeVar("_T")


class _Call(NamedTuple):
    """One action with its parameters; a new SDK request is made from it for each attempt."""

    request_type: type[RpcRequest]
    parameters: Mapping[str, str]
    secrets: tuple[str, ...] = ()


class SdkGateway:
    """``EciGateway`` over real sockets.

    Args:
        endpoint: an URL with an optional ``{region}``.
        credentials: of this invocation.
        deadline: of this invocation; no call is started that has no time to end.
        connections: those that outlive the invocation.
        sleep: waits between attempts, in seconds.
    """

    def __init__(
        self,
        endpoint: str,
        credentials: Credentials,
        deadline: Deadline,
        connections: EciConnections,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._endpoint = endpoint
        self._credentials = credentials
        self._deadline = deadline
        self._connections = connections
        self._sleep = sleep

    def list_image_caches(self, region_id: str) -> tuple[ImageCache, ...]:
        """All image caches of a region, each once, over all pages."""
        found: dict[str, ImageCache] = {}
        seen_tokens: set[str] = set()
        parameters = {"RegionId": region_id, "Limit": str(PAGE_SIZE)}
        for _ in range(MOST_PAGES):
            page, token = self._describe(region_id, parameters)
            found.update((cache.image_cache_id, cache) for cache in page)
            if not token:
                return tuple(found.values())
            if token in seen_tokens:
                break
            seen_tokens.add(token)
            parameters["NextToken"] = token
        raise TransientError(
            Reason.UNREADABLE_ANSWER, f"DescribeImageCaches in {region_id} never comes to a last page"
        )

    def describe_image_cache(self, region_id: str, image_cache_id: str) -> ImageCache | None:
        """One image cache as it is now, or None."""
        page, _ = self._describe(region_id, {"RegionId": region_id, "ImageCacheId": image_cache_id})
        return next((cache for cache in page if cache.image_cache_id == image_cache_id), None)

    def update_image_cache(self, request: Mapping[str, Any]) -> Accepted:
        """Send the request; every attempt carries the same ClientToken."""
        # Most events update nothing, and need not pay for this import at a cold start.
        from aliyunsdkeci.request.v20180808.UpdateImageCacheRequest import UpdateImageCacheRequest  # noqa: PLC0415

        passwords = tuple(credential["Password"] for credential in request.get("ImageRegistryCredential", ()))
        call = _Call(UpdateImageCacheRequest, flatten(request), passwords)
        request_id, calls = self._perform(call, lambda answer: text_of(answer["RequestId"]))
        return Accepted(request_id, calls)

    def _describe(self, region_id: str, parameters: Mapping[str, str]) -> tuple[list[ImageCache], str]:
        def read(answer: Mapping[str, Any]) -> tuple[list[ImageCache], str]:
            # A missing list is no empty one: whoever takes it for one loses pushes.
            items = list_of(answer["ImageCaches"], required=True)
            caches = [ImageCache.from_answer(region_id, item) for item in items]
            return caches, text_of(answer.get("NextToken") or "")

        result, _ = self._perform(_Call(DescribeImageCachesRequest, parameters), read)
        return result

    def _perform(self, call: _Call, read: Callable[[Mapping[str, Any]], _T]) -> tuple[_T, int]:
        calls = 0
        if self._deadline.remaining() < SHORTEST_CALL_SECONDS:
            raise TransientError(
                Reason.OUT_OF_TIME, "the invocation's time is too short for another call", calls=0
            )
        while True:
            calls += 1
            outcome = self._attempt(call, read)
            if not isinstance(outcome, EciError):
                return outcome, calls
            outcome.calls = calls
            pause = RETRY_BASE_SECONDS * 2 ** (calls - 1) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
            too_late = self._deadline.remaining() < pause + SHORTEST_CALL_SECONDS
            if too_late or calls >= ATTEMPTS[outcome.error_class]:
                raise outcome
            self._sleep(pause)

    def _attempt(self, call: _Call, read: Callable[[Mapping[str, Any]], _T]) -> _T | EciError:
        """One call. Errors are returned, so that none has the SDK's exception as its context."""
        client = self._connections.client(self._credentials)
        request = self._request(call, client)
        secrets = (*self._credentials.secrets, *call.secrets)
        try:
            body = client.do_action_with_exception(request)
        except ServerException as error:
            return _server_failure(error, secrets)
        except ClientException as error:
            return _connection_failure(error)
        except _ODD as error:
            return _unreadable(type(error).__name__)
        except (OSError, HTTPException, HTTPError) as error:
            return TransientError(
                Reason.CONNECTION_FAILED, f"the connection to ECI failed: {type(error).__name__}"
            )
        try:
            return read(json.loads(body))
        except _ODD as error:
            return _unreadable(type(error).__name__)

    def _request(self, call: _Call, client: Any) -> Any:
        region_id = call.parameters["RegionId"]
        endpoint = urlsplit(self._endpoint.replace("{region}", region_id))
        hostname = endpoint.hostname or ""
        direct = is_loopback(hostname) or proxy_bypass(hostname)
        # A filled mapping keeps the SDK from reading the proxy variables; None in it means no proxy.
        client.proxy = {"http": None, "https": None} if direct else None
        request = call.request_type()
        request.set_endpoint(endpoint.netloc)
        request.set_protocol_type(protocol_type.HTTPS if endpoint.scheme == "https" else protocol_type.HTTP)
        remaining = self._deadline.remaining()
        request.set_connect_timeout(min(CONNECT_TIMEOUT_SECONDS, remaining))
        request.set_read_timeout(min(READ_TIMEOUT_SECONDS, remaining))
        for name, value in call.parameters.items():
            request.add_query_param(name, value)
        if self._credentials.security_token:
            request.add_query_param("SecurityToken", self._credentials.security_token)
        return request


def _server_failure(error: Any, secrets: tuple[str, ...]) -> EciError:
    code = str(error.error_code)
    readable = bool(_CODE.fullmatch(code)) and without_secrets(code, secrets) == code
    if not readable or (code == _NO_CODE and error.http_status < HTTPStatus.INTERNAL_SERVER_ERROR):
        # Not from ECI, or cut off on the way: what it says is not known, so it is not known to be final.
        return _unreadable(f"status {error.http_status} without an error code", error.http_status)
    row = classify(code, error.http_status)
    # The text about a wrong signature repeats what was signed, which holds every parameter.
    told = "" if "Signature" in code or code == _NO_CODE else without_secrets(str(error.message), secrets)
    request_id = str(error.request_id)
    known = _REQUEST_ID.fullmatch(request_id) and without_secrets(request_id, secrets) == request_id
    return row.error(
        row.reason,
        f"ECI answered {error.http_status} {code}" + (f": {told[:_MESSAGE_LENGTH]}" if told else ""),
        code=code,
        http_status=error.http_status,
        request_id=request_id if known else None,
    )


def _connection_failure(error: Any) -> EciError:
    # The text holds the signed URL; only what kind of fault it was is taken from it.
    timed_out = "timed out" in str(error.message)
    reason = Reason.TIMED_OUT if timed_out else Reason.CONNECTION_FAILED
    told = "ECI did not answer in time" if timed_out else "the connection to ECI failed"
    return TransientError(reason, told, code=str(error.error_code))


def _unreadable(kind: str, http_status: int | None = None) -> TransientError:
    message = f"ECI's answer could not be read: {kind}"
    return TransientError(Reason.UNREADABLE_ANSWER, message, http_status=http_status)


def flatten(request: Mapping[str, Any]) -> dict[str, str]:
    """The request as query parameters: ``Image.1``, ``AcrRegistryInfo.1.Domain.2`` and so on.

    The SDK's own setters are not used for this: ``set_AcrRegistryInfos`` writes ``AcrRegistryInfo.1Domain.1``
    without the dot, and None would be sent as the text "None". Booleans go as ``true`` and ``false``.
    """
    parameters: dict[str, str] = {}

    def add(name: str, value: Any) -> None:
        if value is None:
            return
        if isinstance(value, bool):
            parameters[name] = "true" if value else "false"
        elif isinstance(value, float):
            parameters[name] = str(int(value))  # JSON Schema takes 20.0 for an integer
        elif isinstance(value, (str, int)):
            parameters[name] = str(value)
        elif isinstance(value, Mapping):
            for key, member in value.items():
                add(f"{name}.{key}", member)
        else:
            for number, member in enumerate(value, start=1):
                add(f"{name}.{number}", member)

    for name, value in request.items():
        add(name, value)
    return parameters
