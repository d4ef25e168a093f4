"""The engine: items in, one outcome record for each decision out. Every entry point uses this one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..base.errors import CredentialsError, EciError, ErrorClass
from ..base.reasons import Reason
from ..clients.eci_gateway import EciGateway
from ..config.settings import Settings
from ..model.change import CacheRequest, Change, Item, Notice, PushEvent
from ..model.image_cache import ImageCache, Listing
from ..planning.plan import Decision, plan
from .apply import Applier
from .follow_task import Follower, Progress
from .follow_up import Aftermath
from .listings import Listings
from .records import Recorder, describe_change
from .update_limits import RecentUpdates, UpdateBudget

if TYPE_CHECKING:
    from ..clients.registry_reader import RegistryReader
    from .registry_view import RegistryView

__all__ = ["Engine"]


@dataclass(frozen=True)
class Engine:
    """Processes what one invocation was given.

    Attributes:
        settings: of this invocation.
        recorder: gets the records.
        arrived: when the invocation began, with a zone.
        open_gateway: makes the gateway; called once, and only if there is a change to process.
        listings: those that outlive the invocation.
        follower: stores follow tasks.
        open_reader: makes the reader of registries; called only if a rule asks for one.
        reading_time: seconds that are left for asking registries.
        recent: the updates that this process made.
    """

    settings: Settings
    recorder: Recorder
    arrived: datetime
    open_gateway: Callable[[], EciGateway]
    listings: Listings
    follower: Follower
    open_reader: Callable[[], RegistryReader]
    reading_time: Callable[[], float]
    recent: RecentUpdates

    def process(self, items: Iterable[Item]) -> None:
        """Record the notices; plan and apply the changes."""
        changes: list[Change] = []
        for item in items:
            if isinstance(item, Notice):
                self.recorder.notice(item)
            else:
                changes.append(item)
        if not changes:
            return
        try:
            gateway = self.open_gateway()
        except CredentialsError as error:
            for change in changes:
                self._without_credentials(change, error)
            return
        aftermath = Aftermath(self.recorder, self.follower, began=self.arrived)
        view = self._view()
        decisions: list[Decision] = []
        for change in changes:
            decisions += self._plan(gateway, change, aftermath, view)
        self._applier(gateway, aftermath, view).apply(decisions)

    def follow(self, progress: Progress) -> None:
        """Take the next look at a change, for a follow task."""
        aftermath = Aftermath(
            self.recorder,
            self.follower,
            progress.began,
            progress.attempt,
            progress.rebuilds,
            progress.images_seen,
        )
        try:
            gateway = self.open_gateway()
        except CredentialsError as error:
            self._without_credentials(progress.change, error)
            return
        view = self._view()
        applier = self._applier(gateway, aftermath, view)
        if progress.image_cache_id:
            from .follow_look import FollowLook  # noqa: PLC0415 - follow tasks alone need it

            FollowLook(applier, progress, self.follower.settings.rebuilds).take()
        else:
            applier.apply(self._plan(gateway, progress.change, aftermath, view, progress.region_id))

    def _view(self) -> RegistryView | None:
        if not self.settings.rules.read_registries:
            return None
        from .registry_view import RegistryView  # noqa: PLC0415 - most rules ask no registry

        return RegistryView(self.settings.rules, self.open_reader, self.reading_time)

    def _applier(self, gateway: EciGateway, aftermath: Aftermath, view: RegistryView | None) -> Applier:
        settings = self.settings
        budget = UpdateBudget(
            settings.most_per_run,
            settings.most_per_hour,
            self.recent,
            lambda: self._all_caches(gateway),
            settings.follow.max_seconds,
        )
        skew = timedelta(seconds=settings.clock_skew_seconds)
        return Applier(gateway, aftermath, skew, settings.rules, view, budget, dry_run=settings.dry_run)

    def _all_caches(self, gateway: EciGateway) -> Iterable[ImageCache]:
        for region_id in self.settings.regions:
            yield from self._listed(gateway, region_id, since=None).caches

    def _without_credentials(self, change: Change, error: CredentialsError) -> None:
        self.recorder.failure(
            Reason.CREDENTIALS_MISSING,
            str(error),
            describe_change(change),
            error_class=ErrorClass.PERMANENT,
        )

    def _plan(
        self,
        gateway: EciGateway,
        change: Change,
        aftermath: Aftermath,
        view: RegistryView | None,
        only_region: str = "",
    ) -> Sequence[Decision]:
        """Decide a change over its regions; a region that cannot be listed has its own record."""
        listings: list[Listing] = []
        failures: dict[str, EciError] = {}
        for region_id in [only_region] if only_region else self._regions(change):
            try:
                listings.append(self._listing(gateway, region_id, change))
            except EciError as error:
                failures[region_id] = error
        skew = timedelta(seconds=self.settings.clock_skew_seconds)
        decisions = plan(listings, change, skew, self.settings.rules)
        if isinstance(change, CacheRequest) and change.reads_registries and view is not None:
            from .registry_sweep import sweep_registries  # noqa: PLC0415 - see _view

            decisions = sweep_registries(listings, change, decisions, view, self.recorder)
        if not failures:
            return decisions
        found = [decision for decision in decisions if decision.cache is not None]
        if isinstance(change, CacheRequest) and change.single:
            return self._plan_single(change, decisions, found, failures)
        for region_id, failure in failures.items():
            progress = Progress(change, aftermath.began, aftermath.attempt, region_id)
            aftermath.failed_change(progress, failure, {**describe_change(change), "region_id": region_id})
        # "No cache" is only known when every region was seen.
        return found

    def _plan_single(
        self,
        request: CacheRequest,
        decisions: Sequence[Decision],
        found: Sequence[Decision],
        failures: Mapping[str, EciError],
    ) -> Sequence[Decision]:
        """A request that means one cache, while some regions could not be seen.

        An id that was found is the one. A name may exist in an unseen region too, so nothing is done, and
        nothing is deferred by region either: the whole request has to be made again.
        """
        if request.selector.ids and found:
            return found
        if len(decisions) == 1 and decisions[0].reason is Reason.AMBIGUOUS_NAME:
            return decisions
        for region_id, failure in failures.items():
            self.recorder.eci_failure(failure, {**describe_change(request), "region_id": region_id})
        return []

    def _regions(self, change: Change) -> Sequence[str]:
        if change.region_id:
            return (change.region_id,)
        if isinstance(change, CacheRequest) and change.selector.regions:
            return change.selector.regions
        return self.settings.regions

    def _listing(self, gateway: EciGateway, region_id: str, change: Change) -> Listing:
        if isinstance(change, CacheRequest) and change.single and change.selector.ids:
            found = [
                gateway.describe_image_cache(region_id, image_cache_id)
                for image_cache_id in change.selector.ids
            ]
            return Listing(region_id, tuple(cache for cache in found if cache), self.arrived)
        since = change.pushed_at if isinstance(change, PushEvent) else None
        return self._listed(gateway, region_id, since=since)

    def _listed(self, gateway: EciGateway, region_id: str, *, since: datetime | None) -> Listing:
        return self.listings.current(
            gateway,
            region_id,
            endpoint=self.settings.eci_endpoint,
            now=self.arrived,
            since=since,
            skew=timedelta(seconds=self.settings.clock_skew_seconds),
        )
