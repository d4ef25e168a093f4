"""Every registry source through both doors: what each sample ends as, and which cache it reaches."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.depth import every_value, pairs

TOKEN = "example-token-0123456789"
OTHER_TAG = "other-tag"

REFRESHED = ("refreshed", "TAG_REPUSHED")
NOT_A_PUSH = ("ignored", "NOT_A_PUSH")
NOT_AN_IMAGE = ("ignored", "NOT_AN_IMAGE")
NO_TAG = ("ignored", "NO_TAG")
SIGNATURE = ("ignored", "SIGNATURE_TAG")
AGAINST_SCHEMA = ("rejected", "SCHEMA_VIOLATION")
NO_NAME = ("rejected", "INVALID_REFERENCE")
NO_REGISTRY = ("rejected", "UNKNOWN_REGISTRY")

HARBOR, HUB, GHCR = "harbor.example.com/prod/web", "docker.io/prod/web", "ghcr.io/prod/web"
QUAY, AZURE, NATIVE = (
    "quay.io/prod/web",
    "acme.azurecr.io/prod/web",
    "registry.example.com/prod/web",
)
KEYED, GITEA = "registry.example.com/prod/web", "gitea.example.com/prod/web"

NAMED = {"artifactory": "registry.example.com", "nexus": "registry.example.com"}
"""The registry that a webhook's URL names, where a payload names none."""

PUSHES: dict[str, list[str]] = {
    "artifactory/push": [f"{KEYED}:v1"],
    "artifactory/push_nested": ["registry.example.com/prod/shop/web:v1"],
    "artifactory/push_index": [f"{KEYED}:latest"],
    "artifactory/push_oci": [f"{KEYED}:v1"],
    "artifactory/push_no_tag_key": [f"{KEYED}:v1"],
    "artifactory/push_tag_is_a_number": [f"{KEYED}:v1"],
    "artifactory/push_no_file_name": [f"{KEYED}:v1"],
    "artifactory/push_leading_slash": [f"{KEYED}:v1"],
    "artifactory/push_no_sha256_no_type": [f"{KEYED}:v1"],
    "artifactory/push_tag_like_a_file": [f"{KEYED}:manifest.json"],
    "nexus/push": [f"{KEYED}:v1"],
    "nexus/push_updated": [f"{KEYED}:v1"],
    "nexus/push_nested": ["registry.example.com/prod/shop/web:v1"],
    "nexus/push_no_time": [f"{KEYED}:v1"],
    "nexus/push_timestamp_is_a_number": [f"{KEYED}:v1"],
    "nexus/push_no_format": [f"{KEYED}:v1"],
    "gitea/push": [f"{GITEA}:v1"],
    "gitea/push_nested": ["gitea.example.com/prod/shop/web:v1"],
    "gitea/push_upper_case_owner": [f"{GITEA}:v1"],
    "gitea/push_owner_has_a_username": [f"{GITEA}:v1"],
    "gitea/push_no_owner": [f"{GITEA}:v1"],
    "gitea/push_below_a_path": [f"{GITEA}:v1"],
    "gitea/push_host_with_port": ["gitea.example.com:3000/prod/web:v1"],
    "gitea/push_no_type": [f"{GITEA}:v1"],
    "gitea/push_latest": [f"{GITEA}:latest"],
    "azure/push_no_id": [f"{AZURE}:v1"],
    "dockerhub/push_pushed_at_in_milliseconds": [f"{HUB}:v1"],
    "dockerhub/push_pushed_at_is_text": [f"{HUB}:v1"],
    "dockerhub/push_pushed_at_is_true": [f"{HUB}:v1"],
    "dockerhub/push_pushed_at_negative": [f"{HUB}:v1"],
    "github/push_no_name": [f"{GHCR}:v1"],
    "github/push_no_package_type": [f"{GHCR}:v1"],
    "github/push_tag_is_a_number": [f"{GHCR}:v1"],
    "github/push_no_container_metadata": [f"{GHCR}:v1"],
    "harbor/push_cloudevents_without_id": [f"{HARBOR}:v1"],
    "harbor/push_occur_at_in_milliseconds": [f"{HARBOR}:v1"],
    "harbor/push_occur_at_is_text": [f"{HARBOR}:v1"],
    "native/push_odd_digest": [f"{NATIVE}:v1"],
    "native/push_empty_id": [f"{NATIVE}:v1"],
    "native/push_time_in_seconds": [f"{NATIVE}:v1"],
    "native/push_time_without_zone": [f"{NATIVE}:v1"],
    "azure/push": [f"{AZURE}:v1"],
    "azure/push_index": [f"{AZURE}:v1"],
    "azure/push_no_media_type_no_digest": [f"{AZURE}:v1"],
    "azure/push_no_time": [f"{AZURE}:v1"],
    "dockerhub/push": [f"{HUB}:v1"],
    "dockerhub/push_float": [f"{HUB}:v1"],
    "dockerhub/push_fraction_of_second": [f"{HUB}:v1"],
    "dockerhub/push_no_time": [f"{HUB}:v1"],
    "dockerhub/push_null_time": [f"{HUB}:v1"],
    "dockerhub/push_official": ["docker.io/library/web:v1"],
    "dockerhub/push_official_with_namespace": ["docker.io/library/web:v1"],
    "github/lower_case_type": [f"{GHCR}:v1"],
    "github/nested_name": ["ghcr.io/prod/shop/web:v1"],
    "github/no_package_url": [f"{GHCR}:v1"],
    "github/no_times": [f"{GHCR}:v1"],
    "github/package_published": [f"{GHCR}:v1"],
    "github/package_updated": [f"{GHCR}:v1"],
    "github/package_url_without_host": [f"{GHCR}:v1"],
    "github/package_url_without_tag": [f"{GHCR}:v1"],
    "github/push_older_registry": ["docker.pkg.github.com/prod/shop/web:v1"],
    "github/registry_package_published": [f"{GHCR}:v1"],
    "github/upper_case_owner": [f"{GHCR}:v1"],
    "github/upper_case_owner_without_package_url": [f"{GHCR}:v1"],
    "harbor/push": [f"{HARBOR}:v1"],
    "harbor/push_cloudevents": [f"{HARBOR}:v1"],
    "harbor/push_host_with_port": ["harbor.example.com:8443/prod/web:v1"],
    "harbor/push_image_type": [f"{HARBOR}:v1"],
    "harbor/push_image_type_two": [f"{HARBOR}:v1", f"{HARBOR}:latest"],
    "harbor/push_no_time": [f"{HARBOR}:v1"],
    "harbor/push_null_optionals": [f"{HARBOR}:v1"],
    "harbor/push_two_resources": [f"{HARBOR}:v1", f"{HARBOR}:latest"],
    "native/push": [f"{NATIVE}:v1"],
    "native/push_digest_in_image": [f"{NATIVE}:v1"],
    "native/push_digest_twice": [f"{NATIVE}:v1"],
    "native/push_docker_hub": ["docker.io/library/web:latest"],
    "native/push_fraction_of_second": [f"{NATIVE}:v1"],
    "native/push_host_with_port": ["registry.example.com:5000/prod/web:v1"],
    "native/push_image_only": [f"{NATIVE}:v1"],
    "native/push_no_such_day": [f"{NATIVE}:v1"],
    "native/push_no_tag": [f"{NATIVE}:latest"],
    "quay/push": [f"{QUAY}:v1"],
    "quay/push_docker_url_with_scheme": [f"{QUAY}:v1"],
    "quay/push_host_with_port": ["quay.io:8443/prod/web:v1"],
    "quay/push_two_tags": [f"{QUAY}:v1", f"{QUAY}:latest"],
}
"""The images that each sample of nothing but pushes tells of."""

MIXED: dict[str, tuple[list[tuple[str, str]], list[str]]] = {
    "harbor/mixed_good_and_bad": (
        [AGAINST_SCHEMA, NO_NAME, NO_TAG, REFRESHED, REFRESHED],
        [f"{HARBOR}:v1", f"{HARBOR}:latest"],
    ),
    "quay/mixed_tag_is_a_number": ([AGAINST_SCHEMA, REFRESHED], [f"{QUAY}:v1"]),
    "quay/mixed_good_and_bad": (
        [NO_NAME, SIGNATURE, REFRESHED, REFRESHED],
        [f"{QUAY}:v1", f"{QUAY}:latest"],
    ),
}
"""What samples end as in which each part has a fate of its own; what is no push is recorded first."""

IGNORED: dict[str, tuple[str, str]] = {
    "artifactory/artifact_deployed": NOT_A_PUSH,
    "artifactory/build_uploaded": NOT_A_PUSH,
    "artifactory/child_manifest": NO_TAG,
    "artifactory/child_manifest_in_folder": NO_TAG,
    "artifactory/deleted": NOT_A_PUSH,
    "artifactory/helm_chart": NOT_AN_IMAGE,
    "artifactory/promoted": NOT_A_PUSH,
    "artifactory/signature_tag": SIGNATURE,
    "gitea/child_manifest": NO_TAG,
    "gitea/deleted": NOT_A_PUSH,
    "gitea/npm": NOT_AN_IMAGE,
    "gitea/push_to_git": NOT_A_PUSH,
    "gitea/release": NOT_A_PUSH,
    "gitea/signature_tag": SIGNATURE,
    "nexus/asset": NOT_A_PUSH,
    "nexus/audit": NOT_A_PUSH,
    "nexus/child_manifest": NO_TAG,
    "nexus/deleted": NOT_A_PUSH,
    "nexus/npm": NOT_AN_IMAGE,
    "nexus/purged": NOT_A_PUSH,
    "nexus/raw_without_version": NOT_AN_IMAGE,
    "nexus/signature_tag": SIGNATURE,
    "azure/chart_as_artifact": NOT_AN_IMAGE,
    "azure/chart_delete": NOT_A_PUSH,
    "azure/chart_push": NOT_A_PUSH,
    "azure/delete": NOT_A_PUSH,
    "azure/null_tag": NO_TAG,
    "azure/ping": NOT_A_PUSH,
    "azure/quarantine": NOT_A_PUSH,
    "azure/signature_tag": SIGNATURE,
    "azure/untagged": NO_TAG,
    "dockerhub/signature_tag": SIGNATURE,
    "github/deleted": NOT_A_PUSH,
    "github/no_version": NO_TAG,
    "github/npm": NOT_AN_IMAGE,
    "github/ping": NOT_A_PUSH,
    "github/signature_tag": SIGNATURE,
    "github/star": NOT_A_PUSH,
    "github/untagged": NO_TAG,
    "harbor/chart_upload": NOT_A_PUSH,
    "harbor/delete": NOT_A_PUSH,
    "harbor/delete_cloudevents": NOT_A_PUSH,
    "harbor/delete_image_type": NOT_A_PUSH,
    "harbor/digest_as_tag": NO_TAG,
    "harbor/empty_tag": NO_TAG,
    "harbor/pull": NOT_A_PUSH,
    "harbor/pull_image_type": NOT_A_PUSH,
    "harbor/quota_exceeded": NOT_A_PUSH,
    "harbor/replication": NOT_A_PUSH,
    "harbor/scan_completed": NOT_A_PUSH,
    "harbor/scanning_completed_type": NOT_A_PUSH,
    "harbor/signature_tag": SIGNATURE,
    "harbor/tag_retention": NOT_A_PUSH,
    "harbor/upload_chart_type": NOT_A_PUSH,
    "native/signature_tag": SIGNATURE,
    "quay/build_success": NOT_A_PUSH,
    "quay/empty_tags": NO_TAG,
    "quay/image_expiry": NOT_A_PUSH,
    "quay/mirror_success": NOT_A_PUSH,
    "quay/signature_tag": SIGNATURE,
    "quay/vulnerability_found": NOT_A_PUSH,
}

TEXT_OR_NULL = 'type: ["string", "null"]'
SECONDS_OR_NULL = 'type: ["number", "null"]'
OBJECT = 'type: "object"'
NO_REPOSITORY = "is not a repository path of at most 255 characters"
IS_NO_TAG = "is not a tag of at most 128 word characters, dots and dashes"
TELLS_HOST = "names the registry's host"
ANY_EVENT = (
    'anyOf: [{"required": ["package"]}, {"required": ["registry_package"]}, {"required": ["sender"]}, '
    '{"required": ["hook_id"]}]'
)

ANY_OF = 'anyOf: [{{"required": ["{}"]}}, {{"required": ["{}"]}}]'
MANIFEST_PATH = "<image path>/<tag>/manifest.json"

REFUSED: dict[str, tuple[tuple[str, str], str, str]] = {
    "artifactory/bad_missing_data": (AGAINST_SCHEMA, "/", "required: data"),
    "artifactory/bad_missing_domain": (AGAINST_SCHEMA, "/", "required: domain"),
    "artifactory/bad_missing_path": (AGAINST_SCHEMA, "/data", "required: path"),
    "artifactory/bad_missing_repo_key": (AGAINST_SCHEMA, "/data/repo_key", 'type: "string"'),
    "artifactory/bad_not_an_object": (AGAINST_SCHEMA, "/", OBJECT),
    "artifactory/path_is_a_tag_alone": (NO_NAME, "/data/path", MANIFEST_PATH),
    "artifactory/path_of_another_tag": (NO_NAME, "/data/path", MANIFEST_PATH),
    "artifactory/upper_case_repository": (NO_NAME, "repository", NO_REPOSITORY),
    "gitea/bad_missing_action": (AGAINST_SCHEMA, "/", 'dependentRequired: {"package": ["action"]}'),
    "gitea/bad_missing_name": (AGAINST_SCHEMA, "/package", "required: name"),
    "gitea/bad_missing_version": (AGAINST_SCHEMA, "/package", "required: version"),
    "gitea/bad_no_kind": (AGAINST_SCHEMA, "/", ANY_OF.format("package", "sender")),
    "gitea/bad_not_an_object": (AGAINST_SCHEMA, "/", OBJECT),
    "gitea/bad_of_nobody": (NO_NAME, "/package", "names its repository"),
    "gitea/bad_package_is_text": (AGAINST_SCHEMA, "/package", 'type: ["object", "null"]'),
    "gitea/host_nowhere": (NO_REGISTRY, "/", TELLS_HOST),
    "gitea/upper_case_name": (NO_NAME, "repository", NO_REPOSITORY),
    "nexus/bad_component_is_text": (AGAINST_SCHEMA, "/component", 'type: ["object", "null"]'),
    "nexus/bad_missing_action": (AGAINST_SCHEMA, "/", 'dependentRequired: {"component": ["action"]}'),
    "nexus/bad_missing_name": (AGAINST_SCHEMA, "/component", "required: name"),
    "nexus/bad_missing_version": (AGAINST_SCHEMA, "/component", "required: version"),
    "nexus/bad_no_kind": (AGAINST_SCHEMA, "/", ANY_OF.format("component", "nodeId")),
    "nexus/bad_not_an_object": (AGAINST_SCHEMA, "/", OBJECT),
    "nexus/bad_version_is_a_number": (AGAINST_SCHEMA, "/component/version", 'type: "string"'),
    "nexus/tag_with_slash": (NO_NAME, "tag", IS_NO_TAG),
    "nexus/upper_case_repository": (NO_NAME, "repository", NO_REPOSITORY),
    "azure/bad_host_is_a_list": (NO_REGISTRY, "/", TELLS_HOST),
    "azure/bad_missing_action": (AGAINST_SCHEMA, "/", "required: action"),
    "azure/bad_missing_repository": (AGAINST_SCHEMA, "/target", "required: repository"),
    "azure/bad_missing_target": (AGAINST_SCHEMA, "/", "required: target"),
    "azure/bad_not_an_object": (AGAINST_SCHEMA, "/", OBJECT),
    "azure/bad_tag_is_a_number": (AGAINST_SCHEMA, "/target/tag", TEXT_OR_NULL),
    "azure/host_nowhere": (NO_REGISTRY, "/", TELLS_HOST),
    "azure/upper_case_repository": (NO_NAME, "repository", NO_REPOSITORY),
    "dockerhub/bad_empty_tag": (AGAINST_SCHEMA, "/push_data/tag", "minLength: 1"),
    "dockerhub/bad_missing_push_data": (AGAINST_SCHEMA, "/", "required: push_data"),
    "dockerhub/bad_missing_repo_name": (AGAINST_SCHEMA, "/repository", "required: repo_name"),
    "dockerhub/bad_missing_tag": (AGAINST_SCHEMA, "/push_data", "required: tag"),
    "dockerhub/bad_not_an_object": (AGAINST_SCHEMA, "/", OBJECT),
    "dockerhub/tag_with_slash": (NO_NAME, "tag", IS_NO_TAG),
    "dockerhub/upper_case_repository": (NO_NAME, "repository", NO_REPOSITORY),
    "github/bad_missing_action": (
        AGAINST_SCHEMA,
        "/",
        'dependentRequired: {"package": ["action"], "registry_package": ["action"]}',
    ),
    "github/bad_not_an_object": (AGAINST_SCHEMA, "/", OBJECT),
    "github/bad_of_nobody": (
        AGAINST_SCHEMA,
        "/",
        ANY_EVENT,
    ),
    "github/bad_package_is_text": (AGAINST_SCHEMA, "/package", OBJECT),
    "github/bad_version_is_a_list": (AGAINST_SCHEMA, "/package/package_version", 'type: ["object", "null"]'),
    "github/other_host": (
        ("rejected", "REGISTRY_NOT_NAMED"),
        "/",
        "a URL with &registry=: /webhooks/github?token=...&registry=<host>",
    ),
    "github/tag_with_slash": (NO_NAME, "tag", IS_NO_TAG),
    "harbor/bad_cloudevents_version": (AGAINST_SCHEMA, "/specversion", 'const: "1.0"'),
    "harbor/bad_cloudevents_without_data": (AGAINST_SCHEMA, "/", "required: data"),
    "harbor/bad_empty_resources": (AGAINST_SCHEMA, "/event_data/resources", "minItems: 1"),
    "harbor/bad_missing_event_data": (AGAINST_SCHEMA, "/", "required: event_data"),
    "harbor/bad_missing_repository": (AGAINST_SCHEMA, "/event_data", "required: repository"),
    "harbor/bad_missing_resources": (AGAINST_SCHEMA, "/event_data", "required: resources"),
    "harbor/bad_missing_type": (AGAINST_SCHEMA, "/", "required: type"),
    "harbor/bad_not_an_object": (AGAINST_SCHEMA, "/", OBJECT),
    "harbor/bad_push_image_without_resources": (AGAINST_SCHEMA, "/event_data", "required: resources"),
    "harbor/bad_resource": (AGAINST_SCHEMA, "/event_data/resources/0/tag", TEXT_OR_NULL),
    "harbor/bad_tag_300_chars": (AGAINST_SCHEMA, "/event_data/resources/0/tag", "maxLength: 256"),
    "harbor/host_nowhere": (NO_REGISTRY, "/event_data/resources/0", TELLS_HOST),
    "harbor/upper_case_repository": (NO_NAME, "/event_data/resources/0/repository", NO_REPOSITORY),
    "native/bad_empty_image": (AGAINST_SCHEMA, "/image", "minLength: 1"),
    "native/bad_missing_image": (AGAINST_SCHEMA, "/", "required: image"),
    "native/bad_not_an_object": (AGAINST_SCHEMA, "/", OBJECT),
    "native/digest_only": (NO_NAME, "image", "names a tag, as a push does, or none for latest"),
    "native/digests_differ": (NO_NAME, "image", "names the same digest as the digest beside it, or none"),
    "native/no_reference": (NO_NAME, "registry host", "is not a host name with an optional port"),
    "native/upper_case_repository": (NO_NAME, "repository", NO_REPOSITORY),
    "quay/bad_empty_tag": (NO_NAME, "/updated_tags/0/tag", IS_NO_TAG),
    "quay/bad_missing_repository": (AGAINST_SCHEMA, "/", "required: repository"),
    "quay/bad_no_kind": (AGAINST_SCHEMA, "/", "anyOf"),
    "quay/bad_not_an_object": (AGAINST_SCHEMA, "/", OBJECT),
    "quay/bad_null_tags": (AGAINST_SCHEMA, "/updated_tags", 'type: "array"'),
    "quay/bad_tags_is_an_object": (AGAINST_SCHEMA, "/updated_tags", 'type: "array"'),
    "quay/host_nowhere": (NO_REGISTRY, "/", TELLS_HOST),
    "quay/host_without_dot": (NO_REGISTRY, "/", TELLS_HOST),
    "quay/upper_case_repository": (NO_NAME, "/updated_tags/0/repository", NO_REPOSITORY),
}
"""Where each bad sample is bad, and which rule it breaks."""

SOURCES = ["artifactory", "azure", "dockerhub", "gitea", "github", "harbor", "native", "nexus", "quay"]


def post(doors: Any, source: str, payload: Any, **query: str | None) -> Any:
    """To the webhook, set up as docs/sources.md says, with the proof that its source asks for."""
    query.setdefault("registry", NAMED.get(source))
    event = doors.http(f"/webhooks/{source}", payload, token=None if source == "github" else TOKEN, **query)
    signature = hmac.new(TOKEN.encode(), event["body"].encode(), hashlib.sha256).hexdigest()
    event["headers"]["X-Hub-Signature-256"] = f"sha256={signature}"
    return doors.call("on_webhook", event)


def publish(doors: Any, source: str, payload: Any) -> Any:
    """Inside an event of a custom bus, by whoever publishes it."""
    event = {"id": "event-1", "source": f"imc-refresh.{source}", "specversion": "1.0", "type": "pushed"}
    named = {"registry": NAMED[source]} if source in NAMED else {}
    return doors.push({**event, **named, "time": "2026-03-02T02:15:40Z", "data": payload})


def relay(doors: Any, source: str, payload: Any) -> Any:
    """Inside the event that EventBridge makes of a request, whose body it did not parse."""
    query = {"source": source, "registry": NAMED.get(source)}
    request = {"path": "/webhook/putEvents", "queryString": query, "body": json.dumps(payload)}
    event = {
        "id": "event-1",
        "source": "my.http",
        "specversion": "1.0",
        "type": "eventbridge:Events:HTTPEvent",
    }
    return doors.push({**event, "data": {"headers": {}, "httpMethod": "POST", **request}})


Sender = Callable[[Any, str, Any], Any]
WAYS: dict[str, tuple[Sender, str]] = {
    "webhook": (post, ""),
    "published": (publish, "/data"),
    "relayed": (relay, "/data/body"),
}
"""How a payload comes, and where in what was received it then stands."""

every_way = pytest.mark.parametrize("way", WAYS)


def caches_for(eci: Any, images: list[str]) -> list[str]:
    """A cache for each image, among others that list almost the same."""
    made = []
    for image in images:
        made.append(eci.cache("redis:7", image))
        name, _, _ = image.rpartition(":")
        eci.cache(f"{name}:{OTHER_TAG}")
        eci.cache(image.replace("/web", "/web-2"), image.replace("/", ".example.org/", 1))
    return made


def test_every_sample_is_in_one_table(samples: Any) -> None:
    tables: list[dict[str, Any]] = [PUSHES, MIXED, IGNORED, REFUSED]
    rows = sorted(name for table in tables for name in table)
    assert rows == sorted(f"{source}/{name}" for source in SOURCES for name in samples(source))


@pytest.mark.parametrize(("name", "way"), pairs(list(PUSHES), list(WAYS)))
def test_a_push_rebuilds_the_caches_that_list_it_and_no_other(
    deployed: Any, doors: Any, payload: Any, name: str, way: str
) -> None:
    caches = caches_for(deployed, PUSHES[name])
    source, _, _ = name.partition("/")
    told = WAYS[way][0](doors, source, payload(f"{name}.json"))
    pushed = [outcome for outcome in told.outcomes if outcome["result"] == "refreshed"]
    assert [(one["source"], one["image"]) for one in pushed] == [(source, image) for image in PUSHES[name]]
    assert {outcome["reason"] for outcome in told.outcomes} <= {"TAG_REPUSHED", "POLICY_HOLDS"}
    assert sorted(deployed.updated()) == sorted(caches)
    assert all(images == ["redis:7", images[1]] for images in deployed.updated().values())
    assert told.status == (200 if way == "webhook" else None)


@every_value
@every_way
@pytest.mark.parametrize("name", MIXED)
def test_in_a_payload_each_part_has_its_own_fate(
    deployed: Any, doors: Any, payload: Any, name: str, way: str
) -> None:
    results, images = MIXED[name]
    caches = [deployed.cache(image) for image in images]
    send, inside = WAYS[way]
    told = send(doors, name.partition("/")[0], payload(f"{name}.json"))
    assert [pair for pair in told.results if pair != ("ignored", "POLICY_HOLDS")] == results
    assert sorted(deployed.updated()) == sorted(caches)
    places = [outcome["error"]["where"] for outcome in told.outcomes if outcome["result"] == "rejected"]
    assert all(place.startswith(f"{inside}/") and "//" not in place for place in places)


@pytest.mark.parametrize(("name", "way"), pairs(list(IGNORED), list(WAYS)))
def test_what_is_no_push_is_ignored_without_a_call_to_eci(
    deployed: Any, doors: Any, payload: Any, name: str, way: str
) -> None:
    source, _, _ = name.partition("/")
    told = WAYS[way][0](doors, source, payload(f"{name}.json"))
    assert told.results == [IGNORED[name]]
    assert told.only["source"] == source
    assert told.status == (200 if way == "webhook" else None)
    assert deployed.actions() == []


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_payload_is_refused_with_its_place_and_the_rule(
    deployed: Any, doors: Any, payload: Any, name: str
) -> None:
    result, where, rule = REFUSED[name]
    told = post(doors, name.partition("/")[0], payload(f"{name}.json"))
    assert (told.status, told.results) == (400, [result])
    assert (told.only["error"]["where"], told.only["error"]["rule"]) == (where, rule)
    assert deployed.actions() == []


@pytest.mark.parametrize(
    ("name", "way"),
    pairs([name for name in REFUSED if not name.endswith("not_an_object")], ["published", "relayed"]),
)
def test_a_bad_payload_in_an_event_is_refused_at_its_place_in_the_event(
    deployed: Any, doors: Any, payload: Any, name: str, way: str
) -> None:
    result, where, rule = REFUSED[name]
    send, inside = WAYS[way]
    source, _, _ = name.partition("/")
    told = send(doors, source, payload(f"{name}.json"))
    assert told.results == [result]
    place = f"{inside}/{where.removeprefix('/')}".removesuffix("/")
    assert (told.only["error"]["where"], told.only["error"]["rule"]) == (place, rule)
    assert told.only["source"] == source
    assert deployed.actions() == []


@pytest.mark.parametrize("source", SOURCES)
def test_the_registry_parameter_goes_before_the_host_in_the_payload(
    deployed: Any, doors: Any, payload: Any, source: str
) -> None:
    name = "package_published" if source == "github" else "push"
    cache = deployed.cache("mirror.example.com/prod/web:v1")
    told = post(doors, source, payload(f"{source}/{name}.json"), registry="mirror.example.com")
    # The native payload has a whole reference, which needs none.
    host = "registry.example.com" if source == "native" else "mirror.example.com"
    assert told.only["image"] == f"{host}/prod/web:v1"
    assert list(deployed.updated()) == ([] if source == "native" else [cache])


@pytest.mark.parametrize(
    "name", ["azure/host_nowhere", "gitea/host_nowhere", "harbor/host_nowhere", "quay/host_nowhere"]
)
def test_the_registry_parameter_names_a_host_that_the_payload_does_not(
    deployed: Any, doors: Any, payload: Any, name: str
) -> None:
    cache = deployed.cache("mirror.example.com/prod/web:v1")
    told = post(doors, name.partition("/")[0], payload(f"{name}.json"), registry="mirror.example.com")
    assert told.results == [REFRESHED]
    assert list(deployed.updated()) == [cache]


PUSH_TIMES = {
    "azure/push": "2026-03-02T02:15:30.343146+00:00",
    "dockerhub/push": "2026-03-02T02:15:30.999999+00:00",
    "dockerhub/push_float": "2026-03-02T02:15:30.999999+00:00",
    "dockerhub/push_fraction_of_second": "2026-03-02T02:15:30.417999+00:00",
    "harbor/push": "2026-03-02T02:15:30.999999+00:00",
    "harbor/push_cloudevents": "2026-03-02T02:15:30.999999+00:00",
    "native/push": "2026-03-02T02:15:30.999999+00:00",
    "nexus/push": "2026-03-02T02:15:30.664999+00:00",
    "native/push_fraction_of_second": "2026-03-02T02:15:30.123457+00:00",
}
"""The latest moment that each time can mean."""


@pytest.mark.parametrize(("name", "way"), pairs(list(PUSH_TIMES), list(WAYS)))
def test_the_time_of_a_push_is_the_payloads(
    deployed: Any, doors: Any, payload: Any, name: str, way: str
) -> None:
    told = WAYS[way][0](doors, name.partition("/")[0], payload(f"{name}.json"))
    assert told.only["pushed_at"] == PUSH_TIMES[name]


UNDATED = {
    "dockerhub/push_no_time",
    "github/no_times",
    "github/package_published",
    "github/package_updated",
    "artifactory/push",
    "gitea/push",
    "harbor/push_no_time",
    "native/push_image_only",
    "nexus/push_no_time",
    "quay/push",
}


@pytest.mark.parametrize("name", sorted(UNDATED))
def test_each_delivery_of_a_push_without_a_time_rebuilds_the_cache(
    deployed: Any, doors: Any, payload: Any, name: str
) -> None:
    # Nothing tells two such pushes apart: one update too many, never one too few.
    deployed.control.settings(rebuild_seconds=0)
    (cache,) = (deployed.cache(image) for image in PUSHES[name])
    for _ in range(2):
        assert post(doors, name.partition("/")[0], payload(f"{name}.json")).results == [REFRESHED]
        deployed.control.wait_for(cache, "Ready")
    assert len(deployed.updates()) == 2


@pytest.mark.parametrize("name", sorted(set(PUSH_TIMES) | {"azure/push_no_time"}))
def test_a_second_delivery_of_a_push_that_can_be_recognised_rebuilds_nothing(
    deployed: Any, doors: Any, payload: Any, name: str
) -> None:
    deployed.control.settings(rebuild_seconds=0)
    (cache,) = (deployed.cache(image) for image in PUSHES[name])
    assert post(doors, name.partition("/")[0], payload(f"{name}.json")).results == [REFRESHED]
    deployed.control.wait_for(cache, "Ready")
    told = post(doors, name.partition("/")[0], payload(f"{name}.json"))
    assert [result for result, _ in told.results] == ["unchanged"]
    assert len(deployed.updates()) == 1


def test_nobody_is_called_back(deployed: Any, doors: Any, payload: Any) -> None:
    cache = deployed.cache(f"{HUB}:v1")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/hook/"
        post(doors, "dockerhub", {**payload("dockerhub/push.json"), "callback_url": url})
        # Whoever had called would be waiting here.
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert list(deployed.updated()) == [cache]
