"""From decisions to calls: each cache is read again, planned again, and updated at most once.

Several changes may ask for the same cache; one update serves them all, and each has its own record. A
cache's failure is its own: the others go on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .caches import ImageCache
from .changes import CacheRequest
from .errors import BenignError, BusyError, EciError, ErrorClass, PermanentError
from .gateway import EciGateway
from .outcomes import Recorder, describe_decision
from .plan import Decision, decide
from .reasons import Reason, Result
from .update import build_update, masked

__all__ = ["Applier"]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Applier:
    """Applies decisions.

    Attributes:
        gateway: the calls to ECI.
        recorder: gets one record for each decision.
        dry_run: never update, whatever the change says.
    """

    gateway: EciGateway
    recorder: Recorder
    dry_run: bool = False

    def apply(self, decisions: Iterable[Decision]) -> None:
        """Carry out decisions; one record for each."""
        updates: dict[tuple[str, str], list[Decision]] = {}
        for decision in decisions:
            if decision.result is Result.REFRESHED and decision.cache is not None:
                key = (decision.cache.region_id, decision.cache.image_cache_id)
                updates.setdefault(key, []).append(decision)
            else:
                self._settle([decision], time.monotonic())
        for (region_id, image_cache_id), group in updates.items():
            self._apply_to_cache(region_id, image_cache_id, group)

    def _apply_to_cache(self, region_id: str, image_cache_id: str, group: Sequence[Decision]) -> None:
        started = time.monotonic()
        try:
            cache = self.gateway.describe_image_cache(region_id, image_cache_id)
        except EciError as error:
            self._fail(group, error, started, update_calls=0)
            return
        if cache is None:
            self._settle(map(_gone, group), started)
            return
        settled, wanted = _plan_again(cache, group)
        self._settle(settled, started)
        if wanted:
            self._update(cache, wanted, started)

    def _update(self, cache: ImageCache, wanted: Sequence[Decision], started: float) -> None:
        images = wanted[-1].images_after
        try:
            request = build_update(cache, images, [decision.change.change_id for decision in wanted])
        except PermanentError as error:
            self._fail(wanted, error, started, update_calls=0)
            return
        if self.dry_run or any(decision.change.dry_run for decision in wanted):
            self._show(cache, wanted, request, started)
        elif not cache.updatable:
            message = f"the image cache is {cache.status}; only Ready and UpdateFailed can be updated"
            self._fail(wanted, BusyError(Reason.CACHE_BUSY, message), started, update_calls=0)
        else:
            self._send(cache, wanted, request, started)

    def _send(
        self, cache: ImageCache, wanted: Sequence[Decision], request: Mapping[str, Any], started: float
    ) -> None:
        try:
            accepted = self.gateway.update_image_cache(request)
        except BenignError as error:
            self._note_benign(wanted, error, request, started)
        except EciError as error:
            if error.reason is Reason.NOT_FOUND and self._is_gone(cache):
                self._settle(map(_gone, wanted), started)
            else:
                self._fail(wanted, error, started, update_calls=error.calls, request=request)
        else:
            for decision in wanted:
                self._record(
                    decision,
                    started,
                    request,
                    update_calls=accepted.calls,
                    eci_request_id=accepted.request_id,
                )

    def _is_gone(self, cache: ImageCache) -> bool:
        try:
            return self.gateway.describe_image_cache(cache.region_id, cache.image_cache_id) is None
        except EciError:
            # The failure that asked this question is recorded in full; this one adds nothing to it.
            return False

    def _settle(self, decisions: Iterable[Decision], started: float) -> None:
        """Record decisions that need no update."""
        for decision in decisions:
            facts = describe_decision(decision)
            facts["duration_ms"] = _elapsed_ms(started)
            if decision.result is Result.REJECTED:
                facts["error"] = {"class": ErrorClass.INPUT.value}
            self.recorder.record(decision.result, decision.reason, decision.message, facts)

    def _show(
        self, cache: ImageCache, wanted: Sequence[Decision], request: Mapping[str, Any], started: float
    ) -> None:
        """Record what a dry run would have sent."""
        busy = "" if cache.updatable else f"; the cache is {cache.status} now"
        for decision in wanted:
            planned = replace(decision, result=Result.PLANNED, message=f"{decision.message}{busy}")
            self._record(planned, started, request, update_calls=0, request=masked(request))

    def _note_benign(
        self, wanted: Sequence[Decision], error: BenignError, request: Mapping[str, Any], started: float
    ) -> None:
        _logger.warning("%s for image cache %s: nothing was rebuilt", error.code, request["ImageCacheId"])
        result = Result.UNCHANGED if error.reason is Reason.NO_NEED_UPDATE else Result.PLANNED
        for decision in wanted:
            told = replace(decision, result=result, reason=error.reason, message=error.message)
            self._record(told, started, request, update_calls=error.calls, eci_request_id=error.request_id)

    def _fail(
        self,
        decisions: Iterable[Decision],
        error: EciError,
        started: float,
        *,
        update_calls: int,
        request: Mapping[str, Any] | None = None,
    ) -> None:
        for decision in decisions:
            facts = describe_decision(decision)
            facts["client_token"] = request["ClientToken"] if request else None
            facts["update_calls"] = update_calls
            facts["duration_ms"] = _elapsed_ms(started)
            self.recorder.eci_failure(error, facts)

    def _record(self, decision: Decision, started: float, sent: Mapping[str, Any], **facts: Any) -> None:
        told = describe_decision(decision)
        told.update(facts, client_token=sent["ClientToken"], duration_ms=_elapsed_ms(started))
        self.recorder.record(decision.result, decision.reason, decision.message, told)


def _plan_again(cache: ImageCache, group: Sequence[Decision]) -> tuple[list[Decision], list[Decision]]:
    """Decide each change for the cache as it is now: those that end here, and those that want an update.

    A later change is planned on the list that the earlier ones leave.
    """
    settled: list[Decision] = []
    wanted: list[Decision] = []
    images = cache.images
    for decision in group:
        again = decide(replace(cache, images=images), decision.change)
        if again is None:
            message = "when the cache was read again, the change no longer concerned it"
            settled.append(
                replace(
                    decision,
                    cache=cache,
                    result=Result.IGNORED,
                    reason=Reason.NO_LONGER_LISTED,
                    message=message,
                )
            )
        elif again.result is not Result.REFRESHED:
            settled.append(replace(again, cache=cache))
        else:
            images = again.images_after
            wanted.append(replace(again, cache=cache))
    return settled, wanted


def _gone(decision: Decision) -> Decision:
    requested = isinstance(decision.change, CacheRequest) and decision.change.single
    return replace(
        decision,
        result=Result.REJECTED if requested else Result.IGNORED,
        reason=Reason.CACHE_NOT_FOUND if requested else Reason.CACHE_GONE,
        message="the image cache was deleted, or the function's role may not see it",
    )


def _elapsed_ms(started: float) -> float:
    return round((time.monotonic() - started) * 1000, 1)
