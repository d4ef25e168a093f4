"""From decisions to calls: each cache is read again, planned again, and updated at most once.

Several changes may ask for the same cache; one update serves them all, and each has its own record. A
cache's failure is its own: the others go on.

Where rules read registries, an update also brings the list to what the policies want now, and the cache
remembers the digests that it is built with.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from ..base.errors import BenignError, BusyError, EciError, HeldBackError, TransientError
from ..base.reasons import Reason, Result
from ..clients.eci_gateway import EciGateway
from ..model.change import CacheRequest, PushEvent
from ..model.image_cache import ImageCache
from ..planning.entry_memory_of_update import notes_of
from ..planning.plan import Decision, decide
from ..planning.update_request import build_update
from ..planning.wanted_list import Current, parameters_of, wanted_now, what_is_newer
from ..policy.rules import Rules
from .follow_up import Aftermath, Sending
from .update_limits import UpdateBudget, cooldown_left

if TYPE_CHECKING:
    from .registry_view import RegistryView

__all__ = ["Applier"]

_BEFORE_ALL = datetime.min.replace(tzinfo=timezone.utc)


@dataclass(frozen=True)
class Applier:
    """Applies decisions.

    Attributes:
        gateway: the calls to ECI.
        aftermath: told what became of each decision.
        skew: how far the registry's clock may be off.
        rules: policies, cooldowns and parameters.
        view: what registries have now; None where no rule asks them.
        budget: how many updates may still be made.
        dry_run: never update, whatever the change says.
    """

    gateway: EciGateway
    aftermath: Aftermath
    skew: timedelta
    rules: Rules
    view: RegistryView | None
    budget: UpdateBudget
    dry_run: bool = False

    def apply(self, decisions: Iterable[Decision]) -> None:
        """Carry out decisions; one record for each."""
        concerned: dict[tuple[str, str], list[Decision]] = {}
        for decision in decisions:
            if decision.cache is not None and decision.result in {
                Result.REFRESHED,
                Result.UNCHANGED,
            }:
                key = (decision.cache.region_id, decision.cache.image_cache_id)
                concerned.setdefault(key, []).append(decision)
            else:
                self.aftermath.settled([decision], time.monotonic())
        for (region_id, image_cache_id), group in concerned.items():
            self._apply_to_cache(region_id, image_cache_id, group)

    def _apply_to_cache(self, region_id: str, image_cache_id: str, group: Sequence[Decision]) -> None:
        started = time.monotonic()
        try:
            cache = self.gateway.describe_image_cache(region_id, image_cache_id)
        except EciError as error:
            self.aftermath.failed(group, error, started, update_calls=0)
            return
        if cache is None:
            self.aftermath.settled(map(self._gone, group), started)
            return
        settled, wanted = self._plan_again(cache, group)
        self.aftermath.settled(settled, started)
        if wanted:
            self.update(cache, wanted, started)

    def update(self, cache: ImageCache, wanted: Sequence[Decision], started: float) -> None:
        """Update one cache for all decisions that want it.

        Args:
            cache: as just described.
            wanted: decisions for it; the last one's list is sent.
            started: when work on the cache began, on the monotonic clock.
        """
        began = datetime.now(timezone.utc)
        dry_run = self.dry_run or any(decision.change.dry_run for decision in wanted)
        try:
            not_now = self._not_now(cache, wanted, began)
            if not_now is not None and not dry_run:
                raise not_now
            current = wanted_now(cache, wanted, self.view)
            repairs = all(decision.reason is Reason.REGISTRY_NEWER for decision in wanted)
            if repairs and not what_is_newer(cache, current):
                self._repaired_already(cache, wanted, current, started)
                return
            wanted = [replace(decision, images_after=current.images) for decision in wanted]
            request = build_update(
                cache,
                current.images,
                [decision.change for decision in wanted],
                began=began,
                attempt=self.aftermath.attempt,
                notes=notes_of(wanted, current.digests, began, self.skew, self.rules),
                extra=parameters_of(cache, current.images, self.rules),
            )
        except EciError as error:
            self.aftermath.failed(wanted, error, started, update_calls=0)
            return
        registry_error = "; ".join(current.problems)
        self.budget.spend(cache.image_cache_id, began, dry_run=dry_run)
        if dry_run:
            held = "" if not_now is None else not_now.message
            self.aftermath.planned(wanted, request, Sending(began, started, registry_error), held)
        else:
            self._send(cache, wanted, request, Sending(began, started, registry_error))

    def _not_now(
        self, cache: ImageCache, wanted: Sequence[Decision], now: datetime
    ) -> BusyError | HeldBackError | None:
        """Why the update cannot be made now: the cache takes none, or a cooldown or a cap says so.

        Raises:
            EciError: what has to be known for a cap is not known.
        """
        if not cache.updatable:
            message = f"the image cache is {cache.status}; only Ready and UpdateFailed can be updated"
            return BusyError(Reason.CACHE_BUSY, message, calls=0)
        # One update serves all, so the one that may go first takes the others along.
        left = min(cooldown_left(cache, decision, now) for decision in wanted).total_seconds()
        if left > 0:
            message = f"the cooldown since the cache's last update has {left:.0f} s to go"
            return HeldBackError(Reason.COOLING_DOWN, message, delay_seconds=left)
        return self.budget.capped(now)

    def _repaired_already(
        self, cache: ImageCache, wanted: Sequence[Decision], current: Current, started: float
    ) -> None:
        """A repair by what registries have, for which they give no reason any more.

        Raises:
            TransientError: they did not answer, so it is not known.
        """
        if current.unread:
            raise TransientError(Reason.REGISTRY_UNREADABLE, "; ".join(current.problems), calls=0)
        message = "registries have nothing newer than what the cache was built with"
        self.aftermath.settled(
            [
                replace(
                    decision,
                    result=Result.UNCHANGED,
                    reason=Reason.COVERED,
                    message=message,
                    cache=cache,
                    images_after=(),
                )
                for decision in wanted
            ],
            started,
        )

    def _send(
        self,
        cache: ImageCache,
        wanted: Sequence[Decision],
        request: Mapping[str, Any],
        sending: Sending,
    ) -> None:
        started = sending.started
        try:
            accepted = self.gateway.update_image_cache(request)
        except BenignError as error:
            self.aftermath.benign(wanted, error, request, started)
        except EciError as error:
            if error.reason is Reason.NOT_FOUND and self._is_gone(cache):
                self.aftermath.settled(map(self._gone, wanted), started)
            else:
                self.aftermath.failed(wanted, error, started, update_calls=error.calls, request=request)
        else:
            self.aftermath.accepted(wanted, accepted, request, sending)

    def _is_gone(self, cache: ImageCache) -> bool:
        try:
            return self.gateway.describe_image_cache(cache.region_id, cache.image_cache_id) is None
        except EciError:
            # The failure that asked this question is recorded in full; this one adds nothing to it.
            return False

    def _gone(self, decision: Decision) -> Decision:
        """The decision for a cache that is no more; a requester is told, a follow task ends quietly."""
        change = decision.change
        requested = isinstance(change, CacheRequest) and change.single and not self.aftermath.attempt
        return Decision(
            change,
            decision.cache,
            Result.REJECTED if requested else Result.IGNORED,
            Reason.CACHE_NOT_FOUND if requested else Reason.CACHE_GONE,
            "the image cache was deleted, or the function's role may not see it",
        )

    def _plan_again(
        self, cache: ImageCache, group: Sequence[Decision]
    ) -> tuple[list[Decision], list[Decision]]:
        """Decide each change for the cache as it is now: those that end here, and those that want an update.

        In the order of the pushes: a later one is planned on the list that the earlier ones leave.
        """
        settled: list[Decision] = []
        wanted: list[Decision] = []
        images = cache.images
        for decision in sorted(group, key=_pushed_at):
            again = decide(replace(cache, images=images), decision.change, self.skew, self.rules)
            if again is None:
                message = "when the cache was read again, the change no longer concerned it"
                settled.append(
                    Decision(decision.change, cache, Result.IGNORED, Reason.NO_LONGER_LISTED, message)
                )
            elif again.result is not Result.REFRESHED:
                settled.append(replace(again, cache=cache))
            else:
                images = again.images_after
                wanted.append(replace(again, cache=cache))
        return settled, wanted


def _pushed_at(decision: Decision) -> datetime:
    pushed_at = decision.change.pushed_at if isinstance(decision.change, PushEvent) else None
    return pushed_at or _BEFORE_ALL
