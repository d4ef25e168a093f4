"""Rules with a real registry: its own notifications in any order, and what it says when it is asked."""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from imagecache.base.errors import RetryableEntryPointError
from local.base.loopback import LOOPBACK
from local.registry.docker_registry import LocalRegistry, missing_tools
from tests.support.depth import every_value, sampled
from tests.support.http_server import QuietHandler, serve_http

pytestmark = pytest.mark.skipif(
    bool(missing_tools()), reason=f"no real registry here: missing {', '.join(missing_tools())}"
)

TAGS = ["v1.0.1", "v1.1.0", "v2.0.0", "v1.0.2"]
KEPT = ["v1.1.0", "v1.0.2"]
POLICY = {"type": "semver", "range": ">=1.0 <2", "keep": 2}
NEWER = ("refreshed", "REGISTRY_NEWER")
NOTHING = ("ignored", "NOTHING_TO_REPAIR")
WAIT_SECONDS = 30
CHART = "application/vnd.cncf.helm.config.v1+json"
VENDOR = "registry-vpc.cn-hangzhou.aliyuncs.com"


def tags_in(body: bytes) -> set[str]:
    """The tags that a notification's events name."""
    events = json.loads(body)["events"]
    return {event["target"]["tag"] for event in events if "tag" in event["target"]}


class Notified:
    """The notifications that a registry sent."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self._arrived = threading.Condition()

    def add(self, body: bytes) -> None:
        with self._arrived:
            self.bodies.append(body)
            self._arrived.notify_all()

    def tags(self) -> set[str]:
        return {tag for body in self.bodies for tag in tags_in(body)}

    def wait_for_new(self, tags: set[str], seen: int) -> bytes:
        """The first notification with these tags after those that were seen."""

        def found() -> bytes | None:
            return next((body for body in self.bodies[seen:] if tags <= tags_in(body)), None)

        with self._arrived:
            assert self._arrived.wait_for(found, timeout=WAIT_SECONDS)
            return found() or b""

    def wait_for(self, tags: set[str]) -> None:
        with self._arrived:
            assert self._arrived.wait_for(lambda: self.tags() >= tags, timeout=WAIT_SECONDS)


@pytest.fixture(scope="module")
def notified() -> Iterator[tuple[Notified, str]]:
    """What was notified, and the URL that takes it."""
    received = Notified()

    class Handler(QuietHandler):
        def respond(self) -> None:
            received.add(self.rfile.read(int(self.headers["content-length"])))
            self.answer(200)

    with serve_http(Handler) as host:
        yield received, f"http://{host}/"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory, notified: Any) -> Iterator[LocalRegistry]:
    """A registry in which four versions were pushed one after the other."""
    received, url = notified
    with LocalRegistry(tmp_path_factory.mktemp("registry"), {"collector": url}) as running:
        running.push("prod/web", "v1.0.0", content="first")
        for tag in TAGS:
            running.push("prod/web", tag, content=tag)
        received.wait_for({"v1.0.0", *TAGS})
        yield running


TICKS = itertools.count(10)


def sweep(doors: Any) -> Any:
    """A tick of its own."""
    return doors.timer(triggerTime=f"2026-03-02T02:{next(TICKS)}:00Z")


def listed(deployed: Any, identifier: str) -> list[str]:
    return [image.rpartition(":")[2] for image in deployed.control.cache(identifier)["images"]]


@every_value
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("reads", [False, True], ids=["events only", "registry read"])
def test_the_newest_two_stay_whatever_the_order_and_number_of_deliveries(
    deployed: Any, doors: Any, rules: Any, registry: LocalRegistry, notified: Any, seed: int, reads: bool
) -> None:
    rules({"policy": POLICY} | ({"registry": "read"} if reads else {}))
    identifier = deployed.cache(f"{registry.host}/prod/web:v1.0.0")
    chance = random.Random(seed)  # noqa: S311 - an order of deliveries
    bodies = [body for body in notified[0].bodies if tags_in(body) & set(TAGS)]
    assert len(bodies) >= len(TAGS)
    deliveries = bodies + chance.choices(bodies, k=chance.randrange(6))
    chance.shuffle(deliveries)
    for body in deliveries:
        told = doors.webhook("distribution", body.decode())
        assert told.status == 200, told.text
        deployed.end_updates()
    assert listed(deployed, identifier) == KEPT


def test_a_sweep_repairs_what_was_never_delivered_with_one_update(
    deployed: Any, doors: Any, rules: Any, registry: LocalRegistry
) -> None:
    rules({"images": {"repositories": ["prod/**"]}, "policy": POLICY, "registry": "read"})
    identifier = deployed.cache("redis:7", f"{registry.host}/prod/web:v1.0.0", image_cache_name="web")
    told = sweep(doors)
    assert told.results == [NEWER]
    assert all(tag in told.only["message"] for tag in KEPT)
    web = f"{registry.host}/prod/web"
    assert deployed.updated() == {identifier: ["redis:7", *(f"{web}:{tag}" for tag in KEPT)]}
    deployed.end_updates()
    assert sweep(doors).results == [NOTHING]
    assert len(deployed.updates()) == 1


def test_a_sweep_notices_another_image_under_the_same_tag(
    deployed: Any, doors: Any, rules: Any, registry: LocalRegistry
) -> None:
    rules({"registry": "read"})
    registry.push("prod/moving", "latest", content="one")
    deployed.cache(f"{registry.host}/prod/moving:latest")
    first = sweep(doors)
    assert first.results == [NEWER]
    assert "not known" in first.only["message"]
    deployed.end_updates()
    assert sweep(doors).results == [NOTHING]
    registry.push("prod/moving", "latest", content="two")
    told = sweep(doors)
    assert told.results == [NEWER]
    assert "prod/moving:latest" in told.only["message"]
    deployed.end_updates()
    assert sweep(doors).results == [NOTHING]
    assert len(deployed.updates()) == 2


def test_a_repeated_push_of_the_digest_that_was_built_changes_nothing(
    deployed: Any, doors: Any, rules: Any, events: Any, registry: LocalRegistry
) -> None:
    rules({"registry": "read"})
    digest = registry.push("prod/again", "latest", content="one")
    deployed.cache(f"{registry.host}/prod/again:latest")

    def pushed(found: str) -> Any:
        envelope = events.distribution(registry.host, repository="prod/again")
        (event,) = envelope["events"]
        event["timestamp"] = events.now()
        event["target"]["digest"] = found
        return doors.webhook("distribution", envelope)

    assert pushed(digest).results == [("refreshed", "TAG_REPUSHED")]
    deployed.end_updates()
    assert pushed(digest).results == [("unchanged", "SAME_DIGEST")]
    assert len(deployed.updates()) == 1


def test_a_refresh_brings_the_list_to_what_the_policy_wants_now(
    deployed: Any, doors: Any, rules: Any, registry: LocalRegistry
) -> None:
    rules({"policy": POLICY, "registry": "read"})
    identifier = deployed.cache(f"{registry.host}/prod/web:v1.0.0")
    assert doors.manual(imageCacheId=identifier).results == [("refreshed", "REBUILD_REQUESTED")]
    assert deployed.updated() == {identifier: [f"{registry.host}/prod/web:{tag}" for tag in KEPT]}


def test_a_list_that_a_person_sets_is_sent_as_it_is(
    deployed: Any, doors: Any, rules: Any, registry: LocalRegistry
) -> None:
    rules({"policy": POLICY, "registry": "read"})
    identifier = deployed.cache(f"{registry.host}/prod/web:v1.0.0")
    wanted = [f"{registry.host}/prod/web:v1.0.1"]
    assert doors.manual(imageCacheId=identifier, images=wanted).results == [("refreshed", "LIST_CHANGED")]
    assert deployed.updated() == {identifier: wanted}


def test_a_pushed_tag_is_taken_though_the_registry_does_not_have_it_yet(
    deployed: Any, doors: Any, rules: Any, events: Any, registry: LocalRegistry
) -> None:
    rules({"policy": POLICY, "registry": "read"})
    identifier = deployed.cache(f"{registry.host}/prod/web:v1.0.0")
    told = doors.webhook("distribution", events.distribution(registry.host, tag="v1.9.0"))
    assert told.results == [("refreshed", "TAG_PROMOTED")]
    assert "no tag v1.9.0" in told.only["registry_error"]
    deployed.end_updates()
    assert listed(deployed, identifier) == ["v1.9.0", "v1.1.0"]


@pytest.mark.parametrize("told_of", ["latest", "v1.0.0-rc.1", "v0.9.0"])
def test_a_push_that_a_policy_holds_is_a_hint_of_a_newer_one(
    deployed: Any, doors: Any, rules: Any, events: Any, registry: LocalRegistry, told_of: str
) -> None:
    read = {"policy": {"type": "semver", "range": ">=1.0 <2"}, "registry": "read"}
    rules({**read, "images": {"repositories": [f"{registry.host}/**"]}})
    repository = f"prod/hinted-{told_of.replace('.', '-')}"
    image = f"{registry.host}/{repository}"
    for tag in ("v1.0.0", told_of):
        registry.push(repository, tag, content=tag)
    behind, other = deployed.cache(f"{image}:v1.0.0", "redis:7"), deployed.cache("redis:7")
    event = events.distribution(registry.host, repository=repository, tag=told_of)
    assert doors.webhook("distribution", event).results == [("ignored", "POLICY_HOLDS")]
    assert deployed.updates() == []

    registry.push(repository, "v1.2.3", content="never told of")
    registry.push(repository, "v2.0.0", content="beyond the range")
    told = doors.webhook("distribution", event)
    assert told.results == [NEWER]
    assert f"{image}:v1.2.3" in told.only["message"]
    assert (told.only["source"], told.only["event_id"]) == ("distribution", event["events"][0]["id"])
    deployed.end_updates()
    assert listed(deployed, behind) == ["v1.2.3", "7"]
    assert listed(deployed, other) == ["7"]
    again = doors.webhook("distribution", event)
    assert again.only["result"] in {"ignored", "unchanged"}
    assert len(deployed.updates()) == 1


def test_a_hint_about_a_registry_that_does_not_answer_is_left(
    deployed: Any, doors: Any, rules: Any, events: Any, tmp_path: Path
) -> None:
    with LocalRegistry(tmp_path / "gone", {}) as gone:
        host = gone.host
    rules({"policy": {"type": "semver", "range": "1"}, "registry": "read"})
    deployed.cache(f"{host}/prod/web:v1.0.0")
    told = doors.webhook("distribution", events.distribution(host))
    assert (told.status, told.results) == (200, [("ignored", "POLICY_HOLDS")])
    assert deployed.updates() == []


def put_chart(registry: LocalRegistry, repository: str, tag: str) -> None:
    """Push a chart as its client does: a config and a manifest."""
    base = f"http://{registry.host}/v2/{repository}"
    config = b'{"name":"web"}'
    digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
    begun = httpx.post(f"{base}/blobs/uploads/", **LOOPBACK)
    where = httpx.URL(begun.headers["Location"]).copy_merge_params({"digest": digest})
    assert httpx.put(where, content=config, **LOOPBACK).status_code == 201
    kind = "application/vnd.oci.image.manifest.v1+json"
    blob = {"mediaType": CHART, "digest": digest, "size": len(config)}
    document = {"schemaVersion": 2, "mediaType": kind, "config": blob, "layers": []}
    answer = httpx.put(f"{base}/manifests/{tag}", json=document, headers={"Content-Type": kind}, **LOOPBACK)
    assert answer.status_code == 201, answer.text


def test_a_chart_in_the_registry_is_never_taken(
    deployed: Any, doors: Any, rules: Any, events: Any, registry: LocalRegistry
) -> None:
    rules({"policy": {"type": "semver", "range": ">=1.0 <2"}, "registry": "read"})
    for tag in ("v1.0.0", "v1.1.0"):
        registry.push("prod/charted", tag, content=tag)
    put_chart(registry, "prod/charted", "v1.5.0")
    first = deployed.cache(f"{registry.host}/prod/charted:v1.0.0")
    told = doors.webhook(
        "distribution", events.distribution(registry.host, repository="prod/charted", tag="v1.5.0")
    )
    assert told.results == [("refreshed", "TAG_PROMOTED")]
    assert CHART in told.only["registry_error"]
    deployed.end_updates()
    # The next best, though nobody told of it.
    assert listed(deployed, first) == ["v1.1.0"]
    again = doors.webhook(
        "distribution", events.distribution(registry.host, repository="prod/charted", tag="v1.5.0")
    )
    assert again.results == [("ignored", "NOT_AN_IMAGE")]
    assert CHART in again.only["message"]
    assert sweep(doors).results == [NOTHING]
    assert len(deployed.updates()) == 1


def test_a_tag_whose_manifest_was_deleted_behind_the_listing_is_not_taken(
    deployed: Any, doors: Any, rules: Any
) -> None:
    class Behind(QuietHandler):
        """Lists a tag that it has not any more."""

        def respond(self) -> None:
            if self.path.startswith("/v2/prod/web/tags/list"):
                self.answer(200, b'{"name":"prod/web","tags":["v1.0.0","v1.1.0","v1.2.0"]}')
            elif "v1.2.0" in self.path:
                self.answer(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')
            else:
                body = (
                    b'{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json"}}'
                )
                self.answer(
                    200,
                    b"" if self.command == "HEAD" else body,
                    ("Content-Type", "application/vnd.oci.image.manifest.v1+json"),
                    ("Docker-Content-Digest", f"sha256:{hashlib.sha256(body).hexdigest()}"),
                )

    rules({"policy": {"type": "semver", "range": "1"}, "registry": "read"})
    with serve_http(Behind) as host:
        identifier = deployed.cache(f"{host}/prod/web:v1.0.0")
        assert sweep(doors).results == [NEWER]
        deployed.end_updates()
        assert listed(deployed, identifier) == ["v1.1.0"]
        assert sweep(doors).results == [NOTHING]


@pytest.mark.parametrize("forged", [VENDOR, "registry-1.docker.io", "other-team.example.com:5000"])
def test_a_host_that_a_pusher_forges_is_no_authority(
    deployed: Any, doors: Any, registry: LocalRegistry, notified: Any, forged: str
) -> None:
    victim = deployed.cache(f"{forged}/prod/forged:v1")
    own = deployed.cache(f"{registry.host}/prod/forged:v1")
    received, _ = notified
    registry.push("prod/forged", "origin", content=forged)
    manifest = f"http://{registry.host}/v2/prod/forged/manifests"
    kind = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
    body = httpx.get(f"{manifest}/origin", headers=kind, **LOOPBACK).content
    before = len(received.bodies)
    headers = {"Content-Type": kind["Accept"], "Host": forged}
    assert httpx.put(f"{manifest}/v1", content=body, headers=headers, **LOOPBACK).status_code == 201
    delivery = received.wait_for_new({"v1"}, before)

    told = doors.webhook("distribution", delivery.decode(), registry=registry.host)
    pushed = [one for one in told.outcomes if one["result"] == "refreshed"]
    assert [(one["image_cache_id"], one["payload_host"]) for one in pushed] == [(own, forged)]
    unnamed = doors.webhook("distribution", delivery.decode(), registry=None)
    assert (unnamed.status, unnamed.results) == (400, [("rejected", "REGISTRY_NOT_NAMED")])
    assert victim not in deployed.updated()
    deployed.end_updates()

    before = len(received.bodies)
    registry.push("prod/forged", "v1", content=f"after {forged}")
    told = doors.webhook(
        "distribution", received.wait_for_new({"v1"}, before).decode(), registry=registry.host
    )
    (again,) = (one for one in told.outcomes if one["result"] == "refreshed")
    assert again["image_cache_id"] == own
    assert "payload_host" not in again


def test_a_registry_that_does_not_answer_never_blocks_the_refresh_of_an_event(
    deployed: Any, doors: Any, rules: Any, events: Any, tmp_path: Path
) -> None:
    with LocalRegistry(tmp_path / "gone", {}) as gone:
        host = gone.host
    rules({"registry": "read"})
    identifier = deployed.cache(f"{host}/prod/web:latest", "redis:7")
    started = time.monotonic()
    told = doors.webhook("distribution", events.distribution(host))
    assert time.monotonic() - started < WAIT_SECONDS
    assert told.results == [("refreshed", "TAG_REPUSHED")]
    assert host in told.only["registry_error"]
    assert deployed.updated() == {identifier: [f"{host}/prod/web:latest", "redis:7"]}


def test_a_sweep_that_could_not_ask_is_tried_again(
    deployed: Any, doors: Any, rules: Any, tmp_path: Path
) -> None:
    with LocalRegistry(tmp_path / "gone", {}) as gone:
        host = gone.host
    rules({"registry": "read", "images": {"repositories": ["prod/**"]}})
    deployed.cache(f"{host}/prod/web:latest")
    broken = deployed.cache("redis:7", status="UpdateFailed")
    told = sweep(doors)
    assert sorted(told.results) == [("failed", "REGISTRY_UNREADABLE"), ("refreshed", "SWEEP_REPAIR")]
    assert isinstance(told.error, RetryableEntryPointError)
    assert list(deployed.updated()) == [broken]


class Dripping(QuietHandler):
    """A registry whose answers never come to an end."""

    def respond(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        with suppress(OSError):
            for _ in range(600):
                self.wfile.write(b" ")
                self.wfile.flush()
                if ENDED.wait(0.05):
                    break


ENDED = threading.Event()


@pytest.fixture
def dripping() -> Iterator[list[str]]:
    """Five of them."""
    ENDED.clear()
    with ExitStack() as stack:
        yield [stack.enter_context(serve_http(Dripping)) for _ in range(5)]
        ENDED.set()


@pytest.mark.parametrize("tick", sampled(range(3), 3))
def test_a_registry_behind_five_that_drip_is_read_in_each_sweep(
    deployed: Any,
    doors: Any,
    rules: Any,
    registry: LocalRegistry,
    dripping: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tick: int,
) -> None:
    rules({"policy": POLICY, "registry": "read"})
    monkeypatch.setenv("IMC_REGISTRY_SECONDS", "4")
    slow = [deployed.cache(f"{host}/prod/web:v1.0.0") for host in dripping]
    honest = deployed.cache(f"{registry.host}/prod/web:v1.0.0")
    began = time.monotonic()
    told = sweep(doors)
    assert time.monotonic() - began < WAIT_SECONDS
    # A machine that is slow as well may have no time left for the last of them.
    by_cache = {one.get("image_cache_id"): (one["result"], one["reason"]) for one in told.outcomes}
    unread = dict.fromkeys(slow, ("failed", "REGISTRY_UNREADABLE"))
    unfinished = {None: ("ignored", "SWEEP_UNFINISHED")}
    assert by_cache.pop(honest) == NEWER, tick
    assert by_cache.items() <= (unread | unfinished).items()
    assert isinstance(told.error, RetryableEntryPointError)


class Slow(QuietHandler):
    """A registry that takes its time, and has nothing."""

    def respond(self) -> None:
        threading.Event().wait(0.3)
        self.answer(503)


def test_a_sweep_without_time_for_all_says_so_and_is_no_failure(
    deployed: Any, doors: Any, rules: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules({"registry": "read"})
    monkeypatch.setenv("IMC_REGISTRY_SECONDS", "1")
    with serve_http(Slow) as host:
        for number in range(6):
            deployed.cache(f"{host}/prod/app-{number}:latest")
        told = sweep(doors)
    assert told.results[-1] == ("ignored", "SWEEP_UNFINISHED")
    assert "of 6 image caches" in told.outcomes[-1]["message"]
    assert deployed.updates() == []
