"""Loading rules: every mistake is told at once and with its place, and no secret is told at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from imagecache.base.environment import Environment
from imagecache.base.errors import SettingsError
from imagecache.base.json_input import MAX_BODY_BYTES
from imagecache.base.json_schema import validate
from imagecache.config.rules_file import read_rules
from imagecache.config.settings import read_settings
from imagecache.model.change import PushEvent
from imagecache.model.image_cache import ImageCache
from imagecache.model.selector import CacheSelector
from imagecache.planning.wanted_list import parameters_of
from imagecache.policy.rules import NO_RULES, RepositoryGlob, Rule, Rules
from imagecache.policy.tag_policy import Policy
from tests.support.for_each import for_each
from tests.support.remembered import update_request

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "schemas" / "rules.schema.json").read_text(encoding="utf-8"))
SECRET = "s3cret_hunter2"
NOW = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
REGISTRY = "acme-registry.cn-hangzhou.cr.aliyuncs.com"
CREDENTIAL = {"server": "r.example.com", "userName": "puller", "passwordEnv": "R_PASSWORD"}

UPDATE: dict[str, Any] = {
    "imageCacheName": "web",
    "securityGroupId": "sg-1",
    "vSwitchId": "vsw-1,vsw-2",
    "eipInstanceId": "eip-1",
    "resourceGroupId": "rg-1",
    "imageCacheSize": 40,
    "retentionDays": 7,
    "autoMatchImageCache": True,
    "flash": False,
    "standardCopyCount": 2,
    "flashCopyCount": 3,
    "eliminationStrategy": "LRU",
    "imageRegistryCredential": [CREDENTIAL],
    "acrRegistryInfo": [
        {
            "instanceId": "cri-1",
            "instanceName": "acme",
            "regionId": "cn-hangzhou",
            "domains": ["a.example.com"],
        }
    ],
    "tag": [{"key": "team", "value": "shop"}],
}
API = {
    "ImageCacheName": "web",
    "SecurityGroupId": "sg-1",
    "VSwitchId": "vsw-1,vsw-2",
    "EipInstanceId": "eip-1",
    "ResourceGroupId": "rg-1",
    "ImageCacheSize": 40,
    "RetentionDays": 7,
    "AutoMatchImageCache": True,
    "Flash": False,
    "StandardCopyCount": 2,
    "FlashCopyCount": 3,
    "EliminationStrategy": "LRU",
    "ImageRegistryCredential": [{"Server": "r.example.com", "UserName": "puller", "Password": SECRET}],
    "AcrRegistryInfo": [
        {
            "InstanceId": "cri-1",
            "InstanceName": "acme",
            "RegionId": "cn-hangzhou",
            "Domain": ["a.example.com"],
        }
    ],
    "Tag": [{"Key": "team", "Value": "shop"}],
}


def read(document: Any, **variables: str) -> tuple[Rules, list[str]]:
    """The rules of a document, or of a text as it is, and the problems."""
    text = document if isinstance(document, str) else json.dumps(document)
    env = Environment({"R_PASSWORD": SECRET, "IMC_RULES": text, **variables})
    return read_rules(env), env.problems


def problems_of(*rules: Any, **document: Any) -> list[str]:
    found, problems = read({"rules": list(rules), **document})
    assert found is NO_RULES
    return problems


def loaded(*rules: Any, **document: Any) -> Rules:
    found, problems = read({"rules": list(rules), **document})
    assert problems == []
    return found


@for_each("variables", [{}, {"IMC_RULES": ""}, {"IMC_RULES": " \n "}, {"IMC_RULES_FILE": " "}], ids=ascii)
def test_without_rules_there_are_none(variables: Mapping[str, str]) -> None:
    env = Environment(variables)
    assert read_rules(env) is NO_RULES
    assert env.problems == []


def test_a_document_is_read_in_full() -> None:
    rules = loaded(
        {
            "name": "web",
            "caches": {
                "names": ["web-*"],
                "ids": ["imc-1"],
                "tags": [{"key": "team", "value": "s*"}, {"key": "stage"}],
                "regions": ["cn-hangzhou"],
            },
            "images": {"repositories": ["images.example.com/prod/**", "prod/*"], "tags": ["v*"]},
            "policy": {"type": "semver", "range": ">=1.0 <2", "keep": 2},
            "registry": "read",
            "cooldownSeconds": 600,
            "restoreFailed": False,
            "update": {"retentionDays": 7},
        },
        {},
        {"policy": {"type": "numerical", "pattern": "b-(?P<key>[0-9]+)"}},
        {"policy": {"type": "alphabetical"}},
        {"policy": {"type": "semver", "range": "1.x", "pattern": "web-(?P<key>.+)-prod"}},
        {"policy": {"type": "any", "keep": 20}},
        {"policy": {"type": "exact"}},
        registryAliases={"images.example.com": "acme-registry-vpc.cn-hangzhou.cr.aliyuncs.com"},
    )
    assert rules == Rules(
        (
            Rule(
                "web",
                CacheSelector(
                    ids=("imc-1",),
                    names=("web-*",),
                    tags=(("team", "s*"), ("stage", None)),
                    regions=("cn-hangzhou",),
                ),
                (RepositoryGlob(REGISTRY, "prod/**"), RepositoryGlob(None, "prod/*")),
                ("v*",),
                Policy("semver", 2, ">=1.0 <2"),
                600,
                reads_registry=True,
                restores_failed=False,
                update={"RetentionDays": 7},
            ),
            Rule("1"),
            Rule("2", policy=Policy("numerical", pattern="b-(?P<key>[0-9]+)")),
            Rule("3", policy=Policy("alphabetical")),
            Rule("4", policy=Policy("semver", range="1.x", pattern="web-(?P<key>.+)-prod")),
            Rule("5", policy=Policy("any", 20)),
            Rule("6", policy=Policy("exact")),
        ),
        {"images.example.com": REGISTRY},
    )


@pytest.mark.parametrize("example", SCHEMA["examples"], ids=range(len(SCHEMA["examples"])))
def test_the_schemas_examples_are_rules(example: Any) -> None:
    rules, problems = read(example)
    assert problems == []
    assert len(rules.rules) == len(example["rules"])


def with_update(**members: Any) -> dict[str, Any]:
    return {"update": members}


def with_credential(**members: Any) -> dict[str, Any]:
    return with_update(imageRegistryCredential=[{**CREDENTIAL, **members}])


SEMVER = {"type": "semver", "range": "*"}

VIOLATIONS = [
    pytest.param({"nmae": "x"}, "at /rules/0: ", "no unknown keys", id="unknown key of a rule"),
    pytest.param({"name": ""}, "at /rules/0/name: ", "minLength: 1", id="empty name"),
    pytest.param({"name": "n" * 65}, "at /rules/0/name: ", "maxLength: 64", id="long name"),
    pytest.param({"name": "a\nb"}, "at /rules/0/name: ", "pattern", id="name of two lines"),
    pytest.param({"name": 1}, "at /rules/0/name: ", "type", id="name that is no text"),
    pytest.param({"caches": {}}, "at /rules/0/caches: ", "minProperties", id="empty selector"),
    pytest.param({"caches": {"name": ["x"]}}, "at /rules/0/caches: ", "unknown keys", id="unknown criterion"),
    pytest.param({"caches": {"names": []}}, "at /rules/0/caches/names: ", "minItems", id="no names"),
    pytest.param({"caches": {"regions": ["X"]}}, "at /rules/0/caches/regions/0: ", "pattern", id="no region"),
    pytest.param({"images": {}}, "at /rules/0/images: ", "minProperties", id="empty images"),
    pytest.param({"images": {"tags": []}}, "at /rules/0/images/tags: ", "minItems", id="no tags"),
    pytest.param(
        {"images": {"tags": ["v*", "a b"]}}, "at /rules/0/images/tags/1: ", "pattern", id="a tag with a blank"
    ),
    pytest.param(
        {"images": {"repositories": ["x" * 257]}},
        "at /rules/0/images/repositories/0: ",
        "maxLength",
        id="long glob",
    ),
    pytest.param({"policy": {}}, "at /rules/0/policy: ", "required: type", id="policy without a type"),
    pytest.param({"policy": "any"}, "at /rules/0/policy: ", "type", id="policy that is a text"),
    pytest.param({"policy": {"type": "newest"}}, "at /rules/0/policy/type: ", "enum", id="unknown policy"),
    pytest.param(
        {"policy": {"type": "semver"}}, "at /rules/0/policy: ", "required: range", id="semver, no range"
    ),
    pytest.param({"policy": {"type": "any", "range": "*"}}, "at /rules/0/policy: ", "not", id="range of any"),
    pytest.param(
        {"policy": {"type": "any", "pattern": "(?P<key>.)"}},
        "at /rules/0/policy: ",
        "not",
        id="pattern of any",
    ),
    pytest.param({"policy": {"type": "exact", "keep": 2}}, "at /rules/0/policy: ", "not", id="keep of exact"),
    pytest.param({"policy": {**SEMVER, "keep": 0}}, "at /rules/0/policy/keep: ", "minimum", id="keep none"),
    pytest.param({"policy": {**SEMVER, "keep": 21}}, "at /rules/0/policy/keep: ", "maximum", id="keep 21"),
    pytest.param({"policy": {**SEMVER, "keep": 1.5}}, "at /rules/0/policy/keep: ", "type", id="keep 1.5"),
    pytest.param({"registry": "write"}, "at /rules/0/registry: ", "enum", id="write to a registry"),
    pytest.param({"restoreFailed": "no"}, "at /rules/0/restoreFailed: ", "boolean", id="no truth value"),
    pytest.param({"cooldownSeconds": -1}, "at /rules/0/cooldownSeconds: ", "minimum", id="negative cooldown"),
    pytest.param({"cooldownSeconds": 86401}, "at /rules/0/cooldownSeconds: ", "maximum", id="long cooldown"),
    pytest.param({"update": {}}, "at /rules/0/update: ", "minProperties", id="empty update"),
    pytest.param(with_update(images=["x"]), "at /rules/0/update: ", "unknown keys", id="parameter of ours"),
    pytest.param(with_update(clientToken="x"), "at /rules/0/update: ", "unknown keys", id="client token"),
    pytest.param(
        with_update(imageCacheSize=19), "at /rules/0/update/imageCacheSize: ", "minimum", id="too small"
    ),
    pytest.param(with_update(flash="true"), "at /rules/0/update/flash: ", "type", id="flag that is a text"),
    pytest.param(
        with_update(tag=[{"key": "imc-refresh", "value": ""}]),
        "at /rules/0/update/tag/0/key: ",
        "pattern",
        id="the memory's tag",
    ),
    pytest.param(
        with_update(tag=[{"key": "imc-refresh-digests", "value": ""}]),
        "at /rules/0/update/tag/0/key: ",
        "pattern",
        id="the notes' tag",
    ),
    pytest.param(
        with_update(tag=[{"key": str(number), "value": ""} for number in range(18)]),
        "at /rules/0/update/tag: ",
        "maxItems",
        id="so many tags that none of ours has room",
    ),
    pytest.param(
        with_update(acrRegistryInfo=[{}]),
        "at /rules/0/update/acrRegistryInfo/0: ",
        "required: instanceId",
        id="instance without an id",
    ),
    *(
        pytest.param(
            with_credential(passwordEnv=name),
            "at /rules/0/update/imageRegistryCredential/0/passwordEnv: ",
            "pattern",
            id=f"reserved name {name}",
        )
        for name in ("IMC_WEBHOOK_TOKENS", "FC_REGION", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIYUN_SECRET")
    ),
]


@for_each(("rule", "where", "broken"), VIOLATIONS)
def test_what_breaks_the_schema_is_told_with_its_place_and_rule(
    rule: dict[str, Any], where: str, broken: str
) -> None:
    problems = problems_of(rule)
    assert [problem for problem in problems if problem.startswith(f"IMC_RULES {where}")]
    assert any(where in problem and broken in problem for problem in problems)


@for_each(
    ("document", "where"),
    [
        pytest.param([], "at /: ", id="an array"),
        pytest.param({}, "at /: ", id="no rules"),
        pytest.param({"rules": {}}, "at /rules: ", id="rules that are no array"),
        pytest.param({"rules": [], "aliases": {}}, "at /: ", id="unknown key"),
        pytest.param({"rules": [{}] * 201}, "at /rules: ", id="too many rules"),
        pytest.param({"rules": [None]}, "at /rules/0: ", id="a rule that is nothing"),
        pytest.param({"rules": [], "registryAliases": {"a/b": "c"}}, "at /registryAliases: ", id="alias"),
        pytest.param({"rules": [], "registryAliases": {"a": 1}}, "at /registryAliases/a: ", id="registry"),
        pytest.param({"rules": [], "registryAliases": {"a": ""}}, "at /registryAliases/a: ", id="empty"),
    ],
)
def test_a_document_of_another_shape_is_told(document: Any, where: str) -> None:
    rules, problems = read(document)
    assert rules is NO_RULES
    assert any(problem.startswith(f"IMC_RULES {where}") for problem in problems)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "rules: []",
        '{"rules": [NaN]}',
        "\ud800",
        "[" * 100_000,
        "[" * 65 + "]" * 65,
        '{"rules": [1e999]}',
    ],
    ids=["cut off", "yaml", "NaN", "surrogate", "endless", "too deep", "too large a number"],
)
def test_what_is_no_json_is_told(text: str) -> None:
    rules, problems = read(text)
    assert rules is NO_RULES
    assert [problem.startswith("IMC_RULES has no rules: document ") for problem in problems] == [True]
    assert len(problems[0]) < 400


def test_all_problems_of_the_schema_are_told_at_once_in_the_order_of_their_places() -> None:
    problems = problems_of(
        {"name": "", "cooldownSeconds": -1, "registry": 1}, {"policy": {"type": "x"}}, {"x": 1}
    )
    assert [problem.split(":")[0] for problem in problems] == [
        "IMC_RULES at /rules/0/cooldownSeconds",
        "IMC_RULES at /rules/0/name",
        "IMC_RULES at /rules/0/registry",
        "IMC_RULES at /rules/1/policy/type",
        "IMC_RULES at /rules/2",
    ]


def test_all_problems_beyond_the_schema_are_told_at_once() -> None:
    problems = problems_of(
        {"name": "a", "policy": {"type": "numerical", "pattern": "("}},
        {"name": "a", "policy": {"type": "semver", "range": "newest"}},
        {"policy": {"type": "alphabetical", "pattern": "x"}, "images": {"repositories": ["x", "a..b/c"]}},
        with_credential(passwordEnv="NOT_THERE"),
        registryAliases={"a.example.com": "b.example.com", "b.example.com": "c.example.com", "a..b": "c"},
    )
    assert [problem.partition(": ")[0] for problem in problems] == [
        "IMC_RULES at /registryAliases/a..b",
        "IMC_RULES at /registryAliases",
        "IMC_RULES at /rules/0/policy/pattern",
        "IMC_RULES at /rules/1/policy/range",
        "IMC_RULES at /rules/2/images/repositories/1",
        "IMC_RULES at /rules/2/policy/pattern",
        "IMC_RULES at /rules/3/update/imageRegistryCredential/0/passwordEnv",
        "IMC_RULES at /rules/1/name",
    ]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        pytest.param([{"name": "a"}, {"name": "b"}, {"name": "a"}], "/rules/2/name: 'a'", id="twice"),
        pytest.param([{}, {"name": "0"}], "/rules/1/name: '0'", id="the number of another"),
    ],
)
def test_two_rules_have_two_names(rules: list[dict[str, Any]], expected: str) -> None:
    (problem,) = problems_of(*rules)
    assert expected in problem
    assert problem.endswith("is the name of rule 0 too")


@pytest.mark.parametrize(
    "pattern",
    [
        *("(", "[", "*(?P<key>.)", "(?P<key>.)(?P<key>.)", "(?P<key>a{99999999999})", "(?P=other)(?P<key>.)"),
        "(" * 200 + ")" * 200 + "(",
    ],
    ids=["group", "set", "repetition", "twice", "overflow", "unknown group", "deep"],
)
def test_a_pattern_that_is_no_regular_expression_is_told(pattern: str) -> None:
    (problem,) = problems_of({"policy": {"type": "numerical", "pattern": pattern}})
    assert problem.startswith("IMC_RULES at /rules/0/policy/pattern: is not a regular expression: ")
    assert len(problem) < 300


@for_each(
    ("pattern", "part"),
    [
        pytest.param("(?=v)(?P<key>.+)", "(?=", id="look-ahead"),
        pytest.param("(?P<key>.+)(?<!-rc)", "(?<!", id="look-behind"),
        pytest.param(r"(a+)-(?P<key>.)-\1", r"\1", id="reference to a group"),
        pytest.param("(?P<key>.)(?P=key)", "(?P", id="reference to a named group"),
        pytest.param("(?x) v (?P<key>.+)", "(?x", id="flag for readers"),
        pytest.param(r"v(?P<key>.+)\Z", r"\Z", id="end of text"),
        pytest.param("(?P<key>a{1001})", "{1001}", id="a count that is too large"),
        pytest.param("(?P<key>(?:[a-z]{100}){11})", "{11}", id="counts that multiply"),
        pytest.param(
            "(?P<key>" + "(?:a?){300}" * 3 + ")", "1806 instructions; the limit is 1000", id="too large"
        ),
        pytest.param("(?P<key>a{,3})", "'{,', which has to be written as '{0,'", id="count from nothing"),
        pytest.param(
            "(?P<key>[[:alpha:]]+)", "'[[', which has to be written as '[\\\\['", id="a class by name"
        ),
    ],
)
def test_a_pattern_that_cannot_be_matched_in_a_bounded_time_is_told(pattern: str, part: str) -> None:
    for policy in ({"type": "alphabetical"}, {"type": "numerical"}, SEMVER):
        (problem,) = problems_of({"policy": {**policy, "pattern": pattern}})
        assert problem.startswith("IMC_RULES at /rules/0/policy/pattern: ")
        assert part in problem
        assert len(problem) < 300


@for_each("pattern", ["x", "([0-9]+)", "(?P<keys>.)", "(?:key)"])
def test_a_pattern_without_the_group_is_told(pattern: str) -> None:
    (problem,) = problems_of({"policy": {"type": "alphabetical", "pattern": pattern}})
    assert problem == "IMC_RULES at /rules/0/policy/pattern: has no group (?P<key>...)"


@for_each("range_text", ["newest", ">=1,<2", "^", "rc - 2", "1.x-rc", "<" * 256])
def test_a_range_that_is_none_is_told(range_text: str) -> None:
    (problem,) = problems_of({"policy": {"type": "semver", "range": range_text}})
    assert problem.startswith("IMC_RULES at /rules/0/policy/range: is not a range: ")
    assert len(problem) < 300


@for_each(
    ("aliases", "expected"),
    [
        pytest.param(
            {"a.example.com": "b.example.com", "b.example.com": REGISTRY},
            "at /registryAliases: b.example.com is an alias itself",
            id="alias of an alias",
        ),
        pytest.param(
            {"a.example.com": "A.example.com:443"},
            "at /registryAliases: a.example.com is an alias itself",
            id="alias of itself",
        ),
        pytest.param({"a..b": REGISTRY}, "at /registryAliases/a..b: ", id="domain that is none"),
        pytest.param({"a.example.com": "b..c"}, "at /registryAliases/a.example.com: ", id="registry, none"),
    ],
)
def test_an_alias_is_a_domain_of_a_registry(aliases: dict[str, str], expected: str) -> None:
    (problem,) = problems_of(registryAliases=aliases)
    assert problem.startswith(f"IMC_RULES {expected}")


def test_the_names_of_aliases_are_taken_as_the_registrys() -> None:
    rules = loaded(
        registryAliases={"Images.Example.com:443": "acme-registry-vpc.cn-hangzhou.cr.aliyuncs.com"}
    )
    assert rules.aliases == {"images.example.com": REGISTRY}


@pytest.mark.parametrize("password", ["", "  "], ids=["empty", "blank"])
def test_a_password_that_is_not_there_is_told(password: str) -> None:
    rules, problems = read({"rules": [with_credential()]}, R_PASSWORD=password)
    assert rules is NO_RULES
    (problem,) = problems
    assert problem == (
        "IMC_RULES at /rules/0/update/imageRegistryCredential/0/passwordEnv: "
        "the environment has no variable of this name, or it is empty"
    )


def test_a_password_is_read_anew_each_time() -> None:
    document = {"rules": [with_credential()]}
    passwords = []
    for password in ("first", "second"):
        rules, _ = read(document, R_PASSWORD=password)
        passwords.append(rules.rules[0].update["ImageRegistryCredential"][0]["Password"])
    assert passwords == ["first", "second"]


PASTED = [
    pytest.param(with_credential(passwordEnv=SECRET), id="as the variable's name"),
    pytest.param(with_credential(passwordEnv=f"{SECRET}!"), id="as the variable's name, which it cannot be"),
    pytest.param(with_credential(passwordEnv=f"IMC_{SECRET}"), id="as a reserved name"),
    pytest.param(with_credential(passwordEnv=[SECRET]), id="in an array"),
    pytest.param(with_credential(passwordEnv={"value": SECRET}), id="in an object"),
    pytest.param(with_credential(password=SECRET), id="as a key of its own"),
    pytest.param(with_credential(server=f"https://u:{SECRET}@r.example.com"), id="in an address"),
    pytest.param(with_update(imageRegistryCredential=SECRET), id="instead of all accounts"),
    pytest.param(with_update(imageRegistryCredential=[SECRET]), id="instead of an account"),
    pytest.param(with_update(imageRegistryCredential={"passwordEnv": SECRET}), id="without an array"),
    pytest.param(with_update(imageRegistryCredential=[{"passwordEnv": SECRET}]), id="in half an account"),
    pytest.param({"update": {"password": SECRET}}, id="as a parameter"),
]


@for_each("rule", PASTED)
def test_a_password_in_the_wrong_place_is_told_and_not_shown(rule: dict[str, Any]) -> None:
    environ = {"FC_REGION": "cn-hangzhou", "IMC_RULES": json.dumps({"rules": [rule]})}
    with pytest.raises(SettingsError) as raised:
        read_settings(environ, read_rules)
    assert raised.value.problems
    assert SECRET not in f"{raised.value} {raised.value.problems!r} {raised.value!r}"


def test_no_text_form_of_settings_shows_a_password() -> None:
    environ = {
        "FC_REGION": "cn-hangzhou",
        "R_PASSWORD": SECRET,
        "IMC_RULES": json.dumps({"rules": [with_credential()]}),
    }
    settings = read_settings(environ, read_rules)
    assert settings.rules.rules[0].update["ImageRegistryCredential"][0]["Password"] == SECRET
    for shown in (settings, settings.rules, settings.rules.rules[0]):
        assert SECRET not in f"{shown!r} {shown!s}"


@for_each(
    ("cooldown", "give_up", "refused"),
    [
        pytest.param(21599, "", False, id="just shorter than the default"),
        pytest.param(21600, "", True, id="as long as the default"),
        pytest.param(86400, "86401", False, id="shorter than what is set"),
        pytest.param(600, "600", True, id="as long as what is set"),
        pytest.param(0, "60", False, id="none"),
    ],
)
def test_a_cooldown_is_shorter_than_a_change_is_followed(cooldown: int, give_up: str, refused: bool) -> None:
    environ = {
        "FC_REGION": "cn-hangzhou",
        "IMC_RULES": json.dumps({"rules": [{"name": "web", "cooldownSeconds": cooldown}]}),
        "IMC_FOLLOW_GIVE_UP_SECONDS": give_up,
    }
    if not refused:
        assert read_settings(environ, read_rules).rules.rules[0].cooldown_seconds == cooldown
        return
    with pytest.raises(SettingsError, match=r"rule web: its cooldown of .* IMC_FOLLOW_GIVE_UP_SECONDS"):
        read_settings(environ, read_rules)


def test_problems_of_rules_come_beside_those_of_other_settings() -> None:
    with pytest.raises(SettingsError) as raised:
        read_settings({"IMC_RULES": "[]", "IMC_DRY_RUN": "maybe"}, read_rules)
    told = raised.value.problems
    assert [any(word in problem for problem in told) for word in ("IMC_RULES at /", "IMC_DRY_RUN")] == [
        True
    ] * 2


class TestFile:
    """Rules in a file."""

    def read(self, path: Path | str, **variables: str) -> tuple[Rules, list[str]]:
        env = Environment({"IMC_RULES_FILE": str(path), **variables})
        return read_rules(env), env.problems

    @pytest.mark.parametrize("text", ['{"rules": [{"name": "web"}]}', '\n {"rules": [{"name": "web"}]}\n'])
    def test_a_file_is_read(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "rules.json"
        path.write_text(text, encoding="utf-8")
        assert self.read(path) == (Rules((Rule("web"),)), [])

    def test_a_changed_file_is_read_again(self, tmp_path: Path) -> None:
        path = tmp_path / "rules.json"
        for name in ("one", "two"):
            path.write_text(json.dumps({"rules": [{"name": name}]}), encoding="utf-8")
            assert self.read(path)[0].rules[0].name == name

    def test_a_relative_name_counts_from_the_folder_of_the_entry_points(self) -> None:
        rules, problems = self.read("../schemas/rules.schema.json")
        assert rules is NO_RULES
        assert problems
        assert all(problem.startswith("IMC_RULES_FILE at /") for problem in problems)

    def test_a_name_beyond_ascii_is_a_name(self, tmp_path: Path) -> None:
        path = tmp_path / "régles.json"
        path.write_text('{"rules": [{"name": "näme"}]}', encoding="utf-8")
        assert self.read(path)[0].rules[0].name == "näme"

    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            pytest.param(b"", "is empty", id="empty"),
            pytest.param(b" \n\t", "is empty", id="blank"),
            pytest.param(b"{", "has no rules: document is not valid JSON", id="no JSON"),
            pytest.param(b'{"rules": ["\xff"]}', "has no rules: document is not valid JSON", id="no UTF-8"),
            pytest.param("{}".encode("utf-16"), "has no rules: document is not valid JSON", id="UTF-16"),
            pytest.param(b" " * MAX_BODY_BYTES + b"{}", "has no rules: document has", id="more than is read"),
            pytest.param(b"[]", "at /: ", id="no rules"),
        ],
    )
    def test_a_file_without_rules_is_told(self, tmp_path: Path, content: bytes, expected: str) -> None:
        path = tmp_path / "rules.json"
        path.write_bytes(content)
        rules, problems = self.read(path)
        assert rules is NO_RULES
        assert len(problems) == 1
        assert problems[0].startswith("IMC_RULES_FILE")
        assert expected in problems[0]

    @pytest.mark.parametrize("kind", ["missing", "folder", "not to be read"])
    def test_a_file_that_cannot_be_read_is_told(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / "rules.json"
        if kind == "folder":
            path.mkdir()
        elif kind == "not to be read":
            # Nobody may, root included: a link that leads to itself.
            path.symlink_to(path)
        rules, problems = self.read(path)
        assert rules is NO_RULES
        assert len(problems) == 1
        assert problems[0].startswith(f"IMC_RULES_FILE: {str(path)!a} cannot be read: ")

    def test_a_text_and_a_file_are_one_too_many(self, tmp_path: Path) -> None:
        path = tmp_path / "rules.json"
        path.write_text('{"rules": []}', encoding="utf-8")
        assert self.read(path, IMC_RULES='{"rules": []}') == (
            NO_RULES,
            ["IMC_RULES and IMC_RULES_FILE are both set; set only one of them"],
        )

    def test_problems_name_the_file_variable(self, tmp_path: Path) -> None:
        path = tmp_path / "rules.json"
        path.write_text('{"rules": [{"policy": {"type": "semver", "range": "new"}}]}', encoding="utf-8")
        (problem,) = self.read(path)[1]
        assert problem.startswith("IMC_RULES_FILE at /rules/0/policy/range: ")


def test_every_parameter_is_in_these_tests() -> None:
    assert set(UPDATE) == set(SCHEMA["$defs"]["update"]["properties"])


@for_each(("ours", "theirs"), list(zip(UPDATE, API, strict=True)), ids=list(UPDATE))
def test_a_parameter_reaches_the_request_by_the_apis_name(ours: str, theirs: str) -> None:
    rules = loaded({"update": {ours: UPDATE[ours]}})
    assert rules.rules[0].update == {theirs: API[theirs]}
    cache = ImageCache("cn-hangzhou", "imc-1", "old", "Ready", ("nginx",))
    push = PushEvent("acr", "event-1", "docker.io", "library/nginx", "latest")
    extra = parameters_of(cache, cache.images, rules)
    request = update_request(cache, cache.images, [push], began=NOW, extra=extra)
    validate(request, "update-image-cache")
    if theirs == "Tag":
        assert API["Tag"][0] in request["Tag"]  # type: ignore[index]
    else:
        assert request[theirs] == API[theirs]


def test_all_parameters_at_once_are_a_valid_request() -> None:
    rules = loaded({"update": UPDATE})
    assert rules.rules[0].update == API
    cache = ImageCache("cn-hangzhou", "imc-1", "old", "Ready", ("nginx",), flash=True, size_gib=20)
    push = PushEvent("acr", "event-1", "docker.io", "library/nginx", "latest")
    request = update_request(
        cache, cache.images, [push], began=NOW, extra=parameters_of(cache, cache.images, rules)
    )
    validate(request, "update-image-cache")
    assert {key: request[key] for key in API if key != "Tag"} == {
        key: value for key, value in API.items() if key != "Tag"
    }
