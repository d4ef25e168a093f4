"""One update of one cache: limited, composed, and sent.

Where rules read registries, an update also brings the list to what the policies want now, and the cache
remembers the digests that it is built with.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..base.errors import EciError
from ..base.reasons import Reason, Result
from ..base.timestamps import Moment
from ..model.change import CacheRequest, PushEvent
from ..model.image_cache import ImageCache
from ..planning.decision import Decision
from ..planning.update_memory import last_update, memory_of_update
from ..planning.update_memory_layout import UpdateMemory
from ..planning.update_request import Update, build_update, masked
from ..planning.wanted_list import Current, notes_of, parameters_of
from .applied import Applied
from .deferral import Deferral
from .follow_task import Chain
from .needed import asked_later, for_others, must_wait, not_needed, without_new
from .sending import Sender
from .update_limits import needs_extra
from .work import Work

if TYPE_CHECKING:
    from .registry_view import RegistryView


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
        work, at, task = self.work, self.work.now(), self.deferral.task
        dry_run = work.is_dry(*(decision.change for decision in wanted))
        later: list[Applied] = []
        repeats = chain is not None and chain.repeats > 0
        try:
            held = work.limits.held_back(cache, wanted, at, repeats=repeats)
            held = held or self._rolling(cache, wanted, at)
            held = held or work.limits.capped(at)
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
                for error, waiting in must_wait(wanted, current, paused, task, work.settings.rules):
                    later += apart.defer(cache, waiting, error, {}, started)
                    goes_on = [decision for decision in goes_on if decision not in waiting]
                if paused is not None:
                    current = without_new(cache, current)
                wanted = goes_on or ([for_others(cache, wanted[0])] if self._shared else [])
            not_made = not_needed(cache, wanted, current, at, task) if wanted else []
            if not_made or not wanted:
                return later + [Applied(decision, started=started) for decision in not_made]
            capped = work.limits.spend(at, dry_run=dry_run)
            if capped is not None and not dry_run:
                return later + self.deferral.defer(cache, wanted, capped, {}, started)
            held = held or capped
            if self._shared and current.unread and not dry_run:
                later += asked_later(replace(self.deferral, task=None), cache, wanted[0], current, started)
            wanted = [decision._replace(images_after=current.images) for decision in wanted]
            memory, request = self._composed(cache, wanted, current, at, repeats=repeats)
        except EciError as error:
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
