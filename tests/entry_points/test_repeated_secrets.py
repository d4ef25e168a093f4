"""A secret that a sender or a service repeats, in whatever place and form, leaves no function.

What is said is searched for it by the fixture; here are the places.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from tests.support.depth import every_value
from tests.support.tagged_registry import CHART, TaggedRegistry

TOKEN = "Example+Token/0123456789="
PASSWORD = 'Pa$$ word/"\\+\u00fc%41'

FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "lower case": str.lower,
    "encoded": lambda text: quote(text, safe=""),
    "encoded twice": lambda text: quote(quote(text, safe=""), safe=""),
    "a form": quote_plus,
    "json": lambda text: json.dumps(text)[1:-1],
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "basic": lambda text: base64.b64encode(f"user:{text}".encode()).decode(),
}
every_form = pytest.mark.parametrize("form", FORMS)


@pytest.fixture(autouse=True)
def marked(doors: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMC_WEBHOOK_TOKENS", TOKEN)
    for secret in (TOKEN, PASSWORD):
        doors.secrets += [form(secret)[:20] for form in FORMS.values()]


def asked(doors: Any, source: str, body: Any, **options: Any) -> Any:
    return doors.webhook(source, body, token=TOKEN, **options)


PLACES: dict[str, Callable[[Any, Any, str], Any]] = {
    "behind the registry": lambda doors, events, text: asked(
        doors, "acr", events.acr(), registry=f"registry.example.com?token={text}"
    ),
    "as the registry": lambda doors, events, text: asked(doors, "acr", events.acr(), registry=text),
    "in the registry's host": lambda doors, events, text: asked(
        doors, "acr", events.acr(), registry=f"{text}.example.com"
    ),
    "behind the image": lambda doors, _, text: asked(
        doors, "native", {"image": f"registry.example.com/prod/web:v1?token={text}"}
    ),
    "as the image": lambda doors, _, text: asked(doors, "native", {"image": text}),
    "as the tag": lambda doors, events, text: asked(doors, "acr", events.acr(tag=text)),
    "as the id": lambda doors, _, text: asked(doors, "native", {"image": "redis:7", "id": text}),
    "in the path": lambda doors, _, text: doors.call(
        "on_webhook", doors.http(f"/webhooks/acr&token={text}", "{}", token=TOKEN)
    ),
    "as the method": lambda doors, events, text: asked(doors, "acr", events.acr(), method=text[:16]),
    "in a manual request": lambda doors, _, text: doors.manual(over_http=True, image=f"redis:7@{text}"),
    "as the name of a cache": lambda doors, _, text: doors.manual(imageCacheName=text),
    "as a key": lambda doors, _, text: doors.manual(**{"imageCacheId": "imc-1", text: 1}),
    "in an event": lambda doors, events, text: doors.push(events.cloud(repository=f"prod/{text}")),
    "as an event's source": lambda doors, events, text: doors.push(events.cloud(source=text)),
    "in a timer's payload": lambda doors, _, text: doors.timer({"action": text}),
}


@every_value
@every_form
@pytest.mark.parametrize("place", PLACES)
def test_a_token_that_a_sender_repeats_is_not_shown(
    deployed: Any, doors: Any, events: Any, place: str, form: str
) -> None:
    told = PLACES[place](doors, events, FORMS[form](TOKEN))
    assert told.outcomes


def test_a_token_that_is_a_pushed_tag_is_not_shown_by_what_is_said_of_its_registry(
    deployed: Any, doors: Any, rules: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = "v9-another-token-9876543210"
    monkeypatch.setenv("IMC_WEBHOOK_TOKENS", token)
    doors.secrets.append(token[:12])
    rules({"policy": {"type": "alphabetical"}, "registry": "read"})
    with TaggedRegistry(config=CHART, tags=["v1.0.0", token]).serve() as registry:
        deployed.cache(f"{registry.host}/prod/web:v1.0.0")
        told = doors.webhook("native", {"image": f"{registry.host}/prod/web:{token}"}, token=token)
    assert told.outcomes


@pytest.mark.parametrize("token", [TOKEN.lower().replace("+", "").replace("/", "").replace("=", "")])
def test_a_token_in_the_place_of_a_host_is_not_the_host_that_is_shown(
    deployed: Any, doors: Any, events: Any, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("IMC_WEBHOOK_TOKENS", token.upper())
    doors.secrets.append(token)
    told = doors.webhook("acr", events.acr(), token=token.upper(), registry=token.upper())
    assert told.results == [("ignored", "NO_MATCH")]
    assert told.only["image"] == "(hidden)/prod/web:latest"


@every_value
@every_form
@pytest.mark.parametrize("place", ["event", "refusal"])
def test_a_password_of_a_registry_in_what_eci_says_is_not_shown(
    deployed: Any, doors: Any, rules: Any, events: Any, place: str, form: str
) -> None:
    credential = {"server": "registry.example.com", "userName": "u", "passwordEnv": "MY_PASSWORD"}
    rules({"update": {"imageRegistryCredentials": [credential]}}, MY_PASSWORD=PASSWORD)
    cache = deployed.cache("registry-vpc.cn-hangzhou.aliyuncs.com/prod/web:latest")
    text = f"pull failed: login with {FORMS[form](PASSWORD)} was refused"
    if place == "event":
        deployed.control.force(cache, "UpdateFailed", text)
    else:
        deployed.control.inject("error", action="UpdateImageCache", code="NoPermission", message=text)
    told = asked(doors, "acr", events.acr())
    assert told.outcomes


SETTINGS = {
    "log level": lambda text: {"IMC_LOG_LEVEL": text},
    "regions": lambda text: {"IMC_REGIONS": f"{text}!"},
    "function": lambda text: {"IMC_FOLLOW_FUNCTION": text},
    "file": lambda text: {"IMC_RULES_FILE": text},
    "number": lambda text: {"IMC_FOLLOW_BASE_SECONDS": text},
    "rules": lambda text: {"IMC_RULES": json.dumps({"rules": [{"name": "a", "policy": {"type": text}}]})},
    "range": lambda text: {
        "IMC_RULES": json.dumps({"rules": [{"policy": {"type": "semver", "range": text}}]})
    },
    "pattern": lambda text: {
        "IMC_RULES": json.dumps({"rules": [{"policy": {"type": "numerical", "pattern": f"({text}"}}]})
    },
}


@every_value
@every_form
@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize(
    "door", ["on_webhook", "on_timer", pytest.param("on_manual", marks=pytest.mark.deep)]
)
def test_a_secret_in_the_place_of_another_setting_is_not_shown(
    deployed: Any, doors: Any, monkeypatch: pytest.MonkeyPatch, door: str, setting: str, form: str
) -> None:
    secret = deployed.credential.access_key_secret if door == "on_timer" else TOKEN
    doors.secrets.append(FORMS[form](secret)[:20])
    for name, value in SETTINGS[setting](FORMS[form](secret)).items():
        monkeypatch.setenv(name, value)
    told = doors.call(door, doors.http("/webhooks/acr", "{}", token=TOKEN))
    assert told.outcomes[0]["reason"] == "SETTINGS_INVALID"


def test_a_password_that_only_wrong_rules_name_is_not_shown(
    deployed: Any, doors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    credential = {"server": "r.example.com", "userName": "u", "passwordEnv": "MY_PASSWORD"}
    rule = {"update": {"imageRegistryCredentials": [credential]}, "policy": {"type": PASSWORD}}
    monkeypatch.setenv("MY_PASSWORD", PASSWORD)
    monkeypatch.setenv("IMC_RULES", json.dumps({"rules": [rule]}))
    told = doors.timer()
    assert told.only["reason"] == "SETTINGS_INVALID"
    assert "(hidden)" in told.only["message"]
