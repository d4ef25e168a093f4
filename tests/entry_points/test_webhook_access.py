"""Who may post to the webhooks, in which order that is checked, and that a token is never shown."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.support.depth import every_value

TOKEN = "example-token-0123456789"
MIB = 1024 * 1024

WRONG_TOKENS = {
    "missing": None,
    "empty": "",
    "wrong": "example-token-9876543210",
    "shorter": TOKEN[:-1],
    "longer": f"{TOKEN}0",
    "in upper case": TOKEN.upper(),
    "with a space": f"{TOKEN} ",
    "with a newline": f"{TOKEN}\n",
    "with a NUL": f"{TOKEN}\x00",
    "all configured ones": f"{TOKEN},another-token-0123456789",
    "encoded twice": TOKEN.replace("-", "%252D"),
    "wide characters": "\u00e9" * 24,
    "lone surrogate": "\ud800" * 24,
    "broken percent encoding": "%ff%zz%",
    "very long": "a" * 4000,
}


@pytest.mark.parametrize("token", WRONG_TOKENS.values(), ids=WRONG_TOKENS)
def test_a_wrong_token_is_refused(
    fleet: Any, doors: Any, events: Any, monkeypatch: pytest.MonkeyPatch, token: Any
) -> None:
    monkeypatch.setenv("IMC_WEBHOOK_TOKENS", f"{TOKEN},another-token-0123456789")
    # What a sender took for the token is nobody's business either.
    doors.secrets.extend([token] if token and token.isascii() else [])
    told = doors.webhook("acr", events.acr(), token=token)
    assert (told.status, told.results) == (401, [("rejected", "UNAUTHORIZED")])
    assert fleet.actions() == []


@pytest.mark.parametrize(
    ("configured", "given"),
    [
        (TOKEN, TOKEN),
        (f"another-token-0123456789, {TOKEN}", TOKEN),
        (f"{TOKEN},another-token-0123456789", "another-token-0123456789"),
        (TOKEN, TOKEN.replace("-", "%2D")),
        ("+/=&?#%41-0123456789", "+/=&?#%41-0123456789"),
        ("+/=&?#%41-0123456789", quote("+/=&?#%41-0123456789", safe="")),
    ],
    ids=["only one", "second", "other one", "percent-encoded", "odd characters", "odd characters encoded"],
)
def test_a_right_token_lets_in(
    fleet: Any, doors: Any, events: Any, monkeypatch: pytest.MonkeyPatch, configured: str, given: str
) -> None:
    monkeypatch.setenv("IMC_WEBHOOK_TOKENS", configured)
    doors.secrets.append(given)
    assert doors.webhook("acr", events.acr(), token=given).status == 200


@pytest.mark.parametrize("token", [None, "", TOKEN], ids=["missing", "empty", "some"])
def test_without_a_configured_token_every_webhook_is_refused(
    fleet: Any, doors: Any, events: Any, monkeypatch: pytest.MonkeyPatch, token: Any
) -> None:
    monkeypatch.setenv("IMC_WEBHOOK_TOKENS", " , ")
    told = doors.webhook("acr", events.acr(), token=token)
    assert (told.status, told.results) == (401, [("rejected", "NO_TOKEN_CONFIGURED")])
    assert fleet.actions() == []


def test_a_token_is_taken_from_neither_the_body_nor_any_other_header(
    fleet: Any, doors: Any, events: Any
) -> None:
    event = doors.http("/webhooks/acr", {**events.acr(), "token": TOKEN}, token=None)
    event["headers"].update(
        {"Token": TOKEN, "Cookie": f"token={TOKEN}", "X-Authorization": f"Bearer {TOKEN}"}
    )
    assert doors.call("on_webhook", event).status == 401


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize(
    "body",
    ["push", "[" * 200_000, "a" * 2 * MIB, '{"push_data": {}}'],
    ids=["no json", "deep", "large", "no shape"],
)
def test_a_request_without_a_token_is_not_looked_into(deployed: Any, doors: Any, body: str) -> None:
    told = doors.webhook("acr", body, token=None, registry="no host at all")
    assert (told.status, told.results) == (401, [("rejected", "UNAUTHORIZED")])


def test_a_request_without_a_token_is_not_decoded(deployed: Any, doors: Any) -> None:
    event = {**doors.http("/webhooks/acr", "%%%", token=None), "isBase64Encoded": True}
    assert doors.call("on_webhook", event).results == [("rejected", "UNAUTHORIZED")]


def test_the_path_is_checked_before_the_method_and_the_method_before_the_token(
    deployed: Any, doors: Any
) -> None:
    assert doors.webhook("acme", "", token=None, method="GET").status == 404
    assert doors.webhook("acr", "", token=None, method="GET").status == 405


BROKEN_REQUESTS: dict[str, Any] = {
    "query as a list": {"queryParameters": [["token", TOKEN]]},
    "query as a text": {"queryParameters": f"token={TOKEN}"},
    "token as a list": {"queryParameters": {"token": [TOKEN]}},
    "token as an object": {"queryParameters": {"token": {"value": TOKEN}}},
    "too long a token": {"queryParameters": {"token": TOKEN * 200}},
    "too many parameters": {"queryParameters": {"token": TOKEN, **{f"p{n}": TOKEN for n in range(1000)}}},
    "header as a list": {"headers": {"Authorization": [TOKEN]}},
    "headers as a list": {"headers": [["Authorization", TOKEN]]},
    "headers as a text": {"headers": f"Authorization: {TOKEN}"},
    "no headers": {"headers": None},
    "no path": {"rawPath": None},
    "path as a list": {"rawPath": ["/webhooks/acr"]},
    "context as a text": {"requestContext": "POST"},
    "method with a newline": {"requestContext": {"http": {"method": "POST\n"}}},
    "encoding as a text": {"isBase64Encoded": "true"},
}


@every_value
@pytest.mark.parametrize("change", BROKEN_REQUESTS.values(), ids=BROKEN_REQUESTS)
@pytest.mark.parametrize("door", ["on_webhook", "on_manual"])
def test_a_broken_http_event_is_refused_and_shows_no_token(
    deployed: Any, doors: Any, door: str, change: Any
) -> None:
    told = doors.call(door, {**doors.http("/webhooks/acr", "{}"), **change})
    assert (told.status, told.results) == (400, [("rejected", "SCHEMA_VIOLATION")])
    assert deployed.actions() == []


def test_http_events_in_a_list_are_refused_and_show_no_token(deployed: Any, doors: Any) -> None:
    event = {"queryParameters": {"token": TOKEN}, **doors.http("/webhooks/acr", "{}")}
    told = doors.call("on_webhook", [event])
    assert (told.status, told.results) == (400, [("rejected", "SCHEMA_VIOLATION")])


def test_a_path_that_holds_the_token_is_not_shown(deployed: Any, doors: Any) -> None:
    told = doors.call("on_webhook", doors.http(f"/webhooks/acr&token={TOKEN}", "{}"))
    assert (told.status, told.results) == (404, [("rejected", "UNKNOWN_SOURCE")])
