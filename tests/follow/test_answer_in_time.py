"""A webhook is answered in time: what is not done by then is stored, and goes on in follow tasks."""

from __future__ import annotations

import time
from typing import Any

import pytest

from imagecache.engine.warm import Warm
from imagecache.triggers import invocation


@pytest.fixture
def cold(world: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A world whose next invocation is the first of an instance that started for an hour."""
    warm = Warm(world.clock.moment, world.clock.advance, age_seconds=3600)
    warm.connections = invocation._warm.connections  # noqa: SLF001
    monkeypatch.setattr(invocation, "_warm", warm)
    monkeypatch.delenv("IMC_ANSWER_SECONDS")
    return world


def calls(world: Any) -> int:
    return len(world.eci.journal())


def test_a_sender_that_waited_for_a_slow_start_is_answered_before_anything_is_read(cold: Any) -> None:
    identifier = cold.cache()
    before = calls(cold)
    answered = cold.webhook()
    assert answered.answer["statusCode"] == 202
    assert answered.said == [("deferred", "OUT_OF_TIME")]
    assert calls(cold) == before
    (task,) = cold.tasks.waiting
    assert answered.record["follow_task_id"] == task.task_id
    assert task.document["job"] == "change"
    assert task.delay_seconds == 1

    visits = cold.settle()
    assert visits[0].said == [("refreshed", "TAG_REPUSHED")]
    assert visits[-1].said == [("landed", "LANDED")]
    assert len(cold.updates(identifier)) == 1


def test_only_the_first_invocation_waited_for_the_start(cold: Any) -> None:
    cold.setenv("IMC_ANSWER_SECONDS", "30")
    cold.cache()
    assert cold.webhook().said == [("deferred", "OUT_OF_TIME")]
    assert cold.webhook().said == [("refreshed", "TAG_REPUSHED")]


def test_nobody_waits_for_an_event_of_the_event_bus(cold: Any) -> None:
    cold.cache()
    assert cold.push().said == [("refreshed", "TAG_REPUSHED")]


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({"IMC_ANSWER_SECONDS": "0"}, id="answered when all is done"),
        pytest.param({"IMC_FOLLOW_FUNCTION": ""}, id="nothing can be stored"),
    ],
)
def test_where_all_is_to_be_done_first_it_is(cold: Any, environment: dict[str, str]) -> None:
    for name, value in environment.items():
        cold.setenv(name, value)
    cold.cache()
    assert cold.webhook().said == [("refreshed", "TAG_REPUSHED")]


def test_a_dry_run_is_answered_with_its_plan(cold: Any) -> None:
    cold.setenv("IMC_DRY_RUN", "true")
    cold.cache()
    assert cold.webhook().said == [("planned", "TAG_REPUSHED")]


def test_what_cannot_be_stored_either_is_tried_again_by_the_sender(cold: Any) -> None:
    cold.cache()
    cold.tasks.refusal = 403
    refused = cold.webhook()
    assert refused.answer["statusCode"] == 503
    assert refused.said == [("failed", "OUT_OF_TIME")]


def test_slow_calls_do_not_hold_up_the_answer(world: Any) -> None:
    """A read takes 0.3 s: of 40, eight at a time, the last is done long after the sender went."""
    world.setenv("IMC_ANSWER_SECONDS", "1.6")
    ids = [world.cache() for _ in range(40)]
    world.eci.inject("slow", action="DescribeImageCaches", delay_seconds=0.3, count=1000)
    began = time.monotonic()
    answered = world.webhook()
    assert time.monotonic() - began < 10
    assert answered.answer["statusCode"] == 202
    said = set(answered.said)
    assert ("deferred", "OUT_OF_TIME") in said
    assert "failed" not in {result for result, _ in said}
    world.eci.clear_faults()
    world.settle()
    assert {len(world.updates(identifier)) for identifier in ids} == {1}
