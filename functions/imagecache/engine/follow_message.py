"""The message of a follow task, in JSON: this version is written, and the one before is read as well.

Its form is ``schemas/follow-message.schema.json``. Must not know how a task is stored, or what it leads to.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from ..base.errors import InputError
from ..base.json_schema import validate
from ..base.reasons import Reason
from ..model.change import CacheRequest, Change, PushEvent
from ..model.selector import CacheSelector, read_selector
from .follow_task import Chain, Job, Task
from .slot import Slot

VERSION = 2


def message_document(task: Task) -> dict[str, Any]:
    """The follow message (schema ``follow-message``)."""
    chain = task.chain
    return _known(
        version=VERSION,
        job=task.job.value,
        due=task.due.isoformat(),
        since=chain.since.isoformat(),
        heldSeconds=int(chain.held.total_seconds()),
        repeats=chain.repeats,
        looks=chain.looks,
        changes=chain.changes,
        hop=task.hop,
        change=_change_document(task.change),
        regionId=task.region_id or None,
        imageCacheId=task.image_cache_id or None,
        updateBegan=task.update_began and task.update_began.isoformat(),
        readyBefore=task.ready_before and task.ready_before.isoformat(),
        before=task.slot and list(task.slot.before),
        after=task.slot and list(task.slot.after),
        restorable=(task.slot is not None and task.slot.restorable) or None,
        undoes=task.undoes or None,
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
        slot=Slot(tuple(document["before"]), tuple(after), document.get("restorable", False))
        if after
        else None,
        caches=tuple(document.get("caches", ())),
        hop=int(document["hop"]),
        key=document.get("key", ""),
        undoes=document.get("undoes", False),
        ready_before=_moment(document, "readyBefore"),
    )


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
            pushedAt=change.pushed_at and change.pushed_at.isoformat(),
            dated=change.dated or None,
            stated=change.stated or None,
            force=change.force or None,
        )
    return common | _known(
        kind="request",
        reason=change.reason.value,
        selector=_selector_document(change.selector),
        force=change.force,
        single=change.single,
        images=None if change.images is None else list(change.images),
        ifImages=None if change.if_images is None else list(change.if_images),
        statuses=None if change.statuses is None else sorted(change.statuses),
        askedAt=change.asked_at and change.asked_at.isoformat(),
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
            stated=document.get("stated", ""),
            force=document.get("force", False),
        )
    selector = document["selector"]
    return CacheRequest(
        source=document["source"],
        event_id=document["eventId"],
        reason=Reason(document["reason"]),
        selector=read_selector(selector)._replace(exact_name=selector.get("exactName")),
        images=tuple(document["images"]) if "images" in document else None,
        if_images=tuple(document["ifImages"]) if "ifImages" in document else None,
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
