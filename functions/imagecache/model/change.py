"""What an entry point asks the engine for: changes to apply and notices to record.

A change is a reason to look at some caches; what is done follows from the caches' state. A notice is an event
or request that leads to no change, with its reason.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from ..base.errors import InputError
from ..base.json_input import fingerprint
from ..base.reasons import Reason, Result
from .selector import CacheSelector

MANUAL = "manual"
"""The source of what a person asks for."""


@lru_cache(maxsize=256)
def _change_id(*facts: str | None) -> str:
    return fingerprint([*facts])


class PushEvent(NamedTuple):
    """An image was pushed.

    Attributes:
        source: the payload format that reported it.
        event_id: the source's id of the event, or a fingerprint of its content.
        registry: the registry's identity, see ``registry_identity``.
        digest: the manifest's digest, if known.
        pushed_at: the latest possible moment of the push, with a zone; None if not known.
        region_id: the only region to look in; None for all configured ones.
        dry_run: only plan.
        force: a person wants it in a cache that is held, and without an approval too.
        dated: whether the source stated ``pushed_at`` with its zone.
        stated: the time as the source wrote it; empty if it wrote none that can be read.
        payload_host: another host than the registry's that the payload names, for the record alone.
    """

    source: str
    event_id: str
    registry: str
    repository: str
    tag: str
    digest: str | None = None
    pushed_at: datetime | None = None
    region_id: str | None = None
    dry_run: bool = False
    force: bool = False
    dated: bool = False
    stated: str = ""
    payload_host: str = ""

    @property
    def by_person(self) -> bool:
        """Whether a person asked."""
        return self.source == MANUAL

    @property
    def image(self) -> str:
        """The pushed reference under the registry's public name."""
        return f"{self.registry}/{self.repository}:{self.tag}"

    @property
    def change_id(self) -> str:
        """The same for all deliveries of one event; different for two pushes.

        A sender may use an id again, so the time is a part of it, as it was written: how that is read
        depends on when a delivery arrived.
        """
        return _change_id(self.source, self.event_id, self.image, self.digest, self.stated)


class CacheRequest(NamedTuple):
    """Someone or a timer asks for caches to be rebuilt.

    Attributes:
        source: ``manual`` or ``timer``.
        event_id: the request's or the timer tick's id.
        reason: the reason code of the records.
        images: the image list to give them, or None to rebuild the list that they have.
        if_images: the list that the cache must have for that, or the new one already; None for any.
        statuses: only caches in one of these, or None for any.
        quiet_since: skip a cache whose last update began after this: its follow task handles it.
        region_id: the only region to look in; None for all configured ones.
        force: rebuild even if the wanted list is the present one, or the cache is held.
        dry_run: only plan.
        single: the request means exactly one cache, which must exist.
        reads_registries: also rebuild what registries have newer images for, where rules ask them.
        why: what the record says of it, where the reason code does not say all.
        asked_at: when a person asked, with a zone.
    """

    source: str
    event_id: str
    reason: Reason
    selector: CacheSelector
    images: tuple[str, ...] | None = None
    if_images: tuple[str, ...] | None = None
    statuses: frozenset[str] | None = None
    quiet_since: datetime | None = None
    region_id: str | None = None
    force: bool = False
    dry_run: bool = False
    single: bool = False
    reads_registries: bool = False
    why: str = ""
    asked_at: datetime | None = None

    @property
    def by_person(self) -> bool:
        """Whether a person asked."""
        return self.source == MANUAL

    @property
    def change_id(self) -> str:
        """The same for all deliveries of one request."""
        return _change_id(self.source, self.event_id, self.reason.value)


class Notice(NamedTuple):
    """An event or a request that asks for nothing, or is refused, with the reason.

    Attributes:
        queued: it may be a push in a form that nobody has seen, so the on-failure queue is to have it.
    """

    result: Result
    reason: Reason
    message: str
    source: str = ""
    event_id: str = ""
    image: str = ""
    where: str = ""
    rule: str = ""
    found: str = ""
    queued: bool = False

    @classmethod
    def refusal(
        cls,
        error: InputError,
        *,
        source: str = "",
        event_id: str = "",
        inside: str = "",
        queued: bool = False,
    ) -> Notice:
        """The notice for input that was refused; ``inside`` is a JSON pointer to the part that was read."""
        return cls(
            Result.REJECTED,
            error.reason,
            error.message,
            source=source,
            event_id=event_id,
            where=error.where if error.where.startswith(inside) else f"{inside}/{error.where}",
            rule=error.rule,
            found=error.found,
            queued=queued,
        )


class Probe(NamedTuple):
    """An operator asks what this function can reach. It touches no image cache.

    Attributes:
        probe_id: comes back in the record.
        checks: of ``image_caches``, ``registries`` and ``hand_off``.
        delay_seconds: of the task that the check ``hand_off`` stores.
        due: when it is such a task, the time before which it should not run.
    """

    probe_id: str
    checks: frozenset[str] = frozenset()
    delay_seconds: int = 1
    due: datetime | None = None


Change: TypeAlias = PushEvent | CacheRequest
Item: TypeAlias = PushEvent | CacheRequest | Notice | Probe
