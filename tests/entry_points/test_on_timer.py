"""The entry point for timers: the sweep, the refresh, and payloads that are wrong."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from imagecache.base.errors import PermanentEntryPointError, RetryableEntryPointError
from imagecache.planning.update_memory import MEMORY_TAG
from imagecache.planning.update_memory_layout import UpdateMemory, memory_value

REPAIRED = ("refreshed", "SWEEP_REPAIR")
REFRESHED = ("refreshed", "REFRESH_SCHEDULED")
NOTHING_TO_REPAIR = ("ignored", "NOTHING_TO_REPAIR")
AGAINST_SCHEMA = ("rejected", "SCHEMA_VIOLATION")
NOT_JSON = ("rejected", "NOT_JSON")

EXPECTED: dict[str, tuple[list[tuple[str, str]], list[str]]] = {
    "bad_missing_name": ([AGAINST_SCHEMA], []),
    "bad_missing_payload": ([AGAINST_SCHEMA], []),
    "bad_payload_is_object": ([AGAINST_SCHEMA], []),
    "control_chars": ([AGAINST_SCHEMA], []),
    "payload_empty_selector": ([AGAINST_SCHEMA], []),
    "payload_encoded_twice": ([AGAINST_SCHEMA], []),
    "payload_not_json": ([NOT_JSON], []),
    "payload_refresh_without_caches": ([AGAINST_SCHEMA], []),
    "payload_typo": ([AGAINST_SCHEMA], []),
    "payload_unknown_action": ([AGAINST_SCHEMA], []),
    "payload_without_action": ([AGAINST_SCHEMA], []),
    "refresh_by_name": ([REFRESHED], ["imc-bp1a2b3c4d5e6f7g8h9i"]),
    "refresh_by_tags": ([REFRESHED], ["imc-bp1a2b3c4d5e6f7g8h9i"]),
    "sweep": ([REPAIRED], ["imc-broken"]),
    "sweep_blank_payload": ([REPAIRED], ["imc-broken"]),
    "sweep_empty_payload": ([REPAIRED], ["imc-broken"]),
    "sweep_selected": ([NOTHING_TO_REPAIR], []),
}
"""What each sample ends as, and which caches it updates."""


def test_every_sample_has_a_row(samples: Any) -> None:
    assert samples("timer") == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_sample_ends_as_the_table_says(fleet: Any, doors: Any, payload: Any, name: str) -> None:
    told = doors.call("on_timer", payload(f"timer/{name}.json"))
    results, updated = EXPECTED[name]
    assert told.results == results
    assert list(fleet.updated()) == updated


@pytest.mark.parametrize("name", [name for name, (rows, _) in EXPECTED.items() if rows[0][0] == "rejected"])
def test_what_is_wrong_is_recorded_and_raised(fleet: Any, doors: Any, payload: Any, name: str) -> None:
    told = doors.call("on_timer", payload(f"timer/{name}.json"))
    assert type(told.error) is PermanentEntryPointError
    assert told.only["reason"] in str(told.error)
    assert told.only["error"]["class"] == "input"
    assert fleet.actions() == []


def test_a_sweep_repairs_only_caches_whose_update_failed(deployed: Any, doors: Any) -> None:
    statuses = ["Preparing", "Creating", "Ready", "Failed", "Updating", "UpdateFailed"]
    ids = {status: deployed.cache("redis:7", "nginx:1", status=status) for status in statuses}
    told = doors.timer()
    assert told.results == [REPAIRED]
    assert told.only["source"] == "timer"
    assert told.only["event_id"] == "sweep@2026-03-02T02:00:00Z"
    assert deployed.updated() == {ids["UpdateFailed"]: ["redis:7", "nginx:1"]}


def test_a_sweep_repairs_every_region(deployed: Any, doors: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMC_REGIONS", "cn-hangzhou,cn-beijing")
    regions = ("cn-hangzhou", "cn-beijing", "cn-shanghai")
    ids = [deployed.cache("redis:7", region_id=region, status="UpdateFailed") for region in regions]
    assert doors.timer().results == [REPAIRED, REPAIRED]
    assert set(deployed.updated()) == set(ids[:2])


def test_a_sweep_may_be_for_a_selection(deployed: Any, doors: Any) -> None:
    broken = {"status": "UpdateFailed"}
    wanted = deployed.cache("redis:7", image_cache_name="web-1", **broken)
    deployed.cache("redis:7", image_cache_name="api-1", **broken)
    told = doors.timer({"action": "sweep", "caches": {"names": ["web-*"]}})
    assert told.results == [REPAIRED]
    assert list(deployed.updated()) == [wanted]


def test_a_cache_that_was_repaired_is_not_repaired_again(deployed: Any, doors: Any) -> None:
    deployed.control.settings(rebuild_seconds=0)
    cache_id = deployed.cache("redis:7", status="UpdateFailed")
    assert doors.timer().results == [REPAIRED]
    deployed.control.wait_for(cache_id, "Ready")
    assert doors.timer(triggerTime="2026-03-02T03:00:00Z").results == [NOTHING_TO_REPAIR]


@pytest.mark.parametrize(
    ("failures", "minutes", "made"),
    [
        (0, 0, True),
        (1, 4, False),
        (1, 6, True),
        (2, 19, False),
        (2, 21, True),
        (4, 200, False),
        (4, 250, True),
    ],
)
def test_a_cache_that_fails_again_and_again_is_repaired_at_its_place(
    deployed: Any, doors: Any, failures: int, minutes: int, made: bool
) -> None:
    began = datetime.now(timezone.utc) - timedelta(minutes=minutes)
    memory = memory_value(UpdateMemory(began, failures=failures))
    cache_id = deployed.cache("redis:7", status="UpdateFailed", tags={MEMORY_TAG: memory})
    told = doors.timer()
    assert told.results == [REPAIRED if made else ("failed", "BACKING_OFF")]
    assert isinstance(told.error, RetryableEntryPointError) is not made
    assert [update["image_cache_id"] for update in deployed.control.history()] == [cache_id] * made


def test_a_repair_that_failed_a_moment_ago_is_not_made_again(deployed: Any, doors: Any) -> None:
    deployed.control.settings(rebuild_seconds=0)
    deployed.control.inject("update_fails")
    cache_id = deployed.cache("redis:7", status="UpdateFailed")
    assert doors.timer().results == [REPAIRED]
    told = doors.timer(triggerTime="2026-03-02T03:00:00Z")
    assert told.results == [("failed", "BACKING_OFF")]
    assert len(deployed.control.history(cache_id)) == 1


def test_a_refresh_rebuilds_the_selected_caches_lists(deployed: Any, doors: Any) -> None:
    nightly = {"refresh": "nightly"}
    wanted = [
        deployed.cache("a:1", "b:1", tags=nightly),
        deployed.cache("c:1", tags=nightly, status="UpdateFailed"),
    ]
    deployed.cache("d:1", tags={"refresh": "weekly"})
    told = doors.timer({"action": "refresh", "caches": {"tags": [{"key": "refresh", "value": "nightly"}]}})
    assert told.results == [REFRESHED, REFRESHED]
    assert deployed.updated() == {wanted[0]: ["a:1", "b:1"], wanted[1]: ["c:1"]}


def test_a_refresh_that_selects_nothing_says_so(deployed: Any, doors: Any) -> None:
    deployed.cache("a:1")
    told = doors.timer({"action": "refresh", "caches": {"names": ["none"]}})
    assert (told.error, told.results) == (None, [("ignored", "NOTHING_SELECTED")])
    assert told.only["caches_seen"] == 1


@pytest.mark.parametrize(
    "payload",
    [
        {"action": "refresh", "caches": {}},
        {"action": "refresh", "caches": {"names": []}},
        {"action": "refresh", "caches": None},
        {"action": "refresh", "caches": {"names": ["web"], "name": "web"}},
        {"action": "Sweep"},
        {"action": None},
        {"action": "sweep", "dryRun": True},
        [],
        None,
        '{"action": "sweep"',
        "\x00",
        "\ud800",
        "NaN",
        "[" * 60_000,
    ],
    ids=lambda payload: repr(payload)[:60],
)
def test_a_wrong_payload_touches_no_cache(fleet: Any, doors: Any, payload: Any) -> None:
    told = doors.timer(payload)
    assert type(told.error) is PermanentEntryPointError
    assert told.only["result"] == "rejected"
    assert fleet.actions() == []


def test_a_busy_cache_is_tried_again(deployed: Any, doors: Any) -> None:
    ready, busy = deployed.cache("a:1"), deployed.cache("b:1", status="Updating")
    told = doors.timer({"action": "refresh", "caches": {"names": ["web"]}})
    assert type(told.error) is RetryableEntryPointError
    assert busy in str(told.error)
    assert sorted(told.results) == [("failed", "CACHE_BUSY"), REFRESHED]
    assert list(deployed.updated()) == [ready]


def test_a_permanent_failure_is_raised_as_one(fleet: Any, doors: Any) -> None:
    fleet.control.inject("error", action="UpdateImageCache", code="ServiceNotEnabled")
    told = doors.timer()
    assert (type(told.error), told.results) == (PermanentEntryPointError, [("failed", "ACCOUNT_BLOCKED")])


def test_a_dry_run_repairs_nothing(fleet: Any, doors: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMC_DRY_RUN", "1")
    told = doors.timer()
    assert told.results == [("planned", "SWEEP_REPAIR")]
    assert told.only["request"]["Image"] == ["redis:7"]
    assert fleet.updates() == []
