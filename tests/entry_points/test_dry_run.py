"""A dry run's plan: every cache in its place, with the exact request, and nothing is called but listings."""

from __future__ import annotations

import json
from typing import Any

import pytest

from imagecache.base.errors import RetryableEntryPointError

HOST = "acme-registry.cn-hangzhou.cr.aliyuncs.com"
WEB = f"{HOST}/prod/web"
RULES = {
    "rules": [
        {
            "name": "web",
            "caches": {"names": ["web-*"]},
            "policy": {"type": "semver", "range": ">=1.0 <2"},
            "cooldownSeconds": 3600,
            "update": {"retentionDays": 7},
        }
    ]
}


@pytest.fixture
def caches(deployed: Any, doors: Any, events: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Name -> id of a cache in each situation for a push of v1.2.0."""
    monkeypatch.setenv("IMC_RULES", json.dumps(RULES))
    lists = {
        "web-old": [f"{WEB}:v1.1.0", "redis:7"],
        "web-busy": [f"{WEB}:v1.1.0"],
        "web-newer": [f"{WEB}:v1.3.0"],
        "web-pinned": [f"{WEB}@sha256:{'a' * 64}"],
        "other": [f"{WEB}:v1.1.0"],
        "unrelated": ["nginx:1"],
    }
    ids = {name: deployed.cache(*images, image_cache_name=name) for name, images in lists.items()}
    deployed.control.force(ids["web-busy"], "Updating")
    # One that was just built for a push, and so is in its cooldown and covers pushes of the past.
    ids["web-done"] = deployed.cache(f"{WEB}:v1.2.0", image_cache_name="web-done")
    assert doors.push(events.cloud(tag="v1.2.0", time="2026-03-01T10:00:00Z")).status is None
    for cache in deployed.control.caches():
        if cache["status"] == "Updating" and cache["image_cache_name"] != "web-busy":
            deployed.control.force(cache["image_cache_id"], "Ready")
    deployed.cache(f"{WEB}:v1.1.0", "redis:7", image_cache_name="web-old", image_cache_id=ids["web-old"])
    return ids


def names(members: list[dict[str, Any]]) -> list[str]:
    return sorted(member["image_cache_name"] for member in members)


def expected_groups() -> dict[str, list[str]]:
    return {
        "would_refresh": ["web-old"],
        "up_to_date": ["web-done"],
        "busy": ["web-busy"],
        "held_by_policy": ["other", "web-newer", "web-pinned"],
    }


def test_the_settings_make_every_entry_point_plan_only(
    deployed: Any, doors: Any, events: Any, caches: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMC_DRY_RUN", "true")
    before = deployed.updates()
    told = doors.push(events.cloud(tag="v1.2.0", time="2026-03-02T10:00:00Z"))
    assert {group: names(told.plan[group]) for group in expected_groups()} == expected_groups()
    (planned,) = told.plan["would_refresh"]
    assert planned["request"]["Image"] == [f"{WEB}:v1.2.0", "redis:7"]
    assert planned["request"]["RetentionDays"] == 7
    assert planned["rule"] == "web"
    (busy,) = told.plan["busy"]
    assert busy["request"]["Image"] == [f"{WEB}:v1.2.0"]
    assert all(outcome["dry_run"] is True for outcome in told.outcomes)
    assert deployed.updates() == before


@pytest.mark.parametrize("over_http", [False, True], ids=["plain", "http"])
def test_a_manual_dry_run_answers_the_plan(
    deployed: Any, doors: Any, caches: dict[str, str], over_http: bool
) -> None:
    before = deployed.updates()
    told = doors.manual(over_http=over_http, image=f"{WEB}:v1.2.0", dryRun=True)
    assert told.status == 200
    # A person's push is one of now, which nothing covers, and waits for no cooldown.
    groups = {**expected_groups(), "would_refresh": ["web-done", "web-old"], "up_to_date": []}
    assert {group: names(told.plan[group]) for group in groups} == groups
    assert deployed.updates() == before


def test_a_dry_run_reads_nothing_but_listings(deployed: Any, doors: Any, caches: dict[str, str]) -> None:
    before = len(deployed.control.journal())
    doors.manual(image=f"{WEB}:v1.2.0", dryRun=True)
    calls = deployed.control.journal()[before:]
    assert [(call["action"], "ImageCacheId" in call["parameters"]) for call in calls] == [
        ("DescribeImageCaches", False)
    ]


def test_two_pushes_of_a_dry_run_are_planned_on_one_another(
    deployed: Any, doors: Any, events: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMC_RULES", json.dumps({"rules": [{"policy": {"type": "numerical", "keep": 2}}]}))
    monkeypatch.setenv("IMC_DRY_RUN", "true")
    deployed.cache(f"{WEB}:1", "redis:7")
    told = doors.push([events.cloud(tag=tag) for tag in ("2", "3")])
    assert [member["request"]["Image"] for member in told.plan["would_refresh"]] == [
        [f"{WEB}:3", f"{WEB}:2", "redis:7"]
    ] * 2


@pytest.mark.parametrize("over_http", [False, True], ids=["plain", "http"])
def test_what_almost_matches_is_in_the_plan_with_why_not(
    deployed: Any, doors: Any, caches: dict[str, str], over_http: bool
) -> None:
    twin = f"{HOST.replace('hangzhou', 'beijing')}/prod/web:v1.2.0"
    deployed.cache(twin, image_cache_name="twin")
    deployed.cache("registry.acme.io/prod/web:v1.2.0", image_cache_name="domain")
    told = doors.manual(over_http=over_http, image=f"{WEB}:v1.2.0", dryRun=True)
    assert {member["image_cache_name"]: member["because"] for member in told.plan["near"]} == {
        "web-newer": "older",
        "web-pinned": "pinned_by_digest",
        "other": "exact_policy",
        "twin": "other_region",
        "domain": "other_registry",
    }
    (member,) = (member for member in told.plan["near"] if member["image_cache_name"] == "twin")
    assert (member["entry"], member["image"]) == (twin, f"{WEB}:v1.2.0")
    assert "registry of another region" in member["message"]
    assert {outcome["image_cache_name"] for outcome in told.outcomes}.isdisjoint({"twin", "domain"})


def test_a_secret_that_a_cache_has_in_its_list_is_not_shown(
    deployed: Any, doors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMC_WEBHOOK_TOKENS", "token-0123456789abcdef")
    deployed.cache("quay.io/prod/web:token-0123456789abcdef")
    told = doors.manual(image=f"{WEB}:v1.2.0", dryRun=True)
    (member,) = told.plan["near"]
    assert "token-0123456789abcdef" not in json.dumps(member)


def test_a_refresh_has_no_near_misses(deployed: Any, doors: Any, caches: dict[str, str]) -> None:
    told = doors.manual(imageCacheName="web-old", dryRun=True)
    assert told.plan["near"] == []


def test_a_dry_run_stores_no_task(
    deployed: Any, doors: Any, events: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache_id = deployed.cache(f"{WEB}:latest")
    event = events.cloud(time="2026-03-02T10:00:00Z")
    assert doors.push(event).results == [("refreshed", "TAG_REPUSHED")]
    assert deployed.control.cache(cache_id)["status"] == "Updating"
    # A store that cannot be reached: a task that was stored for the update that runs would fail.
    monkeypatch.setenv("IMC_FOLLOW_FUNCTION", "on-follow")
    monkeypatch.setenv("IMC_FC_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("IMC_DRY_RUN", "true")
    told = doors.push(event)
    assert (told.results, told.error) == ([("unchanged", "COVERED")], None)


def test_what_matches_nothing_is_in_the_plan(deployed: Any, doors: Any, caches: dict[str, str]) -> None:
    told = doors.manual(image=f"{HOST}/prod/nobody:v1", dryRun=True)
    (member,) = told.plan["no_match"]
    assert (member["reason"], member["caches_seen"]) == ("NO_MATCH", len(caches))


def test_the_plan_says_what_a_cooldown_would_defer(
    deployed: Any, doors: Any, events: Any, caches: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    event = events.cloud(tag="v1.2.0", time=events.now())
    monkeypatch.setenv("IMC_DRY_RUN", "true")
    told = doors.push(event)
    (done,) = (member for member in told.plan["would_refresh"] if member["image_cache_name"] == "web-done")
    assert "not now: the cooldown" in done["message"]
    monkeypatch.delenv("IMC_DRY_RUN")
    real = doors.push(event)
    assert isinstance(real.error, RetryableEntryPointError)
    said = {outcome["image_cache_name"]: outcome["reason"] for outcome in real.outcomes}
    assert said["web-done"] == "COOLING_DOWN"


def test_the_plan_says_what_a_cap_would_defer(
    deployed: Any, doors: Any, events: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMC_MAX_UPDATES_PER_RUN", "1")
    monkeypatch.setenv("IMC_DRY_RUN", "true")
    for number in range(2):
        deployed.cache(f"{WEB}:latest", image_cache_name=f"web-{number}")
    told = doors.push(events.cloud())
    assert sorted("not now" in member["message"] for member in told.plan["would_refresh"]) == [False, True]


def test_a_run_for_real_answers_no_plan(deployed: Any, doors: Any, events: Any) -> None:
    deployed.cache(f"{WEB}:latest")
    told = doors.push(events.cloud())
    assert told.plan == {}
    assert "dry_run" not in told.only
