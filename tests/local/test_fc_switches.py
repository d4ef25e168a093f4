"""What nobody knows of asynchronous invocation, one way and the other."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from alibabacloud_fc20230330 import models
from alibabacloud_fc20230330.client import Client
from alibabacloud_tea_openapi.models import Config
from alibabacloud_tea_util.models import RuntimeOptions
from Tea.exceptions import TeaException

from local.base.loopback import LOOPBACK
from local.cloud.cloud import Cloud, CloudConfig
from local.cloud.config import Switches
from local.fc.control import FcControlError
from local.fc.settings import Settings, Switchboard
from tests.support.for_each import for_each

DUPLICATE = r"409.*StatefulAsyncInvocationAlreadyExists"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    folder = tmp_path_factory.mktemp("switches")
    (folder / "f.py").write_text("def f(event, context):\n    print(context.request_id)\n", encoding="utf-8")
    function = {"FunctionName": "f", "Handler": "f.f", "Runtime": "python3.12"}
    resources = {
        "F": {"Type": "ALIYUN::FC3::Function", "Properties": function},
        "Async": {
            "Type": "ALIYUN::FC3::AsyncInvokeConfig",
            "Properties": {"FunctionName": "f", "AsyncTask": True},
        },
    }
    template = folder / "template.json"
    template.write_text(
        json.dumps({"ROSTemplateFormatVersion": "2015-09-01", "Resources": resources}), encoding="utf-8"
    )
    with Cloud(CloudConfig(folder / "state", template, folder)) as cloud:
        yield cloud


@pytest.fixture(autouse=True)
def _defaults(cloud: Cloud) -> None:
    cloud.fc.reset_settings()


def deliveries(cloud: Cloud, request_id: str) -> list[dict[str, Any]]:
    return [one for one in cloud.fc.deliveries() if one["request_id"] == request_id]


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    pause, deadline = threading.Event(), time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"did not come true within {seconds} seconds"
        pause.wait(0.01)


@pytest.mark.parametrize(("mode", "waited"), [("honour", 600.0), ("ignore", 0.0)])
def test_the_delay_is_waited_for_or_not(cloud: Cloud, mode: str, waited: float) -> None:
    cloud.fc.settings(async_delay=mode)
    (one,) = deliveries(cloud, cloud.fc.invoke_async("f", b"", delay_seconds=600))
    assert one["due_at"] - one["accepted_at"] == pytest.approx(waited)


@pytest.mark.parametrize("longest", [3600, 3599])
def test_a_longer_delay_is_refused(cloud: Cloud, longest: int) -> None:
    cloud.fc.settings(longest_delay_seconds=longest)
    cloud.fc.invoke_async("f", b"", delay_seconds=longest)
    with pytest.raises(FcControlError, match=f"400.*1 to {longest} is expected"):
        cloud.fc.invoke_async("f", b"", delay_seconds=longest + 1)


def test_task_ids_are_ignored_on_request(cloud: Cloud) -> None:
    cloud.fc.invoke_async("f", b"", task_id="t-1", delay_seconds=600)
    with pytest.raises(FcControlError, match=DUPLICATE):
        cloud.fc.invoke_async("f", b"", task_id="t-1")
    cloud.fc.settings(task_ids="ignore")
    for _ in range(2):
        cloud.fc.invoke_async("f", b"", task_id="t-1", delay_seconds=600)
    with pytest.raises(FcControlError, match=r"400.*task-id"):
        cloud.fc.invoke_async("f", b"", task_id="1st")


def test_a_known_task_id_may_have_another_code(cloud: Cloud) -> None:
    cloud.fc.settings(duplicate_code="TaskExists")
    cloud.fc.invoke_async("f", b"", task_id="t-2", delay_seconds=600)
    with pytest.raises(FcControlError, match=r'409.*"TaskExists"'):
        cloud.fc.invoke_async("f", b"", task_id="t-2")


def test_a_new_task_id_may_be_refused(cloud: Cloud) -> None:
    cloud.fc.settings(conflict_share=1)
    with pytest.raises(FcControlError, match=r"409.*ConcurrentUpdateError"):
        cloud.fc.invoke_async("f", b"", task_id="t-3")
    cloud.fc.settings(conflict_share=0)
    cloud.fc.invoke_async("f", b"", task_id="t-3", delay_seconds=600)


@for_each(("share", "refused"), [(0.0, 0), (0.25, 3), (0.5, 6), (1.0, 12)])
def test_a_share_of_the_calls_is_refused_evenly(share: float, refused: int) -> None:
    board = Switchboard(Settings(conflict_share=share, conflict_code="Busy"))
    answers = [board.refusal() for _ in range(12)]
    assert sum(answer is not None for answer in answers) == refused
    assert {(one.status, one.code) for one in answers if one} <= {(409, "Busy")}
    assert answers[:4].count(None) == 4 - refused / 3


@pytest.mark.parametrize("pause", [0, 600])
def test_a_task_may_be_given_twice(cloud: Cloud, pause: int) -> None:
    cloud.fc.settings(task_copies=2, copy_pause_seconds=pause)
    request_id = cloud.fc.invoke_async("f", b"one", task_id=f"copied-{pause}")
    first, second = deliveries(cloud, request_id)
    assert second["due_at"] - first["due_at"] == pytest.approx(pause)
    expected = ["done"] * 2 if pause == 0 else ["done", "waiting"]
    wait_until(lambda: [one["state"] for one in deliveries(cloud, request_id)] == expected)
    written = [line["line"] for line in cloud.fc.logs(request_id=request_id) if line["stream"] == "stdout"]
    assert written == [request_id] * expected.count("done")
    with pytest.raises(FcControlError, match=DUPLICATE):
        cloud.fc.invoke_async("f", b"one", task_id=f"copied-{pause}")


@pytest.mark.parametrize(
    ("status", "code"),
    [(403, "AccessDenied"), (429, "ResourceThrottled"), (500, "InternalServerError"), (418, "Refused")],
)
def test_the_next_asynchronous_calls_are_refused(cloud: Cloud, status: int, code: str) -> None:
    cloud.fc.settings(refused_async_status=status, refused_async_calls=2)
    before = len(cloud.fc.deliveries())
    for _ in range(2):
        with pytest.raises(FcControlError, match=f'{status}.*"{code}"'):
            cloud.fc.invoke_async("f", b"")
        assert cloud.fc.invoke("f", b"").error_type is None
    cloud.fc.invoke_async("f", b"", delay_seconds=600)
    assert len(cloud.fc.deliveries()) == before + 1
    assert cloud.fc.settings()["refused_async_calls"] == 0


def test_all_asynchronous_calls_are_refused_until_the_reset(cloud: Cloud) -> None:
    cloud.fc.settings(refused_async_status=500)
    for _ in range(3):
        with pytest.raises(FcControlError, match="500"):
            cloud.fc.invoke_async("f", b"")
    defaults = cloud.fc.reset_settings()
    assert cloud.fc.settings() == defaults
    cloud.fc.invoke_async("f", b"", delay_seconds=600)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"async_delay": "maybe"}, "async_delay: one of honour, ignore"),
        ({"conflict_share": 1.5}, "1 or less"),
        ({"task_copies": 0}, "1 or more"),
        ({"speed": 1}, "no setting has the name 'speed'"),
    ],
    ids=str,
)
def test_a_switch_that_makes_no_sense_is_refused(cloud: Cloud, changes: dict[str, Any], words: str) -> None:
    before = cloud.fc.settings()
    with pytest.raises(FcControlError, match="400") as raised:
        cloud.fc.settings(**changes)
    assert words in str(raised.value)
    assert cloud.fc.settings() == before


@pytest.mark.parametrize("body", [b"[]", b"{", b""])
def test_switches_come_as_an_object(cloud: Cloud, body: bytes) -> None:
    answer = httpx.patch(f"{cloud.fc_url}/_local/settings", content=body, **LOOPBACK)
    assert (answer.status_code, answer.json()["error"]) == (400, "a JSON object is expected")


def test_a_cloud_begins_with_the_switches_of_its_configuration(tmp_path: Path) -> None:
    template = tmp_path / "template.json"
    template.write_text('{"ROSTemplateFormatVersion": "2015-09-01", "Resources": {}}', encoding="utf-8")
    config = CloudConfig(
        tmp_path / "state",
        template,
        tmp_path,
        switches=Switches(eci={"tags_mode": "drop"}, fc={"async_delay": "ignore"}),
    )
    with Cloud(config) as cloud:
        assert cloud.control.settings()["tags_mode"] == "drop"
        assert cloud.fc.settings()["async_delay"] == "ignore"


def by_the_published_sdk(cloud: Cloud, *, secret: str | None = None, body: bytes = b"{}") -> int:
    """The status of an asynchronous invocation that the vendor's SDK of version 3.0 makes."""
    credential = cloud.key
    config = Config(
        access_key_id=credential.access_key_id,
        access_key_secret=secret or credential.access_key_secret,
        security_token=credential.security_token,
        endpoint=cloud.fc_url.removeprefix("http://"),
        protocol="http",
    )
    headers = models.InvokeFunctionHeaders(x_fc_invocation_type="Async")
    request = models.InvokeFunctionRequest(body=io.BytesIO(body))
    try:
        answer = Client(config).invoke_function_with_options("f", request, headers, RuntimeOptions())
    except TeaException as error:
        return int(error.statusCode or 0)
    return int(answer.status_code)


@pytest.mark.parametrize(
    ("taken", "fc2", "acs3"),
    [("both", True, 202), ("fc2", True, 403), ("acs3", False, 202), ("none", False, 403)],
)
def test_one_signature_is_taken_the_other_or_both(cloud: Cloud, taken: str, fc2: bool, acs3: int) -> None:
    cloud.fc.settings(signatures=taken)
    assert by_the_published_sdk(cloud) == acs3
    if fc2:
        cloud.fc.invoke_async("f", b"")
    else:
        with pytest.raises(FcControlError, match=r"403.*is not taken here"):
            cloud.fc.invoke_async("f", b"")


def test_a_wrong_secret_is_refused(cloud: Cloud) -> None:
    assert by_the_published_sdk(cloud, secret="wrong") == 403
