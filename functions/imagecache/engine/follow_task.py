"""Following a change through: what a follow message says, when it is due, and how it is stored.

A change that is not done (busy, transient, capacity) and a change whose update runs are the same thing here:
something to look at again later. What is done then follows from the cache's state.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ..base.errors import InputError
from ..base.json_schema import validate
from ..base.reasons import Reason
from ..clients.clients import Clients
from ..config.settings import FollowSettings
from ..model.change import CacheRequest, Change, PushEvent
from ..model.selector import CacheSelector, read_selector

VERSION = 1
LONGEST_DELAY_SECONDS = 3600
"""The longest delay of an asynchronous invocation (documentation of Function Compute)."""

DUPLICATE_WINDOW_SECONDS = 300
"""Deliveries of one change in one such window share their follow tasks."""


@dataclass(frozen=True)
class Origin:
    """Where a change stands when an invocation begins.

    Attributes:
        began: when it first arrived, with a zone.
        attempt: 0 at the entry point that it came through, then counted up by each follow task.
        rebuilds: how often its update was made again after it had failed.
        images_seen: the list that the change found first, where it sets a new one.
    """

    began: datetime
    attempt: int = 0
    rebuilds: int = 0
    images_seen: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Progress:
    """How far a change has come.

    Attributes:
        change: the change.
        origin: where it stood.
        region_id: where its cache is, empty while it is not planned.
        image_cache_id: its cache, empty while it is not planned.
        update_began: when the update began that is waited for; None where there is none yet.
    """

    change: Change
    origin: Origin
    region_id: str = ""
    image_cache_id: str = ""
    update_began: datetime | None = None


@dataclass(frozen=True)
class Follower:
    """Stores the next look at a change.

    Attributes:
        settings: delays and limits.
        now: the time of this invocation, with a zone.
        clients: have the store.
    """

    settings: FollowSettings
    now: datetime
    clients: Clients

    @property
    def enabled(self) -> bool:
        """Whether there is a follow function to hand off to."""
        return bool(self.settings.function)

    def expired(self, progress: Progress) -> bool:
        """Whether the change is to be given up."""
        return self.now - progress.origin.began >= timedelta(seconds=self.settings.give_up_seconds)

    def store(self, progress: Progress, *, capacity: bool = False, delay_seconds: float | None = None) -> str:
        """Store the next look.

        Args:
            progress: where the change is now; the stored message has the next attempt.
            capacity: wait the longest delay at once: stock and quota do not come back in seconds.
            delay_seconds: the delay, bounded by what the platform takes; the usual one if None.

        Returns:
            The task's id, the same for the same change, cache, attempt and update.

        Raises:
            HandOffError: when Function Compute did not confirm that it stored the task.
        """
        attempt = progress.origin.attempt
        document = message_document(progress, attempt=attempt + 1)
        payload = json.dumps(document, ensure_ascii=True, separators=(",", ":")).encode("ascii")
        task_id = _task_id(document, progress)
        delay = self.settings.max_seconds if capacity else self._delay(attempt)
        if delay_seconds is not None:
            delay = min(max(1, math.ceil(delay_seconds)), LONGEST_DELAY_SECONDS)
        self.clients.task_store.store(payload, task_id=task_id, delay_seconds=delay)
        return task_id

    def _delay(self, attempt: int) -> int:
        doubled: int = self.settings.base_seconds * 2 ** min(attempt, 16)
        return min(doubled, self.settings.max_seconds)


def message_document(progress: Progress, *, attempt: int) -> dict[str, Any]:
    """The follow message of a change (schema ``follow-message``)."""
    origin = progress.origin
    return _known(
        version=VERSION,
        attempt=attempt,
        began=origin.began.isoformat(),
        change=_change_document(progress.change),
        imageCacheId=progress.image_cache_id or None,
        regionId=progress.region_id or None,
        updateBegan=progress.update_began and progress.update_began.isoformat(),
        rebuilds=origin.rebuilds or None,
        imagesSeen=None if origin.images_seen is None else list(origin.images_seen),
    )


def read_message(document: Any) -> Progress:
    """Read a follow message.

    Raises:
        InputError: when it breaks its schema, or a time in it does not exist.
    """
    validate(document, "follow-message")
    images_seen = document.get("imagesSeen")
    return Progress(
        change=_read_change(document["change"]),
        origin=Origin(
            _moment(document["began"], "/began"),
            int(document["attempt"]),
            int(document.get("rebuilds", 0)),
            None if images_seen is None else tuple(images_seen),
        ),
        region_id=document.get("regionId", ""),
        image_cache_id=document.get("imageCacheId", ""),
        update_began=_moment(document["updateBegan"], "/updateBegan") if "updateBegan" in document else None,
    )


def _moment(text: str, where: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        rule = "a time that exists"
        raise InputError(
            Reason.SCHEMA_VIOLATION, f"at {where}: {text} is not a time", where=where, rule=rule, found=text
        ) from None


def _task_id(document: Mapping[str, Any], progress: Progress) -> str:
    """Letters, digits, ``_`` and ``-``, beginning with a letter, at most 128 (Function Compute's rule).

    The same for the deliveries of one change that come within minutes of each other. The platform refuses an
    id for ever; a change that is delivered again long after it was given up has to get a new one.
    """
    window = int(progress.origin.began.timestamp()) // DUPLICATE_WINDOW_SECONDS
    facts = [progress.change.change_id, window]
    facts += [document.get(key, "") for key in ("regionId", "imageCacheId", "updateBegan")]
    digest = hashlib.sha256(json.dumps(facts).encode("ascii")).hexdigest()[:40]
    return f"imc-{digest}-{document['attempt']}"


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
        )
    return common | _known(
        kind="request",
        reason=change.reason.value,
        selector=_selector_document(change.selector),
        force=change.force,
        single=change.single,
        images=None if change.images is None else list(change.images),
        statuses=None if change.statuses is None else sorted(change.statuses),
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
            pushed_at=_moment(document["pushedAt"], "/change/pushedAt") if "pushedAt" in document else None,
            region_id=document.get("regionId"),
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
