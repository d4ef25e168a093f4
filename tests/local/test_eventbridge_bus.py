"""The event bus: what is taken, what is delivered, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.base.loopback import LOOPBACK
from local.cloud.cloud import Cloud, CloudConfig
from local.fc.dispatcher import RetryPolicy

HANDLERS = """
import json


def prints(event, context):
    print(event.decode())
    if json.loads(event).get("fail"):
        raise RuntimeError("told to fail")
"""
EVENT = {
    "id": "1",
    "source": "acs.cr",
    "specversion": "1.0",
    "type": "cr:Artifact:PushCompleted",
    "data": {"Tag": "v1", "name": "é"},
}


def rule(name: str, pattern: dict[str, Any], *, enabled: bool = True) -> dict[str, Any]:
    return {
        "Type": "ALIYUN::FC3::Trigger",
        "Properties": {
            "FunctionName": "prints",
            "TriggerName": name,
            "TriggerType": "eventbridge",
            "TriggerConfig": {
                "triggerEnable": enabled,
                "eventRuleFilterPattern": json.dumps(pattern),
                "eventSourceConfig": {"eventSourceType": "Default"},
            },
        },
    }


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    (tmp_path / "handlers.py").write_text(HANDLERS, encoding="utf-8")
    function = {
        "FunctionName": "prints",
        "Handler": "handlers.prints",
        "Runtime": "python3.12",
        "Timeout": 30,
    }
    resources = {
        "Prints": {"Type": "ALIYUN::FC3::Function", "Properties": function},
        "Pushes": rule("pushes", {"source": ["acs.cr"], "type": [{"suffix": ":PushCompleted"}]}),
        "Tags": rule("tags", {"data": {"Tag": ["v2"]}}),
        "Off": rule("off", {}, enabled=False),
    }
    template = tmp_path / "template.json"
    template.write_text(
        json.dumps({"ROSTemplateFormatVersion": "2015-09-01", "Resources": resources}), encoding="utf-8"
    )
    retry = RetryPolicy(retries=1, first_pause_seconds=0.01)
    with Cloud(CloudConfig(tmp_path / "state", template, tmp_path, retry=retry)) as running:
        yield running


def send(cloud: Cloud, document: Any) -> httpx.Response:
    return httpx.post(cloud.events_url, json=document, **LOOPBACK, timeout=30.0)


def matched(answer: httpx.Response) -> list[list[str]]:
    return [entry["MatchedTriggers"] for entry in answer.json()["EntryList"]]


def test_an_event_that_matches_is_delivered_as_one_cloud_event(cloud: Cloud) -> None:
    answer = send(cloud, EVENT)
    assert (answer.status_code, answer.json()["FailedEntryCount"], matched(answer)) == (200, 0, [["pushes"]])
    assert cloud.wait_for_outcomes(bool) == [EVENT]


def test_an_event_that_no_rule_wants_is_answered_and_not_delivered(cloud: Cloud) -> None:
    answer = send(cloud, {**EVENT, "type": "cr:Artifact:ScanCompleted"})
    assert (answer.status_code, answer.json()["FailedEntryCount"], matched(answer)) == (200, 0, [[]])
    assert cloud.fc.deliveries() == []


def test_each_event_of_an_array_is_delivered_by_itself_to_each_rule_that_matches(cloud: Cloud) -> None:
    second = {**EVENT, "id": "2", "data": {"Tag": "v2"}}
    answer = send(cloud, [EVENT, second])
    assert matched(answer) == [["pushes"], ["pushes", "tags"]]
    outcomes = cloud.wait_for_outcomes(lambda found: len(found) == 3)
    assert sorted(outcome["id"] for outcome in outcomes) == ["1", "2", "2"]


def test_an_event_that_fails_is_tried_again_and_then_a_dead_letter(cloud: Cloud) -> None:
    send(cloud, {**EVENT, "fail": True})
    cloud.wait_for_outcomes(lambda found: len(found) == 2 and bool(cloud.fc.dead_letters()))
    (letter,) = cloud.fc.dead_letters()
    assert (letter["source"], letter["function"], letter["attempts"]) == ("pushes", "prints", 2)
    assert json.loads(letter["payload"]) == {**EVENT, "fail": True}


@pytest.mark.parametrize(
    ("event", "message"),
    [
        pytest.param("x", "an object is expected, str found", id="text"),
        pytest.param({**EVENT, "specversion": "0.3"}, "specversion: '1.0'", id="version"),
        pytest.param({**EVENT, "id": ""}, "id: a text", id="empty-id"),
        pytest.param({**EVENT, "source": 1}, "source: a text", id="source"),
        pytest.param({name: EVENT[name] for name in EVENT if name != "type"}, "type: a text", id="no-type"),
    ],
)
def test_what_is_no_cloud_event_fails_alone(cloud: Cloud, event: Any, message: str) -> None:
    answer = send(cloud, [event, EVENT])
    bad, good = answer.json()["EntryList"]
    assert (answer.status_code, answer.json()["FailedEntryCount"]) == (200, 1)
    assert bad["ErrorCode"] == "InvalidArgument"
    assert message in bad["ErrorMessage"]
    assert good["MatchedTriggers"] == ["pushes"]


def test_an_event_that_is_too_large_for_the_function_fails(cloud: Cloud) -> None:
    answer = send(cloud, {**EVENT, "data": "x" * 131_072})
    assert answer.json()["FailedEntryCount"] == 1
    assert answer.json()["EntryList"][0]["ErrorCode"] == "EventTooLarge"
    assert cloud.fc.deliveries() == []


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"{", "JSON is expected"), (b"[]", "1 to 100 events"), (b"[" + b"1," * 100 + b"1]", "1 to 100 events")],
    ids=["no-json", "none", "too-many"],
)
def test_a_request_that_is_none_is_refused(cloud: Cloud, content: bytes, message: str) -> None:
    answer = httpx.post(cloud.events_url, content=content, **LOOPBACK)
    assert answer.status_code == 400
    assert message in answer.json()["Message"]
