"""Send again, or drop: a message is removed only when its event was accepted, or a person dropped it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ..problem import Problem
from ..sources.failure_queue import FailureQueue, NotAcceptedError, QueuedMessage
from .failed_event import FailedEvent, decode


@dataclass(frozen=True)
class Done:
    """What became of one message.

    Attributes:
        event: what it says.
        request_id: of the new invocation; empty if there is none.
        removed: whether it has left the queue.
        problem: why it has not, or why its event was not accepted; empty if nothing went wrong.
    """

    event: FailedEvent
    request_id: str = ""
    removed: bool = False
    problem: str = ""

    def document(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {
            "message_id": self.event.message.message_id,
            "what": self.event.subject.text,
            "sent_to": self.event.function if self.request_id else None,
            "request_id": self.request_id or None,
            "removed": self.removed,
            "problem": self.problem or None,
        }


def look(queue: FailureQueue) -> Iterator[FailedEvent]:
    """All that is in a queue, decoded."""
    return (decode(message, queue.prefix) for message in queue.messages())


def find(queue: FailureQueue, ids: Collection[str]) -> list[FailedEvent]:
    """The messages of some ids, or of the beginnings of ids.

    Raises:
        Problem: when one of the ids is of none, or of several.
    """
    messages: list[QueuedMessage] = list(queue.messages())
    found = []
    for wanted in dict.fromkeys(ids):
        same = [each for each in messages if each.message_id == wanted]
        close = same or [each for each in messages if each.message_id.upper().startswith(wanted.upper())]
        if len(close) != 1:
            count = "no message" if not close else f"{len(close)} messages"
            raise Problem(
                f"{queue.name} has {count} with the id {wanted}; nothing was done",
                "`imc-refresh failures` lists what is in it.",
            )
        found.append(decode(close[0], queue.prefix))
    return found


def redrive(queue: FailureQueue, events: Iterable[FailedEvent]) -> Iterator[Done]:
    """Send events again, each to its function; what was accepted leaves the queue."""
    for event in events:
        if event.stays or event.payload is None:
            yield Done(event, problem=event.stays)
            continue
        try:
            request_id = queue.send_again(event.function, event.payload)
        except NotAcceptedError as error:
            yield Done(event, problem=f"it was not accepted: {error}")
            continue
        problem = queue.remove(event.message)
        said = f"it was accepted, but is still in the queue: {problem}" if problem else ""
        yield Done(event, request_id, removed=not problem, problem=said)


def drop(queue: FailureQueue, events: Iterable[FailedEvent]) -> Iterator[Done]:
    """Remove messages; nothing is done about their events."""
    for event in events:
        problem = queue.remove(event.message)
        yield Done(event, removed=not problem, problem=problem)
