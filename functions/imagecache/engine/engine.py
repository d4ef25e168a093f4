"""The engine: items in, one record for each decision out. Every entry point uses this one.

Read the listings, plan each change, apply the decisions, store what is left, record.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ..base.errors import CredentialsError, EciError, PermanentError, TransientError
from ..base.reasons import Reason, Result
from ..model.change import CacheRequest, Change, Item, Notice, Probe, PushEvent
from ..model.image_cache import Listing
from ..planning.decision import Decision, deciding_rule
from ..planning.plan import plan
from .applied import Applied
from .apply import Applier
from .continuation import Continuation, told_of_left
from .deferral import Deferral
from .follow_task import Task
from .records import Recorder, describe
from .updating import Updater
from .work import Work

_LISTING_SECONDS = 0.5
"""What a listing needs to be worth a try; else the change is stored unplanned, and a follow task goes on."""


@dataclass(eq=False, repr=False)
class Engine:
    """Processes what one invocation was given.

    Attributes:
        work: what this invocation works with.
        recorder: gets the records.
    """

    work: Work
    recorder: Recorder

    def process(self, items: Iterable[Item]) -> None:
        """Record the notices; answer the probes; plan and apply the changes."""
        changes: list[Change] = []
        for item in items:
            if isinstance(item, Notice):
                self.recorder.notice(item)
            elif isinstance(item, Probe):
                from .probing import answer_probe  # noqa: PLC0415 - an operator alone sends one

                self.recorder.record(Result.IGNORED, Reason.PROBED, *answer_probe(self.work, item))
            else:
                changes.append(item)
        if changes:
            self._finish(changes, self._do(changes), None)

    def follow(self, task: Task | Probe) -> None:
        """Do what a follow task is for."""
        if isinstance(task, Probe):
            self.process([task])
            return
        self.recorder.task_id = task.task_id
        self._finish([task.change], self._go_on(task), task)

    def _finish(self, changes: Iterable[Change], done: Iterable[Applied], task: Task | None) -> None:
        """Record each decision as soon as it is applied; store together what was left."""
        left: list[Applied] = []
        try:
            for applied in done:
                if applied.left:
                    left.append(applied)
                else:
                    self._record(applied, task)
        except CredentialsError as error:
            missing = PermanentError(Reason.CREDENTIALS_MISSING, str(error))
            for change in changes:
                self._record(_failed(change, missing), task)
        for applied in Continuation(self.work, task).store(left):
            self._record(applied, task)

    def _record(self, applied: Applied, task: Task | None) -> None:
        decision = applied.decision
        duration = round((time.monotonic() - applied.started) * 1000, 1)
        facts = describe(decision) | {"duration_ms": duration} | dict(applied.facts)
        if self.work.settings.rules.rules:
            facts |= {"rule": deciding_rule(decision, self.work.settings.rules)}
        if task is not None:
            facts["attempt"] = task.chain.looks + 1
        if applied.error is not None:
            self.recorder.failure(applied.error, facts, deferred=applied.deferred)
        else:
            self.recorder.record(decision.result, decision.reason, decision.message, facts)

    def _do(self, changes: Sequence[Change], task: Task | None = None) -> Iterator[Applied]:
        """Plan every change before the first is applied: one update may serve several."""
        deferral = Deferral(self.work, task)
        applier = Applier(self.work, deferral, Updater(self.work, deferral))
        looked_through: list[Sequence[Listing]] = []
        planned = [each for change in changes for each in self._plan(change, task, looked_through)]
        if self.work.view is not None:
            from .registry_hint import take_hints  # noqa: PLC0415 - most rules ask no registry

            planned = take_hints(planned, self.work.view)
        if self.work.is_dry(*changes):
            from .near import tell_near_misses  # noqa: PLC0415 - only dry runs need it

            near = zip(changes, looked_through, strict=True)
            tell_near_misses(self.recorder, near, planned, self.work.settings.rules)
        if self.work.rollout is not None:
            self.work.rollout.decide_all([each.decision for each in planned], self.work.now())
        yield from applier.apply(planned)
        for cache in self.work.listings.unreadable():
            message = f"its description could not be read, so nothing is done for it: {cache.unreadable}"
            yield Applied(Decision(changes[0], cache, Result.IGNORED, Reason.CACHE_UNREADABLE, message))

    def _go_on(self, task: Task) -> Iterator[Applied]:
        from .follow import Follow  # noqa: PLC0415 - follow tasks alone need it

        early = Follow(self.work, task).early()
        if early is not None:
            yield early
        elif task.image_cache_id:
            yield from Follow(self.work, task).look()
        else:
            yield from self._do([task.change], task)

    def _plan(
        self, change: Change, task: Task | None, looked_through: list[Sequence[Listing]]
    ) -> list[Applied]:
        """Decide a change over its regions; one that cannot be listed is a failure of its own.

        The listings are added to those that were looked through.
        """
        settings, view = self.work.settings, self.work.view
        listings: list[Listing] = []
        unseen: list[Applied] = []
        for region_id in [task.region_id] if task and task.region_id else self._regions(change):
            try:
                if self.work.deadline.remaining() < _LISTING_SECONDS:
                    raise TransientError(Reason.OUT_OF_TIME, "no time was left to list the region", calls=0)
                listings.append(self._listing(region_id, change, task))
            except EciError as error:
                unseen.append(Continuation(self.work, task).unseen(_failed(change, error, region_id)))
        looked_through.append(listings)
        decisions = plan(listings, change, self.work.now(), settings.rules)
        if isinstance(change, CacheRequest) and change.reads_registries and view is not None:
            from .registry_sweep import sweep_registries  # noqa: PLC0415 - most rules ask no registry

            planned = sweep_registries(listings, change, decisions, view, self.work.now())
        else:
            planned = [Applied(decision) for decision in decisions]
        if not unseen:
            return told_of_left(task, listings, planned) if task and task.caches else planned
        # "No cache" is only known when every region was seen.
        found = [each for each in planned if each.decision.caches_seen is None]
        if not isinstance(change, CacheRequest) or not change.single:
            return [*unseen, *found]
        # An id that was found is the one. A name may exist in an unseen region too, so nothing is done.
        for each in found:
            if change.selector.ids or each.decision.reason is Reason.AMBIGUOUS_NAME:
                return found
        return unseen

    def _regions(self, change: Change) -> Sequence[str]:
        if change.region_id:
            return (change.region_id,)
        if isinstance(change, CacheRequest) and change.selector.regions:
            return change.selector.regions
        return self.work.settings.regions

    def _listing(self, region_id: str, change: Change, task: Task | None) -> Listing:
        if isinstance(change, CacheRequest) and change.single and change.selector.ids:
            found = [self.work.eci.describe_image_cache(region_id, each) for each in change.selector.ids]
            return Listing(region_id, tuple(cache for cache in found if cache), self.work.arrived)
        since = change.pushed_at if isinstance(change, PushEvent) else None
        if self.work.is_dry(change):
            # What is listed here is all that the plan is made of: no cache is read again.
            since = None
        listing = self.work.listings.current(region_id, since)
        if task is None or not task.caches:
            return listing
        left = frozenset(task.caches)
        return replace(listing, caches=tuple(each for each in listing.caches if each.image_cache_id in left))


def _failed(change: Change, error: EciError, region_id: str | None = None) -> Applied:
    """A change that could not be planned."""
    decision = Decision(change, None, Result.FAILED, error.reason, error.message)
    return Applied(decision, error, facts={"region_id": region_id} if region_id else {})
