"""The entry point for registry webhooks: what each request is answered, and what it ends as."""

from __future__ import annotations

from typing import Any

import pytest

REFRESHED = ("refreshed", "TAG_REPUSHED")
OTHER_TAG = ("ignored", "POLICY_HOLDS")
NO_MATCH = ("ignored", "NO_MATCH")
NOT_A_PUSH = ("ignored", "NOT_A_PUSH")
NOT_AN_IMAGE = ("ignored", "NOT_AN_IMAGE")
NO_TAG = ("ignored", "NO_TAG")
SIGNATURE = ("ignored", "SIGNATURE_TAG")
AGAINST_SCHEMA = ("rejected", "SCHEMA_VIOLATION")
NO_NAME = ("rejected", "INVALID_REFERENCE")
NO_REGISTRY = ("rejected", "UNKNOWN_REGISTRY")
NOT_JSON = ("rejected", "NOT_JSON")

EXPECTED: dict[str, tuple[int, list[tuple[str, str]]]] = {
    "acr/bad_empty_tag": (400, [AGAINST_SCHEMA]),
    "acr/bad_missing_push_data": (400, [AGAINST_SCHEMA]),
    "acr/bad_missing_region": (400, [NO_REGISTRY]),
    "acr/bad_missing_tag": (400, [AGAINST_SCHEMA]),
    "acr/bad_not_an_object": (400, [AGAINST_SCHEMA]),
    "acr/bad_path_300_chars": (400, [AGAINST_SCHEMA]),
    "acr/bad_region": (400, [NO_REGISTRY]),
    "acr/bad_types": (400, [AGAINST_SCHEMA]),
    "acr/control_chars": (400, [AGAINST_SCHEMA]),
    "acr/control_chars_in_path": (400, [NO_NAME]),
    "acr/digest_is_none": (200, [REFRESHED]),
    "acr/no_digest": (200, [REFRESHED]),
    "acr/no_pushed_at": (200, [REFRESHED]),
    "acr/null_digest_and_time": (200, [REFRESHED]),
    "acr/push_deep_path": (200, [NO_MATCH]),
    "acr/push_latest": (200, [REFRESHED]),
    "acr/push_new_tag": (200, [OTHER_TAG]),
    "acr/push_other_namespace": (200, [NO_MATCH]),
    "acr/push_other_region": (200, [NO_MATCH]),
    "acr/push_vpc_irrelevant": (200, [REFRESHED]),
    "acr/pushed_at_in_future": (200, [REFRESHED]),
    "acr/pushed_at_unreadable": (200, [REFRESHED]),
    "acr/pushed_at_with_zone": (200, [REFRESHED]),
    "acr/signature_tag": (200, [SIGNATURE]),
    "acr/tag_128_chars": (200, [OTHER_TAG]),
    "acr/tag_300_chars": (400, [AGAINST_SCHEMA]),
    "acr/tag_with_slash": (400, [NO_NAME]),
    "acr/trailing_newline_in_tag": (400, [AGAINST_SCHEMA]),
    "acr/unknown_keys": (200, [REFRESHED]),
    "acr/upper_case_repository": (400, [NO_NAME]),
    "distribution/artifact_manifest": (200, [NOT_AN_IMAGE]),
    "distribution/attestation": (200, [SIGNATURE]),
    "distribution/bad_bare_event": (400, [AGAINST_SCHEMA]),
    "distribution/bad_empty_events": (400, [AGAINST_SCHEMA]),
    "distribution/bad_events_is_object": (400, [AGAINST_SCHEMA]),
    "distribution/bad_missing_events": (400, [AGAINST_SCHEMA]),
    "distribution/bad_not_an_object": (400, [AGAINST_SCHEMA]),
    "distribution/blob": (200, [NOT_AN_IMAGE]),
    "distribution/child_manifest_no_tag": (200, [NO_TAG]),
    "distribution/control_chars": (200, [AGAINST_SCHEMA]),
    "distribution/cosign_signature": (200, [SIGNATURE]),
    "distribution/delete": (200, [NOT_A_PUSH]),
    "distribution/empty_tag": (200, [NO_TAG]),
    "distribution/host_nowhere": (200, [REFRESHED]),
    "distribution/host_only_in_url": (200, [REFRESHED]),
    "distribution/host_with_port": (200, [REFRESHED]),
    "distribution/mixed_good_and_bad": (
        200,
        [NOT_A_PUSH, AGAINST_SCHEMA, AGAINST_SCHEMA, NO_NAME, NOT_AN_IMAGE, REFRESHED, REFRESHED],
    ),
    "distribution/mount": (200, [NOT_A_PUSH]),
    "distribution/no_digest_no_media_type": (200, [REFRESHED]),
    "distribution/no_timestamp": (200, [REFRESHED]),
    "distribution/pull": (200, [NOT_A_PUSH]),
    "distribution/push_index": (200, [REFRESHED]),
    "distribution/push_latest": (200, [REFRESHED]),
    "distribution/push_multi_arch": (200, [NOT_AN_IMAGE, NO_TAG, NO_TAG, REFRESHED]),
    "distribution/push_tag_v1": (200, [REFRESHED]),
    "distribution/same_event_twice": (200, [REFRESHED, REFRESHED]),
    "distribution/tag_300_chars": (200, [AGAINST_SCHEMA]),
    "distribution/two_tags": (200, [REFRESHED, REFRESHED]),
}
"""The status that each sample is answered, and what it ends as; what is no push is recorded first."""

REQUESTS: dict[str, tuple[int, list[tuple[str, str]]]] = {
    "bad_body_is_object": (400, [AGAINST_SCHEMA]),
    "bad_missing_method": (400, [AGAINST_SCHEMA]),
    "bad_missing_path": (400, [AGAINST_SCHEMA]),
    "bad_path_5000_chars": (400, [AGAINST_SCHEMA]),
    "bad_query_is_list": (400, [AGAINST_SCHEMA]),
    "bad_query_value": (400, [AGAINST_SCHEMA]),
    "minimal": (405, [("rejected", "METHOD_NOT_ALLOWED")]),
    "webhook_acr": (200, [REFRESHED]),
    "webhook_acr_base64": (200, [REFRESHED]),
    "webhook_acr_registry": (200, [REFRESHED]),
    "webhook_acr_registry_of_other_region": (400, [("rejected", "REGISTRY_MISMATCH")]),
    "webhook_acr_schema_error": (400, [AGAINST_SCHEMA]),
    "webhook_distribution": (200, [NOT_AN_IMAGE, REFRESHED]),
    "webhook_distribution_v2_base64": (200, [REFRESHED]),
    "webhook_get": (405, [("rejected", "METHOD_NOT_ALLOWED")]),
    "webhook_no_token": (401, [("rejected", "UNAUTHORIZED")]),
    "webhook_not_base64": (400, [NOT_JSON]),
    "webhook_not_json": (400, [NOT_JSON]),
    "webhook_null_body": (400, [NOT_JSON]),
    "webhook_unknown_source": (404, [("rejected", "UNKNOWN_SOURCE")]),
    "webhook_wrong_token": (401, [("rejected", "UNAUTHORIZED")]),
}
"""The same for whole requests; those to the manual entry point have their table with its tests."""

ASKS_ECI = {REFRESHED, OTHER_TAG, NO_MATCH}


@pytest.mark.parametrize("source", ["acr", "distribution"])
def test_every_sample_has_a_row(samples: Any, source: str) -> None:
    assert {f"{source}/{name}" for name in samples(source)} == {
        name for name in EXPECTED if name.startswith(f"{source}/")
    }


def test_every_sample_of_a_request_has_a_row(samples: Any) -> None:
    assert {name for name in samples("http") if not name.startswith("manual_")} == set(REQUESTS)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_sample_ends_as_the_table_says(fleet: Any, doors: Any, payload: Any, name: str) -> None:
    source, (status, results) = name.partition("/")[0], EXPECTED[name]
    told = doors.webhook(source, payload(f"{name}.json"))
    assert (told.status, told.results) == (status, results)
    cache = {"acr": "imc-bp1a2b3c4d5e6f7g8h9i", "distribution": "imc-upstream"}[source]
    assert list(fleet.updated()) == ([cache] if REFRESHED in results else [])
    assert (fleet.actions() == []) is not bool(ASKS_ECI & set(results))


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_is_answered_as_the_table_says(fleet: Any, doors: Any, payload: Any, name: str) -> None:
    told = doors.call("on_webhook", payload(f"http/{name}.json"))
    assert (told.status, told.results) == REQUESTS[name]
    assert (fleet.actions() == []) is not bool(ASKS_ECI & set(told.results))


@pytest.mark.parametrize("encode", [False, True], ids=["text", "base64"])
def test_a_body_is_read_however_it_is_encoded(fleet: Any, doors: Any, events: Any, encode: bool) -> None:
    told = doors.webhook("acr", events.acr(), encode=encode)
    assert (told.status, told.results) == (200, [REFRESHED])


def test_in_an_envelope_each_event_has_its_own_fate(fleet: Any, doors: Any, payload: Any) -> None:
    told = doors.webhook("distribution", payload("distribution/mixed_good_and_bad.json"))
    rejected = [outcome for outcome in told.outcomes if outcome["result"] == "rejected"]
    assert [outcome["error"]["where"] for outcome in rejected[:2]] == ["/events/1/target", "/events/3"]
    assert rejected[2]["event_id"] == "8d4c4a5e-6a1b-4d7e-9f20-1c3b5a7d9e10"
    (update,) = fleet.updates()
    refreshed = [outcome for outcome in told.outcomes if outcome["result"] == "refreshed"]
    assert {outcome["image_cache_id"] for outcome in refreshed} == {update.image_cache_id}
    assert len({outcome["eci_request_id"] for outcome in refreshed}) == 1


def test_a_bad_name_in_an_envelope_is_reported_with_its_pointer(fleet: Any, doors: Any, payload: Any) -> None:
    told = doors.webhook("distribution", payload("distribution/mixed_good_and_bad.json"))
    (bad_name,) = (outcome for outcome in told.outcomes if outcome["reason"] == "INVALID_REFERENCE")
    assert bad_name["error"]["where"].startswith("/events/4/")


UNREADABLE: dict[str, list[Any]] = {
    "no events": ["no event", {"id": 1}, None],
    "a tag that is too long": [{"action": "push", "target": {"repository": "prod/web", "tag": "t" * 300}}],
    "a repository that is none": [{"action": "push", "target": {"repository": "Prod/Web", "tag": "v1"}}],
    "a push of nothing": [{"action": "push"}],
}


@pytest.mark.parametrize("events", UNREADABLE.values(), ids=list(UNREADABLE))
def test_events_that_can_never_be_read_do_not_hold_up_what_comes_behind_them(
    doors: Any, deployed: Any, events: list[Any]
) -> None:
    told = doors.webhook("distribution", {"events": events})
    assert (told.status, {result for result, _ in told.results}) == (200, {"rejected"})
    assert all(outcome["error"]["where"].startswith("/events/") for outcome in told.outcomes)
    assert deployed.actions() == []


def test_a_push_beside_an_unreadable_event_is_sent_again_until_it_is_made(
    doors: Any, fleet: Any, payload: Any
) -> None:
    envelope = payload("distribution/push_tag_v1.json")
    envelope["events"].insert(0, {"action": "push"})
    fleet.control.inject("error", code="Throttling", count=20)
    told = doors.webhook("distribution", envelope)
    assert (told.status, [result for result, _ in told.results]) == (503, ["rejected", "failed"])
    fleet.control.clear_faults()
    told = doors.webhook("distribution", envelope)
    assert (told.status, [result for result, _ in told.results]) == (200, ["rejected", "refreshed"])


@pytest.mark.parametrize("document", [{}, {"events": 7}, [], {"event": []}], ids=str)
def test_an_envelope_that_is_none_is_refused(doors: Any, deployed: Any, document: Any) -> None:
    told = doors.webhook("distribution", document)
    assert (told.status, told.results) == (400, [AGAINST_SCHEMA])


@pytest.mark.parametrize("undated", ["null_digest_and_time", "no_pushed_at"])
def test_each_push_that_tells_no_time_rebuilds_the_cache(
    fleet: Any, doors: Any, payload: Any, undated: str
) -> None:
    # Nothing tells two such pushes apart, so each counts as made when it arrived: one update too many, never
    # one too few.
    fleet.control.settings(rebuild_seconds=0)
    for _ in range(2):
        told = doors.webhook("acr", payload(f"acr/{undated}.json"))
        assert told.results == [REFRESHED]
    rebuilds = fleet.control.history("imc-bp1a2b3c4d5e6f7g8h9i")
    assert [rebuild["kind"] for rebuild in rebuilds] == ["rebuild", "rebuild"]


def test_a_busy_cache_is_answered_503(fleet: Any, doors: Any, events: Any) -> None:
    fleet.control.force("imc-bp1a2b3c4d5e6f7g8h9i", "Updating")
    told = doors.webhook("acr", events.acr())
    assert (told.status, told.results) == (503, [("failed", "CACHE_BUSY")])
    assert told.only["fate"] == "retried"


def test_a_permanent_failure_is_answered_500(fleet: Any, doors: Any, events: Any) -> None:
    fleet.control.inject("error", action="UpdateImageCache", code="NoPermission")
    told = doors.webhook("acr", events.acr())
    assert (told.status, told.results) == (500, [("failed", "PERMISSION_DENIED")])
    assert told.only["fate"] == "on_failure_queue"


def test_what_can_be_tried_again_decides_over_what_cannot(fleet: Any, doors: Any, events: Any) -> None:
    entry = "registry.cn-hangzhou.aliyuncs.com/prod/web:latest"
    fleet.cache(entry, status="Updating")
    fleet.control.inject("error", action="UpdateImageCache", code="NoPermission")
    told = doors.webhook("acr", events.acr())
    assert sorted(reason for _, reason in told.results) == ["CACHE_BUSY", "PERMISSION_DENIED"]
    assert told.status == 503


def test_a_failed_update_is_answered_with_the_accepted_ones(fleet: Any, doors: Any, events: Any) -> None:
    fleet.cache("registry.cn-hangzhou.aliyuncs.com/prod/web:latest", status="Updating")
    told = doors.webhook("acr", events.acr())
    assert told.status == 503
    assert sorted(told.results) == [("failed", "CACHE_BUSY"), REFRESHED]
    assert list(fleet.updated()) == ["imc-bp1a2b3c4d5e6f7g8h9i"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "get"])
def test_a_method_other_than_post_is_not_allowed(fleet: Any, doors: Any, events: Any, method: str) -> None:
    told = doors.webhook("acr", events.acr(), method=method)
    assert (told.status, told.results) == (405, [("rejected", "METHOD_NOT_ALLOWED")])
    assert fleet.actions() == []


def test_the_method_may_be_in_lower_case(fleet: Any, doors: Any, events: Any) -> None:
    assert doors.webhook("acr", events.acr(), method="post").status == 200


@pytest.mark.parametrize(
    "path",
    [
        *("", "/", "/acr", "/webhooks", "/webhooks/", "/webhooks/acme", "/webhooks/ACR", "/webhooks/acr/x"),
        *(
            "//webhooks/acr",
            "/webhooks//acr",
            "/webhooks/%61cr",
            "/webhooks/acr?x",
            "/webhooks/../webhooks/acr",
        ),
    ],
)
def test_an_unknown_path_is_answered_with_the_known_sources(
    fleet: Any, doors: Any, events: Any, path: str
) -> None:
    told = doors.call("on_webhook", doors.http(path, events.acr()))
    assert (told.status, told.results) == (404, [("rejected", "UNKNOWN_SOURCE")])
    assert (
        "acr, artifactory, azure, distribution, dockerhub, gitea, github, harbor, native, nexus, quay"
        in told.only["message"]
    )
    assert fleet.actions() == []


def test_a_slash_at_the_end_of_the_path_does_no_harm(fleet: Any, doors: Any, events: Any) -> None:
    assert doors.webhook("acr/", events.acr()).status == 200


@pytest.mark.parametrize(
    ("registry", "status", "reason"),
    [
        ("acme-registry.cn-hangzhou.cr.aliyuncs.com", 200, "TAG_REPUSHED"),
        ("acme-registry.cn-hangzhou.cr.aliyuncs.com%3A443", 200, "TAG_REPUSHED"),
        ("ACME-registry.cn-hangzhou.cr.aliyuncs.com", 200, "TAG_REPUSHED"),
        ("images.example.com", 200, "NO_MATCH"),
        ("", 200, "TAG_REPUSHED"),
        ("acme-registry.cn-beijing.cr.aliyuncs.com", 400, "REGISTRY_MISMATCH"),
        ("https://acme-registry.cn-hangzhou.cr.aliyuncs.com", 400, "INVALID_REFERENCE"),
        ("acme-registry.cn-hangzhou.cr.aliyuncs.com/prod", 400, "INVALID_REFERENCE"),
        ("a\x00b", 400, "INVALID_REFERENCE"),
        ("\ud800", 400, "INVALID_REFERENCE"),
        ("%ff", 400, "INVALID_REFERENCE"),
    ],
)
def test_the_registry_parameter_is_a_host(
    fleet: Any, doors: Any, events: Any, registry: str, status: int, reason: str
) -> None:
    told = doors.webhook("acr", events.acr(), registry=registry)
    assert (told.status, told.only["reason"]) == (status, reason)


def test_an_error_says_where_which_rule_and_what_was_found(doors: Any, payload: Any) -> None:
    told = doors.webhook("acr", payload("acr/bad_types.json"))
    assert told.only["error"] == {
        "class": "input",
        "where": "/push_data/tag",
        "rule": 'type: "string"',
        "found": "14",
    }
