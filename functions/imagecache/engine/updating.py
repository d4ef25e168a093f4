"""One update of one cache: limited, composed, and sent.

Where rules read registries, an update also brings the list to what the policies want now, and the cache
remembers the digests that it is built with.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..base.errors import EciError, TransientError
from ..base.reasons import Reason, Result
from ..base.timestamps import Moment
from ..model.change import CacheRequest, PushEvent
from ..model.image_cache import ImageCache
from ..planning.decision import Decision
from ..planning.update_memory import last_update, memory_of_update
from ..planning.update_memory_layout import UpdateMemory
from ..planning.update_request import Update, build_update, masked
from ..planning.wanted_list import Current, notes_of, parameters_of, what_is_newer
from .applied import Applied
from .deferral import Deferral
from .follow_task import Chain, Job
from .sending import Sender
from .update_limits import needs_extra
from .work import Work

if TYPE_CHECKING:
    from .registry_view import RegistryView

_PROMOTIONS = frozenset({Reason.TAG_PROMOTED, Reason.REGISTRY_NEWER})
_NOTHING_NEWER = "registries have nothing newer than what the cache was built with"


@dataclass(eq=False, repr=False)
class Updater:
    """Makes updates.

    Attributes:
        work: what this invocation works with.
        deferral: stores tasks.
    """

    work: Work
    deferral: Deferral
    _reading: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def update(
        self, cache: ImageCache, wanted: Sequence[Decision], started: float, chain: Chain | None = None
    ) -> list[Applied]:
        """Update one cache for all decisions that want it.

        Args:
            cache: as just described.
            wanted: decisions for it; the last one's list is sent.
            started: when work on the cache began, on the monotonic clock, in seconds.
            chain: of the task that watches the update; a new one if None.
        """
        work, at = self.work, self.work.now()
        dry_run = work.is_dry(*(decision.change for decision in wanted))
        later: list[Applied] = []
        counted = 0
        repeats = chain is not None and chain.repeats > 0
        try:
            held = work.limits.held_back(cache, wanted, at, repeats=repeats)
            held = held or self._rolling(cache, wanted, at)
            if held is None:
                held = work.limits.spend(at, dry_run=dry_run)
                counted = int(held is None)
            if held is not None and not dry_run:
                return self.deferral.defer(cache, wanted, held, {}, started)
            with self._reading:
                current = _wanted_now(cache, wanted, work.view)
            paused = work.limits.promotion_held(cache, current.images, wanted, at)
            if dry_run:
                held = held or paused
            else:
                # What waits is not what was merged with it.
                apart = replace(self.deferral, task=None) if self._shared else self.deferral
                goes_on: Sequence[Decision] = wanted
                for error, waiting in self._waiting(wanted, current, paused):
                    later += apart.defer(cache, waiting, error, {}, started)
                    goes_on = [decision for decision in goes_on if decision not in waiting]
                if self._shared and current.unread:
                    later += self._asked_later(apart, cache, wanted[0], current, started)
                if paused is not None:
                    current = _without_new(cache, current)
                wanted = goes_on or ([_for_others(cache, wanted[0])] if self._shared else [])
            not_made = self._not_needed(cache, wanted, current, started) if wanted else []
            if not_made or not wanted:
                work.limits.give_back(counted)
                return later + not_made
            wanted = [decision._replace(images_after=current.images) for decision in wanted]
            memory, request = self._composed(cache, wanted, current, at, repeats=repeats)
        except EciError as error:
            work.limits.give_back(counted)
            return later + self.deferral.defer(cache, wanted, error, {}, started)
        facts = {"client_token": request["ClientToken"], "registry_error": "; ".join(current.problems)}
        if dry_run:
            but = f"; not now: {held.message}" if held else ""
            facts |= {"update_calls": 0, "request": masked(request)}
            planned = [each._replace(result=Result.PLANNED, message=each.message + but) for each in wanted]
            return [Applied(decision, facts=facts, started=started) for decision in planned]
        watch = self.deferral.watch(cache, wanted, memory, chain)
        sender = Sender(work, self.deferral, request, facts, watch, started)
        return later + sender.send(cache, wanted)

    def _rolling(self, cache: ImageCache, wanted: Sequence[Decision], at: Moment) -> EciError | None:
        """Why the cache waits for others that are rebuilt, where a rule keeps some ready."""
        rollout, task = self.work.rollout, self.deferral.task
        looks = task.chain.looks if task is not None and task.image_cache_id else 0
        return rollout.held(cache, wanted, at, looks) if rollout is not None else None

    def _due(self) -> str:
        """When the task of a cache that runs was due; empty elsewhere."""
        task = self.deferral.task
        return task.due.isoformat() if task and task.image_cache_id else ""

    def _not_needed(
        self, cache: ImageCache, wanted: Sequence[Decision], current: Current, started: float
    ) -> list[Applied]:
        """Decisions that need no update, now that registries have answered; empty if one is needed.

        A task that waited updates in any case: other changes may have been merged into it. Not one that waits
        for its own tag alone, or each further run of it would have another update to make.

        Raises:
            TransientError: where registries are the only reason, and did not answer.
        """
        task = self.deferral.task
        alone = not self._due() or (task is not None and task.job is Job.AGAIN and not task.shared)
        if all(decision.reason is Reason.REGISTRY_NEWER for decision in wanted):
            newer = what_is_newer(cache, current, self.work.now())
            if current.unread and not newer:
                raise TransientError(Reason.REGISTRY_UNREADABLE, "; ".join(current.problems), calls=0)
            if alone and not newer:
                return _not_made(wanted, Result.UNCHANGED, Reason.COVERED, _NOTHING_NEWER, started)
        if current.refused and alone and _changes_nothing(cache, wanted, current):
            refused = "; ".join(current.refused)
            return _not_made(wanted, Result.IGNORED, Reason.NOT_AN_IMAGE, refused, started)
        return []

    def _composed(
        self, cache: ImageCache, wanted: Sequence[Decision], current: Current, at: Moment, *, repeats: bool
    ) -> tuple[UpdateMemory, Mapping[str, Any]]:
        """What the cache is to remember of an update, and its request.

        Raises:
            PermanentError: where the list cannot be sent.
        """
        rules = self.work.settings.rules
        memory = memory_of_update(
            cache,
            [decision.change for decision in wanted],
            at,
            extra=needs_extra(cache, wanted, at, self.work.hand_off.times),
            repeats=repeats,
            undone=self._undone(cache, wanted, at),
        )
        update = Update(
            current.images,
            tuple(decision.change.change_id for decision in wanted),
            memory,
            self._due(),
            notes_of(wanted, current.digests, at, rules),
        )
        return memory, build_update(cache, update, parameters_of(cache, current.images, rules))

    @property
    def _shared(self) -> bool:
        """Whether the update is also for changes that were merged into the task that runs."""
        return self.deferral.task is not None and self.deferral.task.shared

    def _waiting(
        self, wanted: Sequence[Decision], current: Current, paused: EciError | None
    ) -> Iterator[tuple[EciError, list[Decision]]]:
        """The promotions that have to wait, and why: their tags could not be read, or there is a pause.

        Args:
            wanted: the decisions that ask for an update.
            current: what registries have.
            paused: why new tags have to wait; None if they need not.
        """
        undecided = self._undecided(wanted, current)
        if undecided:
            message = "; ".join(current.problems)
            yield TransientError(Reason.REGISTRY_UNREADABLE, message, calls=0), undecided
        if paused is not None:
            # A failed update that is made again waits as it is.
            repeats = self.deferral.task is not None and self.deferral.task.job is Job.WATCH
            promoting = [each for each in wanted if repeats or each.reason in _PROMOTIONS]
            yield paused, [decision for decision in promoting if decision not in undecided]

    def _asked_later(
        self, deferral: Deferral, cache: ImageCache, decision: Decision, current: Current, started: float
    ) -> list[Applied]:
        """A task that asks registries again: they alone know which promotions were merged into this one."""
        from .registry_hint import repair  # noqa: PLC0415 - most rules ask no registry

        why = "; ".join(current.problems)
        error = TransientError(Reason.REGISTRY_UNREADABLE, why, calls=0)
        return deferral.defer(cache, [repair(decision.change, cache, why, cache.images)], error, {}, started)

    def _undecided(self, wanted: Sequence[Decision], current: Current) -> list[Decision]:
        """The promotions of tags that could not be read."""
        identity = self.work.settings.rules.identity
        return [
            decision
            for decision in wanted
            if isinstance(push := decision.change, PushEvent)
            and (identity(push.registry), push.repository, push.tag) in current.undecided
        ]

    def _undone(
        self, cache: ImageCache, wanted: Sequence[Decision], at: Moment
    ) -> list[tuple[str, datetime]]:
        """Short ids of tags that were taken back, by this update or before it, and when each was tried."""
        task, memory, rules = self.deferral.task, last_update(cache, at), self.work.settings.rules
        undoes = wanted[-1].reason is Reason.PROMOTION_UNDONE
        undone: list[tuple[str, datetime]] = []
        if not undoes and (memory is None or not memory.undone):
            return undone
        from ..planning.taking_back import id_of, new_entries, still_undone  # noqa: PLC0415 - few updates need it

        if undoes and task is not None and task.slot is not None and not task.undoes:
            tried = task.update_began or task.due
            tried = tried if memory is None else max(tried, memory.began)
            undone += [
                (id_of(entry), tried) for entry in new_entries(task.slot.before, task.slot.after, rules)
            ]
        return undone + (still_undone(cache, memory, rules) if memory is not None else [])


def _wanted_now(cache: ImageCache, wanted: Sequence[Decision], view: RegistryView | None) -> Current:
    """The list of an update, brought to what the policies want of what registries have.

    A list that a request sets, or that is put back, is sent as it is.

    Args:
        cache: the cache as just described.
        wanted: the decisions that it serves; each was planned on the list that the one before it leaves.
        view: asks registries; None where no rule wants that.
    """
    images = wanted[-1].images_after
    given = any(
        decision.reason is Reason.PROMOTION_UNDONE
        or (isinstance(decision.change, CacheRequest) and decision.change.images)
        for decision in wanted
    )
    if view is None or given:
        return Current(images)
    pushes = [decision.change for decision in wanted if isinstance(decision.change, PushEvent)]
    return view.current(cache, images, pushes)


def _without_new(cache: ImageCache, current: Current) -> Current:
    """What is wanted of a cache that is to get no new tags."""
    digests = {entry: digest for entry, digest in current.digests.items() if entry in cache.images}
    return current._replace(images=cache.images, digests=digests, refused=())


def _for_others(cache: ImageCache, decision: Decision) -> Decision:
    """The decision of a task that waits on, for the changes that were merged into it."""
    reason = Reason.TAG_REPUSHED if isinstance(decision.change, PushEvent) else decision.change.reason
    message = "rebuilt for all other changes that waited for the cache"
    return decision._replace(reason=reason, message=message, images_after=cache.images)


def _changes_nothing(cache: ImageCache, wanted: Sequence[Decision], current: Current) -> bool:
    """Whether the cache's list stays as it is, and nobody asked to have that rebuilt."""
    return current.images == cache.images and all(decision.reason in _PROMOTIONS for decision in wanted)


def _not_made(
    wanted: Sequence[Decision], result: Result, reason: Reason, message: str, started: float
) -> list[Applied]:
    """Decisions that need no update after all."""
    ended = [each._replace(result=result, reason=reason, message=message, images_after=()) for each in wanted]
    return [Applied(decision, started=started) for decision in ended]
