"""Asynchronous configurations of the template: retries, ages, and the queue of what is given up."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.cloud import Cloud, CloudConfig
from local.fc.asynchronous import AsyncConfig, read_async_configs
from local.fc.dispatcher import RetryPolicy
from local.template import Resource, TemplateError

HANDLER = """
def handler(event, context):
    if event == b"good":
        return "done"
    raise ValueError("not this one")
"""
TEMPLATE = """
ROSTemplateFormatVersion: '2015-09-01'
Resources:
  Queue:
    Type: ALIYUN::MNS::Queue
    Properties: {QueueName: failures}
  F:
    Type: ALIYUN::FC3::Function
    Properties: {FunctionName: f, Handler: f.handler, Runtime: python3.12}
  FAsync:
    Type: ALIYUN::FC3::AsyncInvokeConfig
    Properties:
      FunctionName: !GetAtt F.FunctionName
      MaxAsyncRetryAttempts: 1
      DestinationConfig:
        OnFailure:
          Destination: !Sub 'acs:mns:${ALIYUN::Region}:1:/queues/${Queue.QueueName}/messages'
  G:
    Type: ALIYUN::FC3::Function
    Properties: {FunctionName: g, Handler: f.handler, Runtime: python3.12}
"""


@pytest.fixture
def cloud(tmp_path: Path) -> Any:
    code = tmp_path / "code"
    code.mkdir()
    (code / "f.py").write_text(HANDLER)
    template = tmp_path / "template.yml"
    template.write_text(TEMPLATE)
    config = CloudConfig(
        tmp_path / "state",
        template=template,
        code=code,
        interpreter=Path(sys.executable),
        retry=RetryPolicy(first_pause_seconds=0.01),
    )
    with Cloud(config) as running:
        yield running


def wait_until(holds: Callable[[], bool]) -> None:
    deadline, pause = time.monotonic() + 20, threading.Event()
    while not holds():
        assert time.monotonic() < deadline, "not in time"
        pause.wait(0.02)


def test_what_is_given_up_is_in_the_queue_with_all_that_is_known(cloud: Cloud) -> None:
    request_id = cloud.fc.invoke_async("f", b"bad")
    wait_until(lambda: bool(cloud.fc.queue_messages()))
    (message,) = cloud.fc.queue_messages()
    body = message["body"]
    assert message["queue"] == "failures"
    assert body["requestContext"] == {
        "requestId": request_id,
        "functionArn": f"acs:fc:cn-hangzhou:{cloud.config.account_id}:functions/f",
        "condition": "UnhandledInvocationError",
        "approximateInvokeCount": 2,
    }
    assert body["requestPayload"] == "bad"
    assert json.loads(body["responsePayload"])["errorMessage"] == "not this one"
    assert abs(body["timestamp"] / 1000 - time.time()) < 60


def test_each_function_is_tried_as_often_as_its_configuration_says(cloud: Cloud) -> None:
    cloud.fc.invoke_async("f", b"bad")
    cloud.fc.invoke_async("g", b"bad")
    wait_until(lambda: len(cloud.fc.dead_letters()) == 2)
    attempts = {one["function"]: one["attempts"] for one in cloud.fc.dead_letters()}
    assert attempts == {"f": 2, "g": 4}
    assert [one["queue"] for one in cloud.fc.queue_messages()] == ["failures"]


def test_a_message_is_sent_again_and_is_gone(cloud: Cloud) -> None:
    cloud.fc.invoke_async("f", b"bad")
    wait_until(lambda: bool(cloud.fc.queue_messages()))
    (first,) = cloud.fc.queue_messages()
    request_id = cloud.fc.redrive(first["number"])
    wait_until(lambda: [one["number"] for one in cloud.fc.queue_messages()] not in ([], [first["number"]]))
    (second,) = cloud.fc.queue_messages()
    assert second["body"]["requestContext"]["requestId"] == request_id


def test_a_function_that_succeeds_leaves_no_message(cloud: Cloud) -> None:
    cloud.fc.invoke_async("f", b"good")
    wait_until(lambda: [one["state"] for one in cloud.fc.deliveries()] == ["done"])
    assert cloud.fc.queue_messages() == []


QUEUE = Resource("Q", "ALIYUN::MNS::Queue", {"QueueName": "failures"})
ARN = "acs:mns:cn-hangzhou:1:/queues/{}/messages"


def config(**properties: Any) -> Resource:
    return Resource("A", "ALIYUN::FC3::AsyncInvokeConfig", {"FunctionName": "f", **properties})


def destination(queue: str) -> dict[str, Any]:
    return {"DestinationConfig": {"OnFailure": {"Destination": ARN.format(queue)}}}


def test_what_is_left_out_has_the_defaults_of_the_platform() -> None:
    assert read_async_configs([config()], {"f"}) == {"f": AsyncConfig(3, 86400, None)}


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        pytest.param([config(FunctionName="g")], "A.Properties.FunctionName: there is no", id="function"),
        pytest.param([config(), config()], "has a configuration already", id="twice"),
        pytest.param([config(MaxAsyncRetryAttempts=9)], "0 to 8 is expected, 9 found", id="retries"),
        pytest.param([config(MaxAsyncRetryAttempts="3")], "0 to 8 is expected, '3' found", id="type"),
        pytest.param([config(MaxAsyncEventAgeInSeconds=0)], "1 to 604800 is expected", id="age"),
        pytest.param([QUEUE, config(**destination("other"))], "a queue of this template", id="queue"),
    ],
)
def test_a_mistake_is_named_with_its_place(resources: list[Resource], message: str) -> None:
    with pytest.raises(TemplateError) as raised:
        read_async_configs(resources, {"f"})
    assert message in str(raised.value)
