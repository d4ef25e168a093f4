"""Outcome records: always one bounded line of ASCII, always valid by their schema."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecache import __version__
from imagecache.base.errors import (
    BenignError,
    BusyError,
    CapacityError,
    EciError,
    InputError,
    PermanentError,
    TransientError,
)
from imagecache.base.json_schema import validate
from imagecache.base.reasons import Reason, Result
from imagecache.engine.records import (
    MAX_LINE_BYTES,
    ON_FAILURE_QUEUE,
    RETRIED,
    Outcome,
    Recorder,
    describe,
)
from imagecache.model.change import CacheRequest, Change, Notice, PushEvent
from imagecache.model.image_cache import ImageCache
from imagecache.model.selector import CacheSelector
from imagecache.planning.decision import Decision
from imagecache.planning.update_memory_layout import UpdateMemory
from imagecache.planning.update_request import masked
from tests.support.for_each import for_each
from tests.support.remembered import update_request

NOW = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
CACHE = ImageCache("cn-hangzhou", "imc-1", "web", "Ready", ("nginx:1",))
PUSH = PushEvent("acr", "event-1", "docker.io", "library/nginx", "1")
LONGEST_IMAGES = tuple(f"r.example.com/{number:02d}".ljust(1024, "x") for number in range(20))
# What takes the most room: each of these is escaped to twelve characters.
WIDEST = "\U0001f600"


def record(write: Callable[[Recorder], Outcome]) -> tuple[str, Outcome]:
    """The line that was written, and the record that was kept."""
    stream = io.StringIO()
    recorder = Recorder("on_push", "request-1", stream)
    outcome = write(recorder)
    assert recorder.outcomes == [outcome]
    return stream.getvalue(), outcome


def check(line: str, outcome: Outcome) -> None:
    """What holds for every record."""
    assert line.endswith("\n")
    assert line.isascii()
    assert line[:-1].isprintable()
    assert len(line.rstrip("\n")) <= MAX_LINE_BYTES
    assert json.loads(line) == outcome
    validate(outcome, "outcome")


any_texts = st.text(st.characters(), max_size=40) | st.sampled_from(
    ["", "\n", "a\r\nb", "\x1b[31m", "\u2028", "\ud800", WIDEST * 2000, "x" * 5000, "\x00" * 3000]
)
results_and_reasons = st.sampled_from(
    [(result, reason) for reason in Reason for result in sorted(reason.results)]
)
images = st.from_regex(r"[ -~]{1,60}", fullmatch=True) | st.sampled_from(["r.example.com/x".ljust(1024, "x")])
described_caches = st.builds(
    partial(ImageCache),
    region_id=st.just("cn-hangzhou"),
    image_cache_id=st.from_regex(r"imc-[a-z0-9]{1,20}", fullmatch=True),
    name=st.text(st.characters(), max_size=128),
    status=st.sampled_from(["Ready", "UpdateFailed", "Updating"]),
    images=st.lists(images, max_size=20).map(tuple),
    last_warning=any_texts,
)
last_updates = st.builds(
    partial(UpdateMemory),
    began=st.datetimes(timezones=st.just(timezone.utc)),
    failures=st.integers(min_value=0, max_value=9999),
)
pushes = st.builds(
    partial(PushEvent),
    source=st.sampled_from(["acr", "acs.cr", "distribution"]),
    event_id=any_texts,
    registry=st.just("registry.cn-hangzhou.aliyuncs.com"),
    repository=st.sampled_from(["shop/web", "p" * 255]),
    tag=st.sampled_from(["v1", "t" * 128]),
    digest=st.sampled_from([None, "sha256:" + "a" * 64]),
    pushed_at=st.none() | st.datetimes(timezones=st.just(timezone.utc)),
    region_id=st.sampled_from([None, "cn-hangzhou"]),
)
requests = st.builds(
    partial(CacheRequest),
    source=st.sampled_from(["manual", "timer"]),
    event_id=any_texts,
    reason=st.sampled_from([Reason.REBUILD_REQUESTED, Reason.LIST_CHANGED]),
    selector=st.just(CacheSelector()),
    region_id=st.sampled_from([None, "cn-hangzhou"]),
)
error_types: list[type[EciError]] = [BusyError, TransientError, CapacityError, BenignError, PermanentError]


@st.composite
def decisions(draw: st.DrawFn) -> Decision:
    change: Change = draw(pushes | requests)
    cache = draw(st.none() | described_caches)
    result, reason = draw(results_and_reasons)
    images_after = cache.images if cache and draw(st.booleans()) else ()
    return Decision(
        change,
        cache,
        result,
        reason,
        draw(any_texts),
        images_after,
        caches_seen=draw(st.none() | st.just(7)),
        covered_by=draw(st.none() | last_updates),
    )


@given(
    st.builds(
        lambda result_and_reason, **facts: Notice(*result_and_reason, **facts),
        results_and_reasons.filter(lambda pair: pair[0] in {Result.IGNORED, Result.REJECTED}),
        message=any_texts,
        source=any_texts,
        event_id=any_texts,
        image=st.sampled_from(["", "r.example.com/shop/web:v1"]),
        where=any_texts,
        rule=any_texts,
        found=any_texts,
    )
)
def test_every_notice_is_a_valid_record(notice: Notice) -> None:
    line, outcome = record(lambda recorder: recorder.notice(notice))
    check(line, outcome)
    assert (outcome["result"], outcome["reason"]) == (notice.result.value, notice.reason.value)
    assert ("error" in outcome) is (notice.result is Result.REJECTED)


@given(decisions(), st.floats(min_value=0, max_value=1e9), st.booleans())
def test_every_decision_is_a_valid_record(decision: Decision, duration: float, dry_run: bool) -> None:
    facts = {**describe(decision), "duration_ms": duration, "update_calls": 0}
    if dry_run and decision.cache and decision.images_after:
        request = update_request(decision.cache, decision.images_after, [decision.change], began=NOW)
        facts.update(request=masked(request), client_token=request["ClientToken"])
    if decision.result is Result.FAILED:
        facts.update(error={"class": "busy"}, fate=RETRIED)
    line, outcome = record(
        lambda recorder: recorder.record(decision.result, decision.reason, decision.message, facts)
    )
    check(line, outcome)
    assert outcome["change_id"] == decision.change.change_id
    lists = {"images_before", "images_after"}
    assert set(outcome.get("truncated", [])) <= {"request", *lists, *(f"{name}_text" for name in lists)}
    assert not set(outcome.get("truncated", [])) & set(outcome)


@given(
    decisions(),
    st.sampled_from(error_types),
    any_texts,
    st.text(st.characters(), max_size=100),
    st.sampled_from([None, 400, 403, 503]),
    st.sampled_from([None, "1B2C3D4E-0000-4000-8000-123456789ABC"]),
    st.booleans(),
)
def test_every_failed_call_is_a_valid_record(
    decision: Decision,
    error_type: type[EciError],
    message: str,
    code: str,
    http_status: int | None,
    request_id: str | None,
    deferred: bool,
) -> None:
    error = error_type(Reason.THROTTLED, message, code=code, http_status=http_status, request_id=request_id)
    facts = describe(decision)
    line, outcome = record(lambda recorder: recorder.failure(error, facts, deferred=deferred))
    check(line, outcome)
    assert outcome["result"] == ("deferred" if deferred else "failed")
    assert ("fate" in outcome) is not deferred
    assert outcome.get("eci_request_id") == request_id
    assert outcome["error"].get("http_status") == http_status
    assert outcome["error"].get("code", "") == code


@for_each(
    ("error_type", "fate"),
    [
        (BusyError, RETRIED),
        (TransientError, RETRIED),
        (CapacityError, RETRIED),
        (PermanentError, ON_FAILURE_QUEUE),
    ],
)
def test_the_fate_of_a_failed_call_follows_from_its_class(error_type: type[EciError], fate: str) -> None:
    _, outcome = record(lambda recorder: recorder.failure(error_type(Reason.ECI_REFUSED, "m"), {}))
    assert (outcome["result"], outcome["fate"]) == ("failed", fate)
    assert outcome["error"] == {"class": error_type.error_class.value}


def test_a_deferred_call_has_its_error_and_its_task_and_no_fate() -> None:
    error = TransientError(
        Reason.THROTTLED, "ECI answered 400 Throttling", code="Throttling", http_status=400
    )
    facts = {"follow_task_id": "imc-1-1", "attempt": 2}
    line, outcome = record(lambda recorder: recorder.failure(error, facts, deferred=True))
    check(line, outcome)
    del outcome["time"]
    assert outcome == {
        "version": __version__,
        "door": "on_push",
        "request_id": "request-1",
        "result": "deferred",
        "reason": "THROTTLED",
        "message": "ECI answered 400 Throttling",
        "error": {"class": "transient", "code": "Throttling", "http_status": 400},
        "follow_task_id": "imc-1-1",
        "attempt": 2,
    }


def test_a_record_says_when_where_and_what() -> None:
    before = datetime.now(timezone.utc)
    line, outcome = record(
        lambda recorder: recorder.record(Result.IGNORED, Reason.NO_MATCH, "none", {"caches_seen": 0})
    )
    check(line, outcome)
    written = datetime.fromisoformat(outcome.pop("time").replace("Z", "+00:00"))
    assert before - timedelta(milliseconds=1) <= written <= datetime.now(timezone.utc)
    assert outcome == {
        "version": __version__,
        "door": "on_push",
        "request_id": "request-1",
        "result": "ignored",
        "reason": "NO_MATCH",
        "message": "none",
        "caches_seen": 0,
    }


def test_facts_that_are_none_or_empty_texts_are_left_out_and_others_are_not() -> None:
    facts: dict[str, Any] = {
        "source": "",
        "digest": None,
        "images_before": [],
        "update_calls": 0,
        "duration_ms": 0.0,
    }
    _, outcome = record(lambda recorder: recorder.record(Result.IGNORED, Reason.NO_MATCH, "none", facts))
    assert "source" not in outcome
    assert "digest" not in outcome
    assert (outcome["images_before"], outcome["update_calls"], outcome["duration_ms"]) == ([], 0, 0.0)


REPUSHED = (Result.REFRESHED, Reason.TAG_REPUSHED)


def test_a_push_is_described() -> None:
    pushed_at = datetime(2026, 3, 2, 12, 0, 0, 999999, tzinfo=timezone.utc)
    push = PushEvent(
        "acr", "event-1", "docker.io", "library/nginx", "1", digest="sha256:" + "a" * 64, pushed_at=pushed_at
    )
    assert describe(Decision(push, CACHE, *REPUSHED, "m", CACHE.images)) == {
        "source": "acr",
        "event_id": "event-1",
        "change_id": push.change_id,
        "region_id": "cn-hangzhou",
        "image": "docker.io/library/nginx:1",
        "digest": "sha256:" + "a" * 64,
        "pushed_at": "2026-03-02T12:00:00.999999+00:00",
        "image_cache_id": "imc-1",
        "image_cache_name": "web",
        "cache_status": "Ready",
        "images_before": ["nginx:1"],
        "images_after": ["nginx:1"],
    }


@pytest.mark.parametrize(
    ("status", "told"),
    [
        pytest.param("UpdateFailed", "ImagePullFailed: no such tag", id="UpdateFailed"),
        pytest.param("Ready", None, id="Ready"),
        pytest.param("Updating", None, id="Updating"),
    ],
)
def test_the_latest_warning_of_a_cache_is_told_while_it_is_in_update_failed(
    status: str, told: str | None
) -> None:
    cache = CACHE._replace(status=status, last_warning="ImagePullFailed: no such tag")
    facts = describe(Decision(PUSH, cache, *REPUSHED, "m", cache.images))
    assert facts.get("cache_event") == told


def test_a_covered_change_is_described_with_the_start_of_the_update_that_has_it() -> None:
    covering = UpdateMemory(NOW)
    decision = Decision(PUSH, CACHE, Result.UNCHANGED, Reason.COVERED, "m", covered_by=covering)
    facts = describe(decision)
    assert facts["covered_by"] == "2026-03-02T12:00:00+00:00"
    assert "images_after" not in facts
    check(*record(lambda recorder: recorder.record(Result.UNCHANGED, Reason.COVERED, "m", facts)))


@for_each(
    ("before", "after", "with_request", "truncated"),
    [
        pytest.param(CACHE.images, CACHE.images, True, None, id="short"),
        pytest.param(LONGEST_IMAGES[:9], LONGEST_IMAGES[:9], True, None, id="just short enough"),
        pytest.param(
            LONGEST_IMAGES[:12], LONGEST_IMAGES[:12], True, ["images_before"], id="list before left out"
        ),
        pytest.param(
            LONGEST_IMAGES,
            LONGEST_IMAGES,
            True,
            ["images_before", "images_after"],
            id="only the request is kept, which has the list",
        ),
        pytest.param(LONGEST_IMAGES, LONGEST_IMAGES, False, ["images_before"], id="no request"),
        pytest.param(LONGEST_IMAGES, CACHE.images, False, None, id="one long list"),
        pytest.param(
            LONGEST_IMAGES * 5, CACHE.images, False, ["images_before"], id="described list too long"
        ),
    ],
)
def test_what_is_too_long_is_left_out_in_order_and_named(
    before: tuple[str, ...], after: tuple[str, ...], with_request: bool, truncated: list[str] | None
) -> None:
    cache = ImageCache("cn-hangzhou", "imc-1", "web", "Ready", before)
    facts = describe(Decision(PUSH, cache, *REPUSHED, "m", after))
    if with_request:
        facts["request"] = update_request(cache, after, [PUSH], began=NOW)
    line, outcome = record(lambda recorder: recorder.record(*REPUSHED, "m", facts))
    check(line, outcome)
    assert outcome.get("truncated") == truncated
    left = {"request", "images_before", "images_after"} & set(facts) - set(truncated or ())
    assert {"request", "images_before", "images_after"} & set(outcome) == left


@pytest.mark.parametrize(
    ("length", "truncated"),
    [pytest.param(32_000, None, id="as long as may be"), pytest.param(32_001, ["request"], id="one more")],
)
def test_a_line_has_at_most_32000_bytes(length: int, truncated: list[str] | None) -> None:
    def line_of(filling: int) -> tuple[str, Outcome]:
        facts = {"request": {"Image": ["x" * filling]}}
        return record(lambda recorder: recorder.record(*REPUSHED, "m", facts))

    shortest, _ = line_of(0)
    line, outcome = line_of(length - len(shortest.rstrip("\n")))
    assert outcome.get("truncated") == truncated
    assert (len(line.rstrip("\n")) == length) is (truncated is None)


def test_a_line_stays_bounded_when_everything_is_as_long_as_it_may_be() -> None:
    cache = ImageCache(
        "cn-hangzhou", "imc-1", WIDEST * 128, "UpdateFailed", LONGEST_IMAGES, last_warning=WIDEST * 5000
    )
    push = PushEvent("acr", WIDEST * 1000, "h" * 255, "p" * 255, "t" * 128, digest="sha256:" + "a" * 64)
    covering = UpdateMemory(NOW)
    facts = describe(Decision(push, cache, *REPUSHED, "m", cache.images, covered_by=covering))
    facts.update(client_token="c" * 64, follow_task_id="f" * 128, attempt=100_000, hand_off="h" * 100)
    facts["request"] = update_request(cache, cache.images, [push], began=NOW)
    error = PermanentError(Reason.ECI_REFUSED, WIDEST * 5000, code="c" * 100, http_status=400)
    line, outcome = record(lambda recorder: recorder.failure(error, facts))
    check(line, outcome)
    lists = ["images_before", "images_after"]
    assert outcome["truncated"] == [*lists, "request", *(f"{name}_text" for name in lists)]
    assert outcome["truncated_text"] == ",".join(outcome["truncated"])


def test_a_list_is_there_as_a_text_that_the_log_service_can_index() -> None:
    images = ("registry.example.com/shop/web:v1", "nginx@sha256:" + "a" * 64)
    cache = CACHE._replace(images=images)
    facts = describe(Decision(PUSH, cache, *REPUSHED, "m", images[:1]))
    line, outcome = record(lambda recorder: recorder.record(*REPUSHED, "m", facts))
    check(line, outcome)
    assert outcome["images_before_text"] == ",".join(images)
    assert outcome["images_after_text"] == images[0]
    assert "truncated_text" not in outcome


def test_the_text_of_a_list_is_kept_where_the_list_is_left_out_and_cut_where_nothing_is_indexed() -> None:
    facts = {"images_before": list(LONGEST_IMAGES), "images_after": list(LONGEST_IMAGES)}
    _, outcome = record(lambda recorder: recorder.record(*REPUSHED, "m", facts))
    assert "images_before" not in outcome
    assert len(outcome["images_before_text"]) == len(outcome["images_after_text"]) == 2000
    assert outcome["images_before_text"].startswith(LONGEST_IMAGES[0][:997])


def test_texts_of_lists_go_last_where_a_line_is_still_too_long() -> None:
    facts = {"images_before": [WIDEST * 1000] * 2, "images_after": [WIDEST * 1000] * 2}
    line, outcome = record(lambda recorder: recorder.record(*REPUSHED, "m", facts))
    check(line, outcome)
    assert outcome["truncated"] == ["images_before", "images_after", "images_before_text"]


def test_a_refusal_keeps_its_facts_bounded() -> None:
    error = InputError(
        Reason.SCHEMA_VIOLATION, "m" * 2000, where="w" * 2000, rule="r" * 2000, found="f" * 2000
    )
    notice = Notice.refusal(error, source="s" * 2000, event_id="e" * 2000)
    line, outcome = record(lambda recorder: recorder.notice(notice))
    check(line, outcome)
    assert outcome["message"] == "m" * 997 + "..."
    assert outcome["source"] == "s" * 247 + "..."
    assert outcome["event_id"] == "e" * 247 + "..."
    assert outcome["error"] == {
        "class": "input",
        "where": "w" * 247 + "...",
        "rule": "r" * 247 + "...",
        "found": "f" * 247 + "...",
    }


def test_an_ignored_event_has_no_error_whatever_its_notice_says() -> None:
    notice = Notice(Result.IGNORED, Reason.NO_TAG, "m", where="/events/0", rule="r", found="f")
    _, outcome = record(lambda recorder: recorder.notice(notice))
    assert "error" not in outcome


def test_lines_go_to_stdout_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    recorder = Recorder("on_timer", "request-1")
    for reason in (Reason.NO_MATCH, Reason.NOTHING_SELECTED):
        recorder.record(Result.IGNORED, reason, "m", {})
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line) for line in lines] == recorder.outcomes
    assert [outcome["reason"] for outcome in recorder.outcomes] == ["NO_MATCH", "NOTHING_SELECTED"]


def test_the_facts_of_the_caller_are_not_changed() -> None:
    facts: dict[str, Any] = {"images_before": list(LONGEST_IMAGES), "images_after": list(LONGEST_IMAGES)}
    _, outcome = record(lambda recorder: recorder.record(*REPUSHED, "m", facts))
    assert outcome["truncated"] == ["images_before"]
    assert set(facts) == {"images_before", "images_after"}
