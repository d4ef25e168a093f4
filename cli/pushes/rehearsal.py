"""What the functions would do with a push: their own engine, on caches that were read, calling nothing.

The engine runs as it runs in a function: it plans, reads each cache again, limits, composes the request and
stores follow tasks. What it calls is here: the caches are those that it was given, an update is noted and
accepted, a task is noted and stored. So no decision is made here, and none can differ.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from imagecache.base.deadline import Deadline
from imagecache.base.reasons import Reason, Result
from imagecache.clients.eci_gateway import Accepted
from imagecache.clients.registry_reader import RegistryReader
from imagecache.clients.task_store import Stored
from imagecache.config.settings import FollowSettings, Settings
from imagecache.engine.engine import Engine
from imagecache.engine.records import Outcome, Recorder
from imagecache.engine.warm import Warm
from imagecache.engine.work import Work
from imagecache.model.change import Change
from imagecache.model.image_cache import ImageCache, Listing
from imagecache.planning.update_request import masked
from imagecache.policy.rules import Rules

_SECONDS = 3600.0
_NO_CAP = 10_000
_NAME = "imc-refresh"


@dataclass
class _Cloud:
    """ECI and the store of tasks, as far as the engine calls them."""

    listings: Mapping[str, Listing]
    deadline: Deadline
    requests: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    tasks: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._caches = {
            (region, cache.image_cache_id): cache
            for region, listing in self.listings.items()
            for cache in listing.caches
        }

    @property
    def eci(self) -> _Cloud:
        return self

    @property
    def task_store(self) -> _Cloud:
        return self

    @property
    def signature(self) -> str:
        return ""

    @property
    def registries(self) -> RegistryReader:
        raise AssertionError("a rehearsal has rules that ask no registry")

    @property
    def reading(self) -> Deadline:
        return self.deadline

    def list_image_caches(self, region_id: str) -> tuple[ImageCache, ...]:
        listing = self.listings[region_id]
        return (*listing.caches, *listing.unreadable)

    def describe_image_cache(self, region_id: str, image_cache_id: str) -> ImageCache | None:
        return self._caches.get((region_id, image_cache_id))

    def update_image_cache(self, request: Mapping[str, Any]) -> Accepted:
        self.requests[request["RegionId"], request["ImageCacheId"]] = masked(request)
        return Accepted("", 1)

    def tag_image_cache(self, region_id: str, image_cache_id: str, key: str, value: str) -> None:
        raise AssertionError(
            f"no task runs here that could tag {image_cache_id} in {region_id}: {key}={value}"
        )

    def store(self, payload: bytes, *, task_id: str, delay_seconds: int) -> Stored:
        del delay_seconds
        self.tasks[task_id] = payload
        return Stored.NOW


class _Recorder(Recorder):
    """Keeps what a record says; cuts and writes nothing."""

    def record(self, result: Result, reason: Reason, message: str, facts: Mapping[str, Any]) -> Outcome:
        """Keep it."""
        outcome: Outcome = {"result": result.value, "reason": reason.value, "message": message}
        outcome.update((key, value) for key, value in facts.items() if value is not None and value != "")
        self.outcomes.append(outcome)
        return outcome


@dataclass(frozen=True)
class Rehearsed:
    """What came of it.

    Attributes:
        outcomes: the records; besides ``next_look`` where a follow task is stored.
        requests: region and id of a cache -> the request that would be sent, passwords masked.
    """

    outcomes: Sequence[Outcome]
    requests: Mapping[tuple[str, str], Mapping[str, Any]]


def rehearse(
    listings: Iterable[Listing], changes: Iterable[Change], rules: Rules, now: datetime
) -> Rehearsed:
    """Let the engine do what changes ask for, without doing it.

    Args:
        listings: the caches by region.
        changes: what happened.
        rules: those of the deployment; none that asks a registry.
        now: the time.
    """
    by_region = {listing.region_id: listing for listing in listings}
    deadline = Deadline(_SECONDS)
    cloud = _Cloud(by_region, deadline)
    settings = Settings(
        tuple(by_region),
        rules=rules,
        follow=FollowSettings(_NAME),
        # A cap spreads updates over several runs; what comes of them all is asked here.
        most_per_run=_NO_CAP,
        concurrency=1,
    )
    recorder = _Recorder(_NAME, _NAME)
    work = Work(settings, cloud, deadline, _NAME, Warm(clock=lambda: now))
    Engine(work, recorder).process(changes)
    for outcome in recorder.outcomes:
        if "follow_task_id" in outcome:
            outcome["next_look"] = json.loads(cloud.tasks[outcome.pop("follow_task_id")])["due"]
    return Rehearsed(recorder.outcomes, cloud.requests)
