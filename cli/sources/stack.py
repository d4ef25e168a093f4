"""A stack in an account, by its region and the prefix of its names: its log, its queue, its functions.

Importing this module costs nothing; opening a stack imports the vendor's SDKs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..problem import Problem
from ..services.credentials import find_credentials, profile_option
from ..services.region import region_id

if TYPE_CHECKING:
    from ..services.account import Account

_T = TypeVar("_T")
_HOST = re.compile(r"(https://)?[a-z0-9.:-]+|http://([a-z0-9-]+\.)*(localhost|127\.0\.0\.1)(:[0-9]+)?")
_PREFIX = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,23}")
_SERVICES = ("sts", "sls", "mns", "fc")


@dataclass(frozen=True)
class Stack:
    """A stack that can be asked.

    Attributes:
        account: whose it is; it knows its number.
        prefix: what the names of its functions and of its queue begin with.
    """

    account: Account
    prefix: str

    @property
    def log_project(self) -> str:
        """The project of the log service, as the template names it."""
        return f"{self.prefix}-{self.account.account_id}-{self.account.region}"

    @property
    def queue(self) -> str:
        """The on-failure queue, as the template names it."""
        return f"{self.prefix}-failures"


@dataclass(frozen=True)
class StackSource:
    """What the options of a command say about which stack it is.

    Attributes:
        region: where it is; None where nobody said.
        prefix: its parameter NamePrefix.
        profile: of the vendor's command line tool; empty for the default chain.
        endpoints: other addresses of services, by their short names.
    """

    region: str | None
    prefix: str
    profile: str
    endpoints: dict[str, str]

    def open(self) -> Stack:
        """The stack.

        Raises:
            Problem: when there is no region or no key, or the key is not taken.
        """
        if self.region is None:
            raise Problem("no region is named", "Give --region cn-hangzhou, or --local.")
        # With this variable the SDKs log each request, with what signs it.
        os.environ.pop("DEBUG", None)
        from ..services.account import Account, identify  # noqa: PLC0415 - an account alone needs the SDKs

        account = Account(find_credentials(self.profile), self.region, self.endpoints)
        identify(account)
        return Stack(account, self.prefix)


def name_prefix(_context: click.Context, _parameter: click.Parameter, text: str) -> str:
    """The callback of an option that takes what a stack's names begin with; a host's name may, too."""
    if not _PREFIX.fullmatch(text):
        raise click.BadParameter(f"{text} is not what names of functions can begin with.")
    return text


def asks_stack(command: Callable[..., _T]) -> Callable[..., _T]:
    """Give a command the options that say which stack it is; it gets them as ``stack``."""

    @click.option(
        "--region",
        envvar="ALIBABA_CLOUD_REGION_ID",
        show_envvar=True,
        metavar="ID",
        callback=region_id,
        help="Of the stack, such as cn-hangzhou.",
    )
    @click.option(
        "--prefix",
        default="imc-refresh",
        show_default=True,
        metavar="NAME",
        callback=name_prefix,
        help="The stack's NamePrefix.",
    )
    @profile_option
    @click.option(
        "--endpoint",
        "endpoints",
        multiple=True,
        callback=_endpoints,
        metavar="SERVICE=HOST",
        help="Another address of a service, as inside a VPC.",
    )
    @wraps(command)
    def with_stack(
        *arguments: Any,
        region: str | None,
        prefix: str,
        profile: str,
        endpoints: dict[str, str],
        **options: Any,
    ) -> _T:
        return command(*arguments, stack=StackSource(region, prefix, profile, endpoints), **options)

    return with_stack


def _endpoints(
    _context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, str]:
    found = {}
    for value in values:
        service, _, url = value.partition("=")
        if service not in _SERVICES or not _HOST.fullmatch(url):
            names = ", ".join(_SERVICES)
            raise click.BadParameter(f"SERVICE=HOST is expected, with https, SERVICE one of {names}")
        found[service] = url
    return found
