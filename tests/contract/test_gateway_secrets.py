"""Keys, tokens and passwords are shown nowhere, whatever goes wrong and whatever ECI says.

Every secret of these tests holds ``MARK-``, which no percent-encoding changes: one search finds them all. So
does the id of the key, which holds ``KEY-ID-MARK``.
"""

from __future__ import annotations

import json
import logging
import os
import re
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

import httpx
import pytest

from imagecache.base.credentials import Credentials
from imagecache.base.errors import EciError
from tests.support.http_server import QuietHandler, serve_http
from tests.support.rpc_calls import form_of, parameters_of, url_of

MARK = "MARK-"
KEY_ID = "LTAI-KEY-ID-MARK"
KEY_SECRET = "MARK-secret+/=="
TOKEN = "MARK-token/+ =~%2F=="
WEBHOOK_TOKEN = "MARK-webhook-token-0123456789"
PASSWORD = "MARK-password &+/=ü"
ENVIRONMENT = {
    "ALIBABA_CLOUD_ACCESS_KEY_ID": KEY_ID,
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET": KEY_SECRET,
    "ALIBABA_CLOUD_SECURITY_TOKEN": TOKEN,
    "IMC_WEBHOOK_TOKENS": WEBHOOK_TOKEN,
    "IMC_REGIONS": "cn-hangzhou",
    "IMC_LOG_LEVEL": "DEBUG",
    "DEBUG": "sdk",  # makes the SDK log each request and answer
}
UPDATE = {
    "RegionId": "cn-hangzhou",
    "ImageCacheId": "imc-1",
    "ClientToken": "t-1",
    "Image": ["nginx:1"],
    "ImageRegistryCredential": [{"Server": "r.example.com", "UserName": "u", "Password": PASSWORD}],
}
CANARY = "a line that is seen"
_ROOT = Path(__file__).parents[2]


class Seen:
    """All that anyone could read: stdout, stderr, every log line at every level, and what the test adds."""

    def __init__(self, doors: Any) -> None:
        self._doors = doors
        self._log: list[str] = []
        self._told: list[str] = []

    def handler(self) -> logging.Handler:
        handler = logging.Handler()
        handler.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
        handler.emit = lambda record: self._log.append(handler.format(record))  # type: ignore[method-assign]
        return handler

    def add(self, told: Any) -> None:
        """Add an answer, or an error with all that it was raised from, in or because of."""
        if isinstance(told, BaseException):
            self._told.append("".join(traceback.format_exception(told)))
            error: BaseException | None = told
            while error is not None:
                self._told.append(f"{error!r} {error} {error.args} {vars(error)}")
                error = error.__cause__ or error.__context__
        else:
            self._told.append(repr(told))

    def everything(self) -> str:
        self._doors.read()
        text = "\n".join([*self._doors.streams, *self._log, *self._told])
        assert CANARY in text
        return text

    def assert_no_mark(self) -> None:
        text = self.everything()
        assert MARK not in text
        assert KEY_ID not in text


@pytest.fixture
def seen(doors: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Seen]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    made = Seen(doors)
    root, handler = logging.getLogger(), made.handler()
    level = root.level
    root.setLevel(logging.DEBUG)
    root.addHandler(handler)
    logging.getLogger("another.library").debug(CANARY)
    yield made
    root.removeHandler(handler)
    root.setLevel(level)


def sent(call: bytes) -> str:
    """The URL and the form, as one text."""
    return "&".join(filter(None, (url_of(call), form_of(call).decode("ascii"))))


def string_to_sign(call: bytes) -> str:
    """What the client signed, as ECI repeats it where the signature is wrong."""
    parameters = parameters_of(url_of(call), form_of(call))
    encoded = {quote(name, safe="~"): quote(value, safe="~") for name, value in parameters.items()}
    encoded.pop("Signature")
    canonical = "&".join(f"{name}={value}" for name, value in sorted(encoded.items()))
    return f"POST&%2F&{quote(canonical, safe='~')}"


def secrets_of(call: bytes) -> str:
    """The secret values of a call as they were before they were encoded."""
    parameters = parameters_of(url_of(call), form_of(call))
    secret = ("SecurityToken", "Password")
    return " ".join(value for name, value in parameters.items() if name.endswith(secret))


def lower_case_escapes(text: str) -> str:
    return re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), text)


def cut_within(text: str, name: str) -> str:
    """The text until a few characters after a parameter's name."""
    return text[: text.index(name) + len(name) + 8]


def refusal(code: str, message: str, status: int = 403) -> tuple[Any, int]:
    return {"RequestId": "R-1", "Code": code, "Message": message}, status


LIES: dict[str, Callable[[bytes], tuple[Any, int]]] = {
    "the string to sign": lambda call: refusal(
        "SignatureDoesNotMatch",
        "Specified signature is not matched with our calculation. server string to sign is:"
        + string_to_sign(call),
        400,
    ),
    "another string to sign": lambda call: refusal(
        "SignatureDoesNotMatch", f"server string to sign is:{string_to_sign(call)}&more", 400
    ),
    "the string to sign without a colon": lambda call: refusal(
        "SignatureDoesNotMatch", string_to_sign(call).replace(":", ""), 400
    ),
    "the string to sign under another code": lambda call: refusal("NoPermission", string_to_sign(call)),
    "the string to sign as incomplete": lambda call: refusal("IncompleteSignature", string_to_sign(call)),
    "the secrets": lambda call: refusal("NoPermission", secrets_of(call)),
    "the secrets encoded": lambda call: refusal("Throttling", quote(secrets_of(call), safe="~"), 400),
    "the secrets encoded twice": lambda call: refusal(
        "InternalError", quote(quote(secrets_of(call), safe="~"), safe="~"), 500
    ),
    "the secrets encoded but for the slash": lambda call: refusal("NoPermission", quote(secrets_of(call))),
    "the secrets encoded as a form": lambda call: refusal("NoPermission", quote_plus(secrets_of(call))),
    "the secrets encoded in lower case": lambda call: refusal(
        "NoPermission", lower_case_escapes(quote(secrets_of(call), safe="~"))
    ),
    "the URL": lambda call: refusal("QuotaExceeded", sent(call)),
    "the token in the code": lambda _call: refusal(TOKEN, "m"),
    "the token in the request id": lambda _call: (
        {"RequestId": TOKEN, "Code": "NoPermission", "Message": "m"},
        403,
    ),
    "the string to sign cut off within the token": lambda call: refusal(
        "NoPermission", cut_within(string_to_sign(call), "SecurityToken%3D")
    ),
    "the URL cut off within the token": lambda call: refusal(
        "NoPermission", cut_within(sent(call), "SecurityToken=")
    ),
    "a page with the URL": lambda call: (f"<html>{sent(call)}</html>", 502),
    "a refusing page with the URL": lambda call: (f"<html>{unquote(sent(call))}</html>", 403),
    "a text with the URL": lambda call: (sent(call), 200),
    "an odd document with the URL": lambda call: ({"ImageCaches": sent(call)}, 200),
}


def try_everything(url: str, seen: Seen, doors: Any, new_gateway: Any, monkeypatch: Any) -> None:
    """Call ECI by the gateway and by every entry point, and keep what comes of it."""
    monkeypatch.setenv("IMC_ECI_ENDPOINT", url)
    credentials = Credentials(KEY_ID, KEY_SECRET, TOKEN)
    for call in (
        lambda gateway: gateway.update_image_cache(UPDATE),
        lambda gateway: gateway.list_image_caches("cn-hangzhou"),
    ):
        with pytest.raises(EciError) as raised:
            call(new_gateway(url, credentials))
        seen.add(raised.value)
        assert raised.value.__cause__ is None
        assert raised.value.__context__ is None
    for told in (
        doors.push(),
        doors.webhook(WEBHOOK_TOKEN),
        doors.manual({"imageCacheId": "imc-1"}),
        doors.manual({"imageCacheId": "imc-1"}, over_http=True),
    ):
        assert [outcome["result"] for outcome in told.outcomes] == ["failed"]
        seen.add(told.outcomes)
        seen.add(told.error or told.answer)


@pytest.mark.parametrize("lie", LIES.values(), ids=list(LIES))
def test_what_eci_repeats_of_a_call_is_not_shown(
    seen: Seen,
    doors: Any,
    new_gateway: Any,
    raw_server: Any,
    respond: Any,
    monkeypatch: pytest.MonkeyPatch,
    lie: Callable[[bytes], tuple[Any, int]],
) -> None:
    server = raw_server(lambda call: respond(*lie(call)))
    try_everything(server.url, seen, doors, new_gateway, monkeypatch)
    assert all(quote(TOKEN, safe="~").encode() in head for head in server.received)
    assert quote_plus(PASSWORD).encode() in form_of(server.received[0])
    assert MARK not in seen.everything()


def test_an_odd_item_that_repeats_the_call_shows_nothing_of_it(
    seen: Seen, doors: Any, raw_server: Any, respond: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = raw_server(lambda call: respond({"ImageCaches": [{"ImageCacheId": sent(call)}]}, 200))
    monkeypatch.setenv("IMC_ECI_ENDPOINT", server.url)
    for told in (doors.push(), doors.webhook(WEBHOOK_TOKEN)):
        assert told.outcomes
        seen.add(told.outcomes)
        seen.add(told.error or told.answer)
    assert all(quote(TOKEN, safe="~").encode() in head for head in server.received)
    assert MARK not in seen.everything()


KEY_ID_LIES: dict[str, Callable[[bytes], tuple[Any, int]]] = {
    "in a sentence": lambda _call: refusal("Forbidden.RAM", f"The key {KEY_ID} may not do this."),
    "in the URL": lambda call: refusal("Throttling", sent(call), 400),
}


@pytest.mark.parametrize("lie", KEY_ID_LIES.values(), ids=list(KEY_ID_LIES))
def test_the_id_of_the_key_is_not_shown_where_eci_repeats_it(
    seen: Seen,
    doors: Any,
    new_gateway: Any,
    raw_server: Any,
    respond: Any,
    monkeypatch: pytest.MonkeyPatch,
    lie: Callable[[bytes], tuple[Any, int]],
) -> None:
    server = raw_server(lambda call: respond(*lie(call)))
    try_everything(server.url, seen, doors, new_gateway, monkeypatch)
    assert KEY_ID not in seen.everything()


BROKEN = {
    "a reset": b"",
    "no HTTP": b"SSH-2.0-Server\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    "a broken chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
    "a status that is none": b"HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\n{}",
    "no body": b"HTTP/1.1 204 No Content\r\n\r\n",
    "half a refusal": b'HTTP/1.1 400 Bad\r\nContent-Length: 99\r\nConnection: close\r\n\r\n{"Code":"Thr',
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=list(BROKEN))
def test_a_broken_answer_shows_nothing_of_the_call(
    seen: Seen,
    doors: Any,
    new_gateway: Any,
    raw_server: Any,
    monkeypatch: pytest.MonkeyPatch,
    answer: bytes,
) -> None:
    server = raw_server(lambda _call: answer)
    try_everything(server.url, seen, doors, new_gateway, monkeypatch)
    seen.assert_no_mark()


def test_a_refused_connection_shows_nothing_of_the_call(
    seen: Seen, doors: Any, new_gateway: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The text of the SDK's error, and a line that it logs, hold the whole signed URL.
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        try_everything(url, seen, doors, new_gateway, monkeypatch)
    seen.assert_no_mark()


def test_a_proxy_that_fails_shows_nothing_of_its_own_password(
    seen: Seen, doors: Any, new_gateway: Any, raw_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = raw_server(lambda _call: b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")
    monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("//", "//user:MARK-proxy@"))
    try_everything("https://eci.{region}.example.invalid", seen, doors, new_gateway, monkeypatch)
    assert proxy.received[0].startswith(b"CONNECT eci.cn-hangzhou.example.invalid:443 ")
    assert b"\r\nProxy-Authorization: Basic " in proxy.received[0]
    seen.assert_no_mark()


def test_a_slow_answer_shows_nothing_of_the_call(
    seen: Seen, eci: Any, new_gateway: Any, credentials: Any, time_left: Any
) -> None:
    eci.control.inject("slow", delay_seconds=30, count=10)
    given = credentials(eci.credential)
    request = {**UPDATE, "ImageCacheId": eci.cache()}
    with pytest.raises(EciError) as raised:
        new_gateway(eci.url, given, deadline=time_left(2.0)).update_image_cache(request)
    assert raised.value.reason == "TIMED_OUT"
    seen.add(raised.value)
    text = seen.everything()
    assert MARK not in text
    assert given.access_key_secret not in text
    assert given.security_token not in text


def test_a_success_shows_nothing_of_the_call(
    seen: Seen, doors: Any, raw_server: Any, respond: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = {
        "ImageCacheId": "imc-1",
        "Status": "Ready",
        "Images": ["acme-registry.cn-hangzhou.cr.aliyuncs.com/prod/web:latest"],
    }
    server = raw_server(lambda _call: respond({"RequestId": "R-1", "ImageCaches": [cache]}))
    monkeypatch.setenv("IMC_ECI_ENDPOINT", server.url)
    for request in ({"imageCacheId": "imc-1"}, {"imageCacheId": "imc-1", "dryRun": True}):
        seen.add(doors.manual(request).answer)
    seen.add(doors.push().answer)
    assert any(b"Action=UpdateImageCache" in head for head in server.received)
    seen.assert_no_mark()


@pytest.fixture
def logged(eci: Any) -> Iterator[tuple[str, list[str]]]:
    """A proxy that passes calls on to the local ECI and logs the URL of each: its own, and the log."""
    urls: list[str] = []

    class Proxy(QuietHandler):
        def respond(self) -> None:
            urls.append(self.path)
            parts = urlsplit(self.path)
            form = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            with closing(HTTPConnection(parts.hostname or "", parts.port, timeout=30)) as connection:
                connection.request(self.command, f"/?{parts.query}", form, dict(self.headers))
                answer = connection.getresponse()
                self.answer(answer.status, answer.read(), ("Content-Type", "application/json"))

    with serve_http(Proxy) as host:
        yield f"http://{host}", urls


def test_a_proxy_on_the_way_sees_no_password_in_a_url(
    eci: Any, new_gateway: Any, credentials: Any, logged: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, urls = logged
    monkeypatch.setenv("HTTP_PROXY", proxy)
    # Another name of 127.0.0.1, which is not taken for loopback and so is called through the proxy.
    gateway = new_gateway(eci.url.replace("127.0.0.1", "127.1"), credentials(eci.credential))
    cache_id = eci.cache("nginx:1")
    assert [cache.image_cache_id for cache in gateway.list_image_caches("cn-hangzhou")] == [cache_id]

    gateway.update_image_cache({**UPDATE, "ImageCacheId": cache_id})

    (call,) = eci.calls("UpdateImageCache")
    assert call["ImageRegistryCredential.1.UserName"] == "u"
    in_urls = {name for url in urls for name in parameters_of(url, b"")}
    assert in_urls == {
        *("AccessKeyId", "Action", "Format", "RegionId", "SecurityToken", "Signature", "SignatureMethod"),
        *("SignatureNonce", "SignatureType", "SignatureVersion", "Timestamp", "Version"),
    }
    assert len(urls) == 2
    assert MARK not in "".join(urls)


def test_a_form_that_is_changed_on_the_way_is_refused(
    eci: Any, new_gateway: Any, credentials: Any, raw_server: Any
) -> None:
    sent_once: list[bytes] = []
    server = raw_server(lambda call: sent_once.append(call) or b"")
    with pytest.raises(EciError):
        new_gateway(server.url, credentials(eci.credential)).update_image_cache(UPDATE)
    url, form = url_of(sent_once[0]), form_of(sent_once[0])
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    answer = httpx.post(eci.url + url, content=form.replace(b"nginx", b"other"), headers=headers)

    assert (answer.status_code, answer.json()["Code"]) == (400, "SignatureDoesNotMatch")


@pytest.mark.parametrize("given", ["MARK-another-token-0123456789", WEBHOOK_TOKEN[:-1], WEBHOOK_TOKEN + "0"])
def test_a_wrong_webhook_token_is_refused_and_not_shown(seen: Seen, doors: Any, given: str) -> None:
    told = doors.webhook(given)
    assert told.answer["statusCode"] == 401
    seen.add(told.answer)
    seen.assert_no_mark()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IMC_WEBHOOK_TOKENS", "MARK-short"),
        ("IMC_WEBHOOK_TOKENS", "MARK-with-a-blank in-it-0123456789"),
        ("IMC_ECI_ENDPOINT", "https://user:MARK-password@eci.example.invalid"),
        ("IMC_ECI_ENDPOINT", "http://eci.example.invalid/?token=MARK-token"),
        ("IMC_ECI_ENDPOINT", "https://[MARK-token"),
        ("IMC_WEBHOOK_TOKEN", WEBHOOK_TOKEN),
    ],
    ids=["short token", "token with a blank", "password", "query", "no URL", "misspelt name"],
)
def test_a_setting_that_is_wrong_is_named_and_its_value_not_shown(
    seen: Seen, doors: Any, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    told = doors.push()
    (outcome,) = told.outcomes
    assert outcome["reason"] == "SETTINGS_INVALID"
    assert name in outcome["message"]
    seen.add(told.error)
    seen.assert_no_mark()


@pytest.mark.parametrize("door", ["on_push", "on_manual"])
def test_a_new_process_shows_nothing_on_its_own_streams(door: str) -> None:
    # As the platform does it: logging is set up before the function, and so the SDK, is imported.
    script = (
        "import logging, sys, types\n"
        "logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)\n"
        f"logging.debug({CANARY!r})\n"
        f"import {door}\n"
        f"{door}.handler(sys.stdin.buffer.read(), types.SimpleNamespace(request_id='1-contract'))\n"
    )
    event: Any = {"imageCacheId": "imc-1"}
    if door == "on_push":
        event = json.loads((_ROOT / "tests/payloads/cloudevents/push_completed.json").read_text("utf-8"))
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        process = subprocess.run(
            [sys.executable, "-c", script],
            input=json.dumps(event).encode(),
            capture_output=True,
            check=False,
            timeout=60,
            cwd=_ROOT,
            env={
                **os.environ,
                **ENVIRONMENT,
                "PYTHONPATH": str(_ROOT / "functions"),
                "IMC_ECI_ENDPOINT": f"http://127.0.0.1:{held.getsockname()[1]}",
            },
        )
    out, err = process.stdout.decode(), process.stderr.decode()
    assert process.returncode == 1
    assert "RetryableEntryPointError" in err
    assert CANARY in err
    assert json.loads(out)["reason"] == "CONNECTION_FAILED"
    assert MARK not in out + err
    assert KEY_ID not in out + err
