"""The world of a follow-through: an ECI server, a store of follow tasks, and a time that the test moves.

The functions run in this process as they are, with the environment and the context that the platform gives
them. The ECI server, the task store and the functions share a clock that passes only when it is told to, so
hours of delays and rebuilds pass in no time.
"""

from __future__ import annotations

import io
import itertools
import json
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

import on_follow
import on_manual
import on_push
import on_timer
import on_webhook
from imagecache.base.credentials import read_credentials
from imagecache.base.deadline import Deadline
from imagecache.base.errors import EntryPointError
from imagecache.base.json_schema import validate
from imagecache.base.reasons import Reason, Result
from imagecache.clients.clients import LiveClients
from imagecache.clients.fc_signatures import TakenScheme
from imagecache.config.settings import read_settings
from imagecache.engine.warm import Warm
from imagecache.policy.rules import NO_RULES
from imagecache.triggers import invocation
from local.eci.control import EciControl
from tests.support.clock import ManualClock
from tests.support.eci import REGION, EciServer, LocalEci, renewed
from tests.support.http_server import QuietHandler, serve_http

HOST = f"acme-registry.{REGION}.cr.aliyuncs.com"
IMAGE = f"{HOST}/prod/web:latest"
FUNCTION = "on-follow"
PATH = f"/2023-03-30/functions/{FUNCTION}/invocations"
WEBHOOK_TOKEN = "token-0123456789abcdef"
MOST_TASKS = 5000


@dataclass(frozen=True)
class Task:
    """A stored invocation of the follow function."""

    task_id: str
    delay_seconds: int
    due: float
    document: dict[str, Any]


@dataclass
class Tasks:
    """The task store: an id is taken once, and known for ever.

    Attributes:
        waiting: stored and not run yet.
        known: every id that was ever stored.
        repeated: ids that were refused as known.
        refusal: the status that every call is answered with instead; 0 for none.
        passing: the same for the next calls only, one each.
        takes: how the authorization of a call may begin.
        calls: how many calls there were, by scheme of their signature.
    """

    clock: ManualClock
    waiting: list[Task] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    repeated: list[str] = field(default_factory=list)
    refusal: int = 0
    conflict: str = "StatefulAsyncInvocationAlreadyExists"
    passing: list[int] = field(default_factory=list)
    takes: tuple[str, ...] = ("FC ", "ACS3-HMAC-SHA256 ")
    calls: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, path: str, headers: Any, body: bytes) -> int:
        """Store a task, or say why not."""
        with self.lock:
            authorization = headers["authorization"]
            self.calls[authorization.partition(" ")[0]] += 1
            if not self.takes or not authorization.startswith(self.takes):
                return 403
            if self.passing or self.refusal:
                return self.passing.pop(0) if self.passing else self.refusal
            if path != PATH or headers["x-fc-invocation-type"] != "Async":
                return 404
            task_id, delay = headers["x-fc-async-task-id"], int(headers["x-fc-async-delay"])
            if not 1 <= delay <= 3599:
                return 400
            if task_id in self.known:
                self.repeated.append(task_id)
                return 409
            self.known.add(task_id)
            self.waiting.append(Task(task_id, delay, self.clock() + delay, json.loads(body)))
            return 202

    def take(self) -> Task | None:
        """The task that is due first, gone from the store."""
        with self.lock:
            if not self.waiting:
                return None
            first = min(self.waiting, key=lambda task: task.due)
            self.waiting.remove(first)
            return first

    @property
    def delays(self) -> list[int]:
        return [task.delay_seconds for task in self.waiting]


@dataclass(frozen=True)
class Visit:
    """One invocation: its records, its answer, and the error that it raised instead.

    Attributes:
        at: the shared clock's time.
        document_id: of a follow task, its id.
    """

    records: list[dict[str, Any]]
    answer: Any
    error: EntryPointError | None
    at: float
    document_id: str = ""

    @property
    def record(self) -> dict[str, Any]:
        """The only record."""
        (record,) = self.records
        return record

    @property
    def said(self) -> list[tuple[str, str]]:
        """Result and reason of each record."""
        return [(record["result"], record["reason"]) for record in self.records]


@dataclass
class World:
    """All of it."""

    clock: ManualClock
    eci: EciControl
    tasks: Tasks
    setenv: Callable[[str, str], None]
    delenv: Callable[[str], None]
    image: str = IMAGE
    counter: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def cache(self, *images: str, **members: Any) -> str:
        """A new image cache; its id."""
        members = {"region_id": REGION, "image_cache_name": "web", **members}
        return self.eci.create_cache(images=images or (IMAGE,), **members)

    def tag(self, identifier: str, key: str, value: str) -> None:
        """Set a tag by TagResources, in whatever state the cache is."""
        settings = read_settings({**os.environ, "IMC_RULES": ""}, lambda _: NO_RULES)
        connections = invocation._warm.connections  # noqa: SLF001 - of the instance that runs
        clients = LiveClients(settings, read_credentials(os.environ, None), Deadline(60), connections)
        clients.eci.tag_image_cache(REGION, identifier, key, value)

    def event(
        self,
        event_id: str = "",
        *,
        pushed_at: datetime | str | None = None,
        age_seconds: float = 0.0,
        tag: str = "latest",
        repository: str = "web",
    ) -> dict[str, Any]:
        """A push as EventBridge tells it, by default of now; ``pushed_at=""`` leaves the time out."""
        moment = self.clock.moment() - timedelta(seconds=age_seconds)
        at = (
            pushed_at
            if isinstance(pushed_at, str)
            else (pushed_at or moment).isoformat(timespec="microseconds")
        )
        event: dict[str, Any] = {
            "id": event_id or f"event-{next(self.counter)}",
            "source": "acs.cr",
            "specversion": "1.0",
            "type": "cr:Artifact:PushCompleted",
            "data": {
                "InstanceId": "cri-a1b2c3d4e5f6g7h8",
                "InstanceName": "acme",
                "RegionId": REGION,
                "RepoNamespaceName": "prod",
                "RepoName": repository,
                "Tag": tag,
            },
        }
        return event | ({"time": at} if at else {})

    def push(self, event: Any = None) -> Visit:
        """Deliver a push, or an array of them, through EventBridge."""
        return self.call(on_push.handler, self.event() if event is None else event)

    def manual(self, **request: Any) -> Visit:
        """A manual request by a plain invocation."""
        return self.call(on_manual.handler, request)

    def timer(self, payload: Any = "", *, triggered: str = "") -> Visit:
        """A timer's tick."""
        event = {
            "triggerTime": triggered or f"2026-03-02T02:00:{next(self.counter):02d}Z",
            "triggerName": "sweep",
            "payload": payload if isinstance(payload, str) else json.dumps(payload),
        }
        return self.call(on_timer.handler, event)

    def follow(self, document: Any) -> Visit:
        """An invocation of the follow function."""
        return self.call(on_follow.handler, document)

    def http(self, door: str, path: str, body: Any, **query: str) -> Visit:
        """An HTTP request to ``on_webhook`` or ``on_manual``."""
        handler = {"on_webhook": on_webhook.handler, "on_manual": on_manual.handler}[door]
        event = {
            "version": "v1",
            "rawPath": path,
            "body": json.dumps(body),
            "isBase64Encoded": False,
            "headers": {"Content-Type": "application/json"},
            "queryParameters": query,
            "requestContext": {"http": {"method": "POST", "path": path}},
        }
        return self.call(handler, event)

    def webhook(self, *, digest: str = "", pushed_at: str | None = None) -> Visit:
        """The push as the registry's own webhook tells it."""
        now = self.clock.moment().isoformat(timespec="microseconds")
        body = {
            "push_data": {"tag": "latest", "digest": digest or None, "pushed_at": pushed_at or now},
            "repository": {
                "name": "web",
                "namespace": "prod",
                "region": REGION,
                "repo_full_name": "prod/web",
            },
        }
        return self.http("on_webhook", "/webhooks/acr", body, token=WEBHOOK_TOKEN, registry=HOST)

    def call(self, handler: Callable[[bytes, Any], Any], event: Any) -> Visit:
        """Invoke a function as the platform does; what it wrote and what it answered must agree."""
        raw = event if isinstance(event, bytes) else json.dumps(event).encode()
        context = SimpleNamespace(
            request_id=f"r-{next(self.counter)}", function=SimpleNamespace(name="f", timeout=60)
        )
        answer, error = None, None
        with redirect_stdout(io.StringIO()) as stdout:
            try:
                answer = handler(raw, context)
            except EntryPointError as raised:
                error = raised
        records = [json.loads(line) for line in stdout.getvalue().splitlines()]
        for record in records:
            validate(record, "outcome")
            assert Result(record["result"]) in Reason(record["reason"]).results, record
        if answer is not None:
            body = json.loads(answer["body"]) if "body" in answer else answer
            if "request_id" in body:
                # A webhook's sender gets them counted.
                counts = [kind["count"] for kind in body.get("outcomes", ())]
                assert sum(counts) == len(records) or answer["statusCode"] in {401, 500}
            else:
                assert body["outcomes"] == records
            failed = any(record["result"] == "failed" for record in records)
            assert not failed or answer.get("statusCode", 200) >= 500
        return Visit(records, answer, error, self.clock())

    def run_next(self) -> Visit | None:
        """Let time pass until the next task is due, and run it; None if there is none."""
        task = self.tasks.take()
        if task is None:
            return None
        self.clock.now = max(self.clock.now, task.due)
        return replace(self.follow(task.document), document_id=task.task_id)

    def run_until(self, moment: float) -> list[Visit]:
        """Let time pass up to a moment and run the tasks that become due."""
        visits = []
        while any(task.due <= moment for task in self.tasks.waiting):
            visit = self.run_next()
            assert visit is not None
            visits.append(visit)
            assert len(visits) < MOST_TASKS
        self.clock.now = max(self.clock.now, moment)
        return visits

    def settle(self) -> list[Visit]:
        """Run tasks until none is left."""
        visits: list[Visit] = []
        while (visit := self.run_next()) is not None:
            visits.append(visit)
            assert len(visits) < MOST_TASKS
        return visits

    def updates(self, image_cache_id: str | None = None) -> list[dict[str, Any]]:
        """The updates that ECI accepted."""
        return self.eci.history(image_cache_id)

    def update_calls(self) -> list[dict[str, Any]]:
        """The calls of UpdateImageCache, accepted or not."""
        return self.eci.journal("UpdateImageCache")


class TaskServer:
    """Takes tasks into the store of the test that runs."""

    def __init__(self) -> None:
        self.tasks: Tasks | None = None

    def handler(self) -> type[QuietHandler]:
        server = self

        class Handler(QuietHandler):
            def respond(self) -> None:
                assert server.tasks is not None
                body = self.rfile.read(int(self.headers["content-length"]))
                status = server.tasks.answer(self.path, self.headers, body)
                self.answer(
                    status, json.dumps({"Code": server.tasks.conflict} if status == 409 else {}).encode()
                )

        return Handler


@pytest.fixture(scope="session")
def task_server() -> Iterator[tuple[TaskServer, str]]:
    """One for all tests of this process, and its URL."""
    server = TaskServer()
    with serve_http(server.handler()) as host:
        yield server, f"http://{host}"


@pytest.fixture
def world(
    shared_still_eci: EciServer,
    task_server: tuple[TaskServer, str],
    deploy: Callable[..., LocalEci],
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    eci = renewed(shared_still_eci)
    assert eci.clock is not None
    server, url = task_server
    server.tasks = Tasks(eci.clock)
    deploy(
        eci,
        FC_REGION=REGION,
        FC_ACCOUNT_ID="1234567890123456",
        IMC_FC_ENDPOINT=url,
        IMC_FOLLOW_FUNCTION=FUNCTION,
        IMC_CLOCK_SKEW_SECONDS="0",
        IMC_WEBHOOK_TOKENS=WEBHOOK_TOKEN,
        # However slow the machine; tests of answering in time set their own.
        IMC_ANSWER_SECONDS="30",
    )
    eci.control.settings(rebuild_seconds=100)
    # A new instance of the function, on the clock of this world; connections stay open, see ``renewed``.
    warm = Warm(eci.clock.moment, eci.clock.advance)
    warm.connections = invocation._warm.connections  # noqa: SLF001
    warm.connections.tasks.taken = TakenScheme()
    monkeypatch.setattr(invocation, "_warm", warm)
    return World(eci.clock, eci.control, server.tasks, monkeypatch.setenv, monkeypatch.delenv)
