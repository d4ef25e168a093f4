"""Who may call a webhook: only with a configured token, and nothing is read for anybody else."""

from __future__ import annotations

import hashlib
import hmac
import io
import os
from datetime import datetime, timezone
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imagecache.base.errors import InputError
from imagecache.base.reasons import Reason
from imagecache.config.webhook_tokens import WebhookToken
from imagecache.engine.records import Recorder
from imagecache.model.change import PushEvent
from imagecache.model.webhook_sources import WEBHOOK_SOURCES
from imagecache.triggers.http import HttpRequest
from imagecache.triggers.invocation import Invocation
from imagecache.triggers.sender import check_signature, check_token
from imagecache.triggers.webhook import read_webhook
from tests.support.depth import every_value
from tests.support.for_each import for_each

TOKEN = "correct-horse-battery"
OTHER_TOKEN = "staple+and/more=signs%41"
TOKENS = (TOKEN, OTHER_TOKEN)
PUSH = (
    '{"push_data": {"tag": "v1"}, "repository": {"name": "web", "namespace": "shop", "region": "cn-hangzhou",'
    ' "repo_full_name": "shop/web"}}'
)

tokens = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=","), min_size=16)


def unbound(*secrets: str) -> list[WebhookToken]:
    return [WebhookToken(secret) for secret in secrets]


@pytest.fixture
def invocation(monkeypatch: pytest.MonkeyPatch) -> Invocation:
    for name in os.environ:
        if name.startswith("IMC_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("FC_REGION", "cn-hangzhou")
    monkeypatch.setenv("IMC_WEBHOOK_TOKENS", ",".join(TOKENS))
    recorder = Recorder("on_webhook", "request-1", io.StringIO())
    return Invocation(datetime(2026, 3, 2, 12, tzinfo=timezone.utc), "request-1", recorder, None)


def request(
    query: dict[str, str], *, method: str = "POST", path: str = "/webhooks/acr", body: str = PUSH
) -> HttpRequest:
    return HttpRequest(method, path, query, body, is_base64=False)


@given(tokens, st.lists(tokens, max_size=3))
def test_each_configured_token_is_let_in_raw_or_percent_encoded(token: str, others: list[str]) -> None:
    configured = unbound(*others, token)
    for given_form in (token, quote(token, safe="")):
        assert WebhookToken(token) in check_token({"token": given_form}, "acr", configured)


@given(
    st.text(st.characters(), max_size=40).filter(lambda text: text not in TOKENS and "%" not in text),
)
@example("")
@example(TOKEN[:-1])
@example(TOKEN + "x")
@example(TOKEN.upper())
@example(f" {TOKEN}")
@example(f"{TOKEN},{OTHER_TOKEN}")
@example("\ud800" * 21)
@example("*")
def test_no_other_token_is_let_in(text: str) -> None:
    with pytest.raises(InputError) as refused:
        check_token({"token": text}, "acr", unbound(*TOKENS))
    assert refused.value.reason is Reason.UNAUTHORIZED
    shown = f"{refused.value!r} {refused.value.message} {refused.value.rule} {refused.value.found}"
    assert TOKEN not in shown
    assert OTHER_TOKEN not in shown


@for_each(
    ("query", "told"),
    [
        pytest.param({}, "the token parameter is missing", id="missing"),
        pytest.param({"token": ""}, "the token parameter is missing", id="empty"),
        pytest.param({"Token": TOKEN}, "the token parameter is missing", id="name in another case"),
        pytest.param({"token": "hunter2-hunter2-hunter2"}, "the token is wrong", id="wrong"),
        pytest.param({"token": quote(quote(OTHER_TOKEN))}, "the token is wrong", id="encoded twice"),
    ],
)
def test_a_refusal_tells_what_is_wrong_and_not_what_was_given(query: dict[str, str], told: str) -> None:
    with pytest.raises(InputError) as refused:
        check_token(query, "acr", unbound(*TOKENS))
    error = refused.value
    assert (error.reason, error.message, error.where) == (Reason.UNAUTHORIZED, told, "token")
    assert error.found == ""


@every_value
@pytest.mark.parametrize("path", ["/webhooks/acr", "/webhooks/github", "/webhooks/harbor"])
@pytest.mark.parametrize("query", [{}, {"token": ""}, {"token": TOKEN}, {"token": "None"}])
def test_without_configured_tokens_nobody_is_let_in(
    query: dict[str, str], path: str, invocation: Invocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMC_WEBHOOK_TOKENS", "")
    with pytest.raises(InputError) as refused:
        read_webhook(request(query, path=path), invocation)
    assert refused.value.reason is Reason.NO_TOKEN_CONFIGURED
    assert "IMC_WEBHOOK_TOKENS" in refused.value.message


@given(st.binary(max_size=200), tokens, st.lists(tokens, max_size=3))
def test_the_signature_of_each_configured_token_is_let_in(body: bytes, token: str, others: list[str]) -> None:
    signature = hmac.new(token.encode(), body, hashlib.sha256).hexdigest()
    headers = {"x-hub-signature-256": f"sha256={signature}"}
    right = check_signature(headers, body, "github", unbound(*others, token))
    assert WebhookToken(token) in right


@given(st.text(max_size=80), st.binary(max_size=80))
def test_no_other_signature_is_let_in(signature: str, body: bytes) -> None:
    with pytest.raises(InputError) as refused:
        check_signature({"x-hub-signature-256": signature}, body, "github", unbound(*TOKENS))
    assert refused.value.reason is Reason.UNAUTHORIZED
    told = "the signature is wrong" if signature else "the X-Hub-Signature-256 header is missing"
    assert (refused.value.message, refused.value.found) == (told, "")


def test_a_request_with_a_token_is_read(invocation: Invocation) -> None:
    (push,) = read_webhook(request({"token": TOKEN}), invocation)
    assert isinstance(push, PushEvent)
    assert push.image == "registry.cn-hangzhou.aliyuncs.com/shop/web:v1"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        pytest.param(request({}, method="GET", path="/webhooks/x"), Reason.UNKNOWN_SOURCE, id="path first"),
        pytest.param(request({}, method="GET"), Reason.METHOD_NOT_ALLOWED, id="then the method"),
        pytest.param(
            request({"registry": "no host"}, body="x" * 2**21), Reason.UNAUTHORIZED, id="then the token"
        ),
        pytest.param(request({"token": TOKEN}, body="x" * 2**21), Reason.TOO_LARGE, id="then the size"),
        pytest.param(request({"token": TOKEN}, body="{"), Reason.NOT_JSON, id="then the payload"),
        pytest.param(request({"token": TOKEN}, body="{}"), Reason.SCHEMA_VIOLATION, id="then its schema"),
    ],
)
def test_checks_are_made_in_order(changed: HttpRequest, reason: Reason, invocation: Invocation) -> None:
    with pytest.raises(InputError) as refused:
        read_webhook(changed, invocation)
    assert refused.value.reason is reason


@pytest.mark.parametrize("path", ["/webhooks/acr", "/webhooks/acr/"])
def test_a_slash_at_the_end_of_the_path_makes_no_difference(path: str, invocation: Invocation) -> None:
    assert len(read_webhook(request({"token": TOKEN}, path=path), invocation)) == 1


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/acr",
        "/webhooks",
        "/webhooks/",
        "/webhooks/ACR",
        "/webhooks/acr//",
        "/x/webhooks/acr",
        "acr",
    ],
)
def test_any_other_path_is_answered_with_the_known_sources(path: str, invocation: Invocation) -> None:
    with pytest.raises(InputError) as refused:
        read_webhook(request({"token": TOKEN}, path=path), invocation)
    assert refused.value.reason is Reason.UNKNOWN_SOURCE
    assert refused.value.rule == ", ".join(WEBHOOK_SOURCES)


@pytest.mark.parametrize("registry", ["acme-registry.cn-hangzhou.cr.aliyuncs.com", "r.example.com:5000"])
def test_the_registry_parameter_names_the_host_raw_or_percent_encoded(
    registry: str, invocation: Invocation
) -> None:
    for given_form in (registry, quote(registry, safe="")):
        (push,) = read_webhook(request({"token": TOKEN, "registry": given_form}), invocation)
        assert isinstance(push, PushEvent)
        assert push.registry == registry


def test_a_registry_parameter_that_is_no_host_is_refused(invocation: Invocation) -> None:
    with pytest.raises(InputError) as refused:
        read_webhook(request({"token": TOKEN, "registry": "https://r.example.com"}), invocation)
    assert refused.value.reason is Reason.INVALID_REFERENCE
