"""From decisions to calls: each cache is read again, planned again, and updated at most once.

Several changes may ask for the same cache; one update serves them all, and each has its own record. A
cache's failure is its own: the others go on.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from .aftermath import Aftermath
from .caches import ImageCache
from .changes import CacheRequest
from .errors import BenignError, BusyError, EciError, PermanentError
from .gateway import EciGateway
from .plan import Decision, decide
from .reasons import Reason, Result
from .update import build_update

__all__ = ["Applier"]


@dataclass(frozen=True)
class Applier:
    """Applies decisions.

    Attributes:
        gateway: the calls to ECI.
        aftermath: told what became of each decision.
        skew: how far the registry's clock may be off.
        dry_run: never update, whatever the change says.
    """

    gateway: EciGateway
    aftermath: Aftermath
    skew: timedelta
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
        settled, wanted = _plan_again(cache, group, self.skew)
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
        try:
            request = build_update(
                cache,
                wanted[-1].images_after,
                [decision.change for decision in wanted],
                began=began,
                attempt=self.aftermath.attempt,
            )
        except PermanentError as error:
            self.aftermath.failed(wanted, error, started, update_calls=0)
            return
        if self.dry_run or any(decision.change.dry_run for decision in wanted):
            self.aftermath.planned(wanted, cache, request, started)
        elif not cache.updatable:
            message = f"the image cache is {cache.status}; only Ready and UpdateFailed can be updated"
            self.aftermath.failed(wanted, BusyError(Reason.CACHE_BUSY, message), started, update_calls=0)
        else:
            self._send(cache, wanted, request, began, started)

    def _send(
        self,
        cache: ImageCache,
        wanted: Sequence[Decision],
        request: Mapping[str, Any],
        began: datetime,
        started: float,
    ) -> None:
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
            self.aftermath.accepted(wanted, accepted, request, began, started)

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
    cache: ImageCache, group: Sequence[Decision], skew: timedelta
) -> tuple[list[Decision], list[Decision]]:
    """Decide each change for the cache as it is now: those that end here, and those that want an update.

    A later change is planned on the list that the earlier ones leave.
    """
    settled: list[Decision] = []
    wanted: list[Decision] = []
    images = cache.images
    for decision in group:
        again = decide(replace(cache, images=images), decision.change, skew)
        if again is None:
            message = "when the cache was read again, the change no longer concerned it"
            settled.append(
                Decision(
                    decision.change,
                    cache,
                    Result.IGNORED,
                    Reason.NO_LONGER_LISTED,
                    message,
                )
            )
        elif again.result is not Result.REFRESHED:
            settled.append(replace(again, cache=cache))
        else:
            images = again.images_after
            wanted.append(replace(again, cache=cache))
    return settled, wanted
