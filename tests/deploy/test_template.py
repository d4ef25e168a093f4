"""What a stack of template.yml gives its functions: settings that they take, rights that are asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from deploy.rights import registry_rights
from imagecache.base.errors import SettingsError
from imagecache.config.rules_file import read_rules
from imagecache.config.settings import Settings, read_settings
from local.permissions.policies import allows, role_of_function
from local.template.document import Resource, TemplateError, load_template
from tests.support.for_each import for_each

ROOT = Path(__file__).parents[2]
REGION, ACCOUNT = "cn-hangzhou", "1234567890123456"
LEAST = {"CodeBucket": "some-bucket", "CodeObject": "package.zip", "WebhookTokens": "x" * 16}
RULES = json.dumps(
    {
        "rules": [
            {
                "name": "web",
                "policy": {"type": "semver", "range": ">=1"},
                "update": {
                    "imageRegistryCredential": [
                        {"server": "r.example.com", "userName": "u", "passwordEnv": "REGISTRY_PASSWORD"}
                    ]
                },
            }
        ]
    }
)


def resources(parameters: Mapping[str, str] | None = None) -> list[Resource]:
    given = {**LEAST, **(parameters or {})}
    return load_template(ROOT / "template.yml", given, region=REGION, account_id=ACCOUNT)


def environments(parameters: Mapping[str, str] | None = None) -> dict[str, dict[str, str]]:
    return {
        one.properties["Handler"].partition(".")[0]: one.properties["EnvironmentVariables"]
        for one in resources(parameters)
        if one.type == "ALIYUN::FC3::Function"
    }


def settings(environment: Mapping[str, str]) -> Settings:
    return read_settings({"FC_REGION": REGION, "FC_ACCOUNT_ID": ACCOUNT, **environment}, read_rules)


def test_a_stack_of_defaults_gives_the_functions_their_own_defaults() -> None:
    for module, environment in environments().items():
        deployed, plain = settings(environment), settings({})
        assert deployed.follow.function == "imc-refresh-on-follow", module
        for name in ("rules", "cr_endpoint", "most_per_run", "most_per_hour", "regions"):
            assert getattr(deployed, name) == getattr(plain, name), (module, name)


@pytest.mark.parametrize(
    ("parameters", "name", "value"),
    [
        ({"CrEndpoint": "https://cr.example.com"}, "cr_endpoint", "https://cr.example.com"),
        ({"MaxUpdatesPerRun": "7"}, "most_per_run", 7),
        ({"MaxUpdatesPerHour": "70"}, "most_per_hour", 70),
    ],
    ids=["cr-endpoint", "per-run", "per-hour"],
)
def test_a_parameter_reaches_every_function(parameters: Mapping[str, str], name: str, value: Any) -> None:
    given = environments(parameters)
    assert len(given) == 5
    assert {module: getattr(settings(one), name) for module, one in given.items()} == dict.fromkeys(
        given, value
    )


def test_a_sweep_has_a_time_of_its_own_for_registries() -> None:
    given = environments({"RegistrySeconds": "30", "SweepRegistrySeconds": "200"})
    seconds = {module: settings(one).registry_seconds for module, one in given.items()}
    assert seconds == {**dict.fromkeys(given, 30), "on_timer": 200}


@pytest.mark.parametrize(
    ("parameters", "bounds"),
    [
        pytest.param({}, {"on-follow": 20, "on-webhook": 20}, id="by-default"),
        pytest.param(
            {"FollowInstances": "3", "WebhookInstances": "100"},
            {"on-follow": 3, "on-webhook": 100},
            id="by-parameters",
        ),
        pytest.param({"WebhookTokens": ""}, {"on-follow": 20}, id="no-webhook"),
    ],
)
def test_what_a_storm_can_start_has_a_bound_of_instances(
    parameters: Mapping[str, str], bounds: Mapping[str, int]
) -> None:
    found = {
        one.properties["FunctionName"].removeprefix("imc-refresh-"): one.properties["ReservedConcurrency"]
        for one in resources(parameters)
        if one.type == "ALIYUN::FC3::ConcurrencyConfig"
    }
    assert found == bounds


def test_rules_and_a_password_reach_every_function() -> None:
    for environment in environments({"Rules": RULES, "RegistryPassword": "not a word"}).values():
        (rule,) = settings(environment).rules.rules
        assert rule.name == "web"
        assert rule.update["ImageRegistryCredential"][0]["Password"] == "not a word"


def test_a_password_that_is_not_given_counts_as_none() -> None:
    for environment in environments({"Rules": RULES}).values():
        with pytest.raises(SettingsError, match="passwordEnv: the environment has no variable of this name"):
            settings(environment)


def test_rules_as_a_text_do_not_count_beside_a_file() -> None:
    for environment in environments({"Rules": RULES, "RulesFile": "rules.json"}).values():
        assert (environment["IMC_RULES"], environment["IMC_RULES_FILE"]) == ("", "rules.json")


@for_each(
    ("name", "value"),
    [
        pytest.param("Rules", '{"rules":\n[]}', id="two-lines"),
        pytest.param("Rules", '{"rules":[{"name":"\u00fc"}]}', id="beyond-ascii"),
        pytest.param("Rules", " " * 1601, id="too-long"),
        pytest.param("Regions", ",cn-hangzhou", id="region-without-a-name"),
        pytest.param("WebhookTokens", "x" * 15 + "\u00fc", id="token-beyond-ascii"),
        pytest.param("WebhookInstances", "101", id="more-webhooks-than-the-account-has-instances"),
        pytest.param("QuietSourceHours", "25", id="more-hours-than-a-query-may-look-at"),
        pytest.param("RulesFile", "rules json", id="file-with-a-blank"),
        pytest.param("ReadRegistries", "yes", id="neither-true-nor-false"),
        pytest.param("RegistrySeconds", "1000", id="too-many-seconds"),
        pytest.param("CrEndpoint", "cr.example.com", id="endpoint-without-a-scheme"),
        pytest.param("MaxUpdatesPerRun", "-1", id="below-nothing"),
        pytest.param("FollowInstances", "0", id="no-follow-task-at-all"),
    ],
)
def test_what_no_function_would_take_is_refused_with_the_stack(name: str, value: str) -> None:
    with pytest.raises(TemplateError, match=f"^Parameters.{name}: "):
        resources({name: value})


@pytest.mark.parametrize("reads", ["true", "false"])
def test_registries_are_read_in_the_account_s_name_only_if_that_is_asked_for(reads: str) -> None:
    loaded = resources({"ReadRegistries": reads})
    functions = [one for one in loaded if one.type == "ALIYUN::FC3::Function"]
    assert len(functions) == 5
    repository = f"acs:cr:cn-beijing:{ACCOUNT}:repository/cri-4jga79lyszik0000/team/web"
    for function in functions:
        role = role_of_function(function, loaded)
        assert role is not None
        asked = {"cr:GetAuthorizationToken": "*", "cr:PullRepository": repository}
        module = function.properties["Handler"].partition(".")[0]
        assert {right.action for right in registry_rights(module)} == set(asked)
        allowed = {action: allows(role.statements, action, on) for action, on in asked.items()}
        assert allowed == dict.fromkeys(asked, reads == "true")
        foreign = repository.replace(ACCOUNT, "2234567890123456")
        assert not allows(role.statements, "cr:PullRepository", foreign)
        assert not allows(role.statements, "cr:PushRepository", repository)
