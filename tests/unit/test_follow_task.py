"""Follow messages: every change comes back from one as it went in; task ids and delays keep their rules."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imagecache.base.errors import InputError
from imagecache.base.json_schema import validate
from imagecache.base.reasons import Reason
from imagecache.config.settings import FollowSettings
from imagecache.engine.follow_task import (
    DUPLICATE_WINDOW_SECONDS,
    Follower,
    Origin,
    Progress,
    message_document,
    read_message,
)
from imagecache.model.change import CacheRequest, PushEvent
from imagecache.model.selector import CacheSelector
from tests.support.fake_clients import FakeClients

NOW = datetime(2026, 3, 2, 2, 15, 31, 250000, tzinfo=timezone.utc)
SETTINGS = FollowSettings(function="on-follow")
TASK_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,127}")

moments = st.datetimes(timezones=st.just(timezone.utc))
short_texts = st.text(max_size=40)
region_ids = st.sampled_from(["cn-hangzhou", "cn-beijing", "ap-southeast-1"])
cache_ids = st.from_regex(r"imc-[a-z0-9]{1,20}", fullmatch=True)

pushes = st.builds(
    PushEvent,
    source=short_texts,
    event_id=short_texts,
    registry=st.sampled_from(["docker.io", "registry.cn-hangzhou.aliyuncs.com", "localhost:5000"]),
    repository=st.sampled_from(["library/nginx", "prod/web", "a/b/c"]),
    tag=st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", fullmatch=True),
    digest=st.none() | st.just("sha256:" + "0f" * 32),
    pushed_at=st.none() | moments,
    region_id=st.none() | region_ids,
)
selectors = st.builds(
    CacheSelector,
    ids=st.lists(cache_ids, max_size=3).map(tuple),
    names=st.lists(short_texts, max_size=3).map(tuple),
    exact_name=st.none() | short_texts,
    tags=st.lists(st.tuples(short_texts, st.none() | short_texts), max_size=3).map(tuple),
    regions=st.lists(region_ids, max_size=2).map(tuple),
)
requests = st.builds(
    CacheRequest,
    source=st.sampled_from(["manual", "timer"]),
    event_id=short_texts,
    reason=st.sampled_from(
        [Reason.LIST_CHANGED, Reason.REBUILD_REQUESTED, Reason.REFRESH_SCHEDULED, Reason.SWEEP_REPAIR]
    ),
    selector=selectors,
    images=st.none() | st.lists(short_texts, min_size=1, max_size=20).map(tuple),
    statuses=st.none() | st.frozensets(st.sampled_from(["Ready", "UpdateFailed", "Updating"])),
    region_id=st.none() | region_ids,
    force=st.booleans(),
    single=st.booleans(),
)
progresses = st.builds(
    Progress,
    change=pushes | requests,
    origin=st.builds(
        Origin,
        began=moments,
        attempt=st.integers(0, 99_999),
        rebuilds=st.integers(0, 100),
        images_seen=st.none() | st.lists(short_texts, max_size=3).map(tuple),
    ),
    region_id=st.just("") | region_ids,
    image_cache_id=st.just("") | cache_ids,
    update_began=st.none() | moments,
).filter(lambda progress: bool(progress.region_id) or not progress.image_cache_id)

# A slow machine is no defect.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@dataclass
class RecordingStore:
    """Keeps what it is given."""

    tasks: list[tuple[Any, str, int]] = field(default_factory=list)

    def store(self, payload: bytes, *, task_id: str, delay_seconds: int) -> None:
        self.tasks.append((json.loads(payload), task_id, delay_seconds))


def push(event_id: str = "e-1", **changes: Any) -> PushEvent:
    host = "registry.cn-hangzhou.aliyuncs.com"
    return replace(PushEvent("acs.cr", event_id, host, "prod/web", "latest", pushed_at=NOW), **changes)


ORIGIN = ("began", "attempt", "rebuilds", "images_seen")


def progress(**changes: Any) -> Progress:
    origin = Origin(**{"began": NOW} | {key: changes.pop(key) for key in ORIGIN if key in changes})
    start = Progress(push(), origin, region_id="cn-hangzhou", image_cache_id="imc-1")
    return replace(start, **changes)


def follower(store: RecordingStore, *, now: datetime = NOW, settings: FollowSettings = SETTINGS) -> Follower:
    return Follower(settings, now, FakeClients(store=store))


def task_of(one: Progress) -> tuple[Any, str, int]:
    store = RecordingStore()
    follower(store).store(one)
    (task,) = store.tasks
    return task


def task_id(one: Progress) -> str:
    return task_of(one)[1]


@unhurried
@given(progresses, st.integers(1, 100_000))
def test_every_progress_makes_a_valid_message_and_comes_back_from_it(one: Progress, attempt: int) -> None:
    document = json.loads(json.dumps(message_document(one, attempt=attempt)))
    validate(document, "follow-message")
    back = read_message(document)
    assert back == replace(one, origin=replace(one.origin, attempt=attempt))
    assert back.change.change_id == one.change.change_id


def test_a_sweep_is_followed_without_its_quiet_time_which_would_silence_its_own_follow_up() -> None:
    sweep = CacheRequest("timer", "t@1", Reason.SWEEP_REPAIR, CacheSelector(), quiet_since=NOW)
    back = read_message(message_document(Progress(sweep, Origin(NOW)), attempt=1))
    assert back.change == replace(sweep, quiet_since=None)


def test_the_stored_message_is_ascii_and_has_the_next_attempt() -> None:
    document, _, _ = task_of(progress(attempt=4, change=push("\u00e9\u4e2d")))
    assert document["attempt"] == 5
    assert document["change"]["eventId"] == "\u00e9\u4e2d"
    assert read_message(document) == progress(attempt=5, change=push("\u00e9\u4e2d"))


@unhurried
@given(progresses)
def test_a_task_id_keeps_the_rule_of_the_platform_and_is_the_same_each_time(one: Progress) -> None:
    first = task_id(one)
    assert TASK_ID.fullmatch(first)
    assert task_id(one) == first


@unhurried
@given(progresses)
def test_deliveries_of_one_window_share_a_task_id_and_a_later_one_gets_its_own(one: Progress) -> None:
    start = int(one.origin.began.timestamp()) // DUPLICATE_WINDOW_SECONDS * DUPLICATE_WINDOW_SECONDS
    ids = [
        task_id(progress(began=datetime.fromtimestamp(start + seconds, timezone.utc)))
        for seconds in (0, DUPLICATE_WINDOW_SECONDS - 1, DUPLICATE_WINDOW_SECONDS)
    ]
    assert ids[0] == ids[1] != ids[2]


DIFFERENT: dict[str, dict[str, Any]] = {
    "event": {"change": push("e-2")},
    "tag": {"change": push(tag="v2")},
    "digest": {"change": push(digest="sha256:" + "0" * 64)},
    "attempt": {"attempt": 1},
    "cache": {"image_cache_id": "imc-2"},
    "region": {"region_id": "cn-beijing"},
    "not planned yet": {"image_cache_id": ""},
    "update": {"update_began": NOW},
    "other update": {"update_began": NOW + timedelta(microseconds=1)},
}


@pytest.mark.parametrize("changed", DIFFERENT.values(), ids=DIFFERENT)
def test_task_ids_differ_for_another(changed: dict[str, Any]) -> None:
    others = [task_id(progress(**other)) for other in DIFFERENT.values() if other is not changed]
    assert task_id(progress(**changed)) not in [task_id(progress()), *others]


def test_delays_double_from_the_first_to_the_longest() -> None:
    store = RecordingStore()
    one = follower(store)
    for attempt in range(8):
        one.store(progress(attempt=attempt))
    assert [delay for _, _, delay in store.tasks] == [30, 60, 120, 240, 480, 900, 900, 900]


@pytest.mark.parametrize("attempt", [17, 64, 99_999])
def test_the_delay_of_a_late_attempt_is_the_longest(attempt: int) -> None:
    assert task_of(progress(attempt=attempt))[2] == 900


def test_capacity_waits_the_longest_delay_at_once() -> None:
    store = RecordingStore()
    follower(store).store(progress(), capacity=True)
    assert [delay for _, _, delay in store.tasks] == [900]


def test_delays_are_settable() -> None:
    store = RecordingStore()
    one = follower(store, settings=replace(SETTINGS, base_seconds=1, max_seconds=5))
    for attempt in range(4):
        one.store(progress(attempt=attempt))
    assert [delay for _, _, delay in store.tasks] == [1, 2, 4, 5]


def test_the_task_id_is_returned() -> None:
    store = RecordingStore()
    assert follower(store).store(progress()) == store.tasks[0][1]


def test_without_a_follow_function_nothing_is_followed() -> None:
    assert not Follower(FollowSettings(), NOW, FakeClients()).enabled


@pytest.mark.parametrize(("seconds", "expired"), [(0, False), (21599.9, False), (21600, True), (99999, True)])
def test_a_change_is_given_up_when_its_time_is_over(seconds: float, expired: bool) -> None:
    one = follower(RecordingStore(), now=NOW + timedelta(seconds=seconds))
    assert one.expired(progress()) == expired


Spoil = Callable[[dict[str, Any]], Any]

MALFORMED: dict[str, Spoil] = {
    "no object": lambda document: [document],
    "nothing": lambda _: {},
    "other version": lambda document: document | {"version": 2},
    "attempt 0": lambda document: document | {"attempt": 0},
    "attempt is text": lambda document: document | {"attempt": "1"},
    "unknown key": lambda document: document | {"imageCacheID": "imc-1"},
    "began without a zone": lambda document: document | {"began": "2026-03-02T02:15:31"},
    "began in China time": lambda document: document | {"began": "2026-03-02T10:15:31+08:00"},
    "a newline behind began": lambda document: document | {"began": document["began"] + "\n"},
    "empty cache id": lambda document: document | {"imageCacheId": ""},
    "region with a slash": lambda document: document | {"regionId": "cn/hangzhou"},
    "no change": lambda document: {key: document[key] for key in document if key != "change"},
    "unknown kind": lambda document: document | {"change": document["change"] | {"kind": "pull"}},
    "push without a tag": lambda document: (
        document | {"change": {key: document["change"][key] for key in document["change"] if key != "tag"}}
    ),
    "request without a selector": lambda document: (
        document | {"change": {"kind": "request", "source": "timer", "eventId": "t"}}
    ),
}


@pytest.mark.parametrize("spoil", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_message_is_refused(spoil: Spoil) -> None:
    document = message_document(progress(), attempt=1)
    read_message(document)
    with pytest.raises(InputError) as raised:
        read_message(spoil(document))
    assert raised.value.reason is Reason.SCHEMA_VIOLATION
