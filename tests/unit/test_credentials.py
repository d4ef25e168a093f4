"""Credentials: where they come from, and that nothing of them is ever shown."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecache.base.credentials import Credentials, read_credentials, without_secrets
from imagecache.base.errors import CredentialsError
from tests.support.for_each import for_each

KEY_ID = "ALIBABA_CLOUD_ACCESS_KEY_ID"
KEY_SECRET = "ALIBABA_CLOUD_ACCESS_KEY_SECRET"
SECURITY_TOKEN = "ALIBABA_CLOUD_SECURITY_TOKEN"

ENVIRON = {KEY_ID: "env-id", KEY_SECRET: "env-secret", SECURITY_TOKEN: "env-token"}


def context(key_id: Any = "ctx-id", secret: Any = "ctx-secret", token: Any = "ctx-token") -> SimpleNamespace:
    return SimpleNamespace(
        credentials=SimpleNamespace(access_key_id=key_id, access_key_secret=secret, security_token=token)
    )


@for_each(
    ("environ", "given_context", "expected"),
    [
        pytest.param(ENVIRON, context(), ("env-id", "env-secret", "env-token"), id="environment first"),
        pytest.param(ENVIRON, None, ("env-id", "env-secret", "env-token"), id="no context"),
        pytest.param(
            ENVIRON, SimpleNamespace(), ("env-id", "env-secret", "env-token"), id="python3.12 context"
        ),
        pytest.param(
            {KEY_ID: "i", KEY_SECRET: "s"}, context(), ("i", "s", ""), id="long-lived key, tokens unmixed"
        ),
        pytest.param({}, context(), ("ctx-id", "ctx-secret", "ctx-token"), id="context else"),
        pytest.param(
            {KEY_ID: "i"}, context(), ("ctx-id", "ctx-secret", "ctx-token"), id="id alone in environment"
        ),
        pytest.param({KEY_SECRET: "s"}, context(), ("ctx-id", "ctx-secret", "ctx-token"), id="secret alone"),
        pytest.param(
            {KEY_ID: "", KEY_SECRET: "", SECURITY_TOKEN: "t"},
            context(),
            ("ctx-id", "ctx-secret", "ctx-token"),
            id="empty variables",
        ),
        pytest.param({}, context(token=None), ("ctx-id", "ctx-secret", ""), id="context without a token"),
        pytest.param({}, context(token=""), ("ctx-id", "ctx-secret", ""), id="context with an empty token"),
    ],
)
def test_credentials_are_read(
    environ: dict[str, str], given_context: Any, expected: tuple[str, str, str]
) -> None:
    assert read_credentials(environ, given_context) == Credentials(*expected)


@for_each(
    ("environ", "given_context"),
    [
        pytest.param({}, None, id="no context"),
        pytest.param({}, SimpleNamespace(), id="context without credentials"),
        pytest.param({}, SimpleNamespace(credentials=None), id="credentials are none"),
        pytest.param({}, SimpleNamespace(credentials=SimpleNamespace()), id="credentials have nothing"),
        pytest.param({}, context(key_id=""), id="empty id"),
        pytest.param({}, context(secret=None), id="no secret"),
        pytest.param({KEY_ID: "env-id"}, context(secret=""), id="halves of two sources are no whole"),
    ],
)
def test_without_an_id_and_a_secret_of_one_source_there_are_none(
    environ: dict[str, str], given_context: Any
) -> None:
    with pytest.raises(CredentialsError) as missing:
        read_credentials(environ, given_context)
    assert KEY_ID in str(missing.value)
    assert "ctx-" not in str(missing.value)
    assert "env-" not in str(missing.value)


def test_the_text_form_shows_nothing() -> None:
    credentials = read_credentials(ENVIRON, None)
    assert "env-" not in f"{credentials!r} {credentials} {[credentials]}"


def test_secrets_are_the_key_and_the_token_if_there_is_one() -> None:
    assert Credentials("id", "secret", "token").secrets == ("id", "secret", "token")
    assert Credentials("id", "secret").secrets == ("id", "secret")


secrets = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=4, max_size=60)
surroundings = st.text("\u03b1\u03b2 \n", max_size=10)


def lower_case_escapes(text: str) -> str:
    return re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), text)


@given(secrets, surroundings, surroundings)
def test_a_text_that_repeats_a_secret_in_any_encoding_is_not_shown(
    secret: str, before: str, after: str
) -> None:
    once = quote(secret, safe="")
    for form in (secret, once, quote(once, safe=""), quote_plus(secret), lower_case_escapes(once)):
        shown = without_secrets(f"{before}{form}{after}", ("another", secret))
        assert shown == "(not shown, as it repeats a secret)"


@for_each("text", ["", "plain", "100%", "%zz", "a+b", "s3cr3"])
def test_a_text_without_a_secret_is_shown_as_it_is(text: str) -> None:
    assert without_secrets(text, ("s3cr3t",)) == text


def test_without_secrets_every_text_is_shown() -> None:
    assert without_secrets("anything", ()) == "anything"
