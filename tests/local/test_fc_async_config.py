"""Asynchronous configurations of the template: what they may say, and that each function follows its own."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.cloud.cloud import Cloud, CloudConfig
from local.fc.async_config import AsyncConfig, Destination, read_async_configs, read_queues
from local.fc.control import FcControlError
from local.fc.dispatcher import RetryPolicy
from local.template.document import Resource, TemplateError
from tests.support.for_each import for_each

ARN = "acs:mns:cn-hangzhou:1234:/queues/{}/messages"
QUEUE = Resource("Q", "ALIYUN::MNS::Queue", {"QueueName": "failures"})


def config(**properties: Any) -> Resource:
    return Resource("A", "ALIYUN::FC3::AsyncInvokeConfig", {"FunctionName": "f", **properties})


def to(destination: Any) -> dict[str, Any]:
    return {"DestinationConfig": {"OnFailure": {"Destination": destination}}}


def read(*resources: Resource) -> dict[str, AsyncConfig]:
    return read_async_configs(resources, functions={"f"}, queues=read_queues(resources))


def test_what_is_left_out_has_the_defaults_of_the_platform() -> None:
    assert read(config()) == {"f": AsyncConfig(3, 86400, task_mode=False, on_failure=None)}


def test_everything_can_be_said() -> None:
    everything = config(
        AsyncTask=True,
        MaxAsyncRetryAttempts=0,
        MaxAsyncEventAgeInSeconds=604800,
        **to(ARN.format("failures")),
    )
    destination = Destination(ARN.format("failures"), "failures")
    assert read(everything, QUEUE) == {
        "f": AsyncConfig(0, 604800, task_mode=True, on_failure=destination),
    }


@for_each(
    ("resources", "message"),
    [
        pytest.param([config(FunctionName="g")], "A.Properties.FunctionName: there is no", id="function"),
        pytest.param([config(), config()], "FunctionName: a second configuration of 'f'", id="twice"),
        pytest.param([config(MaxAsyncRetryAttempts=9)], "0 to 8 is expected, 9 found", id="retries"),
        pytest.param([config(MaxAsyncRetryAttempts=-1)], "0 to 8 is expected, -1 found", id="fewer-than-0"),
        pytest.param([config(MaxAsyncRetryAttempts="3")], "int is expected, str found", id="text"),
        pytest.param([config(MaxAsyncEventAgeInSeconds=0)], "1 to 604800 is expected, 0", id="no-age"),
        pytest.param([config(MaxAsyncEventAgeInSeconds=604801)], "1 to 604800 is expected", id="age"),
        pytest.param([config(AsyncTask="true")], "AsyncTask: bool is expected, str found", id="task-mode"),
        pytest.param(
            [QUEUE, config(**to(ARN.format("other")))],
            "OnFailure.Destination: there is no queue 'other' in the template; known are failures",
            id="queue",
        ),
        pytest.param([config(**to(ARN.format("failures")))], "known are none", id="no-queue"),
        pytest.param(
            [config(**to("acs:fc:cn-hangzhou:1234:functions/g"))],
            "OnFailure.Destination: acs:mns:<region>:<account>:/queues/<queue>/messages is expected",
            id="function-as-destination",
        ),
        pytest.param([config(DestinationConfig={"OnSuccess": {}})], "OnSuccess: a destination", id="success"),
        pytest.param([config(DestinationConfig={"OnFailure": {}})], "Destination: is missing", id="empty"),
        pytest.param([QUEUE, QUEUE], "QueueName: a second queue has the name 'failures'", id="queue-twice"),
        pytest.param([Resource("Q", QUEUE.type, {})], "QueueName: is missing", id="queue-without-name"),
    ],
)
def test_a_mistake_is_named_with_its_place(resources: list[Resource], message: str) -> None:
    with pytest.raises(TemplateError) as raised:
        read(*resources)
    assert message in str(raised.value)


HANDLERS = """
def handler(event, context):
    if event == b"fail":
        raise ValueError("told to fail")
"""


def functions() -> dict[str, Any]:
    resources: dict[str, Any] = {
        name.title(): {
            "Type": "ALIYUN::FC3::Function",
            "Properties": {"FunctionName": name, "Handler": "f.handler", "Runtime": "python3.12"},
        }
        for name in ("plain", "once", "task")
    }
    configs = {"once": {"MaxAsyncRetryAttempts": 0}, "task": {"MaxAsyncRetryAttempts": 8, "AsyncTask": True}}
    for name, properties in configs.items():
        resources[f"{name.title()}Async"] = {
            "Type": "ALIYUN::FC3::AsyncInvokeConfig",
            "Properties": {"FunctionName": name, **properties},
        }
    return resources


@pytest.fixture
def open_cloud(tmp_path: Path) -> Iterator[Callable[..., Cloud]]:
    (tmp_path / "f.py").write_text(HANDLERS, encoding="utf-8")
    template = tmp_path / "template.json"
    template.write_text(
        json.dumps({"ROSTemplateFormatVersion": "2015-09-01", "Resources": functions()}), encoding="utf-8"
    )
    opened: list[Cloud] = []

    def start(**policy: Any) -> Cloud:
        retry = RetryPolicy(first_pause_seconds=0.01, longest_pause_seconds=0.02, **policy)
        opened.append(Cloud(CloudConfig(tmp_path / "state", template, tmp_path, retry=retry)))
        return opened[-1]

    yield start
    for cloud in opened:
        cloud.close()


def dead(cloud: Cloud, count: int) -> dict[str, int]:
    """How often each function was invoked, once so many events were given up."""
    deadline, pause = time.monotonic() + 20, threading.Event()
    while len(letters := cloud.fc.dead_letters()) < count:
        assert time.monotonic() < deadline, f"{len(letters)} of {count} events were given up in time"
        pause.wait(0.02)
    return {one["function"]: one["attempts"] for one in letters}


def test_each_function_is_tried_as_often_as_its_configuration_says(open_cloud: Callable[..., Cloud]) -> None:
    cloud = open_cloud()
    for name in ("plain", "once", "task"):
        cloud.fc.invoke_async(name, b"fail")
    assert dead(cloud, 3) == {"plain": 4, "once": 1, "task": 9}


def test_a_policy_that_says_how_often_holds_for_every_function(open_cloud: Callable[..., Cloud]) -> None:
    cloud = open_cloud(retries=1)
    for name in ("plain", "once", "task"):
        cloud.fc.invoke_async(name, b"fail")
    assert dead(cloud, 3) == {"plain": 2, "once": 2, "task": 2}


def test_an_event_is_given_up_at_the_age_of_its_configuration(open_cloud: Callable[..., Cloud]) -> None:
    cloud = open_cloud(time_factor=1e7)  # a day is 9 ms, and the pauses pass as fast
    cloud.fc.invoke_async("plain", b"fail")
    (attempts,) = dead(cloud, 1).values()
    assert attempts < 4


def test_a_task_id_is_taken_once_in_task_mode_and_ignored_without(open_cloud: Callable[..., Cloud]) -> None:
    cloud = open_cloud()
    cloud.fc.invoke_async("task", b"ok", task_id="task-1")
    with pytest.raises(FcControlError, match=r"409.*StatefulAsyncInvocationAlreadyExists"):
        cloud.fc.invoke_async("task", b"ok", task_id="task-1")
    for _ in range(2):
        cloud.fc.invoke_async("plain", b"ok", task_id="task-1")
    assert [one["function"] for one in cloud.fc.deliveries()] == ["task", "plain", "plain"]
    with pytest.raises(FcControlError, match="400"):
        cloud.fc.invoke_async("plain", b"ok", task_id="1st")
