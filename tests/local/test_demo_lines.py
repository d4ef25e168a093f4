"""What the demonstration makes of records: each with the push that it is about, told once."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from local.demo.cost import Cost
from local.demo.pushes import Push, Step, fates_of
from local.demo.telling import burst_cost, burst_line, held_line, push_lines
from tests.support.demo_picture import PICTURE, pictured, unlike

BEGIN = datetime(2026, 3, 2, tzinfo=timezone.utc)
HOST = "127.0.0.1:5000"


def push(number: int, image: str, content: str) -> Push:
    return Push(number, f"{HOST}/{image}", content, f"sha256:{number}", BEGIN.timestamp())


PUSHES = [
    push(3, "shop/web:v1", "third build"),
    push(4, "shop/sidecar:v3", "third build"),
    push(5, "shop/worker:v2", "third build"),
    push(6, "shop/web:v1", "fourth build"),
]


def record(after: float, what: str, about: Push | None = None, **members: Any) -> dict[str, Any]:
    """A record so many seconds later; of a push where one is given, else of a task."""
    result, reason = what.split()
    named = {} if about is None else {"image": about.image, "digest": about.digest}
    time = (BEGIN + timedelta(seconds=after)).isoformat().replace("+00:00", "Z")
    return {"time": time, "result": result, "reason": reason, **named, **members}


BLUE = {"image_cache_name": "shop-blue"}
RECORDS = [
    record(0.1, "ignored NOT_AN_IMAGE"),
    record(0.2, "ignored POLICY_HOLDS", PUSHES[0], image_cache_name="web-other-tag"),
    record(0.2, "refreshed TAG_REPUSHED", PUSHES[0], **BLUE, follow_task_id="watch"),
    record(0.3, "deferred CACHE_BUSY", PUSHES[1], **BLUE, follow_task_id="again"),
    record(0.4, "deferred CACHE_BUSY", PUSHES[2], **BLUE, follow_task_id="again"),
    record(5.0, "deferred CACHE_BUSY", **BLUE, task_id="again", follow_task_id="again-2"),
    record(5.1, "deferred CACHE_BUSY", PUSHES[3], **BLUE, follow_task_id="again-2"),
    record(7.0, "landed LANDED", **BLUE, task_id="watch", staleness_seconds=6.94),
    record(8.0, "refreshed TAG_REPUSHED", **BLUE, task_id="again-2", follow_task_id="watch-2"),
    record(12.0, "deferred UPDATE_RUNNING", **BLUE, task_id="watch-2", follow_task_id="watch-3"),
    record(15.0, "landed LANDED", **BLUE, task_id="watch-3", staleness_seconds=14.0),
    record(16.0, "failed UNKNOWN", task_id="of nobody"),
]


def test_each_record_is_told_once_with_its_push() -> None:
    fates = fates_of(PUSHES, RECORDS)
    told = {
        number: {cache: [f"{step.result} {step.what}" for step in steps] for cache, steps in caches.items()}
        for number, caches in fates.steps.items()
    }
    waits = ["deferred CACHE_BUSY, waits with push 4"]
    assert told == {
        3: {
            "web-other-tag": ["ignored POLICY_HOLDS"],
            "shop-blue": ["refreshed TAG_REPUSHED", "landed LANDED, 6.9 s stale"],
        },
        4: {
            "shop-blue": [
                "deferred CACHE_BUSY",
                "deferred CACHE_BUSY",
                "refreshed TAG_REPUSHED, for pushes 4 to 6",
                "deferred UPDATE_RUNNING",
                "landed LANDED, 14.0 s stale",
            ]
        },
        5: {"shop-blue": waits},
        6: {"shop-blue": waits},
    }
    assert fates.steps[3]["shop-blue"][1] == Step(pytest.approx(7.0), "landed", "LANDED, 6.9 s stale")
    assert fates.others == {("ignored", "NOT_AN_IMAGE"): 1, ("failed", "UNKNOWN"): 1}


def test_two_pushes_are_no_range() -> None:
    fates = fates_of(PUSHES[:3], [one for one in RECORDS if one.get("digest") != PUSHES[3].digest])
    assert fates.steps[4]["shop-blue"][2].what == "TAG_REPUSHED, for pushes 4 and 5"


def test_the_lines_of_a_push_go_cache_by_cache_in_the_order_of_the_story() -> None:
    steps = fates_of(PUSHES, RECORDS).steps[3]
    lines = push_lines(PUSHES[0], BEGIN.timestamp() - 20, steps, ["shop-blue", "web-other-tag"])
    assert [line.plain for line in lines] == [
        "Push 3: 127.0.0.1:5000/shop/web:v1 (third build) at 20.0 s",
        "  shop-blue        +0.2 s  refreshed  TAG_REPUSHED",
        "                   +7.0 s  landed     LANDED, 6.9 s stale",
        "  web-other-tag    +0.2 s  ignored    POLICY_HOLDS",
    ]


def test_the_picture_in_the_repository_has_what_is_printed_now() -> None:
    """Made anew by ``python -m local demo --svg docs/demo.svg``."""
    fates = fates_of(PUSHES, RECORDS)
    lines = [
        burst_line(6, 3, 2),
        *(line for one in PUSHES for line in push_lines(one, 0, fates.steps[one.number], ["shop-blue"])),
        *burst_cost(12, Cost(20, 6, 8, 8, 4)),
        held_line(36.8),
    ]
    kept = pictured(PICTURE)
    assert len(kept) > 20
    assert unlike(kept, [line.plain for line in lines]) == set()
