"""Invocations are signed as Function Compute wants it: by either signature, each as its own SDK makes it."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from alibabacloud_fc20230330 import models
from alibabacloud_fc20230330.client import Client
from alibabacloud_tea_openapi.models import Config
from alibabacloud_tea_util.models import RuntimeOptions
from hypothesis import given, settings
from hypothesis import strategies as st

from imagecache.base.credentials import Credentials
from imagecache.base.deadline import Deadline
from imagecache.base.errors import HandOffError
from imagecache.clients.fc_signatures import acs3_authorization
from imagecache.clients.function_compute import FcTaskStore, TaskConnections
from imagecache.clients.task_store import Stored
from imagecache.config.settings import FollowSettings
from tests.support.depth import every_value
from tests.support.http_server import QuietHandler, serve_http

PAYLOAD = b'{"version":2}'
CREDENTIALS = Credentials("STS.MARKkeyid", "MARK-secret", "MARK-token+/==")
FC, ACS3 = "FC ", "ACS3-HMAC-SHA256 "


class Caught:
    """A server that keeps what it gets, and takes what is signed as one of the schemes says."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.takes: tuple[str, ...] = (FC, ACS3)
        self.accepts = 202
        self.refuses = 403
        self.url = ""

    def handler(self) -> type[QuietHandler]:
        caught = self

        class Handler(QuietHandler):
            def respond(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                caught.requests.append((self.path, headers, body))
                taken = headers["authorization"].startswith(caught.takes) if caught.takes else False
                self.answer(caught.accepts if taken else caught.refuses, b"{}")

        return Handler


@pytest.fixture(scope="module")
def shared() -> Iterator[Caught]:
    one = Caught()
    with serve_http(one.handler()) as host:
        one.url = f"http://{host}"
        yield one


@pytest.fixture
def server(shared: Caught) -> Caught:
    shared.requests.clear()
    shared.takes, shared.accepts, shared.refuses = (FC, ACS3), 202, 403
    return shared


def store(
    server: Caught, connections: TaskConnections, credentials: Credentials = CREDENTIALS
) -> FcTaskStore:
    deadline = Deadline(30.0, reserve_seconds=4.0)
    follow = FollowSettings("on-follow", server.url)
    return FcTaskStore(follow, credentials, deadline, connections, sleep=lambda _seconds: None)


def schemes(server: Caught) -> list[str]:
    return [headers["authorization"].partition(" ")[0] + " " for _, headers, _ in server.requests]


@settings(deadline=None)
@given(
    key=st.text("abcXYZ09.", min_size=1, max_size=30),
    secret=st.text("abcXYZ09", min_size=1, max_size=40),
    token=st.none() | st.text("abcXYZ09+/=", min_size=1, max_size=90),
    body=st.binary(max_size=300),
    task_id=st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,60}", fullmatch=True),
)
def test_the_signature_of_version_3_is_that_of_the_published_sdk(
    shared: Caught, key: str, secret: str, token: str | None, body: bytes, task_id: str
) -> None:
    shared.requests.clear()
    endpoint = shared.url.removeprefix("http://")
    config = Config(access_key_id=key, access_key_secret=secret, endpoint=endpoint, protocol="http")
    config.security_token = token
    headers = models.InvokeFunctionHeaders(
        x_fc_invocation_type="Async", common_headers={"x-fc-async-task-id": task_id}
    )
    request = models.InvokeFunctionRequest(body=io.BytesIO(body))
    Client(config).invoke_function_with_options("on-follow", request, headers, RuntimeOptions())
    ((path, got, _),) = shared.requests
    names = got["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    signed = {name: got[name] for name in names}
    assert acs3_authorization(Credentials(key, secret, token or ""), path, signed) == got["authorization"]


TAKEN: dict[str, tuple[tuple[str, ...], list[str]]] = {
    "both": ((FC, ACS3), [FC]),
    "fc2's alone": ((FC,), [FC]),
    "ACS3 alone": ((ACS3,), [FC, ACS3]),
}


@every_value
@pytest.mark.parametrize("refuses", [401, 403])
@pytest.mark.parametrize("case", TAKEN)
def test_either_signature_stores_a_task_under_one_id(server: Caught, case: str, refuses: int) -> None:
    server.takes, tried = TAKEN[case]
    server.refuses = refuses
    assert store(server, TaskConnections()).store(PAYLOAD, task_id="imc-1", delay_seconds=30) is Stored.NOW
    assert schemes(server) == tried
    for _, got, _ in server.requests:
        assert (got["x-fc-async-delay"], got["x-fc-async-task-id"]) == ("30", "imc-1")
    assert {body for _, _, body in server.requests} == {PAYLOAD}


def test_what_was_taken_is_tried_first_from_then_on_and_said_once(
    server: Caught, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    server.takes = (ACS3,)
    connections = TaskConnections()
    for number in range(3):
        store(server, connections).store(PAYLOAD, task_id=f"imc-{number}", delay_seconds=30)
    assert schemes(server) == [FC, ACS3, ACS3, ACS3]
    said = [record.message for record in caplog.records if "signed with" in record.message]
    assert said == ["Function Compute takes invocations that are signed with ACS3-HMAC-SHA256"]


def test_a_signature_that_is_not_taken_any_more_is_tried_the_other_way(server: Caught) -> None:
    connections = TaskConnections()
    for takes in ((ACS3,), (FC,), (ACS3,)):
        server.takes = takes
        assert store(server, connections).store(PAYLOAD, task_id="imc-1", delay_seconds=30) is Stored.NOW
    assert schemes(server) == [FC, ACS3, ACS3, FC, FC, ACS3]


@pytest.mark.parametrize("refuses", [401, 403])
def test_where_both_are_refused_it_says_which_right_is_asked_for(server: Caught, refuses: int) -> None:
    server.takes, server.refuses = (), refuses
    with pytest.raises(HandOffError) as refused:
        store(server, TaskConnections()).store(PAYLOAD, task_id="imc-1", delay_seconds=30)
    assert schemes(server) == [FC, ACS3]
    assert str(refused.value) == (
        f"Function Compute answered {refuses} with FC, {refuses} with ACS3-HMAC-SHA256 to the follow task: "
        "the function's role needs fc:InvokeFunction of on-follow"
    )


def test_the_other_signature_is_not_tried_without_time_for_it(server: Caught) -> None:
    server.takes = ()
    deadline = Deadline(30.0, lambda: 28.8 if server.requests else 0.0)
    one = FcTaskStore(FollowSettings("on-follow", server.url), CREDENTIALS, deadline, TaskConnections())
    with pytest.raises(HandOffError, match="answered 403 with FC to the follow task"):
        one.store(PAYLOAD, task_id="imc-1", delay_seconds=30)
    assert schemes(server) == [FC]


@pytest.mark.parametrize("status", [400, 404, 409, 429, 500])
def test_any_other_answer_is_not_about_the_signature(server: Caught, status: int) -> None:
    server.accepts = status
    one = store(server, TaskConnections())
    if status == 409:
        assert one.store(PAYLOAD, task_id="imc-1", delay_seconds=30) is Stored.REFUSED
    else:
        with pytest.raises(HandOffError, match=str(status)):
            one.store(PAYLOAD, task_id="imc-1", delay_seconds=30)
    assert set(schemes(server)) == {FC}


@pytest.mark.parametrize("token", ["", "MARK-token+/=="])
def test_every_header_is_signed_and_nothing_secret_but_the_token_is_sent(server: Caught, token: str) -> None:
    server.takes = (ACS3,)
    credentials = Credentials("STS.MARKkeyid", "MARK-secret", token)
    store(server, TaskConnections(), credentials).store(PAYLOAD, task_id="imc-1", delay_seconds=30)
    (_, got, _) = server.requests[-1]
    names = set(got["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";"))
    assert {"host", "content-type", "x-fc-async-delay", "x-fc-async-task-id", "x-fc-invocation-type"} <= names
    assert {name for name in got if name.startswith(("x-acs-", "x-fc-"))} <= names
    assert ("x-acs-security-token" in got) is bool(token)
    assert "MARK-secret" not in str(got)


def test_threads_share_what_was_taken(server: Caught) -> None:
    server.takes = (ACS3,)
    connections, stored = TaskConnections(), list[Any]()

    def one(number: int) -> None:
        task = store(server, connections).store(PAYLOAD, task_id=f"imc-{number}", delay_seconds=30)
        stored.append(task)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert stored == [Stored.NOW] * 8
    assert schemes(server).count(ACS3) == 8
