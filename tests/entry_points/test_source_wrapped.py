"""Payloads of registries inside events of a custom bus: whose they are, and what their wrapper tells."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.depth import every_value

IMAGE = "registry.example.com/prod/web:v1"
REFRESHED = ("refreshed", "TAG_REPUSHED")
NO_PUSH = ("ignored", "UNKNOWN_EVENT_TYPE")
AGAINST_SCHEMA = ("rejected", "SCHEMA_VIOLATION")

EXPECTED: dict[str, tuple[tuple[str, str], str]] = {
    "bad_data_is_a_list": (AGAINST_SCHEMA, "native"),
    "bad_http_query_value": (AGAINST_SCHEMA, "native"),
    "bad_http_without_body": (AGAINST_SCHEMA, "native"),
    "bad_missing_data": (AGAINST_SCHEMA, "native"),
    "bad_specversion": (AGAINST_SCHEMA, "native"),
    "by_source": (REFRESHED, "native"),
    "by_type": (REFRESHED, "native"),
    "data_as_text": (REFRESHED, "native"),
    "http_body_as_text": (REFRESHED, "native"),
    "http_by_path": (REFRESHED, "native"),
    "http_by_query": (REFRESHED, "native"),
    "http_no_source": (NO_PUSH, "my.httpSource"),
    "http_null_query": (REFRESHED, "native"),
    "http_query_is_a_list": (NO_PUSH, "my.httpSource"),
    "http_registry": (REFRESHED, "quay"),
    "http_unknown_source": (NO_PUSH, "my.httpSource"),
    "http_without_request": (NO_PUSH, "my.httpSource"),
    "no_id": (REFRESHED, "native"),
    "other_publisher": (NO_PUSH, "ci.example"),
    "time_is_a_number": (REFRESHED, "native"),
    "type_goes_before_source": (REFRESHED, "native"),
    "unknown_source": (NO_PUSH, "imc-refresh.gcr"),
    "unknown_type": (NO_PUSH, "ci.example"),
}
"""What each sample ends as, and the source that its record names."""


def test_every_sample_has_a_row(samples: Any) -> None:
    assert samples("wrapped") == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_sample_ends_as_the_table_says(deployed: Any, doors: Any, payload: Any, name: str) -> None:
    result, source = EXPECTED[name]
    cache = deployed.cache(IMAGE, "quay.io/prod/web:v1")
    told = doors.push(payload(f"wrapped/{name}.json"))
    assert (told.results, told.only["source"]) == ([result], source)
    assert list(deployed.updated()) == ([cache] if result == REFRESHED else [])
    assert result == REFRESHED or deployed.actions() == []


@pytest.mark.parametrize("source", ["acr", "distribution"])
def test_the_other_sources_are_read_inside_an_event_too(
    fleet: Any, doors: Any, payload: Any, source: str
) -> None:
    told = doors.push(
        {**payload("wrapped/by_type.json"), "type": f"imc-refresh:{source}"}
        | {"data": payload(f"{source}/push_latest.json")}
        | ({"registry": "registry.example.com"} if source == "distribution" else {})
    )
    assert (told.results, told.only["source"]) == ([REFRESHED], source)


def test_a_bad_event_of_a_wrapped_envelope_is_found_by_its_pointer(
    deployed: Any, doors: Any, payload: Any
) -> None:
    event = payload("wrapped/http_by_path.json")
    event["data"].update(path="/webhooks/distribution/", body={"events": ["no event", {"id": "event-1"}]})
    event["data"]["queryString"] = {"registry": "registry.example.com"}
    told = doors.push([event, event])
    assert [outcome["error"]["where"] for outcome in told.outcomes] == [
        f"/{index}/data/body/events/{inside}" for index in (0, 1) for inside in (0, 1)
    ]


def test_text_that_is_no_json_is_refused(deployed: Any, doors: Any, payload: Any) -> None:
    told = doors.push([{**payload("wrapped/by_source.json"), "data": "{'image': 'nginx'}"}])
    assert told.results == [("rejected", "NOT_JSON")]
    assert told.only["error"]["where"].startswith("/0/data")
    assert told.only["source"] == "native"


def test_a_registry_that_is_no_host_is_refused(deployed: Any, doors: Any, payload: Any) -> None:
    event = payload("wrapped/http_registry.json")
    event["data"]["queryString"]["registry"] = "https://quay.io"
    assert doors.push(event).results == [("rejected", "INVALID_REFERENCE")]


def test_an_encoded_registry_is_decoded(deployed: Any, doors: Any, payload: Any) -> None:
    event = payload("wrapped/http_registry.json")
    event["data"]["queryString"]["registry"] = "quay.io%3A8443"
    assert doors.push(event).only["image"] == "quay.io:8443/prod/web:v1"


def test_in_an_array_each_event_has_its_own_fate(
    deployed: Any, doors: Any, payload: Any, events: Any
) -> None:
    native = deployed.cache(IMAGE, image_cache_name="native")
    vendor = deployed.cache("acme-registry.cn-hangzhou.cr.aliyuncs.com/prod/web:latest")
    names = ["by_source", "bad_missing_data", "other_publisher", "unknown_type"]
    told = doors.push([*(payload(f"wrapped/{name}.json") for name in names), 7, {}, events.cloud()])
    assert sorted(told.results) == sorted(
        [REFRESHED, AGAINST_SCHEMA, NO_PUSH, NO_PUSH, AGAINST_SCHEMA, AGAINST_SCHEMA, REFRESHED]
    )
    assert sorted(deployed.updated()) == sorted([native, vendor])


@every_value
@pytest.mark.parametrize("header", ["Authorization", "X-Hub-Signature-256"])
@pytest.mark.parametrize("name", ["http_by_query", "http_no_source", "bad_http_without_body"])
def test_what_a_relayed_request_carries_as_proof_is_neither_asked_for_nor_shown(
    deployed: Any, doors: Any, payload: Any, name: str, header: str
) -> None:
    event = payload(f"wrapped/{name}.json")
    event["data"]["headers"][header] = "a-secret-of-somebody-else"
    event["data"]["queryString"]["token"] = "another-secret-of-somebody"
    told = doors.push(event)
    assert [result for result, _ in told.results] == [
        {"http_by_query": "ignored", "http_no_source": "ignored"}.get(name, "rejected")
    ]
    assert "secret-of-somebody" not in told.text


TIMES = {
    "payload has one": ("native/push", "2026-03-02T02:15:40Z", "2026-03-02T02:15:30.999999+00:00"),
    "payload has a later one": ("native/push", "2026-03-02T01:00:00Z", "2026-03-02T02:15:30.999999+00:00"),
    "payload has none": ("quay/push", "2026-03-02T02:15:40Z", "2026-03-02T02:15:40.999999+00:00"),
    "payload has none, in China time": (
        "quay/push",
        "2026-03-02T10:15:40.5+08:00",
        "2026-03-02T02:15:40.599999+00:00",
    ),
}


@pytest.mark.parametrize("case", TIMES)
def test_the_events_time_is_the_latest_for_a_push_that_tells_none(
    deployed: Any, doors: Any, payload: Any, case: str
) -> None:
    name, time, expected = TIMES[case]
    source, _, _ = name.partition("/")
    event = {**payload("wrapped/by_source.json"), "source": f"imc-refresh.{source}", "time": time}
    told = doors.push({**event, "data": payload(f"{name}.json")})
    assert told.only["pushed_at"] == expected


@pytest.mark.parametrize("time", [None, "yesterday", "2999-03-02T02:15:40Z"])
def test_without_any_time_a_push_counts_as_made_when_it_arrived(
    deployed: Any, doors: Any, payload: Any, events: Any, time: Any
) -> None:
    began = events.now()
    event = {**payload("wrapped/by_source.json"), "source": "imc-refresh.quay", "time": time}
    told = doors.push({**event, "data": payload("quay/push.json")})
    assert began <= told.only["pushed_at"] <= events.now()


def test_an_event_that_the_bus_delivers_twice_rebuilds_once_though_its_payload_tells_no_time(
    deployed: Any, doors: Any, payload: Any
) -> None:
    deployed.control.settings(rebuild_seconds=0)
    cache = deployed.cache("quay.io/prod/web:v1")
    assert doors.push(payload("wrapped/http_registry.json")).results == [REFRESHED]
    deployed.control.wait_for(cache, "Ready")
    assert doors.push(payload("wrapped/http_registry.json")).results == [("unchanged", "COVERED")]


@pytest.mark.parametrize("other", [{"id": "event-2"}, {"source": "imc-refresh.native", "id": "event-2"}])
def test_two_events_are_two_pushes_where_nothing_else_tells_them_apart(
    deployed: Any, doors: Any, payload: Any, other: dict[str, str]
) -> None:
    event = {**payload("wrapped/by_type.json"), "data": {"image": IMAGE}}
    first, second = doors.push(event).only["event_id"], doors.push({**event, **other}).only["event_id"]
    assert first != second


def test_harbors_own_events_are_read_without_a_wrapper(deployed: Any, doors: Any, payload: Any) -> None:
    cache = deployed.cache("harbor.example.com/prod/web:v1")
    told = doors.push(payload("harbor/push_cloudevents.json"))
    assert (told.results, told.only["source"]) == ([REFRESHED], "harbor")
    assert list(deployed.updated()) == [cache]


def test_a_bad_event_of_harbors_own_is_refused_as_harbors(deployed: Any, doors: Any, payload: Any) -> None:
    bad = payload("harbor/bad_cloudevents_without_data.json")
    told = doors.push([bad, payload("harbor/delete_cloudevents.json")])
    assert told.results == [AGAINST_SCHEMA, NO_PUSH]
    assert (told.outcomes[0]["source"], told.outcomes[0]["event_id"]) == ("harbor", bad["id"])
    assert told.outcomes[0]["error"]["where"] == "/0"


@pytest.mark.parametrize("change", [{"source": 7}, {"type": 7}, {"source": None, "type": None}])
def test_an_event_whose_names_are_no_texts_is_refused(
    deployed: Any, doors: Any, payload: Any, change: dict[str, Any]
) -> None:
    event = {**payload("wrapped/other_publisher.json"), **change}
    assert doors.push(event).results == [AGAINST_SCHEMA]
