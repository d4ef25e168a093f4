"""The schema files: sound in themselves, bounded everywhere, and refusing what they say they refuse."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from imagecache.base.errors import ErrorClass
from imagecache.base.reasons import Reason, Result
from imagecache.engine.records import ON_FAILURE_QUEUE, RETRIED
from tests.support.for_each import for_each

ROOT = Path(__file__).parents[2]
SUFFIX = ".schema.json"
SCHEMAS: dict[str, Any] = {
    path.name.removesuffix(SUFFIX): json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "schemas").glob(f"*{SUFFIX}"))
}
REMOVED = object()

_SUBSCHEMA = ("items", "additionalProperties", "propertyNames", "then", "else")
_CONDITION = ("if", "not")
_NAMED_SUBSCHEMAS = ("properties", "$defs", "dependentSchemas")
_ALTERNATIVES = ("allOf", "anyOf", "oneOf")
# The data of an event is typed for the types of event that are read, and free for all others.
_UNTYPED = {("acr-cloudevent", "/properties/data"), ("acr-cloudevent", "/then/then/properties/data")}
_READ_LENIENTLY = ("counts as absent", "not read", "by itself", "whatever it is")
"""Words of a fact that may be anything: an optional one must not lose a push."""

every_schema = pytest.mark.parametrize("name", SCHEMAS)


def subschemas(schema: Any, where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every subschema that declares something, with its JSON pointer.

    Conditions and alternatives are left out: they only ask about what is declared elsewhere.
    """
    if not isinstance(schema, dict):
        return
    yield where, schema
    for keyword in _SUBSCHEMA:
        if keyword in schema:
            yield from subschemas(schema[keyword], f"{where}/{keyword}")
    for keyword in _NAMED_SUBSCHEMAS:
        for key, member in schema.get(keyword, {}).items():
            yield from subschemas(member, f"{where}/{keyword}/{key}")


def keywords(schema: Any) -> Iterator[tuple[str, Any]]:
    """Every keyword with its value, conditions included."""
    if not isinstance(schema, dict):
        return
    for keyword, value in schema.items():
        yield keyword, value
        if keyword in _SUBSCHEMA + _CONDITION:
            yield from keywords(value)
        elif keyword in _NAMED_SUBSCHEMAS:
            for member in value.values():
                yield from keywords(member)
        elif keyword in _ALTERNATIVES:
            for member in value:
                yield from keywords(member)


def types(schema: dict[str, Any]) -> set[str]:
    declared = schema.get("type", [])
    return {declared} if isinstance(declared, str) else set(declared)


def refusal(name: str, document: Any) -> tuple[str, str] | None:
    """Where and by which keyword a schema refuses a document; None if it does not."""
    validator = Draft202012Validator(SCHEMAS[name])
    error = best_match(validator.iter_errors(document))
    if error is None:
        return None
    return "".join(f"/{step}" for step in error.absolute_path), str(error.validator)


def changed(document: Any, pointer: str, value: Any) -> Any:
    """A copy of a document with one place set, added, or removed."""
    if not pointer:
        return value
    result = copy.deepcopy(document)
    *way, last = pointer.removeprefix("/").split("/")
    spot = result
    for step in way:
        spot = spot[int(step)] if isinstance(spot, list) else spot[step]
    place: Any = int(last) if isinstance(spot, list) else last
    if value is REMOVED:
        del spot[place]
    else:
        spot[place] = value
    return result


def sample(name: str, number: int = 0) -> Any:
    return SCHEMAS[name]["examples"][number]


def test_all_documented_schemas_are_there() -> None:
    assert set(SCHEMAS) >= {
        "acr-cloudevent",
        "acr-webhook",
        "artifactory-webhook",
        "azure-webhook",
        "cache-selector",
        "distribution-envelope",
        "distribution-event",
        "dockerhub-webhook",
        "follow-message",
        "gitea-package",
        "gitea-webhook",
        "github-webhook",
        "harbor-resource",
        "harbor-webhook",
        "http-trigger-event",
        "manual-request",
        "native-webhook",
        "nexus-component",
        "nexus-webhook",
        "outcome",
        "probe-message",
        "quay-webhook",
        "rules",
        "timer-event",
        "timer-payload",
        "update-image-cache",
        "wrapped-event",
    }


@every_schema
def test_schema_is_valid_and_names_its_dialect(name: str) -> None:
    assert SCHEMAS[name]["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(SCHEMAS[name])


@every_schema
def test_schema_is_identified_by_its_file_name(name: str) -> None:
    assert SCHEMAS[name]["$id"] == f"https://imc-refresh.example/schemas/{name}{SUFFIX}"
    assert SCHEMAS[name]["title"]


@every_schema
def test_every_property_is_described_and_typed(name: str) -> None:
    undescribed, untyped = [], []
    for where, schema in subschemas(SCHEMAS[name]):
        members = {
            f"{where}/properties/{key}": member for key, member in schema.get("properties", {}).items()
        }
        if "items" in schema:
            members[f"{where}/items"] = schema["items"]
        for pointer, member in members.items():
            if not member.get("description"):
                undescribed.append(pointer)
            optional = any(word in member.get("description", "") for word in _READ_LENIENTLY)
            if not optional and not member.keys() & {"type", "enum", "const", "$ref"}:
                untyped.append(pointer)
    assert SCHEMAS[name]["description"]
    assert SCHEMAS[name]["type"] == "object"
    assert undescribed == []
    assert [pointer for pointer in untyped if (name, pointer) not in _UNTYPED] == []


@every_schema
def test_schema_has_examples_that_are_valid(name: str) -> None:
    examples = SCHEMAS[name]["examples"]
    assert len(examples) >= 2
    assert [refusal(name, example) for example in examples] == [None] * len(examples)


@every_schema
def test_everything_is_bounded(name: str) -> None:
    unbounded = []
    for where, schema in subschemas(SCHEMAS[name]):
        declared = types(schema)
        if "string" in declared and "maxLength" not in schema:
            unbounded.append(f"{where}: string")
        if "array" in declared and "maxItems" not in schema:
            unbounded.append(f"{where}: array")
        if "integer" in declared and not {"minimum", "maximum"} <= schema.keys():
            unbounded.append(f"{where}: integer")
        if "number" in declared and "minimum" not in schema:
            unbounded.append(f"{where}: number")
        if "object" in declared and not schema.keys() & {"properties", "maxProperties"}:
            unbounded.append(f"{where}: object")
    assert unbounded == []


@for_each(
    "name", ["cache-selector", "manual-request", "outcome", "rules", "timer-payload", "update-image-cache"]
)
def test_what_this_project_defines_knows_all_its_keys(name: str) -> None:
    open_objects = [
        where
        for where, schema in subschemas(SCHEMAS[name])
        if "properties" in schema and schema.get("additionalProperties") is not False
    ]
    assert open_objects == []


@every_schema
def test_references_stay_inside_the_file(name: str) -> None:
    references = [value for keyword, value in keywords(SCHEMAS[name]) if keyword == "$ref"]
    assert [reference for reference in references if not reference.startswith("#/$defs/")] == []


@every_schema
def test_patterns_are_anchored_and_refuse_a_trailing_newline(name: str) -> None:
    # Python's $ also matches before a final newline; the other regular expression dialects do not.
    patterns = {value for keyword, value in keywords(SCHEMAS[name]) if keyword == "pattern"}
    assert [pattern for pattern in patterns if not re.fullmatch(r"\^.*\(\?!\\n\)\$", pattern)] == []


@pytest.mark.parametrize("name", ["manual-request", "rules", "timer-payload"])
def test_selector_is_the_same_wherever_it_is_used(name: str) -> None:
    own = {"$schema", "$id", "examples"}
    selector = {key: value for key, value in SCHEMAS["cache-selector"].items() if key not in own}
    assert SCHEMAS[name]["$defs"]["cacheSelector"] == selector


def test_outcome_has_the_words_of_the_code() -> None:
    properties = SCHEMAS["outcome"]["properties"]
    assert properties["result"]["enum"] == [result.value for result in Result]
    assert set(properties["error"]["properties"]["class"]["enum"]) == {kind.value for kind in ErrorClass}
    assert properties["fate"]["enum"] == [RETRIED, ON_FAILURE_QUEUE]


def test_outcome_takes_every_reason_code() -> None:
    refused = {
        reason.value: refusal("outcome", changed(sample("outcome"), "/reason", reason.value))
        for reason in Reason
    }
    assert set(refused.values()) == {None}, refused


@for_each(
    ("name", "pointer"),
    [
        ("update-image-cache", "/properties/ImageRegistryCredential"),
        ("update-image-cache", "/properties/ImageRegistryCredential/items"),
        ("update-image-cache", "/properties/ImageRegistryCredential/items/properties/Password"),
        ("rules", "/$defs/update/properties/imageRegistryCredential"),
        ("rules", "/$defs/update/properties/imageRegistryCredential/items"),
        ("rules", "/$defs/update/properties/imageRegistryCredential/items/properties/server"),
        ("rules", "/$defs/update/properties/imageRegistryCredential/items/properties/passwordEnv"),
        ("http-trigger-event", "/properties/headers"),
        ("http-trigger-event", "/properties/headers/additionalProperties"),
        ("http-trigger-event", "/properties/queryParameters"),
        ("http-trigger-event", "/properties/queryParameters/additionalProperties"),
        ("wrapped-event", "/then/properties/data/properties/queryString"),
        ("wrapped-event", "/then/properties/data/properties/queryString/additionalProperties"),
    ],
)
def test_what_may_hold_a_secret_is_marked(name: str, pointer: str) -> None:
    assert dict(subschemas(SCHEMAS[name]))[pointer]["writeOnly"] is True


CONTROL_CHARACTERS = (
    *("latest\n", "la\x00test", "\x1b[2J", "a\tb", "a\x7f", "a\x85"),
    # A line separator, a paragraph separator, half of a pair of surrogates.
    *("a\u2028b", "a\u2029", "a\ud800"),
)


@for_each(
    ("name", "number", "pointer"),
    [
        ("acr-webhook", 0, "/push_data/tag"),
        ("acr-cloudevent", 0, "/type"),
        ("acr-cloudevent", 1, "/data/BuildStatus"),
        ("distribution-event", 0, "/action"),
        ("azure-webhook", 0, "/target/tag"),
        ("dockerhub-webhook", 0, "/push_data/tag"),
        ("harbor-webhook", 0, "/event_data/repository/repo_full_name"),
        ("native-webhook", 0, "/image"),
        ("rules", 1, "/rules/0/name"),
        ("rules", 1, "/rules/0/caches/names/0"),
        ("rules", 1, "/rules/0/images/repositories/0"),
        ("rules", 1, "/rules/0/images/tags/0"),
        ("rules", 1, "/rules/0/policy/range"),
        ("rules", 1, "/rules/1/policy/pattern"),
        ("rules", 1, "/rules/0/update/acrRegistryInfo/0/domains/0"),
        ("rules", 1, "/rules/0/update/imageRegistryCredential/0/passwordEnv"),
        ("cache-selector", 0, "/names/0"),
        ("timer-event", 0, "/triggerName"),
        ("http-trigger-event", 0, "/requestContext/http/method"),
        ("manual-request", 0, "/image"),
        ("manual-request", 1, "/imageCacheId"),
        ("update-image-cache", 0, "/Image/0"),
        ("update-image-cache", 0, "/ClientToken"),
        ("outcome", 0, "/reason"),
        ("outcome", 0, "/time"),
    ],
)
def test_control_characters_are_refused(name: str, number: int, pointer: str) -> None:
    for text in CONTROL_CHARACTERS:
        assert refusal(name, changed(sample(name, number), pointer, text)) == (pointer, "pattern"), ascii(
            text
        )


CREDENTIAL = {"Server": "r.example.com", "UserName": "u", "Password": "secret"}
FAILED_RECORD = sample("outcome", 1)

ACCEPTED = [
    ("acr-webhook", changed(sample("acr-webhook"), "/push_data/tag", "t" * 128), "tag-of-128"),
    ("acr-webhook", changed(sample("acr-webhook"), "/push_data/digest", None), "null-digest"),
    ("acr-webhook", changed(sample("acr-webhook"), "/repository/name", "名"), "name-beyond-ascii"),
    ("acr-cloudevent", changed(sample("acr-cloudevent"), "/source", "other"), "push-type-of-other-source"),
    ("acr-cloudevent", changed(sample("acr-cloudevent", 2), "/data", REMOVED), "other-type-without-data"),
    ("distribution-envelope", {"events": [None] * 10_000}, "ten-thousand-events-of-any-kind"),
    ("distribution-event", changed(sample("distribution-event"), "/target/tag", ""), "empty-tag"),
    ("dockerhub-webhook", changed(sample("dockerhub-webhook"), "/push_data/pushed_at", 0), "first-second"),
    (
        "dockerhub-webhook",
        changed(sample("dockerhub-webhook"), "/push_data/pushed_at", 253402300799),
        "last-second",
    ),
    ("harbor-webhook", {"type": "SOMETHING_NEW"}, "unknown-type"),
    ("harbor-resource", {}, "resource-without-anything"),
    ("quay-webhook", changed(sample("quay-webhook"), "/updated_tags", ["t" * 128] * 1000), "thousand-tags"),
    ("native-webhook", changed(sample("native-webhook"), "/pushedAt", "2026-12-31T23:59:59.1Z"), "time"),
    ("rules", {"rules": []}, "no-rule"),
    ("rules", {"rules": [{}] * 200}, "two-hundred-rules-without-anything"),
    ("rules", changed(sample("rules", 1), "/rules/0/policy/keep", 20), "keep-twenty"),
    ("rules", changed(sample("rules", 1), "/rules/0/policy/keep", REMOVED), "keep-left-out"),
    (
        "rules",
        changed(sample("rules", 1), "/rules/1/policy/pattern", REMOVED),
        "alphabetical-without-pattern",
    ),
    ("rules", changed(sample("rules", 1), "/rules/0/policy/range", ""), "empty-range"),
    ("rules", changed(sample("rules", 1), "/rules/0/policy/pattern", "web-(?P<key>.+)"), "pattern-of-semver"),
    ("rules", changed(sample("rules", 1), "/rules/0/policy", {"type": "exact"}), "exact"),
    ("rules", changed(sample("rules", 1), "/rules/0/policy", {"type": "any", "keep": 2}), "any"),
    ("rules", changed(sample("rules", 1), "/rules/0/cooldownSeconds", 86400), "longest-cooldown"),
    ("rules", changed(sample("rules", 1), "/rules/0/name", "näme"), "name-beyond-ascii"),
    (
        "rules",
        changed(sample("rules", 1), "/rules/0/update/tag", [{"key": "k", "value": ""}] * 17),
        "as-many-tags-as-leave-room-for-ours",
    ),
    ("cache-selector", {"tags": [{"key": "k", "value": ""}]}, "tag-with-empty-value"),
    ("cache-selector", {"ids": ["imc-1"] * 100}, "hundred-ids"),
    ("manual-request", {"imageCacheId": "imc-1", "images": ["a"] * 20}, "twenty-images"),
    ("timer-payload", {"action": "sweep"}, "sweep-of-all"),
    ("update-image-cache", changed(sample("update-image-cache"), "/ImageCacheSize", 20), "smallest-size"),
    ("update-image-cache", changed(sample("update-image-cache"), "/ImageCacheSize", 32768), "largest-size"),
    ("update-image-cache", changed(sample("update-image-cache"), "/RetentionDays", 65536), "retention"),
    ("update-image-cache", changed(sample("update-image-cache"), "/Image", ["a"] * 20), "twenty-images"),
    ("update-image-cache", changed(sample("update-image-cache"), "/ClientToken", "~" * 64), "token-of-64"),
    ("update-image-cache", changed(sample("update-image-cache"), "/EliminationStrategy", ""), "keep"),
    (
        "update-image-cache",
        changed(sample("update-image-cache"), "/ImageRegistryCredential", [CREDENTIAL] * 10),
        "ten-credentials",
    ),
    ("outcome", changed(sample("outcome"), "/time", "2026-03-02T10:15:30.1+08:00"), "time-with-offset"),
    ("outcome", changed(sample("outcome"), "/message", "m" * 1024), "message-of-1024"),
    ("outcome", changed(sample("outcome"), "/images_after", []), "empty-list"),
    ("outcome", changed(sample("outcome"), "/result", "deferred"), "deferred-without-an-error"),
    ("outcome", changed(sample("outcome"), "/result", "landed"), "landed"),
    ("outcome", changed(sample("outcome"), "/staleness_seconds", 0), "no-staleness"),
    ("outcome", changed(sample("outcome"), "/covered_by", "2026-03-02T02:15:31.4+00:00"), "covered"),
    ("outcome", changed(sample("outcome"), "/follow_task_id", "t" * 128), "task-id-of-128"),
    ("outcome", changed(sample("outcome"), "/hand_off", "h" * 1024), "hand-off-of-1024"),
    ("outcome", changed(sample("outcome"), "/cache_event", "e" * 1024), "cache-event-of-1024"),
    ("follow-message", changed(sample("follow-message"), "/hop", 1_000_000), "last-hop"),
    ("follow-message", changed(sample("follow-message"), "/updateBegan", REMOVED), "nothing-is-waited-for"),
    ("follow-message", changed(sample("follow-message"), "/change/pushedAt", REMOVED), "time-unknown"),
    (
        "follow-message",
        {**sample("follow-message"), "job": "again", "before": ["a"], "after": ["b"]},
        "list-of-its-own",
    ),
    ("follow-message", changed(sample("follow-message", 1), "/caches", REMOVED), "all-caches"),
    ("follow-message", changed(sample("follow-message", 1), "/caches", ["imc-1"] * 2000), "most-caches"),
    ("follow-message", changed(sample("follow-message", 1), "/change/images", ["i"] * 20), "twenty-images"),
    ("follow-message", changed(sample("follow-message", 1), "/change/statuses", []), "no-status"),
    ("follow-message", changed(sample("follow-message", 1), "/change/selector/exactName", ""), "empty-name"),
    ("follow-message", changed(sample("follow-message", 2), "/attempt", 100_000), "before-last-attempt"),
    ("follow-message", changed(sample("follow-message", 2), "/imageCacheId", REMOVED), "before-not-planned"),
    ("follow-message", changed(sample("follow-message", 2), "/rebuilds", 0), "before-never-rebuilt"),
    ("follow-message", changed(sample("follow-message", 3), "/imagesSeen", []), "before-an-empty-list"),
]


@for_each(
    ("name", "document"),
    [pytest.param(name, document, id=f"{name}-{case}") for name, document, case in ACCEPTED],
)
def test_document_at_the_limit_is_accepted(name: str, document: Any) -> None:
    assert refusal(name, document) is None


# name, example number, place that is changed, value, place that is blamed, keyword
CHANGES: list[tuple[str, int, str, Any, str, str]] = [
    ("acr-webhook", 0, "", [], "", "type"),
    ("acr-webhook", 0, "/push_data", REMOVED, "", "required"),
    ("acr-webhook", 0, "/push_data", "latest", "/push_data", "type"),
    ("acr-webhook", 0, "/push_data/tag", REMOVED, "/push_data", "required"),
    ("acr-webhook", 0, "/push_data/tag", "", "/push_data/tag", "minLength"),
    ("acr-webhook", 0, "/push_data/tag", None, "/push_data/tag", "type"),
    ("acr-webhook", 0, "/push_data/tag", "t" * 129, "/push_data/tag", "maxLength"),
    ("acr-webhook", 0, "/repository/repo_full_name", REMOVED, "/repository", "required"),
    ("acr-webhook", 0, "/repository/repo_full_name", "a" * 256, "/repository/repo_full_name", "maxLength"),
    ("azure-webhook", 0, "/target/repository", "r" * 256, "/target/repository", "maxLength"),
    ("azure-webhook", 0, "/target/tag", "t" * 129, "/target/tag", "maxLength"),
    ("dockerhub-webhook", 0, "/push_data/tag", "t" * 129, "/push_data/tag", "maxLength"),
    ("dockerhub-webhook", 0, "/repository/repo_name", "", "/repository/repo_name", "minLength"),
    ("github-webhook", 1, "/registry_package", [], "/registry_package", "type"),
    ("harbor-resource", 0, "", "v1", "", "type"),
    ("harbor-webhook", 0, "/type", "", "/type", "minLength"),
    ("harbor-webhook", 0, "/event_data/resources", [0] * 1001, "/event_data/resources", "maxItems"),
    ("harbor-webhook", 1, "/data/repository/repo_full_name", 1, "/data/repository/repo_full_name", "type"),
    ("native-webhook", 0, "/image", "i" * 1025, "/image", "maxLength"),
    ("quay-webhook", 0, "/updated_tags", ["v1"] * 1001, "/updated_tags", "maxItems"),
    ("wrapped-event", 0, "/data", 1, "/data", "type"),
    ("wrapped-event", 0, "/data", "d" * 1048577, "/data", "maxLength"),
    ("wrapped-event", 1, "/data", "{}", "/data", "type"),
    ("wrapped-event", 1, "/data/body", [], "/data/body", "type"),
    ("acr-cloudevent", 0, "", "event", "", "type"),
    ("acr-cloudevent", 0, "/source", REMOVED, "", "required"),
    ("acr-cloudevent", 0, "/type", REMOVED, "", "required"),
    ("acr-cloudevent", 0, "/specversion", "0.3", "/specversion", "const"),
    ("acr-cloudevent", 0, "/data", REMOVED, "", "required"),
    ("acr-cloudevent", 0, "/data", "{}", "/data", "type"),
    ("acr-cloudevent", 0, "/data/RepoNamespaceName", REMOVED, "/data", "required"),
    ("acr-cloudevent", 0, "/data/RepoName", REMOVED, "/data", "required"),
    ("acr-cloudevent", 0, "/data/Tag", REMOVED, "/data", "required"),
    ("acr-cloudevent", 0, "/data/Tag", "t" * 129, "/data/Tag", "maxLength"),
    ("acr-cloudevent", 1, "/data/BuildStatus", REMOVED, "/data", "required"),
    ("distribution-envelope", 0, "", [], "", "type"),
    ("distribution-envelope", 0, "/events", REMOVED, "", "required"),
    ("distribution-envelope", 0, "/events", {}, "/events", "type"),
    ("distribution-envelope", 0, "/events", [], "/events", "minItems"),
    ("distribution-envelope", 0, "/events", [None] * 10_001, "/events", "maxItems"),
    ("distribution-event", 0, "", None, "", "type"),
    ("distribution-event", 0, "/action", REMOVED, "", "required"),
    ("distribution-event", 0, "/target", REMOVED, "", "required"),
    ("distribution-event", 0, "/target/repository", REMOVED, "/target", "required"),
    ("distribution-event", 0, "/target/repository", "a" * 256, "/target/repository", "maxLength"),
    ("distribution-event", 0, "/target/tag", "t" * 129, "/target/tag", "maxLength"),
    ("cache-selector", 0, "", {}, "", "minProperties"),
    ("cache-selector", 0, "/name", ["web"], "", "additionalProperties"),
    ("cache-selector", 0, "/names", "web-*", "/names", "type"),
    ("cache-selector", 0, "/names", [], "/names", "minItems"),
    ("cache-selector", 0, "/names", ["a"] * 101, "/names", "maxItems"),
    ("cache-selector", 0, "/ids", [], "/ids", "minItems"),
    ("cache-selector", 0, "/tags", [], "/tags", "minItems"),
    ("cache-selector", 0, "/regions", [], "/regions", "minItems"),
    ("cache-selector", 0, "/names/0", "", "/names/0", "minLength"),
    ("cache-selector", 1, "/tags/0/key", REMOVED, "/tags/0", "required"),
    ("cache-selector", 1, "/tags/0/Value", "x", "/tags/0", "additionalProperties"),
    ("cache-selector", 1, "/regions/0", "CN", "/regions/0", "pattern"),
    ("cache-selector", 2, "/ids/0", "imc 1", "/ids/0", "pattern"),
    ("timer-event", 0, "/triggerTime", REMOVED, "", "required"),
    ("timer-event", 0, "/triggerName", REMOVED, "", "required"),
    ("timer-event", 0, "/payload", REMOVED, "", "required"),
    ("timer-event", 0, "/payload", {"action": "sweep"}, "/payload", "type"),
    ("timer-payload", 0, "", "sweep", "", "type"),
    ("timer-payload", 0, "/action", REMOVED, "", "required"),
    ("timer-payload", 0, "/action", "rebuild", "/action", "enum"),
    ("timer-payload", 0, "/cache", {}, "", "additionalProperties"),
    ("timer-payload", 2, "/caches", REMOVED, "", "required"),
    ("timer-payload", 2, "/caches", {}, "/caches", "minProperties"),
    ("timer-payload", 2, "/caches/name", ["web"], "/caches", "additionalProperties"),
    ("http-trigger-event", 0, "/version", REMOVED, "", "required"),
    ("http-trigger-event", 0, "/rawPath", REMOVED, "", "required"),
    ("http-trigger-event", 0, "/headers", REMOVED, "", "required"),
    ("http-trigger-event", 0, "/requestContext", REMOVED, "", "required"),
    ("http-trigger-event", 0, "/requestContext/http", REMOVED, "/requestContext", "required"),
    ("http-trigger-event", 0, "/requestContext/http/method", REMOVED, "/requestContext/http", "required"),
    ("http-trigger-event", 0, "/requestContext/http/method", "", "/requestContext/http/method", "pattern"),
    ("http-trigger-event", 0, "/rawPath", "/" * 4097, "/rawPath", "maxLength"),
    ("http-trigger-event", 0, "/body", {}, "/body", "type"),
    ("http-trigger-event", 0, "/isBase64Encoded", "false", "/isBase64Encoded", "type"),
    ("http-trigger-event", 0, "/headers/Accept", ["*/*"], "/headers/Accept", "type"),
    ("http-trigger-event", 0, "/queryParameters/token", ["t"], "/queryParameters/token", "type"),
    ("http-trigger-event", 0, "/queryParameters/" + "q" * 4097, "", "/queryParameters", "maxLength"),
    ("rules", 1, "", [], "", "type"),
    ("rules", 1, "/rules", REMOVED, "", "required"),
    ("rules", 1, "/rules", [{}] * 201, "/rules", "maxItems"),
    ("rules", 1, "/aliases", {}, "", "additionalProperties"),
    ("rules", 1, "/rules/0/policies", [], "/rules/0", "additionalProperties"),
    ("rules", 1, "/rules/0/name", "", "/rules/0/name", "minLength"),
    ("rules", 1, "/rules/0/name", "n" * 65, "/rules/0/name", "maxLength"),
    ("rules", 1, "/rules/0/caches", {}, "/rules/0/caches", "minProperties"),
    ("rules", 1, "/rules/0/images", {}, "/rules/0/images", "minProperties"),
    ("rules", 1, "/rules/0/images/tags", [], "/rules/0/images/tags", "minItems"),
    ("rules", 1, "/rules/0/images/tags/0", "a b", "/rules/0/images/tags/0", "pattern"),
    ("rules", 1, "/rules/0/policy", {"type": "newest"}, "/rules/0/policy/type", "enum"),
    ("rules", 1, "/rules/0/policy/range", REMOVED, "/rules/0/policy", "required"),
    ("rules", 1, "/rules/0/policy", {"type": "any", "pattern": "(?P<key>.)"}, "/rules/0/policy", "not"),
    ("rules", 1, "/rules/1/policy/range", "*", "/rules/1/policy", "not"),
    ("rules", 1, "/rules/1/policy", {"type": "exact", "keep": 2}, "/rules/1/policy", "not"),
    ("rules", 1, "/rules/0/policy/keep", 0, "/rules/0/policy/keep", "minimum"),
    ("rules", 1, "/rules/0/policy/keep", 21, "/rules/0/policy/keep", "maximum"),
    ("rules", 1, "/rules/0/registry", True, "/rules/0/registry", "enum"),
    ("rules", 1, "/rules/0/cooldownSeconds", 86401, "/rules/0/cooldownSeconds", "maximum"),
    ("rules", 1, "/rules/0/update", {}, "/rules/0/update", "minProperties"),
    ("rules", 1, "/rules/0/update/RetentionDays", 7, "/rules/0/update", "additionalProperties"),
    ("rules", 1, "/rules/0/update/imageCacheSize", 19, "/rules/0/update/imageCacheSize", "minimum"),
    ("rules", 1, "/rules/0/update/acrRegistryInfo", [{}], "/rules/0/update/acrRegistryInfo/0", "required"),
    (
        "rules",
        1,
        "/rules/0/update/imageRegistryCredential/0/server",
        "https://r.example.com",
        "/rules/0/update/imageRegistryCredential/0/server",
        "pattern",
    ),
    (
        "rules",
        1,
        "/rules/0/update/imageRegistryCredential/0/passwordEnv",
        "ALIBABA_CLOUD_SECURITY_TOKEN",
        "/rules/0/update/imageRegistryCredential/0/passwordEnv",
        "pattern",
    ),
    (
        "rules",
        1,
        "/rules/0/update/tag",
        [{"key": "imc-refresh-pushed", "value": ""}],
        "/rules/0/update/tag/0/key",
        "pattern",
    ),
    (
        "rules",
        1,
        "/rules/0/update/tag",
        [{"key": "k", "value": ""}] * 18,
        "/rules/0/update/tag",
        "maxItems",
    ),
    (
        "rules",
        1,
        "/registryAliases/images.example.com",
        "",
        "/registryAliases/images.example.com",
        "minLength",
    ),
    ("manual-request", 0, "", {}, "", "oneOf"),
    ("manual-request", 0, "", {"dryRun": True}, "", "oneOf"),
    ("manual-request", 0, "/imageCacheId", "imc-1", "", "oneOf"),
    ("manual-request", 3, "/imageCacheName", "web", "", "oneOf"),
    ("manual-request", 0, "/images", ["nginx"], "", "anyOf"),
    ("manual-request", 3, "/images", ["nginx"], "", "anyOf"),
    ("manual-request", 1, "/images", [], "/images", "minItems"),
    ("manual-request", 1, "/images", ["nginx"] * 21, "/images", "maxItems"),
    ("manual-request", 1, "/images", "nginx", "/images", "type"),
    ("manual-request", 0, "/image", "i" * 1025, "/image", "maxLength"),
    ("manual-request", 0, "/dryrun", True, "", "additionalProperties"),
    ("manual-request", 0, "/dryRun", 1, "/dryRun", "type"),
    ("manual-request", 0, "/force", "yes", "/force", "type"),
    ("manual-request", 0, "/regionId", "hangzhou!", "/regionId", "pattern"),
    ("manual-request", 3, "/caches", {}, "/caches", "minProperties"),
    ("update-image-cache", 0, "/RegionId", REMOVED, "", "required"),
    ("update-image-cache", 0, "/ImageCacheId", REMOVED, "", "required"),
    ("update-image-cache", 0, "/Images", ["nginx"], "", "additionalProperties"),
    ("update-image-cache", 0, "/Image", [], "/Image", "minItems"),
    ("update-image-cache", 0, "/Image", ["nginx"] * 21, "/Image", "maxItems"),
    ("update-image-cache", 0, "/ClientToken", "t" * 65, "/ClientToken", "maxLength"),
    ("update-image-cache", 0, "/ClientToken", "töken", "/ClientToken", "pattern"),
    ("update-image-cache", 0, "/ImageCacheSize", 19, "/ImageCacheSize", "minimum"),
    ("update-image-cache", 0, "/ImageCacheSize", 32769, "/ImageCacheSize", "maximum"),
    ("update-image-cache", 0, "/ImageCacheSize", True, "/ImageCacheSize", "type"),
    ("update-image-cache", 0, "/RetentionDays", 0, "/RetentionDays", "minimum"),
    ("update-image-cache", 0, "/RetentionDays", 65537, "/RetentionDays", "maximum"),
    ("update-image-cache", 0, "/StandardCopyCount", 0, "/StandardCopyCount", "minimum"),
    ("update-image-cache", 0, "/FlashCopyCount", "1", "/FlashCopyCount", "type"),
    ("update-image-cache", 0, "/Flash", "true", "/Flash", "type"),
    ("update-image-cache", 0, "/EliminationStrategy", "lru", "/EliminationStrategy", "enum"),
    (
        "update-image-cache",
        0,
        "/ImageRegistryCredential",
        [CREDENTIAL] * 11,
        "/ImageRegistryCredential",
        "maxItems",
    ),
    (
        "update-image-cache",
        1,
        "/ImageRegistryCredential/0/Server",
        "https://r.example.com",
        "/ImageRegistryCredential/0/Server",
        "pattern",
    ),
    (
        "update-image-cache",
        1,
        "/ImageRegistryCredential/0/Password",
        REMOVED,
        "/ImageRegistryCredential/0",
        "required",
    ),
    ("update-image-cache", 1, "/AcrRegistryInfo/0/InstanceId", REMOVED, "/AcrRegistryInfo/0", "required"),
    ("update-image-cache", 1, "/AcrRegistryInfo/0/Domains", [], "/AcrRegistryInfo/0", "additionalProperties"),
    ("update-image-cache", 0, "/Tag", [{"Key": "k", "Value": "v"}] * 21, "/Tag", "maxItems"),
    ("update-image-cache", 0, "/Tag/0/Value", REMOVED, "/Tag/0", "required"),
    ("outcome", 0, "/time", REMOVED, "", "required"),
    ("outcome", 0, "/door", REMOVED, "", "required"),
    ("outcome", 0, "/request_id", REMOVED, "", "required"),
    ("outcome", 0, "/result", REMOVED, "", "required"),
    ("outcome", 0, "/reason", REMOVED, "", "required"),
    ("outcome", 0, "/message", REMOVED, "", "required"),
    ("outcome", 0, "/time", "2026-03-02 10:15:30", "/time", "pattern"),
    ("outcome", 0, "/pushed_at", "2026-03-02T10:15:30", "/pushed_at", "pattern"),
    ("outcome", 0, "/door", "on_call", "/door", "enum"),
    ("outcome", 0, "/result", "done", "/result", "enum"),
    ("outcome", 0, "/reason", "TagRepushed", "/reason", "pattern"),
    ("outcome", 0, "/message", "m" * 1025, "/message", "maxLength"),
    ("outcome", 0, "/event_id", "e" * 257, "/event_id", "maxLength"),
    ("outcome", 0, "/images_after", ["nginx"] * 21, "/images_after", "maxItems"),
    ("outcome", 0, "/images_before", "nginx", "/images_before", "type"),
    ("outcome", 0, "/update_calls", -1, "/update_calls", "minimum"),
    ("outcome", 0, "/duration_ms", "1", "/duration_ms", "type"),
    ("outcome", 0, "/imageCacheId", "imc-1", "", "additionalProperties"),
    ("outcome", 0, "/fate", "lost", "/fate", "enum"),
    ("outcome", 0, "/truncated", ["request", "request"], "/truncated", "uniqueItems"),
    ("outcome", 0, "/result", "failed", "", "required"),
    ("outcome", 1, "/fate", REMOVED, "", "required"),
    ("outcome", 1, "/error", REMOVED, "", "required"),
    ("outcome", 1, "/error", {"code": "Throttling"}, "/error", "required"),
    ("outcome", 1, "/error", {"class": "fatal"}, "/error/class", "enum"),
    ("outcome", 1, "/error", {"class": "busy", "text": "x"}, "/error", "additionalProperties"),
    ("outcome", 1, "/error", {"class": "busy", "http_status": 99}, "/error/http_status", "minimum"),
    ("outcome", 0, "/attempt", -1, "/attempt", "minimum"),
    ("outcome", 0, "/staleness_seconds", -0.1, "/staleness_seconds", "minimum"),
    ("outcome", 0, "/covered_by", "2026-03-02T02:15:31", "/covered_by", "pattern"),
    ("outcome", 0, "/follow_task_id", "t" * 129, "/follow_task_id", "maxLength"),
    ("outcome", 0, "/hand_off", "h" * 1025, "/hand_off", "maxLength"),
    ("outcome", 0, "/cache_event", "e" * 1025, "/cache_event", "maxLength"),
    ("follow-message", 0, "", [], "", "type"),
    ("follow-message", 0, "/version", REMOVED, "", "required"),
    ("follow-message", 0, "/version", 3, "/version", "enum"),
    ("follow-message", 0, "/job", "look", "/job", "enum"),
    ("follow-message", 0, "/job", REMOVED, "", "required"),
    ("follow-message", 0, "/due", REMOVED, "", "required"),
    ("follow-message", 0, "/due", "2026-03-02T02:15:31", "/due", "pattern"),
    ("follow-message", 0, "/due", "2026-03-02T10:15:31+08:00", "/due", "pattern"),
    ("follow-message", 0, "/since", "2026-03-02T02:15:31+00:00\n", "/since", "pattern"),
    ("follow-message", 0, "/heldSeconds", -1, "/heldSeconds", "minimum"),
    ("follow-message", 0, "/repeats", "1", "/repeats", "type"),
    ("follow-message", 0, "/looks", 1_000_001, "/looks", "maximum"),
    ("follow-message", 0, "/changes", REMOVED, "", "required"),
    ("follow-message", 0, "/hop", 1.5, "/hop", "type"),
    ("follow-message", 0, "/updateBegan", 1772417731, "/updateBegan", "type"),
    ("follow-message", 0, "/regionId", "CN", "/regionId", "pattern"),
    ("follow-message", 0, "/imageCacheId", "", "/imageCacheId", "minLength"),
    ("follow-message", 0, "/imageCacheId", REMOVED, "", "required"),
    ("follow-message", 0, "/before", ["a"], "", "dependentRequired"),
    ("follow-message", 0, "/after", ["a"], "", "dependentRequired"),
    ("follow-message", 1, "/caches", [], "/caches", "minItems"),
    ("follow-message", 1, "/caches", ["imc-1"] * 2001, "/caches", "maxItems"),
    ("follow-message", 1, "/key", "k" * 301, "/key", "maxLength"),
    ("follow-message", 0, "/attempt", 1, "", "enum"),
    ("follow-message", 0, "/dryRun", True, "", "enum"),
    ("follow-message", 2, "/attempt", REMOVED, "", "required"),
    ("follow-message", 2, "/attempt", 0, "/attempt", "minimum"),
    ("follow-message", 2, "/attempt", 100_001, "/attempt", "maximum"),
    ("follow-message", 2, "/attempt", "1", "/attempt", "type"),
    ("follow-message", 2, "/began", REMOVED, "", "required"),
    ("follow-message", 2, "/regionId", REMOVED, "", "dependentRequired"),
    ("follow-message", 2, "/rebuilds", -1, "/rebuilds", "minimum"),
    ("follow-message", 2, "/rebuilds", "1", "/rebuilds", "type"),
    ("follow-message", 2, "/imagesSeen", "nginx", "/imagesSeen", "type"),
    ("follow-message", 2, "/imagesSeen", ["i"] * 101, "/imagesSeen", "maxItems"),
    ("follow-message", 2, "/due", "2026-03-02T02:15:31+00:00", "", "enum"),
    ("follow-message", 0, "/change", REMOVED, "", "required"),
    ("follow-message", 0, "/change", "push", "/change", "type"),
    ("follow-message", 1, "/change/kind", "pull", "/change/kind", "enum"),
    ("follow-message", 0, "/change/source", REMOVED, "/change", "required"),
    ("follow-message", 0, "/change/eventId", REMOVED, "/change", "required"),
    ("follow-message", 0, "/change/registry", REMOVED, "/change", "required"),
    ("follow-message", 0, "/change/repository", REMOVED, "/change", "required"),
    ("follow-message", 0, "/change/tag", "t" * 129, "/change/tag", "maxLength"),
    ("follow-message", 0, "/change/pushedAt", "2026-03-02", "/change/pushedAt", "pattern"),
    ("follow-message", 1, "/change/reason", "TAG_REPUSHED", "/change/reason", "enum"),
    ("follow-message", 1, "/change/selector", REMOVED, "/change", "required"),
    ("follow-message", 1, "/change/force", "no", "/change/force", "type"),
    ("follow-message", 1, "/change/single", REMOVED, "/change", "required"),
    ("follow-message", 1, "/change/images", [], "/change/images", "minItems"),
    ("follow-message", 1, "/change/images", ["i"] * 21, "/change/images", "maxItems"),
    ("follow-message", 1, "/change/images", [1], "/change/images/0", "type"),
    ("follow-message", 1, "/change/selector/name", "web", "/change/selector", "additionalProperties"),
    ("follow-message", 1, "/change/selector/ids", REMOVED, "/change/selector", "required"),
    ("follow-message", 1, "/change/selector/tags/0/key", REMOVED, "/change/selector/tags/0", "required"),
]


@for_each(
    ("name", "number", "pointer", "value", "blamed", "keyword"),
    [
        pytest.param(*case, id=f"{case[0]}-{case[1]}{case[2][:40] or '/'}-{case[5]}-{index}")
        for index, case in enumerate(CHANGES)
    ],
)
def test_bad_document_is_refused_where_it_is_bad(
    name: str, number: int, pointer: str, value: Any, blamed: str, keyword: str
) -> None:
    assert refusal(name, changed(sample(name, number), pointer, value)) == (blamed, keyword)


PAYLOADS = ROOT / "tests" / "payloads"
SCHEMA_OF_SOURCE = {
    "acr": "acr-webhook",
    "artifactory": "artifactory-webhook",
    "azure": "azure-webhook",
    "cloudevents": "acr-cloudevent",
    "distribution": "distribution-envelope",
    "dockerhub": "dockerhub-webhook",
    "gitea": "gitea-webhook",
    "github": "github-webhook",
    "harbor": "harbor-webhook",
    "http": "http-trigger-event",
    "manual": "manual-request",
    "native": "native-webhook",
    "nexus": "nexus-webhook",
    "quay": "quay-webhook",
    "timer": "timer-event",
    "wrapped": "wrapped-event",
}
REFUSED_SAMPLES = {
    "acr/bad_empty_tag": ("/push_data/tag", "minLength"),
    "acr/bad_missing_push_data": ("", "required"),
    "acr/bad_missing_tag": ("/push_data", "required"),
    "acr/bad_not_an_object": ("", "type"),
    "acr/bad_path_300_chars": ("/repository/repo_full_name", "maxLength"),
    "acr/bad_types": ("/push_data/tag", "type"),
    "acr/control_chars": ("/push_data/tag", "pattern"),
    "acr/tag_300_chars": ("/push_data/tag", "maxLength"),
    "acr/trailing_newline_in_tag": ("/push_data/tag", "pattern"),
    "artifactory/bad_missing_data": ("", "required"),
    "artifactory/bad_missing_domain": ("", "required"),
    "artifactory/bad_missing_path": ("/data", "required"),
    "artifactory/bad_not_an_object": ("", "type"),
    "azure/bad_missing_action": ("", "required"),
    "azure/bad_missing_repository": ("/target", "required"),
    "azure/bad_missing_target": ("", "required"),
    "azure/bad_not_an_object": ("", "type"),
    "azure/bad_tag_is_a_number": ("/target/tag", "type"),
    "cloudevents/bad_build_without_status": ("/data", "required"),
    "cloudevents/bad_data_is_text": ("/data", "type"),
    "cloudevents/bad_missing_data": ("", "required"),
    "cloudevents/bad_missing_tag": ("/data", "required"),
    "cloudevents/bad_not_an_object": ("", "type"),
    "cloudevents/bad_specversion": ("/specversion", "const"),
    "cloudevents/bad_types": ("/data/RepoName", "type"),
    "cloudevents/tag_300_chars": ("/data/Tag", "maxLength"),
    "distribution/bad_bare_event": ("", "required"),
    "distribution/bad_empty_events": ("/events", "minItems"),
    "distribution/bad_events_is_object": ("/events", "type"),
    "distribution/bad_missing_events": ("", "required"),
    "distribution/bad_not_an_object": ("", "type"),
    "dockerhub/bad_empty_tag": ("/push_data/tag", "minLength"),
    "dockerhub/bad_missing_push_data": ("", "required"),
    "dockerhub/bad_missing_repo_name": ("/repository", "required"),
    "dockerhub/bad_missing_tag": ("/push_data", "required"),
    "dockerhub/bad_not_an_object": ("", "type"),
    "gitea/bad_missing_action": ("", "dependentRequired"),
    "gitea/bad_no_kind": ("", "anyOf"),
    "gitea/bad_not_an_object": ("", "type"),
    "gitea/bad_package_is_text": ("/package", "type"),
    "github/bad_missing_action": ("", "dependentRequired"),
    "github/bad_not_an_object": ("", "type"),
    "github/bad_of_nobody": ("", "anyOf"),
    "github/bad_package_is_text": ("/package", "type"),
    "github/bad_version_is_a_list": ("/package/package_version", "type"),
    "harbor/bad_cloudevents_version": ("/specversion", "const"),
    "harbor/bad_cloudevents_without_data": ("", "required"),
    "harbor/bad_empty_resources": ("/event_data/resources", "minItems"),
    "harbor/bad_missing_event_data": ("", "required"),
    "harbor/bad_missing_repository": ("/event_data", "required"),
    "harbor/bad_missing_resources": ("/event_data", "required"),
    "harbor/bad_missing_type": ("", "required"),
    "harbor/bad_not_an_object": ("", "type"),
    "harbor/bad_push_image_without_resources": ("/event_data", "required"),
    "http/bad_body_is_object": ("/body", "type"),
    "http/bad_missing_method": ("/requestContext/http", "required"),
    "http/bad_missing_path": ("", "required"),
    "http/bad_path_5000_chars": ("/rawPath", "maxLength"),
    "http/bad_query_is_list": ("/queryParameters", "type"),
    "http/bad_query_value": ("/queryParameters/token", "type"),
    "manual/bad_21_images": ("/images", "maxItems"),
    "manual/bad_dry_run_is_text": ("/dryRun", "type"),
    "manual/bad_empty_images": ("/images", "minItems"),
    "manual/bad_empty_selector": ("/caches", "minProperties"),
    "manual/bad_if_images_alone": ("", "required"),
    "manual/bad_images_with_image": ("", "anyOf"),
    "manual/bad_images_with_selector": ("", "anyOf"),
    "manual/bad_not_an_object": ("", "type"),
    "manual/bad_nothing_named": ("", "oneOf"),
    "manual/bad_region": ("/regionId", "pattern"),
    "manual/bad_selector_typo": ("/caches", "additionalProperties"),
    "manual/bad_two_named": ("", "oneOf"),
    "manual/bad_typo_dryrun": ("", "additionalProperties"),
    "manual/control_chars": ("/imageCacheName", "pattern"),
    "native/bad_empty_image": ("/image", "minLength"),
    "native/bad_missing_image": ("", "required"),
    "native/bad_not_an_object": ("", "type"),
    "nexus/bad_component_is_text": ("/component", "type"),
    "nexus/bad_missing_action": ("", "dependentRequired"),
    "nexus/bad_no_kind": ("", "anyOf"),
    "nexus/bad_not_an_object": ("", "type"),
    "quay/bad_missing_repository": ("", "required"),
    "quay/bad_no_kind": ("", "anyOf"),
    "quay/bad_not_an_object": ("", "type"),
    "quay/bad_null_tags": ("/updated_tags", "type"),
    "quay/bad_tags_is_an_object": ("/updated_tags", "type"),
    "timer/bad_missing_name": ("", "required"),
    "timer/bad_missing_payload": ("", "required"),
    "timer/bad_payload_is_object": ("/payload", "type"),
    "timer/control_chars": ("/triggerName", "pattern"),
    "wrapped/bad_data_is_a_list": ("/data", "type"),
    "wrapped/bad_http_query_value": ("/data/queryString/registry", "type"),
    "wrapped/bad_http_without_body": ("/data", "required"),
    "wrapped/bad_missing_data": ("", "required"),
    "wrapped/bad_specversion": ("/specversion", "const"),
    "wrapped/http_without_request": ("/data", "type"),
}
"""The samples that a schema refuses; every other one is accepted as a whole."""


def payload(case: str) -> Any:
    return json.loads((PAYLOADS / f"{case}.json").read_text(encoding="utf-8"))


def samples() -> list[str]:
    found = (path.relative_to(PAYLOADS).with_suffix("") for path in PAYLOADS.glob("*/*.json"))
    return sorted(case.as_posix() for case in found if case.parts[0] in SCHEMA_OF_SOURCE)


@for_each("case", [case for case in samples() if not case.startswith("cloudevents/array_")])
def test_sample_is_accepted_or_refused_as_a_whole(case: str) -> None:
    schema = SCHEMA_OF_SOURCE[case.partition("/")[0]]
    assert refusal(schema, payload(case)) == REFUSED_SAMPLES.get(case)


@for_each(
    ("schema", "case", "refused"),
    [
        ("acr-cloudevent", "cloudevents/array_one", {}),
        ("acr-cloudevent", "cloudevents/array_same_event_twice", {}),
        ("acr-cloudevent", "cloudevents/array_mixed", {3: ("/data", "required")}),
        ("acr-cloudevent", "cloudevents/array_of_junk", dict.fromkeys(range(4), ("", "type"))),
        ("distribution-event", "distribution/push_multi_arch", {}),
        ("distribution-event", "distribution/two_tags", {}),
        ("distribution-event", "distribution/delete", {}),
        ("distribution-event", "distribution/no_digest_no_media_type", {}),
        ("distribution-event", "distribution/control_chars", {0: ("/action", "pattern")}),
        ("distribution-event", "distribution/tag_300_chars", {0: ("/target/tag", "maxLength")}),
        (
            "distribution-event",
            "distribution/mixed_good_and_bad",
            {1: ("/target", "required"), 3: ("", "type")},
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and "/" in value else "",
)
def test_events_of_one_delivery_are_judged_one_by_one(
    schema: str, case: str, refused: dict[int, tuple[str, str]]
) -> None:
    document = payload(case)
    events = document if isinstance(document, list) else document["events"]
    judged = {index: found for index, event in enumerate(events) if (found := refusal(schema, event))}
    assert judged == refused


@for_each(
    ("case", "expected"),
    [
        ("sweep", None),
        ("sweep_selected", None),
        ("refresh_by_name", None),
        ("refresh_by_tags", None),
        ("payload_unknown_action", ("/action", "enum")),
        ("payload_without_action", ("", "required")),
        ("payload_refresh_without_caches", ("", "required")),
        ("payload_typo", ("", "required")),
        ("payload_empty_selector", ("/caches", "minProperties")),
        ("payload_encoded_twice", ("", "type")),
    ],
)
def test_payload_of_a_timer_sample(case: str, expected: tuple[str, str] | None) -> None:
    assert refusal("timer-payload", json.loads(payload(f"timer/{case}")["payload"])) == expected
