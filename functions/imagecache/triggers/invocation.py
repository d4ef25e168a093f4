"""The frame around every entry point: settings, records, the engine, and what becomes of errors.

The frame never lets a fault end in success: whatever goes wrong is recorded and then raised, or answered with
a 5xx.
"""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

from ..base.credentials import Credentials, read_credentials
from ..base.deadline import HAND_OFF_SECONDS, Deadline, timeout_seconds
from ..base.environment import Environment
from ..base.errors import (
    CredentialsError,
    EntryPointError,
    InputError,
    PermanentEntryPointError,
    PermanentError,
    RetryableEntryPointError,
    SettingsError,
)
from ..base.json_input import shown
from ..base.reasons import Reason, Result
from ..base.scrubber import LOGGER
from ..clients.clients import LiveClients
from ..config.settings import Settings, read_settings, secrets_of
from ..engine.engine import Engine
from ..engine.follow_task import Task
from ..engine.records import RETRIED, Outcome, Recorder, answer_document
from ..engine.warm import Warm, process_age
from ..engine.work import Work
from ..model.change import CacheRequest, Item, Notice, Probe
from ..policy.rules import NO_RULES, Rules

_MOST_NAMED = 10
_T = TypeVar("_T")

_warm = Warm(age_seconds=process_age(), starting=True)
"""All that this process keeps between invocations."""


@dataclass(eq=False, repr=False)
class Invocation:
    """What an entry point may know of its invocation.

    Attributes:
        arrived: when it began, with a zone.
        request_id: the platform's id of it, the same when the platform tries again.
        recorder: gets its records.
        context: the platform's context object.
        awaited_since: when its sender began to wait, in monotonic seconds; None if nobody waits.
    """

    arrived: datetime
    request_id: str
    recorder: Recorder
    context: Any
    awaited_since: float | None = None

    @cached_property
    def settings(self) -> Settings:
        """The function's settings.

        Raises:
            SettingsError: when the environment is wrong.
        """
        settings = read_settings(os.environ, _read_rules)
        LOGGER.setLevel(settings.log_level)
        self.recorder.dry_run = settings.dry_run
        self.recorder.hide(settings.secrets)
        unbound = sum(not token.sources for token in settings.webhook_tokens)
        if unbound and not _warm.warned:
            _warm.warned = True
            LOGGER.warning(
                "%d of the tokens in IMC_WEBHOOK_TOKENS are bound to no source: each of them is good for "
                "every source and every registry",
                unbound,
            )
        return settings

    @cached_property
    def engine(self) -> Engine:
        """The engine; everything that it calls is opened when it is needed.

        With follow tasks, time to store one is kept free at the end of the invocation.
        """
        settings = self.settings
        reserve = HAND_OFF_SECONDS if settings.follow.function else 0.0
        # What cannot be handed off has to be done before the answer.
        answer: float | None = None
        if self.awaited_since is not None and reserve and settings.answer_seconds and not settings.dry_run:
            answer = settings.answer_seconds - (time.monotonic() - self.awaited_since)
        deadline = Deadline(timeout_seconds(self.context), reserve_seconds=reserve, answer_seconds=answer)
        clients = LiveClients(settings, self._credentials(), deadline, _warm.connections)
        return Engine(Work(settings, clients, deadline, self.request_id, _warm), self.recorder)

    def check_regions(self, regions: Iterable[str | None], where: str) -> None:
        """Refuse a region that this deployment does not look after; None is no region.

        Args:
            regions: those that a message names.
            where: a JSON pointer to them.

        Raises:
            InputError: for the first one that ``IMC_REGIONS`` does not have.
        """
        for region in regions:
            if region is not None and region not in self.settings.regions:
                rule = f"one of IMC_REGIONS: {', '.join(self.settings.regions)}"
                raise InputError(
                    Reason.SCHEMA_VIOLATION,
                    f"at {where}: {shown(region)} is not {rule}",
                    where=where,
                    rule=rule,
                    found=shown(region),
                )

    def _credentials(self) -> Credentials | CredentialsError:
        try:
            return read_credentials(os.environ, self.context)
        except CredentialsError as error:
            return error


def run(
    door: str, context: Any, read: Callable[[Invocation], Iterable[Item]], *, in_time: bool = False
) -> Recorder:
    """Read a trigger's event, process it, and record everything that came of it.

    Args:
        door: the entry point's name.
        context: the platform's context object.
        read: turns the event into items; may raise ``InputError``.
        in_time: whether a sender waits for the answer, and gives up after some seconds.

    Returns:
        Has the records. A failure is among them, never raised: the entry point decides how to report it.
    """
    return _framed(door, context, read, Engine.process, in_time=in_time)


def run_follow(door: str, context: Any, read: Callable[[Invocation], Task | Probe]) -> Recorder:
    """The same for a follow task, whose message says what it is for."""

    def read_within(invocation: Invocation) -> Task | Probe:
        task = read(invocation)
        if isinstance(task, Probe):
            return task
        change = task.change
        invocation.check_regions([task.region_id or None], "/regionId")
        invocation.check_regions([change.region_id], "/change/regionId")
        if isinstance(change, CacheRequest):
            invocation.check_regions(change.selector.regions, "/change/selector/regions")
        return task

    return _framed(door, context, read_within, Engine.follow)


def _framed(
    door: str,
    context: Any,
    read: Callable[[Invocation], _T],
    act: Callable[[Engine, _T], None],
    *,
    in_time: bool = False,
) -> Recorder:
    began = _warm.begin()
    request_id = str(getattr(context, "request_id", "") or "unknown")
    recorder = Recorder(door, request_id)
    # Before anything can be wrong: a secret may stand in the place of another setting.
    recorder.hide(secrets_of(os.environ, context))
    LOGGER.filters = [recorder.without_secrets]
    invocation = Invocation(_warm.clock(), request_id, recorder, context, began if in_time else None)
    try:
        engine = invocation.engine
        try:
            found = read(invocation)
        except InputError as error:
            recorder.notice(Notice.refusal(error))
        else:
            act(engine, found)
    except SettingsError as error:
        recorder.failure(PermanentError(Reason.SETTINGS_INVALID, str(error)), {})
    except Exception as error:  # noqa: BLE001 - the outermost frame: recorded, then raised or answered with 5xx
        kind = type(error).__name__
        # The stack without the exception's text, which may hold anything.
        LOGGER.error("unexpected %s\n%s", kind, "".join(traceback.format_tb(error.__traceback__)))
        recorder.failure(PermanentError(Reason.INTERNAL_ERROR, f"unexpected {kind}", code=kind), {})
    finally:
        _warm.end()
    return recorder


def event_answer(
    outcomes: Sequence[Outcome], near: Sequence[Mapping[str, Any]] = (), *, refuse_rejected: bool = False
) -> dict[str, Any]:
    """The answer to a trigger that is not HTTP: the records, and of a dry run the plan.

    Args:
        outcomes: the records.
        near: of a dry run, the caches that almost match.
        refuse_rejected: whether rejected input is an error of configuration.

    Raises:
        RetryableEntryPointError: when something is to be tried again.
        PermanentEntryPointError: when something failed for good.
    """
    failed = [
        outcome
        for outcome in outcomes
        if "fate" in outcome or (refuse_rejected and outcome["result"] == Result.REJECTED.value)
    ]
    if failed:
        raise _failure(failed, len(outcomes))
    return answer_document(outcomes, near)


def _failure(failed: Sequence[Outcome], total: int) -> EntryPointError:
    named = [
        f"{outcome['reason']} {outcome.get('image_cache_id', '')} ({outcome['message']})"
        for outcome in failed[:_MOST_NAMED]
    ]
    message = f"{len(failed)} of {total} outcomes failed: " + "; ".join(named)
    retried = any(outcome.get("fate") == RETRIED for outcome in failed)
    return RetryableEntryPointError(message) if retried else PermanentEntryPointError(message)


def _read_rules(env: Environment) -> Rules:
    if not env.text("IMC_RULES") and not env.text("IMC_RULES_FILE"):
        return NO_RULES
    from ..config.rules_file import read_rules  # noqa: PLC0415 - a cold start without rules need not pay for it

    return read_rules(env)
