"""From what a payload writes to the facts of a push: hosts, times, ids; and that a source is read alone."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecache.base.errors import InputError
from imagecache.base.reasons import Reason, Result
from imagecache.base.timestamps import parse_moment, rfc3339
from imagecache.model.change import PushEvent
from imagecache.model.webhook_sources import WEBHOOK_SOURCES
from imagecache.triggers.sources import Delivery, read_source, source_in_path
from imagecache.triggers.sources.authority import registry_host
from imagecache.triggers.sources.push import ignored, image_push, push_id, split_host
from tests.support.depth import every_value, sampled
from tests.support.for_each import for_each

FUNCTIONS = Path(__file__).parents[2] / "functions"
ARRIVED = datetime(2026, 3, 2, 3, tzinfo=timezone.utc)
DELIVERY = Delivery(ARRIVED, "request-1")
LAST_SECOND = 253402300799


@for_each(
    ("reference", "host", "rest"),
    [
        ("r.example.com/prod/web:v1", "r.example.com", "prod/web:v1"),
        ("r.example.com:5000/web", "r.example.com:5000", "web"),
        ("localhost/web", "localhost", "web"),
        ("https://r.example.com/prod/web", "r.example.com", "prod/web"),
        ("prod/web:v1", "", "prod/web:v1"),
        ("web:v1", "", "web:v1"),
        ("r.example.com", "", "r.example.com"),
        ("https://web", "", "web"),
        ("", "", ""),
        ("/prod/web", "", "/prod/web"),
        ("HTTPS://r.example.com/web", "r.example.com", "web"),
        ("https://prod/web:v1", "prod", "web:v1"),
        ("https:///prod/web:v1", "", "prod/web:v1"),
        ("r.example.com/x://other.example.com/web", "r.example.com", "x://other.example.com/web"),
        ("r.example.com://other.example.com/web", "r.example.com:", "/other.example.com/web"),
        ("//https://r.example.com/web", "", "//https://r.example.com/web"),
    ],
)
def test_a_host_is_told_from_a_path_by_the_rule_of_references(reference: str, host: str, rest: str) -> None:
    assert split_host(reference) == (host, rest)


@pytest.mark.parametrize(
    ("parameter", "told", "host"),
    [
        ("a.example.com", "b.example.com", "a.example.com"),
        ("a.example.com", None, "a.example.com"),
        (None, "b.example.com", "b.example.com"),
    ],
)
def test_the_parameter_goes_before_what_is_told(parameter: str | None, told: str | None, host: str) -> None:
    delivery = Delivery(ARRIVED, "request-1", parameter)
    assert registry_host(delivery, "harbor", told, needed="docker_url", where="/data") == host


@pytest.mark.parametrize(("where", "blamed"), [("", "/"), ("/data", "/data")])
@pytest.mark.parametrize("told", [None, ""])
def test_a_registry_that_nothing_names_is_unknown(told: str | None, where: str, blamed: str) -> None:
    with pytest.raises(InputError, match="docker_url or the registry parameter is needed") as refused:
        registry_host(DELIVERY, "quay", told, needed="docker_url", where=where)
    assert (refused.value.reason, refused.value.where) == (Reason.UNKNOWN_REGISTRY, blamed)


@for_each(
    ("seconds", "text"),
    [
        (None, None),
        (0, "1970-01-01T00:00:00Z"),
        (10, "1970-01-01T00:00:10Z"),
        (1772417730, "2026-03-02T02:15:30Z"),
        (1772417730.0, "2026-03-02T02:15:30Z"),
        (1772417730.5, "2026-03-02T02:15:30.5Z"),
        (1772417730.417, "2026-03-02T02:15:30.417Z"),
        (1772417730.000001, "2026-03-02T02:15:30.000001Z"),
        (1772417730.9999999, "2026-03-02T02:15:31Z"),
        (0.0000001, "1970-01-01T00:00:00Z"),
        (LAST_SECOND, "9999-12-31T23:59:59Z"),
    ],
)
def test_seconds_are_written_with_the_digits_that_they_have(seconds: float | None, text: str | None) -> None:
    assert rfc3339(seconds) == text


@given(st.integers(0, LAST_SECOND - 86400) | st.floats(0, LAST_SECOND - 86400))
def test_a_written_time_is_never_read_as_earlier_than_it_was(seconds: float) -> None:
    arrived = datetime(9999, 12, 31, tzinfo=timezone.utc)
    moment = parse_moment(rfc3339(seconds), arrived=arrived)
    assert moment is not None
    # To the microsecond, which is finer than any registry writes.
    assert moment + timedelta(microseconds=1) >= datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(
        seconds=seconds
    )


@for_each(
    ("pushed_at", "no_later_than", "expected", "dated"),
    [
        pytest.param("2026-03-02T02:15:30.5Z", None, "02:15:30.599999", True, id="with a zone"),
        pytest.param("2026-03-02T10:15:30.5+08:00", None, "02:15:30.599999", True, id="with an offset"),
        pytest.param("2026-03-02T10:15:30.5+0800", None, "02:15:30.599999", True, id="short offset"),
        pytest.param("2026-03-02 10:15:30", None, "02:15:30.999999", False, id="without a zone"),
        pytest.param("2026-03-02T03:00:00Z", None, "03:00:00", True, id="in the second of the arrival"),
        pytest.param("2026-03-02T03:00:02Z", None, "03:00:00", True, id="by a clock that is ahead"),
        pytest.param("2026-03-02T03:00:03Z", None, "03:00:00", False, id="by a clock that is too far ahead"),
        pytest.param("2026-03-02T11:00:00", None, "03:00:00", False, id="without a zone, at the arrival"),
        pytest.param("2026-03-02T09:00:00Z", None, "03:00:00", False, id="in the future"),
        pytest.param(None, None, "03:00:00", False, id="none"),
        pytest.param("yesterday", None, "03:00:00", False, id="unreadable"),
        pytest.param(None, "02:50:00", "02:50:00", False, id="none, but a latest one"),
        pytest.param("yesterday", "02:50:00", "02:50:00", False, id="unreadable, but a latest one"),
        pytest.param("2026-03-02T02:15:30.5Z", "02:00:00", "02:15:30.599999", True, id="after the latest"),
    ],
)
def test_a_push_has_the_time_that_is_told_or_the_latest_it_can_have(
    pushed_at: str | None, no_later_than: str | None, expected: str, dated: bool
) -> None:
    latest = datetime.fromisoformat(f"2026-03-02T{no_later_than}+00:00") if no_later_than else None
    push = image_push(
        Delivery(ARRIVED, "request-1", no_later_than=latest),
        source="native",
        event_id="event-1",
        host="r.example.com",
        repository="prod/web",
        tag="v1",
        pushed_at=pushed_at,
    )
    assert isinstance(push, PushEvent)
    assert push.pushed_at == datetime.fromisoformat(f"2026-03-02T{expected}+00:00")
    assert push.dated is dated


@every_value
@pytest.mark.parametrize("text", ["2026-03-02T02:15:30Z", "2026-03-02 10:15:30", "2026-03-02T02:15:30.123Z"])
@pytest.mark.parametrize("late", [-1, 0.5, 3600])
def test_a_second_delivery_is_the_same_change_whenever_it_arrives(text: str, late: float) -> None:
    def change_id(pushed_at: str, seconds: float) -> str:
        arrived = datetime(2026, 3, 2, 2, 15, 30, 200_000, tzinfo=timezone.utc) + timedelta(seconds=seconds)
        push = image_push(
            Delivery(arrived, "request-1"),
            source="native",
            event_id="event-1",
            host="r.example.com",
            repository="prod/web",
            tag="v1",
            pushed_at=pushed_at,
        )
        assert isinstance(push, PushEvent)
        return push.change_id

    # It arrived within the second that it was pushed in, and its latest instant may still have been to come.
    assert change_id(text, late) == change_id(text, 0)
    assert change_id(text.replace("15:30", "15:29"), late) != change_id(text, 0)


@for_each(
    ("one", "other", "same"),
    [
        pytest.param(("2026-03-02T02:15:30Z", "a"), ("2026-03-02T02:15:30Z", "b"), True, id="one time"),
        pytest.param(("2026-03-02T02:15:30Z", "a"), ("2026-03-02T02:15:31Z", "a"), False, id="two times"),
        pytest.param((None, "a"), (None, "a"), True, id="no time, one delivery"),
        pytest.param((None, "a"), (None, "b"), False, id="no time, two deliveries"),
        pytest.param(("soon", "a"), ("soon", "b"), False, id="no readable time, two deliveries"),
    ],
)
def test_without_a_time_each_delivery_is_a_push_of_its_own(
    one: tuple[str | None, str], other: tuple[str | None, str], same: bool
) -> None:
    ids = {push_id(Delivery(ARRIVED, delivery), text, "prod/web", "v1") for text, delivery in (one, other)}
    assert (len(ids) == 1) is same


def test_other_facts_make_another_push() -> None:
    time = "2026-03-02T02:15:30Z"
    assert push_id(DELIVERY, time, "prod/web", "v1") != push_id(DELIVERY, time, "prod/web", "v2")


def test_of_a_long_envelope_every_event_is_read() -> None:
    pushed = {"action": "push", "target": {"repository": "prod/web", "tag": "v1"}}
    document = {"events": [*([{"action": "pull"}] * 1500), pushed]}
    items = read_source("distribution", document, DELIVERY._replace(registry="r.example.com"))
    assert len(items) == len(document["events"])
    assert [item.image for item in items if isinstance(item, PushEvent)] == ["r.example.com/prod/web:v1"]


def test_an_ignored_event_says_why() -> None:
    notice = ignored("quay", "event-1", Reason.NO_TAG, "no tag")
    assert (notice.result, notice.reason, notice.message) == (Result.IGNORED, Reason.NO_TAG, "no tag")
    assert (notice.source, notice.event_id) == ("quay", "event-1")


@for_each(
    ("path", "source"),
    [
        ("/webhooks/quay", "quay"),
        ("/webhooks/quay/", "quay"),
        ("/webhooks/Quay", None),
        ("/webhooks/quay//", None),
        ("/webhooks/", None),
        ("/webhooks/push", None),
        ("/webhooks/wrapped", None),
        ("quay", None),
        ("", None),
    ],
)
def test_a_path_names_a_source_of_the_table_or_none(path: str, source: str | None) -> None:
    assert source_in_path(path) == source


@for_each("source", ["push", "delivery", "cloudevents", "wrapped", "", ".quay", "../webhook"])
def test_nothing_but_the_table_is_imported_as_a_source(source: str) -> None:
    with pytest.raises(KeyError):
        read_source(source, {}, DELIVERY)


def loaded(program: str) -> set[str]:
    """The modules of the library that a new process has after a program."""
    program += (
        "; import sys; print(*(m for m in sys.modules if m.startswith('imagecache.triggers.sources.')))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        cwd=FUNCTIONS,
        timeout=60,
    )
    return {name.rpartition(".")[2] for name in run.stdout.split()}


@pytest.mark.parametrize("source", sampled(list(WEBHOOK_SOURCES), 4))
def test_reading_one_source_imports_no_other(source: str) -> None:
    read: Any = f"read_source({source!r}, {{}}, Delivery(None, ''))"
    program = (
        "from imagecache.base.errors import InputError\n"
        "from imagecache.triggers.sources import Delivery, read_source\n"
        f"try: {read}\n"
        "except InputError: pass\n"
        "pass"
    )
    modules = loaded(program)
    assert source in modules
    assert not modules & ({*WEBHOOK_SOURCES, "cloudevents", "wrapped"} - {source})


@pytest.mark.parametrize("module", ["imagecache.triggers.sources", "on_webhook"])
def test_the_table_is_known_without_importing_a_source(module: str) -> None:
    assert not loaded(f"import {module}") & {*WEBHOOK_SOURCES, "cloudevents", "wrapped"}


def test_the_entry_point_of_the_bus_starts_with_the_vendors_events_alone() -> None:
    assert loaded("import on_push") & {*WEBHOOK_SOURCES, "cloudevents", "wrapped"} == {"cloudevents"}
