"""``imc-refresh rules``: every mistake with its place and a hint, what can never match, what is expected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

HOST = "registry.cn-hangzhou.aliyuncs.com"
WEB = f"{HOST}/shop/web"
SEMVER = {"type": "semver", "range": ">=1 <2"}


def test_the_samples_are_right(ask: Any, examples: Path) -> None:
    files = {name: str(examples / f"{name}.json") for name in ("rules", "caches", "expectations")}
    said = ask.json(
        "rules", "test", files["rules"], "--caches", files["caches"], "--expect", files["expectations"]
    )
    assert (said["right"], said["rules"], said["mistakes"]) == (True, ["frozen", "web releases"], [])
    assert [each["met"] for each in said["expectations"]] == [True] * 3
    rows = {
        (row["image_cache_name"], row["entry"].rpartition(":")[2]): row["rule"] for row in said["entries"]
    }
    assert rows["web", "v1.3.2"] == "web releases"
    assert rows["frozen-q1", "v1.2.0"] == "frozen"
    assert rows["tools", "7"] is None


@pytest.mark.parametrize(
    ("rule", "place", "found", "hint"),
    [
        ({"nmae": "web"}, "", "keys nmae", "nmae: did you mean name?"),
        (
            {"cooldown_seconds": 5},
            "",
            "keys cooldown_seconds",
            "cooldown_seconds: did you mean cooldownSeconds?",
        ),
        ({"repositories": ["a"]}, "", "keys repositories", "repositories belongs into images"),
        ({"keep": 2}, "", "keys keep", "keep belongs into policy"),
        ({"zzz": 2}, "", "keys zzz", "zzz: known are name, caches"),
        ({"policy": {"type": "semvr"}}, "/policy/type", "found semvr", "did you mean semver?"),
        ({"policy": {"type": "semver"}}, "/policy", "required: range", '"*" takes every version'),
        ({"policy": {"type": "any", "range": "1"}}, "/policy", "not", "policy any has no range"),
        ({"cooldownSeconds": "5"}, "/cooldownSeconds", "found 5", "write a number without quotes"),
        ({"keepReady": []}, "/keepReady", "type", "write a number without quotes or a text in quotes"),
        ({"caches": {"names": "web"}}, "/caches/names", "type", "write a list: [...]"),
        (
            {"policy": {"type": "semver", "range": ">>1"}},
            "/policy/range",
            "is not a range",
            "an npm-style range",
        ),
        (
            {"policy": {"type": "numerical", "pattern": "b-([0-9]+)"}},
            "/policy/pattern",
            "has no group (?P<key>...)",
            "name the part that is compared",
        ),
        ({"images": {"repositories": ["[::/a"]}}, "/images/repositories/0", "registry host", ""),
        (
            {"images": {"repositories": ["https://a.b/c"]}},
            "/images/repositories/0",
            "registry host",
            "write host/path, without a scheme",
        ),
    ],
)
def test_a_mistake_has_its_place_and_a_hint(ask: Any, rule: Any, place: str, found: str, hint: str) -> None:
    document = ask.rules({"name": "right"}, {**rule, "name": "wrong"})
    said = ask.json("rules", "test", document, exit_code=1)
    assert (said["right"], said["rules"]) == (False, [])
    (mistake,) = [each for each in said["mistakes"] if each["place"] == f"/rules/1{place}"]
    assert mistake["rule"] == "wrong"
    assert found in mistake["found"]
    assert hint in mistake["hint"]


def test_two_rules_of_one_name_are_a_mistake(ask: Any) -> None:
    said = ask.json("rules", "test", ask.rules({"name": "a"}, {"name": "a"}), exit_code=1)
    (mistake,) = said["mistakes"]
    assert (mistake["place"], mistake["found"]) == ("/rules/1/name", "'a' is the name of rule 0 too")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not valid JSON: Expecting property name enclosed in double quotes: line 1 column 2"),
        ("[]", "breaks rule 'type: \"object\"'"),
        ('{"rules": [7]}', "breaks rule 'type: \"object\"'"),
        ("[" * 100_000, "nested deeper than"),
    ],
    ids=["cut off", "a list", "a number for a rule", "too deep"],
)
def test_a_document_of_another_form_is_a_mistake(ask: Any, content: str, message: str) -> None:
    said = ask.json("rules", "test", ask.file(content), exit_code=1)
    assert any(message in each["found"] for each in said["mistakes"])


@pytest.mark.parametrize(
    ("content", "message"),
    [("", "is empty"), (b"\x80", "is not text in UTF-8")],
    ids=["empty", "no text"],
)
def test_a_file_without_a_document_cannot_be_answered(ask: Any, content: Any, message: str) -> None:
    said = ask("rules", "test", ask.file(content))
    assert said.exit_code == 2
    assert message in said.stderr


def test_rules_may_come_through_a_pipe(ask: Any) -> None:
    assert ask("rules", "test", "-", given='{"rules": []}').stdout == "-: 0 rules, no mistake\n"


@pytest.mark.parametrize(
    ("rules", "place", "found"),
    [
        ([{"name": "all"}, {"name": "b", "images": {"tags": ["v*"]}}], "/rules/1", "rule all comes first"),
        (
            [
                {"name": "all", "images": {"repositories": ["**"], "tags": ["*"]}},
                {"name": "b", "caches": {"ids": ["i"]}},
            ],
            "/rules/1",
            "rule all comes first",
        ),
        (
            [{"name": "two", "caches": {"names": ["a", "b"]}}, {"name": "one", "caches": {"names": ["a"]}}],
            "/rules/1",
            "rule two comes first",
        ),
        (
            [{"images": {"repositories": ["shop/web:v1"]}}],
            "/rules/0/images/repositories/0",
            "has no tag or digest",
        ),
        (
            [{"images": {"repositories": ["/shop/web"]}}],
            "/rules/0/images/repositories/0",
            "none begins with /",
        ),
        (
            [{"images": {"repositories": ["shop/Web"]}}],
            "/rules/0/images/repositories/0",
            "no capital letters",
        ),
        (
            [{"images": {"repositories": ["nginx"]}}],
            "/rules/0/images/repositories/0",
            "of one component only",
        ),
        ([{"images": {"tags": ["web:v1"]}}], "/rules/0/images/tags/0", "matches no tag"),
    ],
    ids=[
        "behind all",
        "behind stars",
        "behind more names",
        "a tag",
        "a slash",
        "capitals",
        "official",
        "tag",
    ],
)
def test_what_can_never_match_is_a_warning(ask: Any, rules: Any, place: str, found: str) -> None:
    document = ask.rules(*rules)
    said = ask.json("rules", "test", document)
    (warning,) = said["warnings"]
    assert (said["right"], warning["place"]) == (True, place)
    assert found in warning["found"]
    assert ask.json("rules", "test", document, "--strict", exit_code=1)["right"] is False


@pytest.mark.parametrize(
    "rules",
    [
        [{"name": "a", "images": {"tags": ["v*"]}}, {"name": "b"}],
        [{"name": "a", "caches": {"names": ["a"]}}, {"name": "b", "caches": {"names": ["b"]}}],
        [{"name": "a", "caches": {"tags": [{"key": "t"}]}}, {"name": "b", "caches": {"names": ["b"]}}],
        [
            {"name": "a", "images": {"repositories": ["a/*"]}},
            {"name": "b", "images": {"repositories": ["a/**"]}},
        ],
        [{"images": {"repositories": ["library/nginx", "*", "a.example.com/**", "**"]}}],
    ],
    ids=["narrower first", "other names", "a tag first", "a smaller glob first", "globs"],
)
def test_what_can_match_is_no_warning(ask: Any, rules: Any) -> None:
    assert ask.json("rules", "test", ask.rules(*rules))["warnings"] == []


def test_caches_show_what_touches_nothing_and_what_nothing_touches(ask: Any, cache: Any) -> None:
    saved = ask.caches(cache("web", f"{WEB}:v3.0.0", f"{WEB}:v4.0.0"), cache("tools", "redis:7"))
    document = ask.rules(
        {"name": "absent", "caches": {"names": ["gone-*"]}},
        {"name": "versions", "images": {"repositories": ["shop/*"]}, "policy": SEMVER},
        {"name": "late", "images": {"repositories": ["shop/web"]}},
        {"name": "nothing", "images": {"repositories": ["team/**"]}},
    )
    said = ask.json("rules", "test", document, "--caches", saved)
    assert [(each["place"], each["found"]) for each in said["warnings"]] == [
        ("/rules/0", "matches none of the 2 caches"),
        ("/rules/1/policy/range", "policy semver understands none of the 2 listed tags (v3.0.0 and v4.0.0)"),
        ("/rules/2", "decides about no entry: rule versions comes first for all 2"),
        ("/rules/3", "matches no entry of the 2 caches that it selects"),
        ("/rules", "no rule touches cache tools in cn-hangzhou: its policy is exact"),
    ]
    shown = ask("rules", "test", document, "--caches", saved).stdout
    assert "4 rules, no mistake" in shown
    assert any(line.split() == ["tools", "redis:7", "exact"] for line in shown.splitlines())


@pytest.mark.parametrize(
    "content",
    [
        "# from the registry\nv3.0.0\n\nv4.0.0\n",
        '["v3.0.0", "v4.0.0"]',
        '{"name": "shop/web", "tags": ["v3.0.0", "v4.0.0"]}',
    ],
    ids=["lines", "a list", "a registry's answer"],
)
def test_tags_show_a_policy_that_understands_none(ask: Any, content: str) -> None:
    document = ask.rules({"name": "versions", "policy": SEMVER, "images": {"tags": ["v3.*", "v4.*"]}})
    said = ask.json("rules", "test", document, "--tags", ask.file(content, "tags"))
    (warning,) = said["warnings"]
    assert warning["place"] == "/rules/0/policy/range"
    assert "understands none of the 2 given tags" in warning["found"]
    assert warning["hint"].startswith("outside_range: ")


@pytest.mark.parametrize(
    ("policy", "tag", "place"),
    [
        ({"type": "numerical"}, "latest", "type"),
        ({"type": "alphabetical", "pattern": "main-(?P<key>.+)"}, "latest", "pattern"),
        ({"type": "semver", "range": "*"}, "1.0.0-rc.1", "range"),
    ],
)
def test_the_warning_names_the_part_of_the_policy(ask: Any, policy: Any, tag: str, place: str) -> None:
    said = ask.json("rules", "test", ask.rules({"policy": policy}), "--tags", ask.file(tag))
    assert [each["place"] for each in said["warnings"]] == [f"/rules/0/policy/{place}"]


def test_tags_show_a_rule_that_takes_none(ask: Any) -> None:
    said = ask.json("rules", "test", ask.rules({"images": {"tags": ["v*"]}}), "--tags", ask.file("1.0\n"))
    assert [each["found"] for each in said["warnings"]] == ["none of the 1 given tags matches v*"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1]", "has no list of tags"),
        ("v1.0\nfrom v1 on\n", "'from v1 on' is not a tag"),
        ('["v1.0", ""]', "'' is not a tag"),
        ("{}", "has no list of tags"),
        ("[", "is not JSON"),
        (b"\x80", "is not text"),
    ],
)
def test_a_file_of_no_tags_cannot_be_answered(ask: Any, content: Any, message: str) -> None:
    said = ask("rules", "test", ask.rules(), "--tags", ask.file(content))
    assert said.exit_code == 2
    assert message in said.stderr


@pytest.mark.parametrize(
    ("image", "want", "met"),
    [
        ("v1.1.0", "TAG_PROMOTED", True),
        ("v1.0.0", "TAG_REPUSHED", True),
        ("v1.1.0", [f"{WEB}:v1.1.0"], True),
        ("v2.0.0", "outside_range", True),
        ("v2.0.0", "POLICY_HOLDS", True),
        ("v2.0.0", [f"{WEB}:v1.0.0"], True),
        ("v0.9.0", "older", False),
        ("v1.1.0", [f"{WEB}:v1.0.0"], False),
    ],
)
def test_an_expectation_is_met_or_not(ask: Any, cache: Any, image: str, want: Any, met: bool) -> None:
    # What rules decide does not depend on whether the cache is busy at this moment.
    saved = ask.caches(cache("web", f"{WEB}:v1.0.0", Status="Updating"))
    wanted = ask.file([{"image": f"{WEB}:{image}", "cache": "web", "want": want}], "expect.json")
    options = (ask.rules({"policy": SEMVER}), "--caches", saved, "--expect", wanted)
    said = ask.json("rules", "test", *options, exit_code=0 if met else 1)
    assert (said["right"], said["expectations"][0]["met"]) == (met, met)
    shown = ask("rules", "test", *options).stdout
    assert f"Expectations: {int(met)} of 1 met" in shown


def test_an_image_that_a_cache_does_not_list_is_no_match(ask: Any, cache: Any) -> None:
    wanted = ask.file([{"image": "redis:7", "cache": "web", "want": "NO_MATCH"}], "expect.json")
    saved = ask.caches(cache("web", f"{WEB}:v1.0.0"))
    assert ask("rules", "test", ask.rules(), "--caches", saved, "--expect", wanted).exit_code == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ({}, "is no list"),
        ([7], "expectation 1 needs the keys image, cache and want, and no others; found no object"),
        ([{"image": "a", "cache": "web"}], "found keys image, cache"),
        ([{"image": 7, "cache": "web", "want": "older"}], "image and cache are texts"),
        ([{"image": "a", "cache": "web", "want": "TAG_PROMOTD"}], "Did you mean TAG_PROMOTED"),
        ([{"image": "a", "cache": "web", "want": 7}], "want 7 is not known"),
        ([{"image": "a", "cache": "wep", "want": "older"}], "no image cache has the id or name wep"),
        ([{"image": "A", "cache": "web", "want": "older"}], "is not a repository path"),
    ],
    ids=range(9),
)
def test_expectations_of_another_form_cannot_be_answered(
    ask: Any, cache: Any, content: Any, message: str
) -> None:
    saved = ask.caches(cache("web", "nginx"))
    said = ask("rules", "test", ask.rules(), "--caches", saved, "--expect", ask.file(content, "expect.json"))
    assert said.exit_code == 2
    assert message in said.stderr


def test_expectations_need_caches(ask: Any) -> None:
    said = ask("rules", "test", ask.rules(), "--expect", ask.file([], "expect.json"))
    assert said.exit_code == 2
    assert "--expect needs caches" in said.stderr


def test_each_rule_is_explained_in_a_sentence(ask: Any) -> None:
    document = ask.rules(
        {
            "name": "web",
            "caches": {
                "ids": ["imc-1"],
                "names": ["web-*", "api"],
                "regions": ["cn-hangzhou"],
                "tags": [{"key": "team", "value": "shop"}, {"key": "owner"}],
            },
            "images": {"repositories": [f"{HOST}/prod/**"], "tags": ["v*"]},
            "policy": {"type": "semver", "range": ">=1.0 <2", "keep": 2},
            "registry": "read",
            "cooldownSeconds": 600,
            "approval": True,
            "minAgeSeconds": 259200,
            "keepReady": "50%",
            "restoreFailed": False,
            "update": {"retentionDays": 7, "flash": True},
        },
        {"name": "ci", "policy": {"type": "numerical", "pattern": "build-(?P<key>[0-9]+)"}},
        {"name": "days", "policy": {"type": "alphabetical", "pattern": "main-(?P<key>.+)"}},
        {"name": "text", "policy": {"type": "alphabetical"}},
        {"name": "last", "policy": {"type": "any"}},
        {"name": "rest"},
        registryAliases={"images.example.com": HOST},
    )
    said = {row["rule"]: row["says"] for row in ask.json("rules", "explain", document)["rules"]}
    assert said["web"] == (
        "In caches with id imc-1 named web-* or api with the tag team=shop with the tag owner of cn-hangzhou,"
        f" for entries of {HOST}/prod/** with a tag v*: a pushed tag that is a version in >=1.0 <2 joins; "
        "the newest 2 stay listed (the higher version is the newer). The registry is asked for its tags "
        "and digests before each update and by the sweep. A tag is promoted 3 d after it was pushed. "
        "Nothing is promoted before a person has approved the new list. Of the caches that list a "
        "repository, 50% stay Ready while others are rebuilt. A push waits until 10 min after the cache's "
        "last update began. A tag that cannot be built stays listed. Updates carry RetentionDays and Flash."
    )
    assert "whose key in build-(?P<key>[0-9]+) is a number takes the place" in said["ci"]
    assert "whose key in main-(?P<key>.+) is there takes" in said["days"]
    assert "every pushed tag takes the place of the listed one (the later text is the newer)" in said["text"]
    assert "(the later push is the newer)" in said["last"]
    assert said["rest"].endswith("only a push of the very tag that is listed rebuilds the cache.")
    shown = ask("rules", "explain", document).stdout
    assert f"images.example.com is {HOST}." in shown
    assert shown.splitlines()[0] == "web"


def test_wrong_rules_are_not_explained(ask: Any) -> None:
    said = ask("rules", "explain", ask.rules({"nmae": "web"}))
    assert said.exit_code == 2
    assert "at /rules/0: breaks rule 'no unknown keys', found keys nmae" in said.stderr
