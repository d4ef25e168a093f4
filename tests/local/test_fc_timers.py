"""Timer triggers: schedules, the event, and firing by the clock and on request."""

from __future__ import annotations

import json
import queue
import threading
from datetime import datetime, timedelta, timezone

import pytest

from local.fc.schedule import ScheduleError, parse_schedule
from local.fc.specs import TimerTrigger
from local.fc.timers import Timers, UnknownTriggerError, timer_event
from tests.support.for_each import for_each

NOW = datetime(2026, 3, 2, 10, 7, 30, tzinfo=timezone.utc)


@for_each(
    ("expression", "firings"),
    [
        pytest.param("0 0 4 * * *", ["03-03 04:00:00", "03-04 04:00:00"], id="daily-utc"),
        pytest.param("15 * * * * *", ["03-02 10:08:15", "03-02 10:09:15"], id="seconds-first"),
        pytest.param("0 */15 * * * *", ["03-02 10:15:00", "03-02 10:30:00"], id="every-quarter"),
        pytest.param("CRON_TZ=Asia/Shanghai 0 0 4 * * *", ["03-02 20:00:00", "03-03 20:00:00"], id="zone"),
        pytest.param("CRON_TZ=Asia/Shanghai 0 0 0 1 * *", ["03-31 16:00:00", "04-30 16:00:00"], id="month"),
        pytest.param("@every 4m", ["03-02 10:11:30", "03-02 10:15:30"], id="every-4m"),
        pytest.param("@every 1h30m", ["03-02 11:37:30", "03-02 13:07:30"], id="every-1h30m"),
        pytest.param("@every 5s", ["03-02 10:07:35", "03-02 10:07:40"], id="every-5s"),
    ],
)
def test_a_schedule_gives_the_next_times(expression: str, firings: list[str]) -> None:
    schedule = parse_schedule(expression)
    first = schedule(NOW)
    found = [moment.strftime("%m-%d %H:%M:%S") for moment in (first, schedule(first))]
    assert (found, first.utcoffset()) == (firings, timedelta(0))


@for_each(
    "expression",
    [
        "",
        "* * * * *",
        "0 0 4 * * * *",
        "0 0 25 * * *",
        "@every 0m",
        "@every 4",
        "@daily",
        "CRON_TZ=No/Where 0 0 4 * * *",
    ],
    ids=repr,
)
def test_what_is_no_schedule_is_refused(expression: str) -> None:
    with pytest.raises(ScheduleError):
        parse_schedule(expression)


def trigger(name: str, expression: str, *, enabled: bool = True) -> TimerTrigger:
    return TimerTrigger(name, f"f-{name}", parse_schedule(expression), expression, "a payload", enabled)


class Delivered:
    """Takes the events of the timers."""

    def __init__(self) -> None:
        self.events: queue.Queue[tuple[str, dict[str, str]]] = queue.Queue()

    def __call__(self, function: str, payload: bytes, *, source: str) -> str:
        self.events.put((function, json.loads(payload)))
        return f"request of {source}"


def test_the_event_has_the_documented_form() -> None:
    event = json.loads(timer_event(trigger("sweep", "@every 1m"), NOW))
    assert event == {
        "triggerTime": "2026-03-02T10:07:30Z",
        "triggerName": "sweep",
        "payload": "a payload",
    }


def test_a_trigger_fires_on_request_enabled_or_not() -> None:
    delivered = Delivered()
    timers = Timers([trigger("off", "@every 1h", enabled=False)], delivered, clock=lambda: NOW)
    assert timers.fire("off") == "request of off"
    function, event = delivered.events.get_nowait()
    assert (function, event["triggerTime"]) == ("f-off", "2026-03-02T10:07:30Z")
    timers.close()


def test_an_unknown_trigger_cannot_be_fired() -> None:
    timers = Timers([trigger("sweep", "@every 1h")], Delivered())
    with pytest.raises(UnknownTriggerError, match="no timer trigger 'swep'; known are sweep"):
        timers.fire("swep")
    timers.close()


class Clock:
    """A time that a test moves."""

    def __init__(self) -> None:
        self.now = NOW
        self.asked = threading.Semaphore(0)

    def __call__(self) -> datetime:
        self.asked.release()
        return self.now


def test_enabled_triggers_fire_by_their_schedules() -> None:
    """The event carries the scheduled time, and a disabled trigger stays still."""
    delivered = Delivered()
    clock = Clock()
    schedules = [
        trigger("a", "@every 1s"),
        trigger("b", "@every 1h"),
        trigger("c", "@every 1s", enabled=False),
    ]
    timers = Timers(schedules, delivered, clock=clock)
    timers.start()
    try:
        clock.asked.acquire(timeout=20)  # the first times are reckoned from NOW
        clock.now = NOW + timedelta(seconds=30)
        function, event = delivered.events.get(timeout=20)
    finally:
        timers.close()
    assert (function, event["triggerTime"]) == ("f-a", "2026-03-02T10:07:31Z")
    assert delivered.events.empty()


def test_timers_without_an_enabled_trigger_do_nothing() -> None:
    timers = Timers([trigger("off", "@every 1s", enabled=False)], Delivered())
    timers.start()
    timers.close()
