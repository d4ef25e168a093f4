"""Warm overhead of one event: validate, normalise, plan over 500 caches of 10 images, record. No network."""

from __future__ import annotations

import contextlib
import io
import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from functools import partial
from statistics import median, quantiles
from typing import Any

from imagecache.base.deadline import Deadline
from imagecache.base.json_input import MAX_EVENT_BYTES, read_json
from imagecache.base.json_schema import schema_folder
from imagecache.clients.eci_gateway import Accepted
from imagecache.config.settings import Settings
from imagecache.engine.engine import Engine
from imagecache.engine.records import Recorder
from imagecache.engine.warm import Warm
from imagecache.engine.work import Work
from imagecache.model.image_cache import ImageCache
from imagecache.triggers.event_bus import read_event_bus
from imagecache.triggers.sources import Delivery
from tests.support.fake_clients import FakeClients

from . import naive

__all__ = ["measure"]

REGION = "cn-hangzhou"
CACHES, IMAGES = 500, 10
ROUNDS = 300


class _InMemoryGateway:
    """ECI without a network: answers what it was given and accepts every update."""

    def __init__(self, caches: Sequence[ImageCache]) -> None:
        self._caches = tuple(caches)
        self._by_id = {cache.image_cache_id: cache for cache in caches}

    def list_image_caches(self, region_id: str) -> tuple[ImageCache, ...]:
        return self._caches

    def describe_image_cache(self, region_id: str, image_cache_id: str) -> ImageCache | None:
        return self._by_id.get(image_cache_id)

    def update_image_cache(self, request: Mapping[str, Any]) -> Accepted:
        return Accepted("request", 1)

    def tag_image_cache(self, region_id: str, image_cache_id: str, key: str, value: str) -> None:
        return None


def described_caches(caches: int = CACHES, images: int = IMAGES) -> list[dict[str, Any]]:
    """Caches as DescribeImageCaches gives them; each repository is listed by one cache."""
    host = f"shop-registry-vpc.{REGION}.cr.aliyuncs.com"
    return [
        {
            "ImageCacheId": f"imc-{number:05}",
            "ImageCacheName": f"cache-{number}",
            "Status": "Ready",
            "Images": [f"{host}/team{number}/service-{image}:v1.{image}" for image in range(images)],
            "Tags": [{"Key": "team", "Value": f"team{number}"}],
        }
        for number in range(caches)
    ]


def push_event(namespace: str, repository: str, tag: str) -> bytes:
    """A push as EventBridge delivers it."""
    return json.dumps(
        {
            "id": "45ef4dewdwe1-7c35-447a-bd93-fab0",
            "source": "acs.cr",
            "specversion": "1.0",
            "type": "cr:Artifact:PushCompleted",
            "time": "2024-05-01T10:00:00+08:00",
            "data": {
                "InstanceName": "shop",
                "InstanceId": "cri-4jga79lyszik0000",
                "RepoNamespaceName": namespace,
                "RepoName": repository,
                "RegionId": REGION,
                "Tag": tag,
            },
        }
    ).encode()


def measure() -> dict[str, dict[str, float]]:
    """Median and 99th percentile in milliseconds, ours and the yardstick's, for three kinds of event.

    The two are run alternately, so that both meet the same noise.
    """
    raw = described_caches()
    caches = [ImageCache.from_answer(REGION, item) for item in raw]
    schema = json.loads((schema_folder() / "acr-cloudevent.schema.json").read_text(encoding="utf-8"))
    warm = Warm()
    clients = FakeClients(_InMemoryGateway(caches))
    settings = Settings(regions=(REGION,))

    def ours(event: bytes) -> None:
        arrived = datetime.now(timezone.utc)
        recorder = Recorder("on_push", "bench")
        document = read_json(event, limit=MAX_EVENT_BYTES, what="event")
        items = read_event_bus(document, Delivery(arrived, "bench"))
        work = Work(settings, clients, Deadline(60), "bench", warm)
        Engine(work, recorder).process(items)

    def theirs(event: bytes) -> None:
        naive.handle(event, schema, raw)

    events = {
        "push of a listed tag": push_event("team250", "service-5", "v1.5"),
        "push of another tag": push_event("team250", "service-5", "v9"),
        "push of an unlisted image": push_event("elsewhere", "service-5", "v1.5"),
    }
    result: dict[str, dict[str, float]] = {}
    for name, event in events.items():
        mine, yardstick = _alternate(partial(ours, event), partial(theirs, event))
        result[name] = {
            "median_ms": median(mine),
            "p99_ms": quantiles(mine, n=100)[98],
            "naive_median_ms": median(yardstick),
            "naive_p99_ms": quantiles(yardstick, n=100)[98],
            "ratio": median(yardstick) / median(mine),
        }
    return result


def _alternate(first: Callable[[], None], second: Callable[[], None]) -> tuple[list[float], list[float]]:
    times: tuple[list[float], list[float]] = ([], [])
    with contextlib.redirect_stdout(io.StringIO()):
        first()
        second()
        for _ in range(ROUNDS):
            for work, kept in zip((first, second), times, strict=True):
                started = time.perf_counter()
                work()
                kept.append((time.perf_counter() - started) * 1000)
    return times
