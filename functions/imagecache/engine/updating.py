"""One update of one cache: limited, composed, and sent.

Where rules read registries, an update also brings the list to what the policies want now, and the cache
remembers the digests that it is built with.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ..base.errors import EciError, TransientError
from ..base.reasons import Reason, Result
from ..base.timestamps import Moment
from ..model.change import PushEvent
from ..model.image_cache import ImageCache
from ..planning.entry_memory_of_update import notes_of
from ..planning.plan import Decision
from ..planning.update_memory import memory_of_update
from ..planning.update_memory_layout import UpdateMemory
from ..planning.update_request import Update, build_update, masked
from ..planning.wanted_list import Current, parameters_of, wanted_now, what_is_newer
from .applied import Applied
from .deferral import Deferral
from .follow_task import Chain
from .sending import Sender, Sending
from .update_limits import needs_extra
from .work import Work

_NOTHING_NEWER = "registries have nothing newer than what the cache was built with"


@dataclass(frozen=True, eq=False, repr=False)
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
        dry_run = work.is_dry(wanted)
        later: list[Applied] = []
        try:
            held = work.limits.held_back(cache, wanted, at) or work.limits.spend(at, dry_run=dry_run)
            if held is not None and not dry_run:
                return self.deferral.defer(cache, wanted, held, {}, started)
            with self._reading:
                current = wanted_now(cache, wanted, work.view)
            undecided = [] if dry_run else self._undecided(wanted, current)
            if undecided:
                unread = TransientError(Reason.REGISTRY_UNREADABLE, "; ".join(current.problems), calls=0)
                later = self.deferral.defer(cache, undecided, unread, {}, started)
                wanted = [decision for decision in wanted if decision not in undecided]
            not_made = self._not_needed(cache, wanted, current, started) if wanted else []
            if not_made or not wanted:
                return later + not_made
            wanted = [replace(decision, images_after=current.images) for decision in wanted]
            memory, request = self._composed(cache, wanted, current, at)
        except EciError as error:
            return later + self.deferral.defer(cache, wanted, error, {}, started)
        facts = {"client_token": request["ClientToken"], "registry_error": "; ".join(current.problems)}
        if dry_run:
            but = f"; not now: {held.message}" if held else ""
            facts |= {"update_calls": 0, "request": masked(request)}
            planned = [replace(each, result=Result.PLANNED, message=each.message + but) for each in wanted]
            return [Applied(decision, facts=facts, started=started) for decision in planned]
        watch = self.deferral.watch(cache, wanted, memory, chain)
        sender = Sender(work, self.deferral)
        return later + sender.send(cache, wanted, Sending(request, facts, watch, started))

    def _due(self) -> str:
        """When the task of a cache that runs was due; empty elsewhere."""
        task = self.deferral.task
        return task.due.isoformat() if task and task.image_cache_id else ""

    def _not_needed(
        self, cache: ImageCache, wanted: Sequence[Decision], current: Current, started: float
    ) -> list[Applied]:
        """Decisions that need no update, now that registries have answered; empty if one is needed.

        A task that waited updates in any case: other changes may have been merged into it.

        Raises:
            TransientError: where registries are the only reason, and did not answer.
        """
        due = self._due()
        if all(decision.reason is Reason.REGISTRY_NEWER for decision in wanted):
            newer = what_is_newer(cache, current, self.work.now())
            if current.unread and not newer:
                raise TransientError(Reason.REGISTRY_UNREADABLE, "; ".join(current.problems), calls=0)
            if not due and not newer:
                return _not_made(wanted, Result.UNCHANGED, Reason.COVERED, _NOTHING_NEWER, started)
        if current.refused and not due and _changes_nothing(cache, wanted, current):
            refused = "; ".join(current.refused)
            return _not_made(wanted, Result.IGNORED, Reason.NOT_AN_IMAGE, refused, started)
        return []

    def _composed(
        self, cache: ImageCache, wanted: Sequence[Decision], current: Current, at: Moment
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
            undone=self._taken_back(wanted),
        )
        update = Update(
            current.images,
            tuple(decision.change.change_id for decision in wanted),
            memory,
            self._due(),
            notes_of(wanted, current.digests, at, rules),
        )
        return memory, build_update(cache, update, parameters_of(cache, current.images, rules))

    def _undecided(self, wanted: Sequence[Decision], current: Current) -> list[Decision]:
        """The promotions of tags that could not be read."""
        identity = self.work.settings.rules.identity
        return [
            decision
            for decision in wanted
            if isinstance(push := decision.change, PushEvent)
            and (identity(push.registry), push.repository, push.tag) in current.undecided
        ]

    def _taken_back(self, wanted: Sequence[Decision]) -> list[tuple[str, datetime]]:
        """Short ids of the tags that an update takes back, and when they were tried last."""
        task = self.deferral.task
        if task is None or task.slot is None or wanted[-1].reason is not Reason.PROMOTION_UNDONE:
            return []
        tried = task.update_began or task.due
        from ..planning.taking_back import id_of, new_entries  # noqa: PLC0415 - few updates take anything back

        new = new_entries(task.slot.before, task.slot.after, self.work.settings.rules)
        return [(id_of(entry), tried) for entry in new]


def _changes_nothing(cache: ImageCache, wanted: Sequence[Decision], current: Current) -> bool:
    """Whether the cache's list stays as it is, and nobody asked to have that rebuilt."""
    new = {Reason.TAG_PROMOTED, Reason.REGISTRY_NEWER}
    return current.images == cache.images and all(decision.reason in new for decision in wanted)


def _not_made(
    wanted: Sequence[Decision], result: Result, reason: Reason, message: str, started: float
) -> list[Applied]:
    """Decisions that need no update after all."""
    ended = [replace(each, result=result, reason=reason, message=message, images_after=()) for each in wanted]
    return [Applied(decision, started=started) for decision in ended]
