"""ECI in memory: the state machine of the local cloud behind the gateway that the engine calls."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from imagecache.base.errors import EciError
from imagecache.clients.eci import flatten
from imagecache.clients.eci_error_codes import classify
from imagecache.clients.eci_gateway import Accepted
from imagecache.model.image_cache import ImageCache
from local.eci import machine
from local.eci.cache import Cache
from local.eci.describe import describe
from local.eci.errors import ApiError
from local.eci.requests import read_describe, read_update
from local.eci.settings import Settings
from local.eci.tagging import read_tag_request, retagged
from tests.support.clock import ManualClock

REGION = "cn-hangzhou"


@dataclass(frozen=True)
class Update:
    """An update that ECI accepted: when, and what the cache was to hold."""

    at: float
    images: tuple[str, ...]
    was: str
    """The cache's status when it was accepted."""


Fault = Callable[[str, bool], EciError | None]
"""Given an action and whether it was done already: the failure that the caller sees, or None."""


@dataclass
class SmallEci:
    """``EciGateway``. Every call takes time; the caches are those of one region.

    Attributes:
        clock: of this world.
        switches: how ECI behaves where a test wants to choose.
        call_seconds: how long a call takes.
        fault: asked before and after each call is done.
        caches: the caches, each with its earlier states for readers that lag behind.
        calls: how many calls were made, by action and by cache.
        updates: what was accepted, by cache.
    """

    clock: ManualClock
    switches: Settings = field(default_factory=Settings)
    call_seconds: float = 0.05
    fault: Fault = lambda _action, _done: None
    caches: dict[str, list[tuple[float, Cache]]] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    calls_of: Counter[str] = field(default_factory=Counter)
    updates: defaultdict[str, list[Update]] = field(default_factory=lambda: defaultdict(list))
    _answers: dict[str, str] = field(default_factory=dict)
    _keys: int = 0

    def create(self, *images: str, status: str = "Ready", **attributes: Any) -> str:
        """A new cache; its id."""
        number = len(self.caches) + 1
        attributes = {"name": f"cache-{number}", **attributes}
        cache = Cache(f"imc-{number}", REGION, status=status, images=images, created_at=0.0, **attributes)
        self.caches[cache.image_cache_id] = [(0.0, cache)]
        return cache.image_cache_id

    def cache(self, image_cache_id: str, lag: float = 0.0) -> Cache:
        """A cache as it is, or was ``lag`` seconds ago."""
        at = self.clock() - lag
        versions = self.caches[image_cache_id]
        cache = next((cache for since, cache in reversed(versions) if since <= at), versions[0][1])
        return machine.observe(cache, max(at, 0.0))

    def change(self, image_cache_id: str, **changes: Any) -> None:
        """Change a cache as somebody else would."""
        self._save(replace(self.cache(image_cache_id), **changes))

    def delete(self, image_cache_id: str) -> None:
        """Delete a cache."""
        del self.caches[image_cache_id]

    def list_image_caches(self, region_id: str) -> tuple[ImageCache, ...]:
        return tuple(self._call("DescribeImageCaches", "", lambda: self._described(region_id)))

    def describe_image_cache(self, region_id: str, image_cache_id: str) -> ImageCache | None:
        found = self._call(
            "DescribeImageCaches", image_cache_id, lambda: self._described(region_id, image_cache_id)
        )
        return found[0] if found else None

    def update_image_cache(self, request: Mapping[str, Any]) -> Accepted:
        parameters = flatten(request)
        token = self._call("UpdateImageCache", request["ImageCacheId"], lambda: self._update(parameters))
        return Accepted(token, 1)

    def tag_image_cache(self, region_id: str, image_cache_id: str, key: str, value: str) -> None:
        parameters = {
            "Action": "TagResources",
            "RegionId": region_id,
            "ResourceType": "ImageCache",
            "ResourceId.1": image_cache_id,
            "Tag.1.Key": key,
            "Tag.1.Value": value,
        }
        self._call("TagResources", image_cache_id, lambda: self._tag(parameters))

    def _call(self, action: str, image_cache_id: str, act: Callable[[], Any]) -> Any:
        self.calls[action] += 1
        self.calls_of[image_cache_id] += 1
        self.clock.advance(self.call_seconds)
        self._fail(action, done=False)
        try:
            answer = act()
        except ApiError as error:
            row = classify(error.code, error.status)
            raise row.error(row.reason, f"ECI answered {error.code}", code=error.code) from None
        self._fail(action, done=True)
        return answer

    def _fail(self, action: str, *, done: bool) -> None:
        failure = self.fault(action, done)
        if failure is not None:
            raise failure

    def _described(self, region_id: str, image_cache_id: str = "") -> list[ImageCache]:
        parameters = {"RegionId": region_id, "Limit": "50"}
        if image_cache_id:
            parameters["ImageCacheId"] = image_cache_id
        lag = self.switches.read_lag_seconds if image_cache_id else self.switches.listing_lag_seconds
        at = self.clock() - lag
        ids = [image_cache_id] if image_cache_id else list(self.caches)
        caches = [
            (number, self.cache(each, lag))
            for number, each in enumerate(ids, 1)
            if each in self.caches and self.caches[each][0][0] <= at
        ]
        request = replace(read_describe(parameters, 50), limit=len(caches) + 1)
        answer = describe(caches, request, at, events=self.switches.show_events)
        return [ImageCache.from_answer(region_id, item) for item in answer["ImageCaches"]]

    def _update(self, parameters: Mapping[str, str]) -> str:
        request = read_update(parameters)
        known = request.client_token and self._answers.get(request.client_token)
        if known:
            return known
        now, cache = self.clock(), self._existing(request.image_cache_id)
        self._keys += 1
        changed = machine.update(cache, request, self.switches, now=now, key=str(self._keys))
        self._save(changed)
        self.updates[cache.image_cache_id].append(Update(now, request.images or cache.images, cache.status))
        answer = f"request-{self._keys}"
        if request.client_token:
            self._answers[request.client_token] = answer
        return answer

    def _tag(self, parameters: Mapping[str, str]) -> None:
        if self.switches.tag_calls != "serve":
            raise ApiError({"unknown": "InvalidAction.NotFound"}.get(self.switches.tag_calls, "Forbidden"))
        request = read_tag_request(parameters)
        for image_cache_id in request.image_cache_ids:
            self._save(retagged(self._existing(image_cache_id), request))

    def _existing(self, image_cache_id: str) -> Cache:
        if image_cache_id not in self.caches:
            raise ApiError("InvalidParameter.NotFound")
        return self.cache(image_cache_id)

    def _save(self, cache: Cache) -> None:
        self.caches[cache.image_cache_id].append((self.clock(), cache))
