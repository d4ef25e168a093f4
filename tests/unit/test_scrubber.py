"""The scrubber finds a secret in every form in which somebody can repeat it, and nothing else."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imagecache.base.scrubber import HIDDEN, NO_SECRETS, Scrubber, scrubber
from tests.support.depth import every_value
from tests.support.for_each import for_each

TOKEN = "example-token-0123456789"
ODD = 'p+w/="\\%41&?\u00fc \U0001f511~end'

secrets = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=6, max_size=40).filter(
    lambda text: text == text.strip()
)
surroundings = st.text("\u03b1\u03b2 \n<", max_size=10)


def escaped(text: str) -> str:
    return json.dumps(text)[1:-1]


def all_percent(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "lower case": str.lower,
    "percent-encoded": lambda text: quote(text, safe=""),
    "percent-encoded twice": lambda text: quote(quote(text, safe=""), safe=""),
    "as a form": quote_plus,
    "every byte percent-encoded": all_percent,
    "half of it percent-encoded": lambda text: text[:3] + all_percent(text[3:]),
    "lower-cased after encoding": lambda text: quote(text, safe="").lower(),
    "in JSON": escaped,
    "in JSON in JSON": lambda text: escaped(escaped(text)),
    "in JSON, not ASCII": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64, lower case": lambda text: base64.b64encode(text.encode()).decode().lower(),
    "basic authentication": lambda text: base64.b64encode(f"u:{text}".encode()).decode(),
    "base64 of more": lambda text: base64.b64encode(f"user:{text}:more".encode()).decode(),
    "base64, percent-encoded": lambda text: quote(base64.b64encode(text.encode()).decode(), safe=""),
}


@pytest.mark.parametrize("form", FORMS)
@given(secrets, surroundings, surroundings)
@example(TOKEN, "", "")
@example(ODD, "<", "<")
@example("aaaaaaaaaaaaaa", "", "")
def test_every_form_is_found_and_taken_out(form: str, secret: str, before: str, after: str) -> None:
    cleaner = scrubber(frozenset({secret}))
    shown = FORMS[form](secret)
    # What lower() makes of letters beyond ASCII may be others; a host has none of those.
    if "lower" in form and not secret.isascii():
        return
    # Too little of a short secret is certain in base64.
    if form.startswith(("base64", "basic")) and len(secret.encode()) < len("secret7") + 1:
        return
    text = f"{before}{shown}{after}"
    assert cleaner.suspects(text)
    assert cleaner.suspects(json.dumps({"message": text}))
    cleaned = cleaner.cleaned(text)
    assert HIDDEN in cleaned
    assert secret not in cleaned.replace(HIDDEN, "")


@every_value
@pytest.mark.parametrize("length", range(12, len(TOKEN)))
@pytest.mark.parametrize("form", ["plain", "lower case", "percent-encoded", "every byte percent-encoded"])
def test_a_secret_that_is_cut_off_is_taken_out_as_far_as_it_goes(form: str, length: int) -> None:
    shown = FORMS[form](TOKEN[:length])
    text = f"registry host '{shown}'... is not a host"
    assert scrubber(frozenset({TOKEN})).cleaned(text) == f"registry host '{HIDDEN}'... is not a host"


@for_each(
    "text",
    [
        "",
        "example",
        TOKEN[:11],
        TOKEN[1:],
        "100%",
        "%zz%2",
        "\\u12",
        "a\\b",
        "registry.example.com/prod/web:v1",
    ],
)
def test_a_text_without_a_secret_stays_as_it_is(text: str) -> None:
    cleaner = scrubber(frozenset({TOKEN, "hunter2hunter2"}))
    assert not cleaner.suspects(text)
    assert cleaner.cleaned(text) == text


def test_several_secrets_are_taken_out_of_all_that_is_inside() -> None:
    cleaner = scrubber(frozenset({TOKEN, f"{TOKEN}-more", "pass"}))
    document: dict[str, Any] = {
        "a": [f"{TOKEN}-more {TOKEN}", 7, None],
        "b": {"c": f"PASS{TOKEN}", "d": True},
    }
    assert cleaner.cleaned(document) == {
        "a": [f"{HIDDEN} {HIDDEN}", 7, None],
        "b": {"c": f"{HIDDEN}{HIDDEN}", "d": True},
    }


def test_repetitions_are_all_taken_out() -> None:
    cleaner = scrubber(frozenset({"a" * 14}))
    assert cleaner.cleaned("a" * 28) == HIDDEN * 2
    assert cleaner.cleaned(f"{'a' * 14} {'a' * 13}, {'a' * 11}") == f"{HIDDEN} {HIDDEN}, {'a' * 11}"


def test_what_is_too_short_to_be_a_secret_is_not_searched_for() -> None:
    cleaner = scrubber(frozenset({"", "v1", "web"}))
    assert not cleaner.suspects("web:v1")
    assert cleaner.cleaned("web:v1") == "web:v1"


def test_a_scrubber_without_secrets_shows_everything() -> None:
    assert not NO_SECRETS.suspects("anything%20\\u0041")
    assert NO_SECRETS.cleaned("anything") == "anything"


def test_the_text_form_shows_no_secret() -> None:
    cleaner = scrubber(frozenset({TOKEN}))
    assert isinstance(cleaner, Scrubber)
    assert TOKEN not in repr(cleaner)
