"""``imc-refresh failures``: what is in the on-failure queue of the local cloud, sent again, or dropped."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from imagecache.engine.follow_message import message_document
from imagecache.engine.follow_task import Chain, Job, Task
from imagecache.model.change import PushEvent
from local.cloud.cloud import Cloud, CloudConfig
from local.fc.dispatcher import RetryPolicy
from local.fc.queues import QueueStore
from tests.support.eci import REGION
from tests.support.waiting import wait_until

QUEUE = "imc-refresh-failures"
HOST = "shop-registry.cn-hangzhou.cr.aliyuncs.com"
NOW = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
PUSH = PushEvent("acs.cr", "event-7", HOST, "team/web", "v1", pushed_at=NOW)
Put = Callable[..., str]


def pushed(tag: str | None = "v1", identifier: str = "event-1") -> dict[str, Any]:
    data = {"InstanceName": "shop", "RepoNamespaceName": "team", "RepoName": "web", "RegionId": REGION}
    return {
        "id": identifier,
        "source": "acs.cr",
        "specversion": "1.0",
        "type": "cr:Artifact:PushCompleted",
        "time": datetime.now(timezone.utc).isoformat(),
        "data": data if tag is None else {**data, "Tag": tag},
    }


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    parameters = {"ClockSkewSeconds": "0", "FollowBaseSeconds": "1"}
    config = CloudConfig(
        tmp_path_factory.mktemp("cloud"), parameters=parameters, retry=RetryPolicy(time_factor=10_000.0)
    )
    with Cloud(config) as cloud:
        yield cloud


@pytest.fixture
def store(running: Cloud) -> Iterator[QueueStore]:
    """The queue, empty."""
    found = QueueStore(running.config.state / "cloud.db", [QUEUE])
    for message in found.messages(QUEUE):
        found.remove(message.message_id)
    yield found
    found.close()


@pytest.fixture
def cloud(running: Cloud, store: QueueStore) -> Cloud:
    running.control.reset()
    return running


@pytest.fixture
def put(store: QueueStore) -> Put:
    """Puts a message of Function Compute into the queue; its id."""

    def send(payload: Any, function: str = "imc-refresh-on-push", **changes: Any) -> str:
        answer = {"errorMessage": "1 of 1 outcomes failed: PERMISSION_DENIED", "errorType": "Permanent"}
        document = {
            "timestamp": 1,
            "requestContext": {
                "requestId": "1-r",
                "functionArn": f"acs:fc:{REGION}:1234567890123456:functions/{function}",
                "condition": "UnhandledInvocationError",
                "approximateInvokeCount": 9,
            },
            "requestPayload": payload if isinstance(payload, str) else json.dumps(payload),
            "responseContext": {"statusCode": 200, "functionError": "UnhandledInvocationError"},
            "responsePayload": json.dumps(answer),
            **changes,
        }
        return store.send(QUEUE, json.dumps(document))

    return send


@pytest.fixture
def failures(ask: Any, cloud: Cloud) -> Callable[..., Any]:
    def run(*arguments: str, given: str | None = None) -> Any:
        return ask("failures", *arguments, "--local", str(cloud.config.state), given=given)

    return run


def test_an_empty_queue_is_said_and_nothing_is_wrong(failures: Any) -> None:
    said = failures()
    assert (said.exit_code, said.stdout, said.stderr) == (0, f"{QUEUE}: no failed events\n", "")
    assert json.loads(failures("--json").stdout) == {"queue": QUEUE, "messages": []}
    said = failures("redrive", "--all")
    assert (said.exit_code, said.stdout) == (0, f"{QUEUE}: 0 sent again, 0 still there\n")


@pytest.mark.parametrize(
    ("payload", "function", "what", "facts"),
    [
        (
            pushed(),
            "on-push",
            f"push of {HOST}/team/web:v1",
            {"images": [f"{HOST}/team/web:v1"], "event_ids": ["event-1"], "door": "on_push"},
        ),
        (
            [pushed(), pushed("v2", "event-2")],
            "on-push",
            f"push of {HOST}/team/web:v1; push of {HOST}/team/web:v2",
            {"event_ids": ["event-1", "event-2"]},
        ),
        (
            pushed(None),
            "on-push",
            "an event of acs.cr that is no readable push",
            {"images": [], "event_ids": ["event-1"]},
        ),
        (
            message_document(Task(Job.AGAIN, PUSH, NOW, Chain(NOW), REGION, "imc-1")),
            "on-follow",
            f"update of the push of {HOST}/team/web:v1 for imc-1",
            {"image_cache_id": "imc-1", "event_ids": ["event-7"], "door": "on_follow"},
        ),
        (
            {"triggerName": "sweep", "triggerTime": "2026-03-02T12:00:00Z", "payload": ""},
            "on-timer",
            "the timer sweep of 2026-03-02T12:00:00Z",
            {"event_ids": ["sweep@2026-03-02T12:00:00Z"]},
        ),
        (
            {"image": "nginx:1"},
            "on-manual",
            "a person's request: nginx:1 was pushed",
            {"images": ["nginx:1"]},
        ),
        ({"imageCacheId": "imc-1"}, "on-manual", "a person's request for imc-1", {"image_cache_id": "imc-1"}),
        ({"caches": {"names": ["*"]}}, "on-manual", "a person's request", {}),
        ({"version": "v1", "body": "{}"}, "on-manual", "a person's request over HTTP", {}),
    ],
    ids=["push", "pushes", "unreadable", "task", "timer", "image", "cache", "caches", "http"],
)
def test_a_message_says_what_it_was_about(
    failures: Any, put: Put, payload: Any, function: str, what: str, facts: dict[str, Any]
) -> None:
    identifier = put(payload, f"imc-refresh-{function}")
    said = failures("--json")
    assert said.exit_code == 1
    (message,) = json.loads(said.stdout)["messages"]
    wanted = {
        "message_id": identifier,
        "what": what,
        "why": "1 of 1 outcomes failed: PERMISSION_DENIED",
        "attempts": 9,
        "request_id": "1-r",
        "can_be_sent_again": True,
    }
    assert {key: message[key] for key in (*wanted, *facts)} == wanted | facts
    shown = " ".join(failures().stdout.split())
    assert f"{QUEUE}: 1 failed event" in shown
    assert identifier in shown
    assert what in shown


@pytest.mark.parametrize(
    ("body", "stays"),
    [
        ("not JSON", "it is no message of Function Compute"),
        ("[1]", "it is no message of Function Compute"),
        ('{"requestContext": 1}', "it is no message of Function Compute"),
        ('{"requestContext": {}}', "it names no function"),
        ("[" * 5000, "it is no message of Function Compute"),
    ],
    ids=["text", "list", "number", "no function", "deep"],
)
def test_a_message_that_is_not_ours_is_shown_and_stays(
    failures: Any, store: QueueStore, body: str, stays: str
) -> None:
    identifier = store.send(QUEUE, body)
    (message,) = json.loads(failures("--json").stdout)["messages"]
    assert (message["can_be_sent_again"], message["stays_because"]) == (False, stays)
    said = failures("redrive", "--all")
    assert said.exit_code == 1
    assert stays in said.stdout
    assert [each.message_id for each in store.messages(QUEUE)] == [identifier]


@pytest.mark.parametrize(
    ("payload", "function", "stays"),
    [
        (pushed(), "other-on-push", "it is for the function other-on-push, which is none of imc-refresh"),
        ('{"id": "cut', "imc-refresh-on-push", "its event is not whole JSON, so no function could read it"),
    ],
    ids=["another stack's", "cut"],
)
def test_what_no_function_of_ours_could_take_is_not_sent(
    failures: Any, put: Put, store: QueueStore, payload: Any, function: str, stays: str
) -> None:
    put(payload, function)
    said = failures("redrive", "--all", "--json")
    assert said.exit_code == 1
    (done,) = json.loads(said.stdout)["messages"]
    assert (done["sent_to"], done["removed"], done["problem"]) == (None, False, stays)
    assert len(store.messages(QUEUE)) == 1


def test_a_body_in_base64_and_a_qualifier_are_read_too(failures: Any, put: Put, store: QueueStore) -> None:
    put(pushed(), "imc-refresh-on-push/LATEST")
    (message,) = store.messages(QUEUE)
    store.send(QUEUE, base64.b64encode(message.body.encode()).decode())
    first, second = json.loads(failures("--json").stdout)["messages"]
    assert first["function"] == second["function"] == "imc-refresh-on-push"
    assert first["event"] == second["event"]


def test_a_push_that_failed_is_sent_again_and_made(cloud: Cloud, failures: Any, store: QueueStore) -> None:
    cache = cloud.control.create_cache(
        region_id=REGION, image_cache_name="web", images=[f"{HOST}/team/web:v1"]
    )
    for action in ("DescribeImageCaches", "UpdateImageCache"):
        cloud.control.inject("error", action=action, code="NoPermission", status=403, count=100)
    cloud.fc.invoke_async("imc-refresh-on-push", json.dumps(pushed()).encode())
    wait_until(lambda: store.messages(QUEUE))
    (message,) = json.loads(failures("--json").stdout)["messages"]
    assert message["images"] == [f"{HOST}/team/web:v1"]
    assert "PERMISSION_DENIED" in message["why"]
    cloud.control.clear_faults()
    said = failures("redrive", message["message_id"][:6].lower(), "--json")
    (done,) = json.loads(said.stdout)["messages"]
    assert (said.exit_code, done["removed"], done["sent_to"]) == (0, True, "imc-refresh-on-push")
    assert store.messages(QUEUE) == []
    wait_until(lambda: [each for each in cloud.outcomes() if each["result"] == "refreshed"])
    (made,) = [each for each in cloud.outcomes() if each["result"] == "refreshed"]
    assert made["request_id"] == done["request_id"]
    assert cloud.control.history(cache)


def test_an_event_that_fails_again_comes_back(failures: Any, put: Put, store: QueueStore) -> None:
    event = json.dumps(pushed(None))
    before = put(event)
    assert failures("redrive", "--all").exit_code == 0
    wait_until(lambda: store.messages(QUEUE))
    (after,) = store.messages(QUEUE)
    assert after.message_id != before
    assert json.loads(after.body)["requestPayload"] == event


def test_a_refused_event_stays(cloud: Cloud, failures: Any, put: Put, store: QueueStore) -> None:
    put(pushed())
    cloud.fc.settings(refused_async_status=429)
    said = failures("redrive", "--all")
    cloud.fc.reset_settings()
    assert said.exit_code == 1
    assert "it was not accepted: 429" in said.stdout
    assert len(store.messages(QUEUE)) == 1


def test_ids_that_are_of_none_or_of_several_do_nothing(failures: Any, put: Put, store: QueueStore) -> None:
    put(pushed())
    known = put(pushed(None))
    for wanted, found in (("nope", "no message"), ("", "2 messages")):
        said = failures("redrive", known, wanted)
        assert said.exit_code == 2
        assert f"{QUEUE} has {found} with the id {wanted}; nothing was done" in said.stderr
    assert len(store.messages(QUEUE)) == 2


def test_a_message_is_dropped_when_a_person_says_so(failures: Any, put: Put, store: QueueStore) -> None:
    identifier, other = put(pushed()), put(pushed("v2"))
    said = failures("drop", identifier)
    assert said.exit_code == 2
    assert "nothing was dropped, as nobody can be asked here" in said.stderr
    assert f"{identifier}: push of {HOST}/team/web:v1" in said.stderr
    said = failures("drop", identifier, "--yes")
    assert (said.exit_code, said.stdout.splitlines()[0]) == (0, f"{QUEUE}: 1 dropped, 0 still there")
    assert [each.message_id for each in store.messages(QUEUE)] == [other]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("redrive",), "Give the ids of messages, or --all."),
        (("redrive", "x", "--all"), "Give the ids of messages, or --all."),
        (("drop",), "Missing argument"),
        (("redrive", "--all", "--local", "nowhere"), "nothing is served from nowhere"),
        (("--local", "nowhere", "redrive", "--all"), "nothing is served from nowhere"),
        (("--local", "nowhere"), "nothing is served from nowhere"),
    ],
)
def test_mistakes_are_told(ask: Any, arguments: tuple[str, ...], message: str) -> None:
    said = ask("failures", *arguments)
    assert said.exit_code == 2
    assert message in said.stderr


def test_a_cloud_that_has_gone_is_told(ask: Any, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "endpoints.json").write_text(json.dumps({"fc": "http://127.0.0.1:9"}))
    for command in ("failures", "records"):
        said = ask(command, "--local", str(state))
        assert said.exit_code == 2
        assert "the local cloud did not answer" in said.stderr
