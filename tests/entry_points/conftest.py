"""The entry points in this process, called as the platform calls them, against a running ECI server.

Whatever a test asks an entry point, what it said is held here against what holds for every invocation: one
line of JSON on stdout for each record, valid by the schema and short enough to be indexed, the same records
in the answer, and no secret in anything that leaves the function.
"""

from __future__ import annotations

import base64
import itertools
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from importlib import import_module
from threading import get_ident
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest

from imagecache.base.errors import EntryPointError
from tests.support.eci import REGION, EciServer, LocalEci, renewed
from tests.support.outcomes import read_records
from tests.support.payloads import read_sample, sample_names

WEBHOOK_TOKEN = "example-token-0123456789"
"""The token of the sample requests."""

NOT_OURS = ("asyncio", "httpcore", "httpx")
"""Loggers of the test's own client and of the servers."""

FLEET: tuple[Mapping[str, Any], ...] = (
    {
        "image_cache_id": "imc-bp1a2b3c4d5e6f7g8h9i",
        "image_cache_name": "web-cache",
        "images": ["registry-vpc.cn-hangzhou.aliyuncs.com/prod/web:latest", "nginx"],
        "tags": {"team": "shop", "refresh": "nightly"},
    },
    {
        "image_cache_id": "imc-instances",
        "image_cache_name": "instances",
        "images": [
            "acme-registry-vpc.cn-hangzhou.cr.aliyuncs.com/prod/web:latest",
            "crpi-a1b2c3d4e5f6g7h8.cn-hangzhou.personal.cr.aliyuncs.com/prod/web:latest",
            "acme-registry.cn-hangzhou.cr.aliyuncs.com/prod/api:v2",
        ],
    },
    {
        "image_cache_id": "imc-upstream",
        "image_cache_name": "upstream",
        "images": [
            "registry.example.com/prod/web:v1",
            "registry.example.com/prod/web:latest",
            "registry.example.com:5000/prod/web:v1",
            "registry.example.com/prod/api:v2",
        ],
    },
    {
        "image_cache_id": "imc-broken",
        "image_cache_name": "broken",
        "images": ["redis:7"],
        "status": "UpdateFailed",
    },
)
"""Caches that the samples are about: each image that a sample pushes is in exactly one of them."""


@pytest.fixture(autouse=True)
def _bare(bare_environment: None) -> None:
    """No test here sees the variables of the machine."""


@pytest.fixture
def eci(shared_eci: EciServer) -> LocalEci:
    """A server that is like a new one."""
    return renewed(shared_eci)


@pytest.fixture
def deployed(eci: LocalEci, deploy: Callable[..., LocalEci]) -> LocalEci:
    """The environment of functions that are deployed against the server."""
    return deploy(eci, IMC_WEBHOOK_TOKENS=WEBHOOK_TOKEN)


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets the rules, and more variables."""

    def put(*documents: dict[str, Any], aliases: dict[str, str] | None = None, **variables: str) -> None:
        document = {"rules": list(documents)} | ({"registryAliases": aliases} if aliases else {})
        monkeypatch.setenv("IMC_RULES", json.dumps(document))
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return put


@pytest.fixture
def fleet(deployed: LocalEci) -> LocalEci:
    """Deployed, with the caches that the samples are about."""
    deployed.control.create_caches([{"region_id": REGION, **cache} for cache in FLEET])
    return deployed


@dataclass
class Told:
    """What an entry point said.

    Attributes:
        outcomes: its records.
        status: of its answer, where that has one.
        error: what it raised instead of answering.
        plan: of a dry run, by what would become of each cache.
        text: all of what left the function: records, answer, error, stderr, log.
    """

    outcomes: list[dict[str, Any]]
    status: int | None
    error: EntryPointError | None
    text: str
    plan: dict[str, list[dict[str, Any]]]

    @property
    def results(self) -> list[tuple[str, str]]:
        return [(outcome["result"], outcome["reason"]) for outcome in self.outcomes]

    @property
    def only(self) -> dict[str, Any]:
        (outcome,) = self.outcomes
        return outcome


@dataclass
class Doors:
    """Calls the entry points, and checks what holds for everything that they say."""

    capsys: pytest.CaptureFixture[str]
    caplog: pytest.LogCaptureFixture
    secrets: list[str]
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def push(self, event: Any) -> Told:
        return self.call("on_push", event)

    def webhook(self, source: str, body: Any, **options: Any) -> Told:
        """A request to a source's webhook, set up as docs/sources.md says if no registry is given."""
        if source == "distribution":
            options.setdefault("registry", _host_of(body))
        return self.call("on_webhook", self.http(f"/webhooks/{source}", body, **options))

    def manual(self, *, over_http: bool = False, **request: Any) -> Told:
        return self.call("on_manual", self.http("/", request) if over_http else request)

    def timer(self, payload: Any = "", **members: Any) -> Told:
        """A tick; a payload that is no text is encoded as one."""
        text = payload if isinstance(payload, str) else json.dumps(payload)
        event = {"triggerTime": "2026-03-02T02:00:00Z", "triggerName": "sweep", "payload": text, **members}
        return self.call("on_timer", event)

    def http(
        self,
        path: str,
        body: Any,
        *,
        token: str | None = WEBHOOK_TOKEN,
        registry: str | None = None,
        layout: str | None = None,
        method: str = "POST",
        encode: bool = False,
    ) -> dict[str, Any]:
        """An HTTP trigger's event; a body that is no text is sent as JSON."""
        text = body if isinstance(body, str) else json.dumps(body)
        event = read_sample("http/webhook_acr.json")
        event["rawPath"] = event["requestContext"]["http"]["path"] = path
        event["requestContext"]["http"]["method"] = method
        event["body"] = base64.b64encode(text.encode()).decode() if encode else text
        event["isBase64Encoded"] = encode
        query = {"token": token, "registry": registry, "layout": layout}
        event["queryParameters"] = {name: value for name, value in query.items() if value is not None}
        return dict(event)

    def context(self, **members: Any) -> SimpleNamespace:
        """The context of the python3.12 runtime; each invocation has an id of its own."""
        function = SimpleNamespace(
            name="imc", handler="on.handler", memory=512, timeout=60, version_id="", qualifier="LATEST"
        )
        known = {"region": REGION, "account_id": "123456789012****", "logger": logging.getLogger()}
        request_id = f"1-65e2f0a1-{next(self._numbers):012x}"
        return SimpleNamespace(**{"request_id": request_id, "function": function, **known, **members})

    def call(self, door: str, event: Any, context: Any = None) -> Told:
        """Call an entry point.

        Args:
            door: its name.
            event: bytes as they are; a document is sent as JSON.
            context: the platform's object; one of the python3.12 runtime if None.
        """
        context = context or self.context()
        data = event if isinstance(event, bytes) else json.dumps(event).encode()
        return self.call_with(door, data, context)

    def call_with(self, door: str, event: Any, context: Any) -> Told:
        """Call an entry point with exactly this event and context."""
        self.capsys.readouterr()
        answer: dict[str, Any] = {}
        error: EntryPointError | None = None
        try:
            answer = import_module(door).handler(event, context)
        except EntryPointError as raised:
            error = raised
        captured = self.capsys.readouterr()
        records = read_records(captured.out)
        sender = (door, getattr(context, "request_id", "unknown"))
        assert {(record["door"], record["request_id"]) for record in records} <= {sender}
        if error is None:
            _check_answer(door, answer, records)
        told = "\n".join([captured.out, captured.err, *self._log(), json.dumps(answer), repr(error)])
        for secret in self.secrets:
            for form in (secret, quote(secret, safe=""), quote(quote(secret, safe=""), safe="")):
                assert form not in told
        return Told(records, answer.get("statusCode"), error, told, _plan(answer))

    def _log(self) -> list[str]:
        # The server has a thread of its own, and its log lines are no part of the function's; the function
        # updates caches side by side in threads that are named after them.
        ours = [
            record
            for record in self.caplog.records
            if record.thread == get_ident() or str(record.threadName).startswith("cache_")
        ]
        return [self.caplog.handler.format(record) for record in ours]


@pytest.fixture
def doors(deployed: LocalEci, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Doors:
    caplog.set_level(logging.DEBUG)
    for name in NOT_OURS:
        caplog.set_level(logging.WARNING, name)
    credential = deployed.credential
    secrets = [WEBHOOK_TOKEN, credential.access_key_secret, credential.security_token or ""]
    return Doors(capsys, caplog, secrets)


@dataclass
class Events:
    """Payloads of the registries; each event has an id of its own, and is long past if no time is given."""

    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @staticmethod
    def now() -> str:
        return datetime.now(timezone.utc).isoformat()

    def cloud(
        self,
        *,
        repository: str = "prod/web",
        tag: str = "latest",
        instance_id: str = "cri-a1b2c3d4e5f6g7h8",
        instance_name: str | None = "acme",
        built: bool = False,
        **members: Any,
    ) -> dict[str, Any]:
        """A push or a build of an instance, as EventBridge tells it."""
        event = read_sample(
            "cloudevents/build_succeeded.json" if built else "cloudevents/push_completed.json"
        )
        namespace, _, name = repository.partition("/")
        event["data"].update(RepoNamespaceName=namespace, RepoName=name, Tag=tag)
        event["data"].update(InstanceId=instance_id, InstanceName=instance_name)
        return {**event, "id": f"event-{next(self._numbers)}", **members}

    def acr(self, *, repository: str = "prod/web", tag: str = "latest", **pushed: Any) -> dict[str, Any]:
        """A push as the vendor's webhook tells it; each has a digest of its own."""
        document: dict[str, Any] = read_sample("acr/push_latest.json")
        namespace, _, name = repository.partition("/")
        document["repository"].update(repo_full_name=repository, namespace=namespace, name=name)
        document["push_data"].update(tag=tag, digest=f"sha256:{next(self._numbers):064x}", **pushed)
        return document

    def distribution(
        self, host: str = "registry.example.com", *, repository: str = "prod/web", tag: str = "latest"
    ) -> dict[str, Any]:
        """An envelope with one push."""
        document: dict[str, Any] = read_sample("distribution/push_latest.json")
        (event,) = document["events"]
        event["id"] = f"event-{next(self._numbers)}"
        event["target"].update(repository=repository, tag=tag)
        event["request"]["host"] = host
        return document


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def payload() -> Callable[[str], Any]:
    """Reads a sample."""
    return read_sample


@pytest.fixture
def samples() -> Callable[[str], set[str]]:
    """The names of the samples of a source, without their endings."""
    return sample_names


def _host_of(body: Any) -> str:
    """The registry whose honest notification this is: whoever set its webhook up named it in the URL."""
    document = parsed(body) if isinstance(body, str) else body
    events = document.get("events") if isinstance(document, dict) else None
    for event in events if isinstance(events, list) else []:
        request = event.get("request") if isinstance(event, dict) else None
        if isinstance(request, dict) and isinstance(request.get("host"), str):
            return str(request["host"])
    return "registry.example.com"


def parsed(text: str) -> Any:
    """The document in a JSON text, or None where there is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _plan(answer: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    body = json.loads(answer["body"]) if "body" in answer else answer
    plan: dict[str, list[dict[str, Any]]] = body.get("plan", {})
    return plan


def _check_answer(door: str, answer: Mapping[str, Any], records: list[dict[str, Any]]) -> None:
    """What an entry point answers is what it recorded; the sender of a webhook gets it counted."""
    dry_run = any("dry_run" in record for record in records)
    if "body" not in answer:
        assert set(answer) <= {"statusCode", "outcomes", "plan"}
        assert (answer["outcomes"], "plan" in answer) == (records, dry_run)
        return
    assert answer["body"].isascii()
    body = json.loads(answer["body"])
    assert {**answer, "body": body} == {
        "statusCode": answer["statusCode"],
        "headers": {"Content-Type": "application/json"},
        "isBase64Encoded": False,
        "body": {key: body[key] for key in ("outcomes", "plan", "request_id") if key in body},
    }
    if door != "on_webhook":
        assert (body["outcomes"], "plan" in body, "request_id" in body) == (records, dry_run, False)
        return
    hidden = {"UNAUTHORIZED", "NO_TOKEN_CONFIGURED", "SETTINGS_INVALID"}
    expected = {"request_id": records[0]["request_id"]}
    if not {record["reason"] for record in records} <= hidden:
        kinds: list[dict[str, Any]] = []
        for record in records:
            kind = {"result": record["result"], "reason": record["reason"]}
            if record["result"] == "rejected":
                kind |= {key: record["error"][key] for key in ("where", "rule") if key in record["error"]}
            (same,) = [each for each in kinds if {**each, "count": 0} == {**kind, "count": 0}] or [{}]
            if not same:
                kinds.append(same := {**kind, "count": 0})
            same["count"] += 1
        expected["outcomes"] = kinds
    assert body == expected
