"""A follow task: its id, and what is known when it runs.

Three jobs. *again*: a cache could not be updated; an update is made once it can be. *watch*: an update was
accepted; it is followed until it ended. *change*: a change that could not be planned, or whose caches were
not all reached, goes on. Must not know how a task is stored.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, NamedTuple

from ..model.change import Change
from .slot import Slot

_SHARED_LOOKS = 4
_ALONE = "push-"
_ALONE_NEXT = f"{_ALONE}next-"
_ID = "imc-"
_CATCH_UP = "catch-up-"
_ALONE_CATCH_UP = f"{_ALONE}{_CATCH_UP}"
_EACH = "each-"
_PLACE = "place-"
_EARLIER = "before "
_FAILING = f"{_EARLIER}failing "


class Job(str, Enum):
    """What a task is for."""

    AGAIN = "again"
    WATCH = "watch"
    CHANGE = "change"


class Chain(NamedTuple):
    """How far the chain has come that a task belongs to.

    Attributes:
        since: when it began, with a zone.
        held: how long of that it had good reason to wait.
        repeats: how many updates in a row were made again after they had failed.
        looks: how many tasks of it ran.
        changes: how many changes are known to be in it, at the least.
    """

    since: datetime
    held: timedelta = timedelta(0)
    repeats: int = 0
    looks: int = 0
    changes: int = 1


class Task(NamedTuple):
    """One stored look.

    Attributes:
        job: what it is for.
        change: that stored it.
        due: it acts at or after this time.
        chain: how far its chain has come.
        region_id: of the cache; empty for a change of several regions.
        image_cache_id: the cache; empty for a change.
        update_began: of a watch, when the update began.
        slot: the list that a change sets, which no other change shares.
        caches: of a change, the ids that are left; empty for all.
        hop: how often it was stored again before its time, or with what it has still to see.
        key: what makes the id of a task of a cache instead of job, due time and list: the first is stored. Of
            a push that waits alone it is a part of the id.
        undoes: whether the update that a watch follows puts the list before back.
        ready_before: of a watch that was stored before its update, when the cache had become Ready by then.
    """

    job: Job
    change: Change
    due: datetime
    chain: Chain
    region_id: str = ""
    image_cache_id: str = ""
    update_began: datetime | None = None
    slot: Slot | None = None
    caches: tuple[str, ...] = ()
    hop: int = 0
    key: str = ""
    undoes: bool = False
    ready_before: datetime | None = None

    @property
    def alone(self) -> bool:
        """Whether its push waits apart from what else waits for the cache, see ``wait_alone``."""
        return self.job is Job.AGAIN and self.key.startswith(_ALONE)

    @property
    def for_place(self) -> bool:
        """Whether it waits for its list's place, see ``wait_for_place``."""
        return self.key.startswith(_PLACE)

    @property
    def shared(self) -> bool:
        """Whether other changes may have been merged into it."""
        return self.job is Job.AGAIN and bool(self.image_cache_id) and self.slot is None and not self.alone

    @property
    def single(self) -> bool:
        """Whether its runs store one task, the watch of its update or its next look, see ``keys_of_runs``.

        The first looks share their tasks with all that waits for the cache, which costs less.
        """
        return (self.shared or self.alone) and self.chain.looks >= _SHARED_LOOKS

    @property
    def successor_key(self) -> str:
        """The key of the watch that each run stores ahead; of a ``single`` one also that of its next look.

        Where its own id does not hold its due time, others that are due at other times have it as well, and
        their successors have run when this one's is stored. That of a push that waits alone does so, too.
        """
        key = f"{self._replace(hop=0).task_id} {self.due.isoformat()}"
        # Runs of one that has no single successor see to its update themselves, whatever its watch sees.
        kind = _CATCH_UP if self.catches_up else "" if self.single or self.alone else _EACH
        return _hashed(key, kind=f"{_ALONE_NEXT}{kind}") if self.alone else f"{kind}{key}"

    @property
    def catch_up_key(self) -> str:
        """The key of the look that makes the update of this one where none of its runs did: one for all.

        Of the watch that such a run stored, under ``successor_key``, it is the same.
        """
        key = self.key if self.job is Job.WATCH else self.successor_key
        alone = key.startswith(_ALONE_NEXT)
        return key.replace(_ALONE_NEXT, _ALONE_CATCH_UP, 1) if alone else f"{_CATCH_UP}{key}"

    @property
    def keys_of_runs(self) -> set[str]:
        """The keys of what its runs store once for all of them."""
        kept = {self.key} if self.in_place_of_look else set()
        return {self.successor_key, self.catch_up_key} | kept

    def in_place_again(self, running: Task) -> Task:
        """The same watch, which has still to see whether the update was made, as the one that runs."""
        return self._replace(key=running.key, hop=running.hop + 1)

    @property
    def in_place_of_look(self) -> bool:
        """Whether it is a watch that a ``single`` task left its update to, if that was not made; but once."""
        kept = self.key.startswith((_ID, _ALONE_NEXT)) and not self.catches_up
        return self.job is Job.WATCH and kept and self.chain.looks > _SHARED_LOOKS

    @property
    def catches_up(self) -> bool:
        """Whether it is such a look, see ``catch_up_key``, or its watch."""
        return self.key.startswith((_CATCH_UP, _ALONE_CATCH_UP, f"{_ALONE_NEXT}{_CATCH_UP}"))

    @property
    def apart(self) -> bool:
        """Whether another watch, which has another list before or none, must not stand for this one."""
        return self.job is Job.WATCH and (self.undoes or (self.slot is not None and self.slot.restorable))

    @property
    def earlier(self) -> bool:
        """Whether the look before saw a later update run, see ``of_earlier``: its failure may hide it."""
        return self.job is Job.WATCH and self.key.startswith(_EARLIER)

    @property
    def task_id(self) -> str:
        """Letters, digits, ``_`` and ``-``, beginning with a letter, at most 128 (Function Compute's rule).

        It is made of region, cache, job and due time, and of the list that is set if there is one.
        """
        when, job = self.key or self.due.isoformat(), self.job.value
        if self.alone and not self.key.startswith((_ALONE_NEXT, _ALONE_CATCH_UP)):
            when += self.due.isoformat()
        elif self.key and self.image_cache_id and not self.for_place:
            job = Job.WATCH.value
        facts: list[Any] = [self.region_id, self.image_cache_id, job, when, self.hop]
        if self.job is Job.CHANGE:
            facts += [self.change.change_id, list(self.caches)]
        elif self.job is Job.AGAIN and self.slot is not None and not self.key:
            facts += [list(self.slot.after), self.change.change_id]
        digest = hashlib.sha256(json.dumps(facts).encode("ascii")).hexdigest()[:40]
        return f"{_ID}{job}-{digest}"

    def wait_alone(self, *facts: str) -> Task:
        """The same task for one push, and those with the same facts.

        Args:
            facts: what tells it from others that wait for the cache.
        """
        return self._replace(key=_hashed(json.dumps(facts), kind=_ALONE))

    def wait_for_place(self, place: tuple[str, ...], before: datetime, look: datetime) -> Task:
        """The same task, one with all that wait for a place and ran together: the first is stored.

        Args:
            place: what only the tag that was pushed last gets.
            before: when they looked, which is their due time without the order of their pushes.
            look: when they look again, likewise.
        """
        facts = json.dumps([place, before.isoformat(), look.isoformat()])
        return self._replace(key=_hashed(facts, kind=_PLACE))

    @property
    def earlier_failed(self) -> bool:
        """Whether that later update began from a failed cache, so that this one's failed."""
        return self.earlier and self.key.startswith(_FAILING)

    def of_its_own(self) -> Task:
        """The same watch, and no other update's: watches with one due time are one. But see ``apart``."""
        began = self.update_began or self.due
        own = " apart" if self.apart else ""
        return self._replace(key=f"{began.isoformat()} {self.due.isoformat()}{own}")

    def of_earlier(self, began: datetime, *, failed: bool) -> Task:
        """The same watch, one with those of all updates before the one that began then; but see ``apart``.

        Args:
            began: when that one began.
            failed: whether it began from a failed cache.
        """
        kind = _FAILING if failed else _EARLIER
        own = f"{self.update_began or self.due} " if self.apart else ""
        return self._replace(key=f"{kind}{began.isoformat()} {own}{self.due.isoformat()}")

    def next(self, job: Job, due: datetime, now: datetime, *, held: bool) -> Task:
        """The task of the next look.

        Args:
            job: what it is for.
            due: when.
            now: the time.
            held: whether there is good reason to wait, so that the chain's time stands still.
        """
        chain = self.chain._replace(looks=self.chain.looks + 1)
        if held:
            chain = chain._replace(held=chain.held + max(timedelta(0), due - now))
        # One that had the key of its runs has an id of its own again, or it would be that of the running one.
        key = _ALONE + self.key.rsplit("-", 1)[1] if self.alone else ""
        task = self._replace(job=job, due=due, chain=chain, hop=0, key=key)
        # Where the cache does not say yet that another update began, that one's watch is another one.
        return task.of_its_own() if job is Job.WATCH else task


def _hashed(text: str, *, kind: str) -> str:
    """The key of a kind of waiting."""
    return kind + hashlib.sha256(text.encode("ascii")).hexdigest()[:32]
