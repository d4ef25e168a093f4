"""The tag that holds a cache: what its value means, and how it is written."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.act.hold_value import hold_value, room_for_hold
from imagecache.base.errors import InputError
from imagecache.base.reasons import Reason
from imagecache.model.change import CacheRequest, Change, PushEvent
from imagecache.model.image_cache import ImageCache
from imagecache.model.selector import ALL_CACHES
from imagecache.planning.barriers import hold_barrier, hold_on
from imagecache.planning.entry_memory import DIGESTS_TAG, PUSHED_TAG
from imagecache.planning.hold_tag import CacheHold, read_hold
from imagecache.planning.update_memory import HOLD_TAG, MEMORY_TAG
from tests.support.for_each import for_each

END = datetime(2026, 3, 2, 18, tzinfo=timezone.utc)
PUSH = PushEvent("acr", "event-1", "registry.example.com", "prod/web", "v1")
PERSON = CacheRequest("manual", "request-1", Reason.REBUILD_REQUESTED, ALL_CACHES)


def cache(*tags: tuple[str, str]) -> ImageCache:
    return ImageCache("cn-hangzhou", "imc-1", "web", "Ready", ("registry.example.com/prod/web:v1",), tags)


def own(count: int) -> tuple[tuple[str, str], ...]:
    return tuple((f"key-{number}", "") for number in range(count))


@for_each(
    ("value", "expected"),
    [
        ("", {}),
        (" ; ;", {}),
        ("until=2026-03-02T18:00:00Z", {"until": END}),
        ("until=2026-03-02T18:00:00.123z", {"until": END}),
        ("until=2026-03-03T02:00+08:00", {"until": END}),
        ("until=2026-03-03T02:00+0800", {"until": END}),
        ("until=2026-03-03 02:00 +08", {"until": END}),
        ("until=2026-03-02 18:00", {"until": END}),
        ("until=2026-03-02", {"until": datetime(2026, 3, 2, 23, 59, 59, 999999, timezone.utc)}),
        (" Until = 2026-03-02T18:00:00Z ; FREEZE ", {"until": END, "freeze": True}),
        ("by = ann ; why = a = b ", {"by": "ann", "why": "a = b"}),
        ("freeze=true", {"freeze": True}),
        ("freeze=no", {}),
        ("why=release 12;x=1;y", {"why": "release 12", "others": ("x=1", "y")}),
        ("until=tomorrow", {"unreadable": "tomorrow"}),
        ("until=", {}),
        ("until=2026-02-30T00:00:00Z", {"unreadable": "2026-02-30T00:00:00Z"}),
        ("until=2026-03-02T25:00:00Z", {"unreadable": "2026-03-02T25:00:00Z"}),
        ("until=0001-01-01T00:00:00+08:00", {"unreadable": "0001-01-01T00:00:00+08:00"}),
        ("until=1772474400", {"unreadable": "1772474400"}),
        ("until=2026-03-02T18:00:00Z;until=2026-03-01", {"until": END}),
        ("until=2026-03-02T18:00:00Z;until=soon", {"unreadable": "soon"}),
    ],
)
def test_a_value_is_read(value: str, expected: dict[str, Any]) -> None:
    assert read_hold(value) == CacheHold(**expected)


@pytest.mark.parametrize("seconds", [-1, 0, 1])
def test_a_hold_ends(seconds: int) -> None:
    hold = hold_on(cache((HOLD_TAG, "until=2026-03-02T18:00:00Z")), END + timedelta(seconds=seconds))
    assert (hold is None) == (seconds >= 0)


def test_a_hold_without_end_never_does() -> None:
    for value in ("", "until=never", "by=ann"):
        assert hold_on(cache((HOLD_TAG, value)), END + timedelta(days=10_000)) is not None
    assert hold_on(cache(("imc-refresh-holds", "")), END) is None


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("", "the cache is held without end"),
        ("until=2026-03-02T19:00:00Z;by=ann", "the cache is held until 2026-03-02T19:00:00+00:00 by ann"),
        ("until=soon;why=tests", "the cache is held without end (its until, 'soon', is no time): tests"),
    ],
)
def test_the_record_says_how_long_by_whom_and_why(value: str, says: str) -> None:
    barrier = hold_barrier(cache((HOLD_TAG, value)), PUSH, END, new_list=True)
    assert barrier is not None
    assert (barrier.reason, barrier.message) == (Reason.HELD, says)
    assert (barrier.until is not None) == ("19:00" in value)


@for_each(
    ("value", "change", "new_list", "kept"),
    [
        ("", PUSH, True, True),
        ("", PUSH, False, False),
        ("freeze", PUSH, False, True),
        ("", PERSON, False, True),
        ("freeze", PERSON._replace(force=True), False, False),
        ("", PUSH._replace(source="manual", force=True), True, False),
        ("until=2026-03-02;freeze", PUSH, True, False),
    ],
)
def test_what_a_hold_keeps_back(value: str, change: Change, new_list: bool, kept: bool) -> None:
    barrier = hold_barrier(cache((HOLD_TAG, value)), change, END + timedelta(hours=6), new_list=new_list)
    assert (barrier is not None) == kept


texts = st.text(st.characters(codec="utf-8"), max_size=200)


seconds = st.integers(-(10**9), 10**9)


@given(st.none() | seconds, st.booleans(), texts, texts)
def test_what_is_written_is_read_and_fits(late: int | None, freeze: bool, by: str, why: str) -> None:
    until = None if late is None else (END + timedelta(seconds=late)).astimezone(timezone(timedelta(hours=8)))
    value = hold_value(CacheHold(until, freeze, by, why, others=("x=1",)))
    assert len(value) <= 128
    assert value.isprintable()
    assert "http://" not in value
    assert "https://" not in value
    read = read_hold(value)
    assert (read.until, read.freeze, read.others) == (until, freeze, ("x=1",))
    assert hold_value(read) == value


def test_a_hold_that_is_written_anew_keeps_what_is_not_known() -> None:
    read = read_hold("until=soon;ticket=7;why=because")
    assert hold_value(read) == "until=soon;ticket=7;why=because"
    assert hold_value(read._replace(until=END, unreadable="", freeze=True, by="ann")) == (
        "until=2026-03-02T18:00:00Z;freeze;by=ann;ticket=7;why=because"
    )
    assert hold_value(CacheHold()) == ""


def test_what_has_no_room_is_refused() -> None:
    with pytest.raises(InputError, match="would have 129 characters; it may have 128"):
        hold_value(CacheHold(others=("x" * 129,)))
    assert len(hold_value(CacheHold(others=("x" * 128,), why="no room"))) == 128


@for_each(
    ("tags", "gone"),
    [
        (own(19), ()),
        ((*own(19), (MEMORY_TAG, "")), (MEMORY_TAG,)),
        ((*own(18), (MEMORY_TAG, ""), (PUSHED_TAG, "")), (PUSHED_TAG,)),
        ((*own(17), (DIGESTS_TAG, ""), (MEMORY_TAG, ""), (PUSHED_TAG, "")), (DIGESTS_TAG,)),
        ((*own(19), (HOLD_TAG, "")), ()),
    ],
)
def test_a_hold_takes_the_place_of_what_is_worth_least(
    tags: tuple[tuple[str, str], ...], gone: tuple[str, ...]
) -> None:
    assert room_for_hold(cache(*tags)) == gone


def test_twenty_tags_of_the_users_own_leave_no_room() -> None:
    with pytest.raises(
        InputError, match="imc-1 has 20 tags of its own, and no more fit: take one of them away"
    ):
        room_for_hold(cache(*own(20)))
