"""``imc-refresh status``: each cache as it stands, from a file and from an account, the urgent ones first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from imagecache.model.image_cache import ImageCache
from imagecache.planning.update_memory import tag_id, with_memory
from imagecache.planning.update_memory_layout import UpdateMemory
from tests.support.eci import EciServer, LocalEci, renewed

HOST = "registry.cn-hangzhou.aliyuncs.com"
WEB = f"{HOST}/shop/web"
NOW = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
AT = ("--at", "2026-03-02T12:00:00Z")
MINUTE = timedelta(minutes=1)


def _remembering(described: dict[str, Any], **facts: Any) -> dict[str, Any]:
    """The cache with a memory of an update."""
    known = ImageCache("cn-hangzhou", "imc-1", "web", described["Status"], tuple(described["Images"]))
    memory = UpdateMemory(**facts)
    return {**described, "Tags": [{"Key": key, "Value": value} for key, value in with_memory(known, memory)]}


@pytest.fixture
def saved(ask: Any, cache: Any) -> str:
    began = NOW - 3 * MINUTE
    busy = {"Status": "Updating"}
    failing = {
        "Status": "UpdateFailed",
        "Events": [{"Type": "Warning", "Reason": "PullFailed", "Message": "manifest unknown"}],
    }
    return ask.caches(
        cache("ready", f"{WEB}:v1", "nginx:1"),
        _remembering(
            cache("updated", f"{WEB}:v1"), began=began, duration=2 * MINUTE, starts=(began - 30 * MINUTE,)
        ),
        _remembering(cache("building", f"{WEB}:v1", **busy), began=began, duration=5 * MINUTE),
        _remembering(cache("slow", f"{WEB}:v1", **busy), began=began - 30 * MINUTE, duration=5 * MINUTE),
        cache("new", f"{WEB}:v1", Status="Creating"),
        _remembering(
            cache("failing", f"{WEB}:v1", **failing),
            began=began,
            failures=2,
            starts=(began - 10 * MINUTE, began - 20 * MINUTE, began - 40 * MINUTE),
        ),
        cache("never", f"{WEB}:v1", Status="Failed"),
        cache("held", f"{WEB}:v1", tags={"imc-refresh-hold": "until=2026-03-03;by=ann;why=release 12"}),
        cache("over", f"{WEB}:v1", tags={"imc-refresh-hold": "until=2026-03-01"}),
        _remembering(
            cache("undone", f"{WEB}:v1"), began=began, undone=((tag_id(HOST, "shop/web", "v1"), began),)
        ),
    )


def test_caches_that_need_a_person_come_first(ask: Any, saved: str) -> None:
    said = ask.json("status", "--caches", saved, *AT, exit_code=1)
    assert [(each["image_cache_name"], each["needs_a_person"]) for each in said["caches"]] == [
        ("never", True),
        ("failing", True),
        ("slow", True),
        ("undone", False),
        ("held", False),
        ("building", False),
        ("new", False),
        ("over", False),
        ("ready", False),
        ("updated", False),
    ]
    whys = {each["image_cache_name"]: each["why"] for each in said["caches"]}
    assert whys["failing"] == "its update failed: PullFailed: manifest unknown"
    assert whys["never"] == "it was never made, and takes no update"
    assert whys["held"] == "it is held until 2026-03-03T23:59:59.999999+00:00 by ann: release 12"
    assert (whys["ready"], whys["new"]) == (None, "it is Creating")


def test_each_cache_says_what_it_remembers(ask: Any, saved: str) -> None:
    found = ask.json("status", "--caches", saved, *AT, exit_code=1)["caches"]
    said = {each["image_cache_name"]: each for each in found}
    assert said["updated"]["last_update"] == "2026-03-02T11:57:00+00:00"
    assert said["updated"]["last_rebuild_seconds"] == 120
    assert [said[name]["stale_seconds_at_least"] for name in ("updated", "building", "failing", "new")] == [
        None,
        180,
        1380,
        None,
    ]
    assert [said[name]["failures_in_a_row"] for name in ("updated", "building", "failing")] == [0, 0, 3]
    # A watch looks at 1.05 of the last rebuild's time; a failing cache has its place after 20 minutes.
    assert said["building"]["next_look"] == "2026-03-02T12:02:20+00:00"
    assert said["failing"]["next_look"] == "2026-03-02T12:17:00+00:00"
    assert said["new"]["next_look"] == "2026-03-02T12:01:00+00:00"
    assert said["ready"]["next_look"] is None


def test_a_person_reads_one_line_a_cache(ask: Any, saved: str) -> None:
    rules = ask.file({"rules": [{"name": "web", "images": {"repositories": ["shop/web"]}}]}, "rules.json")
    shown = ask("status", "--caches", saved, "--rules", rules, *AT).stdout
    assert shown.splitlines()[0] == (
        "10 image caches: 5 Ready, 2 Updating, 1 Failed, 1 UpdateFailed, 1 Creating"
    )
    rows = {line.split()[0]: " ".join(line.split()) for line in shown.splitlines()[3:]}
    assert rows["ready"] == "ready Ready web:v1, nginx:1 web"
    assert rows["failing"] == (
        "failing UpdateFailed web:v1 3 min ago 23 min 2026-03-02 12:17:00Z 3 web "
        "its update failed: PullFailed: manifest unknown"
    )


def test_wide_shows_every_image(ask: Any, cache: Any) -> None:
    many = [f"{WEB}:v{number}" for number in range(5)]
    said = ask("status", "--caches", ask.caches(cache("web", *many)), "-o", "wide")
    assert "web:v0, web:v1, web:v2 and 2 more" in said.stdout
    assert all(image in said.stdout for image in many)
    assert "imc-web" in said.stdout
    assert said.exit_code == 0


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (("--name", "web-*"), {"web-a", "web-b"}),
        (("--name", "web-a", "--name", "job"), {"web-a", "job"}),
        (("--id", "imc-job"), {"job"}),
        (("--tag", "team"), {"web-a", "job"}),
        (("--tag", "team=s*", "--name", "w*"), {"web-a"}),
        (("--region", "cn-beijing"), set()),
    ],
)
def test_a_selector_narrows_the_answer(
    ask: Any, cache: Any, options: tuple[str, ...], names: set[str]
) -> None:
    saved = ask.caches(
        cache("web-a", "nginx", tags={"team": "shop"}),
        cache("web-b", "nginx"),
        cache("job", "nginx", tags={"team": "x"}),
    )
    said = ask.json("status", "--caches", saved, *options)
    assert {each["image_cache_name"] for each in said["caches"]} == names


def test_a_tag_without_a_key_is_a_mistake(ask: Any, cache: Any) -> None:
    said = ask("status", "--caches", ask.caches(cache("web", "nginx")), "--tag", "=x")
    assert said.exit_code == 2
    assert "=x names no key" in said.stderr


def test_a_cache_that_cannot_be_read_is_wrong(ask: Any, cache: Any) -> None:
    odd = {**cache("odd", "nginx"), "Status": "Melting"}
    said = ask.json("status", "--caches", ask.caches(odd), exit_code=1)
    assert (said["caches"], [each["image_cache_id"] for each in said["unreadable"]]) == ([], ["imc-odd"])


@pytest.fixture
def account(shared_eci: EciServer, deploy: Callable[..., LocalEci]) -> LocalEci:
    """An account with caches in two regions, and its key in the environment."""
    eci = deploy(renewed(shared_eci))
    for region, count in (("cn-hangzhou", 25), ("cn-beijing", 2)):
        eci.control.create_caches(
            [
                {"region_id": region, "image_cache_name": f"{region}-{number}", "images": ["nginx:1"]}
                for number in range(count)
            ]
        )
    return eci


def test_an_account_is_read_over_all_pages_and_regions(ask: Any, account: LocalEci) -> None:
    said = ask.json("status", "--region", "cn-hangzhou", "--region", "cn-beijing")
    assert len(said["caches"]) == 27
    assert set(account.actions()) == {"DescribeImageCaches"}


def test_the_environment_names_the_region_where_nobody_else_does(ask: Any, account: LocalEci) -> None:
    assert len(ask.json("status")["caches"]) == 25


def test_a_wrong_setting_of_the_environment_is_told(
    ask: Any, account: LocalEci, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMC_REGIONS", "Hangzhou!")
    said = ask("status")
    assert said.exit_code == 2
    assert "IMC_REGIONS" in said.stderr


def test_what_an_account_answers_is_planned_like_a_file(ask: Any, account: LocalEci) -> None:
    said = ask.json("plan", "nginx:1", "--region", "cn-beijing")
    assert [each["reason"] for each in said["decisions"]] == ["TAG_REPUSHED"] * 2
    assert account.updates() == []


def test_a_region_that_cannot_be_read_is_told_with_ecis_word(ask: Any, account: LocalEci) -> None:
    account.control.inject("error", action="DescribeImageCaches", code="NoPermission", status=403)
    said = ask("status")
    assert said.exit_code == 2
    assert "the image caches of cn-hangzhou could not be read: ECI answered 403 NoPermission" in said.stderr
    assert account.credential.access_key_secret not in said.output


def test_an_expired_key_is_told(ask: Any, account: LocalEci, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "STS.unknown")
    said = ask("status")
    assert said.exit_code == 2
    assert "InvalidAccessKeyId" in said.stderr
