"""Records and failures of a stack in an account: by the vendor's SDKs, from its log service and its queue."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from local.cloud.cloud import Cloud, CloudConfig
from tests.support.account import ACCOUNT_ID, ENDPOINTS, REGION, AccountStub, RefusedError, account_stub
from tests.support.message_queue import QueueServer, queue_server
from tests.support.week_of_records import week_of_records

QUEUE = "imc-refresh-failures"
SECRET = "MARK-secret"


class Log:
    """A log of records, in pages, as GetLogs has it."""

    def __init__(self, records: list[dict[str, Any]]) -> None:
        self.records = records
        self.asked: list[dict[str, Any]] = []
        self.unfinished = 0

    def __call__(self, _action: str, parameters: dict[str, Any], _path: Any) -> Any:
        self.asked.append(parameters)
        if self.unfinished:
            self.unfinished -= 1
            return {"meta": {"progress": "Incomplete"}, "data": []}
        begin, end = int(parameters["offset"]), int(parameters["offset"]) + int(parameters["line"])
        rows = [{"message": json.dumps(each), "__time__": "1"} for each in self.records[begin:end]]
        return {"meta": {"progress": "Complete", "count": len(rows)}, "data": rows}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[AccountStub]:
    with account_stub() as stub:
        monkeypatch.setenv("HTTP_PROXY", stub.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAI-key")
        monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", SECRET)
        monkeypatch.setenv("ALIBABA_CLOUD_REGION_ID", REGION)
        yield stub


@pytest.fixture
def queue(account: AccountStub) -> Iterator[QueueServer]:
    with queue_server(QUEUE) as server:
        server.key = ("LTAI-key", SECRET)
        yield server


def options(queue: QueueServer | None = None) -> tuple[str, ...]:
    places = {name: ENDPOINTS[name] for name in ("sts", "sls", "fc")}
    places |= {"mns": queue.url} if queue else {}
    return tuple(word for name, url in places.items() for word in ("--endpoint", f"{name}={url}"))


def log_of(account: AccountStub, count: int) -> Log:
    """The account's log has so many records of the last hours."""
    now = datetime.now(timezone.utc)
    records = week_of_records()
    made = [
        {**records[number % len(records)], "time": (now - timedelta(seconds=count - number)).isoformat()}
        for number in range(count)
    ]
    log = Log(made)
    vars(account)["_sls"] = log
    return log


def test_all_pages_of_the_log_are_read(ask: Any, account: AccountStub) -> None:
    log = log_of(account, 230)
    said = ask.json("records", *options())
    assert said["records"] == log.records
    assert [int(each["offset"]) for each in log.asked] == [0, 100, 200]
    first = log.asked[0]
    assert int(first["to"]) - int(first["from"]) == pytest.approx(24 * 3600 + 120, abs=5)
    assert "message.door: on_push or message.door: on_webhook" in first["query"]


def test_the_report_is_of_a_week_of_the_log(ask: Any, account: AccountStub) -> None:
    log = log_of(account, 20)
    said = ask.json("report", "--html", str(ask.folder / "r.html"), *options())
    assert said["numbers"]["records"] == 20
    assert int(log.asked[0]["to"]) - int(log.asked[0]["from"]) == pytest.approx(7 * 86400 + 120, abs=5)
    text = (ask.folder / "r.html").read_text(encoding="utf-8")
    assert f"the log imc-refresh-{ACCOUNT_ID}-{REGION}" in text


def test_an_answer_of_a_part_of_the_log_is_asked_again(ask: Any, account: AccountStub) -> None:
    log = log_of(account, 3)
    log.unfinished = 2
    assert len(ask.json("records", *options())["records"]) == 3
    log.unfinished = 5
    said = ask("records", *options())
    assert "did not look through all of the log in time: records are missing" in said.stderr


@pytest.mark.parametrize(
    ("action", "code", "message"),
    [
        ("GetLogs", "ProjectNotExist", "Is --prefix the NamePrefix of a stack in this region?"),
        ("GetLogs", "Unauthorized", "needs the right log:GetLogStoreLogs"),
        ("GetCallerIdentity", "InvalidAccessKeyId.NotFound", "does not take the credentials"),
    ],
)
def test_what_is_refused_is_told(
    ask: Any, account: AccountStub, action: str, code: str, message: str
) -> None:
    log_of(account, 1)
    account.refused[action] = RefusedError(404 if "Not" in code else 403, code)
    said = ask("records", *options())
    assert said.exit_code == 2
    assert message in said.stderr
    assert SECRET not in said.output


@pytest.mark.parametrize(
    "command", [("records",), ("trace", "x"), ("failures",), ("failures", "redrive", "--all")]
)
def test_without_a_region_or_a_key_that_is_told(
    ask: Any, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    said = ask(*command)
    assert said.exit_code == 2
    assert "no region is named" in said.stderr
    assert "'Hangzhou' is no region" in ask(*command, "--region", "Hangzhou").stderr
    assert "SERVICE=HOST is expected" in ask(*command, "--endpoint", "oss=x").stderr


def message(payload: str, function: str = "imc-refresh-on-push") -> str:
    context = {"requestId": "1-r", "functionArn": f"acs:fc:{REGION}:{ACCOUNT_ID}:functions/{function}"}
    return json.dumps({"requestContext": context, "requestPayload": payload})


def test_all_messages_are_listed_and_shown_to_others_again(ask: Any, queue: QueueServer) -> None:
    ids = [queue.send(message("{}")) for _ in range(40)]
    said = ask.json("failures", *options(queue), exit_code=1)
    assert [each["message_id"] for each in said["messages"]] == ids
    assert {each["since"] for each in said["messages"]} == {"2026-03-02T12:00:00+00:00"}
    queue.now += 1
    assert queue.visible == queue.ids == ids


def test_an_empty_queue_is_said(ask: Any, queue: QueueServer) -> None:
    said = ask("failures", *options(queue))
    assert (said.exit_code, said.stdout) == (0, f"{QUEUE}: no failed events\n")


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with Cloud(CloudConfig(tmp_path_factory.mktemp("cloud"))) as running:
        yield running


def test_what_is_accepted_leaves_the_queue_and_nothing_else(
    ask: Any, account: AccountStub, queue: QueueServer, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = cloud.key
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", key.access_key_id)
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", key.access_key_secret)
    queue.key = (key.access_key_id, key.access_key_secret)
    account.forward["fc"] = cloud.fc_url
    timer = json.dumps({"triggerName": "sweep", "triggerTime": "2026-03-02T12:00:00Z", "payload": ""})
    good = [queue.send(message(timer, "imc-refresh-on-timer")) for _ in range(18)]
    stays = [queue.send("not ours"), queue.send(message("{}", "imc-refresh-on-nothing"))]
    said = ask.json("failures", *options(queue), "redrive", "--all", exit_code=1)
    assert [each["message_id"] for each in said["messages"] if each["removed"]] == good
    sent = {each["request_id"] for each in said["messages"] if each["removed"]}
    assert sent == {each["request_id"] for each in cloud.fc.deliveries()}
    queue.now += 1
    assert queue.visible == queue.ids == stays


@pytest.mark.parametrize(
    ("refused", "problem"),
    [
        ({"Delete": "AccessDenied"}, "AccessDenied to DeleteMessage"),
        ({"Delete": "ReceiptHandleError"}, "ReceiptHandleError to DeleteMessage"),
    ],
)
def test_a_message_that_cannot_be_removed_is_said_to_be_there(
    ask: Any, queue: QueueServer, refused: dict[str, str], problem: str
) -> None:
    identifier = queue.send(message("{}"))
    queue.refused = refused
    said = ask.json("failures", "drop", identifier, "--yes", *options(queue), exit_code=1)
    (done,) = said["messages"]
    assert done["removed"] is False
    assert problem in done["problem"]
    assert queue.ids == [identifier]


def test_an_event_that_is_refused_stays(ask: Any, account: AccountStub, queue: QueueServer) -> None:
    identifier = queue.send(message("{}"))
    account.refused["InvokeFunction"] = RefusedError(403, "AccessDenied")
    account.world["functions"]["imc-refresh-on-push"] = {}
    said = ask.json("failures", "redrive", "--all", *options(queue), exit_code=1)
    assert "it was not accepted: Function Compute refused InvokeFunction" in said["messages"][0]["problem"]
    # An answer that is no 202 is no word that the event is stored.
    del account.refused["InvokeFunction"]
    account.world["probe"] = lambda _name: {}
    queue.now += 1
    said = ask.json("failures", "redrive", "--all", *options(queue), exit_code=1)
    assert said["messages"][0]["problem"] == "it was not accepted: Function Compute answered 200, not 202"
    assert queue.ids == [identifier]


@pytest.mark.parametrize(
    ("action", "code", "remedy"),
    [
        ("Receive", "AccessDenied", "mns:ReceiveMessage"),
        ("Receive", "QueueNotExist", "Is --prefix the NamePrefix"),
        ("Receive", "SignatureDoesNotMatch", "SignatureDoesNotMatch"),
    ],
)
def test_a_queue_that_cannot_be_read_is_told(
    ask: Any, queue: QueueServer, action: str, code: str, remedy: str
) -> None:
    queue.refused[action] = code
    said = ask("failures", *options(queue))
    assert said.exit_code == 2
    assert f"Simple Message Queue answered {code}" in said.stderr
    assert remedy in said.stderr
    assert SECRET not in said.output


def test_a_queue_that_is_not_reached_is_told(ask: Any, queue: QueueServer) -> None:
    queue.url = "http://127.0.0.1:9"
    said = ask("failures", *options(queue))
    assert said.exit_code == 2
    assert "Simple Message Queue at 127.0.0.1:9 was not reached (NetWorkException)" in said.stderr
