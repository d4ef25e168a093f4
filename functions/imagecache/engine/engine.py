"""The engine: items in, one record for each decision out. Every entry point uses this one.

Read the listings, plan each change, apply the decisions, follow up, record.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ..base.errors import CredentialsError, EciError, PermanentError
from ..base.reasons import Reason, Result
from ..clients.clients import Clients
from ..config.settings import Settings
from ..model.change import CacheRequest, Change, Item, Notice, PushEvent
from ..model.image_cache import Listing
from ..planning.plan import Decision, plan
from .applied import Applied
from .apply import Applier
from .follow_task import Follower, Origin, Progress
from .follow_up import FollowUp
from .listings import Listings
from .records import Recorder
from .update_limits import UpdateBudget
from .warm import Warm


@dataclass(frozen=True)
class Engine:
    """Processes what one invocation was given.

    Attributes:
        settings: of this invocation.
        clients: what it calls.
        recorder: gets the records.
        arrived: when the invocation began, with a zone.
        warm: what outlives the invocation.
    """

    settings: Settings
    clients: Clients
    recorder: Recorder
    arrived: datetime
    warm: Warm

    def process(self, items: Iterable[Item]) -> None:
        """Record the notices; plan and apply the changes."""
        changes: list[Change] = []
        for item in items:
            if isinstance(item, Notice):
                self.recorder.notice(item)
            else:
                changes.append(item)
        if changes:
            self._finish(Origin(self.arrived), changes, self._do(changes))

    def follow(self, progress: Progress) -> None:
        """Take the next look at a change, for a follow task."""
        self._finish(progress.origin, [progress.change], self._look(progress))

    def _finish(self, origin: Origin, changes: Iterable[Change], work: Iterable[Applied]) -> None:
        """Follow up and record each decision as soon as it is applied."""
        follower = Follower(self.settings.follow, self.arrived, self.clients)
        follow_up = FollowUp(self.recorder, follower, origin)
        try:
            for applied in work:
                follow_up.after(applied)
        except CredentialsError as error:
            missing = PermanentError(Reason.CREDENTIALS_MISSING, str(error))
            for change in changes:
                follow_up.after(_failed(change, missing))

    def _do(self, changes: Sequence[Change]) -> Iterator[Applied]:
        """Plan every change before the first is applied: one update may serve several."""
        applier = self._applier(0)
        planned = [each for change in changes for each in self._plan(applier, change, self._regions(change))]
        yield from applier.apply(planned)
        for cache in applier.budget.listings.unreadable():
            message = f"its description could not be read, so nothing is done for it: {cache.unreadable}"
            yield Applied(Decision(changes[0], cache, Result.IGNORED, Reason.CACHE_UNREADABLE, message))

    def _look(self, progress: Progress) -> Iterator[Applied]:
        applier = self._applier(progress.origin.attempt)
        if progress.image_cache_id:
            from .follow_look import FollowLook  # noqa: PLC0415 - follow tasks alone need it

            yield from FollowLook(applier, progress).take()
        else:
            regions = [progress.region_id] if progress.region_id else self._regions(progress.change)
            yield from applier.apply(self._plan(applier, progress.change, regions))

    def _applier(self, attempt: int) -> Applier:
        view = None
        if self.settings.rules.read_registries:
            from .registry_view import RegistryView  # noqa: PLC0415 - most rules ask no registry

            view = RegistryView(self.settings.rules, self.clients)
        listings = Listings(self.clients.eci, self.settings, self.arrived, self.warm.listings)
        budget = UpdateBudget(self.settings, listings, self.warm.recent(self.settings.eci_endpoint))
        return Applier(self.clients.eci, self.settings, view, budget, attempt)

    def _plan(self, applier: Applier, change: Change, regions: Sequence[str]) -> list[Applied]:
        """Decide a change over regions; one that cannot be listed is a failure of its own."""
        listings: list[Listing] = []
        unseen: list[Applied] = []
        for region_id in regions:
            try:
                listings.append(self._listing(applier, region_id, change))
            except EciError as error:
                unseen.append(_failed(change, error, region_id))
        skew = timedelta(seconds=self.settings.clock_skew_seconds)
        decisions = plan(listings, change, skew, self.settings.rules)
        if isinstance(change, CacheRequest) and change.reads_registries and applier.view is not None:
            from .registry_sweep import sweep_registries  # noqa: PLC0415 - see _applier

            planned = sweep_registries(listings, change, decisions, applier.view)
        else:
            planned = [Applied(decision) for decision in decisions]
        if not unseen:
            return planned
        # "No cache" is only known when every region was seen.
        found = [each for each in planned if each.decision.caches_seen is None]
        if not isinstance(change, CacheRequest) or not change.single:
            return [*unseen, *found]
        # An id that was found is the one. A name may exist in an unseen region too, so nothing is done, and
        # nothing is deferred by region either: the whole request has to be made again.
        for each in found:
            if change.selector.ids or each.decision.reason is Reason.AMBIGUOUS_NAME:
                return found
        return [replace(each, deferrable=False) for each in unseen]

    def _regions(self, change: Change) -> Sequence[str]:
        if change.region_id:
            return (change.region_id,)
        if isinstance(change, CacheRequest) and change.selector.regions:
            return change.selector.regions
        return self.settings.regions

    def _listing(self, applier: Applier, region_id: str, change: Change) -> Listing:
        if isinstance(change, CacheRequest) and change.single and change.selector.ids:
            found = [self.clients.eci.describe_image_cache(region_id, each) for each in change.selector.ids]
            return Listing(region_id, tuple(cache for cache in found if cache), self.arrived)
        since = change.pushed_at if isinstance(change, PushEvent) else None
        return applier.budget.listings.current(region_id, since)


def _failed(change: Change, error: EciError, region_id: str | None = None) -> Applied:
    """A change that could not be planned."""
    decision = Decision(change, None, Result.FAILED, error.reason, error.message)
    return Applied(decision, error, facts={"region_id": region_id} if region_id else {})
