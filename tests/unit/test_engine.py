"""The engine over clients in memory: what time leaves goes on, and what is repaired already is left alone."""

from __future__ import annotations

import io
import json
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from imagecache.base.reasons import Reason
from imagecache.clients.eci_gateway import Accepted
from imagecache.clients.task_store import Stored
from imagecache.config.settings import FollowSettings, Settings
from imagecache.engine.engine import Engine
from imagecache.engine.follow_message import read_message
from imagecache.engine.records import Recorder
from imagecache.engine.warm import Warm
from imagecache.engine.work import Work
from imagecache.model.change import CacheRequest, PushEvent
from imagecache.model.image_cache import ImageCache
from imagecache.model.selector import CacheSelector
from imagecache.planning.entry_memory import Notes
from imagecache.policy.rules import Rule, Rules
from imagecache.policy.tag_policy import Policy
from tests.support.fake_clients import FakeClients, FixedTime
from tests.support.remembered import remembered

NOW = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
REGION, HOST = "cn-hangzhou", "registry.cn-hangzhou.aliyuncs.com"
WEB = f"{HOST}/prod/web:1"
TIMEOUT, CALL = 60.0, 10.0
PUSH = PushEvent("acs.cr", "e-1", HOST, "prod/web", "1", pushed_at=NOW)
READS = Rules((Rule("numbers", policy=Policy("numerical"), reads_registry=True),))
SWEEP = CacheRequest(
    "timer", "t-1", Reason.SWEEP_REPAIR, CacheSelector(), statuses=frozenset({"UpdateFailed"})
)


@dataclass
class Cloud:
    """ECI, a registry with one digest for all, a task store and a clock; each call to ECI takes a while."""

    caches: dict[str, ImageCache]
    listed: Sequence[ImageCache] = ()
    elapsed: float = 0.0
    call_seconds: float = CALL
    registry: bool = True
    media_type: str = "application/vnd.oci.image.config.v1+json"
    updated: list[str] = field(default_factory=list)
    tasks: dict[str, Any] = field(default_factory=dict)

    def clock(self) -> datetime:
        return NOW + timedelta(seconds=self.elapsed)

    def list_image_caches(self, _region_id: str) -> tuple[ImageCache, ...]:
        self.elapsed += self.call_seconds
        return tuple(self.listed or self.caches.values())

    def describe_image_cache(self, _region_id: str, image_cache_id: str) -> ImageCache:
        return self.caches[image_cache_id]

    def update_image_cache(self, request: Mapping[str, Any]) -> Accepted:
        self.elapsed += self.call_seconds
        cache = self.caches[request["ImageCacheId"]]
        tags = tuple((tag["Key"], tag["Value"]) for tag in request["Tag"])
        self.caches[cache.image_cache_id] = cache._replace(status="Updating", tags=tags)
        self.updated.append(cache.image_cache_id)
        return Accepted("R", 1)

    def store(self, payload: bytes, *, task_id: str, delay_seconds: int) -> Stored:
        assert delay_seconds >= 1
        known = task_id in self.tasks
        self.tasks.setdefault(task_id, json.loads(payload))
        return Stored.BEFORE if known else Stored.NOW

    def tags(self, _registry: str, _repository: str) -> frozenset[str]:
        return frozenset({"1"})

    def digest(self, _registry: str, _repository: str, _tag: str) -> str:
        return "sha256:" + "0f" * 32

    def share(self, seconds: float) -> None:
        assert seconds > 0

    def kind(self, _registry: str, _repository: str, _tag: str) -> str:
        return self.media_type

    def engine(self, rules: Rules = Rules(), **settings: Any) -> Engine:  # noqa: B008 - it is frozen
        """An invocation that begins now."""
        began = self.elapsed
        left = FixedTime(lambda: began + TIMEOUT - self.elapsed)
        given: dict[str, Any] = {"follow": FollowSettings("on-follow"), "concurrency": 1, **settings}
        clients = FakeClients(self, self, self if self.registry else None, left)
        work = Work(
            Settings((REGION,), rules=rules, **given),
            clients,
            left,
            "1-request",
            Warm(self.clock, lambda _: None),
        )
        return Engine(work, Recorder("on_push", "1-request", io.StringIO()))


def cache(number: int, *, tags: tuple[tuple[str, str], ...] = ()) -> ImageCache:
    return ImageCache(REGION, f"imc-{number}", f"web-{number}", "Ready", (WEB,), tags)


def said(engine: Engine) -> list[tuple[str, str]]:
    return [(outcome["result"], outcome["reason"]) for outcome in engine.recorder.outcomes]


def continuations(cloud: Cloud) -> dict[str, list[str]]:
    """The caches that are left, by task."""
    return {name: task["caches"] for name, task in cloud.tasks.items() if task["job"] == "change"}


def test_what_time_leaves_of_a_push_goes_on_until_all_is_done() -> None:
    cloud = Cloud({f"imc-{number}": cache(number) for number in range(12)})
    engine = cloud.engine()
    engine.process([PUSH])

    # The listing and five updates took the time of the invocation.
    assert said(engine) == [("refreshed", "TAG_REPUSHED")] * 5 + [("deferred", "OUT_OF_TIME")] * 7
    ((task_id, left),) = continuations(cloud).items()
    assert left == [f"imc-{number}" for number in range(5, 12)]
    assert {outcome.get("follow_task_id") for outcome in engine.recorder.outcomes[5:]} == {task_id}

    task = cloud.tasks[task_id]
    for _ in range(2):
        cloud.elapsed += CALL
        before = set(cloud.tasks)
        cloud.engine().follow(read_message(task))
        new = [name for name in continuations(cloud) if name not in before]
        task = cloud.tasks[new[0]] if new else None
    assert task is None
    assert cloud.updated == [f"imc-{number}" for number in range(12)]


def test_an_update_that_is_not_needed_after_all_takes_no_part_of_the_cap() -> None:
    caches = {f"imc-{number}": cache(number) for number in range(3)}
    cloud = Cloud(caches, call_seconds=0.1, media_type="application/vnd.cncf.helm.config.v1+json")
    rules = Rules((Rule("numbers", policy=Policy("numerical"), reads_registry=True),))
    engine = cloud.engine(rules, most_per_run=1)
    engine.process([PUSH._replace(tag="2")])
    assert said(engine) == [("ignored", "NOT_AN_IMAGE")] * 3
    assert not cloud.tasks


@pytest.mark.parametrize("limit", ["most_per_run", "most_per_hour"])
def test_what_a_cap_allows_is_not_taken_by_an_update_that_a_thread_still_asks_a_registry_about(
    limit: str,
) -> None:
    names = {"imc-0": f"{HOST}/prod/chart:1", "imc-1": WEB}
    caches = {name: cache(0)._replace(image_cache_id=name, images=(text,)) for name, text in names.items()}
    cloud = Cloud(caches, call_seconds=0.0)
    described = threading.Event()

    def describe(_region_id: str, image_cache_id: str) -> ImageCache:
        if image_cache_id == "imc-1":
            described.set()
        return caches[image_cache_id]

    def kind(_registry: str, repository: str, _tag: str) -> str:
        if repository == "prod/web":
            return cloud.media_type
        # Until the other one is on its way.
        assert described.wait(30)
        return "application/vnd.cncf.helm.config.v1+json"

    cloud.kind, cloud.describe_image_cache = kind, describe  # type: ignore[method-assign]
    engine = cloud.engine(READS, concurrency=2, **{limit: 1})
    both = ("prod/chart", "prod/web")
    engine.process([PUSH._replace(repository=each, tag="2", event_id=each) for each in both])
    assert sorted(said(engine)) == [("ignored", "NOT_AN_IMAGE"), ("refreshed", "TAG_PROMOTED")]
    assert cloud.updated == ["imc-1"]


@pytest.fixture
def eager_threads() -> Iterator[None]:
    """Threads take turns so often that what is not one object for them all, or is counted twice, shows."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("eager_threads")
@pytest.mark.parametrize("most", [1, 7])
def test_threads_spend_one_cap_together(most: int) -> None:
    for _ in range(20):
        cloud = Cloud({f"imc-{number}": cache(number) for number in range(40)}, call_seconds=0.0)
        engine = cloud.engine(concurrency=32, most_per_run=most)
        engine.process([PUSH])
        assert len(cloud.updated) == most
        done = Counter(said(engine))
        assert done == {("refreshed", "TAG_REPUSHED"): most, ("deferred", "UPDATE_CAP"): 40 - most}
        ((_, left),) = continuations(cloud).items()
        assert sorted([*left, *cloud.updated]) == sorted(cloud.caches)


def test_what_threads_share_is_made_before_they_begin() -> None:
    work = Cloud({"imc-1": cache(1)}).engine().work
    assert "limits" not in vars(work)
    work.share()
    assert {"limits", "listings", "hand_off", "view"} <= set(vars(work))


def test_a_change_that_is_stored_unplanned_opens_no_connection_to_eci() -> None:
    cloud = Cloud({"imc-1": cache(1)})
    work = cloud.engine().work
    work.deadline = FixedTime(lambda: 0.4)
    work.clients = FakeClients(store=cloud)
    engine = Engine(work, Recorder("on_push", "1-request", io.StringIO()))
    engine.process([PUSH])
    assert said(engine) == [("deferred", "OUT_OF_TIME")]


def test_a_parent_that_is_run_again_meets_the_task_that_it_stored() -> None:
    cloud = Cloud({f"imc-{number}": cache(number) for number in range(7)})
    cloud.engine().process([PUSH])
    stored = continuations(cloud)
    # It ended before it was recorded, so the platform runs it again, with the same id.
    cloud.caches = {name: each._replace(status="Ready", tags=()) for name, each in cloud.caches.items()}
    cloud.elapsed = 0
    cloud.engine().process([PUSH])
    assert continuations(cloud) == stored


def test_a_repair_that_was_made_since_the_caches_were_listed_is_not_made_again() -> None:
    listed = cache(1)
    notes = Notes({WEB: "sha256:" + "0f" * 32}, {})
    cloud = Cloud({"imc-1": cache(1, tags=remembered(listed, [PUSH], NOW, notes))}, listed=[listed])
    engine = cloud.engine(Rules((Rule("numbers", policy=Policy("numerical"), reads_registry=True),)))
    engine.process([SWEEP._replace(reads_registries=True)])
    assert said(engine) == [("unchanged", "COVERED")]
    assert "nothing newer" in engine.recorder.outcomes[0]["message"]
    assert cloud.updated == []


@pytest.mark.parametrize(
    ("pushed", "told"),
    [
        pytest.param(
            PUSH._replace(repository="prod/other"), ("ignored", "NO_MATCH"), id="another repository"
        ),
        pytest.param(PUSH._replace(registry="docker.io"), ("ignored", "NO_MATCH"), id="another registry"),
    ],
)
def test_a_push_that_is_no_hint_opens_no_registry(pushed: PushEvent, told: tuple[str, str]) -> None:
    cloud = Cloud({"imc-1": cache(1)}, registry=False)
    engine = cloud.engine(Rules((Rule("numbers", policy=Policy("numerical"), reads_registry=True),)))
    engine.process([pushed])
    assert said(engine) == [told]


def test_beside_a_hint_another_push_is_done_as_it_was_planned() -> None:
    cloud = Cloud({"imc-1": cache(1)}, call_seconds=0.1)
    engine = cloud.engine(Rules((Rule("numbers", policy=Policy("numerical"), reads_registry=True),)))
    engine.process([PUSH._replace(event_id="e-2", tag="0"), PUSH])
    assert sorted(said(engine)) == [("ignored", "POLICY_HOLDS"), ("refreshed", "TAG_REPUSHED")]
    assert cloud.updated == ["imc-1"]


@pytest.mark.parametrize(("listed", "near"), [("web:0", []), ("web:2", ["older"])])
def test_what_a_hint_repairs_is_no_near_miss_of_a_dry_run(listed: str, near: list[str]) -> None:
    cloud = Cloud({"imc-0": cache(0)._replace(images=(f"{HOST}/prod/{listed}",))})
    engine = cloud.engine(Rules((Rule("numbers", policy=Policy("numerical"), reads_registry=True),)))
    engine.process([PUSH._replace(tag="1" if near else "latest", dry_run=True)])
    assert said(engine) == [("ignored", "POLICY_HOLDS") if near else ("planned", "REGISTRY_NEWER")]
    assert [miss["because"] for miss in engine.recorder.near] == near
    assert engine.recorder.outcomes[0]["rule"] == "numbers"


@pytest.mark.parametrize(
    ("item", "listed"),
    [
        pytest.param(SWEEP._replace(reads_registries=True), "web:1", id="sweep"),
        pytest.param(PUSH._replace(tag="latest"), "web:0", id="hint"),
    ],
)
def test_repairs_that_a_cap_leaves_go_on_for_each_of_their_caches(item: Any, listed: str) -> None:
    caches = [cache(number)._replace(images=(f"{HOST}/prod/{listed}",)) for number in range(3)]
    cloud = Cloud({each.image_cache_id: each for each in caches}, call_seconds=0.1)
    rules = Rules((Rule("numbers", policy=Policy("numerical"), reads_registry=True),))
    engine = cloud.engine(rules, most_per_run=1)
    engine.process([item])
    assert sorted(said(engine)) == [("deferred", "UPDATE_CAP")] * 2 + [("refreshed", "REGISTRY_NEWER")]

    done: set[str] = set()
    for _ in range(3):
        cloud.elapsed += CALL
        for name in [name for name in continuations(cloud) if name not in done]:
            done.add(name)
            cloud.engine(rules, most_per_run=1).follow(read_message(cloud.tasks[name]))
    assert sorted(cloud.updated) == sorted(cloud.caches)


def test_a_cache_that_was_left_and_cannot_be_read_is_told_of_once() -> None:
    cloud = Cloud({f"imc-{number}": cache(number) for number in range(3)}, call_seconds=0.1)
    cloud.engine(most_per_run=1).process([PUSH])
    (task_id,) = continuations(cloud)
    odd = cloud.tasks[task_id]["caches"][0]
    cloud.caches[odd] = cloud.caches[odd]._replace(unreadable="its status is odd")
    engine = cloud.engine()
    cloud.elapsed += CALL
    engine.follow(read_message(cloud.tasks[task_id]))
    assert sorted(said(engine)) == [("ignored", "CACHE_UNREADABLE"), ("refreshed", "TAG_REPUSHED")]
