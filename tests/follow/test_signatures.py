"""Tasks are stored whichever signature Function Compute takes, and nothing is lost where it takes none."""

from __future__ import annotations

from typing import Any

import pytest

FC, ACS3 = "FC ", "ACS3-HMAC-SHA256 "
CASES: dict[str, tuple[tuple[str, ...], dict[str, int]]] = {
    "both": ((FC, ACS3), {"FC": 3}),
    "fc2's alone": ((FC,), {"FC": 3}),
    "ACS3 alone": ((ACS3,), {"FC": 1, "ACS3-HMAC-SHA256": 3}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_push_to_a_busy_cache_is_stored_and_made(world: Any, case: str) -> None:
    world.tasks.takes, calls = CASES[case]
    cache_id = world.cache()
    assert world.push().said == [("refreshed", "TAG_REPUSHED")]
    world.clock.advance(1)
    assert world.push().said == [("deferred", "CACHE_BUSY")]
    world.run_next()
    # The watch, what waits, and what one of them stored again; what was taken is remembered.
    assert dict(world.tasks.calls) == calls
    world.settle()
    assert len(world.updates(cache_id)) == 2


@pytest.mark.parametrize("busy", [True, False])
def test_where_none_is_taken_the_sender_tries_again_and_is_told_why(world: Any, busy: bool) -> None:
    world.tasks.takes = ()
    world.cache(status="Updating" if busy else "Ready")
    told = world.push()
    assert [result for result, _ in told.said] == ["failed"]
    assert told.error is not None
    assert told.record["fate"] == "retried"
    assert told.record["hand_off"] == (
        "Function Compute answered 403 with FC, 403 with ACS3-HMAC-SHA256 to the follow task: "
        "the function's role needs fc:InvokeFunction of on-follow"
    )
    assert dict(world.tasks.calls) == {"FC": 1, "ACS3-HMAC-SHA256": 1}
    # Without a watch nothing would bound the updates of a cache that remembers nothing.
    assert world.updates() == []
