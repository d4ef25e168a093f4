"""The registry reader against registries and token services that say whatever they like."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import re
import time
import traceback
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from imagecache.base.errors import RegistryError
from imagecache.clients.http_calls import Fault, HttpCalls
from imagecache.clients.oci_auth import (
    MOST_TOKENS,
    KeptTokens,
    Token,
    may_get_password,
    read_challenges,
    read_token,
    token_service,
)
from imagecache.clients.oci_registry import OciReader, RegistryConnections
from imagecache.clients.registry_reader import Account
from tests.contract.lying_registry import Asked, LyingRegistry, Said, lying_registry, page, refusal
from tests.support.depth import every_value
from tests.support.for_each import for_each

REPOSITORY = "prod/web"
TAGS, MANIFEST = f"/v2/{REPOSITORY}/tags/list", f"/v2/{REPOSITORY}/manifests/v1"
ACCOUNT = Account("robot$MARK", "MARK-password:ü")
PASSWORD = "Basic " + b64encode("robot$MARK:MARK-password:ü".encode()).decode()
DIGEST = "sha256:" + "a" * 64
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
MEGABYTES = 1024 * 1024
MARK = re.compile("MARK")


@dataclass
class Clock:
    """A clock that stands still until it is set."""

    now: float = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Setting:
    """Servers, and readers that share their connections."""

    stack: ExitStack
    connections: RegistryConnections
    clock: Clock
    pauses: list[float] = field(default_factory=list)

    def serve(self, script: Callable[[Asked], Said] | Said | list[Said]) -> LyingRegistry:
        """A server; a list is answered in order, its last item again and again."""
        if isinstance(script, Said):
            script = [script]
        if isinstance(script, list):
            answers = list(script)
            return self.serve(lambda _asked: answers.pop(0) if len(answers) > 1 else answers[0])
        return self.stack.enter_context(lying_registry(script))

    def reader(
        self,
        account: Account | None = None,
        *,
        seconds: float = 30.0,
        remaining: Callable[[], float] | None = None,
        page_size: int = 1000,
    ) -> OciReader:
        end = time.monotonic() + seconds
        return OciReader(
            lambda _registry: account,
            remaining or (lambda: end - time.monotonic()),
            self.connections,
            sleep=self.pauses.append,
            page_size=page_size,
        )


@pytest.fixture(name="setting")
def _setting() -> Iterator[Setting]:
    with ExitStack() as stack:
        clock = Clock()
        connections = RegistryConnections(clock)
        stack.callback(connections.session.close)
        yield Setting(stack, connections, clock)


def problem(call: Callable[..., Any], *arguments: str) -> str:
    with pytest.raises(RegistryError) as raised:
        call(*arguments)
    return str(raised.value)


def bearer(realm: str, **parameters: str) -> tuple[str, str]:
    told = {"realm": realm, "service": "r", "scope": f"repository:{REPOSITORY}:pull,push", **parameters}
    return "WWW-Authenticate", "Bearer " + ",".join(f'{name}="{value}"' for name, value in told.items())


def token(value: Any = "MARK-token", **members: Any) -> Said:
    return Said(json.dumps({"token": value, **members}).encode())


# Tags


def test_tags_are_listed_as_the_specification_says(setting: Setting) -> None:
    registry = setting.serve(page(["v1", "v2"]))
    assert setting.reader().tags(registry.host, REPOSITORY) == {"v1", "v2"}
    (asked,) = registry.asked
    assert (asked.method, asked.path, asked.query) == ("GET", TAGS, {"n": ["1000"]})
    assert "authorization" not in asked.headers


LINKS = {
    "relative to the host": f"<{TAGS}?n=2&last=b>; rel=next",
    "relative to the page": '<list?n=2&last=b>; rel="next"',
    "a query": '<?n=2&last=b>;rel="next"',
    "absolute": f'<http://HOST{TAGS}?n=2&last=b>; rel="next"',
    "in capitals": f'<HTTP://HOST{TAGS}?n=2&last=b>; REL="NEXT"',
    "among other relations": f'<{TAGS}?n=2&last=b>; title="x"; rel="last next"',
    "behind another link": f'</first>; rel="first", <{TAGS}?n=2&last=b>; rel="next"',
    "an internal host": f'<http://registry.internal:5000{TAGS}?n=2&last=b>; rel="next"',
    "an address inside": f'<http://127.0.0.1:1{TAGS}?n=2&last=b>; rel="next"',
    "another scheme": f'<https://HOST{TAGS}?n=2&last=b>; rel="next"',
    "a login": f'<http://a:b@HOST{TAGS}?n=2&last=b>; rel="next"',
    "a network path": '<//r.example.com/x?n=2&last=b>; rel="next"',
    "no port": '<http://127.0.0.1:x/?n=2&last=b>; rel="next"',
    "no URL": '<http://[MARK/?n=2&last=b>; rel="next"',
    "a path with a prefix": f'</repository/docker{TAGS}?n=2&last=b>; rel="next"',
    "a path without the repository's key": '</v2/web/tags/list?n=2&last=b>; rel="next"',
    "another repository": '</v2/other/web/tags/list?n=2&last=b>; rel="next"',
    "a fragment": f'<{TAGS}?n=2&last=b#top>; rel="next"',
}


@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
def test_all_pages_are_read(setting: Setting, link: str) -> None:
    registry = setting.serve(
        lambda asked: (
            page(["c"]) if "last" in asked.query else page(["a", "b"], link.replace("HOST", registry.host))
        )
    )
    assert setting.reader(page_size=3).tags(registry.host, REPOSITORY) == {"a", "b", "c"}
    assert [asked.query.get("last") for asked in registry.asked] == [None, ["b"]]
    assert {asked.path for asked in registry.asked} == {TAGS}


def test_the_link_to_the_first_page_is_no_next_page(setting: Setting) -> None:
    registry = setting.serve(page(["a"], '</v2/>; rel="first"'))
    assert setting.reader().tags(registry.host, REPOSITORY) == {"a"}


@pytest.mark.parametrize("follows_last", [True, False], ids=["that knows last", "that ignores last"])
def test_a_registry_that_cuts_pages_without_a_link_is_asked_for_the_rest(
    setting: Setting, follows_last: bool
) -> None:
    def script(asked: Asked) -> Said:
        after = asked.query.get("last", [""])[0] if follows_last else ""
        return page([tag for tag in ["a", "b", "c", "d+"] if tag > after][:2])

    registry = setting.serve(script)
    expected = {"a", "b", "c"} if follows_last else {"a", "b"}
    assert setting.reader(page_size=2).tags(registry.host, REPOSITORY) == expected
    assert len(registry.asked) == (3 if follows_last else 2)


EMPTY = {
    "null": page(None),
    "an empty list": page([]),
    "an unknown repository": refusal("NAME_UNKNOWN"),
}


@pytest.mark.parametrize("said", EMPTY.values(), ids=EMPTY)
def test_no_tags(setting: Setting, said: Said) -> None:
    assert setting.reader().tags(setting.serve(said).host, REPOSITORY) == frozenset()


def test_what_is_no_tag_is_dropped(setting: Setting) -> None:
    listed = ["v1", "", ".v2", "v 3", "v4\n", "x" * 129, "x" * 128, "ä"]
    assert setting.reader().tags(setting.serve(page(listed)).host, REPOSITORY) == {"v1", "x" * 128}


LIES: dict[str, tuple[Said, str]] = {
    "no JSON": (Said(b"<html>MARK"), "not a list of tags"),
    "not UTF-8": (Said(b'{"tags":["\xff"]}'), "not a list of tags"),
    "cut JSON": (Said(b'{"name":"prod/web","tags":["v1"'), "not a list of tags"),
    "deep JSON": (Said(b"[" * 200_000), "not a list of tags"),
    "an array": (Said(b'["v1"]'), "not a list of tags"),
    "null": (Said(b"null"), "not a list of tags"),
    "nothing": (Said(b""), "not a list of tags"),
    "no tags": (Said(b'{"name":"prod/web"}'), "not a list of tags"),
    "tags in an object": (page({"v1": DIGEST}), "something else"),
    "a text": (page("v1"), "something else"),
    "false": (page(False), "something else"),
    "a number among tags": (page(["v1", 2]), "something else"),
    "null among tags": (page(["v1", None]), "something else"),
    "compressed all the same": (
        Said(b"\x1f\x8b\x08\x00", headers=(("Content-Encoding", "gzip"),)),
        "not a list of tags",
    ),
    "a short body": (
        Said(raw=b'HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"tags":[]}'),
        "connection failed",
    ),
    "a cut chunk": (
        Said(raw=b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{"tags":[]}'),
        "connection failed",
    ),
    "a chunk of no size": (
        Said(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nMARK\r\n"),
        "connection failed",
    ),
    "a huge body": (Said(b" " * (4 * MEGABYTES + 1)), "more than 4194304 bytes"),
    "a huge body in chunks": (
        Said(
            raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            + (b"100000\r\n" + b" " * MEGABYTES + b"\r\n") * 5
        ),
        "more than 4194304 bytes",
    ),
    "garbage": (Said(raw=b"MARK is no HTTP\r\n\r\n"), "connection failed"),
    "nothing at all": (Said(raw=b""), "connection failed"),
    "a reset": (Said(fault="reset"), "connection failed"),
    "endless headers": (Said(raw=b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 500), "connection failed"),
    "a long header": (Said(raw=b"HTTP/1.1 200 OK\r\na: " + b"b" * 70_000), "connection failed"),
    "two lengths": (
        Said(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef"),
        "connection failed",
    ),
    "a broken length": (Said(raw=b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{}"), "not a list of tags"),
    "a redirection in no encoding": (
        Said(raw=b"HTTP/1.1 302 Found\r\nLocation: \xff\xfe\r\nContent-Length: 0\r\n\r\n"),
        "answered 302",
    ),
    "no content": (Said(raw=b"HTTP/1.1 204 No Content\r\n\r\n"), "answered 204"),
    "a page without a query": (page(["v1"], f'<{TAGS}>; rel="next"'), "no query that can be asked"),
    "a page of a network path": (page(["v1"], '<//r.example.com/x>; rel="next"'), "no query"),
    "a query with a blank": (page(["v1"], f'<{TAGS}?last=MARK v1>; rel="next"'), "no query"),
    "a query with a line end": (page(["v1"], f'<{TAGS}?last=MARK\tv1>; rel="next"'), "no query"),
    "an endless query": (page(["v1"], f'<{TAGS}?last={"x" * 5000}>; rel="next"'), "no query"),
    "a link that cannot be read": (page(["v1"], 'MARK; rel="next"'), "cannot be read"),
    "the same page again": (page(["v1"], f'<{TAGS}?n=1000>; rel="next"'), "has no last page"),
    "a redirection": (Said(status=302, headers=(("Location", "/v2/other"),)), "answered 302"),
    "a redirection to another host": (
        Said(status=307, headers=(("Location", "http://127.0.0.1:1/MARK"),)),
        "answered 307",
    ),
    "a redirection to no URL": (Said(status=301, headers=(("Location", "http://[MARK"),)), "answered 301"),
    "a 404 of another kind": (refusal("MANIFEST_UNKNOWN"), "404 that does not name a missing"),
    "a 404 of no registry": (Said(b"<html>MARK", 404), "404 that does not name a missing"),
    "a 404 with errors of another form": (Said(b'{"errors":{"code":"NAME_UNKNOWN"}}', 404), "404 that"),
    "a 404 with codes of another form": (Said(b'{"errors":["NAME_UNKNOWN",{"code":[]}]}', 404), "404 that"),
    "a 404 with a huge body": (
        Said(b" " * 70_000 + b'{"errors":[{"code":"NAME_UNKNOWN"}]}', 404),
        "404 that",
    ),
    "a refusal": (refusal("DENIED", 403), "access refused (403)"),
    "a refusal without a challenge": (refusal("UNAUTHORIZED", 401), "access refused (401), and there is no"),
    "a success of another kind": (Said(b'{"tags":[]}', 206), "answered 206"),
    "a server fault": (Said(b"MARK", 500), "answered 500"),
    "a bad gateway": (Said(b"MARK", 502), "answered 502"),
}


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize(("said", "told"), LIES.values(), ids=LIES)
def test_an_answer_that_is_not_whole_or_not_right_is_an_error(
    setting: Setting, said: Said, told: str
) -> None:
    def script(_asked: Asked) -> Said:
        headers = tuple((name, value.replace("HOST", registry.host)) for name, value in said.headers)
        return Said(said.body, said.status, headers, said.raw, said.drip, said.fault)

    registry = setting.serve(script)
    text = problem(setting.reader().tags, registry.host, REPOSITORY)
    assert told in text
    assert text.startswith(f"registry {registry.host}, repository {REPOSITORY}: ")
    assert not MARK.search(text)
    assert {asked.path for asked in registry.asked} == {TAGS}


def test_a_repository_that_is_gone_between_two_pages_is_not_taken_for_an_empty_one(setting: Setting) -> None:
    registry = setting.serve([page(["v1"], f'<{TAGS}?last=v1>; rel="next"'), refusal("NAME_UNKNOWN")])
    assert "answered 404" in problem(setting.reader().tags, registry.host, REPOSITORY)


def test_a_redirection_is_neither_followed_nor_read(setting: Setting) -> None:
    head = b"HTTP/1.1 302 Found\r\nLocation: /v2/elsewhere\r\nContent-Length: 99999999\r\n\r\n"
    registry = setting.serve(Said(raw=head + b" " * (2 * MEGABYTES)))
    assert "answered 302" in problem(setting.reader().tags, registry.host, REPOSITORY)
    assert registry.paths == [f"GET {TAGS}"]


@pytest.mark.parametrize("size", [1, 500], ids=["200 pages", "50,000 tags"])
def test_paging_has_an_end(setting: Setting, size: int) -> None:
    def script(_asked: Asked) -> Said:
        number = len(registry.asked)
        return page([f"v{number}-{tag}" for tag in range(size)], f'<{TAGS}?page={number}>; rel="next"')

    registry = setting.serve(script)
    assert "has no last page" in problem(setting.reader().tags, registry.host, REPOSITORY)
    assert len(registry.asked) == (200 if size == 1 else 101)


WRONG_NAMES = {
    "a host with a path": ("r.example.com/x", REPOSITORY, "v1"),
    "a host with a login": ("a@r.example.com", REPOSITORY, "v1"),
    "a repository that climbs": ("r.example.com", "../prod", "v1"),
    "a repository with a query": ("r.example.com", "prod?x", "v1"),
    "a tag with a path": ("r.example.com", REPOSITORY, "v1/../x"),
}


@pytest.mark.parametrize("names", WRONG_NAMES.values(), ids=WRONG_NAMES)
def test_what_is_no_name_is_asked_for_nowhere(setting: Setting, names: tuple[str, str, str]) -> None:
    text = problem(setting.reader().digest, *names)
    assert re.match(r"(registry host|repository|tag) '", text)


# Digests


def test_the_digest_is_the_one_that_the_registry_states(setting: Setting) -> None:
    registry = setting.serve(Said(headers=(("docker-content-digest", DIGEST),)))
    assert setting.reader().digest(registry.host, REPOSITORY, "v1") == DIGEST
    (asked,) = registry.asked
    assert (asked.method, asked.path) == ("HEAD", MANIFEST)
    assert sorted(asked.headers["accept"].split(", ")) == [
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
    ]


BODY = b'{"schemaVersion": 2}'
HASH = "sha256:" + hashlib.sha256(BODY).hexdigest()


def manifest(body: bytes = BODY, kind: str = DOCKER_LIST, *headers: tuple[str, str]) -> Said:
    return Said(body, headers=(("Content-Type", kind), *headers))


def test_without_a_stated_digest_it_is_that_of_the_manifests_bytes(setting: Setting) -> None:
    registry = setting.serve(manifest(kind=f"{DOCKER_LIST}; charset=utf-8"))
    assert setting.reader().digest(registry.host, REPOSITORY, "v1") == HASH
    assert registry.paths == [f"HEAD {MANIFEST}", f"GET {MANIFEST}"]


def test_a_registry_that_takes_no_head_is_asked_with_get(setting: Setting) -> None:
    registry = setting.serve(
        lambda asked: (
            Said(status=405)
            if asked.method == "HEAD"
            else manifest(BODY, DOCKER_LIST, ("Docker-Content-Digest", DIGEST))
        )
    )
    assert setting.reader().digest(registry.host, REPOSITORY, "v1") == DIGEST


@pytest.mark.parametrize("code", ["MANIFEST_UNKNOWN", "NAME_UNKNOWN", "NOT_FOUND"])
def test_no_such_manifest(setting: Setting, code: str) -> None:
    assert setting.reader().digest(setting.serve(refusal(code)).host, REPOSITORY, "v1") is None


def digest_header(value: str) -> Said:
    return manifest(BODY, DOCKER_LIST, ("Docker-Content-Digest", value))


DIGEST_LIES: dict[str, tuple[Said, str]] = {
    "a digest that is none": (digest_header("MARK"), "the stated digest is not valid"),
    "a short digest": (digest_header("sha256:abc"), "the stated digest is not valid"),
    "two digests": (digest_header(f"{DIGEST}, {DIGEST}"), "the stated digest is not valid"),
    "a page of HTML": (manifest(b"<html>MARK", "text/html"), "neither a stated digest nor a manifest"),
    "HTML as a manifest": (manifest(b"<html>MARK"), "neither a stated digest nor a manifest"),
    "a cut manifest": (manifest(BODY[:-1]), "neither a stated digest nor a manifest"),
    "an array": (manifest(b"[]"), "neither a stated digest nor a manifest"),
    "a manifest of the first version": (
        manifest(BODY, "application/vnd.docker.distribution.manifest.v1+prettyjws"),
        "neither a stated digest nor a manifest",
    ),
    "a huge manifest": (manifest(b" " * (4 * MEGABYTES + 1)), "more than 4194304 bytes"),
    "a 404 of no registry": (Said(b"<html>MARK", 404), "404 that does not name a missing"),
    "a 404 of another kind": (refusal("BLOB_UNKNOWN"), "404 that does not name a missing"),
    "a redirection": (Said(status=301, headers=(("Location", "/MARK"),)), "answered 301"),
    "a refusal": (refusal("DENIED", 403), "access refused (403)"),
    "a server fault": (Said(status=500), "answered 500"),
    "a reset": (Said(fault="reset"), "connection failed"),
}


@pytest.mark.parametrize(("said", "told"), DIGEST_LIES.values(), ids=DIGEST_LIES)
def test_a_digest_that_is_not_known_is_an_error(setting: Setting, said: Said, told: str) -> None:
    text = problem(setting.reader().digest, setting.serve(said).host, REPOSITORY, "v1")
    assert told in text
    assert not MARK.search(text)


# What a tag means

CHART = "application/vnd.cncf.helm.config.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
IMAGE_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
LIST = "application/vnd.docker.distribution.manifest.list.v2+json"


def typed(kind: str | None, **members: Any) -> Said:
    body = json.dumps({"schemaVersion": 2, **members}).encode()
    return Said(body, headers=(("Content-Type", kind),) if kind else ())


KINDS: dict[str, tuple[Said, str | None]] = {
    "an image": (typed(IMAGE_MANIFEST, config={"mediaType": CONFIG}), CONFIG),
    "a chart": (typed(IMAGE_MANIFEST, config={"mediaType": CHART}), CHART),
    "a chart, with parameters": (
        typed(f"{IMAGE_MANIFEST}; charset=utf-8", config={"mediaType": CHART}),
        CHART,
    ),
    "an index": (typed(LIST, manifests=[]), LIST),
    "an odd config": (typed(IMAGE_MANIFEST, config=[]), IMAGE_MANIFEST),
    "a config of no type": (typed(IMAGE_MANIFEST, config={"mediaType": 7}), IMAGE_MANIFEST),
    "a type that only the body has": (
        typed(None, mediaType=IMAGE_MANIFEST, config={"mediaType": CHART}),
        CHART,
    ),
    "an artifact with an image's config": (
        typed(IMAGE_MANIFEST, artifactType=CHART, config={"mediaType": CONFIG}),
        CHART,
    ),
    "an index of an artifact": (typed(LIST, artifactType=CHART, manifests=[]), CHART),
    "an odd artifact type": (
        typed(IMAGE_MANIFEST, artifactType="chart", config={"mediaType": CONFIG}),
        CONFIG,
    ),
    "an artifact type that is null": (typed(LIST, artifactType=None, manifests=[]), LIST),
    "plain JSON with an image's config": (typed("application/json", config={"mediaType": CONFIG}), CONFIG),
    "plain JSON that says what it is": (typed("application/json", mediaType=LIST, manifests=[]), LIST),
    "plain text that says what it is": (
        typed("text/plain", mediaType=IMAGE_MANIFEST, config={}),
        IMAGE_MANIFEST,
    ),
    "another kind of manifest": (
        typed("application/vnd.oci.artifact.manifest.v1+json"),
        "application/vnd.oci.artifact.manifest.v1+json",
    ),
    "none": (refusal("MANIFEST_UNKNOWN"), None),
    "none, as Harbor says it": (refusal("NOT_FOUND"), None),
}


@pytest.mark.parametrize("case", KINDS)
def test_a_manifest_says_what_it_is_of(setting: Setting, case: str) -> None:
    said, expected = KINDS[case]
    registry = setting.serve(said)
    assert setting.reader().kind(registry.host, REPOSITORY, "v1") == expected
    assert registry.paths == [f"GET /v2/{REPOSITORY}/manifests/v1"]


UNKINDLY: dict[str, tuple[Said, str]] = {
    "no manifest": (Said(b"<html>MARK", headers=(("Content-Type", "text/html"),)), "does not say what it is"),
    "no type": (typed(None), "does not say what it is"),
    "plain JSON": (typed("application/json", error="MARK"), "does not say what it is"),
    "a page in JSON": (typed("text/html; charset=utf-8", mediaType="MARK"), "does not say what it is"),
    "plain JSON of an odd type": (
        typed("application/json", mediaType=7, config=[]),
        "does not say what it is",
    ),
    "a list": (Said(b"[]", headers=(("Content-Type", IMAGE_MANIFEST),)), "does not say what it is"),
    "busy": (Said(status=429), "answered 429"),
    "a 404 of no registry": (Said(b"MARK", 404), "404 that does not name a missing manifest"),
}


@pytest.mark.parametrize("case", UNKINDLY)
def test_a_manifest_that_cannot_be_read_is_an_error(setting: Setting, case: str) -> None:
    said, told = UNKINDLY[case]
    text = problem(setting.reader().kind, setting.serve(said).host, REPOSITORY, "v1")
    assert told in text
    assert not MARK.search(text)


# Time


DRIPS = {
    "a body": b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + b" " * 9999,
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 9999,
    "a chunk's size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 9999,
    "headers": b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 9999,
    "one header": b"HTTP/1.1 200 OK\r\na: " + b"b" * 9999,
    "the status": b"HTTP/1.1 200 " + b"O" * 9999,
    "a refusal": b"HTTP/1.1 404 No\r\nContent-Length: 9999\r\n\r\n" + b" " * 9999,
}


@pytest.mark.parametrize("raw", DRIPS.values(), ids=DRIPS)
def test_an_answer_that_drips_ends_with_the_time_that_is_left(setting: Setting, raw: bytes) -> None:
    registry = setting.serve(Said(raw=raw, drip=True))
    began = time.monotonic()
    assert "out of time" in problem(setting.reader(seconds=0.4).tags, registry.host, REPOSITORY)
    assert time.monotonic() - began < 3
    assert len(registry.asked) == 1


def test_nothing_is_read_when_the_time_is_over(setting: Setting) -> None:
    registry = setting.serve(page(["v1"]))
    left = iter([5.0])
    calls = HttpCalls(setting.connections.session, lambda: next(left, 0.0))
    assert calls.attempt("GET", f"{registry.url}{TAGS}", {}) == Fault("out of time")


def test_a_silent_registry_ends_with_the_time_that_is_left(setting: Setting) -> None:
    registry = setting.serve(Said(fault="hang"))
    began = time.monotonic()
    assert "out of time" in problem(setting.reader(seconds=0.3).tags, registry.host, REPOSITORY)
    assert time.monotonic() - began < 3


def test_a_silent_registry_is_waited_for_no_longer_than_one_read(setting: Setting) -> None:
    registry = setting.serve(Said(fault="hang"))
    left = iter([0.3])
    reader = setting.reader(remaining=lambda: next(left, 0.2))
    assert "no answer in time" in problem(reader.tags, registry.host, REPOSITORY)
    assert len(registry.asked) == 1


def test_an_answer_is_not_read_when_the_time_is_used_up(setting: Setting) -> None:
    registry = setting.serve(page(["v1"]))
    left = iter([9.0])
    reader = setting.reader(remaining=lambda: next(left, 0.0))
    assert "out of time" in problem(reader.tags, registry.host, REPOSITORY)


def test_nothing_is_asked_when_the_time_is_used_up(setting: Setting) -> None:
    registry = setting.serve(page(["v1"]))
    assert "out of time" in problem(setting.reader(remaining=lambda: 0.0).tags, registry.host, REPOSITORY)
    assert registry.asked == []


def test_the_time_is_looked_at_before_every_page(setting: Setting) -> None:
    registry = setting.serve(lambda _asked: page(["v1"], f'<{TAGS}?page={len(registry.asked)}>; rel="next"'))
    reader = setting.reader(remaining=lambda: 9.0 if len(registry.asked) < 3 else 0.01)
    assert "out of time" in problem(reader.tags, registry.host, REPOSITORY)
    assert len(registry.asked) == 3


BUSY: dict[str, tuple[Said, bool]] = {
    "429, a second": (Said(status=429, headers=(("Retry-After", "1"),)), True),
    "503, two seconds": (Said(status=503, headers=(("Retry-After", "2"),)), True),
    "429, three seconds": (Said(status=429, headers=(("Retry-After", "3"),)), False),
    "429, a date": (Said(status=429, headers=(("Retry-After", "Fri, 07 Nov 2014 23:59:59 GMT"),)), False),
    "429, not said": (Said(status=429), False),
    "500, a second": (Said(status=500, headers=(("Retry-After", "1"),)), False),
}


@pytest.mark.parametrize(("said", "again"), BUSY.values(), ids=BUSY)
def test_a_busy_registry_is_asked_once_more_if_it_says_soon(
    setting: Setting, said: Said, again: bool
) -> None:
    registry = setting.serve([said, page(["v1"])])
    if again:
        assert setting.reader().tags(registry.host, REPOSITORY) == {"v1"}
        assert setting.pauses == [int(said.headers[0][1])]
    else:
        assert f"answered {said.status}" in problem(setting.reader().tags, registry.host, REPOSITORY)
        assert setting.pauses == []


def test_a_registry_that_stays_busy_is_not_asked_a_third_time(setting: Setting) -> None:
    registry = setting.serve(BUSY["429, a second"][0])
    assert "answered 429" in problem(setting.reader().tags, registry.host, REPOSITORY)
    assert len(registry.asked) == 2


def test_there_is_no_second_attempt_without_time_for_it(setting: Setting) -> None:
    registry = setting.serve(BUSY["503, two seconds"][0])
    assert "answered 503" in problem(setting.reader(seconds=1.5).tags, registry.host, REPOSITORY)
    assert len(registry.asked) == 1


def test_a_connection_that_fails_is_tried_once_more(setting: Setting) -> None:
    registry = setting.serve([Said(fault="reset"), page(["v1"])])
    assert setting.reader().tags(registry.host, REPOSITORY) == {"v1"}


# Tokens and passwords


def with_tokens(
    setting: Setting, service: Said | None = None, good: str = "MARK-token", path: str = "token"
) -> tuple[LyingRegistry, LyingRegistry]:
    """A registry that takes a token, and the service that gives it."""
    tokens = setting.serve(service or token(good))

    def script(asked: Asked) -> Said:
        if asked.headers.get("authorization") == f"Bearer {good}":
            return page(["v1"])
        return refusal("UNAUTHORIZED", 401, bearer(f"{tokens.url}/{path}"))

    return setting.serve(script), tokens


def test_a_token_is_asked_for_reading_this_repository_and_nothing_else(setting: Setting) -> None:
    registry, tokens = with_tokens(setting)
    assert setting.reader().tags(registry.host, REPOSITORY) == {"v1"}
    assert registry.authorizations == [None, "Bearer MARK-token"]
    (asked,) = tokens.asked
    assert (asked.path, asked.query) == (
        "/token",
        {"service": ["r"], "scope": ["repository:prod/web:pull"]},
    )
    assert "authorization" not in asked.headers


SCOPES: dict[str, tuple[str, str]] = {
    "what Azure names for a list": ("repository:prod/web:metadata_read", "repository:prod/web:metadata_read"),
    "both": ("repository:prod/web:pull,metadata_read", "repository:prod/web:pull,metadata_read"),
    "a right to write": ("repository:prod/web:pull,push,delete", "repository:prod/web:pull"),
    "nothing but writing": ("repository:prod/web:push", "repository:prod/web:pull"),
    "everything": ("repository:prod/web:*", "repository:prod/web:pull"),
    "a name with a key before it": (
        "repository:docker-local/prod/web:pull",
        "repository:docker-local/prod/web:pull",
    ),
    "another repository": ("repository:prod/other:pull", "repository:prod/web:pull"),
    "one that only ends so": ("repository:other-prod/web:pull", "repository:prod/web:pull"),
    "the catalog": ("registry:catalog:*", "repository:prod/web:pull"),
    "several": (
        "registry:catalog:* repository:prod/web:metadata_read repository:prod/web:pull",
        "repository:prod/web:metadata_read,pull",
    ),
    "none": ("", "repository:prod/web:pull"),
    "no scope": ("pull", "repository:prod/web:pull"),
}


@pytest.mark.parametrize("case", SCOPES)
def test_a_token_is_for_what_the_challenge_names_of_reading(setting: Setting, case: str) -> None:
    named, expected = SCOPES[case]
    tokens = setting.serve(token())

    def script(asked: Asked) -> Said:
        if asked.headers.get("authorization"):
            return page(["v1"])
        return refusal("UNAUTHORIZED", 401, bearer(f"{tokens.url}/token", scope=named))

    registry = setting.serve(script)
    assert setting.reader().tags(registry.host, REPOSITORY) == {"v1"}
    assert [asked.query["scope"] for asked in tokens.asked] == [[expected]]


def test_each_kind_of_question_keeps_the_token_that_its_challenge_named(setting: Setting) -> None:
    tokens = setting.serve(lambda asked: token(f"for-{asked.query['scope'][0].rpartition(':')[2]}"))

    def script(asked: Asked) -> Said:
        listing = asked.path == TAGS
        wanted = "metadata_read" if listing else "pull"
        if asked.headers.get("authorization") != f"Bearer for-{wanted}":
            scope = f"repository:{REPOSITORY}:{wanted}"
            return refusal("UNAUTHORIZED", 401, bearer(f"{tokens.url}/token", scope=scope))
        return page(["v1"]) if listing else Said(headers=(("Docker-Content-Digest", DIGEST),))

    registry = setting.serve(script)
    for _ in range(3):
        assert setting.reader().tags(registry.host, REPOSITORY) == {"v1"}
        assert setting.reader().digest(registry.host, REPOSITORY, "v1") == DIGEST
    assert len(tokens.asked) == 2


def test_the_token_service_gets_the_password(setting: Setting) -> None:
    registry, tokens = with_tokens(setting)
    assert setting.reader(ACCOUNT).tags(registry.host, REPOSITORY) == {"v1"}
    assert tokens.authorizations == [PASSWORD]
    assert registry.authorizations == [None, "Bearer MARK-token"]


def test_a_token_is_kept_for_the_next_call_and_the_next_invocation(setting: Setting) -> None:
    registry, tokens = with_tokens(setting)
    setting.reader(ACCOUNT).tags(registry.host, REPOSITORY)
    setting.reader(ACCOUNT).tags(registry.host, REPOSITORY)
    assert registry.authorizations == [None, "Bearer MARK-token", "Bearer MARK-token"]
    assert len(tokens.asked) == 1
    assert len({asked.port for asked in registry.asked}) == 1


def test_a_token_is_kept_for_its_account_and_repository_only(setting: Setting) -> None:
    registry, tokens = with_tokens(setting)
    setting.reader(ACCOUNT).tags(registry.host, REPOSITORY)
    setting.reader().tags(registry.host, REPOSITORY)
    setting.reader(ACCOUNT).tags(registry.host, "prod/other")
    assert registry.authorizations[0::2] == [None, None, None]
    assert len(tokens.asked) == 3


LIVES: dict[str, tuple[dict[str, Any], float, bool]] = {
    "not said, 49 seconds on": ({}, 49, True),
    "not said, 50 seconds on": ({}, 50, False),
    "300, 289 seconds on": ({"expires_in": 300}, 289, True),
    "300, 290 seconds on": ({"expires_in": 300}, 290, False),
    "a year, within the hour": ({"expires_in": 31_536_000}, 3589, True),
    "a year, an hour on": ({"expires_in": 31_536_000}, 3600, False),
    "five seconds": ({"expires_in": 5}, 0, False),
    "over": ({"expires_in": -1}, 0, False),
    "a text": ({"expires_in": "300"}, 50, False),
    "true": ({"expires_in": True}, 49, True),
}


@pytest.mark.parametrize(("members", "later", "kept"), LIVES.values(), ids=LIVES)
def test_a_token_is_kept_until_shortly_before_its_end(
    setting: Setting, members: dict[str, Any], later: float, kept: bool
) -> None:
    registry, tokens = with_tokens(setting, token(**members))
    setting.reader().tags(registry.host, REPOSITORY)
    setting.clock.now += later
    setting.reader().tags(registry.host, REPOSITORY)
    assert len(tokens.asked) == (1 if kept else 2)


def test_a_kept_token_that_is_refused_is_renewed_once(setting: Setting) -> None:
    served = iter(["old", "new"])
    tokens = setting.serve(lambda _asked: token(next(served)))
    good = ["Bearer old"]

    def script(asked: Asked) -> Said:
        if asked.headers.get("authorization") == good[0]:
            return page(["v1"])
        return refusal("UNAUTHORIZED", 401, bearer(f"{tokens.url}/"))

    registry = setting.serve(script)
    setting.reader().tags(registry.host, REPOSITORY)
    good[0] = "Bearer new"
    assert setting.reader().tags(registry.host, REPOSITORY) == {"v1"}
    assert registry.authorizations == [None, "Bearer old", "Bearer old", "Bearer new"]


@pytest.mark.parametrize("account", [None, ACCOUNT], ids=["without an account", "with one"])
def test_a_registry_that_refuses_every_token_is_asked_twice(
    setting: Setting, account: Account | None
) -> None:
    registry, tokens = with_tokens(setting, token("bad"))
    text = problem(setting.reader(account).tags, registry.host, REPOSITORY)
    assert text.endswith("access refused (401)")
    assert (len(registry.asked), len(tokens.asked)) == (2, 1)


def test_one_token_is_enough_for_all_pages(setting: Setting) -> None:
    tokens = setting.serve(token())

    def script(asked: Asked) -> Said:
        if asked.headers.get("authorization") != "Bearer MARK-token":
            return refusal("UNAUTHORIZED", 401, bearer(f"{tokens.url}/token"))
        return page(["b"]) if asked.query.get("last") else page(["a"], f'<{TAGS}?last=a>; rel="next"')

    registry = setting.serve(script)
    assert setting.reader().tags(registry.host, REPOSITORY) == {"a", "b"}
    assert len(tokens.asked) == 1


def test_the_account_of_a_registry_is_asked_for_once(setting: Setting) -> None:
    registry = setting.serve(page(["v1"]))
    names: list[str] = []

    def accounts(name: str) -> None:
        names.append(name)

    reader = OciReader(accounts, lambda: 9.0, setting.connections)
    reader.tags(registry.host, REPOSITORY)
    reader.tags(registry.host, "prod/other")
    assert names == [registry.host]


def test_an_account_that_is_not_to_be_had_is_the_error(setting: Setting) -> None:
    def accounts(_name: str) -> Account:
        raise RegistryError("no login")

    reader = OciReader(accounts, lambda: 9.0, setting.connections)
    assert problem(reader.tags, "r.example.com", REPOSITORY) == "no login"


SERVICE_LIES: dict[str, tuple[Said, str]] = {
    "no JSON": (Said(b"<html>MARK"), "the answer has no token"),
    "deep JSON": (Said(b"[" * 200_000), "the answer has no token"),
    "an array": (Said(b"[]"), "the answer has no token"),
    "no token": (Said(b"{}"), "the answer has no token"),
    "an empty token": (token(""), "the answer has no token"),
    "a number": (token(7), "the answer has no token"),
    "a token with a line end": (token("a\r\nX: MARK"), "the answer has no token"),
    "a token that is not ASCII": (token("ä"), "the answer has no token"),
    "an endless token": (token("a" * 70_000), "the answer has no token"),
    "a huge answer": (Said(b" " * (4 * MEGABYTES + 1)), "more than 4194304 bytes"),
    "a refusal": (Said(b"MARK", 401, (bearer("https://MARK/"),)), "answered 401"),
    "no such user": (Said(b"MARK", 403), "answered 403"),
    "a redirection": (Said(b"MARK", 302, (("Location", "/MARK"),)), "answered 302"),
    "a server fault": (Said(b"MARK", 500), "answered 500"),
    "a reset": (Said(fault="reset"), "connection failed"),
}


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize(("said", "told"), SERVICE_LIES.values(), ids=SERVICE_LIES)
def test_a_token_service_without_a_token_is_an_error(setting: Setting, said: Said, told: str) -> None:
    registry, _ = with_tokens(setting, said)
    text = problem(setting.reader(ACCOUNT).tags, registry.host, REPOSITORY)
    assert text.startswith(f"registry {registry.host}, repository {REPOSITORY}, token service 127.0.0.1: ")
    assert told in text
    assert not MARK.search(text)
    assert len(registry.asked) == 1


def test_a_busy_token_service_is_asked_once_more(setting: Setting) -> None:
    answers = [BUSY["429, a second"][0], token()]
    tokens = setting.serve(answers)
    registry = setting.serve([refusal("UNAUTHORIZED", 401, bearer(f"{tokens.url}/token")), page(["v1"])])
    assert setting.reader().tags(registry.host, REPOSITORY) == {"v1"}
    assert len(tokens.asked) == 2


def test_an_access_token_is_a_token(setting: Setting) -> None:
    registry, _ = with_tokens(setting, Said(b'{"access_token": "MARK-token"}'))
    assert setting.reader().tags(registry.host, REPOSITORY) == {"v1"}


REALMS: dict[str, tuple[str, str]] = {
    "plain http": ("http://auth.example.com/token", "not https"),
    "another scheme": ("ftp://127.0.0.1/token", "not https"),
    "no scheme": ("127.0.0.1/token", "not a URL"),
    "nothing": ("", "not a URL"),
    "no host": ("https:///token", "not a URL"),
    "a login": ("https://MARK@auth.example.com/", "not a URL"),
    "no port": ("https://auth.example.com:MARK/", "not a URL"),
    "port zero": ("https://auth.example.com:0/", "not a URL"),
    "a blank": ("https://auth.example.com/a b", "not a URL"),
    "brackets": ("https://[MARK/", "not a URL"),
    "not ASCII": ("https://äuth.example.com/", "not a URL"),
    "endless": ("https://auth.example.com/" + "a" * 3000, "not a URL"),
    "an address within": ("https://10.0.0.1/token", "address that is not its own"),
    "an address of metadata": ("https://100.100.100.200/token", "address that is not its own"),
    "a short address": ("https://10.1/token", "address that is not its own"),
    "a hexadecimal address": ("https://0x0a000001/token", "address that is not its own"),
    "an address of version 6": ("https://[fd00::1]/token", "address that is not its own"),
}


@pytest.mark.parametrize(("realm", "told"), REALMS.values(), ids=REALMS)
def test_a_realm_that_may_not_be_asked(setting: Setting, realm: str, told: str) -> None:
    registry = setting.serve(refusal("UNAUTHORIZED", 401, bearer(realm.encode().decode("latin-1"))))
    text = problem(setting.reader(ACCOUNT).tags, registry.host, REPOSITORY)
    assert told in text
    assert not MARK.search(text)
    assert len(registry.asked) == 1


def service_of(registry: str, realm: str) -> Any:
    (challenge,) = read_challenges(bearer(realm)[1])
    return token_service(challenge, registry, "repository:a:pull", where="it")


@pytest.mark.parametrize("realm", ["https://localhost/", "http://localhost/", "https://127.0.0.1/"])
def test_a_registry_elsewhere_cannot_name_a_service_on_this_machine(realm: str) -> None:
    assert "token service" in problem(service_of, "r.example.com", realm)


def test_what_a_realm_asks_for_is_kept() -> None:
    service = service_of("r.example.com:8443", "HTTPS://R.example.com:9443/token?a=b#c")
    assert service.url == "https://R.example.com:9443/token?a=b&service=r&scope=repository%3Aa%3Apull"
    assert (service.host, service.trusted) == ("r.example.com", True)


def test_a_service_without_a_name_is_not_given_one() -> None:
    (challenge,) = read_challenges('Bearer realm="https://r.example.com/t"')
    service = token_service(challenge, "r.example.com", "s", where="it")
    assert service.url == "https://r.example.com/t?scope=s"


TRUSTED: dict[str, tuple[str, str, bool]] = {
    "the same host": ("r.example.com:5000", "r.example.com", True),
    "the same address": ("10.0.0.1:5000", "10.0.0.1", True),
    "the same address of version 6": ("[fd00::1]:5000", "fd00::1", True),
    "a neighbour": ("registry.example.com", "git.example.com", True),
    "the parent": ("registry.example.com", "example.com", True),
    "a deeper neighbour": ("registry.example.com", "a.auth.example.com", True),
    "a neighbour under a national suffix": ("registry.example.co.uk", "auth.example.co.uk", True),
    "another domain": ("registry.example.com", "auth.example.org", False),
    "a longer name": ("registry.example.com", "evilexample.com", False),
    "a name in front": ("registry.example.com", "example.com.evil.org", False),
    "a domain's own name": ("example.com", "other.com", False),
    "a national suffix": ("example.co.uk", "evil.co.uk", False),
    "a suffix for companies": ("example.com.cn", "evil.com.cn", False),
    "an address": ("10.0.0.1", "20.0.0.1", False),
    "one label": ("registry", "auth", False),
    "loopback by another name": ("127.0.0.1:5000", "localhost", False),
    "neighbours at a host for all": ("acme.azurecr.io", "evil.azurecr.io", False),
    "neighbours in a bucket's domain": ("a.oss.aliyuncs.com", "evil.oss.aliyuncs.com", False),
    "Docker Hub": ("docker.io", "auth.docker.io", True),
    "not Docker Hub's": ("docker.io", "evil.docker.io", False),
    "Docker Hub's, for another": ("r.example.com", "auth.docker.io", False),
    "Docker Hub at the vendor's": ("docker.io", "dockerauth.cn-hangzhou.aliyuncs.com", False),
    "the vendor's shared": ("registry.cn-beijing.aliyuncs.com", "dockerauth.cn-beijing.aliyuncs.com", True),
    "the vendor's shared, in a VPC": (
        "registry.cn-beijing.aliyuncs.com",
        "dockerauth-vpc.cn-beijing.aliyuncs.com",
        True,
    ),
    "the vendor's with a dash": (
        "registry.cn-zhangjiakou.aliyuncs.com",
        "dockerauth-cn-zhangjiakou.aliyuncs.com",
        True,
    ),
    "the vendor's enterprise": (
        "acme-registry.cn-hangzhou.cr.aliyuncs.com",
        "dockerauth-ee.cn-hangzhou.aliyuncs.com",
        True,
    ),
    "the vendor's enterprise, itself": (
        "acme-registry.cn-hangzhou.cr.aliyuncs.com",
        "acme-registry.cn-hangzhou.cr.aliyuncs.com",
        True,
    ),
    "the vendor's personal": (
        "crpi-1.cn-hangzhou.personal.cr.aliyuncs.com",
        "dockerauth-cn-hangzhou.aliyuncs.com",
        True,
    ),
    "the vendor's of another region": (
        "registry.cn-beijing.aliyuncs.com",
        "dockerauth.cn-hangzhou.aliyuncs.com",
        False,
    ),
    "another's instance": (
        "acme-registry.cn-hangzhou.cr.aliyuncs.com",
        "evil-registry.cn-hangzhou.cr.aliyuncs.com",
        False,
    ),
    "a custom domain": ("registry.example.com", "dockerauth.cn-hangzhou.aliyuncs.com", True),
    "like the vendor's": ("registry.example.com", "dockerauth.cn-hangzhou.aliyuncs.com.evil.org", False),
    "a bucket like the vendor's": ("r.example.com", "dockerauth.oss-cn-hangzhou.aliyuncs.com", False),
}


@for_each(("registry", "host", "trusted"), TRUSTED.values(), ids=TRUSTED)
def test_who_gets_a_password(registry: str, host: str, trusted: bool) -> None:
    assert may_get_password(registry, host) is trusted


def test_a_service_that_gets_no_password_is_asked_without_one(setting: Setting) -> None:
    tokens = setting.serve(Said(status=401))
    realm = tokens.url.replace("127.0.0.1", "localhost")
    registry = setting.serve(refusal("UNAUTHORIZED", 401, bearer(realm)))
    text = problem(setting.reader(ACCOUNT).tags, registry.host, REPOSITORY)
    assert "token service localhost: answered 401, asked without the account" in text
    assert tokens.authorizations == [None]


BASIC = ("WWW-Authenticate", 'Basic realm="r"')


def test_a_password_goes_to_the_registry_that_asks_for_one(setting: Setting) -> None:
    registry = setting.serve(
        lambda asked: (
            page(["v1"])
            if asked.headers.get("authorization") == PASSWORD
            else refusal("UNAUTHORIZED", 401, BASIC)
        )
    )
    reader = setting.reader(ACCOUNT)
    assert reader.tags(registry.host, REPOSITORY) == {"v1"}
    assert reader.tags(registry.host, REPOSITORY) == {"v1"}
    assert registry.authorizations == [None, PASSWORD, PASSWORD]


def test_a_wrong_password_is_sent_once(setting: Setting) -> None:
    registry = setting.serve(refusal("UNAUTHORIZED", 401, BASIC))
    assert problem(setting.reader(ACCOUNT).tags, registry.host, REPOSITORY).endswith("access refused (401)")
    assert registry.authorizations == [None, PASSWORD]


def test_without_an_account_there_is_no_password(setting: Setting) -> None:
    registry = setting.serve(refusal("UNAUTHORIZED", 401, BASIC))
    assert "there is no account" in problem(setting.reader().tags, registry.host, REPOSITORY)
    assert len(registry.asked) == 1


@pytest.mark.parametrize("bearer_first", [True, False])
def test_a_token_is_preferred_to_a_password(setting: Setting, bearer_first: bool) -> None:
    tokens = setting.serve(token())
    challenges = [bearer(f"{tokens.url}/token"), BASIC]
    registry = setting.serve(
        lambda asked: (
            page(["v1"])
            if asked.headers.get("authorization") == "Bearer MARK-token"
            else refusal("UNAUTHORIZED", 401, *(challenges if bearer_first else challenges[::-1]))
        )
    )
    assert setting.reader(ACCOUNT).tags(registry.host, REPOSITORY) == {"v1"}


CHALLENGES: dict[str, tuple[str, list[tuple[str, dict[str, str]]]]] = {
    "quoted": (
        'Bearer realm="https://a/b",service="c"',
        [("bearer", {"realm": "https://a/b", "service": "c"})],
    ),
    "a comma within": ('Bearer scope="a:pull,push",x=y', [("bearer", {"scope": "a:pull,push", "x": "y"})]),
    "letter case": ('BEARER Realm="A"', [("bearer", {"realm": "A"})]),
    "blanks": ('Bearer  realm = "a" ,\t service="b"', [("bearer", {"realm": "a", "service": "b"})]),
    "escapes": (r'Basic realm="a\"b\\c"', [("basic", {"realm": 'a"b\\c'})]),
    "two": ('Basic realm="a", Bearer realm="b"', [("basic", {"realm": "a"}), ("bearer", {"realm": "b"})]),
    "with a token of its own": (
        'Negotiate abc==, Bearer realm="b"',
        [("negotiate", {}), ("bearer", {"realm": "b"})],
    ),
    "the first of two": ('Bearer realm="a",realm="b"', [("bearer", {"realm": "a"})]),
    "no parameters": ("Basic", [("basic", {})]),
    "no scheme": ('realm="a"', []),
    "an open quote": ('Bearer service="s",realm="a', [("bearer", {"service": "s"})]),
    "empty": ("", []),
    "odd": ("Bearer realm=\x00", [("bearer", {})]),
}


@for_each(("header", "expected"), CHALLENGES.values(), ids=CHALLENGES)
def test_challenges(header: str, expected: list[tuple[str, dict[str, str]]]) -> None:
    found = [(challenge.scheme, dict(challenge.parameters)) for challenge in read_challenges(header)]
    assert found == expected


@for_each("text", ["a" * 60_000, 'a="' * 20_000, "a," * 30_000, "a=b " * 15_000, " ," * 30_000])
def test_a_long_header_is_read_quickly(text: str) -> None:
    began = time.monotonic()
    read_challenges(f"Bearer {text}")
    assert time.monotonic() - began < 2


def test_kept_tokens_do_not_grow_without_a_bound() -> None:
    kept = KeptTokens()
    for number in range(MOST_TOKENS):
        kept.keep(("h", str(number), ""), Token("t", 10.0 if number % 2 else 20.0), 0.0)
    kept.keep(("h", "new", ""), Token("t", 20.0), 15.0)
    assert kept.get(("h", "0", ""), 5.0) == "t"
    assert kept.get(("h", "1", ""), 5.0) is None
    for number in range(MOST_TOKENS):
        kept.keep(("i", str(number), ""), Token("t", 20.0), 15.0)
    assert kept.get(("h", "new", ""), 15.0) is None
    assert kept.get(("i", "0", ""), 15.0) == "t"


def test_kept_scopes_do_not_grow_without_a_bound() -> None:
    kept = KeptTokens()
    for number in range(MOST_TOKENS + 1):
        kept.keep_scope("h", f"r{number}", "list", f"repository:r{number}:metadata_read")
    assert kept.scope("h", "r0", "list") == "repository:r0:pull"
    assert kept.scope("h", f"r{MOST_TOKENS}", "list") == f"repository:r{MOST_TOKENS}:metadata_read"
    assert kept.scope("h", f"r{MOST_TOKENS}", "digest") == f"repository:r{MOST_TOKENS}:pull"


def test_accounts_have_tokens_of_their_own() -> None:
    kept = KeptTokens()
    accounts = [None, Account("a", "xy"), Account("ax", "y"), Account("a", "x")]
    for number, account in enumerate(accounts):
        kept.keep(("h", "s", account), Token(str(number), 10.0), 0.0)
    assert [kept.get(("h", "s", account), 0.0) for account in accounts] == ["0", "1", "2", "3"]
    assert "xy" not in repr(kept)


# What goes over the wire, and what does not


NOT_LOOPBACK = "127.1"
"""A host that is no name of loopback to the application, and leads there without any name server."""


@pytest.mark.parametrize(
    ("registry", "host"),
    [("docker.io", "registry-1.docker.io"), ("r.example.com", "r.example.com"), (NOT_LOOPBACK, NOT_LOOPBACK)],
)
def test_a_registry_elsewhere_is_asked_over_tls_through_the_environments_proxy(
    setting: Setting, raw_server: Any, monkeypatch: pytest.MonkeyPatch, registry: str, host: str
) -> None:
    proxy = raw_server(lambda _head: b"HTTP/1.1 403 No\r\nConnection: close\r\n\r\n")
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert "connection failed" in problem(setting.reader().tags, registry, "library/web")
    assert proxy.received[0].startswith(f"CONNECT {host}:443 HTTP/1.".encode())


def test_a_proxy_that_drips_ends_with_the_time_that_is_left(
    setting: Setting, raw_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = raw_server(lambda _head: b"HTTP/1.1 200 " + b"O" * 500, drip_seconds=0.02)
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    began = time.monotonic()
    problem(setting.reader(seconds=0.4).tags, "r.example.com", REPOSITORY)
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_loopback_never_goes_through_a_proxy(
    setting: Setting, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert setting.reader().tags(setting.serve(page(["v1"])).host, REPOSITORY) == {"v1"}


def test_a_netrc_entry_is_not_sent(setting: Setting, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password other\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    registry = setting.serve(page(["v1"]))
    setting.reader().tags(registry.host, REPOSITORY)
    assert registry.authorizations == [None]


def test_a_cookie_is_not_sent_again(setting: Setting) -> None:
    registry = setting.serve(Said(b'{"tags":[]}', headers=(("Set-Cookie", "a=b; Path=/"),)))
    for _ in range(2):
        setting.reader().tags(registry.host, REPOSITORY)
    assert not any("cookie" in asked.headers for asked in registry.asked)


def test_an_account_shows_no_password() -> None:
    assert "MARK-password" not in f"{ACCOUNT!r} {ACCOUNT}"
    assert "MARK" not in repr(read_token(b'{"token":"MARK"}', 0.0))
    assert "MARK" not in repr(read_challenges('Bearer realm="https://a.example.com/MARK"'))


def chain(error: BaseException | None) -> Iterator[str]:
    """Every text of an exception and of all that it came from."""
    while error is not None:
        yield f"{error!s} {error!r} {error.args}" + "".join(traceback.format_exception(error))
        error = error.__cause__ or error.__context__


@contextmanager
def everything_logged() -> Iterator[io.StringIO]:
    """All that any logger says, at every level."""
    stream = io.StringIO()
    handler, root = logging.StreamHandler(stream), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield stream
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


SECRET_PATHS: dict[str, Said] = {
    "a token": token(),
    "a refusal": Said(b"MARK", 403),
    "a reset": Said(fault="reset"),
    "garbage": Said(raw=b"MARK is no HTTP\r\n\r\n"),
    "garbage in the status": Said(raw=b"HTTP/1.1 MARK\r\n\r\n"),
    "garbage in a header": Said(raw=b"HTTP/1.1 200 OK\r\nMARK\r\nMARK: x\r\ncontent-length: 0\r\n\r\n"),
    "silence": Said(fault="hang"),
    "a redirection": Said(status=302, headers=(("Location", "https://MARK.example.com/"),)),
}


@every_value
@pytest.mark.parametrize("said", SECRET_PATHS.values(), ids=SECRET_PATHS)
@pytest.mark.parametrize("by_registry", [True, False], ids=["registry", "token service"])
def test_nothing_secret_is_logged_or_told(
    setting: Setting, said: Said, by_registry: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    registry, tokens = with_tokens(setting, said, path="token?x=MARK")
    if by_registry:
        registry.script = lambda asked: (
            said if "MARK" in asked.query else page([], f'<{TAGS}?MARK=1>; rel="next"')
        )
    told: list[str] = []
    # Silence is waited out; for everything else even a busy machine has time enough.
    seconds = 1.0 if said.fault == "hang" else 10.0
    with everything_logged() as logged:
        logging.getLogger("another.library").debug("the log is read")
        try:
            setting.reader(ACCOUNT, seconds=seconds).tags(registry.host, REPOSITORY)
        except RegistryError as error:
            told += chain(error)
    assert "the log is read" in logged.getvalue()
    assert registry.asked[1:] or tokens.asked
    for text in (*told, *capfd.readouterr(), logged.getvalue()):
        assert not MARK.search(text)
