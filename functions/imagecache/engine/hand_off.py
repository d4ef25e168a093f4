"""Storing follow tasks: how long each is delayed, and what an answer of the store proves."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any

from ..base.errors import HandOffError
from ..clients.clients import Clients
from ..clients.task_store import Stored
from ..config.settings import FollowSettings
from ..planning.follow_times import FollowTimes
from .follow_message import message_document
from .follow_task import Job, Task

LONGEST_DELAY_SECONDS = 3599
"""The longest delay of an asynchronous invocation (documentation of Function Compute: less than 3600)."""

_START_SECONDS = 2
"""How long a new instance of the function may take to start."""


@dataclass(eq=False, repr=False)
class HandOff:
    """Stores tasks.

    Attributes:
        settings: delays and limits.
        clients: have the store.
        request_id: of this invocation.
        clock: the time, with a zone.
    """

    settings: FollowSettings
    clients: Clients
    request_id: str
    clock: Callable[[], datetime]
    _first_use: Lock = field(default_factory=Lock, repr=False, compare=False)

    @property
    def enabled(self) -> bool:
        """Whether there is a follow function to hand off to."""
        return bool(self.settings.function)

    @property
    def times(self) -> FollowTimes:
        """When tasks are due."""
        settings = self.settings
        return FollowTimes(settings.base_seconds, settings.max_seconds, settings.backoff_seconds)

    def tried(
        self, task: Task, *, ahead: bool = False, own: bool = False
    ) -> tuple[Stored | None, dict[str, Any]]:
        """Store a task: what became of it, None if that is not known; and what a record says of it.

        Arguments are those of ``store``.
        """
        try:
            return self.store(task, ahead=ahead, own=own), {"follow_task_id": task.task_id}
        except HandOffError as problem:
            return None, {"hand_off": str(problem)}

    def store(self, task: Task, *, ahead: bool = False, own: bool = False) -> Stored:
        """Store a task, or find that it is stored.

        A refusal that is not that of a known id proves nothing: the task is stored under an id of this
        attempt, and only a plain acceptance counts. An attempt before may have stored its own.

        Args:
            task: the task.
            ahead: it is stored before what it follows. Then the second id is that of the invocation: each
                attempt would leave one more task, and each of these as many again.
            own: no other task stores it. Where it is refused under the id of the invocation too, an attempt
                before may have stored it.

        Returns:
            Whether it was stored now or before; refused, only where it is one's own.

        Raises:
            HandOffError: when Function Compute did not confirm that it stored the task.
        """
        payload = json.dumps(message_document(task), ensure_ascii=True, separators=(",", ":")).encode("ascii")
        # Of lists that wait for one place the first that runs gets it: it is to be there before its time.
        early = _START_SECONDS if task.slot is not None and task.job is Job.AGAIN else 0
        delay = int((task.due - self.clock()).total_seconds()) - early
        delay = max(1, min(delay, LONGEST_DELAY_SECONDS))
        with (
            self._first_use
        ):  # threads share one store, which is made, with its libraries, for the first task
            store = self.clients.task_store
        stored = store.store(payload, task_id=task.task_id, delay_seconds=delay)
        if stored is not Stored.REFUSED:
            return stored
        attempt = f"{task.task_id} {self.request_id} {'' if ahead else self.clock().isoformat()}"
        unique = hashlib.sha256(attempt.encode()).hexdigest()[:16]
        if store.store(payload, task_id=f"{task.task_id}-{unique}", delay_seconds=delay) is Stored.NOW:
            return Stored.NOW
        if own:
            return Stored.REFUSED
        raise HandOffError("Function Compute answered 409 to the follow task, under an id of its own too")
