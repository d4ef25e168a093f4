"""The hand-off against a server that plays Function Compute, and against all that a network can do instead.

The server is a plain socket server with a script of answers, so that it can say what no HTTP library would.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import logging
import os
import re
import socket
import struct
import subprocess
import sys
import textwrap
import threading
import time
import traceback
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from fc2.auth import Auth

from imagecache.base.credentials import Credentials
from imagecache.base.deadline import Deadline
from imagecache.base.errors import HandOffError
from imagecache.clients.function_compute import KNOWN_ID, MOST_PAYLOAD_BYTES, FcTaskStore, TaskConnections
from imagecache.clients.task_store import Stored
from imagecache.config.settings import FollowSettings
from tests.support.depth import every_value
from tests.support.eci import LocalEci
from tests.support.http_server import QuietHandler, serve_http

ROOT = Path(__file__).parents[2]
PATH = "/2023-03-30/functions/on-follow/invocations"
KEY_ID, SECRET, TOKEN = "STS.MARKkeyid", "MARK-secret", "MARK-token+/=="
CREDENTIALS = Credentials(KEY_ID, SECRET, TOKEN)
PAYLOAD = b'{"version":1}'
MARK = re.compile("MARK")


@dataclass(frozen=True)
class Request:
    """What the server got."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    port: int


@dataclass
class Recorded:
    """A running server: what it got, and what it is to answer, the last answer again and again.

    An answer is a status, or the very bytes to send before the connection ends, or ``reset`` or ``hang``.
    """

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    answers: list[int | bytes | str] = field(default_factory=lambda: [202])
    over: threading.Event = field(default_factory=threading.Event)

    def next_answer(self) -> int | bytes | str:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def _handler(recorded: Recorded) -> type[BaseHTTPRequestHandler]:
    class Handler(QuietHandler):
        def respond(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            recorded.requests.append(Request(self.path, headers, body, self.client_address[1]))
            answer = recorded.next_answer()
            if isinstance(answer, int):
                elsewhere = (("location", recorded.url + "/elsewhere"),) if 300 <= answer < 400 else ()
                # A body that repeats a secret must not come back in any text of ours.
                told = {"ErrorMessage": f"signed with {SECRET} and {TOKEN}"}
                self.answer(answer, json.dumps(told).encode(), *elsewhere)
                return
            self.close_connection = True
            if answer == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif answer == "hang":
                recorded.over.wait(10)
            else:
                assert isinstance(answer, bytes)
                self.wfile.write(answer)

    return Handler


@pytest.fixture
def fc() -> Iterator[Recorded]:
    recorded = Recorded()
    with serve_http(_handler(recorded)) as host:
        recorded.url = f"http://{host}"
        yield recorded
        recorded.over.set()


@pytest.fixture
def connections() -> Iterator[TaskConnections]:
    shared = TaskConnections()
    yield shared
    shared.session.close()


@dataclass
class Pauses:
    """Waits between attempts, noted instead of waited for."""

    seconds: list[float] = field(default_factory=list)

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


NewStore = Callable[..., FcTaskStore]


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
def new_store(fc: Recorded, connections: TaskConnections, pauses: Pauses) -> NewStore:
    """Makes a store; its invocation has ``seconds`` left."""

    def make(credentials: Credentials = CREDENTIALS, *, seconds: float = 30.0, url: str = "") -> FcTaskStore:
        # A deadline keeps one second to record and answer.
        deadline = Deadline(seconds + 1.0, reserve_seconds=4.0)
        return FcTaskStore(
            FollowSettings("on-follow", url or fc.url), credentials, deadline, connections, sleep=pauses
        )

    return make


def refusal(store: FcTaskStore) -> HandOffError:
    with pytest.raises(HandOffError) as raised:
        store.store(PAYLOAD, task_id="imc-1", delay_seconds=30)
    return raised.value


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_the_call_is_an_asynchronous_delayed_invocation_of_version_3(
    fc: Recorded, new_store: NewStore
) -> None:
    new_store().store(PAYLOAD, task_id="imc-abc-1", delay_seconds=900)
    (request,) = fc.requests
    assert request.path == PATH
    assert request.body == PAYLOAD
    told = {name: value for name, value in request.headers.items() if name.startswith("x-fc-")}
    assert told == {
        "x-fc-invocation-type": "Async",
        "x-fc-async-delay": "900",
        "x-fc-async-task-id": "imc-abc-1",
        "x-fc-security-token": TOKEN,
    }
    assert request.headers["content-type"] == "application/json"
    sent_at = datetime.strptime(request.headers["date"], "%a, %d %b %Y %H:%M:%S GMT")  # noqa: DTZ007 - set below
    assert abs((datetime.now(timezone.utc) - sent_at.replace(tzinfo=timezone.utc)).total_seconds()) < 60


@pytest.mark.parametrize("token", [TOKEN, ""], ids=["temporary key", "lasting key"])
def test_the_signature_is_the_one_of_fc2_over_what_arrived(
    fc: Recorded, new_store: NewStore, token: str
) -> None:
    new_store(Credentials(KEY_ID, SECRET, token)).store(PAYLOAD, task_id="imc-1", delay_seconds=30)
    (request,) = fc.requests
    signed = Auth(KEY_ID, SECRET, token).sign_request("POST", request.path, dict(request.headers))
    assert request.headers["authorization"] == signed


def test_the_signature_is_an_hmac_of_the_documented_text(fc: Recorded, new_store: NewStore) -> None:
    new_store().store(PAYLOAD, task_id="imc-1", delay_seconds=30)
    (request,) = fc.requests
    signed_headers = "".join(
        f"{name}:{request.headers[name]}\n" for name in sorted(request.headers) if name.startswith("x-fc-")
    )
    text = f"POST\n\napplication/json\n{request.headers['date']}\n{signed_headers}{PATH}"
    digest = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).digest()
    assert request.headers["authorization"] == f"FC {KEY_ID}:{b64encode(digest).decode()}"


def test_a_lasting_key_sends_no_token_header(fc: Recorded, new_store: NewStore) -> None:
    new_store(Credentials(KEY_ID, SECRET)).store(PAYLOAD, task_id="imc-1", delay_seconds=30)
    (request,) = fc.requests
    assert "x-fc-security-token" not in request.headers
    assert "None" not in str(dict(request.headers))


def conflict(document: Any) -> bytes:
    """An answer 409 with a JSON body; the connection is closed after it."""
    body = json.dumps(document).encode()
    return b"HTTP/1.1 409 Conflict\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


KNOWN = conflict({"Code": KNOWN_ID, "Message": "the task is known"})


@pytest.mark.parametrize(
    ("answer", "stored"),
    [
        pytest.param(202, Stored.NOW, id="accepted"),
        pytest.param(KNOWN, Stored.BEFORE, id="known already"),
        pytest.param(conflict({"ErrorCode": KNOWN_ID}), Stored.BEFORE, id="known, with the other key"),
        pytest.param(conflict({"Code": "ConcurrentUpdateError"}), Stored.REFUSED, id="another conflict"),
        pytest.param(
            conflict(
                {"Code": "ConcurrentUpdateError", "Message": f'no "{KNOWN_ID}", but "Code":"{KNOWN_ID}"'}
            ),
            Stored.REFUSED,
            id="another conflict whose message has the code",
        ),
        pytest.param(conflict({"Code": f"{KNOWN_ID}Elsewhere"}), Stored.REFUSED, id="a longer code"),
        pytest.param(conflict([]), Stored.REFUSED, id="a conflict without a code"),
        pytest.param(409, Stored.REFUSED, id="a conflict that says other things"),
        pytest.param(b"HTTP/1.1 409 \r\nconnection: close\r\n\r\n", Stored.REFUSED, id="an empty conflict"),
    ],
)
def test_only_a_conflict_with_the_code_of_a_known_task_says_that_it_is_stored_before(
    fc: Recorded, new_store: NewStore, answer: Any, stored: Stored
) -> None:
    fc.answers = [answer]
    assert new_store().store(PAYLOAD, task_id="imc-1", delay_seconds=30) is stored
    assert len(fc.requests) == 1


@pytest.mark.parametrize("status", [200, 400, 403, 404])
def test_the_code_of_a_known_task_counts_with_a_conflict_alone(
    fc: Recorded, new_store: NewStore, status: int
) -> None:
    fc.answers = [KNOWN.replace(b"409 Conflict", b"%d Other" % status)]
    assert str(status) in str(refusal(new_store()))


@pytest.mark.parametrize("status", [200, 204, 302, 307, 400, 404, 412, 413])
def test_any_other_answer_below_500_is_a_failure_at_once(
    fc: Recorded, new_store: NewStore, pauses: Pauses, status: int
) -> None:
    fc.answers = [status]
    error = refusal(new_store())
    assert str(status) in str(error)
    assert len(fc.requests) == 1
    assert pauses.seconds == []


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 599])
def test_throttling_and_server_faults_are_tried_three_times(
    fc: Recorded, new_store: NewStore, pauses: Pauses, status: int
) -> None:
    fc.answers = [status]
    error = refusal(new_store())
    assert str(status) in str(error)
    assert len(fc.requests) == 3
    assert pauses.seconds == [0.2, 0.4]


@pytest.mark.parametrize("fault", [503, 429, "reset", b"", b"no HTTP\r\n\r\n"], ids=repr)
def test_a_fault_that_passes_does_no_harm(fc: Recorded, new_store: NewStore, fault: Any) -> None:
    fc.answers = [fault, 202]
    new_store().store(PAYLOAD, task_id="imc-1", delay_seconds=30)
    first, second = fc.requests
    assert first.headers["x-fc-async-task-id"] == second.headers["x-fc-async-task-id"] == "imc-1"
    assert first.body == second.body == PAYLOAD


def test_a_task_that_was_stored_before_the_connection_broke_is_found_stored(
    fc: Recorded, new_store: NewStore
) -> None:
    fc.answers = ["reset", KNOWN]
    assert new_store().store(PAYLOAD, task_id="imc-1", delay_seconds=30) is Stored.BEFORE
    assert len(fc.requests) == 2


# Closed after each answer, so that no attempt meets the end of the one before it.
OK = b"HTTP/1.1 202 Accepted\r\nconnection: close\r\n"
GARBAGE = {
    "nothing": b"",
    "one byte": b"H",
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
    "binary": bytes(range(256)),
    "status is text": b"HTTP/1.1 OK\r\n\r\n",
    "status of two digits": b"HTTP/1.1 42\r\n\r\n",
    "a status line without an end": b"HTTP/1.1 202 " + b"A" * 70_000,
    "a header without an end": OK + b"x: " + b"A" * 70_000,
    "more headers than there may be": OK + b"x: y\r\n" * 200 + b"\r\n",
    "body shorter than announced": OK + b"content-length: 100\r\n\r\n{",
    "chunk without a size": OK + b"transfer-encoding: chunked\r\n\r\nzz\r\n",
    "chunk cut off": OK + b"transfer-encoding: chunked\r\n\r\nff\r\n{",
}


@pytest.mark.parametrize("answer", GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_tried_again_a_bounded_number_of_times_and_then_a_hand_off_error(
    fc: Recorded, new_store: NewStore, answer: bytes
) -> None:
    fc.answers = [answer]
    error = refusal(new_store())
    assert len(fc.requests) == 3
    assert str(error).startswith("the follow task could not be sent: ")


@pytest.mark.parametrize(
    "headers",
    [b"content-length: many\r\n\r\n", b"content-encoding: gzip\r\ncontent-length: 4\r\n\r\nabcd"],
    ids=["a length that is not a number", "a body that is not gzip"],
)
def test_what_the_body_of_an_acceptance_holds_does_not_count(
    fc: Recorded, new_store: NewStore, headers: bytes
) -> None:
    fc.answers = [OK + headers]
    new_store().store(PAYLOAD, task_id="imc-1", delay_seconds=30)
    assert len(fc.requests) == 1


def test_a_connection_that_is_reset_each_time_is_a_hand_off_error(fc: Recorded, new_store: NewStore) -> None:
    fc.answers = ["reset"]
    refusal(new_store())
    assert len(fc.requests) == 3


def test_a_refused_connection_is_a_hand_off_error_within_a_moment(
    new_store: NewStore, pauses: Pauses
) -> None:
    started = time.monotonic()
    refusal(new_store(url=f"http://127.0.0.1:{free_port()}"))
    assert time.monotonic() - started < 5
    assert pauses.seconds == [0.2, 0.4]


def test_a_server_that_does_not_answer_costs_no_more_than_the_time_that_is_left(
    fc: Recorded, new_store: NewStore
) -> None:
    fc.answers = ["hang"]
    started = time.monotonic()
    refusal(new_store(seconds=0.9))
    assert 0.8 < time.monotonic() - started < 3
    assert len(fc.requests) == 1


def test_an_answer_that_stops_in_the_middle_costs_no_more_than_the_time_that_is_left(
    new_store: NewStore,
) -> None:
    with half_an_answer() as url:
        started = time.monotonic()
        refusal(new_store(seconds=0.9, url=url))
        assert time.monotonic() - started < 3


@contextmanager
def half_an_answer() -> Iterator[str]:
    """A server whose answer begins and never ends."""
    listening = socket.create_server(("127.0.0.1", 0))
    accepted: list[socket.socket] = []

    def answer() -> None:
        connection, _ = listening.accept()
        accepted.append(connection)
        connection.recv(65536)
        connection.sendall(OK + b"content-length: 100\r\n\r\n{")

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    thread.join(10)
    for connection in accepted:
        connection.close()
    listening.close()


@pytest.mark.parametrize("seconds", [-5.0, -1.0, -0.6])
def test_without_time_left_no_call_is_made(fc: Recorded, new_store: NewStore, seconds: float) -> None:
    assert "no time is left" in str(refusal(new_store(seconds=seconds)))
    assert fc.requests == []


def test_the_time_that_other_calls_must_leave_is_there_for_the_hand_off(
    fc: Recorded, new_store: NewStore
) -> None:
    new_store(seconds=2.0).store(PAYLOAD, task_id="imc-1", delay_seconds=30)
    assert len(fc.requests) == 1


@pytest.mark.parametrize(("size", "stored"), [(MOST_PAYLOAD_BYTES, True), (MOST_PAYLOAD_BYTES + 1, False)])
def test_a_message_that_the_platform_would_not_take_is_not_sent(
    fc: Recorded, new_store: NewStore, size: int, stored: bool
) -> None:
    store = new_store()
    if stored:
        store.store(b"x" * size, task_id="imc-1", delay_seconds=30)
    else:
        with pytest.raises(HandOffError, match="131073 bytes"):
            store.store(b"x" * size, task_id="imc-1", delay_seconds=30)
    assert [len(request.body) for request in fc.requests] == ([size] if stored else [])


def test_the_limit_is_that_of_asynchronous_invocations() -> None:
    assert MOST_PAYLOAD_BYTES == 131072


def test_a_redirection_is_not_followed(fc: Recorded, new_store: NewStore) -> None:
    fc.answers = [307, 202]
    refusal(new_store())
    assert [request.path for request in fc.requests] == [PATH]


def test_the_connection_outlives_an_invocation_and_its_credentials(fc: Recorded, new_store: NewStore) -> None:
    new_store(Credentials("STS.first", "first", "one")).store(PAYLOAD, task_id="imc-1", delay_seconds=30)
    new_store(Credentials("STS.second", "second", "two")).store(PAYLOAD, task_id="imc-2", delay_seconds=30)
    first, second = fc.requests
    assert first.port == second.port
    assert second.headers["authorization"].startswith("FC STS.second:")
    assert second.headers["x-fc-security-token"] == "two"


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"])
def test_loopback_never_goes_through_a_proxy(
    fc: Recorded, new_store: NewStore, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    new_store().store(PAYLOAD, task_id="imc-1", delay_seconds=30)
    assert len(fc.requests) == 1


def test_a_netrc_entry_does_not_replace_the_signature(
    fc: Recorded, new_store: NewStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password other\ndefault login a password b\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    new_store().store(PAYLOAD, task_id="imc-1", delay_seconds=30)
    assert fc.requests[0].headers["authorization"].startswith(f"FC {KEY_ID}:")


@contextmanager
def everything_logged() -> Iterator[io.StringIO]:
    """All that any logger says, at every level."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield stream
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


def chain(error: BaseException | None) -> Iterator[str]:
    """Every text of an exception and of all that it came from."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield f"{one!s} {one!r} {one.args}"
        yield "".join(traceback.format_exception(one))
        waiting += [one.__cause__, one.__context__]


SECRET_PATHS: dict[str, int | bytes | str] = {
    "stored": 202,
    "known already": KNOWN,
    "another conflict": 409,
    "forbidden": 403,
    "server fault": 500,
    "reset": "reset",
    "hang": "hang",
    "garbage": b"MARK is no HTTP\r\n\r\n",
    "garbage in the status": b"HTTP/1.1 MARK\r\n\r\n",
    "garbage in a header": OK + b"MARK\r\ncontent-length: 0\r\n\r\n",
}


@pytest.mark.parametrize("answer", SECRET_PATHS.values(), ids=SECRET_PATHS)
def test_nothing_secret_is_logged_or_told(
    fc: Recorded, new_store: NewStore, answer: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    fc.answers = [answer]
    told: list[str] = []
    with everything_logged() as logged:
        logging.debug("the log is read")  # noqa: LOG015 - on the logger that fc2 writes to
        try:
            new_store(seconds=0.9).store(PAYLOAD, task_id="imc-1", delay_seconds=30)
        except HandOffError as error:
            told += chain(error)
    out, err = capfd.readouterr()
    assert "the log is read" in logged.getvalue()
    # What a server wrote into its own garbage is no secret of ours, but the same rule keeps both out.
    for text in (*told, out, err):
        assert not MARK.search(text)
    assert not any(secret in logged.getvalue() for secret in (SECRET, TOKEN, KEY_ID, "string to sign"))


def test_a_refused_connection_tells_nothing_secret(new_store: NewStore) -> None:
    with everything_logged() as logged:
        error = refusal(new_store(url=f"http://127.0.0.1:{free_port()}"))
    assert not any(MARK.search(text) for text in chain(error))
    assert not MARK.search(logged.getvalue())


def test_the_store_has_no_secret_in_its_text_form(new_store: NewStore) -> None:
    assert not MARK.search(repr(new_store()))


@every_value
@pytest.mark.parametrize("level", [logging.NOTSET, logging.INFO, logging.CRITICAL + 5])
@pytest.mark.parametrize("answer", [202, 403], ids=["stored", "not stored"])
def test_what_was_disabled_in_logging_is_so_afterwards(
    fc: Recorded, new_store: NewStore, level: int, answer: int
) -> None:
    fc.answers = [answer]
    before = logging.root.manager.disable
    logging.disable(level)
    try:
        store = new_store()
        if answer == 202:
            store.store(PAYLOAD, task_id="imc-1", delay_seconds=30)
        else:
            refusal(store)
        assert logging.root.manager.disable == level
    finally:
        logging.disable(before)


IMPORTS = """
    import json, sys
    from types import SimpleNamespace

    def loaded():
        return sorted({name.split(".")[0] for name in sys.modules} & {"fc2", "aliyunsdkcore"})

    import on_push, on_webhook, on_manual, on_timer, on_follow
    steps = {"imported": loaded()}
    context = SimpleNamespace(request_id="r-1", function=SimpleNamespace(timeout=60))

    def push(repository, kind="cr:Artifact:PushCompleted"):
        data = {"InstanceId": "cri-1", "InstanceName": "acme", "RegionId": "cn-hangzhou",
                "RepoNamespaceName": "prod", "RepoName": repository, "Tag": "latest"}
        event = {"id": repository, "source": "acs.cr", "specversion": "1.0", "type": kind, "data": data}
        return on_push.handler(json.dumps(event).encode(), context)["outcomes"][0]

    assert push("web", "cr:Artifact:Other")["reason"] == "UNKNOWN_EVENT_TYPE"
    steps["ignored"] = loaded()
    assert push("other")["reason"] == "NO_MATCH"
    steps["looked"] = loaded()
    outcome = push("web")
    assert (outcome["result"], bool(outcome["follow_task_id"])) == ("refreshed", True), outcome
    steps["handed off"] = loaded()
    print("steps " + json.dumps(steps))
"""


def test_fc2_is_imported_with_the_first_hand_off_and_not_before(fc: Recorded, eci: LocalEci) -> None:
    key = eci.credential
    eci.cache("acme-registry.cn-hangzhou.cr.aliyuncs.com/prod/web:latest")
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(IMPORTS)],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "functions"),
            "ALIBABA_CLOUD_ACCESS_KEY_ID": key.access_key_id,
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": key.access_key_secret,
            "ALIBABA_CLOUD_SECURITY_TOKEN": key.security_token or "",
            "IMC_REGIONS": "cn-hangzhou",
            "IMC_ECI_ENDPOINT": eci.url,
            "IMC_FC_ENDPOINT": fc.url,
            "IMC_FOLLOW_FUNCTION": "on-follow",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    (line,) = [line for line in ran.stdout.splitlines() if line.startswith("steps ")]
    assert json.loads(line.removeprefix("steps ")) == {
        "imported": [],
        "ignored": [],
        "looked": ["aliyunsdkcore"],
        "handed off": ["aliyunsdkcore", "fc2"],
    }
    assert [request.path for request in fc.requests] == [PATH]
