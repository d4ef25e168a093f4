"""An event that is given up: it becomes a message in its function's queue, and can be sent again from there.

The message is the document of the vendor's page "Result callback" (destinations of asynchronous invocations):
``timestamp`` in milliseconds, the original payload and the function's answer as texts. The page shows one
``condition`` (``FunctionResourceExhausted``) and no list of them: here it is the kind of the error, as in the
header ``x-fc-error-type``, or the code of the platform's refusal. The platform sends in the name of the
function's role, which needs ``mns:SendMessage``. Must not know when an event is given up.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from ..base.delivery import Deliver, PayloadTooLargeError
from ..permissions.access import Permitted
from .async_config import Destination
from .deliveries import Delivery
from .failures import Failure
from .functions import UnknownFunctionError, function_resource
from .logs import PLATFORM_STREAM, LogStore
from .queues import Message, QueueStore

__all__ = ["OnFailure", "Redriven", "redrive"]


@dataclass(frozen=True)
class OnFailure:
    """Sends what is given up.

    Attributes:
        queues: to send to.
        permitted: whether a function's role allows it.
        logs: get a line for every event that is given up.
        region: of the functions.
        account_id: of the functions.
    """

    queues: QueueStore
    permitted: Permitted
    logs: LogStore
    region: str
    account_id: str

    def send(
        self, delivery: Delivery, failure: Failure, destination: Destination | None, *, attempts: int
    ) -> str | None:
        """Send an event that is given up, if it has somewhere to go.

        Args:
            delivery: the event.
            failure: of the last attempt.
            destination: of the function.
            attempts: how often the function was invoked.

        Returns:
            The name of the queue; None when the event was dropped.
        """
        given_up = f"the event was given up after {attempts} invocations, {failure.condition}"
        if destination is None:
            self._log(delivery, f"{given_up}; it has no destination and was dropped")
            return None
        if not self.permitted(delivery.function, "mns:SendMessage", destination.resource):
            self._log(
                delivery,
                f"{given_up}; it was dropped, as the role does not allow mns:SendMessage on "
                f"{destination.resource}",
            )
            return None
        document = {
            "timestamp": int(time.time() * 1000),
            "requestContext": {
                "requestId": delivery.request_id,
                "functionArn": function_resource(self.region, self.account_id, delivery.function),
                "condition": failure.condition,
                "approximateInvokeCount": attempts,
            },
            "requestPayload": _text(delivery.payload),
            "responseContext": {"statusCode": failure.status_code, "functionError": failure.function_error},
            "responsePayload": _text(failure.payload),
        }
        message_id = self.queues.send(destination.queue, json.dumps(document))
        self._log(delivery, f"{given_up}; it is the message {message_id} of the queue {destination.queue}")
        return destination.queue

    def _log(self, delivery: Delivery, line: str) -> None:
        self.logs.add(delivery.function, delivery.request_id, PLATFORM_STREAM, line)


@dataclass(frozen=True)
class Redriven:
    """What became of one message.

    Attributes:
        message_id: the message's.
        function: whose event it is; empty when the message does not say.
        request_id: of the new invocation; None when the message stays where it is.
        error: why it stays; None when it does not.
    """

    message_id: str
    function: str
    request_id: str | None
    error: str | None


def redrive(queues: QueueStore, deliver: Deliver, queue: str) -> list[Redriven]:
    """Send each failed event of a queue to its function again.

    A message is removed after the new invocation is stored: a crash in between leaves both, so an event may
    be executed once more than needed, and is never lost.

    Args:
        queues: all queues.
        deliver: takes the events.
        queue: the name of one.

    Raises:
        UnknownQueueError: there is no such queue.
    """
    results = []
    for message in queues.messages(queue):
        result = _redrive(message, deliver)
        if result.request_id is not None:
            queues.remove(message.message_id)
        results.append(result)
    return results


def _redrive(message: Message, deliver: Deliver) -> Redriven:
    function = ""
    try:
        document: dict[str, Any] = json.loads(message.body)
        function = str(document["requestContext"]["functionArn"]).rpartition("functions/")[2]
        payload = str(document["requestPayload"]).encode("utf-8", "surrogateescape")
        request_id = deliver(function, payload, source="redrive")
    except (ValueError, LookupError, TypeError, UnknownFunctionError, PayloadTooLargeError) as error:
        return Redriven(message.message_id, function, None, f"{type(error).__name__}: {error}")
    return Redriven(message.message_id, function, request_id, None)


def _text(payload: bytes) -> str:
    """A payload as a text; bytes that are not valid UTF-8 can be read back from it."""
    return payload.decode("utf-8", "surrogateescape")
