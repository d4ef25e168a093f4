"""How a story's messages are delivered: by the platform or their sender, again where they failed for now."""

from __future__ import annotations

from dataclasses import dataclass, field

from imagecache.base.reasons import Result
from imagecache.engine.records import RETRIED
from imagecache.model.change import CacheRequest, Item, PushEvent
from tests.laws.small_cloud import RETRIES, RETRY_SECONDS, KilledError, SmallCloud

__all__ = ["Delivery", "Invocations"]

_MOST_RUNS = 20_000


@dataclass
class Delivery:
    """What is to be delivered again: when, what, to whom, under which id, and how often it was."""

    at: float
    items: list[Item]
    entry_point: str
    request_id: str
    attempt: int = 0


@dataclass(kw_only=True)
class Invocations:
    """What was delivered, and what is to be delivered again.

    Attributes:
        cloud: the world.
        again: what failed for now.
        undelivered: the ids of changes that failed as often as they are tried.
        unrecorded: those of changes that no record of their invocation names.
        numbers: how many messages there were.
    """

    cloud: SmallCloud = field(init=False)
    again: list[Delivery] = field(default_factory=list)
    undelivered: set[str] = field(default_factory=set)
    unrecorded: list[str] = field(default_factory=list)
    numbers: int = 0

    def deliver(self, items: list[Item], entry_point: str, again: Delivery | None = None) -> None:
        """One invocation; the platform, or the sender, tries again what failed for now."""
        if again is None:
            self.numbers += 1
            again = Delivery(0.0, items, entry_point, f"request-of-{self.numbers}")
        try:
            records = self.cloud.invoke(entry_point, items, again.request_id)
        except KilledError:
            self.cloud.warm = None
            records = [{"result": Result.FAILED.value, "fate": RETRIED}]
        else:
            recorded = {record.get("change_id") for record in records}
            changes = [item for item in items if isinstance(item, (PushEvent, CacheRequest))]
            self.unrecorded += [one.change_id for one in changes if one.change_id not in recorded]
        if not any(record.get("fate") == RETRIED for record in records):
            return
        if again.attempt < RETRIES:
            at = self.cloud.clock() + RETRY_SECONDS
            self.again.append(Delivery(at, items, entry_point, again.request_id, again.attempt + 1))
        else:
            self.undelivered |= {
                item.change_id for item in items if isinstance(item, (PushEvent, CacheRequest))
            }

    def settle(self) -> None:
        """All goes well from now on, until nothing is left to do."""
        self.cloud.eci.fault = lambda _action, _done: None
        self.cloud.store.refuse = lambda: False
        for _ in range(_MOST_RUNS):
            if not self.cloud.store.waiting and not self.again:
                break
            due = [task.at for task in self.cloud.store.waiting] + [one.at for one in self.again]
            self._until(max(min(due), self.cloud.clock()))
        else:
            raise AssertionError(f"{_MOST_RUNS} runs, and something is left")
        self._until(self.cloud.clock() + 3600)

    def _until(self, at: float) -> None:
        while True:
            ready = [one for one in self.again if one.at <= at]
            first = min(ready, key=lambda one: one.at, default=None)
            if first is None:
                self.cloud.run_until(at)
                if not any(one.at <= at for one in self.again):
                    return
                continue
            self.again.remove(first)
            self.cloud.run_until(max(first.at, self.cloud.clock()))
            self.deliver(first.items, first.entry_point, first)
