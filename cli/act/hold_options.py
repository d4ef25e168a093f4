"""The options that say what a hold is: until when, by whom, why, and whether it freezes."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import wraps
from typing import Any, TypeVar

import click

from imagecache.planning.hold_tag import CacheHold

from ..sources.fleet import moment
from .options import span

_T = TypeVar("_T")


def describes_hold(command: Callable[..., _T]) -> Callable[..., _T]:
    """Give a command the options; it gets what they say as ``wanted``."""

    @click.option("--for", "length", metavar="SPAN", callback=span, help="Hold for so long, such as 2h.")
    @click.option("--until", metavar="TIME", callback=moment, help="Hold until this time (RFC 3339).")
    @click.option("--why", metavar="TEXT", default="", help="For what reason.")
    @click.option("--by", metavar="NAME", default=_login, help="Who holds; else your login name.")
    @click.option("--freeze", is_flag=True, help="Do not even rebuild a listed tag that is pushed again.")
    @wraps(command)
    def with_hold(
        *arguments: Any, length: timedelta | None, until: datetime | None, freeze: bool, **options: Any
    ) -> _T:
        if length is not None and until is not None:
            raise click.UsageError("--for and --until exclude each other.")
        now = datetime.now(timezone.utc)
        end = now + length if length is not None else until
        if end is not None and end <= now:
            raise click.UsageError(f"{end.isoformat()} is over: --until takes a time to come.")
        by, why = options.pop("by"), options.pop("why")
        return command(*arguments, wanted=CacheHold(end, freeze, by, why), **options)

    return with_hold


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""  # a container without a user of that number
