"""Timer triggers: hands the timer event over when a schedule says so, or when somebody asks for it.

A firing that falls into a time when nothing runs is not made up for. Event: vendor page "Time triggers".
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timezone

from ..base.delivery import Deliver
from .specs import TimerTrigger

__all__ = ["Timers", "UnknownTriggerError", "timer_event"]


class UnknownTriggerError(LookupError):
    """Raised when there is no timer trigger of a name."""


def timer_event(trigger: TimerTrigger, moment: datetime) -> bytes:
    """The event of a timer trigger that fires at a moment, a time with a zone."""
    document = {
        "triggerTime": moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "triggerName": trigger.name,
        "payload": trigger.payload,
    }
    return json.dumps(document).encode()


class Timers:
    """All timer triggers of a deployment.

    Args:
        triggers: enabled or not; a disabled one fires on request only.
        deliver: takes the events.
        clock: the time, with a zone.
    """

    def __init__(
        self,
        triggers: Sequence[TimerTrigger],
        deliver: Deliver,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self.triggers = {trigger.name: trigger for trigger in triggers}
        self._deliver = deliver
        self._clock = clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="timers", daemon=True)

    def fire(self, name: str) -> str:
        """Fire a trigger now; returns the request id of the invocation to come.

        Raises:
            UnknownTriggerError: there is no timer trigger of this name.
        """
        trigger = self.triggers.get(name)
        if trigger is None:
            raise UnknownTriggerError(
                f"there is no timer trigger {name!r}; known are {', '.join(self.triggers)}"
            )
        return self._fire(trigger, self._clock())

    def start(self) -> None:
        """Begin to follow the schedules of the enabled triggers."""
        self._thread.start()

    def close(self) -> None:
        """Stop following them."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _fire(self, trigger: TimerTrigger, moment: datetime) -> str:
        return self._deliver(trigger.function_name, timer_event(trigger, moment), source=trigger.name)

    def _run(self) -> None:
        now = self._clock()
        due = {name: one.schedule(now) for name, one in self.triggers.items() if one.enabled}
        while due:
            name, moment = min(due.items(), key=lambda item: item[1])
            if self._stop.wait(max(0.0, (moment - self._clock()).total_seconds())):
                return
            trigger = self.triggers[name]
            self._fire(trigger, moment)
            # From now on: after a sleep of the machine it fires once, not for each time that was missed.
            due[name] = trigger.schedule(max(moment, self._clock()))
