"""The command ``python -m local`` as a person runs it: its output, its status, its end.

What serves or follows is a process of its own. What asks it and ends is called in the test's process, and
once in one of its own.
"""

from __future__ import annotations

import io
import json
import queue
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from local.base.loopback import LOOPBACK
from local.cloud.cloud import ROOT
from local.command_line.commands import main
from local.eci.settings import Settings as EciSettings
from local.fc.queues import QueueStore
from local.fc.settings import Settings as FcSettings
from tests.support.for_each import for_each
from tests.support.waiting import wait_until

SECONDS = 30.0
SEED = {
    "region_id": "cn-hangzhou",
    "image_cache_name": "web",
    "images": ["registry.cn-hangzhou.aliyuncs.com/shop/web:v1"],
    "status": "UpdateFailed",
}


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """No table is folded."""
    monkeypatch.setenv("COLUMNS", "200")


class Ran(NamedTuple):
    """What a command came to."""

    returncode: int
    stdout: str
    stderr: str


def run(*arguments: str) -> Ran:
    """Run a command that ends by itself."""
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        try:
            status = main(arguments)
        except SystemExit as ended:
            status = int(ended.code or 0)
    return Ran(status, out.getvalue(), err.getvalue())


class Up:
    """A running ``up``."""

    def __init__(self, state: Path, *arguments: str) -> None:
        self.state = state
        self.process = subprocess.Popen(
            [sys.executable, "-m", "local", "up", "--state", str(state), *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.urls = {}
        while (line := self.line()) != "ready":
            name, _, url = line.rpartition(" ")
            self.urls[name.strip()] = url

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                self._lines.put(line.rstrip("\n"))

    def line(self) -> str:
        return self._lines.get(timeout=SECONDS)

    def rest(self) -> list[str]:
        self._reader.join(SECONDS)
        return [self._lines.get_nowait() for _ in range(self._lines.qsize())]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(SECONDS)
        finally:
            self.process.kill()
            self._reader.join(SECONDS)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One for all tests that do not end it."""
    served = Up(tmp_path_factory.mktemp("up") / "state")
    yield served
    assert served.stop() == 0


def test_a_command_is_run_by_the_interpreter(up: Up) -> None:
    command = [sys.executable, "-m", "local", "fire", "--state", str(up.state), "swep"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == run("fire", "--state", str(up.state), "swep").stderr != ""


def test_up_prints_urls_that_work(up: Up) -> None:
    assert up.urls["ECI"].startswith("http://127.0.0.1:")
    webhook = up.urls["webhook of ACR"]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/webhooks/acr\?token=\S{16,}", webhook)
    assert httpx.post(webhook, json={}, **LOOPBACK, timeout=SECONDS).status_code == 400
    manual = up.urls["manual, without signature"]
    assert httpx.post(manual, json={}, **LOOPBACK, timeout=SECONDS).status_code == 400


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(signal.SIGINT, id="ctrl-c"),
        pytest.param(signal.SIGTERM, id="term", marks=pytest.mark.deep),
    ],
)
def test_up_stops_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    up = Up(tmp_path / "state")
    assert httpx.post(up.urls["webhook of ACR"], json={}, **LOOPBACK).status_code == 400  # a warm instance
    assert up.stop(number) == 0
    assert up.rest() == ["stopping"]
    assert not (tmp_path / "state" / "endpoints.json").exists()
    with pytest.raises(httpx.ConnectError):
        httpx.get(up.urls["ECI"], **LOOPBACK)


def test_caches_are_seeded_listed_and_kept(tmp_path: Path) -> None:
    up = Up(tmp_path / "state")
    seed = tmp_path / "seed.json"
    seed.write_text(json.dumps([SEED, {**SEED, "image_cache_name": "api"}]), encoding="utf-8")
    state = str(up.state)
    seeded = run("seed", "--state", state, str(seed))
    ids = seeded.stdout.split()
    assert (seeded.returncode, len(ids)) == (0, 2)
    assert up.stop() == 0
    again = Up(up.state)
    try:
        listed = run("caches", "--state", state).stdout
    finally:
        again.stop()
    for expected in (*ids, "web", "api", "UpdateFailed", SEED["images"][0]):
        assert expected in listed
    assert (
        again.urls["webhook of ACR"].partition("token=")[2]
        == up.urls["webhook of ACR"].partition("token=")[2]
    )


@pytest.mark.deep
def _example(command: str) -> str:
    """The document that the help of a command shows."""
    shown = run(command, "--help").stdout
    return shown[shown.index("  {") : shown.rindex("}") + 1]


def test_the_documents_of_the_help_are_taken_and_a_pipe_gets_a_row_a_line(
    up: Up, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "document.json"
    path.write_text(_example("seed"), encoding="utf-8")
    (image_cache_id,) = run("seed", "--state", str(up.state), str(path)).stdout.split()
    monkeypatch.delenv("COLUMNS")
    shown = run("caches", "--state", str(up.state)).stdout.splitlines()
    (row,) = [line for line in shown if image_cache_id in line.split()]
    assert row.split() == [
        "cn-hangzhou",
        image_cache_id,
        "web",
        "Ready",
        "100",
        *json.loads(_example("seed"))["images"],
    ]
    path.write_text(_example("send-event"), encoding="utf-8")
    sent = json.loads(run("send-event", "--state", str(up.state), str(path)).stdout)
    assert sent["EntryList"][0]["MatchedTriggers"] != []
    image = "acme-registry.cn-hangzhou.cr.aliyuncs.com/shop/web:v1.3.2"
    assert image in run("send-event", "--help").stdout
    wait_until(lambda: image in run("logs", "--state", str(up.state)).stdout)


def test_a_fired_timer_shows_in_the_logs(up: Up, tmp_path: Path) -> None:
    seed = tmp_path / "seed.json"
    seed.write_text(json.dumps(SEED), encoding="utf-8")
    state = str(up.state)
    (cache,) = run("seed", "--state", state, str(seed)).stdout.split()
    fired = run("fire", "--state", state, "sweep")
    request_id = fired.stdout.strip()
    with following(up.state) as lines:
        line = next(line for line in lines if '"refreshed"' in line)
    assert cache in line
    assert request_id in line
    assert "refreshed" in run("logs", "--state", state).stdout


class following:  # noqa: N801 - reads like the function that it is
    """The lines that ``logs --follow`` prints."""

    def __init__(self, state: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "local", "logs", "--follow", "--state", str(state)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._guard = threading.Timer(SECONDS, self._process.kill)

    def __enter__(self) -> Iterator[str]:
        self._guard.start()
        assert self._process.stdout is not None
        return iter(self._process.stdout)

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        try:
            assert self._process.wait(SECONDS) == 0
        finally:
            self._guard.cancel()
            self._process.kill()
            assert self._process.stdout is not None
            self._process.stdout.close()


def test_events_are_sent_from_a_file(up: Up, tmp_path: Path) -> None:
    event = {"id": "1", "source": "acs.cr", "specversion": "1.0", "type": "cr:Artifact:ScanCompleted"}
    path = tmp_path / "event.json"
    path.write_text(json.dumps(event), encoding="utf-8")
    sent = run("send-event", "--state", str(up.state), str(path))
    assert (sent.returncode, json.loads(sent.stdout)["EntryList"]) == (
        0,
        [{"EventId": "1", "MatchedTriggers": []}],
    )
    path.write_text(json.dumps({**event, "specversion": "2"}), encoding="utf-8")
    refused = run("send-event", "--state", str(up.state), str(path))
    assert (refused.returncode, refused.stderr) == (1, "error: not all events were taken\n")


def test_dead_letters_are_listed(up: Up, tmp_path: Path) -> None:
    assert json.loads(run("dead-letters", "--json", "--state", str(up.state)).stdout) == []
    assert "last error" in run("dead-letters", "--state", str(up.state)).stdout


FAILING = """

def handler(event, context):
    if not os.path.exists(event.decode()):
        raise ValueError("not there yet")
"""
FAILING_TEMPLATE = """
ROSTemplateFormatVersion: '2015-09-01'
Resources:
  Queue: {Type: 'ALIYUN::MNS::Queue', Properties: {QueueName: failures}}
  Empty: {Type: 'ALIYUN::MNS::Queue', Properties: {QueueName: empty}}
  Role:
    Type: ALIYUN::RAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: '1'
        Statement: [{Effect: Allow, Action: 'sts:AssumeRole', Principal: {Service: [fc.aliyuncs.com]}}]
      Policies:
        - PolicyDocument:
            Version: '1'
            Statement: [{Effect: Allow, Action: 'mns:SendMessage', Resource: '*'}]
  F:
    Type: ALIYUN::FC3::Function
    Properties: {FunctionName: f, Handler: f.handler, Runtime: python3.12, Role: !GetAtt Role.Arn}
  Rule:
    Type: ALIYUN::FC3::Trigger
    Properties:
      FunctionName: f
      TriggerName: tick
      TriggerType: timer
      TriggerConfig: {cronExpression: '@every 400m', enable: false}
  Async:
    Type: ALIYUN::FC3::AsyncInvokeConfig
    Properties:
      FunctionName: f
      MaxAsyncRetryAttempts: 0
      DestinationConfig:
        OnFailure:
          Destination: !Sub 'acs:mns:${ALIYUN::Region}:1:/queues/${Queue.QueueName}/messages'
"""


@pytest.mark.deep
def test_failed_events_are_shown_and_sent_again(tmp_path: Path) -> None:
    (tmp_path / "f.py").write_text(FAILING, encoding="utf-8")
    template = tmp_path / "template.yml"
    template.write_text(FAILING_TEMPLATE, encoding="utf-8")
    served = Up(tmp_path / "state", "--template", str(template), "--code", str(tmp_path))
    state = str(tmp_path / "state")
    try:
        url = f"{served.urls['Function Compute']}/_local"
        run("fire", "--state", state, "tick")
        wait_until(lambda: httpx.get(f"{url}/dead-letters", **LOOPBACK).json(), seconds=SECONDS)
        assert "failures" in run("dead-letters", "--state", state).stdout
        shown = json.loads(run("queues", "--state", state).stdout)
        (message,) = shown["failures"]
        assert shown["empty"] == []
        assert json.loads(message["body"])["requestContext"]["functionArn"].endswith("functions/f")

        none = run("redrive", "--state", state, "--queue", "empty")
        unknown = run("redrive", "--state", state, "--queue", "other")
        sent = run("redrive", "--state", state)
        assert (none.returncode, none.stdout) == (0, "")
        assert (unknown.returncode, "no queue 'other'" in unknown.stderr) == (1, True)
        message_id, function, request_id = sent.stdout.split()
        assert (sent.returncode, message_id, function) == (0, message["message_id"], "f")
        deliveries = httpx.get(f"{url}/deliveries", **LOOPBACK).json()
        assert request_id in {one["request_id"] for one in deliveries}
    finally:
        assert served.stop() == 0


@pytest.mark.deep
def test_a_message_that_cannot_be_sent_again_is_told(tmp_path: Path) -> None:
    (tmp_path / "f.py").write_text(FAILING, encoding="utf-8")
    template = tmp_path / "template.yml"
    template.write_text(FAILING_TEMPLATE, encoding="utf-8")
    served = Up(tmp_path / "state", "--template", str(template), "--code", str(tmp_path))
    try:
        store = QueueStore(tmp_path / "state" / "cloud.db", ["failures"])
        message_id = store.send("failures", "no JSON")
        store.close()
        refused = run("redrive", "--state", str(tmp_path / "state"))
    finally:
        assert served.stop() == 0
    assert refused.returncode == 1
    assert f"still in its queue: {message_id} of failures" in refused.stderr


def test_a_package_needs_an_interpreter_of_its_runtime(tmp_path: Path) -> None:
    package = tmp_path / "p.zip"
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("f.py", "")
    other = "python3.10" if sys.version_info[:2] != (3, 10) else "python3.12"
    for command in (("up", "--state", str(tmp_path / "state")), ("demo",)):
        refused = run(*command, "--code", str(package), "--runtime", other)
        assert refused.returncode == 1
        assert f"is for {other}, and {sys.executable} is python" in refused.stderr


@pytest.mark.deep
def test_a_folder_on_an_interpreter_of_another_runtime_is_noted(tmp_path: Path) -> None:
    other = "python3.10" if sys.version_info[:2] != (3, 10) else "python3.12"
    up = Up(tmp_path / "state", "--runtime", other)
    assert up.stop() == 0
    assert [name for name in up.urls if name.startswith("note: imc-refresh-on-push is for")] != []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["caches"], "start it with 'python -m local up'", id="nothing-served"),
        pytest.param(["up", "--set", "Nothing=1"], "Parameters.Nothing: no such parameter", id="parameter"),
        pytest.param(["up", "--code", "/nowhere"], "/nowhere is neither a folder nor a package", id="code"),
        pytest.param(["up", "--template", "/nowhere/template.yml"], "/nowhere/template.yml", id="template"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    result = run(*arguments, "--state", str(tmp_path / "state"))
    assert result.returncode == 1
    assert message in result.stderr
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1


def test_a_state_of_another_version_is_not_used_and_not_deleted(tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert Up(state).stop() == 0
    database = sqlite3.connect(state / "cloud.db")
    database.execute("PRAGMA user_version = 99")
    database.close()
    before = (state / "cloud.db").read_bytes()
    result = run("up", "--state", str(state))
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: {state / 'cloud.db'} was written by another version")
    assert "delete the file" in result.stderr
    assert result.stderr.count("\n") == 1
    assert (state / "cloud.db").read_bytes() == before


def test_two_servers_do_not_share_a_state_folder(up: Up, tmp_path: Path) -> None:
    second = run("up", "--state", str(up.state))
    assert (second.returncode, "another process serves" in second.stderr) == (1, True)


def test_an_unknown_timer_is_told(up: Up, tmp_path: Path) -> None:
    result = run("fire", "--state", str(up.state), "swep")
    assert result.returncode == 1
    assert "no timer trigger 'swep'; known are sweep, refresh" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [[], ["up", "--set", "x"], ["up", "--runtime", "go"], ["up", "--port-base", "99999"]],
    ids=str,
)
def test_a_wrong_command_line_is_refused(tmp_path: Path, arguments: list[str]) -> None:
    assert run(*arguments).returncode == 2


def test_the_servers_begin_with_the_switches_of_the_command_line(tmp_path: Path) -> None:
    switches = ("--eci-switch", "tags_mode=drop", "--eci-switch", "listing_lag_seconds=2")
    up = Up(tmp_path / "state", *switches, "--fc-switch", "task_copies=2")
    try:
        eci = httpx.get(f"{up.urls['ECI']}/_local/settings", **LOOPBACK).json()
        fc = httpx.get(f"{up.urls['Function Compute']}/_local/settings", **LOOPBACK).json()
    finally:
        assert up.stop() == 0
    assert (eci["tags_mode"], eci["listing_lag_seconds"], fc["task_copies"]) == ("drop", 2.0, 2)


@pytest.mark.parametrize("command", ["up", "demo"])
def test_the_help_names_every_switch_with_its_values(command: str) -> None:
    shown = run(command, "--help").stdout
    for settings in (EciSettings(), FcSettings()):
        for name in asdict(settings):
            assert f"\n  {name}=" in shown
    assert "\n  tags_mode=merge|replace|drop (merge)\n" in shown


@for_each(
    ("switch", "words"),
    [
        (("--eci-switch", "speed=1"), "no setting has the name 'speed'"),
        (("--eci-switch", "tags_mode"), "NAME=VALUE is expected"),
        (("--eci-switch", "tags_mode=no"), "tags_mode: one of merge, replace, drop expected"),
        (("--eci-switch", "show_events=yes"), "show_events: bool expected"),
        (("--fc-switch", "task_copies=two"), "task_copies: int expected"),
        (("--fc-switch", "conflict_share=nan"), "conflict_share: 0 or more expected"),
    ],
    ids=str,
)
def test_a_wrong_switch_is_refused(switch: tuple[str, str], words: str) -> None:
    refused = run("demo", *switch)
    assert (refused.returncode, words in refused.stderr) == (2, True)


@pytest.mark.deep
def test_the_runtime_can_be_chosen(tmp_path: Path) -> None:
    up = Up(tmp_path / "state", "--runtime", "python3.10", "--fresh-process", "--set", "DryRun=true")
    try:
        functions = httpx.get(f"{up.urls['Function Compute']}/_local/functions", **LOOPBACK).json()
        timers = httpx.get(f"{up.urls['Function Compute']}/_local/timers", **LOOPBACK).json()
    finally:
        assert up.stop() == 0
    assert {one["runtime"] for one in functions} == {"python3.10"}
    assert {one["name"]: one["enabled"] for one in timers} == {"sweep": True, "refresh": False}
