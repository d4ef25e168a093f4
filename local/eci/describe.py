"""The answer of DescribeImageCaches: filters, pages, and the shape of a cache on the wire.

Only what the vendor's page lists is shown. Network, credentials, ACR instances and RetentionDays are known to
the cache and not returned: a client that wants them sent again must have them from elsewhere.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from .cache import Cache, Event
from .errors import invalid
from .machine import progress
from .requests import DescribeRequest

__all__ = ["describe", "iso"]

_SECONDS_A_DAY = 86400
_FAILED_CREATION_DAYS = 1


def describe(
    caches: Sequence[tuple[int, Cache]], request: DescribeRequest, now: float, *, events: bool = True
) -> dict[str, Any]:
    """One page of the caches that a request asks for, without the RequestId.

    Args:
        caches: of the region, as observed now, each with a number that rises with its creation.
        request: filters and page.
        now: the time.
        events: whether the caches' events are shown.

    Raises:
        ApiError: InvalidParameter for a NextToken that is not from an answer to the same filters.
    """
    found = [(number, cache) for number, cache in caches if _matches(cache, request)]
    after = _position(request)
    rest = [(number, cache) for number, cache in found if number > after]
    page = rest[: request.limit]
    more = len(rest) > len(page)
    return {
        "ImageCaches": [_shown(cache, now, events=events) for _, cache in page],
        "NextToken": _token(request, page[-1][0]) if more else "",
        "TotalCount": len(found),
    }


def iso(at: float) -> str:
    """A time as the API writes it, in UTC and whole seconds."""
    return datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _matches(cache: Cache, request: DescribeRequest) -> bool:
    tags = dict(cache.tags)
    return (
        request.image_cache_id in {None, cache.image_cache_id}
        and request.name in {None, cache.name}
        and request.snapshot_id in {None, cache.snapshot_id}
        and request.resource_group_id in {None, cache.attributes.get("ResourceGroupId")}
        and (request.image is None or request.image in cache.images)
        and all(key in tags and value in {None, tags[key]} for key, value in request.tags)
    )


def _shown(cache: Cache, now: float, *, events: bool) -> dict[str, Any]:
    shown = {
        "ImageCacheId": cache.image_cache_id,
        "ImageCacheName": cache.name,
        "RegionId": cache.region_id,
        "Status": cache.status,
        "Progress": f"{progress(cache, now)}%",
        "Images": list(cache.images),
        "CreationTime": iso(cache.created_at),
        "ExpireDateTime": _expiry(cache),
        "LastMatchedTime": None if cache.last_matched_at is None else iso(cache.last_matched_at),
        "Events": [_event(cache, event) for event in cache.events] if events else None,
        "ContainerGroupId": cache.container_group_id or None,
        "SnapshotId": cache.snapshot_id or None,
        "FlashSnapshotId": cache.flash_snapshot_id or None,
        "ResourceGroupId": cache.attributes.get("ResourceGroupId"),
        "ImageCacheSize": cache.attributes.get("ImageCacheSize"),
        "EliminationStrategy": cache.attributes.get("EliminationStrategy"),
        "Tags": [{"Key": key, "Value": value} for key, value in cache.tags],
    }
    return {name: value for name, value in shown.items() if value is not None}


def _expiry(cache: Cache) -> str | None:
    days = _FAILED_CREATION_DAYS if cache.status == "Failed" else cache.attributes.get("RetentionDays")
    return None if days is None else iso(cache.created_at + days * _SECONDS_A_DAY)


def _event(cache: Cache, event: Event) -> dict[str, Any]:
    return {
        "Type": event.type,
        "Reason": event.reason,
        "Message": event.message,
        "Name": f"{cache.name}.{int(event.at * 1000):x}",
        "Count": 1,
        "FirstTimestamp": iso(event.at),
        "LastTimestamp": iso(event.at),
    }


def _token(request: DescribeRequest, number: int) -> str:
    text = f"{number}:{_digest(request, number)}"
    return base64.urlsafe_b64encode(text.encode()).decode()


def _position(request: DescribeRequest) -> int:
    if request.next_token is None:
        return 0
    try:
        text = base64.b64decode(request.next_token, altchars=b"-_", validate=True).decode("ascii")
        number, digest = int(text.partition(":")[0]), text.partition(":")[2]
    except ValueError:
        raise invalid("NextToken", "a token of a previous answer is expected") from None
    if digest != _digest(request, number):
        raise invalid("NextToken", "a token of an answer to the same filters is expected")
    return number


def _digest(request: DescribeRequest, number: int) -> str:
    # The page's size may change from page to page; region and filters may not.
    filters = replace(request, limit=0, next_token=None)
    return hashlib.sha256(json.dumps([repr(filters), number]).encode()).hexdigest()[:16]
