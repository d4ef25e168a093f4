"""Whatever goes wrong, no secret gets into a log line, a record, an answer, an exception or a dead letter."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import logging
import signal
import sqlite3
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, quote_plus

import httpx
import pytest

import on_follow
import on_manual
import on_push
import on_timer
import on_webhook
from imagecache.base.errors import EntryPointError
from local.base.loopback import LOOPBACK
from tests.matrix.faulty_proxy import Answer, Fault, eci_error
from tests.matrix.world import FUNCTION_SECONDS, REGION, SETTLE_SECONDS, World, running_world
from tests.support.waiting import wait_until

HOST = f"acme-registry.{REGION}.cr.aliyuncs.com"
KEY_ID = "STS.marked"
# With the characters that are encoded in queries, headers and JSON, each in a way of its own.
KEY_SECRET = "MARK-secret/+=&%?~"
SECURITY_TOKEN = "MARK-token/+==%&?~"
WEBHOOK_TOKEN = "MARK-webhook-token-0123456789"
WRONG_TOKEN = "MARK-wrong-token-0123456789"
NOT_THE_FUNCTIONS = {"uvicorn", "httpx", "httpcore", "asyncio"}
"""Loggers of the local servers, and of the test's own client, which share this process."""
KEY_STORE = "credentials"
"""The one table that is not searched: it is the cloud's own store of access keys, where they come from."""


def echo(code: str) -> Callable[[str], Answer]:
    """An error answer that repeats the whole signed request, as those about wrong signatures do."""

    def answer(sent: str) -> Answer:
        told = eci_error(code, f"the string to sign is POST&%2F&{quote(sent)}, the request was {sent}")
        return told(sent)

    return answer


def page(sent: str) -> Answer:
    """A gateway's page that repeats the request."""
    return Answer(502, f"<html><body>cannot POST {sent}</body></html>".encode(), "text/html")


def shout(sent: str) -> Answer:
    """An answer that should be JSON and is the request."""
    return Answer(200, sent.encode())


LATE = Fault("late", passes=1, ending="late")
FAULTS = (
    Fault("echo permanent", answer=echo("NoPermission")),
    Fault("echo signature", answer=echo("SignatureDoesNotMatch")),
    Fault("echo 5xx", answer=echo("InternalError"), hits=3),
    Fault("echo capacity", answer=echo("QuotaExceeded")),
    Fault("page", answer=page, hits=3),
    Fault("no json", answer=shout, hits=3),
    Fault("no http", answer=lambda sent: Answer(0, sent.encode() + b"\r\n\r\n"), hits=3),
    Fault("cut", passes=1, ending="cut", hits=3),
    Fault("reset", ending="reset", hits=3),
    LATE,
)
OF_PROCESSES = (
    Fault("killed", passes=1, stop_after=signal.SIGKILL),
    Fault("key rotated", rotates=True, passes=1),
)
FEW_FAULTS = (FAULTS[0], FAULTS[4], FAULTS[7])
"""What the quick run has: a refusal, a page and a broken answer, each with the request in it."""
some_faults = pytest.mark.parametrize(
    "faults",
    [
        pytest.param(FEW_FAULTS, id="a few"),
        pytest.param(FAULTS, id="all", marks=pytest.mark.deep),
    ],
)
MOST_ROUNDS = 6
"""Until every step has had its fault: a fault at one step can keep an event from the next."""
STEPS = ("list", "describe", "update", "hand_off", "verify")


def forms(secret: str) -> set[str]:
    """How a secret may look in a text."""
    once = {quote(secret, safe="~"), quote(secret, safe=""), quote_plus(secret)}
    twice = {quote(form, safe="~") for form in once}
    encoded = {
        base64.b64encode(secret.encode()).decode().rstrip("="),
        json.dumps(secret)[1:-1],
        repr(secret)[1:-1],
    }
    return {secret, *once, *twice, *encoded}


def leaks(texts: Iterable[tuple[str, str]], secrets: Iterable[str]) -> list[str]:
    """Where a secret is in the texts; each text comes with the place that it is from."""
    wanted = {form for secret in secrets for form in forms(secret)}
    return [f"{place}: {text[:300]}" for place, text in texts if any(form in text for form in wanted)]


def stored(database: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    """Every cell of every table of the local servers, except for the store of the keys."""
    tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert {"log_lines", "deliveries", "calls", KEY_STORE} <= tables
    for table in sorted(tables - {KEY_STORE}):
        yield from cells(database, table)


def cells(database: sqlite3.Connection, table: str) -> Iterator[tuple[str, str]]:
    for row in database.execute(f"SELECT * FROM {table}"):  # noqa: S608 - a name from the database itself
        for column in row.keys():  # noqa: SIM118 - iterating over a row gives its values
            cell = row[column]
            yield (
                f"{table}.{column}",
                cell.decode("utf-8", "replace") if isinstance(cell, bytes) else str(cell),
            )


def push_event(moment: str) -> dict[str, Any]:
    return {
        "id": f"event-{moment}",
        "source": "acs.cr",
        "specversion": "1.0",
        "type": "cr:Artifact:PushCompleted",
        "time": moment,
        "data": {
            "InstanceId": "cri-a1b2c3d4e5f6g7h8",
            "InstanceName": "acme",
            "RegionId": REGION,
            "RepoNamespaceName": "prod",
            "RepoName": "web",
            "Tag": "latest",
        },
    }


def webhook_body(moment: str) -> dict[str, Any]:
    return {
        "push_data": {"tag": "latest", "pushed_at": moment},
        "repository": {"name": "web", "namespace": "prod", "region": REGION, "repo_full_name": "prod/web"},
    }


def now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="microseconds")


def new_cache(world: World) -> str:
    return world.cloud.control.create_cache(
        region_id=REGION, image_cache_name="timed-web", images=[f"{HOST}/prod/web:latest"]
    )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with running_world(tmp_path, WebhookTokens=WEBHOOK_TOKEN, LogLevel="DEBUG") as world:
        yield world


def keys(world: World) -> set[str]:
    """The secrets of all keys that are good now."""
    rows = world.rows("SELECT access_key_secret, security_token FROM credentials")
    return {value for row in rows for value in row if value}


# Of each fault it waits for the end of all follow tasks, which are due on a grid of two seconds.
@pytest.mark.timeout(400)
@pytest.mark.deep
def test_instances_show_no_secret(world: World) -> None:
    """Real instances, with the keys that the platform issues, through every entry point at once."""
    secrets = {WEBHOOK_TOKEN, WRONG_TOKEN}
    answers: list[tuple[str, str]] = []
    for fault in (*FAULTS, *OF_PROCESSES):
        world.clear()
        new_cache(world)
        orders = [(world.fc if step == "hand_off" else world.eci).order(step, fault) for step in STEPS]
        secrets |= keys(world)
        for _ in range(MOST_ROUNDS):
            answers += through_every_door(world)
            wait_until(world.quiet, lambda: "it does not come to an end", SETTLE_SECONDS)
            secrets |= keys(world)
            if all(order.hits for order in orders):
                break
        assert all(order.hits for order in orders), f"{fault.name} is not at every step: {orders}"

    # Nothing can be done, nor handed on: events are given up, and senders told to try again.
    permanent, server_error = FAULTS[0], FAULTS[2]
    for listing, hand_off in ((permanent, None), (server_error, server_error)):
        world.clear()
        new_cache(world)
        world.eci.order("list", replace(listing, hits=1000))
        if hand_off is not None:
            world.fc.order("hand_off", replace(hand_off, hits=1000))
        answers += through_every_door(world)
        wait_until(world.quiet, lambda: "it does not come to an end", SETTLE_SECONDS)
    assert world.cloud.fc.dead_letters()

    assert len(secrets) > len({WEBHOOK_TOKEN, WRONG_TOKEN}) + 2, "no key was rotated"
    assert {"401", "404", "503"} <= {status for status, _ in answers}
    assert leaks(cells(world.database, KEY_STORE), secrets), "the search does not find what is there"
    assert leaks([*answers, *stored(world.database)], secrets) == []


def through_every_door(world: World) -> list[tuple[str, str]]:
    """The same push through every entry point at once; what the senders are told, by its status."""
    moment = now()
    cloud = world.cloud
    answers = []

    def post(url: str, body: Any, auth: httpx.Auth | None = None) -> None:
        answer = httpx.post(url, json=body, auth=auth, **LOOPBACK, timeout=30)
        answers.append((str(answer.status_code), f"{answer.headers} {answer.text}"))

    def invoke() -> None:
        told = cloud.invoke("on_manual", json.dumps({"image": f"{HOST}/prod/web"}).encode())
        answers.append((str(told.error_type), told.payload.decode()))

    with ThreadPoolExecutor() as pool:
        image = {"image": f"{HOST}/prod/web"}
        works: list[Future[Any]] = [
            pool.submit(post, cloud.events_url, push_event(moment)),
            pool.submit(post, cloud.webhook_url("acr", registry=HOST), webhook_body(moment)),
            pool.submit(post, cloud.webhook_url("acr", WRONG_TOKEN, HOST), webhook_body(moment)),
            pool.submit(post, cloud.webhook_url("unknown", WRONG_TOKEN), webhook_body(moment)),
            pool.submit(post, cloud.manual_url, image, cloud.auth),
            pool.submit(invoke),
            pool.submit(cloud.fire_timer, "refresh"),
        ]
    for work in works:
        work.result()
    return answers


@pytest.fixture
def marked(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The environment of a function in this process, with a key that is made up and that the cloud knows."""
    values = (KEY_ID, KEY_SECRET, SECURITY_TOKEN, time.time() + 3600)
    with contextlib.closing(sqlite3.connect(world.cloud.config.state / "cloud.db", timeout=10)) as database:
        database.execute("INSERT INTO credentials VALUES (?, ?, ?, ?, NULL)", values)
        database.commit()
    for name, value in {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": KEY_ID,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": KEY_SECRET,
        "ALIBABA_CLOUD_SECURITY_TOKEN": SECURITY_TOKEN,
        "FC_REGION": REGION,
        "FC_ACCOUNT_ID": "1234567890123456",
        "IMC_REGIONS": REGION,
        "IMC_ECI_ENDPOINT": world.eci.url,
        "IMC_FC_ENDPOINT": world.fc.url,
        "IMC_FOLLOW_FUNCTION": "imc-refresh-on-follow",
        # What is stored stays stored: no instance is to get in the way of this process.
        "IMC_FOLLOW_BASE_SECONDS": "3599",
        "IMC_FOLLOW_MAX_SECONDS": "3599",
        "IMC_CLOCK_SKEW_SECONDS": "0",
        "IMC_WEBHOOK_TOKENS": WEBHOOK_TOKEN,
        "IMC_LOG_LEVEL": "DEBUG",
    }.items():
        monkeypatch.setenv(name, value)
    return world


@some_faults
def test_marked_keys_show_nowhere(
    marked: World,
    faults: tuple[Fault, ...],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A key whose characters have to be encoded, and every logger of the process at its lowest level."""
    caplog.set_level(logging.DEBUG)
    told: list[tuple[str, str]] = []
    turns = itertools.cycle(DOORS)
    for fault in faults:
        marked.forget()
        cache_id = new_cache(marked)
        # Of an invocation that is refused the signature is tried the other way.
        orders = [
            marked.fc.order(step, replace(fault, hits=max(2, fault.hits)))
            if step == "hand_off"
            else marked.eci.order(step, fault)
            for step in STEPS
        ]
        for _ in range(MOST_ROUNDS * len(DOORS)):
            if all(order.hits for order in orders):
                break
            told += call(next(turns), cache_id)
        assert all(order.hits for order in orders), f"{fault.name} is not at every step: {orders}"
    told += call("wrong token", "")
    captured = capfd.readouterr()
    told += [("stdout", captured.out), ("stderr", captured.err)]
    told += [
        (f"logger {record.name}", f"{record.getMessage()} {record.args} {record.exc_text}")
        for record in caplog.records
        if record.name.split(".")[0] not in NOT_THE_FUNCTIONS
    ]

    texts = " ".join(text for _, text in told)
    late = ("TIMED_OUT",) if LATE in faults else ()
    for expected in ("HAND_OFF_FAILED", "PERMISSION_DENIED", "UNAUTHORIZED", "EntryPointError", *late):
        assert expected in texts
    assert KEY_ID not in texts
    secrets = (KEY_SECRET, SECURITY_TOKEN, WEBHOOK_TOKEN, WRONG_TOKEN)
    assert leaks(cells(marked.database, KEY_STORE), secrets), "the search does not find what is there"
    assert leaks([*told, *stored(marked.database)], secrets) == []


DOORS = ("on_push", "on_webhook", "on_manual", "on_timer", "on_follow")
HANDLERS = {
    "on_push": on_push.handler,
    "on_webhook": on_webhook.handler,
    "on_manual": on_manual.handler,
    "on_timer": on_timer.handler,
    "on_follow": on_follow.handler,
    "wrong token": on_webhook.handler,
}


def call(door: str, cache_id: str) -> list[tuple[str, str]]:
    """Call a handler as the platform does; its answer, or all of its exception that anybody may print."""
    moment = now()
    change = {
        "kind": "push",
        "source": "acr",
        "eventId": moment,
        "registry": HOST,
        "repository": "prod/web",
        "tag": "latest",
        "pushedAt": moment,
    }
    events = {
        "on_push": push_event(moment),
        "on_webhook": http_event(WEBHOOK_TOKEN, moment),
        "on_manual": {"image": f"{HOST}/prod/web"},
        "on_timer": {
            "triggerTime": moment,
            "triggerName": "refresh",
            "payload": json.dumps({"action": "refresh", "caches": {"ids": [cache_id]}}),
        },
        "on_follow": {
            "version": 1,
            "attempt": 1,
            "began": moment,
            "change": change,
            "regionId": REGION,
            "imageCacheId": cache_id,
        },
        "wrong token": http_event(WRONG_TOKEN, moment),
    }
    context = SimpleNamespace(
        request_id=f"r-{moment}", function=SimpleNamespace(name=door, timeout=FUNCTION_SECONDS)
    )
    try:
        answer = HANDLERS[door](json.dumps(events[door]).encode(), context)
    except EntryPointError as error:
        return [(f"exception of {door}", f"{error!r} {''.join(traceback.format_exception(error))}")]
    return [(f"answer of {door}", json.dumps(answer, ensure_ascii=False))]


def http_event(token: str, moment: str) -> dict[str, Any]:
    path = "/webhooks/acr"
    return {
        "version": "v1",
        "rawPath": path,
        "body": json.dumps(webhook_body(moment)),
        "isBase64Encoded": False,
        "headers": {"Content-Type": "application/json"},
        "queryParameters": {"token": token, "registry": HOST},
        "requestContext": {"http": {"method": "POST", "path": path}},
    }
