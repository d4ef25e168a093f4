"""A follow task: what its message says, its id, and what is known when it runs.

Three jobs. *again*: a cache could not be updated; an update is made once it can be. *watch*: an update was
accepted; it is followed until it ended. *change*: a change that could not be planned, or whose caches were
not all reached, goes on. Must not know how a task is stored.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from ..base.errors import InputError
from ..base.json_schema import validate
from ..base.reasons import Reason
from ..model.change import CacheRequest, Change, PushEvent
from ..model.selector import CacheSelector, read_selector

VERSION = 2


class Job(str, Enum):
    """What a task is for."""

    AGAIN = "again"
    WATCH = "watch"
    CHANGE = "change"


@dataclass(frozen=True)
class Chain:
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


@dataclass(frozen=True)
class Slot:
    """A list that waits to be set, or was set and is followed.

    Attributes:
        before: the list that the change found.
        after: the list that it leads to.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True)
class Task:
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
        hop: how often it was stored again before its time.
        key: what makes the id instead of the due time, where one is to be stored once whenever that is.
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

    @property
    def task_id(self) -> str:
        """Letters, digits, ``_`` and ``-``, beginning with a letter, at most 128 (Function Compute's rule).

        It is made of region, cache, job and due time, and of the list that is set if there is one.
        """
        when = self.key or _text(self.due)
        facts: list[Any] = [self.region_id, self.image_cache_id, self.job.value, when, self.hop]
        if self.job is Job.CHANGE:
            facts += [self.change.change_id, list(self.caches)]
        elif self.job is Job.AGAIN and self.slot is not None:
            facts += [list(self.slot.after), self.change.change_id]
        digest = hashlib.sha256(json.dumps(facts).encode("ascii")).hexdigest()[:40]
        return f"imc-{self.job.value}-{digest}"

    def next(self, job: Job, due: datetime, now: datetime, *, held: bool) -> Task:
        """The task of the next look.

        Args:
            job: what it is for.
            due: when.
            now: the time.
            held: whether there is good reason to wait, so that the chain's time stands still.
        """
        chain = replace(self.chain, looks=self.chain.looks + 1)
        if held:
            chain = replace(chain, held=chain.held + max(timedelta(0), due - now))
        return replace(self, job=job, due=due, chain=chain, hop=0, key="")


def message_document(task: Task) -> dict[str, Any]:
    """The follow message (schema ``follow-message``)."""
    chain = task.chain
    return _known(
        version=VERSION,
        job=task.job.value,
        due=_text(task.due),
        since=_text(chain.since),
        heldSeconds=int(chain.held.total_seconds()),
        repeats=chain.repeats,
        looks=chain.looks,
        changes=chain.changes,
        hop=task.hop,
        change=_change_document(task.change),
        regionId=task.region_id or None,
        imageCacheId=task.image_cache_id or None,
        updateBegan=task.update_began and _text(task.update_began),
        before=task.slot and list(task.slot.before),
        after=task.slot and list(task.slot.after),
        caches=list(task.caches) or None,
        key=task.key or None,
    )


def read_message(document: Any) -> Task:
    """Read a follow message, of this version or the one before.

    Raises:
        InputError: when it breaks its schema, or a time in it does not exist.
    """
    validate(document, "follow-message")
    began = _moment(document, "updateBegan")
    change = _read_change(document["change"])
    place = (document.get("regionId", ""), document.get("imageCacheId", ""))
    if document["version"] == 1:
        since = _required(document, "began")
        job = Job.CHANGE if not place[1] else Job.WATCH if began else Job.AGAIN
        chain = Chain(since, repeats=int(document.get("rebuilds", 0)), looks=int(document["attempt"]))
        seen = document.get("imagesSeen")
        wanted = change.images if isinstance(change, CacheRequest) else None
        slot = Slot(tuple(seen), wanted) if seen is not None and wanted else None
        return Task(job, change, since, chain, *place, update_began=began, slot=slot)
    chain = Chain(
        _required(document, "since"),
        timedelta(seconds=document["heldSeconds"]),
        int(document["repeats"]),
        int(document["looks"]),
        int(document["changes"]),
    )
    after = document.get("after")
    return Task(
        Job(document["job"]),
        change,
        _required(document, "due"),
        chain,
        *place,
        update_began=began,
        slot=Slot(tuple(document["before"]), tuple(after)) if after else None,
        caches=tuple(document.get("caches", ())),
        hop=int(document["hop"]),
        key=document.get("key", ""),
    )


def _text(moment: datetime) -> str:
    return moment.isoformat()


def _required(document: Mapping[str, Any], key: str, inside: str = "") -> datetime:
    text = document[key]
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        where, rule = f"{inside}/{key}", "a time that exists"
        message = f"at {where}: {text} is not a time"
        raise InputError(Reason.SCHEMA_VIOLATION, message, where=where, rule=rule, found=text) from None


def _moment(document: Mapping[str, Any], key: str, inside: str = "") -> datetime | None:
    return _required(document, key, inside) if key in document else None


def _change_document(change: Change) -> dict[str, Any]:
    common = _known(source=change.source, eventId=change.event_id, regionId=change.region_id or None)
    if isinstance(change, PushEvent):
        return common | _known(
            kind="push",
            registry=change.registry,
            repository=change.repository,
            tag=change.tag,
            digest=change.digest,
            pushedAt=change.pushed_at and _text(change.pushed_at),
            dated=change.dated or None,
        )
    return common | _known(
        kind="request",
        reason=change.reason.value,
        selector=_selector_document(change.selector),
        force=change.force,
        single=change.single,
        images=None if change.images is None else list(change.images),
        statuses=None if change.statuses is None else sorted(change.statuses),
        askedAt=change.asked_at and _text(change.asked_at),
        readsRegistries=change.reads_registries or None,
    )


def _read_change(document: Mapping[str, Any]) -> Change:
    if document["kind"] == "push":
        return PushEvent(
            source=document["source"],
            event_id=document["eventId"],
            registry=document["registry"],
            repository=document["repository"],
            tag=document["tag"],
            digest=document.get("digest"),
            pushed_at=_moment(document, "pushedAt", "/change"),
            region_id=document.get("regionId"),
            dated=document.get("dated", False),
        )
    selector = document["selector"]
    return CacheRequest(
        source=document["source"],
        event_id=document["eventId"],
        reason=Reason(document["reason"]),
        selector=replace(read_selector(selector), exact_name=selector.get("exactName")),
        images=tuple(document["images"]) if "images" in document else None,
        statuses=frozenset(document["statuses"]) if "statuses" in document else None,
        region_id=document.get("regionId"),
        force=document["force"],
        single=document["single"],
        asked_at=_moment(document, "askedAt", "/change"),
        reads_registries=document.get("readsRegistries", False),
    )


def _selector_document(selector: CacheSelector) -> dict[str, Any]:
    return _known(
        ids=list(selector.ids),
        names=list(selector.names),
        tags=[_known(key=key, value=value) for key, value in selector.tags],
        regions=list(selector.regions),
        exactName=selector.exact_name,
    )


def _known(**facts: Any) -> dict[str, Any]:
    return {key: value for key, value in facts.items() if value is not None}
