"""Temporary logins of Container Registry, from an API that checks the vendor's signatures."""

from __future__ import annotations

import io
import json
import logging
import re
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from imagecache.base.credentials import Credentials
from imagecache.base.errors import RegistryError
from imagecache.clients.acr_login import AcrConnections, AcrLogin
from imagecache.clients.registry_reader import Account
from local.permissions.credentials import Credential, CredentialStore
from tests.contract.acr_api import AcrApi, acr_api
from tests.support.depth import every_value

REGION, INSTANCE = "cn-beijing", "cri-abc123"
MARK = re.compile("MARK")
EDITIONS = {"enterprise": INSTANCE, "personal": None}
both_editions = pytest.mark.parametrize("instance", EDITIONS.values(), ids=EDITIONS)


@dataclass
class Clock:
    """A clock that stands still until it is set."""

    now: float = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Setting:
    """The API, and logins that share their connections."""

    api: AcrApi
    credentials: Credentials
    clock: Clock = field(default_factory=Clock)
    connections: AcrConnections = field(init=False)

    def __post_init__(self) -> None:
        self.connections = AcrConnections(self.clock)

    def login(
        self, endpoint: str = "", credentials: Credentials | None = None, left: float = 9.0
    ) -> AcrLogin:
        return AcrLogin(
            endpoint or self.api.url, credentials or self.credentials, lambda: left, self.connections
        )


@pytest.fixture(name="credential")
def _credential(tmp_path: Path) -> Iterator[Credential]:
    store = CredentialStore(tmp_path / "keys.sqlite")
    yield store.issue()
    store.close()


@pytest.fixture(name="setting")
def _setting(credential: Credential, credentials: Callable[[Credential], Credentials]) -> Iterator[Setting]:
    clock = Clock()
    with acr_api(credential, lambda: int(clock.now * 1000)) as api:
        made = Setting(api, credentials(credential), clock)
        yield made
        made.connections.clients.client(made.credentials).session.close()


def problem(login: AcrLogin, instance: str | None = INSTANCE, region: str = REGION) -> str:
    with pytest.raises(RegistryError) as raised:
        login.account(instance, region)
    return str(raised.value)


def test_the_enterprise_edition_is_asked_with_a_signed_rpc_call(setting: Setting) -> None:
    assert setting.login().account(INSTANCE, REGION) == Account("cr_temp_user-1", "MARK-login-1")
    (call,) = setting.api.calls
    asked = {
        name: call.parameters[name] for name in ("Action", "Version", "InstanceId", "RegionId", "Format")
    }
    assert asked == {
        "Action": "GetAuthorizationToken",
        "Version": "2018-12-01",
        "InstanceId": INSTANCE,
        "RegionId": REGION,
        "Format": "JSON",
    }
    assert call.parameters["SecurityToken"] == setting.credentials.security_token


@pytest.mark.parametrize("instance", [None, "", "crpi-abc123"])
def test_the_personal_edition_is_asked_with_a_signed_roa_call(setting: Setting, instance: str | None) -> None:
    assert setting.login().account(instance, REGION) == Account("cr_temp_user-1", "MARK-login-1")
    (call,) = setting.api.calls
    assert (call.method, call.path, call.parameters) == ("GET", "/tokens", {"RegionId": REGION})
    assert call.headers["x-acs-version"] == "2016-06-07"
    assert call.headers["x-acs-region-id"] == REGION
    assert call.headers["x-acs-security-token"] == setting.credentials.security_token


@both_editions
def test_a_key_without_a_security_token(
    tmp_path: Path, credentials: Callable[[Credential], Credentials], instance: str | None
) -> None:
    store = CredentialStore(tmp_path / "static.sqlite")
    credential = store.issue(temporary=False)
    store.close()
    with acr_api(credential, lambda: 0) as api:
        connections = AcrConnections()
        login = AcrLogin(api.url, credentials(credential), lambda: 9.0, connections)
        assert login.account(instance, REGION).user == "cr_temp_user-1"
        connections.clients.client(credentials(credential)).session.close()
        assert "SecurityToken" not in api.calls[0].parameters


@both_editions
def test_another_key_in_the_environment_does_not_take_over(
    setting: Setting, monkeypatch: pytest.MonkeyPatch, instance: str | None
) -> None:
    monkeypatch.setenv("ALIYUN_ACCESS_KEY_ID", "other")
    monkeypatch.setenv("ALIYUN_ACCESS_KEY_SECRET", "other")
    assert setting.login().account(instance, REGION).user == "cr_temp_user-1"


@both_editions
@pytest.mark.parametrize(("later", "calls"), [(3479, 1), (3480, 2)], ids=["before", "shortly before its end"])
def test_a_login_is_kept_until_shortly_before_its_end(
    setting: Setting, instance: str | None, later: float, calls: int
) -> None:
    first = setting.login().account(instance, REGION)
    setting.clock.now += later
    second = setting.login().account(instance, REGION)
    assert len(setting.api.calls) == calls
    assert (first == second) is (calls == 1)


def test_a_login_is_kept_for_its_instance_region_and_key(setting: Setting) -> None:
    login = setting.login()
    asked = [(INSTANCE, REGION), ("cri-other", REGION), (INSTANCE, "cn-hangzhou"), (None, REGION)]
    assert len({login.account(*names) for names in asked * 2}) == 4
    assert "InvalidAccessKeyId.NotFound" in problem(
        setting.login(credentials=Credentials("other-key-id", "other-secret", "other-token"))
    )


WITHOUT_END = {
    "missing": {},
    "a text": {"ExpireTime": "soon"},
    "past": {"ExpireTime": 1},
}


@pytest.mark.parametrize("members", WITHOUT_END.values(), ids=WITHOUT_END)
def test_a_login_whose_end_is_not_known_is_not_kept(setting: Setting, members: dict[str, Any]) -> None:
    answer = {"TempUsername": "u", "AuthorizationToken": "MARK", **members}
    setting.api.instead = [(200, json.dumps(answer).encode())]
    assert setting.login().account(INSTANCE, REGION) == Account("u", "MARK")
    assert setting.login().account(INSTANCE, REGION).user == "cr_temp_user-2"


def answer(**members: Any) -> bytes:
    return json.dumps({"TempUsername": "u", "AuthorizationToken": "MARK", **members}).encode()


LIES: dict[str, tuple[int, bytes, str]] = {
    "no instance": (
        200,
        answer(IsSuccess=False, Code="INSTANCE_NOT_EXIST"),
        "Container Registry answered 200 INSTANCE_NOT_EXIST",
    ),
    "no code": (200, answer(IsSuccess=False), "could not be read: KeyError"),
    "a code that is none": (200, answer(IsSuccess=False, Code="MARK is none"), "Registry answered 200"),
    "no user": (200, answer(TempUsername=None), "could not be read: ValueError"),
    "an empty password": (200, answer(AuthorizationToken=""), "could not be read: ValueError"),
    "an endless password": (200, answer(AuthorizationToken="MARK" * 9999), "could not be read: ValueError"),
    "a number": (200, answer(AuthorizationToken=7), "could not be read: ValueError"),
    "an endless time": (200, answer(ExpireTime=10**400), "could not be read"),
    "no login": (200, b'{"RequestId":"MARK"}', "could not be read: KeyError"),
    "no data": (200, b'{"data":null}', "could not be read: TypeError"),
    "no JSON": (200, b"<html>MARK", "could not be read"),
    "an array": (200, b"[]", "could not be read: AttributeError"),
    "deep JSON": (200, b"[" * 200_000, "could not be read: RecursionError"),
    "not UTF-8": (200, b'["\xff"]', "could not be read: UnicodeDecodeError"),
    "no permission": (403, b'{"Code":"NoPermission","Message":"MARK"}', "answered 403 NoPermission"),
    "throttled": (429, b'{"Code":"Throttling.User","Message":"MARK"}', "answered 429 Throttling.User"),
    "a server fault": (500, b"<html>MARK", "answered 500"),
    "not UTF-8 in a server fault": (502, b"\xff\xfe", "could not be read: UnicodeDecodeError"),
    "a list of codes": (400, b'{"Code":["MARK"],"Message":"MARK"}', "answered 400"),
}


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize(("status", "body", "told"), LIES.values(), ids=LIES)
def test_an_answer_without_a_login_is_an_error(setting: Setting, status: int, body: bytes, told: str) -> None:
    setting.api.instead = [(status, body)]
    text = problem(setting.login())
    assert text.startswith(f"no login to instance {INSTANCE} in {REGION}: ")
    assert told in text
    assert not MARK.search(text)


def test_a_code_that_repeats_the_key_is_not_shown(setting: Setting) -> None:
    secret = setting.credentials.access_key_id
    setting.api.instead = [(400, json.dumps({"Code": f"Bad.{secret}", "Message": ""}).encode())]
    assert problem(setting.login()).endswith("Container Registry answered 400")


def test_a_wrong_secret_is_refused(setting: Setting) -> None:
    wrong = Credentials(setting.credentials.access_key_id, "wrong", setting.credentials.security_token)
    assert "SignatureDoesNotMatch" in problem(setting.login(credentials=wrong))
    text = problem(setting.login(credentials=wrong), None)
    assert text.startswith(f"no login to the personal edition in {REGION}: ")
    assert "SignatureDoesNotMatch" in text


WRONG_NAMES = {
    "a region with a dot": (INSTANCE, "cn-hangzhou.evil"),
    "a region with a path": (INSTANCE, "cn-hangzhou/x"),
    "no region": (INSTANCE, ""),
    "a region with a line end": (INSTANCE, "cn-hangzhou\n"),
    "an instance with a blank": ("cri abc", REGION),
    "an endless instance": ("cri-" + "a" * 99, REGION),
}


@pytest.mark.parametrize("names", WRONG_NAMES.values(), ids=WRONG_NAMES)
def test_what_is_no_instance_is_asked_for_nowhere(setting: Setting, names: tuple[str, str]) -> None:
    assert "is not an instance" in problem(setting.login("https://cr.{region}.example.com"), *names)


def test_nothing_is_asked_when_the_time_is_used_up(setting: Setting) -> None:
    assert problem(setting.login(left=0.1)).endswith("out of time")
    assert setting.api.calls == []


def test_a_silent_api_is_not_waited_for_longer_than_there_is_time(setting: Setting, raw_server: Any) -> None:
    server = raw_server(lambda _head: b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
    server.answer = lambda _head: b""
    refused = problem(setting.login(server.url, left=0.5))
    assert re.search("no answer in time|the connection failed", refused)


FAULTS: dict[str, tuple[bytes, str]] = {
    "two lengths": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\nMARK",
        "the connection failed: InvalidHeader",
    ),
    "garbage": (b"MARK is no HTTP\r\n\r\n", "the connection failed"),
    "nothing": (b"", "the connection failed"),
    "a cut chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{", "the connection failed"),
}


@every_value
@both_editions
@pytest.mark.parametrize(("said", "told"), FAULTS.values(), ids=FAULTS)
def test_a_connection_that_fails(
    setting: Setting, raw_server: Any, said: bytes, told: str, instance: str | None
) -> None:
    server = raw_server(lambda _head: said)
    assert told in problem(setting.login(server.url), instance)


def test_an_address_that_nothing_listens_on(setting: Setting) -> None:
    assert problem(setting.login("http://127.0.0.1:1")).endswith("the connection failed")


@both_editions
def test_an_endpoint_elsewhere_is_called_over_tls(
    setting: Setting, raw_server: Any, monkeypatch: pytest.MonkeyPatch, instance: str | None
) -> None:
    proxy = raw_server(lambda _head: b"HTTP/1.1 403 No\r\nConnection: close\r\n\r\n")
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    assert "failed" in problem(setting.login("https://cr.{region}.example.com"), instance)
    assert proxy.received[0].startswith(b"CONNECT cr.cn-beijing.example.com:443 HTTP/1.")


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_loopback_never_goes_through_a_proxy(
    setting: Setting, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert setting.login().account(INSTANCE, REGION).user == "cr_temp_user-1"


def chain(error: BaseException | None) -> Iterator[str]:
    """Every text of an exception and of all that it came from."""
    while error is not None:
        yield f"{error!s} {error!r} {error.args}" + "".join(traceback.format_exception(error))
        error = error.__cause__ or error.__context__


SECRET_PATHS: dict[str, tuple[int, bytes] | None] = {
    "a login": None,
    "a refusal that repeats the call": (
        400,
        b'{"Code":"SignatureDoesNotMatch","Message":"MARK TOKEN SECRET"}',
    ),
    "a fault that repeats the call": (500, b"MARK TOKEN SECRET"),
    "no login": (200, b'{"AuthorizationToken":"MARK TOKEN SECRET"}'),
}


@every_value
@both_editions
@pytest.mark.parametrize("said", SECRET_PATHS.values(), ids=SECRET_PATHS)
def test_nothing_secret_is_logged_or_told(
    setting: Setting,
    said: tuple[int, bytes] | None,
    instance: str | None,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DEBUG", "sdk")
    secrets = setting.credentials
    if said is not None:
        body = said[1].replace(b"TOKEN", secrets.security_token.encode())
        setting.api.instead = [(said[0], body.replace(b"SECRET", secrets.access_key_secret.encode()))]
    stream, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(stream), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    told = [repr(setting.connections), repr(setting.login())]
    try:
        logging.getLogger("another.library").debug("the log is read")
        told.append(repr(setting.login().account(instance, REGION)))
    except RegistryError as error:
        told += chain(error)
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
    assert len(setting.api.calls) == 1
    assert "the log is read" in stream.getvalue()
    for text in (*told, *capfd.readouterr(), stream.getvalue()):
        assert not MARK.search(text)
        assert not any(secret in text for secret in secrets.secrets)


def test_a_kept_login_shows_no_password(setting: Setting) -> None:
    setting.login().account(INSTANCE, REGION)
    assert "MARK" not in f"{setting.connections!r} {setting.connections.kept.values()!r}"
