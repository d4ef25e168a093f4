"""What is deployed: the project's own template, and mistakes in functions and triggers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from local.cloud.cloud import ROOT
from local.fc.specs import Deployment, read_deployment
from local.template.document import Resource, TemplateError, load_template
from tests.support.for_each import for_each

GIVEN = {
    "CodeBucket": "some-bucket",
    "CodeObject": "package.zip",
    "Regions": "cn-hangzhou,cn-beijing",
    "WebhookTokens": "t" * 16,
}


def project(**parameters: str) -> Deployment:
    resources = load_template(
        ROOT / "template.yml", {**GIVEN, **parameters}, region="cn-hangzhou", account_id="1234"
    )
    return read_deployment(resources)


def test_the_template_deploys_a_function_for_each_entry_point() -> None:
    functions = {one.name: one.handler for one in project().functions}
    assert functions == {
        f"imc-refresh-{name.replace('_', '-')}": f"{name}.handler"
        for name in ("on_push", "on_webhook", "on_manual", "on_timer", "on_follow")
    }


def test_each_handler_of_the_template_is_a_file_that_is_deployed() -> None:
    for one in project().functions:
        assert (ROOT / "functions" / f"{one.module}.py").is_file()


def test_the_settings_reach_the_functions() -> None:
    given = project(DryRun="true", LogLevel="DEBUG", MaxUpdatesPerHour="7", RegistryPassword="p").functions
    functions = {one.module: one for one in given}
    assert functions["on_push"].environment == {
        "IMC_RULES": "",
        "IMC_RULES_FILE": "",
        "IMC_REGISTRY_SECONDS": "10",
        "IMC_CA_FILE": "",
        "IMC_CR_ENDPOINT": "https://cr.{region}.aliyuncs.com",
        "IMC_MAX_UPDATES_PER_RUN": "100",
        "IMC_MAX_UPDATES_PER_HOUR": "7",
        "IMC_CONCURRENCY": "8",
        "REGISTRY_PASSWORD": "p",
        "IMC_REGIONS": "cn-hangzhou,cn-beijing",
        "IMC_ECI_ENDPOINT": "https://eci.{region}.aliyuncs.com",
        "IMC_FOLLOW_FUNCTION": "imc-refresh-on-follow",
        "IMC_FOLLOW_BASE_SECONDS": "30",
        "IMC_FOLLOW_MAX_SECONDS": "900",
        "IMC_FOLLOW_BACKOFF_SECONDS": "300",
        "IMC_FOLLOW_GIVE_UP_SECONDS": "21600",
        "IMC_FOLLOW_REBUILDS": "3",
        "IMC_CLOCK_SKEW_SECONDS": "2",
        "IMC_DRY_RUN": "true",
        "IMC_LOG_LEVEL": "DEBUG",
    }


@pytest.mark.parametrize("name", ["IMC_WEBHOOK_TOKENS", "IMC_ANSWER_SECONDS"])
def test_only_the_webhook_knows_the_tokens_and_when_to_answer(name: str) -> None:
    knowing = [one.module for one in project().functions if name in one.environment]
    assert knowing == ["on_webhook"]


def test_the_tokens_are_not_in_the_text_form() -> None:
    assert "t" * 16 not in repr(project())


def test_the_webhook_is_anonymous_and_the_manual_door_is_signed() -> None:
    triggers = {one.function_name: (one.auth_type, one.methods) for one in project().http_triggers}
    assert triggers == {
        "imc-refresh-on-webhook": ("anonymous", ("POST",)),
        "imc-refresh-on-manual": ("function", ("POST",)),
    }


def test_the_sweep_is_on_and_the_refresh_is_off_unless_asked_for() -> None:
    timers = {one.name: one for one in project().timer_triggers}
    assert (timers["sweep"].enabled, timers["sweep"].payload) == (True, "")
    assert not timers["refresh"].enabled
    assert json.loads(timers["refresh"].payload)["action"] == "refresh"
    asked_for = {one.name: one for one in project(RefreshEnabled="true").timer_triggers}
    assert asked_for["refresh"].enabled


@for_each(
    ("event", "wanted"),
    [
        ({"source": "acs.cr", "type": "cr:Artifact:PushCompleted"}, True),
        ({"source": "acs.cr", "type": "cr:Artifact:BuildCompleted"}, True),
        ({"source": "acs.cr", "type": "cr:Artifact:ScanCompleted"}, False),
        ({"source": "acs.oss", "type": "cr:Artifact:PushCompleted"}, False),
    ],
    ids=["push", "build", "scan", "other-source"],
)
def test_the_rule_is_about_pushes_and_builds(event: dict[str, str], wanted: bool) -> None:
    (trigger,) = project().rules
    assert (trigger.function_name, trigger.enabled) == ("imc-refresh-on-push", True)
    assert trigger.pattern(event) is wanted


def test_without_tokens_there_is_no_webhook() -> None:
    deployment = project(WebhookTokens="")
    assert {one.module for one in deployment.functions} == {"on_push", "on_manual", "on_timer", "on_follow"}
    assert {one.name for one in deployment.http_triggers} == {"manual"}


def test_without_regions_it_is_the_region_of_the_stack() -> None:
    regions = {one.environment["IMC_REGIONS"] for one in project(Regions="").functions}
    assert regions == {"cn-hangzhou"}


def test_an_unknown_runtime_is_refused() -> None:
    with pytest.raises(TemplateError, match=r"Parameters\.Runtime: 'python3\.9' is not one of"):
        project(Runtime="python3.9")


FUNCTION: dict[str, Any] = {"FunctionName": "f", "Handler": "f.handler", "Runtime": "python3.12"}
HTTP: dict[str, Any] = {
    "TriggerName": "t",
    "FunctionName": "f",
    "TriggerType": "http",
    "TriggerConfig": {"authType": "anonymous", "methods": ["GET"]},
}
BUS: dict[str, Any] = {
    **HTTP,
    "TriggerType": "eventbridge",
    "TriggerConfig": {"eventRuleFilterPattern": "{}", "eventSourceConfig": {"eventSourceType": "Default"}},
}
TIMER: dict[str, Any] = {
    **HTTP,
    "TriggerType": "timer",
    "TriggerConfig": {"cronExpression": "@every 4m", "enable": True},
}


def resources(function: dict[str, Any], *triggers: dict[str, Any]) -> list[Resource]:
    listed = [Resource(f"T{number}", "ALIYUN::FC3::Trigger", one) for number, one in enumerate(triggers)]
    return [Resource("F", "ALIYUN::FC3::Function", function), *listed]


def with_config(trigger: dict[str, Any], **changes: Any) -> dict[str, Any]:
    config = {
        name: value for name, value in {**trigger["TriggerConfig"], **changes}.items() if value is not None
    }
    return {**trigger, "TriggerConfig": config}


def test_what_is_left_out_has_the_defaults_of_the_platform() -> None:
    deployment = read_deployment(resources(FUNCTION, BUS))
    assert (deployment.functions[0].timeout_seconds, deployment.functions[0].memory_mb) == (3, 512)
    assert deployment.rules[0].enabled


@for_each(
    ("function", "triggers", "message"),
    [
        pytest.param({**FUNCTION, "Handler": "f"}, [], "F.Properties.Handler: module.function", id="handler"),
        pytest.param({"Handler": "a.b"}, [], "F.Properties.Runtime: is missing", id="no-runtime"),
        pytest.param({**FUNCTION, "Runtime": "go1"}, [], "Runtime: one of python3.12", id="runtime"),
        pytest.param({**FUNCTION, "Timeout": "9"}, [], "Timeout: int is expected, str found", id="timeout"),
        pytest.param({**FUNCTION, "Timeout": True}, [], "Timeout: int is expected, bool", id="bool-timeout"),
        pytest.param(
            {**FUNCTION, "EnvironmentVariables": {"A": 1}},
            [],
            "EnvironmentVariables.A: a text is expected, int found",
            id="environment",
        ),
        pytest.param(FUNCTION, [{**HTTP, "FunctionName": "g"}], "there is no function 'g'", id="no-function"),
        pytest.param(FUNCTION, [HTTP, TIMER], "2 triggers have the name 't'", id="name-twice"),
        pytest.param(FUNCTION, [{**HTTP, "TriggerType": "oss"}], "TriggerType: http, timer or", id="type"),
        pytest.param(FUNCTION, [with_config(HTTP, authType="jwt")], "authType: anonymous or", id="auth"),
        pytest.param(FUNCTION, [with_config(HTTP, methods=["get"])], "methods[0]: 'get'", id="method"),
        pytest.param(FUNCTION, [with_config(HTTP, methods=None)], "methods: is missing", id="no-methods"),
        pytest.param(
            FUNCTION,
            [with_config(TIMER, cronExpression="* * * * *")],
            "cronExpression: six fields",
            id="five-fields",
        ),
        pytest.param(FUNCTION, [with_config(TIMER, enable="true")], "enable: bool is expected", id="enable"),
        pytest.param(
            FUNCTION,
            [with_config(BUS, eventRuleFilterPattern="{")],
            "eventRuleFilterPattern: JSON is expected",
            id="pattern-no-json",
        ),
        pytest.param(
            FUNCTION,
            [with_config(BUS, eventRuleFilterPattern='{"a": 1}')],
            "eventRuleFilterPattern: pattern.a: an array",
            id="pattern",
        ),
        pytest.param(
            FUNCTION,
            [with_config(BUS, eventSourceConfig={"eventSourceType": "MNS"})],
            "eventSourceType: Default",
            id="source",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place(
    function: dict[str, Any], triggers: list[dict[str, Any]], message: str
) -> None:
    with pytest.raises(TemplateError) as raised:
        read_deployment(resources(function, *triggers))
    assert message in str(raised.value)


BOUND = {"FunctionName": "f", "ReservedConcurrency": 7}


def bounded(*bounds: dict[str, Any]) -> list[Resource]:
    listed = [Resource("C", "ALIYUN::FC3::ConcurrencyConfig", bound) for bound in bounds]
    return [*resources(FUNCTION), *listed]


@pytest.mark.parametrize(("bounds", "most"), [((), None), ((BOUND,), 7)], ids=["none", "seven"])
def test_a_function_has_as_many_instances_as_its_bound_says(
    bounds: tuple[dict[str, Any], ...], most: int | None
) -> None:
    (function,) = read_deployment(bounded(*bounds)).functions
    assert function.most_instances == most


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        pytest.param(
            [{**BOUND, "FunctionName": "g"}], "FunctionName: there is no function 'g'", id="function"
        ),
        pytest.param([BOUND, BOUND], "FunctionName: a second bound of 'f'", id="twice"),
        pytest.param([{"FunctionName": "f"}], "ReservedConcurrency: is missing", id="no-number"),
    ],
)
def test_a_wrong_bound_is_named_with_its_place(bounds: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(TemplateError) as raised:
        read_deployment(bounded(*bounds))
    assert message in str(raised.value)


def test_a_template_without_functions_is_an_empty_deployment(tmp_path: Path) -> None:
    path = tmp_path / "template.yml"
    path.write_text("ROSTemplateFormatVersion: '2015-09-01'\nResources: {}", encoding="utf-8")
    deployment = read_deployment(load_template(path, {}, region="r", account_id="a"))
    assert deployment == Deployment((), (), (), ())
