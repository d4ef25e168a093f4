"""What nobody knows of an update, one way and the other: each switch under each of its values."""

from __future__ import annotations

from typing import Any

import pytest

from local.eci.control import ControlError
from tests.support.depth import every_value

OLD, NEW = ["nginx:1"], ["nginx:2", "redis:7"]
BEFORE = {"a": "1", "b": "2"}
SENT = {"b": "new", "c": "3"}
MERGED = {**BEFORE, **SENT}


def tags(eci: Any, cache_id: str) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in eci.sdk.describe_one(cache_id)["Tags"]}


def update(eci: Any, cache_id: str, images: list[str] = NEW, **sent: str) -> None:
    sent_tags = [{"Key": key, "Value": value} for key, value in sent.items()]
    eci.sdk.update(ImageCacheId=cache_id, Images=images, Tags=sent_tags)


def statuses(eci: Any, cache_id: str) -> list[str | None]:
    return [one["status"] for one in eci.control.history(cache_id)]


@every_value
@pytest.mark.parametrize(
    ("mode", "expected"), [("merge", MERGED), ("replace", SENT), ("drop", BEFORE)], ids=str
)
@pytest.mark.parametrize("applied", ["start", "end"])
def test_tags_are_merged_replaced_or_dropped_at_once_or_at_the_end(
    eci: Any, mode: str, expected: dict[str, str], applied: str
) -> None:
    cache_id = eci.cache(tags=BEFORE)
    eci.control.settings(tags_mode=mode, tags_applied=applied, rebuild_seconds=10)
    update(eci, cache_id, **SENT)
    assert tags(eci, cache_id) == (expected if applied == "start" else BEFORE)
    eci.clock.advance(10)
    assert tags(eci, cache_id) == expected


@pytest.mark.parametrize(("after", "expected"), [("keep", MERGED), ("restore", BEFORE)])
@pytest.mark.parametrize("applied", ["start", "end"])
def test_the_tags_of_a_failed_update_are_kept_or_not(
    eci: Any, after: str, expected: dict[str, str], applied: str
) -> None:
    cache_id = eci.cache(tags=BEFORE, builds={"rebuild_seconds": 10, "failing_builds": 1})
    eci.control.settings(tags_after_failure=after, tags_applied=applied)
    update(eci, cache_id, **SENT)
    eci.clock.advance(10)
    assert eci.sdk.describe_one(cache_id)["Status"] == "UpdateFailed"
    assert tags(eci, cache_id) == expected


def test_tags_of_an_update_of_metadata_are_applied_at_once(eci: Any) -> None:
    cache_id = eci.cache(tags=BEFORE)
    eci.control.settings(tags_applied="end")
    eci.sdk.update(ImageCacheId=cache_id, Tags=[{"Key": "c", "Value": "3"}])
    assert tags(eci, cache_id) == {**BEFORE, "c": "3"}


@pytest.mark.parametrize(("after", "expected"), [("keep", NEW), ("restore", OLD)])
def test_a_failed_update_keeps_its_list_or_not(eci: Any, after: str, expected: list[str]) -> None:
    cache_id = eci.cache(*OLD)
    eci.control.settings(images_after_failure=after, failing_images="other:*, redis:*")
    update(eci, cache_id)
    assert eci.sdk.describe_one(cache_id)["Images"] == NEW
    eci.clock.advance(60)
    assert eci.sdk.describe_one(cache_id)["Images"] == expected
    update(eci, cache_id, ["nginx:3"])
    eci.clock.advance(60)
    assert eci.sdk.describe_one(cache_id)["Images"] == ["nginx:3"]
    assert statuses(eci, cache_id) == ["UpdateFailed", "Ready"]


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (2, ["UpdateFailed", "UpdateFailed", "Ready"]),
        (-1, ["UpdateFailed"] * 3),
        (0, ["Ready"] * 3),
    ],
)
def test_the_next_updates_of_a_cache_fail(eci: Any, count: int, expected: list[str]) -> None:
    cache_id = eci.cache()
    eci.control.builds(cache_id, failing_builds=count, failure_message="no space", rebuild_seconds=5)
    for _ in expected:
        update(eci, cache_id)
        eci.clock.advance(5)
    assert statuses(eci, cache_id) == expected
    messages = [
        event["Message"] for event in eci.sdk.describe_one(cache_id)["Events"] if event["Type"] == "Warning"
    ]
    assert messages == ["no space"] * expected.count("UpdateFailed")


def test_a_cache_has_a_rebuild_time_of_its_own_until_it_is_taken_back(eci: Any) -> None:
    cache_id, other = eci.cache(), eci.cache(image_cache_name="other")
    eci.control.settings(rebuild_seconds=100)
    eci.control.builds(cache_id, rebuild_seconds=7)
    update(eci, cache_id)
    update(eci, other)
    eci.clock.advance(7)
    assert [eci.sdk.describe_one(one)["Status"] for one in (cache_id, other)] == ["Ready", "Updating"]
    eci.control.builds(cache_id, rebuild_seconds=-1)
    update(eci, cache_id)
    eci.clock.advance(99)
    assert eci.sdk.describe_one(cache_id)["Status"] == "Updating"


def test_how_updates_go_is_checked(eci: Any) -> None:
    cache_id = eci.cache()
    for changes, words in (({"failing": 1}, "'failing'"), ({"failing_builds": -2}, "-1 or more")):
        with pytest.raises(ControlError, match="400") as raised:
            eci.control.builds(cache_id, **changes)
        assert words in str(raised.value)


@pytest.mark.parametrize("failing", [0, 1])
def test_events_say_when_a_build_ended_or_are_not_shown(eci: Any, failing: int) -> None:
    cache_id = eci.cache(builds={"rebuild_seconds": 30, "failing_builds": failing})
    update(eci, cache_id)
    eci.clock.advance(300)
    begun, ended = eci.sdk.describe_one(cache_id)["Events"]
    assert ended["Type"] == ("Warning" if failing else "Normal")
    assert ended["FirstTimestamp"] == ended["LastTimestamp"] > begun["FirstTimestamp"]
    assert int(ended["Name"].rpartition(".")[2], 16) - int(begun["Name"].rpartition(".")[2], 16) == 30_000
    eci.control.settings(show_events=False)
    assert "Events" not in eci.sdk.describe_one(cache_id)


def test_an_update_that_waits_begins_when_the_running_one_ends(eci: Any) -> None:
    cache_id = eci.cache(*OLD, tags=BEFORE)
    eci.control.settings(busy_mode="queue", rebuild_seconds=10)
    start = eci.clock.now
    update(eci, cache_id)
    eci.clock.advance(4)
    update(eci, cache_id, ["third:1"], **SENT)
    eci.sdk.update(ImageCacheId=cache_id, ImageCacheName="renamed")
    assert eci.control.cache(cache_id)["queue"] == 2
    cache = eci.sdk.describe_one(cache_id)
    assert (cache["Images"], tags(eci, cache_id)) == (NEW, BEFORE)
    eci.clock.advance(6)
    cache = eci.sdk.describe_one(cache_id)
    assert (cache["Status"], cache["Images"], tags(eci, cache_id)) == ("Updating", ["third:1"], MERGED)
    eci.clock.advance(10)
    cache = eci.sdk.describe_one(cache_id)
    assert (cache["Status"], cache["ImageCacheName"]) == ("Ready", "renamed")
    assert [
        (one["kind"], one["started_at"] - start, one["ended_at"] - start, one["status"], one["images"])
        for one in eci.control.history(cache_id)
    ] == [
        ("rebuild", 0, 10, "Ready", NEW),
        ("rebuild", 10, 20, "Ready", ["third:1"]),
        ("metadata", 20, 20, "Ready", ["third:1"]),
    ]


def test_an_update_that_waits_can_be_made_to_fail(eci: Any) -> None:
    cache_id = eci.cache()
    eci.control.settings(busy_mode="queue", rebuild_seconds=10)
    update(eci, cache_id)
    eci.control.inject("update_fails")
    update(eci, cache_id)
    eci.clock.advance(20)
    assert statuses(eci, cache_id) == ["Ready", "UpdateFailed"]
    assert eci.sdk.describe_one(cache_id)["Status"] == "UpdateFailed"


def test_an_unchanged_list_is_compared_with_the_one_that_waits_last(eci: Any, refused: Any) -> None:
    cache_id = eci.cache(*OLD)
    eci.control.settings(busy_mode="queue", no_need_update="any")
    update(eci, cache_id)
    update(eci, cache_id, OLD)
    assert refused(update, eci, cache_id, OLD) == (400, "NoNeedUpdate")
    update(eci, cache_id, NEW)
    assert len(eci.control.history(cache_id)) == 3


def test_forcing_a_status_drops_what_waits(eci: Any) -> None:
    cache_id = eci.cache(*OLD)
    eci.control.settings(busy_mode="queue")
    update(eci, cache_id)
    update(eci, cache_id, OLD)
    eci.control.force(cache_id, "Ready")
    assert statuses(eci, cache_id) == ["Ready", "Ready"]
    eci.clock.advance(3600)
    assert eci.sdk.describe_one(cache_id)["Images"] == NEW


@pytest.mark.parametrize("status", ["Creating", "Failed"])
def test_only_behind_an_update_can_another_wait(eci: Any, refused: Any, status: str) -> None:
    eci.control.settings(busy_mode="queue")
    built = eci.cache(status=status)
    assert refused(update, eci, built) == (400, "IncorrectStatus")
    assert refused(update, eci, eci.cache(building=True)) == (400, "IncorrectStatus")


@pytest.mark.parametrize(("switch", "by_id"), [("listing_lag_seconds", False), ("read_lag_seconds", True)])
def test_a_reading_may_be_of_the_past(eci: Any, switch: str, by_id: bool) -> None:
    def seen() -> list[tuple[str, str]]:
        answer = eci.sdk.describe(**({"ImageCacheId": cache_id} if by_id else {}))
        return [(one["Status"], one["Progress"]) for one in answer["ImageCaches"]]

    eci.control.settings(**{switch: 5, "rebuild_seconds": 10})
    cache_id = eci.cache()
    assert seen() == []
    eci.clock.advance(5)
    assert seen() == [("Ready", "100%")]
    update(eci, cache_id)
    assert seen() == [("Ready", "100%")]
    eci.clock.advance(10)
    assert seen() == [("Updating", "50%")]
    other = {"ImageCacheId": cache_id} if not by_id else {}
    assert eci.sdk.describe(**other)["ImageCaches"][0]["Status"] == "Ready"
    eci.clock.advance(5)
    assert seen() == [("Ready", "100%")]
    eci.control.delete_cache(cache_id)
    assert len(seen()) == 1
    eci.clock.advance(5)
    assert seen() == []


def test_the_switches_can_be_reset(eci: Any) -> None:
    defaults = eci.control.settings()
    eci.control.settings(tags_mode="drop", busy_mode="queue", listing_lag_seconds=3)
    assert eci.control.reset_settings() == defaults == eci.control.settings()


def test_what_waits_survives_a_restart(own_eci: Any) -> None:
    cache_id = own_eci.cache(*OLD)
    own_eci.control.settings(busy_mode="queue", images_after_failure="restore", rebuild_seconds=10)
    own_eci.control.builds(cache_id, failing_builds=-1)
    update(own_eci, cache_id)
    update(own_eci, cache_id, ["third:1"], **SENT)
    own_eci.server.restart()
    own_eci.clock.advance(20)
    cache = own_eci.sdk.describe_one(cache_id)
    assert (cache["Status"], cache["Images"], tags(own_eci, cache_id)) == ("UpdateFailed", OLD, SENT)
