"""The HTTP trigger: a strictly read event, a bounded body, and a status that tells the sender what to do."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecache.base.errors import InputError
from imagecache.base.json_input import MAX_BODY_BYTES
from imagecache.base.reasons import Reason, Result
from imagecache.engine.records import ON_FAILURE_QUEUE, RETRIED, Outcome
from imagecache.triggers.http import HttpRequest, http_answer, is_http_event, read_http_event, status_code
from tests.support.for_each import for_each

TOKEN = "correct-horse-battery"


def event(**changes: Any) -> dict[str, Any]:
    document = {
        "version": "v1",
        "rawPath": "/webhooks/acr",
        "headers": {"Content-Type": "application/json"},
        "queryParameters": {"token": TOKEN},
        "body": "{}",
        "isBase64Encoded": False,
        "requestContext": {"http": {"method": "POST"}},
        **changes,
    }
    return {key: value for key, value in document.items() if value is not ...}


def request(raw_body: str, *, is_base64: bool = False) -> HttpRequest:
    return HttpRequest("POST", "/", {}, raw_body, is_base64)


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def outcome(result: Result, reason: Reason, **facts: Any) -> Outcome:
    return {"result": result.value, "reason": reason.value, "message": "m", **facts}


REFRESHED = outcome(Result.REFRESHED, Reason.TAG_REPUSHED)
IGNORED = outcome(Result.IGNORED, Reason.NO_MATCH)
UNCHANGED = outcome(Result.UNCHANGED, Reason.NO_NEED_UPDATE)
PLANNED = outcome(Result.PLANNED, Reason.TAG_REPUSHED)
DEFERRED = outcome(Result.DEFERRED, Reason.CACHE_BUSY)
UNAUTHORIZED = outcome(Result.REJECTED, Reason.UNAUTHORIZED)
NOT_JSON = outcome(Result.REJECTED, Reason.NOT_JSON)
BUSY = outcome(Result.FAILED, Reason.CACHE_BUSY, fate=RETRIED)
DENIED = outcome(Result.FAILED, Reason.PERMISSION_DENIED, fate=ON_FAILURE_QUEUE)


@for_each(
    ("document", "expected"),
    [
        pytest.param(event(), True, id="event"),
        pytest.param({"requestContext": None}, True, id="broken event"),
        pytest.param({"image": "nginx"}, False, id="manual request"),
        pytest.param([event()], False, id="array"),
        pytest.param("requestContext", False, id="text"),
        pytest.param(None, False, id="null"),
    ],
)
def test_an_event_of_the_trigger_is_told_by_its_request_context(document: Any, expected: bool) -> None:
    assert is_http_event(document) is expected


def test_an_event_is_read() -> None:
    read = read_http_event(
        event(body="e30=", isBase64Encoded=True, requestContext={"http": {"method": "post"}})
    )
    headers = {"content-type": "application/json"}
    assert read == HttpRequest(
        "POST", "/webhooks/acr", {"token": TOKEN}, "e30=", is_base64=True, headers=headers
    )
    assert read.body() == b"{}"


@pytest.mark.parametrize("absent", [..., None], ids=["left out", "null"])
def test_query_body_and_encoding_may_be_absent(absent: Any) -> None:
    read = read_http_event(event(queryParameters=absent, body=absent, isBase64Encoded=absent))
    headers = {"content-type": "application/json"}
    assert read == HttpRequest("POST", "/webhooks/acr", {}, "", is_base64=False, headers=headers)
    assert read.body() == b""


@for_each(
    ("document", "where"),
    [
        pytest.param(event(rawPath=...), "/", id="no path"),
        pytest.param(event(rawPath=1), "/rawPath", id="path is a number"),
        pytest.param(event(rawPath="/" + "x" * 4096), "/rawPath", id="path too long"),
        pytest.param(event(body={}), "/body", id="body is an object"),
        pytest.param(event(queryParameters=["token"]), "/queryParameters", id="query is a list"),
        pytest.param(
            event(queryParameters={"token": [TOKEN]}), "/queryParameters/token", id="token is a list"
        ),
        pytest.param(event(isBase64Encoded="true"), "/isBase64Encoded", id="encoding is a text"),
        pytest.param(event(requestContext={}), "/requestContext", id="no request line"),
        pytest.param(event(requestContext={"http": {}}), "/requestContext/http", id="no method"),
        pytest.param(
            event(requestContext={"http": {"method": "PO ST"}}),
            "/requestContext/http/method",
            id="odd method",
        ),
        pytest.param([], "/", id="an array"),
    ],
)
def test_an_event_of_another_shape_is_refused(document: Any, where: str) -> None:
    with pytest.raises(InputError) as refused:
        read_http_event(document)
    assert (refused.value.reason, refused.value.where) == (Reason.SCHEMA_VIOLATION, where)
    assert TOKEN not in f"{refused.value.message} {refused.value.found}"


@for_each(
    ("headers", "read"),
    [
        pytest.param({}, {}, id="none"),
        pytest.param({"Content-Type": "a/b"}, {"content-type": "a/b"}, id="canonical case"),
        pytest.param({"X-HUB-signature-256": "s"}, {"x-hub-signature-256": "s"}, id="any case"),
        pytest.param({"Accept": "a,b"}, {"accept": "a,b"}, id="values that the platform joined"),
        pytest.param({"Accept": "a", "accept": "b"}, {"accept": "a,b"}, id="one name in two cases"),
        pytest.param({"A": "1", "B": "2", "a": "3"}, {"a": "1,3", "b": "2"}, id="beside another name"),
    ],
)
def test_headers_are_read_by_their_names_in_lower_case(headers: dict[str, str], read: dict[str, str]) -> None:
    assert read_http_event(event(headers=headers)).headers == read


def test_the_text_form_of_a_request_shows_neither_query_nor_body_nor_headers() -> None:
    read = read_http_event(event(body=TOKEN, headers={"Authorization": TOKEN}))
    assert repr(read) == "HttpRequest(POST /webhooks/acr)"


@given(st.binary(max_size=200))
def test_an_encoded_body_is_decoded(data: bytes) -> None:
    assert request(encoded(data), is_base64=True).body() == data


@given(st.text(max_size=200))
def test_a_plain_body_is_its_text_in_utf_8(text: str) -> None:
    assert request(text).body().decode("utf-8") == text


@for_each(
    "body",
    [
        pytest.param(request("x" * MAX_BODY_BYTES), id="plain"),
        pytest.param(request("\xe4" * (MAX_BODY_BYTES // 2)), id="plain, two bytes each"),
        pytest.param(request(encoded(b"x" * MAX_BODY_BYTES), is_base64=True), id="encoded"),
        pytest.param(request(encoded(b"x" * (MAX_BODY_BYTES - 1)), is_base64=True), id="encoded, one less"),
    ],
)
def test_a_body_of_one_mebibyte_is_taken(body: HttpRequest) -> None:
    assert MAX_BODY_BYTES - 1 <= len(body.body()) <= MAX_BODY_BYTES


@for_each(
    "body",
    [
        pytest.param(request("x" * (MAX_BODY_BYTES + 1)), id="plain"),
        pytest.param(request("\xe4" * (MAX_BODY_BYTES // 2 + 1)), id="plain, two bytes each"),
        pytest.param(request("x" * (2 * MAX_BODY_BYTES)), id="plain, twice"),
        pytest.param(request(encoded(b"x" * (MAX_BODY_BYTES + 1)), is_base64=True), id="encoded"),
        pytest.param(request(encoded(b"x" * (2 * MAX_BODY_BYTES)), is_base64=True), id="encoded, twice"),
        pytest.param(request("!" * (2 * MAX_BODY_BYTES), is_base64=True), id="too long to be decoded at all"),
    ],
)
def test_a_larger_body_is_refused(body: HttpRequest) -> None:
    with pytest.raises(InputError) as refused:
        body.body()
    assert (refused.value.reason, refused.value.where) == (Reason.TOO_LARGE, "body")


@for_each("raw_body", ["e30", "e30===", "{}", "e3 0=", "e30=\n", "e3-_"])
def test_a_body_that_is_no_base64_is_refused(raw_body: str) -> None:
    with pytest.raises(InputError) as refused:
        request(raw_body, is_base64=True).body()
    assert (refused.value.reason, refused.value.where) == (Reason.NOT_JSON, "body")


@for_each(
    ("outcomes", "status"),
    [
        pytest.param([], 200, id="nothing"),
        pytest.param([REFRESHED], 200, id="refreshed"),
        pytest.param([IGNORED, UNCHANGED, PLANNED], 200, id="nothing left to do"),
        pytest.param([REFRESHED, UNAUTHORIZED], 200, id="a bad one beside a good one"),
        pytest.param([NOT_JSON], 400, id="rejected"),
        pytest.param([UNAUTHORIZED, NOT_JSON], 401, id="all rejected: the first says why"),
        pytest.param([REFRESHED, DEFERRED], 202, id="one deferred"),
        pytest.param([DEFERRED, NOT_JSON], 202, id="deferred and rejected"),
        pytest.param([BUSY], 503, id="to be tried again"),
        pytest.param([DENIED], 500, id="failed for good"),
        pytest.param([REFRESHED, DENIED], 500, id="one failed for good"),
        pytest.param([DENIED, BUSY], 503, id="one to be tried again, one for good"),
        pytest.param([REFRESHED, DEFERRED, NOT_JSON, BUSY], 503, id="trying again goes before all"),
    ],
)
def test_one_status_tells_all_outcomes(outcomes: list[Outcome], status: int) -> None:
    assert status_code(outcomes) == status


STATUS_OF_REJECTION = {
    Reason.UNAUTHORIZED: 401,
    Reason.NO_TOKEN_CONFIGURED: 401,
    Reason.UNKNOWN_SOURCE: 404,
    Reason.CACHE_NOT_FOUND: 404,
    Reason.METHOD_NOT_ALLOWED: 405,
    Reason.LIST_DIFFERS: 409,
    Reason.TOO_LARGE: 413,
}


@for_each(
    "reason",
    [reason for reason in Reason if Result.REJECTED in reason.results],
    ids=lambda r: r.value,
)
def test_every_rejection_has_its_status(reason: Reason) -> None:
    assert status_code([outcome(Result.REJECTED, reason)]) == STATUS_OF_REJECTION.get(reason, 400)


def test_the_answer_has_the_outcomes_as_ascii_json() -> None:
    told = {**BUSY, "message": "\u5fd9\ud800"}
    answer = http_answer([told])
    body = answer.pop("body")
    assert answer == {
        "statusCode": 503,
        "headers": {"Content-Type": "application/json"},
        "isBase64Encoded": False,
    }
    assert body.isascii()
    assert json.loads(body) == {"outcomes": [told]}
