"""What must never get through an entry point, and what must never get out of it."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import pytest

from imagecache.base.errors import PermanentEntryPointError
from tests.support.depth import every_value, pairs

MIB = 1024 * 1024

SENDERS = {
    "push": lambda doors, text: doors.call("on_push", text.encode()),
    "timer": lambda doors, text: doors.call("on_timer", text.encode()),
    "manual": lambda doors, text: doors.call("on_manual", text.encode()),
    "manual over http": lambda doors, text: doors.call("on_manual", doors.http("/", text)),
    "acr": lambda doors, text: doors.webhook("acr", text),
    "distribution": lambda doors, text: doors.webhook("distribution", text),
    "distribution in base64": lambda doors, text: doors.webhook("distribution", text, encode=True),
}
"""Ways to send a document to an entry point."""

each_sender = pytest.mark.parametrize("sender", SENDERS)


def assert_refused(told: Any, sender: str, status: int = 400) -> None:
    """Recorded as rejected, and told in the way of the entry point."""
    assert {result for result, _ in told.results} == {"rejected"}
    assert type(told.error) is (PermanentEntryPointError if sender == "timer" else type(None))
    assert told.status == (None if sender in {"push", "timer"} else status)


NOT_JSON = {
    "nothing": "",
    "text": "push",
    "form": "push_data=latest",
    "cut off": '{"events": [',
    "more behind": "{} {}",
    "single quotes": "{'events': []}",
    "NaN": '{"events": [NaN]}',
    "infinity": "-Infinity",
    "NUL": "\x00",
    "byte order mark": "\ufeff{}",
    "control character in a text": '{"id": "a\nb"}',
    "a number that is too long": "9" * 5000,
}


@pytest.mark.parametrize(
    ("text", "sender"), pairs({name: (text,) for name, text in NOT_JSON.items()}, list(SENDERS))
)
def test_what_is_no_json_is_refused(deployed: Any, doors: Any, sender: str, text: str) -> None:
    told = SENDERS[sender](doors, text)
    assert told.results == [("rejected", "NOT_JSON")]
    assert_refused(told, sender)
    assert deployed.actions() == []


@pytest.mark.parametrize(
    ("text", "sender"),
    pairs(["null", "true", "7", '"text"', "[7]", "{}", '{"": {}}', '{"events": 7}'], list(SENDERS)),
)
def test_what_has_no_known_shape_is_refused(deployed: Any, doors: Any, sender: str, text: str) -> None:
    told = SENDERS[sender](doors, text)
    assert told.results == [("rejected", "SCHEMA_VIOLATION")]
    assert_refused(told, sender)
    assert set(told.only["error"]) == {"class", "where", "rule", "found"}
    assert deployed.actions() == []


@every_value
@pytest.mark.usefixtures("no_collection")
@each_sender
@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        "[" * 200_000 + "]" * 200_000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        "[" * 65 + "]" * 65,
    ],
    ids=["open arrays", "arrays", "objects", "one too many"],
)
def test_deep_nesting_is_refused(deployed: Any, doors: Any, sender: str, text: str) -> None:
    told = SENDERS[sender](doors, text)
    assert told.results == [("rejected", "TOO_DEEP")]
    assert_refused(told, sender)
    assert deployed.actions() == []


@each_sender
def test_what_is_too_large_is_refused(deployed: Any, doors: Any, sender: str) -> None:
    size = 2 * MIB if "http" in sender or sender not in {"push", "timer", "manual"} else 9 * MIB
    told = SENDERS[sender](doors, '{"a": "' + "a" * size + '"}')
    assert told.results == [("rejected", "TOO_LARGE")]
    assert_refused(told, sender, 413)
    assert deployed.actions() == []


@every_value
@pytest.mark.parametrize("encode", [False, True], ids=["text", "base64"])
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("a" * MIB, 400),
        ("a" * (MIB + 1), 413),
        ("\u00e9" * (MIB // 2), 400),
        ("\u00e9" * (MIB // 2 + 1), 413),
    ],
    ids=["limit", "one more", "limit in wide characters", "one more in wide characters"],
)
def test_a_body_may_have_one_mebibyte(doors: Any, encode: bool, body: str, status: int) -> None:
    assert doors.webhook("acr", body, encode=encode).status == status


BROKEN_BODIES = {
    "no base64": ("%%%", True),
    "cut off base64": ("e30", True),
    "base64 with a space": ("e3 0=", True),
    "base64 of no UTF-8": (base64.b64encode(b'{"a": "\xff"}').decode(), True),
    "base64 of UTF-16": (base64.b64encode('{"a": 1}'.encode("utf-16")).decode(), True),
    "base64 with wide characters": ("\u00e930=", True),
    "base64 with a lone surrogate": ("\ud800", True),
    "lone surrogate": ("\ud800", False),
    "base64 that is not said to be": (base64.b64encode(b"{}").decode(), False),
    "none": (None, False),
}


@every_value
@pytest.mark.parametrize("body", BROKEN_BODIES.values(), ids=BROKEN_BODIES)
@pytest.mark.parametrize("door", ["on_webhook", "on_manual"])
def test_a_body_that_cannot_be_read_is_refused(deployed: Any, doors: Any, door: str, body: Any) -> None:
    event = doors.http("/webhooks/acr", "")
    event["body"], event["isBase64Encoded"] = body
    told = doors.call(door, event)
    assert (told.status, told.results) == (400, [("rejected", "NOT_JSON")])
    assert deployed.actions() == []


def test_an_event_that_is_no_utf8_is_refused(deployed: Any, doors: Any) -> None:
    for door in ("on_push", "on_manual", "on_timer", "on_webhook"):
        assert doors.call(door, b'{"id": "\xff"}').results == [("rejected", "NOT_JSON")]
    assert deployed.actions() == []


HOSTILE = {
    "NUL": "a\x00b",
    "newline": "a\nb",
    "newline at the end": "latest\n",
    "escape": "\x1b[2Jlatest",
    "line separator": "a\u2028b",
    "lone surrogate": "a\ud800",
    "300 characters": "a" * 300,
}
FIELDS = {
    "cloudevents/push_completed": [
        *("/source", "/type", "/data/RepoNamespaceName", "/data/RepoName", "/data/Tag"),
        "/data/InstanceName",
    ],
    "acr/push_latest": [
        *("/push_data/tag", "/repository/repo_full_name", "/repository/region"),
    ],
    "distribution/push_latest": [
        *("/events/0/action", "/events/0/target/repository", "/events/0/target/tag"),
    ],
    "manual/by_image_in_region": ["/image", "/regionId"],
    "manual/by_id_new_list": ["/imageCacheId", "/images/0"],
    "manual/by_name": ["/imageCacheName"],
    "timer/sweep": ["/triggerName", "/triggerTime"],
}
FIELD_IDS = [f"{sample}{pointer}" for sample, pointers in FIELDS.items() for pointer in pointers]
OPTIONAL = {
    "cloudevents/push_completed": [
        *("/id", "/time", "/aliyunregionid", "/data/RegionId", "/data/Digest", "/data/InstanceId"),
    ],
    "acr/push_latest": ["/push_data/digest", "/push_data/pushed_at", "/repository/name"],
    "distribution/push_latest": [
        *("/events/0/id", "/events/0/timestamp", "/events/0/target/mediaType"),
        *("/events/0/target/digest", "/events/0/target/url"),
    ],
}
"""What a push does not need: there a hostile text is as good as none."""
OPTIONAL_IDS = [f"{sample}{pointer}" for sample, pointers in OPTIONAL.items() for pointer in pointers]


def altered(document: Any, pointer: str, value: str) -> Any:
    result = copy.deepcopy(document)
    *way, last = (int(step) if step.isdigit() else step for step in pointer.split("/")[1:])
    spot = result
    for step in way:
        spot = spot[step]
    spot[last] = value
    return result


def send_sample(doors: Any, source: str, document: Any) -> Any:
    if source in {"acr", "distribution"}:
        return doors.webhook(source, document)
    return doors.call(
        {"cloudevents": "on_push", "manual": "on_manual", "timer": "on_timer"}[source], document
    )


@pytest.mark.parametrize("field", FIELD_IDS)
def test_a_hostile_text_is_refused_wherever_it_stands(
    fleet: Any, doors: Any, payload: Any, field: str
) -> None:
    sample = next(sample for sample in FIELDS if field.startswith(f"{sample}/"))
    document, source = payload(f"{sample}.json"), sample.partition("/")[0]
    told = {
        name: send_sample(doors, source, altered(document, field.removeprefix(sample), value)).results
        for name, value in HOSTILE.items()
    }
    assert {name: {result for result, _ in results} for name, results in told.items()} == {
        name: {"rejected"} for name in HOSTILE
    }
    assert fleet.actions() == []


@every_value
@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("field", OPTIONAL_IDS)
def test_a_hostile_text_in_the_place_of_an_optional_fact_loses_no_push_and_is_not_shown(
    fleet: Any, doors: Any, payload: Any, field: str, hostile: str
) -> None:
    sample = next(sample for sample in OPTIONAL if field.startswith(f"{sample}/"))
    document = altered(payload(f"{sample}.json"), field.removeprefix(sample), HOSTILE[hostile])
    told = send_sample(doors, sample.partition("/")[0], document)
    assert told.results == [("refreshed", "TAG_REPUSHED")]
    assert json.dumps(HOSTILE[hostile])[1:-1] not in json.dumps(told.outcomes)


def test_hostile_cache_names_and_lists_stay_data(deployed: Any, doors: Any) -> None:
    hostile = 'web\n{"result": "refreshed"}\u2028\x1b[2J'
    deployed.cache("registry.cn-hangzhou.aliyuncs.com/prod/web:latest", "x" * 3000, image_cache_name=hostile)
    told = doors.manual(image="registry.cn-hangzhou.aliyuncs.com/prod/web:latest", dryRun=True)
    assert told.only["image_cache_name"] == hostile


@every_value
@pytest.mark.parametrize("event", [None, "{}", {}, [], 7], ids=repr)
@pytest.mark.parametrize("door", ["on_push", "on_webhook", "on_manual", "on_timer"])
def test_an_event_that_is_no_bytes_is_a_defect_that_is_told(
    deployed: Any, doors: Any, door: str, event: Any
) -> None:
    told = doors.call_with(door, event, doors.context())
    assert told.results == [("failed", "INTERNAL_ERROR")]
    assert told.only["fate"] == "on_failure_queue"
    assert told.only["error"]["class"] == "permanent"
    if door == "on_webhook":
        assert (told.status, told.error) == (500, None)
    else:
        assert type(told.error) is PermanentEntryPointError
    # The log says where it happened, the record only what.
    assert 'json_input.py", line' in told.text
    assert "Traceback" not in json.dumps(told.outcomes)
