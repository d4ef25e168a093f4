"""What one invocation works with: settings, clients, time, limits; each made when it is first used."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from ..base.deadline import Deadline
from ..base.timestamps import Moment
from ..clients.clients import Clients
from ..clients.eci_gateway import EciGateway
from ..config.settings import Settings
from ..model.change import Change
from .hand_off import HandOff
from .listings import Listings
from .update_limits import UpdateLimits
from .warm import Warm

if TYPE_CHECKING:
    from .registry_view import RegistryView
    from .rollout import Rollout


@dataclass(eq=False, repr=False)
class Work:
    """One invocation, as the engine sees it.

    Attributes:
        settings: of this invocation.
        clients: what it calls.
        deadline: when it has to be done.
        request_id: the platform's id of it, the same when the platform tries again.
        warm: what outlives it, and its clock.
    """

    settings: Settings
    clients: Clients
    deadline: Deadline
    request_id: str
    warm: Warm

    def now(self) -> Moment:
        """The time, and how far other clocks may be off."""
        return Moment(self.warm.clock(), timedelta(seconds=self.settings.clock_skew_seconds))

    @cached_property
    def arrived(self) -> datetime:
        """When this invocation began, with a zone."""
        return self.warm.clock()

    @property
    def eci(self) -> EciGateway:
        """The calls to ECI.

        Raises:
            CredentialsError: when there are no credentials.
        """
        return self.clients.eci

    @cached_property
    def hand_off(self) -> HandOff:
        """Stores follow tasks, where a follow function is configured."""
        return HandOff(self.settings.follow, self.clients, self.request_id, self.warm.clock)

    @cached_property
    def listings(self) -> Listings:
        """The caches of regions."""
        return Listings(self.clients, self.settings, self.arrived, self.warm.listings)

    @cached_property
    def limits(self) -> UpdateLimits:
        """How many updates may still be made."""
        return UpdateLimits(self.settings, self.listings, self.hand_off.times)

    @cached_property
    def rollout(self) -> Rollout | None:
        """Which caches may begin; None where no rule keeps any ready."""
        if not self.settings.rules.keep_ready:
            return None
        from .rollout import Rollout  # noqa: PLC0415 - few rules keep caches ready

        return Rollout(self.settings.rules, self.listings, self.hand_off.times)

    @cached_property
    def view(self) -> RegistryView | None:
        """What registries have now; None where no rule asks them."""
        if not self.settings.rules.read_registries:
            return None
        from .registry_view import RegistryView  # noqa: PLC0415 - most rules ask no registry

        view = RegistryView(self.settings.rules, self.clients, self.now)
        # Where nothing is updated, what was read once is not old later.
        return view.survey() if self.settings.dry_run else view

    def share(self) -> None:
        """Make what is made at its first use, before threads ask for it: each has to be one object."""
        _ = self.eci, self.limits, self.view, self.rollout

    def is_dry(self, *changes: Change) -> bool:
        """Whether nothing is to be updated for these changes."""
        return self.settings.dry_run or any(change.dry_run for change in changes)
