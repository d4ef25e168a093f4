"""HTTP triggers: the event that a function gets, the answer that a client gets, limits and signatures."""

from __future__ import annotations

import base64
import json
import re
import socket
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import fc2
import httpx
import pytest

from local.base.loopback import LOOPBACK
from local.cloud.cloud import Cloud, CloudConfig
from local.fc.signature import Signer
from local.permissions.credentials import Credential, CredentialStore

HANDLERS = '''
import json


def echo(event, context):
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": event.decode()}


def answer(event, context):
    """Answers with the request's body, as it is."""
    return json.loads(event)["body"]


def fails(event, context):
    raise ValueError("wrong")
'''


def trigger(name: str, auth_type: str, methods: list[str]) -> dict[str, Any]:
    function = {
        "Type": "ALIYUN::FC3::Function",
        "Properties": {"FunctionName": name, "Handler": f"handlers.{name}", "Runtime": "python3.12"},
    }
    http = {
        "Type": "ALIYUN::FC3::Trigger",
        "Properties": {
            "FunctionName": name,
            "TriggerName": f"{name}-{auth_type}",
            "TriggerType": "http",
            "TriggerConfig": {"authType": auth_type, "methods": methods},
        },
    }
    return {name.title(): function, f"{name.title()}{auth_type.title()}": http}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    folder = tmp_path_factory.mktemp("http")
    (folder / "handlers.py").write_text(HANDLERS, encoding="utf-8")
    resources = {
        **trigger("echo", "anonymous", ["GET", "POST", "HEAD"]),
        **trigger("echo", "function", ["POST"]),
        **trigger("answer", "anonymous", ["POST"]),
        **trigger("fails", "anonymous", ["POST"]),
    }
    document = {"ROSTemplateFormatVersion": "2015-09-01", "Resources": resources}
    template = folder / "template.json"
    template.write_text(json.dumps(document), encoding="utf-8")
    with Cloud(CloudConfig(folder / "state", template, folder)) as running:
        yield running


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(**LOOPBACK, timeout=30.0) as opened:
        yield opened


def test_the_event_has_the_documented_form(cloud: Cloud, client: httpx.Client) -> None:
    url = cloud.http_urls["echo-anonymous"]
    answer = client.post(
        f"{url}/a%20b/c?token=x%2By&empty=&many=1&many=2",
        content=b'{"k": "\xc3\xa9"}',
        headers=[
            ("content-type", "application/json; charset=utf-8"),
            ("x-many-parts", "1"),
            ("X-MANY-PARTS", "2"),
            ("user-agent", "test/1"),
        ],
    )
    event = answer.json()
    context = event.pop("requestContext")
    headers = event.pop("headers")
    host = url.removeprefix("http://")
    assert event == {
        "version": "v1",
        "rawPath": "/a%20b/c",
        "body": '{"k": "é"}',
        "isBase64Encoded": False,
        "queryParameters": {"token": "x+y", "empty": "", "many": "1,2"},
    }
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert (headers["X-Many-Parts"], headers["Host"]) == ("1,2", host)
    assert context.pop("http") == {
        "method": "POST",
        "path": "/a b/c",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": "test/1",
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", context.pop("time"))
    assert abs(int(context.pop("timeEpoch")) / 1000 - time.time()) < 60
    assert context == {
        "accountId": "1234567890123456",
        "domainName": host,
        "domainPrefix": "127",
        "requestId": answer.headers["x-fc-request-id"],
    }


@pytest.mark.parametrize(
    ("content_type", "body", "encoded"),
    [
        pytest.param("application/json", b"{}", False, id="json"),
        pytest.param("text/plain", b"x", False, id="text"),
        pytest.param(None, b"x", False, id="no-type"),
        pytest.param("text/plain", b"\xff", True, id="no-utf-8"),
        pytest.param("application/octet-stream", b"x", True, id="binary"),
        pytest.param("application/vnd.docker.distribution.events.v1+json", b"{}", True, id="vendor-type"),
    ],
)
def test_a_body_is_text_or_base64(
    cloud: Cloud, client: httpx.Client, content_type: str | None, body: bytes, encoded: bool
) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    event = client.post(cloud.http_urls["echo-anonymous"], content=body, headers=headers).json()
    assert event["isBase64Encoded"] is encoded
    assert (base64.b64decode(event["body"]) if encoded else event["body"].encode()) == body


def test_a_request_without_path_query_and_body(cloud: Cloud, client: httpx.Client) -> None:
    event = client.get(cloud.http_urls["echo-anonymous"]).json()
    assert (event["rawPath"], event["queryParameters"], event["body"]) == ("/", {}, "")


@pytest.mark.parametrize(
    ("result", "status", "content_type", "body"),
    [
        pytest.param(
            {"statusCode": 201, "headers": {"Content-Type": "a/b"}, "body": "x"}, 201, "a/b", b"x", id="whole"
        ),
        pytest.param({"statusCode": 204}, 204, None, b"", id="status-only"),
        pytest.param(
            {"statusCode": 200, "body": "/w==", "isBase64Encoded": True}, 200, None, b"\xff", id="base64"
        ),
        pytest.param({"k": 1}, 200, "application/json", b'{"k": 1}', id="other-json"),
        pytest.param("plain", 200, "text/plain; charset=utf-8", b"plain", id="text"),
    ],
)
def test_a_result_becomes_the_answer(
    cloud: Cloud, client: httpx.Client, result: Any, status: int, content_type: str | None, body: bytes
) -> None:
    content = result if isinstance(result, str) else json.dumps(result)
    answer = client.post(cloud.http_urls["answer-anonymous"], content=content)
    assert (answer.status_code, answer.headers.get("content-type"), answer.content) == (
        status,
        content_type,
        body,
    )


def test_headers_of_the_connection_are_not_the_functions(cloud: Cloud, client: httpx.Client) -> None:
    headers = {"Content-Length": "999", "Connection": "close", "X-Own": "1", "X-List": ["a", "b"]}
    result = {"statusCode": 200, "headers": headers, "body": "four"}
    answer = client.post(cloud.http_urls["answer-anonymous"], content=json.dumps(result))
    assert answer.content == b"four"
    assert (answer.headers["x-own"], answer.headers["x-list"]) == ("1", "a,b")
    assert answer.headers["content-length"] == "4"


@pytest.mark.parametrize(
    ("result", "message"),
    [
        pytest.param({"statusCode": "200"}, "statusCode: 200 to 599", id="status-text"),
        pytest.param({"statusCode": 99}, "statusCode: 200 to 599", id="status-range"),
        pytest.param({"statusCode": 200, "headers": []}, None, id="empty-headers"),
        pytest.param({"statusCode": 200, "headers": ["a"]}, "headers: an object", id="headers"),
        pytest.param({"statusCode": 200, "headers": {"A": None}}, "headers.A: one line", id="header"),
        pytest.param(
            {"statusCode": 200, "headers": {"A": "x\r\nB: y"}}, "headers.A: one line", id="two-lines"
        ),
        pytest.param({"statusCode": 200, "body": {"a": 1}}, "body: a text", id="body"),
        pytest.param(
            {"statusCode": 200, "body": "%", "isBase64Encoded": True}, "body: base64", id="broken-base64"
        ),
    ],
)
def test_a_result_that_is_no_answer_is_a_bad_gateway(
    cloud: Cloud, client: httpx.Client, result: Any, message: str | None
) -> None:
    answer = client.post(cloud.http_urls["answer-anonymous"], content=json.dumps(result))
    if message is None:
        assert answer.status_code == 200
    else:
        assert (answer.status_code, answer.json()["Code"]) == (502, "BadResponse")
        assert message in answer.json()["Message"]


def test_a_failing_function_is_a_bad_gateway_with_its_error(cloud: Cloud, client: httpx.Client) -> None:
    answer = client.post(cloud.http_urls["fails-anonymous"])
    assert answer.status_code == 502
    assert answer.headers["x-fc-error-type"] == "UnhandledInvocationError"
    assert (answer.json()["errorType"], answer.json()["errorMessage"]) == ("ValueError", "wrong")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS"])
def test_a_method_that_is_not_listed_is_refused_by_the_platform(
    cloud: Cloud, client: httpx.Client, method: str
) -> None:
    answer = client.request(method, cloud.http_urls["echo-anonymous"])
    assert (answer.status_code, answer.json()["Code"]) == (405, "MethodNotAllowed")
    assert cloud.fc.logs(request_id=answer.json()["RequestId"]) == []


def exact_path(size: int) -> str:
    return "/" + "a" * (size - 3) + "?b"


@pytest.mark.parametrize(
    ("path", "header_bytes", "status"),
    [
        pytest.param(exact_path(4096), 0, 200, id="path-at-the-limit"),
        pytest.param(exact_path(4097), 0, 400, id="path-over-the-limit"),
        pytest.param("/", 8192, 200, id="headers-at-the-limit"),
        pytest.param("/", 8193, 400, id="headers-over-the-limit"),
    ],
)
def test_path_and_headers_have_limits(cloud: Cloud, path: str, header_bytes: int, status: int) -> None:
    """Over a plain socket: every byte of the headers counts, so the client must add none."""
    host, port = cloud.http_urls["echo-anonymous"].removeprefix("http://").split(":")
    fixed = len("host") + len("x") + len("connection") + len("close") + len("filler")
    filler = "f" * max(0, header_bytes - fixed)
    request = f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nfiller: {filler}\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(request.encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert (b"InvalidArgument" in answer) is (status == 400)


@pytest.mark.deep
def test_a_body_over_32_mib_is_refused(cloud: Cloud, client: httpx.Client) -> None:
    answer = client.post(cloud.http_urls["answer-anonymous"], content=b"x" * (32 * 1024 * 1024 + 1))
    assert (answer.status_code, answer.json()["Code"]) == (400, "InvalidArgument")


@pytest.mark.deep
@pytest.mark.deep
def test_a_body_of_32_mib_passes(cloud: Cloud, client: httpx.Client) -> None:
    answer = client.post(cloud.http_urls["answer-anonymous"], content=b"x" * (32 * 1024 * 1024))
    assert (answer.status_code, len(answer.content)) == (200, 32 * 1024 * 1024)


@pytest.fixture
def key(cloud: Cloud) -> Iterator[Credential]:
    store = CredentialStore(cloud.config.state / "cloud.db")
    yield store.issue()
    store.close()


def test_a_signed_trigger_takes_signed_requests_only(cloud: Cloud, client: httpx.Client) -> None:
    url = cloud.http_urls["echo-function"] + "/a%20b?z=1&y=2%202"
    assert client.post(url, auth=cloud.auth).json()["rawPath"] == "/a%20b"
    refused = client.post(url)
    assert (refused.status_code, refused.json()["Code"]) == (403, "AccessDenied")


def test_a_temporary_key_signs_with_its_token(cloud: Cloud, client: httpx.Client, key: Credential) -> None:
    url = cloud.http_urls["echo-function"]
    assert client.post(url, auth=Signer(key, trigger=True)).status_code == 200
    stripped = Credential(key.access_key_id, key.access_key_secret, None, None)
    refused = client.post(url, auth=Signer(stripped, trigger=True))
    assert (refused.status_code, refused.json()["Code"]) == (403, "InvalidSecurityToken")


def signed_headers(key: Credential, *, date: str, path: str = "/", query: Any = None) -> dict[str, str]:
    """Headers signed by the vendor's SDK."""
    headers = {"date": date, "content-type": "application/json"}
    if key.security_token:
        headers["x-fc-security-token"] = key.security_token
    auth = fc2.client.auth.Auth(key.access_key_id, key.access_key_secret)
    return {**headers, "authorization": auth.sign_request("POST", path, headers, query or {})}


def test_the_signature_is_that_of_the_vendors_sdk(
    cloud: Cloud, client: httpx.Client, key: Credential
) -> None:
    headers = signed_headers(
        key, date=formatdate(usegmt=True), path="/a b", query={"z": "1", "a": ["x y", "b"], "empty": ""}
    )
    answer = client.post(cloud.http_urls["echo-function"] + "/a%20b?z=1&a=x+y&a=b&empty=", headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param({"authorization": ""}, "AccessDenied", id="none"),
        pytest.param({"authorization": "FC nobody:xyz"}, "InvalidAccessKeyID", id="unknown-key"),
        pytest.param({"authorization": "Basic abc:def"}, "AccessDenied", id="other-scheme"),
        pytest.param({"content-type": "text/plain"}, "SignatureNotMatch", id="changed-header"),
        pytest.param({"x-fc-added": "1"}, "SignatureNotMatch", id="added-header"),
        pytest.param({"date": ""}, "AccessDenied", id="no-date"),
        pytest.param({"date": "yesterday"}, "AccessDenied", id="no-date-form"),
        pytest.param({"x-fc-security-token": "other"}, "InvalidSecurityToken", id="other-token"),
    ],
)
def test_a_request_that_is_not_as_signed_is_refused(
    cloud: Cloud, client: httpx.Client, key: Credential, change: dict[str, str], code: str
) -> None:
    headers = {**signed_headers(key, date=formatdate(usegmt=True)), **change}
    answer = client.post(cloud.http_urls["echo-function"], headers=headers)
    assert (answer.status_code, answer.json()["Code"]) == (403, code)
    for secret in (key.access_key_secret, key.security_token or ""):
        assert secret not in answer.text


@pytest.mark.parametrize(
    ("seconds_off", "status"), [(-890, 200), (890, 200), (-920, 403), (920, 403)], ids=str
)
def test_the_date_may_be_15_minutes_off(
    cloud: Cloud, client: httpx.Client, key: Credential, seconds_off: int, status: int
) -> None:
    headers = signed_headers(key, date=formatdate(time.time() + seconds_off, usegmt=True))
    assert client.post(cloud.http_urls["echo-function"], headers=headers).status_code == status


@pytest.mark.parametrize("reason", ["expired", "revoked"])
def test_a_key_whose_time_is_over_is_refused(
    cloud: Cloud, client: httpx.Client, tmp_path: Path, reason: str
) -> None:
    store = CredentialStore(cloud.config.state / "cloud.db")
    key = store.issue(lifetime_seconds=0.0 if reason == "expired" else 60.0)
    if reason == "revoked":
        store.revoke(key.access_key_id)
    store.close()
    answer = client.post(cloud.http_urls["echo-function"], auth=Signer(key, trigger=True))
    assert (answer.status_code, answer.json()["Code"]) == (403, "InvalidAccessKeyID")


def test_the_unsigned_url_gives_the_function_the_same_path(cloud: Cloud, client: httpx.Client) -> None:
    event = client.post(cloud.unsigned_url("echo-function") + "/a/b?c=d").json()
    assert (event["rawPath"], event["queryParameters"]) == ("/a/b", {"c": "d"})
    refused = client.post(cloud.unsigned_url("echo-function") + "/", headers={"origin": "http://x.example"})
    assert refused.status_code == 403
