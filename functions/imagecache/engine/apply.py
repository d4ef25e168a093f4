"""From decisions to calls: each cache is read again, planned again, and updated at most once.

Several changes may ask for the same cache; one update serves them all, and each has its own record. A
cache's failure is its own: the others go on.

Where rules read registries, an update also brings the list to what the policies want now, and the cache
remembers the digests that it is built with.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

from ..base.errors import BenignError, BusyError, EciError, HeldBackError, TransientError
from ..base.reasons import Reason, Result
from ..clients.eci_gateway import EciGateway
from ..config.settings import Settings
from ..model.change import CacheRequest, PushEvent
from ..model.image_cache import ImageCache
from ..planning.entry_memory_of_update import notes_of
from ..planning.plan import Decision, decide
from ..planning.update_request import build_update, masked
from ..planning.wanted_list import Current, parameters_of, wanted_now, what_is_newer
from ..policy.rules import Rules
from .applied import Applied
from .update_limits import UpdateBudget, cooldown_left

if TYPE_CHECKING:
    from .registry_view import RegistryView

_logger = logging.getLogger(__name__)

_BEFORE_ALL = datetime.min.replace(tzinfo=timezone.utc)


class _Sending(NamedTuple):
    """One update that is sent: the request, facts for its records, and when it and the work began."""

    request: Mapping[str, Any]
    facts: Mapping[str, Any]
    began: datetime
    started: float


@dataclass(frozen=True)
class Applier:
    """Applies decisions.

    Attributes:
        eci: the calls to ECI.
        settings: of this invocation.
        view: what registries have now; None where no rule asks them.
        budget: how many updates may still be made.
        attempt: of the follow task that is running, 0 at the other entry points.
    """

    eci: EciGateway
    settings: Settings
    view: RegistryView | None
    budget: UpdateBudget
    attempt: int

    @property
    def rules(self) -> Rules:
        """Policies, cooldowns and parameters."""
        return self.settings.rules

    @property
    def skew(self) -> timedelta:
        """How far the registry's clock may be off."""
        return timedelta(seconds=self.settings.clock_skew_seconds)

    def apply(self, planned: Iterable[Applied]) -> Iterator[Applied]:
        """Carry out decisions, those first that need no cache to be read."""
        concerned: dict[tuple[str, str], list[Decision]] = {}
        for each in planned:
            decision = each.decision
            cache = decision.cache if decision.result in {Result.REFRESHED, Result.UNCHANGED} else None
            if cache is None or each.error:
                yield each
            else:
                concerned.setdefault((cache.region_id, cache.image_cache_id), []).append(decision)
        for (region_id, image_cache_id), group in concerned.items():
            yield from self._apply_to_cache(region_id, image_cache_id, group)

    def _apply_to_cache(
        self, region_id: str, image_cache_id: str, group: Sequence[Decision]
    ) -> Iterator[Applied]:
        started = time.monotonic()
        try:
            cache = self.eci.describe_image_cache(region_id, image_cache_id)
        except EciError as error:
            yield from _not_done(group, error, started)
            return
        if cache is None:
            yield from (Applied(self._gone(decision), started=started) for decision in group)
            return
        settled, wanted = self._plan_again(cache, group)
        yield from (settled_as(decision, started) for decision in settled)
        if wanted:
            yield from self.update(cache, wanted, started)

    def update(self, cache: ImageCache, wanted: Sequence[Decision], started: float) -> Iterator[Applied]:
        """Update one cache for all decisions that want it.

        Args:
            cache: as just described.
            wanted: decisions for it; the last one's list is sent.
            started: when work on the cache began, on the monotonic clock, in seconds.
        """
        began = datetime.now(timezone.utc)
        dry_run = self.settings.dry_run or any(decision.change.dry_run for decision in wanted)
        try:
            not_now = self._not_now(cache, wanted, began)
            if not_now is not None and not dry_run:
                raise not_now
            current = wanted_now(cache, wanted, self.view)
            repairs = all(decision.reason is Reason.REGISTRY_NEWER for decision in wanted)
            if repairs and not what_is_newer(cache, current):
                yield from _repaired_already(wanted, current, started)
                return
            wanted = [replace(decision, images_after=current.images) for decision in wanted]
            request = build_update(
                cache,
                current.images,
                [decision.change for decision in wanted],
                began=began,
                attempt=self.attempt,
                notes=notes_of(wanted, current.digests, began, self.skew, self.rules),
                extra=parameters_of(cache, current.images, self.rules),
            )
        except EciError as error:
            yield from _not_done(wanted, error, started)
            return
        facts: dict[str, Any] = {
            "client_token": request["ClientToken"],
            "registry_error": "; ".join(current.problems),
        }
        self.budget.spend(cache.image_cache_id, began, dry_run=dry_run)
        if dry_run:
            later = f"; not now: {not_now.message}" if not_now else ""
            facts |= {"update_calls": 0, "request": masked(request)}
            for each in wanted:
                planned = replace(each, result=Result.PLANNED, message=each.message + later)
                yield Applied(planned, facts=facts, started=started)
        else:
            yield from self._send(cache, wanted, _Sending(request, facts, began, started))

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

    def _send(self, cache: ImageCache, wanted: Sequence[Decision], sending: _Sending) -> Iterator[Applied]:
        error: EciError | None = None
        update_began: datetime | None = None
        facts = sending.facts
        sent: dict[str, Any] = {}
        try:
            accepted = self.eci.update_image_cache(sending.request)
            sent = {"update_calls": accepted.calls, "eci_request_id": accepted.request_id}
            update_began = sending.began
        except BenignError as benign:
            _logger.warning("%s for image cache %s: nothing was rebuilt", benign.code, cache.image_cache_id)
            result = Result.UNCHANGED if benign.reason is Reason.NO_NEED_UPDATE else Result.PLANNED
            wanted = [
                replace(decision, result=result, reason=benign.reason, message=benign.message)
                for decision in wanted
            ]
            sent = {"update_calls": benign.calls, "eci_request_id": benign.request_id}
        except EciError as failure:
            if failure.reason is Reason.NOT_FOUND and self._is_gone(cache):
                wanted, facts = [self._gone(decision) for decision in wanted], {}
            else:
                error, sent = failure, {"update_calls": failure.calls}
        for decision in wanted:
            yield Applied(decision, error, update_began, {**facts, **sent}, sending.started)

    def _is_gone(self, cache: ImageCache) -> bool:
        try:
            return self.eci.describe_image_cache(cache.region_id, cache.image_cache_id) is None
        except EciError:
            # The failure that asked this question is recorded in full; this one adds nothing to it.
            return False

    def _gone(self, decision: Decision) -> Decision:
        """The decision for a cache that is no more; a requester gets an error, a follow task ends quietly."""
        change = decision.change
        requested = isinstance(change, CacheRequest) and change.single and not self.attempt
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


def settled_as(decision: Decision, started: float) -> Applied:
    """A decision that needs no update; one that a running update covers waits for its end.

    Args:
        decision: with the cache as just described.
        started: when work on the cache began, on the monotonic clock, in seconds.
    """
    running = decision.covered_by if decision.cache and not decision.cache.updatable else None
    return Applied(decision, update_began=running.began if running else None, started=started)


def _not_done(decisions: Iterable[Decision], error: EciError, started: float) -> Iterator[Applied]:
    """Decisions whose update was not even sent."""
    for decision in decisions:
        yield Applied(decision, error, facts={"update_calls": 0}, started=started)


def _repaired_already(wanted: Sequence[Decision], current: Current, started: float) -> Iterator[Applied]:
    """A repair for which registries give no reason any more.

    Raises:
        TransientError: they did not answer, so it is not known.
    """
    if current.unread:
        raise TransientError(Reason.REGISTRY_UNREADABLE, "; ".join(current.problems), calls=0)
    message = "registries have nothing newer than what the cache was built with"
    for decision in wanted:
        covered = replace(
            decision, result=Result.UNCHANGED, reason=Reason.COVERED, message=message, images_after=()
        )
        yield Applied(covered, started=started)
