"""The on-failure queue of a stack, in Simple Message Queue (SMQ, formerly MNS), by the SDK of its messages.

A message that is received is hidden for the queue's visibility timeout, 30 s as the template has it, and
nobody else can take it; it is removed with the receipt that came with it. Peeking would hide nothing, but
shows the first 16 messages alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from functools import partial
from typing import Any

from ..problem import Problem
from ..services.errors import NotReadError
from .failure_queue import NotAcceptedError, QueuedMessage
from .stack import Stack

_BATCH = 16
"""The most that one call gives."""
_NO_WAIT = 0
"""Seconds that an empty queue waits for a message; the queue's own attribute says 10."""
_SHOWN_AGAIN_SECONDS = 1
_TIMEOUT_SECONDS = 15.0
_NONE_THERE = "MessageNotExist"
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9.]{0,99}", re.ASCII)
_ACCEPTED = 202


class MessageQueue:
    """The queue; see ``FailureQueue``.

    Args:
        stack: whose it is.

    Raises:
        Problem: when the SDK is not installed.
    """

    def __init__(self, stack: Stack) -> None:
        try:
            from mns.account import Account  # noqa: PLC0415 - an extra that may not be there
        except ImportError as error:
            raise Problem(
                f"the vendor's SDKs are not installed: {error.name} is missing",
                "pip install 'imc-refresh[account]' (in a checkout: make env).",
            ) from None
        account = stack.account
        place = account.endpoints.get("mns") or f"{account.account_id}.mns.{account.region}.aliyuncs.com"
        key = account.credentials
        made = Account(
            place if "://" in place else f"https://{place}",
            key.access_key_id,
            key.access_key_secret,
            key.security_token,
        )
        # Over https the SDK sets no time limit of its own.
        made.mns_client.http.conn.timeout = made.mns_client.http.conn.connection_timeout = _TIMEOUT_SECONDS
        self.name, self.prefix = stack.queue, stack.prefix
        self._stack = stack
        self._client = made.mns_client
        self._queue = made.get_queue(self.name)
        self._queue.set_encoding(False)
        self._taken: dict[str, str] = {}

    def __enter__(self) -> MessageQueue:
        return self

    def __exit__(self, *_error: object) -> None:
        self._give_back()
        self._client.close_connection()

    def messages(self) -> Iterator[QueuedMessage]:
        """What is in it; each is hidden from others until it is removed or given back."""
        while True:
            receive = partial(self._queue.batch_receive_message, _BATCH, _NO_WAIT)
            batch = self._call("ReceiveMessage", receive) or ()
            new = [message for message in batch if message.message_id not in self._taken]
            self._taken |= {message.message_id: message.receipt_handle for message in batch}
            for message in new:
                since = datetime.fromtimestamp(message.enqueue_time / 1000, timezone.utc)
                body = _text(message.message_body)
                yield QueuedMessage(message.message_id, since, body, message.receipt_handle)
            if not new:
                return

    def remove(self, message: QueuedMessage) -> str:
        """Remove a message; what went wrong, or nothing."""
        receipt = self._taken.get(message.message_id, message.receipt)
        try:
            self._call("DeleteMessage", partial(self._queue.delete_message, receipt))
        except Problem as problem:
            return problem.message
        self._taken.pop(message.message_id, None)
        return ""

    def send_again(self, function: str, event: bytes) -> str:
        """Invoke a function, asynchronously; the request id.

        Raises:
            NotAcceptedError: anything else than 202 was answered.
        """
        try:
            answer = self._stack.account.call(
                "fc", "InvokeFunction", function, headers={"x_fc_invocation_type": "Async"}, body=event
            )
        except NotReadError as error:
            raise NotAcceptedError(str(error)) from None
        if answer["status"] != _ACCEPTED:
            raise NotAcceptedError(f"Function Compute answered {answer['status']}, not {_ACCEPTED}")
        found = {name.lower(): value for name, value in answer["headers"].items()}
        return str(found.get("x-fc-request-id") or "not said")

    def _give_back(self) -> None:
        """Show what was taken and not removed to others again, a second from now."""
        taken, self._taken = self._taken, {}
        for receipt in taken.values():
            show = partial(self._queue.change_message_visibility, receipt, _SHOWN_AGAIN_SECONDS)
            try:
                self._call("ChangeMessageVisibility", show)
            except Problem:
                # It shows again by itself when its time is over, and nothing is lost.
                return

    def _call(self, action: str, call: Callable[[], Any]) -> Any:
        """What a call gives; None where there is no message.

        Raises:
            Problem: it was refused, or there was no answer.
        """
        from mns.mns_exception import MNSExceptionBase, MNSServerException  # noqa: PLC0415 - see __init__

        try:
            return call()
        except MNSServerException as error:
            if error.type == _NONE_THERE:
                return None
            code = error.type if _CODE.fullmatch(str(error.type)) else "an error"
            remedy = f"Who runs this needs the right mns:{action} on it." if code == "AccessDenied" else ""
            if code == "QueueNotExist":
                remedy = "Is --prefix the NamePrefix of a stack in this region?"
            raise Problem(
                f"Simple Message Queue answered {code} to {action} of {self.name}", remedy
            ) from None
        except MNSExceptionBase as error:
            # The rest of what it says may hold an answer, or a part of the request.
            raise Problem(
                f"Simple Message Queue at {self._client.host} was not reached ({error.type})"
            ) from None
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise Problem(
                f"an answer of Simple Message Queue cannot be read ({type(error).__name__})"
            ) from None


def _text(body: Any) -> str:
    return body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body)
