"""What an invocation leaves goes on in another one: caches that time or a cap left, regions not listed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from ..base.reasons import Reason
from ..model.change import CacheRequest
from ..model.image_cache import Listing
from ..model.selector import ALL_CACHES
from .applied import Applied
from .chain import expired, given_up
from .deciding import gone
from .follow_task import Chain, Job, Task
from .steps import unconcerned
from .work import Work

_MOST_CACHES = 2000
"""Of one task: their ids stay well under the 128 KB that an asynchronous invocation takes."""


@dataclass(eq=False, repr=False)
class Continuation:
    """Stores what is left of changes.

    Attributes:
        work: what this invocation works with.
        task: the follow task that is running, or None.
    """

    work: Work
    task: Task | None

    def store(self, left: Sequence[Applied]) -> Iterator[Applied]:
        """Store what is left, one task for each change and region; each decision says where it went."""
        groups: dict[tuple[str, str], list[Applied]] = {}
        for applied in left:
            cache = applied.decision.cache
            key = (applied.decision.change.change_id, cache.region_id if cache else "")
            groups.setdefault(key, []).append(applied)
        for (_, region_id), group in groups.items():
            for at in range(0, len(group), _MOST_CACHES):
                part = group[at : at + _MOST_CACHES]
                ids = tuple(each.decision.cache.image_cache_id for each in part if each.decision.cache)
                name = f"{self.work.request_id}-{at // _MOST_CACHES}"
                task = self._task(part[0], region_id)._replace(caches=ids, key=name)
                more, deferred = self._stored(task, part[0])
                for each in part:
                    yield replace(each, facts={**each.facts, **more}, deferred=deferred, left=False)

    def unseen(self, applied: Applied) -> Applied:
        """A change whose region could not be listed: it goes on later if that can help."""
        error, change = applied.error, applied.decision.change
        single = isinstance(change, CacheRequest) and change.single
        if error is None or not error.error_class.retryable or single:
            return applied
        region_id = str(applied.facts["region_id"])
        # Nothing is wrong where time alone was short, so it goes on at once; a retry finds this very task.
        soon = error.reason is Reason.OUT_OF_TIME
        task = self._task(replace(applied, left=soon), region_id)
        if soon:
            task = task._replace(key=f"{self.work.request_id}-{region_id}")
        if self.task is not None and expired(task, self.work.now().now, self.work.settings.follow):
            return replace(applied, error=given_up(error, self.work.settings.follow))
        more, deferred = self._stored(task, applied)
        return replace(applied, facts={**applied.facts, **more}, deferred=deferred)

    def _task(self, applied: Applied, region_id: str) -> Task:
        at, change = self.work.now(), applied.decision.change
        times = self.work.hand_off.times
        due = times.again(None, at) if not applied.left else at.now + timedelta(seconds=1)
        if self.task is not None:
            # One that runs before its time meets the due time that it has: its hop is what makes another id.
            hop = self.task.hop + 1 if due <= self.task.due else 0
            task = self.task.next(Job.CHANGE, max(due, self.task.due), at.now, held=applied.left)
            return task._replace(region_id=region_id, hop=hop)
        if isinstance(change, CacheRequest) and change.reason is Reason.REGISTRY_NEWER:
            # Each repair names its own cache; the task goes on for all whose ids it carries.
            change = change._replace(selector=ALL_CACHES)
        return Task(Job.CHANGE, change, due, Chain(self.work.arrived), region_id)

    def _stored(self, task: Task, applied: Applied) -> tuple[dict[str, Any], bool]:
        if not self.work.hand_off.enabled or applied.decision.change.dry_run:
            return {}, False
        stored, facts = self.work.hand_off.tried(task)
        return facts, stored is not None


def told_of_left(task: Task, listings: Sequence[Listing], planned: Sequence[Applied]) -> list[Applied]:
    """What is planned for the caches that were left to a task, and those that its change concerns no more.

    The records of those say that they are left to this task, so its own say what became of each.
    """
    told = [each for each in planned if each.decision.caches_seen is None]
    caches = [each.decision.cache for each in told if each.decision.cache]
    # What cannot be read has a record of its own.
    caches += [cache for listing in listings for cache in listing.unreadable]
    decided = {cache.image_cache_id for cache in caches}
    there = {cache.image_cache_id for listing in listings for cache in listing.caches}
    for image_cache_id in task.caches:
        if image_cache_id in decided:
            continue
        ended = unconcerned(task.change, None)
        facts = {"region_id": task.region_id, "image_cache_id": image_cache_id}
        told.append(Applied(ended if image_cache_id in there else gone(ended, task), facts=facts))
    return told
