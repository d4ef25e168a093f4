"""A cache's tags are its user's: none is ever lost, whether the platform merges or replaces what is sent."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.depth import every_value

MOST_TAGS = 20
MODES = ["merge", "replace"]

modes = pytest.mark.parametrize("mode", MODES)


def user_tags(count: int) -> dict[str, str]:
    """Tags as users write them, one of them without a value."""
    named = {f"team-{number}": f"value {number} \u4e2d&=%" for number in range(count - 1)}
    return named | {"acknowledged": ""} if count else {}


def tags_of(world: Any, cache_id: str) -> tuple[dict[str, str], str | None]:
    """The user's tags and ours."""
    tags = dict(world.eci.cache(cache_id)["tags"])
    return tags, tags.pop("imc-refresh", None)


@modes
def test_a_cache_with_as_many_tags_as_it_may_have_keeps_them_and_is_updated(world: Any, mode: str) -> None:
    world.eci.settings(tags_mode=mode)
    tags = user_tags(MOST_TAGS)
    cache_id = world.cache(tags=tags)
    for count in range(1, 4):
        assert world.push().said == [("refreshed", "TAG_REPUSHED")]
        assert world.settle()[-1].said == [("landed", "LANDED")]
        assert tags_of(world, cache_id) == (tags, None)
        assert len(world.updates(cache_id)) == count


@every_value
@modes
@pytest.mark.parametrize("count", [0, 1, MOST_TAGS - 1])
def test_a_cache_with_fewer_tags_keeps_them_and_remembers(world: Any, mode: str, count: int) -> None:
    world.eci.settings(tags_mode=mode)
    tags = user_tags(count)
    cache_id = world.cache(tags=tags)
    memories = set()
    for _ in range(3):
        event = world.event()
        assert world.push(event).said == [("refreshed", "TAG_REPUSHED")]
        world.settle()
        assert world.push(event).said == [("unchanged", "COVERED")]
        kept, memory = tags_of(world, cache_id)
        assert kept == tags
        memories.add(memory)
    assert len(memories) == 3
    assert None not in memories


@modes
def test_tags_that_a_user_changes_between_updates_are_kept(world: Any, mode: str) -> None:
    world.eci.settings(tags_mode=mode)
    cache_id = world.cache(tags={"a": "1", "b": "2"})
    world.push()
    world.settle()
    _, memory = tags_of(world, cache_id)
    world.cache(image_cache_id=cache_id, tags={"b": "3", "imc-refresh": memory, "c": "4"})
    world.push()
    world.settle()
    kept, renewed = tags_of(world, cache_id)
    assert kept == {"b": "3", "c": "4"}
    assert renewed != memory


@modes
def test_a_cache_that_cannot_remember_is_updated_rather_once_too_often_than_not(
    world: Any, mode: str
) -> None:
    world.eci.settings(tags_mode=mode)
    tags = user_tags(MOST_TAGS)
    cache_id = world.cache(tags=tags)
    world.push(world.event("first"))
    during = world.push(world.event("during"))
    assert during.said == [("deferred", "CACHE_BUSY")]
    landed = {visit.record["event_id"] for visit in world.settle() if visit.record["result"] == "landed"}
    assert landed == {"first", "during"}
    assert len(world.updates(cache_id)) == 2
    assert tags_of(world, cache_id) == (tags, None)


@modes
def test_a_failed_update_of_a_cache_that_cannot_remember_is_made_again(world: Any, mode: str) -> None:
    world.eci.settings(tags_mode=mode, rebuild_seconds=20)
    tags = user_tags(MOST_TAGS)
    cache_id = world.cache(tags=tags)
    world.eci.inject("update_fails")
    world.push()
    assert world.settle()[-1].said == [("landed", "LANDED")]
    assert [update["status"] for update in world.updates(cache_id)] == ["UpdateFailed", "Ready"]
    assert tags_of(world, cache_id) == (tags, None)


def test_an_update_that_always_fails_ends_also_where_nothing_is_remembered(world: Any) -> None:
    world.eci.settings(rebuild_seconds=20)
    cache_id = world.cache(tags=user_tags(MOST_TAGS))
    world.eci.inject("update_fails", count=50)
    world.push()
    last = world.settle()[-1]
    assert last.said == [("failed", "UPDATE_FAILED")]
    assert 2 <= len(world.updates(cache_id)) <= 4


def test_all_tags_are_sent_in_their_order_with_ours_last(world: Any) -> None:
    tags = user_tags(5)
    world.cache(tags=tags)
    world.push()
    (call,) = world.update_calls()
    sent = [call["parameters"][f"Tag.{number}.Key"] for number in range(1, 7)]
    assert sent == [*tags, "imc-refresh"]
    assert "Tag.7.Key" not in call["parameters"]
