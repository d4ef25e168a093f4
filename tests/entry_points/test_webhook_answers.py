"""What the sender of a webhook is answered: no cache, no setting, and nothing at all without a right token.

Docker Hub, for one, shows the answer to every collaborator of a repository.
"""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

import pytest

from tests.support.depth import every_value

TOKEN = "example-token-0123456789"
WEB, WEB_NAME = "imc-bp1a2b3c4d5e6f7g8h9i", "web-cache"


def answered(doors: Any, event: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """The status and the body, and nothing else, as the sender gets them."""
    answer = import_module("on_webhook").handler(json.dumps(event).encode(), doors.context())
    return answer["statusCode"], json.loads(answer["body"])


def ask(
    doors: Any, body: Any, *, token: str | None = TOKEN, source: str = "acr"
) -> tuple[int, dict[str, Any]]:
    return answered(doors, doors.http(f"/webhooks/{source}", body, token=token))


WRONG_SETTINGS = {
    "endpoint": ("IMC_ECI_ENDPOINT", "http://eci.internal.example.com"),
    "rules": ("IMC_RULES", '{"rules": [{"name": "secret-project", "policy": {"type": "no-such"}}]}'),
    "cooldown": ("IMC_RULES", '{"rules": [{"name": "secret-project", "cooldownSeconds": 86400}]}'),
    "unknown setting": ("IMC_SECRET_PROJECT", "1"),
    "regions": ("IMC_REGIONS", "Secret Region"),
    "tokens": ("IMC_WEBHOOK_TOKENS", "short"),
}


@every_value
@pytest.mark.parametrize("token", [None, "wrong-token-0123456789", TOKEN], ids=["none", "wrong", "right"])
@pytest.mark.parametrize("wrong", WRONG_SETTINGS)
def test_wrong_settings_are_answered_with_the_request_id_alone(
    fleet: Any,
    doors: Any,
    events: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    wrong: str,
    token: str | None,
) -> None:
    name, value = WRONG_SETTINGS[wrong]
    monkeypatch.setenv(name, value)
    status, body = ask(doors, events.acr(), token=token)
    assert status == 500
    assert set(body) == {"request_id"}
    (record,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (record["reason"], record["request_id"]) == ("SETTINGS_INVALID", body["request_id"])
    assert "IMC_" in record["message"]


@every_value
@pytest.mark.parametrize("token", [None, "", "wrong-token-0123456789", TOKEN.upper()])
@pytest.mark.parametrize("source", ["acr", "native", "github", "harbor"])
def test_who_shows_no_right_token_gets_the_request_id_alone(
    fleet: Any, doors: Any, events: Any, source: str, token: str | None
) -> None:
    status, body = ask(doors, events.acr(), token=token, source=source)
    assert (status, set(body)) == (401, {"request_id"})


def test_that_no_token_is_configured_is_for_the_record_alone(
    fleet: Any, doors: Any, events: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("IMC_WEBHOOK_TOKENS")
    status, body = ask(doors, events.acr())
    assert (status, set(body)) == (401, {"request_id"})
    assert json.loads(capsys.readouterr().out)["reason"] == "NO_TOKEN_CONFIGURED"


def test_a_push_is_answered_with_results_reasons_and_counts(fleet: Any, doors: Any, events: Any) -> None:
    fleet.cache("registry.cn-hangzhou.aliyuncs.com/prod/web:latest", image_cache_name="another")
    fleet.cache("registry.cn-hangzhou.aliyuncs.com/prod/web:v1", image_cache_name="third")
    status, body = ask(doors, events.acr())
    assert status == 200
    assert body.pop("request_id").startswith("1-")
    assert body == {
        "outcomes": [
            {"result": "ignored", "reason": "POLICY_HOLDS", "count": 1},
            {"result": "refreshed", "reason": "TAG_REPUSHED", "count": 2},
        ]
    }


@every_value
@pytest.mark.parametrize("dry_run", ["false", "true"])
@pytest.mark.parametrize("status", ["Ready", "Updating", "UpdateFailed"])
def test_no_answer_names_a_cache_or_its_list(
    fleet: Any, doors: Any, events: Any, monkeypatch: pytest.MonkeyPatch, status: str, dry_run: str
) -> None:
    monkeypatch.setenv("IMC_DRY_RUN", dry_run)
    fleet.control.force(WEB, status)
    _, body = ask(doors, events.acr())
    text = json.dumps(body)
    assert {"outcomes", "request_id"} == set(body)
    assert [key for one in body["outcomes"] for key in one] == ["result", "reason", "count"]
    assert not any(word in text for word in (WEB, WEB_NAME, "registry", "aliyuncs", "nginx", "imc-"))


def test_refused_input_is_answered_with_the_place_and_the_rule(
    fleet: Any, doors: Any, payload: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    status, body = ask(doors, payload("acr/bad_types.json"))
    (refused,) = body["outcomes"]
    assert (status, refused) == (
        400,
        {
            "result": "rejected",
            "reason": "SCHEMA_VIOLATION",
            "where": "/push_data/tag",
            "rule": 'type: "string"',
            "count": 1,
        },
    )
    assert json.loads(capsys.readouterr().out)["error"]["found"] == "14"


def test_an_unknown_source_is_answered_with_the_known_ones(fleet: Any, doors: Any) -> None:
    status, body = ask(doors, {}, token=None, source="acme")
    assert status == 404
    assert body["outcomes"][0]["rule"].startswith("acr, artifactory, azure, ")


def test_a_signed_manual_request_gets_all(fleet: Any, doors: Any) -> None:
    told = doors.manual(over_http=True, imageCacheId=WEB)
    assert WEB in told.text
    assert told.only["image_cache_name"] == WEB_NAME
