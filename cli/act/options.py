"""The options that commands share which change something, and the exit codes of these commands."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import wraps
from typing import Any, TypeVar

import click

from ..output import json_option
from ..services.credentials import profile_option
from ..services.region import region_id, regions_option
from ..sources.fleet import CacheSource
from ..sources.stack import name_prefix

_T = TypeVar("_T")

DONE, NOT_DONE, STOPPED = 0, 1, 130
ACT_EXIT_CODES = (
    "Exit codes: 0 done, or nothing to do; 1 not done, or not all of it; 2 nothing was asked for; "
    "130 you stopped watching, the work goes on."
)
PREFIX = "imc-refresh"
_ACCOUNT = re.compile(r"[0-9]{1,20}")
_SPAN = re.compile(r"(\d{1,6})(s|m|min|h|d)")
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_LONGEST = timedelta(days=3650)


@dataclass(frozen=True)
class Acting:
    """What the options say.

    Attributes:
        source: whose caches.
        yes: a person has confirmed already.
        dry_run: only show what would be done.
        wait: for how long it is watched; zero for not at all.
        prefix: what the names of the stack's functions begin with.
        stack_region: where the stack is; None for the first region.
        account_id: of the account; None where it has to be asked for.
        as_json: whether the answer is JSON.
    """

    source: CacheSource
    yes: bool
    dry_run: bool
    wait: timedelta
    prefix: str
    stack_region: str | None
    account_id: str | None
    as_json: bool


def span(_context: click.Context, _parameter: click.Parameter, text: str | None) -> timedelta | None:
    """The callback of an option that takes a time span."""
    if text is None:
        return None
    parts = _SPAN.findall(text.replace(" ", ""))
    if not parts or "".join(map("".join, parts)) != text.replace(" ", ""):
        raise click.BadParameter(f"{text} is not a time span such as 30m, 2h or 1d12h.")
    found = timedelta(seconds=sum(int(number) * _SECONDS[unit] for number, unit in parts))
    if not timedelta(0) < found <= _LONGEST:
        raise click.BadParameter(f"{text} is not between 1s and {_LONGEST.days}d.")
    return found


def acts(*, by_function: bool = True) -> Callable[[Callable[..., _T]], Callable[..., _T]]:
    """Give a command the options of all that change something; it gets them as ``acting``.

    Args:
        by_function: whether the functions do it.
    """

    def with_options(command: Callable[..., _T]) -> Callable[..., _T]:
        @wraps(command)
        def with_acting(*arguments: Any, **options: Any) -> _T:
            return command(*arguments, acting=_acting(options), **options)

        added = _COMMON + (_OF_FUNCTION if by_function else ())
        decorated: Callable[..., _T] = with_acting
        for option in reversed((*added, json_option)):
            decorated = option(decorated)
        return decorated

    return with_options


def _account(_context: click.Context, _parameter: click.Parameter, text: str | None) -> str | None:
    # It is a part of the name of the host that is called.
    if text is not None and not _ACCOUNT.fullmatch(text):
        raise click.BadParameter(f"{text!r} is no account's number.")
    return text


def _acting(options: dict[str, Any]) -> Acting:
    """What the options say; those that it takes are gone from them."""
    yes, dry_run, as_json = (options.pop(name) for name in ("yes", "dry_run", "as_json"))
    if as_json and not (yes or dry_run):
        raise click.UsageError("--json is for programs, which cannot be asked: give --yes or --dry-run too.")
    wait: timedelta = options.pop("wait")
    return Acting(
        source=CacheSource(
            None, options.pop("regions"), options.pop("local"), profile=options.pop("profile"), or_file=False
        ),
        yes=yes,
        dry_run=dry_run,
        wait=timedelta(0) if options.pop("no_wait") else wait,
        prefix=options.pop("prefix", PREFIX),
        stack_region=options.pop("stack_region", None),
        account_id=options.pop("account_id", None),
        as_json=as_json,
    )


_COMMON = (
    regions_option,
    click.option(
        "--local",
        is_flag=False,
        flag_value=".local",
        metavar="[DIR]",
        help="The local cloud that is served from this folder.",
    ),
    profile_option,
    click.option("--yes", "-y", is_flag=True, help="Do it without asking."),
    click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing."),
    click.option(
        "--wait", metavar="SPAN", default="2h", show_default=True, callback=span, help="Watch it so long."
    ),
    click.option("--no-wait", is_flag=True, help="Do not watch it."),
)
_OF_FUNCTION = (
    click.option(
        "--prefix",
        metavar="NAME",
        default=PREFIX,
        show_default=True,
        callback=name_prefix,
        help="The stack's NamePrefix.",
    ),
    click.option(
        "--stack-region",
        metavar="ID",
        callback=region_id,
        help="Where the stack is; else in the first of the regions.",
    ),
    click.option(
        "--account",
        "account_id",
        metavar="ID",
        envvar="FC_ACCOUNT_ID",
        show_envvar=True,
        callback=_account,
        help="Of the account; else STS is asked.",
    ),
)
