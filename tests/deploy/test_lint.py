"""The checks of template.yml: it has no problem, and each mistake is told with its place."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.lint import lint_template
from tests.support.depth import sampled
from tests.support.resource_types import SCHEMA, schema_text

ROOT = Path(__file__).parents[2]
DELETE = object()
POLICY = "Policies[0].PolicyDocument.Statement"


def test_the_property_lists_are_those_of_the_vendor() -> None:
    assert SCHEMA.read_text() == schema_text(), "run `make resource-types`"


def test_the_template_has_no_problem() -> None:
    assert lint_template(ROOT / "template.yml", ROOT) == []


def test_the_command_tells_what_it_has_looked_at() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "deploy", "lint"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout == "template.yml: 41 resources, 38 parameters, no problem\n"


def changed(document: Any, path: str, value: Any) -> Any:
    """The document with the node at a path set, added or deleted."""
    node, steps = document, _steps(path)
    for step in steps[:-1]:
        node = node[step]
    if value is DELETE:
        del node[steps[-1]]
    elif isinstance(node, list) and steps[-1] == len(node):
        node.append(value)
    else:
        node[steps[-1]] = value
    return document


def _steps(path: str) -> list[Any]:
    steps: list[Any] = []
    for part in path.split("."):
        name, *numbers = part.split("[")
        steps.append(name)
        steps.extend(int(number.rstrip("]")) for number in numbers)
    return steps


ONPUSH = "Resources.OnPush.Properties"
ROLE = "Resources.OnPushRole.Properties"
TIMER = "Resources.OnTimerSweep.Properties.TriggerConfig"
BUS = "Resources.OnPushEvents.Properties.TriggerConfig"

MISTAKES = [
    # (what is changed, to what, where the problem is told if elsewhere, a part of its message)
    pytest.param(f"{ONPUSH}.MemorySizes", 128, None, "MemorySize may be meant", id="misspelled-property"),
    pytest.param(f"{ONPUSH}.LogConfig.Projekt", "p", None, "Project may be meant", id="misspelled-inside"),
    pytest.param(f"{ONPUSH}.Timeout", "60", None, "a number is expected", id="wrong-type"),
    pytest.param(f"{ONPUSH}.EnvironmentVariables", [], None, "a mapping is expected", id="wrong-type-map"),
    pytest.param(f"{ONPUSH}.Timeout", 0, None, "at least 1 is expected, 0 found", id="timeout-too-short"),
    pytest.param(f"{ONPUSH}.Timeout", 86401, None, "at most 86400 is expected", id="timeout-too-long"),
    pytest.param(f"{ONPUSH}.MemorySize", 64, None, "at least 128 is expected", id="memory-too-small"),
    pytest.param(f"{ONPUSH}.MemorySize", 129, None, "a multiple of 64 is expected", id="memory-step"),
    pytest.param(f"{ONPUSH}.Cpu", 0.12, None, "a multiple of 0.05 is expected", id="cpu-step"),
    pytest.param(f"{ONPUSH}.Cpu", 1, None, "1 to 4 GB of memory for each CPU", id="cpu-ratio"),
    pytest.param(f"{ONPUSH}.DiskSize", 1024, None, "one of 512, 10240", id="disk"),
    pytest.param(f"{ONPUSH}.Runtime", "python3.9", None, "one of python3.10, python3.12", id="runtime"),
    pytest.param(f"{ONPUSH}.FunctionName", DELETE, None, "is required and missing", id="missing-required"),
    pytest.param(
        f"{ONPUSH}.Handler", "on_pull.handler", None, "no functions/on_pull.py", id="no-handler-file"
    ),
    pytest.param(f"{ONPUSH}.Handler", "on_push.handle", None, "has no function handle", id="no-handler"),
    pytest.param(f"{ONPUSH}.Handler", "on_push", None, "there is no functions/", id="handler-form"),
    pytest.param(
        f"{ONPUSH}.EnvironmentVariables.IMC_REGION", "x", None, "there is no such setting", id="no-setting"
    ),
    pytest.param(
        f"{ONPUSH}.EnvironmentVariables.FC_REGION", "x", None, "keeps this name for itself", id="reserved"
    ),
    pytest.param("Resources.OnPush.Type", "ALIYUN::FC3::Funktion", None, "is not known", id="resource-type"),
    pytest.param("Resources.OnPush.DependOn", [], None, "DependsOn may be meant", id="resource-key"),
    pytest.param(
        f"{ONPUSH}.Role",
        {"Fn::GetAtt": ["NoRole", "Arn"]},
        f"{ONPUSH}.Role.Fn::GetAtt",
        "there is no resource",
        id="dangling-getatt",
    ),
    pytest.param(
        f"{ONPUSH}.Role",
        {"Fn::GetAtt": ["OnPushRole", "ARN"]},
        f"{ONPUSH}.Role.Fn::GetAtt",
        "attribute",
        id="no-such-attribute",
    ),
    pytest.param(
        f"{ONPUSH}.Description",
        {"Ref": "Nothing"},
        f"{ONPUSH}.Description.Ref",
        "there is no",
        id="dangling-ref",
    ),
    pytest.param(
        f"{ONPUSH}.Description",
        {"Fn::Sub": "${Nothing}"},
        f"{ONPUSH}.Description.Fn::Sub",
        "there is no",
        id="dangling-sub",
    ),
    pytest.param("Resources.Dashboard.DependsOn", "Nothing", None, "there is no resource", id="depends-on"),
    pytest.param(
        "Resources.FailureQueue.DependsOn",
        "OnPushAsync",
        "Resources.FailureQueue",
        "depends on itself",
        id="cycle",
    ),
    pytest.param(
        "Resources.OnWebhook.Condition", "Nothing", None, "there is no condition", id="no-condition"
    ),
    pytest.param(
        "Outputs.WebhookUrl.Condition",
        DELETE,
        "Outputs.WebhookUrl.Value.Fn::GetAtt",
        "",
        id="refers-to-what-may-be-absent",
    ),
    pytest.param(
        f"{ROLE}.{POLICY}[0].Action[2]", "eci:DeleteImageCache", None, "a right too many", id="right-too-many"
    ),
    pytest.param(f"{ROLE}.{POLICY}[0].Action[0]", "eci:*", None, "a right too many", id="right-wildcard"),
    pytest.param(
        f"{ROLE}.{POLICY}[0].Action[1]",
        DELETE,
        f"{ROLE}.Policies",
        "a right is missing: eci:UpdateImageCache",
        id="right-too-few",
    ),
    pytest.param(
        f"{ROLE}.{POLICY}[3]", DELETE, f"{ROLE}.Policies", "missing: mns:SendMessage", id="no-right-to-send"
    ),
    pytest.param(
        f"{ROLE}.{POLICY}[0].Resource",
        ["acs:eci:*:1234567890123456:imagecache/*"],
        f"{ROLE}.{POLICY}[0].Resource[0]",
        "too wide or wrong",
        id="any-region",
    ),
    pytest.param(
        f"{ROLE}.{POLICY}[1].Resource[0]",
        "acs:fc:cn-hangzhou:1234567890123456:functions/*",
        None,
        "too wide or wrong",
        id="any-function",
    ),
    pytest.param(f"{ROLE}.{POLICY}[0].Effect", "Deny", None, "Allow is expected", id="deny"),
    pytest.param(
        f"{ROLE}.PolicyAttachments",
        {"System": ["AliyunECIFullAccess"]},
        None,
        "allows more",
        id="system-policy",
    ),
    pytest.param(
        f"{ROLE}.{POLICY}[4].Effect",
        "Allow",
        f"{ROLE}.{POLICY}[4].Action[0]",
        "does not need cr:GetAuthorizationToken unless ReadsRegistries holds",
        id="registries-for-all",
    ),
    pytest.param(f"{ROLE}.{POLICY}[4].Effect", "Deny", None, "Allow is expected", id="registries-for-nobody"),
    pytest.param(
        f"{ROLE}.{POLICY}[5].Effect",
        {"Fn::If": ["HasAlarms", "Allow", "Deny"]},
        f"{ROLE}.{POLICY}[5].Action[0]",
        "unless ReadsRegistries holds",
        id="registries-under-another-condition",
    ),
    pytest.param(
        f"{ROLE}.{POLICY}[5].Effect",
        {"Fn::If": ["ReadsRegistries", "Deny", "Allow"]},
        f"{ROLE}.Policies",
        "missing: cr:PullRepository",
        id="registries-the-wrong-way-round",
    ),
    pytest.param(
        f"{ROLE}.{POLICY}[5]",
        DELETE,
        f"{ROLE}.Policies",
        "a right is missing: cr:PullRepository on acs:cr:*:1234567890123456:repository/*",
        id="no-right-to-pull",
    ),
    pytest.param(f"{ROLE}.{POLICY}[5].Resource[0]", "*", None, "too wide or wrong", id="any-repository"),
    pytest.param(
        f"{ROLE}.AssumeRolePolicyDocument.Statement[0].Principal",
        {"Service": ["ecs.aliyuncs.com"]},
        f"{ROLE}.AssumeRolePolicyDocument",
        "only fc.aliyuncs.com",
        id="trust",
    ),
    pytest.param(
        f"{ONPUSH}.Role",
        {"Fn::GetAtt": ["OnTimerRole", "Arn"]},
        "Resources.OnPushRole",
        "no function",
        id="unused-role",
    ),
    pytest.param(
        f"{ONPUSH}.Role", "acs:ram::1:role/admin", None, "Fn::GetAtt with the Arn", id="foreign-role"
    ),
    pytest.param(f"{TIMER}.cronExpression", "*/15 * * * *", None, "six fields", id="cron"),
    pytest.param(f"{TIMER}.payload", '{"action":"swep"}', None, "", id="timer-payload"),
    pytest.param(f"{TIMER}.payload", "{", None, "JSON is expected", id="timer-payload-no-json"),
    pytest.param(f"{TIMER}.enabled", True, None, "no such key; enable may be meant", id="trigger-key"),
    pytest.param(f"{TIMER}.enable", DELETE, None, "is required and missing", id="trigger-key-missing"),
    pytest.param(f"{BUS}.eventRuleFilterPattern", "{]", None, "JSON is expected", id="pattern-no-json"),
    pytest.param(f"{BUS}.eventRuleFilterPattern", '{"source":"acs.cr"}', None, "source", id="pattern"),
    pytest.param(
        "Resources.OnManualHttp.Properties.TriggerConfig.authType",
        "none",
        None,
        "one of anonymous, function is expected",
        id="auth-type",
    ),
    pytest.param(
        "Resources.OnTimerRefresh.Properties.TriggerName",
        "sweep",
        None,
        "of this name already",
        id="trigger-name",
    ),
    pytest.param(
        "Resources.OnFollowAsync.Properties.AsyncTask", False, None, "true is expected", id="no-task-mode"
    ),
    pytest.param(
        "Resources.OnFollowAsync.Properties.MaxAsyncRetryAttempts", 9, None, "at most 8", id="retries"
    ),
    pytest.param("Resources.OnPushAsync", DELETE, "Resources.OnPush", "go nowhere", id="no-async-config"),
    pytest.param(
        "Resources.OnPushAsync.Properties.DestinationConfig.OnFailure.Destination",
        "acs:mns:cn-hangzhou:1:/queues/other/messages",
        None,
        "of a queue of this template is expected",
        id="other-queue",
    ),
    pytest.param(
        "Parameters.Unused", {"Type": "String", "Description": "d"}, None, "is ", id="unused-parameter"
    ),
    pytest.param("Parameters.WebhookTokens.NoEcho", DELETE, None, "true is expected", id="no-echo-missing"),
    pytest.param("Parameters.LogDays.Default", 0, None, "is below MinValue 1", id="default-out-of-range"),
    pytest.param("Parameters.LogDays.Type", "Integer", None, "one of String, Number", id="parameter-type"),
    pytest.param(
        "Parameters.LogDays.Description", "", None, "a length of at least 1", id="parameter-description"
    ),
    pytest.param("Parameters.NamePrefix.AllowedPattern", "(", None, "a regex is expected", id="bad-pattern"),
    pytest.param(
        "Parameters.Runtime.AllowedValues[2]", "python3.9", f"{ONPUSH}.Runtime", "", id="allowed-value"
    ),
    pytest.param(
        "Metadata.ALIYUN::ROS::Interface.ParameterGroups[0].Parameters[0]",
        "Prefix",
        None,
        "there is no parameter 'Prefix'",
        id="group-of-nothing",
    ),
    pytest.param(
        "Outputs.ManualUrl.Value",
        {"Ref": "WebhookTokens"},
        "Outputs.ManualUrl.Value.Ref",
        "NoEcho",
        id="secret-shown",
    ),
    pytest.param(
        "Parameters.RegistryPassword.NoEcho", DELETE, None, "true is expected", id="password-echoed"
    ),
    pytest.param(
        f"{ONPUSH}.Description",
        {"Ref": "RegistryPassword"},
        f"{ONPUSH}.Description.Ref",
        "NoEcho",
        id="password-shown",
    ),
    pytest.param("Rules", {}, None, "no such key; known are ROSTemplate", id="section"),
    pytest.param("ROSTemplateFormatVersion", "2010-09-09", None, "2015-09-01 is expected", id="version"),
]


@pytest.mark.parametrize(("path", "value", "place", "message"), sampled(MISTAKES, 8))
def test_a_mistake_is_told_with_its_place(
    template: dict[str, Any],
    check: Callable[[Any], dict[str, str]],
    path: str,
    value: Any,
    place: str | None,
    message: str,
) -> None:
    problems = check(changed(template, path, value))
    told = problems.get(place or path)
    assert told is not None, problems
    assert message in told


def test_all_mistakes_are_told_at_once_in_the_order_of_the_document(
    template: dict[str, Any], check: Callable[[Any], dict[str, str]]
) -> None:
    changed(template, f"{ONPUSH}.Timeout", 0)
    changed(template, "Parameters.LogDays.Default", 0)
    changed(template, "Resources.OnFollow.Properties.Handler", "none.handler")
    assert list(check(template)) == [
        "Parameters.LogDays.Default",
        f"{ONPUSH}.Timeout",
        "Resources.OnFollow.Properties.Handler",
    ]


def test_a_handler_with_other_parameters_is_told(
    template: dict[str, Any], check: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    root = tmp_path / "root"
    shutil.copytree(ROOT / "functions", root / "functions", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "schemas", root / "schemas")
    door = root / "functions/on_push.py"
    door.write_text(
        door.read_text().replace("def handler(event: bytes, context", "def handler(event: bytes, c")
    )
    problems = check(template, root)
    assert problems == {
        f"{ONPUSH}.Handler": "on_push.handler takes (event, c), and (event, context) is expected"
    }


def test_a_key_that_occurs_twice_is_told(tmp_path: Path) -> None:
    text = (ROOT / "template.yml").read_text()
    path = tmp_path / "template.yml"
    path.write_text(text.replace("      Timeout: 60\n", "      Timeout: 60\n      Timeout: 61\n", 1))
    (problem,) = lint_template(path, ROOT)
    assert problem.path == f"{ONPUSH}.Timeout"
    assert "occurs twice" in problem.message


def test_what_is_no_yaml_is_told(tmp_path: Path) -> None:
    path = tmp_path / "template.yml"
    path.write_text("a: [")
    (problem,) = lint_template(path, ROOT)
    assert problem.path == "template.yml"


def test_make_lint_fails_on_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "template.yml"
    path.write_text((ROOT / "template.yml").read_text().replace("      Timeout: 300", "      Timeout: 90000"))
    told = subprocess.run(
        [sys.executable, "-m", "deploy", "lint", str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 1
    assert told.stdout == (
        "template.yml: Resources.OnTimer.Properties.Timeout: at most 86400 is expected, 90000 found\n"
    )
