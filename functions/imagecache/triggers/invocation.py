"""The frame around every entry point: settings, records, the engine, and what becomes of errors.

What a warm instance keeps between invocations is in ``warm``. The frame never lets
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

from ..base.credentials import Credentials, read_credentials
from ..base.deadline import HAND_OFF_SECONDS, Deadline, timeout_seconds
from ..base.environment import Environment
from ..base.errors import (
    DoorError,
    ErrorClass,
    InputError,
    PermanentDoorError,
    RetryableDoorError,
    SettingsError,
)
from ..base.reasons import Reason, Result
from ..clients.eci_gateway import EciGateway
from ..config.settings import Settings, read_settings
from ..engine.engine import Engine
from ..engine.follow_task import Follower, Progress, TaskStore
from ..engine.records import RETRIED, Outcome, Recorder, answer_document
from ..model.change import Item, Notice
from ..policy.rules import NO_RULES, Rules
from .warm import Warm

if TYPE_CHECKING:
    from ..clients.registry_reader import RegistryReader

__all__ = ["Invocation", "event_answer", "run", "run_follow"]

_MOST_NAMED = 10

_logger = logging.getLogger(__name__)


_warm = Warm()


@dataclass(frozen=True)
class Invocation:
    """What an entry point may know of its invocation.

    Attributes:
        arrived: when it began, with a zone.
        request_id: the platform's id of it, the same when the platform tries again.
        recorder: gets its records.
        context: the platform's context object.
    """

    arrived: datetime
    request_id: str
    recorder: Recorder
    context: Any

    @cached_property
    def settings(self) -> Settings:
        """The function's settings.

        Raises:
            SettingsError: when the environment is wrong.
        """
        settings = read_settings(os.environ, _read_rules)
        logging.getLogger(__name__.partition(".")[0]).setLevel(settings.log_level)
        self.recorder.dry_run = settings.dry_run
        return settings

    @cached_property
    def credentials(self) -> Credentials:
        """The credentials of this very invocation.

        Raises:
            CredentialsError: when there are none.
        """
        return read_credentials(os.environ, self.context)

    @cached_property
    def deadline(self) -> Deadline:
        """The invocation's end; with follow tasks, time to store one is kept free."""
        reserve = HAND_OFF_SECONDS if self.settings.follow.function else 0.0
        return Deadline(timeout_seconds(self.context), reserve_seconds=reserve)

    @cached_property
    def engine(self) -> Engine:
        """The engine, with everything opened only when it is needed."""
        follow = self.settings.follow
        follower = Follower(follow, self.arrived, self._open_store if follow.function else None)
        return Engine(
            self.settings,
            self.recorder,
            self.arrived,
            self._open_gateway,
            _warm.listings,
            follower,
            self._open_reader,
            self._reading_time,
            _warm.recent(self.settings.eci_endpoint),
        )

    def _open_gateway(self) -> EciGateway:
        credentials = self.credentials
        connections = _warm.connections()
        from ..clients.eci import SdkGateway  # noqa: PLC0415 - see Warm

        return SdkGateway(self.settings.eci_endpoint, credentials, self.deadline, connections)

    def _open_reader(self) -> RegistryReader:
        connections = _warm.registry_connections()
        from ..clients.oci_registry import OciReader  # noqa: PLC0415 - see Warm
        from ..clients.registry_accounts import RegistryAccounts  # noqa: PLC0415 - see Warm

        accounts = RegistryAccounts(
            self.settings, lambda: self.credentials, self._reading_time, _warm.acr_connections
        )
        return OciReader(accounts.account, self._reading_time, connections)

    @cached_property
    def _reading(self) -> Deadline:
        """The end of asking registries; begins when it is first asked for."""
        return Deadline(self.settings.registry_seconds)

    def _reading_time(self) -> float:
        return min(self._reading.remaining(), self.deadline.remaining())

    def _open_store(self) -> TaskStore:
        connections = _warm.task_connections()
        from ..clients.function_compute import FcTaskStore  # noqa: PLC0415 - see Warm

        follow = self.settings.follow
        return FcTaskStore(
            follow.endpoint,
            follow.function,
            self.credentials,
            self.deadline,
            connections,
        )


def run(door: str, context: Any, read: Callable[[Invocation], Iterable[Item]]) -> list[Outcome]:
    """Read a trigger's event, process it, and record everything that came of it.

    Args:
        door: the entry point's name.
        context: the platform's context object.
        read: turns the event into items; may raise ``InputError``.

    Returns:
        The records. A failure is among them, never raised: the entry point decides how to tell it.
    """

    def work(invocation: Invocation) -> None:
        items = _items(invocation, read)
        invocation.engine.process(items)

    return _framed(door, context, work)


def run_follow(door: str, context: Any, read: Callable[[Invocation], Progress]) -> list[Outcome]:
    """The same for a follow task, whose message is read into a change that is under way."""

    def work(invocation: Invocation) -> None:
        engine = invocation.engine
        try:
            progress = read(invocation)
        except InputError as error:
            invocation.recorder.notice(Notice.refusal(error))
        else:
            engine.follow(progress)

    return _framed(door, context, work)


def _framed(door: str, context: Any, work: Callable[[Invocation], None]) -> list[Outcome]:
    request_id = str(getattr(context, "request_id", "") or "unknown")
    recorder = Recorder(door, request_id)
    invocation = Invocation(datetime.now(timezone.utc), request_id, recorder, context)
    try:
        work(invocation)
    except SettingsError as error:
        recorder.failure(Reason.SETTINGS_INVALID, str(error), {}, error_class=ErrorClass.PERMANENT)
    except Exception as error:  # noqa: BLE001 - the outermost frame: recorded, then raised or answered with 5xx
        kind = type(error).__name__
        # The stack without the exception's text, which may hold anything.
        _logger.error("unexpected %s\n%s", kind, "".join(traceback.format_tb(error.__traceback__)))  # noqa: TRY400
        recorder.failure(
            Reason.INTERNAL_ERROR,
            f"unexpected {kind}",
            {},
            error_class=ErrorClass.PERMANENT,
            code=kind,
        )
    return recorder.outcomes


def event_answer(outcomes: Sequence[Outcome], *, refuse_rejected: bool = False) -> dict[str, Any]:
    """The answer to a trigger that is not HTTP: the records, and of a dry run the plan.

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
    return answer_document(outcomes)


def _failure(failed: Sequence[Outcome], total: int) -> DoorError:
    named = [
        f"{outcome['reason']} {outcome.get('image_cache_id', '')} ({outcome['message']})"
        for outcome in failed[:_MOST_NAMED]
    ]
    message = f"{len(failed)} of {total} outcomes failed: " + "; ".join(named)
    retried = any(outcome.get("fate") == RETRIED for outcome in failed)
    return RetryableDoorError(message) if retried else PermanentDoorError(message)


def _read_rules(env: Environment) -> Rules:
    if not env.text("IMC_RULES") and not env.text("IMC_RULES_FILE"):
        return NO_RULES
    from ..config.rules_file import read_rules  # noqa: PLC0415 - a cold start without rules need not pay for it

    return read_rules(env)


def _items(invocation: Invocation, read: Callable[[Invocation], Iterable[Item]]) -> Iterable[Item]:
    try:
        return read(invocation)
    except InputError as error:
        return [Notice.refusal(error)]
