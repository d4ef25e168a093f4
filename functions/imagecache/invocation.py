"""The frame around every entry point: settings, records, the engine, and what becomes of errors.

What a warm instance keeps between invocations (connections and listings) lives here. The frame never lets
a fault end in success: whatever goes wrong is recorded and then raised, or answered with a 5xx.
"""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .changes import Item, Notice
from .credentials import read_credentials
from .deadline import Deadline
from .engine import Engine
from .errors import DoorError, ErrorClass, InputError, PermanentDoorError, RetryableDoorError, SettingsError
from .gateway import EciGateway
from .listings import Listings
from .outcomes import RETRIED, Outcome, Recorder
from .reasons import Reason, Result
from .settings import Settings, read_settings

if TYPE_CHECKING:
    from .eci_connections import Connections

__all__ = ["Invocation", "event_answer", "run"]

DEFAULT_TIMEOUT_SECONDS = 60
_MOST_NAMED = 10

_logger = logging.getLogger(__name__)


class _Warm:
    """What outlives an invocation while the instance is warm."""

    def __init__(self) -> None:
        self.listings = Listings()
        self._connections: Connections | None = None

    def connections(self) -> Connections:
        # The SDK is imported with the first call to ECI: an ignored event must not pay for it.
        from .eci_connections import Connections  # noqa: PLC0415

        if self._connections is None:
            self._connections = Connections()
        return self._connections


_warm = _Warm()


@dataclass(frozen=True)
class Invocation:
    """What an entry point may know of its invocation.

    Attributes:
        arrived: when it began, with a zone.
        request_id: the platform's id of it, the same when the platform tries again.
    """

    arrived: datetime
    request_id: str

    @cached_property
    def settings(self) -> Settings:
        """The function's settings.

        Raises:
            SettingsError: when the environment is wrong.
        """
        return read_settings(os.environ)


def run(door: str, context: Any, read: Callable[[Invocation], Iterable[Item]]) -> list[Outcome]:
    """Read a trigger's event, process it, and record everything that came of it.

    Args:
        door: the entry point's name.
        context: the platform's context object.
        read: turns the event into items; may raise ``InputError``.

    Returns:
        The records. A failure is among them, never raised: the entry point decides how to tell it.
    """
    arrived = datetime.now(timezone.utc)
    request_id = str(getattr(context, "request_id", "") or "unknown")
    recorder = Recorder(door, request_id)
    deadline = Deadline(_timeout_seconds(context))
    invocation = Invocation(arrived, request_id)
    try:
        items = _items(invocation, read)
        settings = invocation.settings
        logging.getLogger(__package__).setLevel(settings.log_level)
        engine = Engine(
            settings, recorder, arrived, lambda: _open_gateway(settings, context, deadline), _warm.listings
        )
        engine.process(items)
    except SettingsError as error:
        recorder.failure(Reason.SETTINGS_INVALID, str(error), {}, error_class=ErrorClass.PERMANENT)
    except Exception as error:  # noqa: BLE001 - the outermost frame: recorded, then raised or answered with 500
        kind = type(error).__name__
        # The stack without the exception's text, which may hold anything.
        _logger.error("unexpected %s\n%s", kind, "".join(traceback.format_tb(error.__traceback__)))  # noqa: TRY400
        recorder.failure(
            Reason.INTERNAL_ERROR, f"unexpected {kind}", {}, error_class=ErrorClass.PERMANENT, code=kind
        )
    return recorder.outcomes


def event_answer(outcomes: Sequence[Outcome], *, refuse_rejected: bool = False) -> dict[str, Any]:
    """The answer to a trigger that is not HTTP.

    Args:
        outcomes: the records.
        refuse_rejected: whether rejected input is an error of configuration.

    Raises:
        RetryableDoorError: when something is to be tried again.
        PermanentDoorError: when something failed for good.
    """
    failed = [outcome for outcome in outcomes if outcome["result"] == Result.FAILED.value]
    if refuse_rejected:
        failed += [outcome for outcome in outcomes if outcome["result"] == Result.REJECTED.value]
    if failed:
        raise _failure(failed, len(outcomes))
    return {"outcomes": list(outcomes)}


def _failure(failed: Sequence[Outcome], total: int) -> DoorError:
    named = [
        f"{outcome['reason']} {outcome.get('image_cache_id', '')} ({outcome['message']})"
        for outcome in failed[:_MOST_NAMED]
    ]
    message = f"{len(failed)} of {total} outcomes failed: " + "; ".join(named)
    retried = any(outcome.get("fate") == RETRIED for outcome in failed)
    return RetryableDoorError(message) if retried else PermanentDoorError(message)


def _items(invocation: Invocation, read: Callable[[Invocation], Iterable[Item]]) -> Iterable[Item]:
    try:
        return read(invocation)
    except InputError as error:
        return [Notice.refusal(error)]


def _open_gateway(settings: Settings, context: Any, deadline: Deadline) -> EciGateway:
    credentials = read_credentials(os.environ, context)
    connections = _warm.connections()
    from .eci_sdk import SdkGateway  # noqa: PLC0415 - see _Warm.connections

    return SdkGateway(settings.eci_endpoint, credentials, deadline, connections)


def _timeout_seconds(context: Any) -> float:
    """The function's timeout; the context's ``function`` has it."""
    timeout = getattr(getattr(context, "function", None), "timeout", None)
    return float(timeout) if isinstance(timeout, (int, float)) and timeout > 0 else DEFAULT_TIMEOUT_SECONDS
