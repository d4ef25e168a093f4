"""The on-failure queue: what comes into it, in whose name, and how it is sent again."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from local.base.database import connect
from local.cloud.cloud import Call, Cloud, CloudConfig
from local.fc.control import FcControlError
from local.fc.dispatcher import RetryPolicy
from local.fc.queues import QueueStore, UnknownQueueError
from tests.support.waiting import wait_until

HANDLERS = """
import os

def handler(event, context):
    if os.path.exists(os.environ["MENDED"]):
        return event
    raise ValueError("not yet")

def ends(event, context):
    os._exit(3)
"""
QUEUE = "acs:mns:cn-hangzhou:1234567890123456:/queues/failures/messages"
QUICK = RetryPolicy(first_pause_seconds=0.01)


class Folder:
    """A template whose functions fail until a file is there, and its state."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "f.py").write_text(HANDLERS, encoding="utf-8")
        self.resources = {
            "Failures": {"Type": "ALIYUN::MNS::Queue", "Properties": {"QueueName": "failures"}},
            "Other": {"Type": "ALIYUN::MNS::Queue", "Properties": {"QueueName": "other"}},
            "MaySend": role("Allow"),
            "MayNot": role("Deny"),
            **function("sends", role="MaySend"),
            **function("ends", role="MaySend", handler="f.ends"),
            **function("forbidden", role="MayNot"),
            **function("roleless"),
            **function("aimless", role="MaySend", destination=None),
        }

    def cloud(self) -> Cloud:
        template = self.path / "template.json"
        document = {"ROSTemplateFormatVersion": "2015-09-01", "Resources": self.resources}
        template.write_text(json.dumps(document), encoding="utf-8")
        environment = {"MENDED": str(self.path / "mended")}
        return Cloud(
            CloudConfig(self.path / "state", template, self.path, environment=environment, retry=QUICK)
        )

    def mend(self) -> None:
        (self.path / "mended").touch()


def role(effect: str) -> dict[str, Any]:
    statement = {"Effect": effect, "Action": "mns:SendMessage", "Resource": QUEUE}
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "fc.aliyuncs.com"}}
    return {
        "Type": "ALIYUN::RAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Version": "1", "Statement": [trust]},
            "Policies": [{"PolicyDocument": {"Version": "1", "Statement": [statement]}}],
        },
    }


def function(
    name: str, *, role: str | None = None, handler: str = "f.handler", destination: str | None = QUEUE
) -> dict[str, Any]:
    properties: dict[str, Any] = {"FunctionName": name, "Handler": handler, "Runtime": "python3.12"}
    if role is not None:
        properties["Role"] = {"Fn::GetAtt": [role, "Arn"]}
    config: dict[str, Any] = {"FunctionName": name, "MaxAsyncRetryAttempts": 1}
    if destination is not None:
        config["DestinationConfig"] = {"OnFailure": {"Destination": destination}}
    return {
        name.title(): {"Type": "ALIYUN::FC3::Function", "Properties": properties},
        f"{name.title()}Async": {"Type": "ALIYUN::FC3::AsyncInvokeConfig", "Properties": config},
    }


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def give_up(cloud: Cloud, function: str, payload: bytes = b"event") -> tuple[str, dict[str, Any]]:
    """Let an event fail until it is given up; its request id and its dead letter."""
    request_id = cloud.fc.invoke_async(function, payload)
    wait_until(lambda: any(one["request_id"] == request_id for one in cloud.fc.dead_letters()))
    (letter,) = [one for one in cloud.fc.dead_letters() if one["request_id"] == request_id]
    return request_id, letter


def test_what_is_given_up_is_in_the_queue_with_all_that_is_known(folder: Folder) -> None:
    with folder.cloud() as cloud:
        before = time.time()
        request_id, letter = give_up(cloud, "sends", "event é".encode())
        (document,) = cloud.queue_messages("failures")
        assert letter["queue"] == "failures"
        assert before - 1 <= document.pop("timestamp") / 1000 <= time.time()
        answer = json.loads(document.pop("responsePayload"))
        assert (answer["errorType"], answer["errorMessage"]) == ("ValueError", "not yet")
        assert document == {
            "requestContext": {
                "requestId": request_id,
                "functionArn": "acs:fc:cn-hangzhou:1234567890123456:functions/sends",
                "condition": "UnhandledInvocationError",
                "approximateInvokeCount": 2,
            },
            "requestPayload": "event é",
            "responseContext": {"statusCode": 200, "functionError": "UnhandledInvocationError"},
        }


def test_the_platform_sends_in_the_name_of_the_functions_role(folder: Folder) -> None:
    with folder.cloud() as cloud:
        give_up(cloud, "sends")
        assert cloud.calls() == [Call("sends", "MaySend", "mns:SendMessage", QUEUE, allowed=True)]


@pytest.mark.parametrize(
    ("name", "role"), [("forbidden", "MayNot"), ("roleless", None)], ids=["denied", "no-role"]
)
def test_a_role_that_may_not_send_loses_the_event_and_that_is_told(
    folder: Folder, name: str, role: str | None
) -> None:
    with folder.cloud() as cloud:
        request_id, letter = give_up(cloud, name)
        assert (letter["queue"], cloud.queue_messages("failures")) == (None, [])
        assert cloud.calls() == [Call(name, role, "mns:SendMessage", QUEUE, allowed=False)]
        (line,) = [line for line in cloud.fc.logs(request_id=request_id) if line["stream"] == "platform"]
        assert f"does not allow mns:SendMessage on {QUEUE}" in line["line"]


def test_an_event_without_a_destination_is_dropped_and_that_is_told(folder: Folder) -> None:
    with folder.cloud() as cloud:
        request_id, letter = give_up(cloud, "aimless")
        assert (letter["queue"], cloud.fc.queues(), cloud.calls()) == (None, {"failures": 0, "other": 0}, [])
        (line,) = [line for line in cloud.fc.logs(request_id=request_id) if line["stream"] == "platform"]
        assert line["line"].endswith("it has no destination and was dropped")


def test_a_process_that_ends_is_told_by_its_kind(folder: Folder) -> None:
    with folder.cloud() as cloud:
        give_up(cloud, "ends")
        (document,) = cloud.queue_messages("failures")
        assert document["responseContext"] == {"statusCode": 200, "functionError": "ProcessExit"}


def test_what_is_sent_again_leaves_the_queue_and_is_done(folder: Folder) -> None:
    with folder.cloud() as cloud:
        give_up(cloud, "sends")
        give_up(cloud, "ends")
        folder.mend()
        first, second = cloud.fc.redrive("failures")
        wait_until(
            lambda: (
                {one["request_id"]: one["state"] for one in cloud.fc.deliveries()}.get(first["request_id"])
                == "done"
            )
        )
        # What fails again comes back.
        wait_until(lambda: cloud.fc.queues()["failures"] == 1)
        (document,) = cloud.queue_messages("failures")
        assert document["requestContext"]["requestId"] == second["request_id"]
        assert (first["function"], second["function"]) == ("sends", "ends")


def test_one_message_is_taken_out_by_its_id(folder: Folder) -> None:
    with folder.cloud() as cloud:
        give_up(cloud, "sends")
        give_up(cloud, "ends")
        first, second = (each["message_id"] for each in cloud.fc.queue_messages("failures"))
        cloud.fc.remove_message("failures", first)
        assert [each["message_id"] for each in cloud.fc.queue_messages("failures")] == [second]
        for queue, message in (("failures", first), ("other", second), ("none", second)):
            with pytest.raises(FcControlError, match=r"404: .*there is no"):
                cloud.fc.remove_message(queue, message)
        assert cloud.fc.queues()["failures"] == 1


def test_an_event_that_is_sent_again_is_the_same_bytes(folder: Folder) -> None:
    payload = b"event \xff"  # not every event is a text
    with folder.cloud() as cloud:
        give_up(cloud, "sends", payload)
        cloud.fc.redrive("failures")
        wait_until(lambda: len(cloud.fc.dead_letters()) == 2)
        (document,) = cloud.queue_messages("failures")
        database = cloud.config.state / "cloud.db"
    assert document["requestPayload"].encode("utf-8", "surrogateescape") == payload
    connection = connect(database)
    assert [bytes(row["payload"]) for row in connection.execute("SELECT payload FROM deliveries")] == [
        payload,
        payload,
    ]
    connection.close()


@pytest.mark.deep
def test_messages_outlive_the_server(folder: Folder) -> None:
    with folder.cloud() as cloud:
        give_up(cloud, "sends")
    folder.mend()
    with folder.cloud() as cloud:
        assert cloud.fc.queues() == {"failures": 1, "other": 0}
        (sent,) = cloud.fc.redrive("failures")
        assert (sent["error"], cloud.fc.queues()["failures"]) == (None, 0)


def test_a_message_whose_function_is_gone_stays_and_the_others_go(folder: Folder) -> None:
    with folder.cloud() as cloud:
        give_up(cloud, "sends")
        give_up(cloud, "ends")
    folder.mend()
    del folder.resources["Sends"], folder.resources["SendsAsync"]
    with folder.cloud() as cloud:
        gone, sent = cloud.fc.redrive("failures")
        assert (gone["request_id"], gone["error"]) == (
            None,
            "UnknownFunctionError: there is no function 'sends'",
        )
        assert sent["error"] is None
        assert gone["message_id"] in {one["message_id"] for one in cloud.fc.queue_messages("failures")}


@pytest.mark.parametrize("body", ["no JSON", "[]", "{}", '{"requestContext": {"functionArn": "x"}}'], ids=str)
def test_a_message_of_another_form_stays(folder: Folder, body: str) -> None:
    with folder.cloud() as cloud:
        store = QueueStore(cloud.config.state / "cloud.db", ["failures"])
        message_id = store.send("failures", body)
        store.close()
        (kept,) = cloud.fc.redrive("failures")
        assert (kept["message_id"], kept["request_id"]) == (message_id, None)
        assert kept["error"]
        assert cloud.fc.queues()["failures"] == 1


def test_an_unknown_queue_is_told(folder: Folder) -> None:
    with folder.cloud() as cloud:
        with pytest.raises(FcControlError, match=r"404.*no queue 'none'; known are failures, other"):
            cloud.queue_messages("none")
        with pytest.raises(FcControlError, match="404"):
            cloud.fc.redrive("none")


def test_a_queue_gives_messages_in_order_until_they_are_removed(tmp_path: Path) -> None:
    store = QueueStore(tmp_path / "a.sqlite", ["a", "b"])
    first, second = store.send("a", "1"), store.send("a", "2")
    store.send("b", "3")
    assert [(one.message_id, one.body) for one in store.messages("a")] == [(first, "1"), (second, "2")]
    store.remove(first)
    store.remove(first)
    assert [one.body for one in store.messages("a")] == ["2"]
    with pytest.raises(UnknownQueueError, match="known are a, b"):
        store.send("c", "4")
    store.close()
