"""What the platform allows, held against the template: names, variables, policies, regions.

Each limit names the vendor's page that has it. A parameter that is widened, or a name that is made longer,
until the platform would refuse the stack, fails here.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from deploy.rights import needed_rights
from imagecache.config.forms import FUNCTION_NAME
from local.permissions.policies import allows, role_of_function
from local.template.document import Resource, TemplateError, load_template
from local.template.parameters import parameter_value
from tests.support.depth import every_value
from tests.support.for_each import for_each
from tests.support.template_variables import (
    MOST_BYTES,
    feeding_parameters,
    function_variables,
    read_raw,
    variable_rows,
)

ROOT = Path(__file__).parents[2]
ACCOUNT = "1234567890123456"
LONGEST_REGION = "cn-shenzhen-finance-1"
"""No known region has a longer id."""
REGIONS = ("cn-hangzhou", "ap-southeast-1", "me-central-1", LONGEST_REGION)
PREFIXES = ("a-0", "a" * 24, "x" + "-" * 22 + "9")
EVERYTHING = {
    "CodeBucket": "some-bucket",
    "CodeObject": "package.zip",
    "WebhookTokens": "x" * 16,
    "AlarmContactGroup": "on-call",
    "AlarmActionPolicy": "some.policy",
}
FUNCTION = "ALIYUN::FC3::Function"

NAME_LIMITS: dict[tuple[str, str], tuple[str, str]] = {
    # (resource type, property): the form, and the page that says so
    (FUNCTION, "FunctionName"): (
        r"[A-Za-z_][A-Za-z0-9_-]{0,63}",
        "CreateFunctionInput, Function Compute 3.0",
    ),
    ("ALIYUN::MNS::Queue", "QueueName"): (r"[A-Za-z0-9][A-Za-z0-9-]{0,119}", "CreateQueue"),
    ("ALIYUN::SLS::Project", "Name"): (r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", "CreateProject"),
    ("ALIYUN::RAM::Role", "RoleName"): (r"[A-Za-z0-9.-]{1,64}", "ALIYUN::RAM::Role"),
    ("ALIYUN::RAM::Role", "Policies.PolicyName"): (r"[A-Za-z0-9-]{1,128}", "ALIYUN::RAM::Role; CreatePolicy"),
    ("ALIYUN::SLS::Alert", "Detail.DisplayName"): (r".{1,64}", "ALIYUN::SLS::Alert"),
    # No page that was found has a limit of these two: held to the strictest of the others.
    ("ALIYUN::CMS::ResourceMetricRule", "RuleName"): (r"[A-Za-z0-9 -]{1,64}", "none found"),
    ("ALIYUN::SLS::Dashboard", "DisplayName"): (r"[A-Za-z0-9 -]{1,64}", "none found"),
}
NO_NAMES = {
    # Where the prefix is part of another thing's name, which is checked there.
    (FUNCTION, "EnvironmentVariables.IMC_FOLLOW_FUNCTION"),
    ("ALIYUN::RAM::Role", "Policies.PolicyDocument.Statement.Resource"),
}
MOST_POLICY_CHARACTERS = 2048
"""RAM's page "Limits" of earlier years: the length of a custom policy; today's has 6,144."""


def loaded(parameters: Mapping[str, str] | None = None, region: str = "cn-hangzhou") -> list[Resource]:
    given = {**EVERYTHING, **(parameters or {})}
    return load_template(ROOT / "template.yml", given, region=region, account_id=ACCOUNT)


def texts(node: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each text in a value, with the keys that lead to it."""
    if isinstance(node, str):
        yield path, node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from texts(value, f"{path}.{key}" if path else key)
    elif isinstance(node, list):
        for item in node:
            yield from texts(item, path)


# Variables


def test_the_variables_of_every_function_fit_whatever_the_parameters_are() -> None:
    totals = {
        module: sum(one.bytes for one in each) for module, each in function_variables(read_raw()).items()
    }
    assert len(totals) == 5
    assert {module: total for module, total in totals.items() if total > MOST_BYTES} == {}


def test_the_worst_case_grows_with_a_parameter_and_has_no_end_without_a_bound() -> None:
    template = copy.deepcopy(read_raw())
    before = function_variables(template)["on_push"]
    template["Parameters"]["Rules"]["MaxLength"] += 500
    del template["Parameters"]["RegistryPassword"]["MaxLength"]
    after = {one.name: one.value_bytes for one in function_variables(template)["on_push"]}
    changed = {one.name: after[one.name] - one.value_bytes for one in before}
    assert {name: more for name, more in changed.items() if more} == {
        "IMC_RULES": 500,
        "REGISTRY_PASSWORD": float("inf"),
    }


def test_no_real_stack_has_more_than_its_worst_case() -> None:
    longest = {
        "Rules": "x" * 1600,
        "NamePrefix": "a" * 24,
        "Regions": ",".join(["cn-hangzhou-1"] * 14)[:200].rstrip(","),
        "WebhookTokens": "0" * 800,
        "RegistryPassword": "p" * 256,
        "AnswerSeconds": "599.123",
    }
    worst = function_variables(read_raw())
    for function in loaded(longest):
        if function.type == FUNCTION:
            module = function.properties["Handler"].partition(".")[0]
            environment = function.properties["EnvironmentVariables"]
            bounds = {one.name: one.value_bytes for one in worst[module]}
            assert {
                name for name, value in environment.items() if len(value.encode()) > bounds[name]
            } == set()


EXAMPLES = {
    "Regions": "cn-hangzhou, cn-beijing",
    "WebhookTokens": "harbor=" + "0" * 40,
    "Rules": '{"rules":[]}',
    "RulesFile": "rules.json",
    "CaFile": "/opt/ca.pem",
    "RegistryPassword": "pass word",
}


def test_a_character_of_a_variable_is_a_byte() -> None:
    parameters = read_raw()["Parameters"]
    checked = set()
    for name in sorted(feeding_parameters(read_raw())):
        declaration = parameters[name]
        if declaration["Type"] != "String" or "AllowedValues" in declaration:
            continue
        example = EXAMPLES.get(name) or declaration["Default"]
        parameter_value(name, declaration, example)
        for place in range(len(example) + 1):
            with pytest.raises(TemplateError):
                parameter_value(name, declaration, f"{example[:place]}\u00e9{example[place:]}")
        checked.add(name)
    assert checked == {*EXAMPLES, "NamePrefix", "EciEndpoint", "CrEndpoint"}


def test_the_table_has_a_row_for_each_variable_and_each_function() -> None:
    rows = list(variable_rows())
    names = {one.name for each in function_variables(read_raw()).values() for one in each}
    assert {row[0].strip("`") for row in rows[:-5]} == names
    assert [row[0] for row in rows[-5:]] == [
        f"all of `{module}`" for module in function_variables(read_raw())
    ]


# Names


@every_value
@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_every_name_from_the_prefix_is_one_that_its_service_takes(prefix: str, region: str) -> None:
    named = set()
    for resource in loaded({"NamePrefix": prefix}, region):
        for path, text in texts(resource.properties):
            limit = NAME_LIMITS.get((resource.type, path))
            if limit is not None:
                assert re.fullmatch(limit[0], text), f"{resource.logical_id}.{path}: {text}, by {limit[1]}"
                named.add((resource.type, path))
    assert named == set(NAME_LIMITS)


def test_every_place_of_the_prefix_is_a_name_with_a_limit_or_the_name_of_another() -> None:
    raw = read_raw()["Resources"]
    places = {
        (resource["Type"], re.sub(r"\.(Fn::\w+|Ref)$", "", path))
        for resource in raw.values()
        for path, text in texts(resource["Properties"])
        if "NamePrefix" in text
    }
    assert places == set(NAME_LIMITS) | NO_NAMES


@for_each("prefix", ["a" * 25, "ab", "9ab", "ab-", "aB-c", "a_b"])
def test_a_prefix_that_a_service_would_refuse_is_refused_with_the_stack(prefix: str) -> None:
    with pytest.raises(TemplateError, match=r"^Parameters\.NamePrefix: "):
        loaded({"NamePrefix": prefix})


def test_the_follow_function_has_a_name_that_the_setting_takes() -> None:
    for function in loaded({"NamePrefix": "a" * 24}):
        if function.type == FUNCTION:
            assert FUNCTION_NAME.read(function.properties["EnvironmentVariables"]["IMC_FOLLOW_FUNCTION"])


# Rights


@pytest.mark.parametrize(
    ("given", "looked_after"),
    [
        pytest.param("", {"cn-hangzhou"}, id="the-stack-s-own"),
        pytest.param("cn-beijing", {"cn-beijing"}, id="another"),
        pytest.param(
            "cn-hangzhou,cn-beijing, us-west-1", {"cn-hangzhou", "cn-beijing", "us-west-1"}, id="several"
        ),
    ],
)
def test_a_role_may_touch_image_caches_of_the_regions_that_are_looked_after_alone(
    given: str, looked_after: set[str]
) -> None:
    resources = loaded({"Regions": given})
    functions = [one for one in resources if one.type == FUNCTION]
    assert len(functions) == 5
    for function in functions:
        role = role_of_function(function, resources)
        assert role is not None
        module = function.properties["Handler"].partition(".")[0]
        rights = needed_rights(module, has_destination=False, reads_registries=False)
        for action in {right.action for right in rights if right.action.startswith("eci:")}:
            allowed = {
                region
                for region in ("cn-hangzhou", "cn-beijing", "us-west-1", "eu-central-1")
                if allows(role.statements, action, f"acs:eci:{region}:{ACCOUNT}:imagecache/imc-1")
            }
            assert allowed == looked_after, (module, action)
            assert not allows(
                role.statements, action, "acs:eci:cn-hangzhou:2234567890123456:imagecache/imc-1"
            )


def test_a_role_may_invoke_the_follow_function_alone() -> None:
    resources = loaded()
    for function in (one for one in resources if one.type == FUNCTION):
        role = role_of_function(function, resources)
        assert role is not None
        names = {
            name
            for name in ("on-push", "on-webhook", "on-manual", "on-timer", "on-follow", "on-follow-2")
            for qualifier in ("", "/LATEST")
            if allows(
                role.statements,
                "fc:InvokeFunction",
                f"acs:fc:cn-hangzhou:{ACCOUNT}:functions/imc-refresh-{name}{qualifier}",
            )
        }
        assert names == {"on-follow"}


def test_the_policy_of_the_most_regions_is_not_too_long() -> None:
    regions = ",".join(f"us-west-{number}" for number in range(1, 10)) + ",us-east-1" * 11
    assert 195 < len(regions) <= 200
    for role in (one for one in loaded({"Regions": regions}) if one.type == "ALIYUN::RAM::Role"):
        for policy in role.properties["Policies"]:
            assert len(json.dumps(policy["PolicyDocument"], separators=(",", ":"))) <= MOST_POLICY_CHARACTERS


# Task mode

TASK_MODE_REGIONS = {
    # "Asynchronous tasks" of Function Compute 3.0, as of 2026-03, in its order.
    *("cn-hangzhou", "cn-shanghai", "cn-qingdao", "cn-beijing", "cn-zhangjiakou", "cn-wulanchabu"),
    *("cn-shenzhen", "cn-chengdu", "cn-hongkong", "ap-southeast-1", "eu-west-1", "us-west-1"),
    *("us-east-1", "eu-central-1", "ap-southeast-3", "ap-southeast-5", "ap-southeast-7"),
    *("ap-northeast-1", "ap-northeast-2"),
}
NO_TASK_MODE = {"cn-huhehaote", "cn-heyuan", "cn-guangzhou", "me-east-1", "ap-southeast-6"}


def test_task_mode_is_asked_for_where_it_exists_and_left_out_elsewhere() -> None:
    asked = {}
    for region in TASK_MODE_REGIONS | NO_TASK_MODE:
        configs = {
            one.properties["FunctionName"]: one.properties
            for one in loaded(region=region)
            if one.type == "ALIYUN::FC3::AsyncInvokeConfig"
        }
        asked[region] = configs["imc-refresh-on-follow"].get("AsyncTask", "left out")
    assert {region for region, value in asked.items() if value is True} == TASK_MODE_REGIONS
    assert set(asked.values()) == {True, "left out"}
