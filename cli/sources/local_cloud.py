"""The local cloud that ``python -m local up`` serves: the log of its functions, and its on-failure queue.

Importing this module imports the local cloud.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from pathlib import Path

import httpx

from local.base.state_folder import NothingServedError, read_endpoints
from local.fc.control import FcControl, FcControlError
from local.fc.signature import Signer
from local.permissions.credentials import CredentialStore

from ..problem import Problem
from .failure_queue import NotAcceptedError, QueuedMessage
from .record import Record
from .record_lines import records_of

_SUFFIX = "-failures"


class LocalCloud:
    """One that is served; a context manager, and an on-failure queue.

    Args:
        folder: its state.

    Raises:
        Problem: when nothing is served from the folder.
    """

    def __init__(self, folder: str) -> None:
        with ExitStack() as stack:
            try:
                url = read_endpoints(Path(folder))["fc"]
            except NothingServedError as error:
                raise Problem(str(error)) from None
            keys = CredentialStore(Path(folder) / "cloud.db")
            stack.callback(keys.close)
            key = keys.issue()
            stack.callback(keys.revoke, key.access_key_id)
            self._fc = FcControl(url, Signer(key, trigger=False))
            stack.callback(self._fc.close)
            with _answered():
                names = [name for name in self._fc.queues() if name.endswith(_SUFFIX)]
            if len(names) != 1:
                raise Problem(f"the local cloud of {folder} has {len(names)} on-failure queues, not one")
            self._close = stack.pop_all().close
        self.name = names[0]
        self.prefix = self.name.removesuffix(_SUFFIX)

    def __enter__(self) -> LocalCloud:
        return self

    def __exit__(self, *_error: object) -> None:
        self._close()

    def records(self) -> tuple[Record, ...]:
        """What the functions recorded, oldest first."""
        with _answered():
            lines = self._fc.logs()
        return records_of(line["line"] for line in lines if line["stream"] == "stdout")

    def messages(self) -> Iterator[QueuedMessage]:
        """What is in the queue, oldest first; nothing is hidden from others."""
        with _answered():
            found = self._fc.queue_messages(self.name)
        for each in found:
            since = datetime.fromtimestamp(each["enqueued_at"], timezone.utc)
            yield QueuedMessage(each["message_id"], since, each["body"])

    def remove(self, message: QueuedMessage) -> str:
        """Remove a message; what went wrong, or nothing."""
        try:
            self._fc.remove_message(self.name, message.message_id)
        except (FcControlError, httpx.HTTPError) as error:
            return str(error)
        return ""

    def send_again(self, function: str, event: bytes) -> str:
        """Invoke a function, asynchronously; the request id.

        Raises:
            NotAcceptedError: it was refused.
        """
        try:
            return self._fc.invoke_async(function, event)
        except (FcControlError, httpx.HTTPError) as error:
            raise NotAcceptedError(str(error)) from None


@contextmanager
def _answered() -> Iterator[None]:
    try:
        yield
    except (FcControlError, httpx.HTTPError) as error:
        raise Problem(f"the local cloud did not answer: {error}") from None
