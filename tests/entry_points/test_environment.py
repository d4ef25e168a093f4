"""What an invocation takes from its environment and its context: settings, credentials, time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from imagecache.base.errors import PermanentEntryPointError, RetryableEntryPointError
from tests.support.depth import every_value

WEB = "imc-bp1a2b3c4d5e6f7g8h9i"
KEY_VARIABLES = (
    "ALIBABA_CLOUD_ACCESS_KEY_ID",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    "ALIBABA_CLOUD_SECURITY_TOKEN",
)

INVOCATIONS: dict[str, Any] = {
    "on_push": lambda doors, events: events.cloud(),
    "on_webhook": lambda doors, events: doors.http("/webhooks/acr", events.acr()),
    "on_manual": lambda doors, events: {"imageCacheId": WEB},
    "on_timer": lambda doors, events: {"triggerTime": "now", "triggerName": "sweep", "payload": ""},
}
"""For each entry point an event that makes it update a cache of the fleet."""

each_door = pytest.mark.parametrize("door", INVOCATIONS)


def invoke(door: str, doors: Any, events: Any, **context: Any) -> Any:
    return doors.call(door, INVOCATIONS[door](doors, events), doors.context(**context))


def assert_failed_for_good(told: Any, reason: str, door: str) -> None:
    assert told.results == [("failed", reason)]
    assert told.only["fate"] == "on_failure_queue"
    if door == "on_webhook":
        assert (told.status, told.error) == (500, None)
    else:
        assert type(told.error) is PermanentEntryPointError


def in_context(credential: Any) -> SimpleNamespace:
    return SimpleNamespace(
        access_key_id=credential.access_key_id,
        access_key_secret=credential.access_key_secret,
        security_token=credential.security_token,
    )


@each_door
def test_the_python312_runtime_has_its_key_in_variables(
    fleet: Any, doors: Any, events: Any, door: str
) -> None:
    told = invoke(door, doors, events)
    assert [result for result, _ in told.results] == ["refreshed"]


@every_value
@each_door
@pytest.mark.parametrize("temporary", [True, False], ids=["temporary key", "lasting key"])
def test_the_python310_runtime_has_its_key_in_the_context(
    fleet: Any, doors: Any, events: Any, monkeypatch: pytest.MonkeyPatch, door: str, temporary: bool
) -> None:
    for name in KEY_VARIABLES:
        monkeypatch.delenv(name)
    credential = fleet.store.issue(temporary=temporary)
    doors.secrets.append(credential.access_key_secret)
    told = invoke(door, doors, events, credentials=in_context(credential))
    assert [result for result, _ in told.results] == ["refreshed"]
    (update,) = fleet.updates()
    assert update.parameters["AccessKeyId"] == credential.access_key_id


def test_variables_come_before_the_context(fleet: Any, doors: Any, events: Any) -> None:
    revoked = fleet.store.issue()
    fleet.store.revoke(revoked.access_key_id)
    told = invoke("on_manual", doors, events, credentials=in_context(revoked))
    assert [result for result, _ in told.results] == ["refreshed"]


def test_a_new_key_is_used_by_a_warm_instance(
    fleet: Any, doors: Any, events: Any, use_credential: Any
) -> None:
    assert invoke("on_push", doors, events).error is None
    fleet.store.revoke(fleet.credential.access_key_id)
    renewed = fleet.store.issue()
    doors.secrets += [renewed.access_key_secret, renewed.security_token]
    use_credential(renewed)
    assert invoke("on_manual", doors, events).error is None
    assert fleet.updates()[-1].parameters["AccessKeyId"] == renewed.access_key_id


def test_a_key_that_eci_does_not_know_yet_is_tried_again(fleet: Any, doors: Any, events: Any) -> None:
    fleet.store.revoke(fleet.credential.access_key_id)
    told = invoke("on_push", doors, events)
    assert told.results == [("failed", "SERVER_ERROR")]
    assert told.only["error"]["code"] == "InvalidAccessKeyId.NotFound"
    assert isinstance(told.error, RetryableEntryPointError)


@every_value
@each_door
@pytest.mark.parametrize(
    "credentials",
    [None, SimpleNamespace(), SimpleNamespace(access_key_id="", access_key_secret="", security_token="")],
    ids=["none", "without attributes", "empty"],
)
def test_without_a_key_every_change_fails(
    fleet: Any, doors: Any, events: Any, monkeypatch: pytest.MonkeyPatch, door: str, credentials: Any
) -> None:
    for name in KEY_VARIABLES:
        monkeypatch.delenv(name)
    told = invoke(door, doors, events, credentials=credentials)
    assert_failed_for_good(told, "CREDENTIALS_MISSING", door)
    assert "attach a role" in told.only["message"]
    assert fleet.actions() == []


def test_without_a_key_each_push_of_an_array_has_its_record(
    fleet: Any, doors: Any, events: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET")
    pushes = [events.cloud(), events.cloud(type="cr:Artifact:ScanCompleted"), events.cloud()]
    told = doors.push(pushes)
    assert told.results == [
        ("ignored", "UNKNOWN_EVENT_TYPE"),
        ("failed", "CREDENTIALS_MISSING"),
        ("failed", "CREDENTIALS_MISSING"),
    ]
    failed = [outcome["event_id"] for outcome in told.outcomes[1:]]
    assert failed == [pushes[0]["id"], pushes[2]["id"]]


def test_what_is_no_push_needs_no_key(
    fleet: Any, doors: Any, payload: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in KEY_VARIABLES:
        monkeypatch.delenv(name)
    told = doors.push(payload("cloudevents/unknown_type.json"))
    assert (told.error, told.results) == (None, [("ignored", "UNKNOWN_EVENT_TYPE")])


@each_door
def test_wrong_settings_are_all_told_at_once(
    fleet: Any, doors: Any, events: Any, monkeypatch: pytest.MonkeyPatch, door: str
) -> None:
    wrong = {
        "IMC_REGIONS": "cn-hangzhou,CN Beijing",
        "IMC_ECI_ENDPOINT": "http://eci.example.com",
        "IMC_WEBHOOK_TOKENS": "short-token",
        "IMC_DRY_RUN": "maybe",
        "IMC_LOG_LEVEL": "LOUD",
        "IMC_REGION": "cn-hangzhou",
    }
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    doors.secrets.append("short-token")

    told = invoke(door, doors, events)

    assert_failed_for_good(told, "SETTINGS_INVALID", door)
    assert [name for name in wrong if name not in told.only["message"]] == []
    assert fleet.actions() == []


@each_door
def test_without_a_region_nothing_can_be_looked_after(
    fleet: Any, doors: Any, events: Any, monkeypatch: pytest.MonkeyPatch, door: str
) -> None:
    monkeypatch.delenv("IMC_REGIONS")
    told = invoke(door, doors, events)
    assert_failed_for_good(told, "SETTINGS_INVALID", door)
    assert "FC_REGION" in told.only["message"]


def test_the_functions_own_region_is_the_default(
    fleet: Any, doors: Any, events: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IMC_REGIONS")
    monkeypatch.setenv("FC_REGION", "cn-hangzhou")
    assert invoke("on_push", doors, events).results == [("refreshed", "TAG_REPUSHED")]


def test_settings_are_read_anew_by_a_warm_instance(
    fleet: Any, doors: Any, events: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMC_DRY_RUN", "true")
    assert invoke("on_manual", doors, events).results == [("planned", "REBUILD_REQUESTED")]
    monkeypatch.setenv("IMC_DRY_RUN", "false")
    assert invoke("on_manual", doors, events).results == [("refreshed", "REBUILD_REQUESTED")]


@each_door
def test_no_call_is_begun_that_has_no_time_to_end(fleet: Any, doors: Any, events: Any, door: str) -> None:
    told = invoke(door, doors, events, function=SimpleNamespace(timeout=1))
    assert told.results == [("failed", "OUT_OF_TIME")]
    assert told.only["fate"] == "retried"
    if door == "on_webhook":
        assert told.status == 503
    else:
        assert type(told.error) is RetryableEntryPointError
    assert fleet.actions() == []


@pytest.mark.parametrize("timeout", [None, "60", 0, -1], ids=repr)
def test_a_timeout_that_is_none_counts_as_the_usual_one(
    fleet: Any, doors: Any, events: Any, timeout: Any
) -> None:
    told = invoke("on_push", doors, events, function=SimpleNamespace(timeout=timeout))
    assert told.results == [("refreshed", "TAG_REPUSHED")]


def test_a_context_that_tells_nothing_will_do(fleet: Any, doors: Any, events: Any) -> None:
    told = doors.call("on_push", events.cloud(), SimpleNamespace())
    assert told.results == [("refreshed", "TAG_REPUSHED")]
    assert told.only["request_id"] == "unknown"


def test_no_secret_is_told_at_the_finest_log_level(
    fleet: Any, doors: Any, events: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is told is searched for secrets after every invocation; here is as much of it as can be.
    monkeypatch.setenv("IMC_LOG_LEVEL", "DEBUG")
    fleet.control.settings(no_need_update="any")
    fleet.control.inject("error", action="UpdateImageCache", code="SignatureDoesNotMatch", status=400)
    for door in INVOCATIONS:
        invoke(door, doors, events)
    fleet.control.refuse(30)
    told = invoke("on_manual", doors, events)
    assert (type(told.error), told.results) == (RetryableEntryPointError, [("failed", "CONNECTION_FAILED")])
