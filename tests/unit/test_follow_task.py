"""Follow messages: every change comes back from one as it went in; task ids and delays keep their rules."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imagecache.base.errors import HandOffError, InputError
from imagecache.base.json_schema import validate
from imagecache.base.reasons import Reason
from imagecache.clients.task_store import Stored
from imagecache.config.settings import FollowSettings
from imagecache.engine.chain import expired
from imagecache.engine.follow_message import message_document, read_message
from imagecache.engine.follow_task import Chain, Job, Task
from imagecache.engine.hand_off import HandOff
from imagecache.engine.slot import Slot
from imagecache.model.change import CacheRequest, PushEvent
from imagecache.model.selector import CacheSelector
from tests.support.fake_clients import FakeClients
from tests.support.for_each import for_each

NOW = datetime(2026, 3, 2, 2, 15, 31, 250000, tzinfo=timezone.utc)
SETTINGS = FollowSettings(function="on-follow")
TASK_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,127}")

moments = st.datetimes(timezones=st.just(timezone.utc))
short_texts = st.text(max_size=40)
region_ids = st.sampled_from(["cn-hangzhou", "cn-beijing", "ap-southeast-1"])
cache_ids = st.from_regex(r"imc-[a-z0-9]{1,20}", fullmatch=True)

pushes = st.builds(
    partial(PushEvent),
    source=short_texts,
    event_id=short_texts,
    registry=st.sampled_from(["docker.io", "registry.cn-hangzhou.aliyuncs.com", "localhost:5000"]),
    repository=st.sampled_from(["library/nginx", "prod/web", "a/b/c"]),
    tag=st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", fullmatch=True),
    digest=st.none() | st.just("sha256:" + "0f" * 32),
    pushed_at=st.none() | moments,
    region_id=st.none() | region_ids,
    dated=st.booleans(),
    stated=st.sampled_from(["", "2026-03-02T02:15:30.5Z", "2026-03-02 10:15:30"]),
)
selectors = st.builds(
    partial(CacheSelector),
    ids=st.lists(cache_ids, max_size=3).map(tuple),
    names=st.lists(short_texts, max_size=3).map(tuple),
    exact_name=st.none() | short_texts,
    tags=st.lists(st.tuples(short_texts, st.none() | short_texts), max_size=3).map(tuple),
    regions=st.lists(region_ids, max_size=2).map(tuple),
)
requests = st.builds(
    partial(CacheRequest),
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
    asked_at=st.none() | moments,
    reads_registries=st.booleans(),
)
lists = st.lists(short_texts.filter(bool), min_size=1, max_size=3).map(tuple)
chains = st.builds(
    partial(Chain),
    since=moments,
    held=st.integers(0, 10**6).map(lambda number: timedelta(seconds=number)),
    repeats=st.integers(0, 99),
    looks=st.integers(0, 99_999),
    changes=st.integers(1, 1000),
)
of_caches = st.builds(
    partial(Task),
    job=st.sampled_from([Job.AGAIN, Job.WATCH]),
    change=pushes | requests,
    due=moments,
    chain=chains,
    region_id=region_ids,
    image_cache_id=cache_ids,
    update_began=st.none() | moments,
    slot=st.none() | st.builds(partial(Slot), lists, lists, st.booleans()),
    undoes=st.booleans(),
    hop=st.integers(0, 99),
    key=st.sampled_from(["", "failing-12"]),
)
of_changes = st.builds(
    partial(Task),
    job=st.just(Job.CHANGE),
    change=pushes | requests,
    due=moments,
    chain=chains,
    region_id=st.just("") | region_ids,
    caches=st.lists(cache_ids, max_size=3).map(tuple),
    key=st.sampled_from(["", "1-request-0"]),
)
tasks = of_caches | of_changes

# A slow machine is no defect.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@dataclass
class RecordingStore:
    """Keeps what it is given, and gives the answers that it is told to give."""

    answers: list[Stored] = field(default_factory=list)
    tasks: list[tuple[Any, str, int]] = field(default_factory=list)

    def store(self, payload: bytes, *, task_id: str, delay_seconds: int) -> Stored:
        self.tasks.append((json.loads(payload), task_id, delay_seconds))
        return self.answers.pop(0) if self.answers else Stored.NOW


def push(event_id: str = "e-1", **changes: Any) -> PushEvent:
    host = "registry.cn-hangzhou.aliyuncs.com"
    return PushEvent("acs.cr", event_id, host, "prod/web", "latest", pushed_at=NOW)._replace(**changes)


def task(**changes: Any) -> Task:
    due = NOW + timedelta(seconds=60)
    start = Task(Job.AGAIN, push(), due, Chain(NOW), "cn-hangzhou", "imc-1")
    return start._replace(**changes)


def hand_off(store: RecordingStore, **settings: Any) -> HandOff:
    return HandOff(SETTINGS._replace(**settings), FakeClients(store=store), "1-request", lambda: NOW)


@unhurried
@given(tasks)
def test_every_task_makes_a_valid_message_and_comes_back_from_it(one: Task) -> None:
    document = json.loads(json.dumps(message_document(one)))
    validate(document, "follow-message")
    back = read_message(document)
    assert back == one
    assert back.task_id == one.task_id
    assert back.change.change_id == one.change.change_id


def test_a_sweep_is_followed_without_its_quiet_time_which_would_silence_its_own_follow_up() -> None:
    sweep = CacheRequest("timer", "t@1", Reason.SWEEP_REPAIR, CacheSelector(), quiet_since=NOW)
    back = read_message(message_document(task(change=sweep)))
    assert back.change == sweep._replace(quiet_since=None)


@unhurried
@given(tasks)
def test_a_task_id_keeps_the_rule_of_the_platform(one: Task) -> None:
    assert TASK_ID.fullmatch(one.task_id)


SAME: dict[str, dict[str, Any]] = {
    "another push": {"change": push("e-2", tag="v2")},
    "a chain that began earlier": {"chain": Chain(NOW - timedelta(hours=1), looks=7)},
}
DIFFERENT: dict[str, dict[str, Any]] = {
    "cache": {"image_cache_id": "imc-2"},
    "region": {"region_id": "cn-beijing"},
    "job": {"job": Job.WATCH},
    "due time": {"due": NOW + timedelta(seconds=60, milliseconds=1)},
    "hop": {"hop": 1},
    "a list of its own": {"slot": Slot(("a",), ("b",))},
    "another list of its own": {"slot": Slot(("a",), ("c",))},
    "the same list of another change": {"slot": Slot(("a",), ("b",)), "change": push("e-2")},
    "a window": {"job": Job.WATCH, "key": "failing-1"},
    "a push that waits alone": {"key": task().wait_alone("web:v1").key},
    "another push that waits alone": {"key": task().wait_alone("web:v2").key},
    "a push that waits alone for another time": {
        "key": task().wait_alone("web:v1").key,
        "due": NOW + timedelta(seconds=90),
    },
    "a watch of its own": {"key": task(job=Job.WATCH).of_its_own().key, "job": Job.WATCH},
}


@pytest.mark.parametrize("changed", SAME.values(), ids=SAME)
def test_changes_that_wait_for_a_cache_share_its_task(changed: dict[str, Any]) -> None:
    assert task(**changed).task_id == task().task_id


@for_each("changed", DIFFERENT.values(), ids=DIFFERENT)
def test_task_ids_differ_for_another(changed: dict[str, Any]) -> None:
    others = [task(**other).task_id for other in DIFFERENT.values() if other is not changed]
    assert task(**changed).task_id not in [task().task_id, *others]


@pytest.mark.parametrize("job", [Job.WATCH, Job.CHANGE])
def test_a_task_with_a_key_is_stored_once_whenever_it_is_due_and_the_one_after_it_too(job: Job) -> None:
    first, later = (task(job=job, due=NOW + timedelta(seconds=n), key="r-1-0") for n in (1, 9))
    assert first.task_id == later.task_id
    assert task(job=job, key="r-2-0").task_id != first.task_id
    assert first.next(job, later.due, NOW, held=False).task_id != first.task_id


def test_two_changes_that_leave_the_same_caches_go_on_by_themselves() -> None:
    left = task(job=Job.CHANGE, key="r-1-0", caches=("imc-a", "imc-b"))
    other = left._replace(change=left.change._replace(event_id="another"))
    assert left.task_id != other.task_id


def test_a_change_that_goes_on_is_named_by_its_parent_and_what_is_left() -> None:
    def goes_on(**changes: Any) -> str:
        start = Task(Job.CHANGE, push(), NOW, Chain(NOW), "cn-hangzhou", caches=("imc-1",), key="r-0")
        return start._replace(**changes).task_id

    assert goes_on() != goes_on(key="r-1") != goes_on(key="r-1", caches=("imc-2",))
    assert goes_on(key="") != goes_on(key="", change=push("e-2"))


@for_each(("due", "delay"), [(-60, 1), (0, 1), (0.9, 1), (2.9, 2), (60, 60), (3599.5, 3599), (86400, 3599)])
def test_a_delay_ends_before_the_task_is_due_within_what_the_platform_takes(due: float, delay: int) -> None:
    store = RecordingStore()
    hand_off(store).store(task(due=NOW + timedelta(seconds=due)))
    ((document, task_id, given_delay),) = store.tasks
    assert given_delay == delay
    assert task_id == read_message(document).task_id


def test_a_refusal_that_is_not_of_a_known_id_proves_nothing() -> None:
    store = RecordingStore([Stored.REFUSED, Stored.NOW])
    assert hand_off(store).store(task()) is Stored.NOW
    (_, first, _), (document, second, _) = store.tasks
    assert second.startswith(f"{first}-")
    assert TASK_ID.fullmatch(second)
    assert read_message(document) == task()


@pytest.mark.parametrize("restorable", [True, False])
def test_watches_of_earlier_updates_are_one_but_those_that_can_put_a_list_back(restorable: bool) -> None:
    slot = Slot(("web:v1",), ("web:v2",), restorable)
    watches = (task(job=Job.WATCH, slot=slot, update_began=NOW - timedelta(minutes=age)) for age in (1, 2))
    ids = {watch.of_earlier(NOW, failed=False).task_id for watch in watches}
    assert len(ids) == 1 + restorable


def test_a_watch_that_can_put_a_list_back_is_apart_from_others_of_its_update() -> None:
    one = task(job=Job.WATCH, update_began=NOW)
    restorable = one._replace(slot=Slot(("web:v1",), ("web:v2",), restorable=True))
    listed = one._replace(slot=Slot(("web:v1",), ("web:v2",)))
    later = NOW + timedelta(minutes=5)
    ids = [each.next(Job.WATCH, later, NOW, held=False).task_id for each in (one, listed, restorable)]
    assert ids[0] == ids[1] != ids[2]


def test_each_attempt_at_an_invocation_has_an_id_of_its_own() -> None:
    store = RecordingStore([Stored.REFUSED, Stored.NOW] * 2)
    for seconds in (0, 60):
        replace(hand_off(store), clock=lambda now=NOW + timedelta(seconds=seconds): now).store(task())
    assert len({task_id for _, task_id, _ in store.tasks}) == 3


def test_the_runs_of_a_push_that_waits_alone_have_one_successor_which_waits_alone() -> None:
    one = task().wait_alone("web", "v1")
    assert not one.single, "the first looks share their tasks"
    late = one._replace(chain=one.chain._replace(looks=6))
    watch = task(job=Job.WATCH, key=late.successor_key)
    dues = (NOW + timedelta(seconds=seconds) for seconds in (90, 120))
    looks = [late.next(Job.AGAIN, due, NOW, held=True)._replace(key=late.successor_key) for due in dues]
    assert {late.single, *(look.alone and look.single for look in looks)} == {True}
    assert {look.task_id for look in looks} == {watch.task_id}
    assert looks[0].successor_key != looks[1].successor_key != late.successor_key
    after = looks[0].next(Job.AGAIN, looks[1].due, NOW, held=True)
    assert after.alone, "also where no successor was stored for both, as a call failed"
    assert after.task_id not in {looks[0].task_id, after._replace(due=NOW).task_id}


@for_each("alone", [True, False])
def test_what_was_never_made_is_made_by_one_look_of_all_runs_and_of_their_watch_but_once(alone: bool) -> None:
    first = task().wait_alone("web", "v1") if alone else task()
    run = first._replace(chain=first.chain._replace(looks=6))
    watch = run.next(Job.WATCH, NOW, NOW, held=False)._replace(key=run.successor_key)
    assert watch.in_place_of_look
    assert not run.next(Job.WATCH, NOW, NOW, held=False).in_place_of_look, "one that has its own id"
    assert not watch._replace(chain=first.chain).in_place_of_look, "the first looks see to it themselves"
    if not alone:
        listed = run._replace(slot=Slot(("a",), ("b",)))
        other = listed.next(Job.WATCH, NOW, NOW, held=False)._replace(key=listed.successor_key)
        assert not other.in_place_of_look, "what waits with a list of its own goes on by itself"
    assert run.successor_key == run._replace(hop=1).successor_key, "however often it was stored again"
    dues = (NOW + timedelta(seconds=seconds) for seconds in (90, 120))
    looks = [run.next(Job.AGAIN, due, NOW, held=False)._replace(key=run.catch_up_key) for due in dues]
    made = watch.next(Job.AGAIN, NOW, NOW, held=False)._replace(key=watch.catch_up_key)
    assert {look.task_id for look in looks} == {made.task_id}
    assert made.task_id not in {watch.task_id, run.task_id}
    assert (made.alone, made.single, made.catches_up) == (alone, True, True)
    last = made.next(Job.WATCH, NOW, NOW, held=False)._replace(key=made.successor_key)
    assert not last.in_place_of_look
    after = made.next(Job.AGAIN, NOW, NOW, held=False)
    assert (after.alone, after.catches_up) == (alone, False)
    assert after.task_id not in {run.task_id, made.task_id, watch.task_id}


def test_what_is_stored_ahead_has_one_id_for_all_attempts() -> None:
    store = RecordingStore([Stored.REFUSED, Stored.NOW] * 2)
    for seconds in (0, 60):
        later = replace(hand_off(store), clock=lambda now=NOW + timedelta(seconds=seconds): now)
        assert later.store(task(), ahead=True) is Stored.NOW
    assert len({task_id for _, task_id, _ in store.tasks}) == 2
    with pytest.raises(HandOffError, match="409"):
        hand_off(RecordingStore([Stored.REFUSED] * 2)).store(task(), ahead=True)


def test_a_successor_that_is_refused_twice_may_have_been_stored_by_an_attempt_before() -> None:
    store = RecordingStore([Stored.REFUSED] * 2)
    assert hand_off(store).store(task(), ahead=True, own=True) is Stored.REFUSED


@pytest.mark.parametrize("answer", [Stored.REFUSED, Stored.BEFORE])
def test_under_an_id_of_its_own_only_a_plain_acceptance_counts(answer: Stored) -> None:
    with pytest.raises(HandOffError, match="409"):
        hand_off(RecordingStore([Stored.REFUSED, answer])).store(task())


def test_a_known_id_is_stored() -> None:
    store = RecordingStore([Stored.BEFORE])
    assert hand_off(store).store(task()) is Stored.BEFORE
    assert len(store.tasks) == 1


def test_without_a_follow_function_nothing_is_followed() -> None:
    assert hand_off(RecordingStore()).enabled
    assert not hand_off(RecordingStore(), function="").enabled


@for_each(
    ("hours", "held", "over"),
    [(5.9, 0, False), (6, 0, True), (7, 1.5, False), (29.9, 24, False), (30, 24, True), (99, 90, True)],
)
def test_a_chain_is_given_up_when_its_time_is_over_less_what_it_was_held(
    hours: float, held: float, over: bool
) -> None:
    one = task(chain=Chain(NOW, timedelta(hours=held)))
    assert expired(one, NOW + timedelta(hours=hours), SETTINGS) is over


def test_the_next_look_counts_and_is_held_only_with_reason() -> None:
    due, now = NOW + timedelta(minutes=10), NOW + timedelta(minutes=4)
    plain = task(hop=3).next(Job.AGAIN, due, now, held=False)
    assert (plain.due, plain.hop, plain.chain.looks, plain.chain.held) == (due, 0, 1, timedelta(0))
    assert plain.next(Job.AGAIN, due, now, held=True).chain.held == timedelta(minutes=6)


def test_a_push_that_waits_alone_does_so_until_its_update() -> None:
    due, one = NOW + timedelta(minutes=10), task().wait_alone("web:v1")
    again = one.next(Job.AGAIN, due, NOW, held=False)
    assert [each.alone for each in (one, again, task())] == [True, True, False]
    assert [each.shared for each in (one, again, task())] == [False, False, True]
    assert again.task_id == task(due=due).wait_alone("web:v1").task_id
    assert not again.next(Job.WATCH, due, NOW, held=False).alone


LISTS = Slot(("a",), ("b",), restorable=True)


@for_each(
    "changes",
    [
        {"slot": LISTS},
        {"slot": LISTS._replace(restorable=False)},
        {"slot": LISTS._replace(restorable=False), "undoes": True},
        {},
    ],
)
def test_watches_of_two_updates_keep_ids_of_their_own(changes: dict[str, Any]) -> None:
    due = NOW + timedelta(minutes=10)
    first, other = (
        task(job=Job.WATCH, update_began=began, **changes).next(Job.WATCH, due, NOW, held=False)
        for began in (NOW, NOW - timedelta(minutes=1))
    )
    assert first.task_id != other.task_id


OLD_PUSH = {
    "version": 1,
    "attempt": 2,
    "began": "2026-03-02T02:15:31.250000+00:00",
    "regionId": "cn-hangzhou",
    "change": {
        "kind": "push",
        "source": "acs.cr",
        "eventId": "e-1",
        "registry": "registry.cn-hangzhou.aliyuncs.com",
        "repository": "prod/web",
        "tag": "latest",
        "pushedAt": "2026-03-02T02:15:31.250000+00:00",
    },
}
OLD_REQUEST = {
    "kind": "request",
    "source": "manual",
    "eventId": "r-1",
    "reason": "LIST_CHANGED",
    "force": False,
    "single": True,
    "images": ["b"],
    "selector": {"ids": ["imc-1"], "names": [], "tags": [], "regions": []},
}


@for_each(
    ("more", "job", "slot"),
    [
        pytest.param({}, Job.CHANGE, None, id="not planned"),
        pytest.param({"imageCacheId": "imc-1"}, Job.AGAIN, None, id="deferred"),
        pytest.param(
            {"imageCacheId": "imc-1", "updateBegan": "2026-03-02T02:15:32+00:00", "rebuilds": 2},
            Job.WATCH,
            None,
            id="an update runs",
        ),
        pytest.param(
            {"imageCacheId": "imc-1", "change": OLD_REQUEST, "imagesSeen": ["a"]},
            Job.AGAIN,
            Slot(("a",), ("b",)),
            id="a list",
        ),
    ],
)
def test_messages_of_the_version_before_go_on(more: dict[str, Any], job: Job, slot: Slot | None) -> None:
    one = read_message({**OLD_PUSH, **more})
    assert (one.job, one.due, one.chain.since, one.chain.looks) == (job, NOW, NOW, 2)
    assert one.chain.repeats == more.get("rebuilds", 0)
    assert one.slot == slot
    if job is Job.AGAIN and slot is None:
        assert one.change == push()


Spoil = Callable[[dict[str, Any]], Any]

MALFORMED: dict[str, Spoil] = {
    "no object": lambda document: [document],
    "nothing": lambda _: {},
    "other version": lambda document: document | {"version": 3},
    "unknown job": lambda document: document | {"job": "look"},
    "hop is text": lambda document: document | {"hop": "1"},
    "a key of the version before": lambda document: document | {"attempt": 1},
    "of a cache without one": lambda document: {
        key: document[key] for key in document if key != "imageCacheId"
    },
    "unknown key": lambda document: document | {"imageCacheID": "imc-1"},
    "due without a zone": lambda document: document | {"due": "2026-03-02T02:15:31"},
    "due in China time": lambda document: document | {"due": "2026-03-02T10:15:31+08:00"},
    "a day that does not exist": lambda document: document | {"due": "2026-02-30T02:15:31+00:00"},
    "a push of a day that does not exist": lambda document: (
        document | {"change": document["change"] | {"pushedAt": "2026-02-30T02:15:31+00:00"}}
    ),
    "a newline behind due": lambda document: document | {"due": document["due"] + "\n"},
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


@for_each("spoil", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_message_is_refused(spoil: Spoil) -> None:
    document = message_document(task())
    read_message(document)
    with pytest.raises(InputError) as raised:
        read_message(spoil(document))
    assert raised.value.reason is Reason.SCHEMA_VIOLATION
