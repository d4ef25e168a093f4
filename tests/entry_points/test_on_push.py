"""The entry point for EventBridge: what each delivery ends as, and what is raised."""

from __future__ import annotations

from typing import Any

import pytest

from imagecache.base.errors import PermanentEntryPointError, RetryableEntryPointError

REFRESHED = ("refreshed", "TAG_REPUSHED")
NO_PUSH = ("ignored", "UNKNOWN_EVENT_TYPE")
FAILED_BUILD = ("ignored", "BUILD_FAILED")
AGAINST_SCHEMA = ("rejected", "SCHEMA_VIOLATION")
NO_NAME = ("rejected", "INVALID_REFERENCE")
NO_REGISTRY = ("rejected", "UNKNOWN_REGISTRY")

EXPECTED: dict[str, list[tuple[str, str]]] = {
    "array_empty": [("ignored", "NO_EVENTS")],
    "array_mixed": [NO_PUSH, FAILED_BUILD, AGAINST_SCHEMA, REFRESHED, REFRESHED],
    "array_of_junk": [AGAINST_SCHEMA, AGAINST_SCHEMA, AGAINST_SCHEMA, AGAINST_SCHEMA, REFRESHED],
    "array_one": [REFRESHED],
    "array_same_event_twice": [REFRESHED, REFRESHED],
    "bad_build_without_status": [AGAINST_SCHEMA],
    "bad_data_is_text": [AGAINST_SCHEMA],
    "bad_missing_data": [AGAINST_SCHEMA],
    "bad_missing_tag": [AGAINST_SCHEMA],
    "bad_no_region": [NO_REGISTRY],
    "bad_not_an_object": [AGAINST_SCHEMA],
    "bad_specversion": [AGAINST_SCHEMA],
    "bad_types": [AGAINST_SCHEMA],
    "build_failed": [FAILED_BUILD],
    "build_succeeded": [REFRESHED],
    "control_chars": [REFRESHED],
    "fraction_of_second": [REFRESHED],
    "no_id": [REFRESHED],
    "no_instance": [NO_REGISTRY],
    "no_instance_name": [NO_REGISTRY],
    "no_time": [REFRESHED],
    "null_optionals": [REFRESHED],
    "odd_region_in_data": [REFRESHED],
    "other_source": [NO_PUSH],
    "personal_instance": [REFRESHED],
    "push_completed": [REFRESHED],
    "push_type_of_other_source": [NO_PUSH],
    "push_with_failed_status": [FAILED_BUILD],
    "region_only_in_data": [REFRESHED],
    "region_only_outside_data": [REFRESHED],
    "status_in_lower_case": [REFRESHED],
    "tag_300_chars": [AGAINST_SCHEMA],
    "unknown_type": [NO_PUSH],
    "unknown_type_without_data": [NO_PUSH],
    "upper_case_repository": [NO_NAME],
    "with_digest": [REFRESHED],
    "zone_missing": [REFRESHED],
    "zone_plus8": [REFRESHED],
}
"""What each sample ends as; what is no push is recorded before what is done about the others."""


def test_every_sample_has_a_row(samples: Any) -> None:
    assert samples("cloudevents") == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_sample_ends_as_the_table_says(fleet: Any, doors: Any, payload: Any, name: str) -> None:
    told = doors.push(payload(f"cloudevents/{name}.json"))
    assert told.results == EXPECTED[name]
    # All these pushes are of images of one cache, which one update serves.
    assert list(fleet.updated()) == (["imc-instances"] if REFRESHED in EXPECTED[name] else [])


@pytest.mark.parametrize("name", [name for name, rows in EXPECTED.items() if REFRESHED not in rows])
def test_what_is_no_push_causes_no_call_to_eci(fleet: Any, doors: Any, payload: Any, name: str) -> None:
    told = doors.push(payload(f"cloudevents/{name}.json"))
    assert {outcome["result"] for outcome in told.outcomes} <= {"ignored", "rejected"}
    assert fleet.actions() == []


KNOWN = {"RepoNamespaceName": "prod", "RepoName": "web", "Tag": "latest", "InstanceName": "acme"}
UNSEEN: dict[str, Any] = {
    "no data": None,
    "empty": {},
    "a list": [],
    "other keys": {"namespace": "prod", "repository": "web", "tag": "latest"},
    "in lower case": {"repoNamespaceName": "prod", "repoName": "web", "tag": "latest", "instanceId": "cri-1"},
    "no tag": {"RepoNamespaceName": "prod", "RepoName": "web", "InstanceName": "acme"},
    "no registry": {"RepoNamespaceName": "prod", "RepoName": "web", "Tag": "latest"},
    "a title for the instance": {**KNOWN, "InstanceName": "Acme (production)"},
    "a host for the instance": {**KNOWN, "InstanceName": "acme-registry.cn-hangzhou.cr.aliyuncs.com/prod"},
    "a name in capitals": {**KNOWN, "RepoName": "Web"},
    "the tag in the name": {**KNOWN, "RepoName": "web:latest"},
    "two tags in one": {**KNOWN, "Tag": "v1,latest"},
}
"""Forms that a push of the vendor's registry may have: nobody has seen its real one."""


@pytest.mark.parametrize("data", UNSEEN.values(), ids=list(UNSEEN))
def test_a_push_of_the_vendors_registry_that_cannot_be_read_reaches_the_on_failure_queue(
    fleet: Any, doors: Any, events: Any, data: Any
) -> None:
    event = {**events.cloud(), "data": data}
    told = doors.push([event, events.cloud()])
    assert isinstance(told.error, PermanentEntryPointError)
    refused, refreshed = told.outcomes
    assert (refused["result"], refused["fate"]) == ("rejected", "on_failure_queue")
    assert refused["event_id"] == event["id"]
    assert refreshed["result"] == "refreshed"


@pytest.mark.parametrize(
    "members",
    [{"type": "cr:Artifact:BuildCompleted"}, {"source": "imc-refresh.native"}, {"source": ["acs.cr"]}],
    ids=str,
)
def test_what_has_a_known_form_is_refused_and_not_raised(
    deployed: Any, doors: Any, events: Any, members: dict[str, Any]
) -> None:
    told = doors.push({**events.cloud(), "data": {}, **members})
    assert ([result for result, _ in told.results], told.error) == (["rejected"], None)
    assert "fate" not in told.only


def test_a_record_tells_the_whole_story_of_an_update(deployed: Any, doors: Any, payload: Any) -> None:
    entry = "acme-registry-vpc.cn-hangzhou.cr.aliyuncs.com/prod/web:latest"
    cache_id = deployed.cache(entry)
    deployed.cache("redis:7", image_cache_name="other")

    told = doors.push(payload("cloudevents/with_digest.json"))

    (accepted,) = deployed.control.history(cache_id)
    outcome = told.only
    (update,) = deployed.updates()
    assert (
        outcome.items()
        >= {
            "source": "acs.cr",
            "event_id": "6f0c2b1e-31d8-4a0f-9c55-0d6be2f3a901",
            "image": "acme-registry.cn-hangzhou.cr.aliyuncs.com/prod/web:latest",
            "digest": "sha256:0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
            "pushed_at": "2026-03-02T02:15:30.999999+00:00",
            "region_id": "cn-hangzhou",
            "image_cache_id": cache_id,
            "image_cache_name": "web",
            "cache_status": "Ready",
            "images_before": [entry],
            "images_after": [entry],
            "client_token": update.parameters["ClientToken"],
            "eci_request_id": accepted["request_id"],
            "update_calls": 1,
        }.items()
    )
    assert outcome["duration_ms"] > 0
    assert "error" not in outcome


def test_in_an_array_each_event_has_its_own_fate(fleet: Any, doors: Any, events: Any) -> None:
    no_tag, no_reference = events.cloud(), events.cloud(repository="Prod/Web")
    del no_tag["data"]["Tag"]
    good = events.cloud()

    told = doors.push([no_tag, events.cloud(type="cr:Artifact:ScanCompleted"), no_reference, good])

    assert told.results == [AGAINST_SCHEMA, NO_PUSH, NO_NAME, REFRESHED]
    assert list(fleet.updated()) == ["imc-instances"]
    by_event = {outcome["event_id"]: outcome for outcome in told.outcomes}
    assert by_event[no_tag["id"]]["error"]["where"] == "/0/data"
    assert by_event[good["id"]]["result"] == "refreshed"


def test_a_bad_name_in_an_array_is_reported_with_its_pointer(fleet: Any, doors: Any, events: Any) -> None:
    told = doors.push([events.cloud(), events.cloud(repository="Prod/Web")])
    assert told.results == [NO_NAME, REFRESHED]
    assert told.outcomes[0]["error"]["where"].startswith("/1/")


def test_an_array_event_without_an_id_is_found_by_its_pointer(fleet: Any, doors: Any, events: Any) -> None:
    nameless = events.cloud()
    del nameless["id"], nameless["data"]["Tag"]
    told = doors.push([events.cloud(), "no event", nameless])
    errors = [outcome["error"]["where"] for outcome in told.outcomes if outcome["result"] == "rejected"]
    assert errors == ["/1", "/2/data"]


def test_two_pushes_for_one_cache_cost_one_update(fleet: Any, doors: Any, events: Any) -> None:
    first, second = events.cloud(), events.cloud(repository="prod/api", tag="v2")

    told = doors.push([first, second])

    assert told.results == [REFRESHED, REFRESHED]
    assert [outcome["event_id"] for outcome in told.outcomes] == [first["id"], second["id"]]
    (update,) = fleet.updates()
    (accepted,) = fleet.control.history(update.image_cache_id)
    assert {outcome["eci_request_id"] for outcome in told.outcomes} == {accepted["request_id"]}


@pytest.mark.parametrize("status", ["Preparing", "Creating", "Updating"])
def test_a_busy_cache_is_tried_again(deployed: Any, doors: Any, events: Any, status: str) -> None:
    cache_id = deployed.cache("acme-registry.cn-hangzhou.cr.aliyuncs.com/prod/web:latest", status=status)

    told = doors.push(events.cloud())

    assert type(told.error) is RetryableEntryPointError
    assert cache_id in str(told.error)
    assert told.results == [("failed", "CACHE_BUSY")]
    assert told.only["error"] == {"class": "busy"}
    assert (told.only["fate"], told.only["cache_status"]) == ("retried", status)
    assert deployed.updates() == []


def test_a_cache_that_was_never_made_is_no_busy_one(deployed: Any, doors: Any, events: Any) -> None:
    image = "acme-registry.cn-hangzhou.cr.aliyuncs.com/prod/web:latest"
    deployed.cache(image, status="Failed")
    other = deployed.cache(image, image_cache_name="other")
    told = doors.push(events.cloud())
    assert type(told.error) is PermanentEntryPointError
    assert sorted(told.results) == [("failed", "CREATION_FAILED"), REFRESHED]
    (record,) = (one for one in told.outcomes if one["result"] == "failed")
    assert (record["error"]["class"], record["fate"]) == ("permanent", "on_failure_queue")
    assert list(deployed.updated()) == [other]


def test_a_cache_whose_last_update_failed_is_rebuilt(deployed: Any, doors: Any, events: Any) -> None:
    cache_id = deployed.cache(
        "acme-registry.cn-hangzhou.cr.aliyuncs.com/prod/web:latest", status="UpdateFailed"
    )
    assert doors.push(events.cloud()).results == [REFRESHED]
    assert list(deployed.updated()) == [cache_id]


def test_a_second_delivery_after_a_failed_update_rebuilds_the_cache(
    deployed: Any, doors: Any, payload: Any
) -> None:
    # An update that failed covers no push, whichever delivery it was made for.
    cache_id = deployed.cache("acme-registry.cn-hangzhou.cr.aliyuncs.com/prod/web:latest")
    deployed.control.settings(rebuild_seconds=0)
    deployed.control.inject("update_fails")
    assert doors.push(payload("cloudevents/push_completed.json")).results == [REFRESHED]
    deployed.control.wait_for(cache_id, "UpdateFailed")

    assert doors.push(payload("cloudevents/push_completed.json")).results == [REFRESHED]

    assert [update["status"] for update in deployed.control.history(cache_id)] == ["UpdateFailed", "Ready"]


def test_one_caches_failure_is_its_own(deployed: Any, doors: Any, events: Any) -> None:
    entry = "acme-registry.cn-hangzhou.cr.aliyuncs.com/prod/web:latest"
    busy = deployed.cache(entry, status="Updating")
    refused = deployed.cache(entry)
    ready = deployed.cache(entry)
    deployed.control.inject("error", action="UpdateImageCache", image_cache_id=refused, code="NoPermission")

    told = doors.push(events.cloud())

    by_cache = {outcome["image_cache_id"]: outcome["reason"] for outcome in told.outcomes}
    assert by_cache == {busy: "CACHE_BUSY", refused: "PERMISSION_DENIED", ready: "TAG_REPUSHED"}
    # What trying again can help with decides: the others are recorded, and fail again.
    assert type(told.error) is RetryableEntryPointError
    assert [update["image_cache_id"] for update in deployed.control.history()] == [ready]


def test_a_permanent_failure_is_raised_as_one(fleet: Any, doors: Any, events: Any) -> None:
    fleet.control.inject("error", action="UpdateImageCache", code="Account.Arrearage")
    told = doors.push(events.cloud())
    assert type(told.error) is PermanentEntryPointError
    assert "ACCOUNT_BLOCKED imc-instances" in str(told.error)
    assert told.results == [("failed", "ACCOUNT_BLOCKED")]
    assert told.only["fate"] == "on_failure_queue"
    assert told.only["error"] == {"class": "permanent", "code": "Account.Arrearage", "http_status": 400}


def test_a_region_that_cannot_be_listed_does_not_hold_up_the_other(
    deployed: Any, doors: Any, events: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMC_REGIONS", "cn-beijing,cn-hangzhou")
    cache_id = deployed.cache("acme-registry.cn-hangzhou.cr.aliyuncs.com/prod/web:latest")
    deployed.control.inject("error", region_id="cn-beijing", code="NoPermission")

    told = doors.push(events.cloud())

    assert [(*pair, told.outcomes[n]["region_id"]) for n, pair in enumerate(told.results)] == [
        ("failed", "PERMISSION_DENIED", "cn-beijing"),
        ("refreshed", "TAG_REPUSHED", "cn-hangzhou"),
    ]
    assert type(told.error) is PermanentEntryPointError
    assert list(deployed.updated()) == [cache_id]


def test_no_cache_is_said_to_match_before_every_region_was_seen(
    deployed: Any, doors: Any, events: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMC_REGIONS", "cn-beijing,cn-hangzhou")
    deployed.control.inject("error", region_id="cn-beijing", code="NoPermission")
    assert doors.push(events.cloud()).results == [("failed", "PERMISSION_DENIED")]
    told = doors.push(events.cloud())
    assert told.results == [("ignored", "NO_MATCH")]
    assert "cn-beijing, cn-hangzhou" in told.only["message"]


def test_eci_that_needs_no_update_is_no_failure(fleet: Any, doors: Any, events: Any) -> None:
    fleet.control.settings(no_need_update="any")
    told = doors.push(events.cloud())
    assert told.results == [("unchanged", "NO_NEED_UPDATE")]
    assert "NoNeedUpdate for image cache imc-instances" in told.text


def test_a_dry_run_sends_nothing(
    fleet: Any, doors: Any, events: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMC_DRY_RUN", "true")
    told = doors.push(events.cloud())
    assert told.results == [("planned", "TAG_REPUSHED")]
    assert told.only["request"]["Image"] == fleet.control.cache("imc-instances")["images"]
    assert fleet.updates() == []


def test_a_refusal_that_cannot_be_looked_into_is_a_failure(deployed: Any, doors: Any, events: Any) -> None:
    cache_id = deployed.cache("acme-registry.cn-hangzhou.cr.aliyuncs.com/prod/web:latest")
    read_again = {"action": "DescribeImageCaches", "image_cache_id": cache_id}
    deployed.control.inject("slow", delay_seconds=0.01, **read_again)
    deployed.control.inject("error", code="ServiceUnavailable", count=3, **read_again)
    deployed.control.inject("error", code="InvalidParameter.NotFound", action="UpdateImageCache")

    told = doors.push(events.cloud())

    assert type(told.error) is PermanentEntryPointError
    assert told.results == [("failed", "NOT_FOUND")]
