"""From decisions to updates: each cache is read again, decided again, and updated at most once.

Several changes may ask for the same cache; one update serves them all, one task follows it, and each has its
own record. A cache's failure is its own: the others go on, several at a time.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ..base.errors import EciError, TransientError
from ..base.reasons import Reason, Result
from ..model.image_cache import ImageCache
from ..planning.decision import Decision
from .applied import Applied
from .deciding import decide_again, gone
from .deferral import Deferral
from .updating import Updater
from .work import Work

_NEXT_CALL_SECONDS = 1.0


@dataclass(eq=False, repr=False)
class Applier:
    """Applies decisions.

    Attributes:
        work: what this invocation works with.
        deferral: stores tasks.
        updater: makes updates.
    """

    work: Work
    deferral: Deferral
    updater: Updater

    def apply(self, planned: Iterable[Applied]) -> Iterator[Applied]:
        """Carry out decisions, those first that need no cache to be read."""
        concerned: dict[tuple[str, str], tuple[ImageCache, list[Decision]]] = {}
        for each in planned:
            decision = each.decision
            cache = decision.cache if decision.result in {Result.REFRESHED, Result.UNCHANGED} else None
            if decision.result is Result.DEFERRED:
                yield from self.deferral.settled([decision], each.started)
            elif cache is None or each.error:
                yield each
            else:
                _, group = concerned.setdefault((cache.region_id, cache.image_cache_id), (cache, []))
                group.append(decision)
        side_by_side = self.work.settings.concurrency
        if side_by_side == 1 or len(concerned) <= 1:
            for cache, group in concerned.values():
                yield from self._in_time(cache, group)
            return
        self.work.share()
        with ThreadPoolExecutor(side_by_side, thread_name_prefix="cache") as pool:
            for done in pool.map(lambda item: self._in_time(*item), concerned.values()):
                yield from done

    def _in_time(self, listed: ImageCache, group: Sequence[Decision]) -> list[Applied]:
        if self.work.deadline.remaining() < _NEXT_CALL_SECONDS:
            error = TransientError(Reason.OUT_OF_TIME, "no time was left for this cache", calls=0)
            return [Applied(decision, error, left=True) for decision in group]
        return self._apply_to_cache(listed, group)

    def _apply_to_cache(self, listed: ImageCache, group: Sequence[Decision]) -> list[Applied]:
        started = time.monotonic()
        cache: ImageCache | None = listed
        dry_run = self.work.is_dry(*(decision.change for decision in group))
        # A busy cache is deferred by the listing's word, which costs no further call; so is a plan made.
        if listed.updatable and not dry_run:
            try:
                cache = self.work.eci.describe_image_cache(listed.region_id, listed.image_cache_id)
            except EciError as error:
                return self.deferral.defer(listed, group, error, {}, started)
        if cache is None:
            return [Applied(gone(decision, self.deferral.task), started=started) for decision in group]
        if dry_run and len(group) == 1:
            # It was decided for this very description.
            settled = [each for each in group if each.result is not Result.REFRESHED]
            wanted = [each for each in group if each.result is Result.REFRESHED]
        else:
            settled, wanted = decide_again(self.work, cache, group)
        done = self.deferral.settled(settled, started)
        return done + (self.updater.update(cache, wanted, started) if wanted else [])
