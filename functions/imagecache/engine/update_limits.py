"""Limits on what updates cost: cooldowns, and caps on updates per run and per hour.

A change that is held back is not dropped: it is deferred like one whose cache is busy.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ..base.errors import HeldBackError
from ..base.reasons import Reason
from ..config.settings import Settings
from ..model.change import MANUAL, PushEvent
from ..model.image_cache import READY, ImageCache
from ..planning.plan import Decision
from ..planning.update_memory import last_update
from .listings import Listings

_HOUR = timedelta(hours=1)
_logger = logging.getLogger(__name__)


def cooldown_left(cache: ImageCache, decision: Decision, now: datetime) -> timedelta:
    """How long a decision has to wait for its rule's cooldown; zero if it need not.

    Only pushes wait, and only for a cache that serves: what a person or a timer asks for is done, and so is
    what may mend a cache that failed.
    """
    change, rule = decision.change, decision.rule
    if not isinstance(change, PushEvent) or change.source == MANUAL or rule is None or cache.status != READY:
        return timedelta(0)
    last = last_update(cache)
    if last is None:
        return timedelta(0)
    return max(timedelta(0), last.began + timedelta(seconds=rule.cooldown_seconds) - now)


class RecentUpdates:
    """The updates of the last hour that this process made; it outlives an invocation."""

    def __init__(self) -> None:
        self._began: list[tuple[datetime, str]] = []

    def add(self, image_cache_id: str, began: datetime) -> None:
        """Remember an update."""
        self._began.append((began, image_cache_id))

    def by_cache(self, since: datetime) -> dict[str, int]:
        """Image cache id -> number of updates since then; what is older is forgotten."""
        self._began = [(began, identifier) for began, identifier in self._began if began >= since]
        counts: dict[str, int] = {}
        for _, identifier in self._began:
            counts[identifier] = counts.get(identifier, 0) + 1
        return counts


@dataclass
class UpdateBudget:
    """How many updates one invocation may still make.

    Attributes:
        settings: the caps, and when a change that met the cap per hour is looked at again.
        listings: tell all caches; asked once, and only for the cap per hour.
        recent: what this process made.
        made: how many were made, or planned in a dry run.
    """

    settings: Settings
    listings: Listings
    recent: RecentUpdates
    made: int = 0
    _counted: dict[str, int] | None = field(default=None, repr=False)
    _logged: bool = field(default=False, repr=False)

    def capped(self, now: datetime) -> HeldBackError | None:
        """``UPDATE_CAP`` when one more update may not be made now.

        Raises:
            EciError: when the caches have to be listed for it and could not be.
        """
        if self.made >= self.settings.most_per_run:
            message = f"this run made {self.made} updates, which is its limit"
            return self._capped(message, None)
        limit = self.settings.most_per_hour
        if limit and (count := self._within_hour(now)) >= limit:
            message = f"{count} updates started within the last hour; the limit is {limit}"
            return self._capped(message, self.settings.follow.max_seconds)
        return None

    def spend(self, image_cache_id: str, began: datetime, *, dry_run: bool = False) -> None:
        """Count an update."""
        self.made += 1
        if not dry_run:
            self.recent.add(image_cache_id, began)

    def _within_hour(self, now: datetime) -> int:
        """What the caches remember, each of its last update, and where this process knows of more, that."""
        if self._counted is None:
            last = {cache.image_cache_id: last_update(cache) for cache in self.listings.all_caches()}
            self._counted = {
                identifier: 1 for identifier, update in last.items() if update and update.began >= now - _HOUR
            }
        own = self.recent.by_cache(now - _HOUR)
        return sum(max(self._counted.get(each, 0), own.get(each, 0)) for each in {*self._counted, *own})

    def _capped(self, message: str, delay_seconds: float | None) -> HeldBackError:
        if not self._logged:
            _logger.error("update cap reached: %s", message)
            self._logged = True
        return HeldBackError(Reason.UPDATE_CAP, message, delay_seconds=delay_seconds)
