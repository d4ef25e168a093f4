"""``imc-refresh why``: rules entry by entry, what a cache remembers, what holds its next update."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from imagecache.model.change import PushEvent
from imagecache.model.image_cache import ImageCache
from imagecache.planning.update_memory import tag_id, with_memory
from imagecache.planning.update_memory_layout import UpdateMemory
from tests.support.remembered import remembered

HOST = "registry.cn-hangzhou.aliyuncs.com"
WEB = f"{HOST}/shop/web"
NOW = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
AT = ("--at", "2026-03-02T12:00:00Z")


def _updated(
    described: dict[str, Any], seconds_ago: float, status: str = "Ready", times: int = 1
) -> dict[str, Any]:
    """The cache with the memory of updates that began then."""
    push = PushEvent("native", "event", HOST, "shop/web", "v1", pushed_at=NOW)
    tags: tuple[tuple[str, str], ...] = ()
    for _ in range(times):
        known = ImageCache("cn-hangzhou", "imc-1", "web", status, tuple(described["Images"]), tags)
        tags = remembered(known, [push], NOW - timedelta(seconds=seconds_ago))
    return {**described, "Status": status, "Tags": [{"Key": key, "Value": value} for key, value in tags]}


def test_each_rule_says_what_of_it_does_not_hold(ask: Any, cache: Any) -> None:
    semver = {"type": "semver", "range": "*"}
    rules = ask.rules(
        {"name": "id", "caches": {"ids": ["imc-9"]}},
        {"name": "names", "caches": {"names": ["api-*", "job"]}},
        {"name": "region", "caches": {"regions": ["cn-beijing"]}},
        {"name": "tag", "caches": {"tags": [{"key": "team", "value": "a*"}, {"key": "owner"}]}},
        {"name": "repository", "images": {"repositories": [f"{HOST}/shop/api", "team/**"]}},
        {"name": "image tag", "images": {"tags": ["2.*"]}},
        {"name": "right", "policy": semver},
        {"name": "late", "policy": semver},
    )
    described = cache("web", f"{WEB}:v1", tags={"team": "shop"})
    said = ask.json("why", "web", "--caches", ask.caches(described), "--rules", rules)
    (entry,) = said["entries"]
    assert {row["rule"]: row["misses"] for row in entry["rules"]} == {
        "id": ["the cache's id imc-web is not imc-9"],
        "names": ["the cache's name web does not match api-* or job"],
        "region": ["the cache's region cn-hangzhou is not cn-beijing"],
        "tag": ["the cache's tag team is shop, not a*", "the cache has no tag owner"],
        "repository": [f"the repository {WEB} does not match {HOST}/shop/api or team/**"],
        "image tag": ["the tag v1 does not match 2.*"],
        "right": [],
        "late": [],
    }
    assert [row["rule"] for row in entry["rules"] if row["decides"]] == ["right"]
    assert (entry["rule"], entry["policy"], entry["governed"]) == ("right", "semver *", None)


def test_a_person_reads_rules_in_order_and_what_each_entry_gets(ask: Any, cache: Any) -> None:
    rules = ask.rules(
        {"name": "api", "images": {"repositories": ["shop/api"]}}, {"name": "all"}, {"name": "late"}
    )
    shown = ask("why", "imc-web", "--caches", ask.caches(cache("web", f"{WEB}:v1")), "--rules", rules).stdout
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert lines[:3] == [
        "web (imc-web) in cn-hangzhou: Ready",
        "remembers no update of this application",
        "may be updated: now",
    ]
    assert f"{WEB}:v1 all exact stays: exact_policy refreshed TAG_REPUSHED" in lines
    assert f"{WEB}:v1 api no the repository {WEB} does not match shop/api" in lines
    assert lines.index("all yes, decides") + 1 == lines.index("late yes, but comes later")
    assert any(line.startswith("exact_policy: No rule matches") for line in lines)


def test_memory_and_cooldown_are_shown(ask: Any, cache: Any) -> None:
    rules = ask.rules({"name": "slow", "cooldownSeconds": 600})
    saved = ask.caches(_updated(cache("web", f"{WEB}:v1"), 100))
    said = ask.json("why", "web", "--caches", saved, "--rules", rules, *AT)
    assert said["remembers"]["began"] == "2026-03-02T11:58:20+00:00"
    assert said["remembers"]["failures_in_a_row"] == 0
    assert (said["next_update"]["at"], said["next_update"]["held_by"]) == (
        "2026-03-02T12:08:20+00:00",
        "COOLING_DOWN",
    )
    shown = ask("why", "web", "--caches", saved, "--rules", rules, *AT).stdout
    assert "remembers: last update began 2026-03-02 11:58:20Z (1 min 40 s ago)" in shown
    assert "may be updated: 2026-03-02 12:08:20Z (COOLING_DOWN: the cooldown" in shown


def test_all_that_a_cache_remembers_is_said(ask: Any, cache: Any) -> None:
    began = NOW - timedelta(minutes=5)
    memory = UpdateMemory(
        began,
        duration=timedelta(seconds=90),
        starts=(began - timedelta(minutes=10), began - timedelta(minutes=20)),
        undone=((tag_id(HOST, "shop/web", "v2"), began),),
    )
    described = cache("web", f"{WEB}:v1")
    known = ImageCache("cn-hangzhou", "imc-web", "web", "Ready", (f"{WEB}:v1",))
    described["Tags"] = [{"Key": key, "Value": value} for key, value in with_memory(known, memory)]
    shown = ask("why", "web", "--caches", ask.caches(described), *AT).stdout
    assert (
        "remembers: last update began 2026-03-02 11:55:00Z (5 min ago); the last rebuild that ended took "
        "1 min 30 s; 2 more began within the hour before; tags that were taken back: 1, the last at"
    ) in shown


def test_a_failing_cache_says_how_often_and_when_its_next_place_is(ask: Any, cache: Any) -> None:
    failing = _updated(cache("web", f"{WEB}:v1"), 400, "UpdateFailed", times=3)
    failing["Events"] = [{"Type": "Warning", "Reason": "Failed", "Message": "no such image"}]
    said = ask.json("why", "web", "--caches", ask.caches(failing), *AT)
    assert said["last_warning"] == "Failed: no such image"
    assert said["remembers"]["failures_in_a_row"] == 3
    assert said["next_update"]["held_by"] == "BACKING_OFF"
    shown = ask("why", "web", "--caches", ask.caches(failing), *AT).stdout
    assert "last warning: Failed: no such image" in shown
    assert "3 in a row began from UpdateFailed" in shown


@pytest.mark.parametrize(
    ("value", "at", "text"),
    [
        (
            "freeze;until=2026-03-02T18:00:00Z;by=ann",
            "2026-03-02T18:00:00+00:00",
            "2026-03-02 18:00:00Z (HELD: ",
        ),
        ("freeze", None, "not at all (HELD: "),
    ],
    ids=["for a time", "without end"],
)
def test_a_hold_is_shown_with_its_end(ask: Any, cache: Any, value: str, at: str | None, text: str) -> None:
    saved = ask.caches(cache("web", f"{WEB}:v1", tags={"imc-refresh-hold": value}))
    said = ask.json("why", "web", "--caches", saved, *AT)
    assert said["held"].startswith("until" if at else "without end")
    assert (said["next_update"]["at"], said["next_update"]["held_by"]) == (at, "HELD")
    shown = ask("why", "web", "--caches", saved, *AT).stdout
    assert f"held {said['held']}" in shown.splitlines()
    assert f"may be updated: {text}" in shown


@pytest.mark.parametrize(
    ("members", "held_by"),
    [({"Status": "Updating"}, "CACHE_BUSY"), ({"Status": "Failed"}, "CREATION_FAILED")],
    ids=["busy", "never made"],
)
def test_a_state_in_which_no_update_is_taken_is_said(
    ask: Any, cache: Any, members: Any, held_by: str
) -> None:
    saved = ask.caches(cache("web", f"{WEB}:v1", **members))
    assert ask.json("why", "web", "--caches", saved)["next_update"]["held_by"] == held_by
    assert f"({held_by}: " in ask("why", "web", "--caches", saved).stdout


def test_a_cache_of_pins_alone_is_updated_by_no_push(ask: Any, cache: Any) -> None:
    saved = ask.caches(cache("web", f"{WEB}@sha256:{'a' * 64}"))
    said = ask.json("why", "web", "--caches", saved)
    assert (said["next_update"], said["entries"][0]["governed"]) == (None, "pinned_by_digest")
    assert "not by a push of a tag that it lists" in ask("why", "web", "--caches", saved).stdout


def test_an_image_narrows_the_answer_to_what_concerns_it(ask: Any, cache: Any) -> None:
    rules = ask.rules({"name": "all", "policy": {"type": "semver", "range": "<2"}})
    saved = ask.caches(cache("web", "nginx:1", f"{WEB}:v1.0.0"))
    said = ask.json("why", "web", f"{WEB}:v1.1.0", "--caches", saved, "--rules", rules)
    assert [entry["entry"] for entry in said["entries"]] == [f"{WEB}:v1.0.0"]
    push = said["push"]
    assert (push["result"], push["reason"], push["rule"]) == ("refreshed", "TAG_PROMOTED", "all")
    assert push["images_after"] == ["nginx:1", f"{WEB}:v1.1.0"]
    said = ask.json("why", "web", f"{WEB}:v2.0.0", "--caches", saved, "--rules", rules)
    assert (said["push"]["reason"], said["push"]["held_because"]) == ("POLICY_HOLDS", "outside_range")
    assert said["push"]["near"]["because"] == "outside_range"


def test_a_cache_that_an_image_does_not_concern_says_what_is_near(ask: Any, examples: Path) -> None:
    saved = str(examples / "caches.json")
    shown = ask("why", "web-north", f"{WEB}:v1.4.0", "--caches", saved).stdout
    assert "would be ignored (NO_MATCH)" in shown
    assert "registry.cn-beijing.aliyuncs.com is the registry of another region" in shown
    shown = ask("why", "tools", f"{WEB}:v1.4.0", "--caches", saved).stdout
    assert f"none lists {WEB} among 1 image caches" in shown


def test_a_rule_that_reads_the_registry_is_said(ask: Any, cache: Any) -> None:
    rules = ask.rules({"name": "all", "registry": "read"})
    said = ask("why", "web", "--caches", ask.caches(cache("web", f"{WEB}:v1")), "--rules", rules)
    assert said.stderr == "note: rule all reads the registry: what it has there may change the list further\n"


def test_an_unknown_cache_is_a_mistake_with_those_that_are_meant(ask: Any, examples: Path) -> None:
    said = ask("why", "web-canari", "--caches", str(examples / "caches.json"), "--json")
    assert said.exit_code == 2
    assert "no image cache has the id or name web-canari (in cn-hangzhou, cn-beijing: 9)" in said.stderr
    assert "Did you mean web-canary" in said.stderr


def test_a_name_of_several_caches_is_a_mistake_with_their_ids(ask: Any, cache: Any) -> None:
    twins = [cache("web", "nginx", ImageCacheId=f"imc-{number}") for number in (1, 2)]
    said = ask("why", "web", "--caches", ask.caches(*twins))
    assert said.exit_code == 2
    assert "2 image caches have the name web: imc-1 in cn-hangzhou, imc-2 in cn-hangzhou" in said.stderr
    assert ask("why", "imc-2", "--caches", ask.caches(*twins)).exit_code == 0


def test_a_cache_that_cannot_be_read_says_so(ask: Any, cache: Any) -> None:
    said = ask("why", "web", "--caches", ask.caches({**cache("web", "nginx"), "Images": "nginx"}))
    assert said.exit_code == 2
    assert "the description of image cache web cannot be read: TypeError: list expected" in said.stderr
