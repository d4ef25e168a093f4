"""Asynchronous invocation: the API, retries, dead letters, and what survives a restart."""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import fc2
import httpx
import pytest

from local.base.database import connect
from local.base.delivery import MAX_PAYLOAD_BYTES
from local.base.loopback import LOOPBACK
from local.base.state_folder import StateInUseError
from local.cloud.cloud import Cloud, CloudConfig
from local.fc.control import FcControlError
from local.fc.dispatcher import RetryPolicy
from local.permissions.credentials import CredentialStore
from tests.support.for_each import for_each
from tests.support.waiting import wait_until

HANDLERS = '''
import os, time


def note(event, context):
    """Writes the event to the file of its own name, and fails while a file says so."""
    print(context.request_id)
    with open(os.environ["NOTES"], "ab") as notes:
        notes.write(event + b"\\n")
    if os.path.exists(os.environ["FAIL"]):
        raise RuntimeError("told to fail")
    return "noted"


def waits(event, context):
    while not os.path.exists(event.decode()):
        time.sleep(0.01)
'''
QUICK = RetryPolicy(retries=2, first_pause_seconds=0.01)


class Folder:
    """A state folder, and what the functions find in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "handlers.py").write_text(HANDLERS, encoding="utf-8")
        functions = {
            name.title(): {
                "Type": "ALIYUN::FC3::Function",
                "Properties": {
                    "FunctionName": name,
                    "Handler": f"handlers.{name}",
                    "Runtime": "python3.12",
                    "Timeout": 60,
                },
            }
            for name in ("note", "waits")
        }
        functions |= {
            f"{name.title()}Async": {
                "Type": "ALIYUN::FC3::AsyncInvokeConfig",
                "Properties": {"FunctionName": name, "AsyncTask": True},
            }
            for name in ("note", "waits")
        }
        document = {"ROSTemplateFormatVersion": "2015-09-01", "Resources": functions}
        (path / "template.json").write_text(json.dumps(document), encoding="utf-8")

    def cloud(self, **options: Any) -> Cloud:
        environment = {"NOTES": str(self.path / "notes"), "FAIL": str(self.path / "fail")}
        config = CloudConfig(
            self.path / "state",
            self.path / "template.json",
            self.path,
            environment=environment,
            **{"retry": QUICK, **options},
        )
        return Cloud(config)

    def notes(self) -> list[str]:
        path = self.path / "notes"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def fail(self, *, now: bool = True) -> None:
        if now:
            (self.path / "fail").touch()
        else:
            (self.path / "fail").unlink()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def states(cloud: Cloud) -> list[str]:
    return [one["state"] for one in cloud.fc.deliveries()]


def test_an_accepted_event_is_delivered_with_its_request_id(folder: Folder) -> None:
    with folder.cloud() as cloud:
        request_id = cloud.fc.invoke_async("note", b"one")
        wait_until(lambda: states(cloud) == ["done"])
        (delivery,) = cloud.fc.deliveries()
        assert folder.notes() == ["one"]
        assert [line["line"] for line in cloud.fc.logs()] == [request_id]
        assert (delivery["attempts"], delivery["source"], delivery["error"]) == (1, "api", None)
        assert cloud.fc.dead_letters() == []


def test_a_failing_event_is_tried_again_with_the_same_id_and_then_buried(folder: Folder) -> None:
    folder.fail()
    with folder.cloud() as cloud:
        request_id = cloud.fc.invoke_async("note", b"one")
        wait_until(lambda: states(cloud) == ["dead"])
        (letter,) = cloud.fc.dead_letters()
        assert folder.notes() == ["one"] * 3
        assert {line["line"] for line in cloud.fc.logs() if line["stream"] == "stdout"} == {request_id}
        (told,) = [line["line"] for line in cloud.fc.logs() if line["stream"] == "platform"]
        assert "given up after 3 invocations" in told
        assert (letter["attempts"], letter["payload"], letter["request_id"]) == (3, "one", request_id)
        assert letter["error"].startswith("UnhandledInvocationError")
        assert "told to fail" in letter["error"]


def test_an_event_that_succeeds_at_last_is_done(folder: Folder) -> None:
    folder.fail()
    slower = RetryPolicy(retries=8, first_pause_seconds=0.05)
    with folder.cloud(retry=slower) as cloud:
        cloud.fc.invoke_async("note", b"one")
        wait_until(lambda: len(folder.notes()) >= 2)
        folder.fail(now=False)
        wait_until(lambda: states(cloud) == ["done"])


def test_no_retry_where_none_is_wanted(folder: Folder) -> None:
    folder.fail()
    with folder.cloud(retry=RetryPolicy(retries=0)) as cloud:
        cloud.fc.invoke_async("note", b"one")
        wait_until(lambda: states(cloud) == ["dead"])
    assert folder.notes() == ["one"]


def test_an_event_that_is_too_old_is_given_up(folder: Folder) -> None:
    folder.fail()
    policy = RetryPolicy(retries=8, first_pause_seconds=10.0, max_age_seconds=5.0)
    with folder.cloud(retry=policy) as cloud:
        cloud.fc.invoke_async("note", b"one")
        wait_until(lambda: states(cloud) == ["dead"])
    assert folder.notes() == ["one"]


@for_each(("failures", "seconds"), [(1, 1.0), (2, 2.0), (4, 8.0), (7, 60.0), (5000, 60.0)], ids=str)
def test_the_pauses_double_up_to_a_bound(failures: int, seconds: float) -> None:
    assert RetryPolicy().pause_seconds(failures) == seconds


def test_a_throttled_event_is_tried_again_and_that_is_no_attempt(folder: Folder) -> None:
    flag = folder.path / "flag"
    with folder.cloud(max_instances=1, retry=RetryPolicy(retries=0, first_pause_seconds=0.01)) as cloud:
        for _ in range(2):
            cloud.fc.invoke_async("waits", str(flag).encode())
        wait_until(lambda: any(one["throttled"] > 1 for one in cloud.fc.deliveries()))
        flag.touch()
        wait_until(lambda: states(cloud) == ["done", "done"])
        assert [one["attempts"] for one in cloud.fc.deliveries()] == [1, 1]


def test_a_task_id_is_taken_once_for_a_function(folder: Folder) -> None:
    with folder.cloud() as cloud:
        cloud.fc.invoke_async("note", b"one", task_id="task-1")
        with pytest.raises(FcControlError, match="409"):
            cloud.fc.invoke_async("note", b"two", task_id="task-1")
        wait_until(lambda: states(cloud) == ["done"])
        with pytest.raises(FcControlError, match="409"):
            cloud.fc.invoke_async("note", b"three", task_id="task-1")
        cloud.fc.invoke_async("waits", b"/", task_id="task-1")
        wait_until(lambda: states(cloud) == ["done", "done"])
    assert folder.notes() == ["one"]


def test_a_delayed_event_waits(folder: Folder) -> None:
    with folder.cloud() as cloud:
        cloud.fc.invoke_async("note", b"late", delay_seconds=3600)
        cloud.fc.invoke_async("note", b"soon", delay_seconds=1)
        cloud.fc.invoke_async("note", b"now")
        wait_until(lambda: len(folder.notes()) == 2)
        late, soon, now = cloud.fc.deliveries()
    assert folder.notes() == ["now", "soon"]
    assert (late["state"], late["due_at"] - late["accepted_at"]) == ("waiting", 3600)
    assert soon["due_at"] - soon["accepted_at"] == 1
    assert now["due_at"] == now["accepted_at"]


@pytest.mark.parametrize(
    ("headers", "status", "message"),
    [
        pytest.param({"x-fc-async-delay": "0"}, 400, "1 to 3600", id="no-delay"),
        pytest.param({"x-fc-async-delay": "3601"}, 400, "1 to 3600", id="long-delay"),
        pytest.param({"x-fc-async-delay": "1.5"}, 400, "1 to 3600", id="fraction"),
        pytest.param({"x-fc-async-task-id": "1st"}, 400, "a letter or _", id="task-id-begins-with-a-digit"),
        pytest.param({"x-fc-async-task-id": "t" * 129}, 400, "at most 128", id="long-task-id"),
        pytest.param({"x-fc-invocation-type": "Later"}, 400, "Sync or Async", id="kind"),
    ],
)
def test_a_wrong_header_is_refused(
    folder: Folder, headers: dict[str, str], status: int, message: str
) -> None:
    with folder.cloud() as cloud:
        answer = call(cloud, "note", b"x", {"x-fc-invocation-type": "Async", **headers})
        assert (answer.status_code, answer.json()["Code"]) == (status, "InvalidArgument")
        assert message in answer.json()["Message"]
        assert cloud.fc.deliveries() == []


def call(cloud: Cloud, function: str, payload: bytes, headers: dict[str, str]) -> httpx.Response:
    """A call of the API that the vendor's SDK has signed, in the form of Function Compute 3.0."""
    store = CredentialStore(cloud.config.state / "cloud.db")
    key = store.issue()
    store.close()
    client = fc2.Client(
        endpoint=cloud.fc_url,
        accessKeyID=key.access_key_id,
        accessKeySecret=key.access_key_secret,
        securityToken=key.security_token,
    )
    path = f"/2023-03-30/functions/{function}/invocations"
    signed = client._build_common_headers("POST", path, headers)  # noqa: SLF001 - no public way to sign this path
    signed.pop("content-length")
    return httpx.post(cloud.fc_url + path, content=payload, headers=signed, **LOOPBACK, timeout=30.0)


def test_the_vendors_sdk_can_sign_both_kinds_of_call(folder: Folder) -> None:
    with folder.cloud() as cloud:
        answer = call(cloud, "note", b"now", {})
        assert (answer.status_code, answer.content) == (200, b"noted")
        answer = call(cloud, "note", b"later", {"x-fc-invocation-type": "Async"})
        assert (answer.status_code, answer.content) == (202, b"")
        wait_until(lambda: states(cloud) == ["done"])
        assert cloud.fc.deliveries()[0]["request_id"] == answer.headers["x-fc-request-id"]
    assert folder.notes() == ["now", "later"]


def test_a_failing_synchronous_call_succeeds_with_a_header_that_tells(folder: Folder) -> None:
    folder.fail()
    with folder.cloud() as cloud:
        answer = call(cloud, "note", b"now", {})
    assert (answer.status_code, answer.headers["x-fc-error-type"]) == (200, "UnhandledInvocationError")
    assert answer.json()["errorMessage"] == "told to fail"


def test_an_event_over_128_kb_is_refused(folder: Folder) -> None:
    with folder.cloud() as cloud:
        cloud.fc.invoke_async("note", b"x" * MAX_PAYLOAD_BYTES)
        with pytest.raises(FcControlError, match="413"):
            cloud.fc.invoke_async("note", b"x" * (MAX_PAYLOAD_BYTES + 1))
        wait_until(lambda: states(cloud) == ["done"])


def test_an_event_for_an_unknown_function_is_refused(folder: Folder) -> None:
    with folder.cloud() as cloud, pytest.raises(FcControlError, match=r"404.*FunctionNotFound"):
        cloud.fc.invoke_async("nobody", b"x")


@pytest.mark.deep
def test_what_waits_is_delivered_after_a_restart(folder: Folder) -> None:
    with folder.cloud() as cloud:
        request_id = cloud.fc.invoke_async("note", b"one", delay_seconds=3600)
        database = cloud.config.state / "cloud.db"
    connection = connect(database)
    connection.execute("UPDATE deliveries SET due_at = 0")  # an hour has passed
    connection.close()
    with folder.cloud() as cloud:
        wait_until(lambda: states(cloud) == ["done"])
        assert [line["line"] for line in cloud.fc.logs()] == [request_id]
    assert folder.notes() == ["one"]


def test_what_was_cut_off_by_the_end_is_tried_again(folder: Folder) -> None:
    flag = folder.path / "flag"
    with folder.cloud() as cloud:
        cloud.fc.invoke_async("waits", str(flag).encode())
        wait_until(lambda: states(cloud) == ["running"])
    flag.touch()
    with folder.cloud() as cloud:
        wait_until(lambda: states(cloud) == ["done"])
        assert cloud.fc.deliveries()[0]["attempts"] == 1


def test_an_event_for_a_function_that_is_gone_is_a_dead_letter(folder: Folder) -> None:
    with folder.cloud() as cloud:
        cloud.fc.invoke_async("note", b"one", delay_seconds=1)
        config = cloud.config
    document = json.loads(config.template.read_text(encoding="utf-8"))
    del document["Resources"]["Note"], document["Resources"]["NoteAsync"]
    config.template.write_text(json.dumps(document), encoding="utf-8")
    with folder.cloud() as cloud:
        wait_until(lambda: states(cloud) == ["dead"])
        assert cloud.fc.dead_letters()[0]["error"] == "FunctionNotFound: there is no function 'note'"


@pytest.mark.deep
def test_two_clouds_do_not_share_a_state_folder(folder: Folder) -> None:
    with folder.cloud() as cloud, pytest.raises(StateInUseError, match="another process serves"):
        Cloud(replace(cloud.config))
    with folder.cloud() as cloud:
        assert cloud.invoke("note", b"x").payload == b"noted"


def three_free_ports() -> int:
    """The first of three free ports in a row."""
    for base in range(20_000, 30_000, 3):
        with ExitStack() as stack:
            try:
                for port in range(base, base + 3):
                    stack.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                continue
            return base
    pytest.fail("no three free ports in a row")


def test_ports_can_be_chosen(folder: Folder) -> None:
    ports = three_free_ports()
    with folder.cloud(port_base=ports) as cloud:
        assert (cloud.eci_url, cloud.fc_url, cloud.events_url) == (
            f"http://127.0.0.1:{ports}",
            f"http://127.0.0.1:{ports + 1}",
            f"http://127.0.0.1:{ports + 2}/events",
        )
