"""What an update is needed for, once registries have answered: which decisions wait, and if any is left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..base.errors import EciError, TransientError
from ..base.reasons import Reason, Result
from ..base.timestamps import Moment
from ..model.change import PushEvent
from ..model.image_cache import ImageCache
from ..planning.decision import Decision
from ..planning.wanted_list import Current, what_is_newer
from ..policy.rules import Rules
from .applied import Applied
from .deferral import Deferral
from .follow_task import Job, Task

_PROMOTIONS = frozenset({Reason.TAG_PROMOTED, Reason.REGISTRY_NEWER})
_NOTHING_NEWER = "registries have nothing newer than what the cache was built with"


def must_wait(
    wanted: Sequence[Decision], current: Current, paused: EciError | None, task: Task | None, rules: Rules
) -> Iterator[tuple[EciError, list[Decision]]]:
    """The promotions that have to wait, and why: their tags could not be read, or there is a pause.

    Args:
        wanted: the decisions that ask for an update.
        current: what registries have.
        paused: why new tags have to wait; None if they need not.
        task: the follow task that is running, or None.
        rules: know registries by all their names.
    """
    undecided = _undecided(wanted, current, rules)
    if undecided:
        message = "; ".join(current.problems)
        yield TransientError(Reason.REGISTRY_UNREADABLE, message, calls=0), undecided
    if paused is not None:
        # A failed update that is made again waits as it is.
        repeats = task is not None and task.job is Job.WATCH
        promoting = [each for each in wanted if repeats or each.reason in _PROMOTIONS]
        yield paused, [decision for decision in promoting if decision not in undecided]


def asked_later(
    deferral: Deferral, cache: ImageCache, decision: Decision, current: Current, started: float
) -> list[Applied]:
    """A task that asks registries again: they alone know which promotions were merged into this one."""
    from .registry_hint import repair  # noqa: PLC0415 - most rules ask no registry

    why = "; ".join(current.problems)
    error = TransientError(Reason.REGISTRY_UNREADABLE, why, calls=0)
    found = repair(decision.change, cache, why, cache.images)
    if found.change.by_person:
        # What the person asked for is made now; what registries bring later is asked for by nobody.
        found = found._replace(change=found.change._replace(source="timer"))
    return deferral.defer(cache, [found], error, {}, started)


def not_needed(
    cache: ImageCache, wanted: Sequence[Decision], current: Current, at: Moment, task: Task | None
) -> list[Decision]:
    """Decisions that need no update, now that registries have answered; empty if one is needed.

    A task that waited updates in any case: other changes may have been merged into it. Not one that waits
    for its own tag alone, or each further run of it would have another update to make.

    Raises:
        TransientError: where registries are the only reason, and did not answer.
    """
    own = task if task is not None and task.image_cache_id else None
    alone = own is None or (own.job is Job.AGAIN and not own.shared)
    if all(decision.reason is Reason.REGISTRY_NEWER for decision in wanted):
        newer = what_is_newer(cache, current, at)
        if current.unread and not newer:
            raise TransientError(Reason.REGISTRY_UNREADABLE, "; ".join(current.problems), calls=0)
        if alone and not newer:
            return _not_made(wanted, Result.UNCHANGED, Reason.COVERED, _NOTHING_NEWER)
    if current.refused and alone and _changes_nothing(cache, wanted, current):
        refused = "; ".join(current.refused)
        return _not_made(wanted, Result.IGNORED, Reason.NOT_AN_IMAGE, refused)
    return []


def for_others(cache: ImageCache, decision: Decision) -> Decision:
    """The decision of a task that waits on, for the changes that were merged into it."""
    reason = Reason.TAG_REPUSHED if isinstance(decision.change, PushEvent) else decision.change.reason
    message = "rebuilt for all other changes that waited for the cache"
    return decision._replace(reason=reason, message=message, images_after=cache.images)


def without_new(cache: ImageCache, current: Current) -> Current:
    """What is wanted of a cache that is to get no new tags."""
    digests = {entry: digest for entry, digest in current.digests.items() if entry in cache.images}
    return current._replace(images=cache.images, digests=digests, refused=())


def _undecided(wanted: Sequence[Decision], current: Current, rules: Rules) -> list[Decision]:
    """The promotions of tags that could not be read."""
    return [
        decision
        for decision in wanted
        if isinstance(push := decision.change, PushEvent)
        and (rules.identity(push.registry), push.repository, push.tag) in current.undecided
    ]


def _changes_nothing(cache: ImageCache, wanted: Sequence[Decision], current: Current) -> bool:
    """Whether the cache's list stays as it is, and nobody asked to have that rebuilt."""
    return current.images == cache.images and all(decision.reason in _PROMOTIONS for decision in wanted)


def _not_made(wanted: Sequence[Decision], result: Result, reason: Reason, message: str) -> list[Decision]:
    return [each._replace(result=result, reason=reason, message=message, images_after=()) for each in wanted]
