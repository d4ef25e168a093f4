"""What a stack of template.yml gives its functions: settings that they take, rights that are asked for."""

from __future__ import annotations

import itertools
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
ENVIRONMENT_BYTES = 4096
"""Vendor page "Environment variables": the most that all of a function may have together."""


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


@pytest.mark.parametrize("instances", [20, 3], ids=["by-default", "by-a-parameter"])
def test_follow_tasks_alone_have_a_bound_of_instances(instances: int) -> None:
    loaded = resources({} if instances == 20 else {"FollowInstances": str(instances)})
    bounds = [one.properties for one in loaded if one.type == "ALIYUN::FC3::ConcurrencyConfig"]
    assert bounds == [{"FunctionName": "imc-refresh-on-follow", "ReservedConcurrency": instances}]


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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("Rules", '{"rules":\n[]}', id="two-lines"),
        pytest.param("Rules", '{"rules":[{"name":"\u00fc"}]}', id="beyond-ascii"),
        pytest.param("Rules", " " * 3001, id="too-long"),
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


def test_the_longest_rules_leave_room_for_all_other_variables() -> None:
    parameters = {
        "Rules": "x" * 3000,
        "NamePrefix": "a" * 24,
        "Regions": ",".join(f"ap-southeast-{number}" for number in range(1, 8)),
        "WebhookTokens": ",".join(["0" * 48] * 2),
        "RegistryPassword": "p" * 64,
    }
    for module, environment in environments(parameters).items():
        used = sum(map(len, itertools.chain.from_iterable(environment.items())))
        assert used <= ENVIRONMENT_BYTES, module


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
