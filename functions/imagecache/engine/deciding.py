"""Deciding once more, for a cache as it was just read: what has become of changes since it was listed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from ..base.reasons import Reason, Result
from ..base.timestamps import BEFORE_ALL
from ..model.change import CacheRequest, Change, PushEvent
from ..model.image_cache import ImageCache
from ..planning.decision import Decision
from ..planning.plan import decide
from ..policy.list_entries import entries_of
from .follow_task import Job, Task
from .slot import Slot
from .steps import is_ordered, unconcerned
from .work import Work

_IN_ORDER = timedelta(seconds=5)


def decide_again(
    work: Work, cache: ImageCache, group: Sequence[Decision]
) -> tuple[list[Decision], list[Decision]]:
    """Decide each change for the cache as it is now: those that end here, and those that want an update.

    In the order of the pushes: a later one is planned on the list that the earlier ones leave.
    """
    settled: list[Decision] = []
    wanted: list[Decision] = []
    images, at = cache.images, work.now()
    for decision in sorted(group, key=lambda each: pushed_at(each.change)):
        again = decide(cache._replace(images=images), decision.change, at, work.settings.rules)
        if again is None:
            settled.append(unconcerned(decision.change, cache))
        elif again.result is not Result.REFRESHED:
            settled.append(again._replace(cache=cache))
        else:
            images = again.images_after
            wanted.append(again._replace(cache=cache))
    return settled, wanted


def place_of(work: Work, task: Task, cache: ImageCache) -> tuple[str, ...]:
    """What a task that runs waits for, and of all who do only the tag that was pushed last gets; or nothing.

    That is the entries that it takes out, under a policy without an order, where the cache remembers nothing.
    Their tasks run in the order of the pushes, the last one first; one that is late has lost its turn.
    """
    at, slot = work.now(), task.slot
    if slot is None or not isinstance(task.change, PushEvent) or at.now - task.due > _IN_ORDER:
        return ()
    ordered = is_ordered(decide(cache, task.change, at, work.settings.rules), cache, at)
    return () if ordered or task.job is not Job.AGAIN else tuple(sorted(slot.gone))


def lead_of(work: Work, change: Change, slot: Slot, cache: ImageCache) -> float | None:
    """How far a pushed tag is ahead of those that it found listed, as its rule orders them; or None."""
    if not isinstance(change, PushEvent):
        return None
    rules = work.settings.rules
    repository = (rules.identity(change.registry), change.repository)
    rule = rules.rule_for(cache, *repository, change.tag)
    listed = (entry.tag for entry in entries_of(slot.before, rules, repository) if not entry.pinned)
    return rule.policy.lead(change.tag, listed) if rule is not None else None


def gone(decision: Decision, task: Task | None) -> Decision:
    """The decision for a cache that is no more; a requester gets an error, a follow task ends quietly."""
    change = decision.change
    requested = isinstance(change, CacheRequest) and change.single and task is None
    return Decision(
        change,
        decision.cache,
        Result.REJECTED if requested else Result.IGNORED,
        Reason.CACHE_NOT_FOUND if requested else Reason.CACHE_GONE,
        "the image cache was deleted, or the function's role may not see it",
    )


def pushed_at(change: Change) -> datetime:
    """When a change was pushed, with a zone; before all others if it does not say."""
    moment = change.pushed_at if isinstance(change, PushEvent) else None
    return moment or BEFORE_ALL
