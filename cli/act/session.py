"""One command at work: the caches as they were read, the calls to ECI, and the function that does it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from imagecache.clients.eci import SdkGateway

from ..problem import Problem
from ..sources.account import Account
from ..sources.fleet import Fleet
from .hold_tags import HoldTags
from .on_manual import OnManual
from .options import Acting

_SECONDS = 48 * 3600.0
"""Longer than anything is watched: how long a call takes has its own bounds."""


@dataclass(frozen=True)
class Session:
    """What a command works with.

    Attributes:
        acting: what its options say.
        account: whose caches.
        fleet: the caches when it began.
        eci: the calls.
    """

    acting: Acting
    account: Account
    fleet: Fleet
    eci: SdkGateway

    @cached_property
    def on_manual(self) -> OnManual:
        """The function."""
        acting, account, place = self.acting, self.account, self.account.fc_endpoint
        if "{account}" in place:
            place = place.replace("{account}", acting.account_id or self._account_id())
        place = place.replace("{region}", self.stack_region)
        return OnManual(place, f"{acting.prefix}-on-manual", account.credentials)

    @property
    def stack_region(self) -> str:
        """Where the functions are."""
        return self.acting.stack_region or self.account.regions[0]

    def _account_id(self) -> str:
        """The account's number, as STS tells everybody their own."""
        try:
            from ..services.account import Account as Services  # noqa: PLC0415 - imports the vendor's SDKs
            from ..services.account import identify  # noqa: PLC0415 - likewise

            return identify(Services(self.account.credentials, self.stack_region))
        except ImportError as error:
            missing = f"the vendor's SDK is not installed: {error.name}"
            raise Problem(missing, "Give --account, the account's number.") from None

    @cached_property
    def holds(self) -> HoldTags:
        """Sets and takes away holds."""
        return HoldTags(self.eci)


@contextmanager
def session(acting: Acting) -> Iterator[Session]:
    """Read the caches, and keep a connection until the command has ended.

    Raises:
        Problem: when the caches cannot be read.
    """
    account = acting.source.account()
    fleet = acting.source.of(account)
    fleet.say_notes()
    with account.eci(_SECONDS) as eci:
        yield Session(acting, account, fleet, eci)
