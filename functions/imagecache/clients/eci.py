"""The gateway to ECI on the vendor's SDK (aliyun-python-sdk-eci 1.3.3); see ``aliyun_sdk``.

For ECI the SDK has no retries and no ClientToken: here are bounded retries, with the request's own token.
It would put all parameters into the URL, which proxies log: here they are a form, except the region,
without which the SDK adds one of its own to the URL.

Importing this module imports the SDK, which costs a cold start: do it when a call is about to be made.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, TypeVar

from ..base.credentials import Credentials
from ..base.deadline import Deadline
from ..base.errors import EciError, TransientError
from ..base.reasons import Reason
from ..model.image_cache import ImageCache, list_of, text_of
from .aliyun_sdk import NO_CODE, EciConnections, Fault, Refusal, SdkCalls
from .eci_error_codes import ATTEMPTS, classify
from .eci_gateway import Accepted
from .left_out import left_out

with left_out():
    from aliyunsdkcore.request import RpcRequest
    from aliyunsdkeci.request.v20180808.DescribeImageCachesRequest import DescribeImageCachesRequest

TIMEOUT_SECONDS = (5.0, 10.0)
SHORTEST_CALL_SECONDS = 1.0
RETRY_BASE_SECONDS = 0.2
PAGE_SIZE = 20
MOST_PAGES = 1000
_MESSAGE_LENGTH = 300

_T = TypeVar("_T")


class SdkGateway:
    """``EciGateway`` over real sockets.

    Args:
        endpoint: a URL with an optional ``{region}``.
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
        self._calls = SdkCalls(endpoint, credentials, deadline.remaining, connections, TIMEOUT_SECONDS)
        self._sleep = sleep

    def list_image_caches(self, region_id: str) -> tuple[ImageCache, ...]:
        """All image caches of a region, each once, over all pages."""
        found: dict[str, ImageCache] = {}
        seen_tokens: set[str] = set()
        parameters = {"RegionId": region_id, "Limit": str(PAGE_SIZE)}
        for _ in range(MOST_PAGES):
            page, token = self._describe(region_id, parameters, ImageCache.listed)
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
        parameters = {"RegionId": region_id, "ImageCacheId": image_cache_id}
        page, _ = self._describe(region_id, parameters, ImageCache.from_answer)
        return next((cache for cache in page if cache.image_cache_id == image_cache_id), None)

    def update_image_cache(self, request: Mapping[str, Any]) -> Accepted:
        """Send the request; every attempt carries the same ClientToken."""
        # Most events update nothing, and need not pay for this import at a cold start.
        from aliyunsdkeci.request.v20180808.UpdateImageCacheRequest import UpdateImageCacheRequest  # noqa: PLC0415

        passwords = tuple(credential["Password"] for credential in request.get("ImageRegistryCredential", ()))
        request_id, calls = self.perform(
            UpdateImageCacheRequest, flatten(request), lambda answer: text_of(answer["RequestId"]), passwords
        )
        return Accepted(request_id, calls)

    def tag_image_cache(self, region_id: str, image_cache_id: str, key: str, value: str) -> None:
        """Set one ECI tag (API documentation of TagResources); the SDK has no class for this action."""
        parameters = {
            "RegionId": region_id,
            "ResourceType": "ImageCache",
            "ResourceId.1": image_cache_id,
            "Tag.1.Key": key,
            "Tag.1.Value": value,
        }
        self.perform(_tag_resources, parameters, lambda answer: text_of(answer["RequestId"]))

    def _describe(
        self,
        region_id: str,
        parameters: Mapping[str, str],
        read_one: Callable[[str, Mapping[str, Any]], ImageCache],
    ) -> tuple[list[ImageCache], str]:
        def read(answer: Mapping[str, Any]) -> tuple[list[ImageCache], str]:
            # A missing list is not an empty one: taking it for one would lose pushes.
            items = list_of(answer["ImageCaches"], required=True)
            caches = [read_one(region_id, item) for item in items]
            return caches, text_of(answer.get("NextToken") or "")

        result, _ = self.perform(DescribeImageCachesRequest, parameters, read)
        return result

    def perform(
        self,
        request_type: Callable[[], RpcRequest],
        parameters: Mapping[str, str],
        read: Callable[[Mapping[str, Any]], _T],
        secrets: tuple[str, ...] = (),
    ) -> tuple[_T, int]:
        """What was read of an action's answer, and how many calls it took."""
        if self._calls.remaining() < SHORTEST_CALL_SECONDS:
            message = "the invocation's time is too short for another call"
            raise TransientError(Reason.OUT_OF_TIME, message, calls=0)
        calls = 0
        while True:
            calls += 1
            request = request_type()
            request.set_method("POST")
            for name, value in parameters.items():
                add = request.add_query_param if name == "RegionId" else request.add_body_params
                add(name, value)
            outcome = self._calls.send(request, parameters["RegionId"], read, secrets)
            if not isinstance(outcome, (Refusal, Fault)):
                return outcome, calls
            error = _error(outcome)
            error.calls = calls
            pause = RETRY_BASE_SECONDS * 2 ** (calls - 1) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
            too_late = self._calls.remaining() < pause + SHORTEST_CALL_SECONDS
            if too_late or calls >= ATTEMPTS[error.error_class]:
                raise error
            self._sleep(pause)


def _tag_resources() -> RpcRequest:
    return RpcRequest("Eci", "2018-08-08", "TagResources", "eci")


def _error(outcome: Refusal | Fault) -> EciError:
    if isinstance(outcome, Fault):
        return TransientError(outcome.reason, f"ECI: {outcome.text}", code=outcome.code)
    status, code = outcome.status, outcome.code
    if not code or (code == NO_CODE and status < HTTPStatus.INTERNAL_SERVER_ERROR):
        # Not from ECI, or cut off on the way: what it means is not known, so it may not be final.
        message = f"ECI answered {status} without an error code"
        return TransientError(Reason.UNREADABLE_ANSWER, message, http_status=status)
    row = classify(code, status)
    why = f": {outcome.message[:_MESSAGE_LENGTH]}" if outcome.message else ""
    message = f"ECI answered {status} {code}{why}"
    return row.error(row.reason, message, code=code, http_status=status, request_id=outcome.request_id)


def flatten(request: Mapping[str, Any]) -> dict[str, str]:
    """The request as parameters: ``Image.1``, ``AcrRegistryInfo.1.Domain.2`` and so on.

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
