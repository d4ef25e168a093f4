"""One push that many caches list, where each call takes a tenth of a second: one invocation of 60 seconds.

The calls are made side by side, so what they take at least is known: that is the yardstick.
"""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from threading import Lock
from typing import Any

from imagecache.base.deadline import Deadline
from imagecache.clients.eci_gateway import Accepted
from imagecache.clients.task_store import Stored
from imagecache.config.settings import FollowSettings, Settings
from imagecache.engine.engine import Engine
from imagecache.engine.records import Recorder
from imagecache.engine.warm import Warm
from imagecache.engine.work import Work
from imagecache.model.change import PushEvent
from imagecache.model.image_cache import ImageCache
from tests.support.fake_clients import FakeClients

__all__ = ["CACHES", "CALL_SECONDS", "CONCURRENCY", "TIMEOUT_SECONDS", "Wide", "measure"]

CACHES, CALL_SECONDS, TIMEOUT_SECONDS, CONCURRENCY = 500, 0.1, 60, 8
_REGION, _IMAGE = "cn-hangzhou", "registry.example.com/prod/web:latest"


@dataclass(frozen=True)
class Wide:
    """What came of it.

    Attributes:
        seconds: that the invocation took.
        accepted: updates.
        left: caches that were not reached.
        ratio: of the time to that of its calls alone.
    """

    seconds: float
    accepted: int
    left: int
    ratio: float


class _SlowCloud:
    """ECI and a task store; each call takes its time."""

    def __init__(self) -> None:
        names = (f"imc-{number}" for number in range(CACHES))
        self._caches = {name: ImageCache(_REGION, name, name, "Ready", (_IMAGE,)) for name in names}
        self._lock = Lock()
        self.calls = 0

    def list_image_caches(self, _region_id: str) -> tuple[ImageCache, ...]:
        self._call()
        return tuple(self._caches.values())

    def describe_image_cache(self, _region_id: str, image_cache_id: str) -> ImageCache | None:
        self._call()
        return self._caches[image_cache_id]

    def update_image_cache(self, _request: Mapping[str, Any]) -> Accepted:
        self._call()
        return Accepted("request", 1)

    def store(self, _payload: bytes, *, task_id: str, delay_seconds: int) -> Stored:
        self._call()
        return Stored.NOW if task_id and delay_seconds else Stored.REFUSED

    def _call(self) -> None:
        with self._lock:
            self.calls += 1
        time.sleep(CALL_SECONDS)


def measure() -> Wide:
    """Play it once."""
    cloud = _SlowCloud()
    settings = Settings(
        (_REGION,), follow=FollowSettings("on-follow"), concurrency=CONCURRENCY, most_per_run=10 * CACHES
    )
    deadline = Deadline(TIMEOUT_SECONDS)
    clients = FakeClients(cloud, cloud, None, deadline)
    recorder = Recorder("on_push", "request", io.StringIO())
    now = datetime.now(timezone.utc)
    push = PushEvent("bench", "event", "registry.example.com", "prod/web", "latest", pushed_at=now)
    began = time.monotonic()
    Engine(Work(settings, clients, deadline, "request", Warm()), recorder).process([push])
    seconds = time.monotonic() - began
    accepted = sum(outcome["result"] == "refreshed" for outcome in recorder.outcomes)
    least = CALL_SECONDS * (1 + (cloud.calls - 1) / CONCURRENCY)
    return Wide(seconds, accepted, CACHES - accepted, seconds / least)
