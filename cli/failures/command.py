"""``imc-refresh failures``: what is in the on-failure queue, sent again, or dropped."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import wraps
from typing import Any, TypeVar

import click

from ..output import json_option, print_json, print_table, print_text
from ..problem import ANSWERED, WRONG, Problem
from ..sources.failure_queue import FailureQueue
from ..sources.stack import StackSource, asks_stack
from ..wording import duration_text
from .act import Done, drop, find, look, redrive
from .failed_event import FailedEvent

_T = TypeVar("_T")
_HEADERS = ("MESSAGE", "AGE", "FOR", "WHAT", "TRIES", "WHY")
_DONE_HEADERS = ("MESSAGE", "WHAT", "DONE", "PROBLEM")
_EXAMPLES = """\b
Examples:
  imc-refresh failures --region cn-hangzhou
  imc-refresh failures redrive --all --region cn-hangzhou
  imc-refresh failures drop 1F9C --yes --region cn-hangzhou"""
_REDRIVE_EXAMPLES = """\b
Examples:
  imc-refresh failures redrive 1F9C --region cn-hangzhou
  imc-refresh failures redrive --all --local"""
_DROP_EXAMPLES = """\b
Example:
  imc-refresh failures drop 1F9C --yes --region cn-hangzhou"""


@dataclass(frozen=True)
class QueueSource:
    """What the options of a command say about whose queue it is.

    Attributes:
        local: the folder of a local cloud; None for none.
        stack: the stack otherwise.
    """

    local: str | None
    stack: StackSource

    @contextmanager
    def open(self) -> Iterator[FailureQueue]:
        """The queue; what was looked at and not removed is given back at the end.

        Raises:
            Problem: when it cannot be had.
        """
        if self.local is not None:
            from ..sources.local_cloud import LocalCloud  # noqa: PLC0415 - only for --local

            with LocalCloud(self.local) as local:
                yield local
            return
        stack = self.stack.open()
        from ..sources.message_queue import MessageQueue  # noqa: PLC0415 - an account alone needs the SDKs

        with MessageQueue(stack) as queue:
            yield queue


def _reads_queue(command: Callable[..., _T]) -> Callable[..., _T]:
    """Give a command the options that say whose queue it is; it gets them as ``source``."""

    @click.option(
        "--local",
        is_flag=False,
        flag_value=".local",
        metavar="[DIR]",
        help="That of the local cloud that is served from this folder.",
    )
    @asks_stack
    @wraps(command)
    def with_source(*arguments: Any, local: str | None, stack: StackSource, **options: Any) -> _T:
        return command(*arguments, source=QueueSource(local, stack), **options)

    return with_source


@click.group("failures", invoke_without_command=True, epilog=_EXAMPLES)
@_reads_queue
@json_option
@click.pass_context
def command(context: click.Context, source: QueueSource, *, as_json: bool) -> None:
    """Show the events that failed for good: which push, why, since when. Exit with 1 where there are any."""
    if context.invoked_subcommand is not None:
        # An option before the name of the command below counts for that one.
        context.default_map = {context.invoked_subcommand: _given(context)}
        return
    with source.open() as queue:
        events = list(look(queue))
    if as_json:
        print_json({"queue": queue.name, "messages": [event.document() for event in events]})
    else:
        print_text(f"{queue.name}: {len(events) or 'no'} failed event{'' if len(events) == 1 else 's'}")
        if events:
            print_text()
            now = datetime.now(timezone.utc)
            print_table(_HEADERS, [_row(event, now) for event in events])
    context.exit(WRONG if events else ANSWERED)


def _given(context: click.Context) -> dict[str, Any]:
    """The options that a person gave before the name of the command below."""
    default = click.core.ParameterSource.DEFAULT
    given = {
        name: value for name, value in context.params.items() if context.get_parameter_source(name) != default
    }
    if "endpoints" in given:
        given["endpoints"] = [f"{service}={host}" for service, host in given["endpoints"].items()]
    return given


@command.command("redrive", short_help="Send events again.", epilog=_REDRIVE_EXAMPLES)
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "all_of_them", is_flag=True, help="All that is in the queue.")
@_reads_queue
@json_option
def redrive_command(ids: tuple[str, ...], source: QueueSource, *, all_of_them: bool, as_json: bool) -> None:
    """Send events again, each through its entry point. Exit with 1 where one stays in the queue.

    A message is removed only when its event was accepted; sending one twice does no harm. The beginning of an
    id is enough.
    """
    if bool(ids) == all_of_them:
        raise click.UsageError("Give the ids of messages, or --all.")
    with source.open() as queue:
        events: Iterable[FailedEvent] = look(queue) if all_of_them else find(queue, ids)
        _say(redrive(queue, events), queue, "sent again", as_json=as_json)


@command.command("drop", short_help="Remove messages for good.", epilog=_DROP_EXAMPLES)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_reads_queue
@json_option
def drop_command(ids: tuple[str, ...], source: QueueSource, *, yes: bool, as_json: bool) -> None:
    """Remove messages for good: nothing is done about their events."""
    with source.open() as queue:
        events = find(queue, ids)
        if not yes:
            _confirm(events)
        _say(drop(queue, events), queue, "dropped", as_json=as_json)


def _confirm(events: Sequence[FailedEvent]) -> None:
    for event in events:
        click.echo(f"{event.message.message_id}: {event.subject.text or event.stays}", err=True)
    if not sys.stdin.isatty():
        raise Problem("nothing was dropped, as nobody can be asked here", "Give --yes.")
    if not click.confirm("Drop for good?", err=True):
        raise Problem("nothing was dropped")


def _say(done: Iterator[Done], queue: FailureQueue, word: str, *, as_json: bool) -> None:
    """Say what was done; a terminal sees each as it happens only at the end, as a table."""
    results = list(done)
    stays = [each for each in results if not each.removed]
    if as_json:
        print_json({"queue": queue.name, "messages": [each.document() for each in results]})
    else:
        print_text(f"{queue.name}: {len(results) - len(stays)} {word}, {len(stays)} still there")
        if results:
            print_text()
            print_table(_DONE_HEADERS, [_done_row(each, word) for each in results])
    click.get_current_context().exit(WRONG if stays else ANSWERED)


def _row(event: FailedEvent, now: datetime) -> Sequence[str]:
    return (
        event.message.message_id,
        duration_text(now - event.message.since),
        event.door or event.function,
        event.subject.text,
        str(event.attempts or ""),
        "; ".join(filter(None, (event.why, event.stays))),
    )


def _done_row(done: Done, word: str) -> Sequence[str]:
    said = word if done.removed else ""
    if done.request_id:
        said = f"sent to {done.event.function}, request {done.request_id}"
    return (done.event.message.message_id, done.event.subject.text, said, done.problem)
