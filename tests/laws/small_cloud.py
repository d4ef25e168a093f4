"""A cloud in memory: ECI, the store of follow tasks, and the functions, in one thread and on one clock."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from imagecache.base.deadline import Deadline
from imagecache.base.errors import HandOffError
from imagecache.base.reasons import Result
from imagecache.clients.task_store import Stored
from imagecache.config.settings import FollowSettings, Settings
from imagecache.engine.engine import Engine
from imagecache.engine.follow_message import read_message
from imagecache.engine.records import Recorder
from imagecache.engine.warm import Warm
from imagecache.engine.work import Work
from imagecache.model.change import Item, PushEvent
from local.eci.settings import Settings as EciSwitches
from local.fc.settings import DUPLICATE_CODE
from local.fc.settings import Settings as FcSwitches
from tests.laws.small_eci import REGION, SmallEci
from tests.support.clock import ManualClock
from tests.support.fake_clients import FakeClients

TIMEOUT_SECONDS = 60
RETRIES = 3
RETRY_SECONDS = 60.0
"""How often, and how long after each other, the platform tries an asynchronous invocation again."""
_WAITS_SECONDS = 4
"""How long a task is called early at most by delays of whole seconds, and for the order of lists."""
HOST = "registry.example.com"


class KilledError(BaseException):
    """The instance was taken away in the middle of an invocation."""


@dataclass(frozen=True)
class Waiting:
    """A task that waits: when it runs, what it gets, and the id of its invocation."""

    at: float
    number: int
    payload: bytes
    task_id: str
    attempt: int = 0

    @property
    def request_id(self) -> str:
        """The same for each attempt."""
        return f"task-{self.number}"


@dataclass
class SmallStore:
    """``TaskStore`` with the switches of the local Function Compute.

    Attributes:
        refuse: asked at each call whether it is refused.
        known: the ids that were taken.
        waiting: what is still to run.
    """

    clock: ManualClock
    switches: FcSwitches = field(default_factory=FcSwitches)
    call_seconds: float = 0.02
    refuse: Callable[[], bool] = lambda: False
    known: set[str] = field(default_factory=set)
    waiting: list[Waiting] = field(default_factory=list)
    stored: int = 0
    calls: int = 0

    def store(self, payload: bytes, *, task_id: str, delay_seconds: int) -> Stored:
        self.calls += 1
        self.clock.advance(self.call_seconds)
        assert 1 <= delay_seconds <= 3599
        assert len(payload) <= 128 * 1024
        assert len(task_id) <= 128
        if self.refuse():
            raise HandOffError("the store refused")
        before = int((self.calls - 1) * self.switches.conflict_share)
        if int(self.calls * self.switches.conflict_share) > before:
            return Stored.REFUSED
        if task_id in self.known and self.switches.task_ids == "deduplicate":
            return Stored.BEFORE if self.switches.duplicate_code == DUPLICATE_CODE else Stored.REFUSED
        self.known.add(task_id)
        delay = delay_seconds if self.switches.async_delay == "honour" else 0
        for copy in range(self.switches.task_copies):
            self.stored += 1
            at = self.clock() + delay + copy * self.switches.copy_pause_seconds
            self.waiting.append(Waiting(at, self.stored, payload, task_id))
        return Stored.NOW


@dataclass
class SmallCloud:
    """The world of a test.

    Attributes:
        settings: of the functions.
        seen: every record, in order.
        runs: how often a function ran, by entry point.
        runs_of: how often on_follow ran for a cache.
        dead: records of invocations that ended in the on-failure queue.
        ran: when a follow task ran last, by its id.
        starts: when follow tasks began to run.
    """

    settings: Settings
    eci: SmallEci
    store: SmallStore
    clock: ManualClock
    seen: list[dict[str, Any]] = field(default_factory=list)
    runs: Counter[str] = field(default_factory=Counter)
    runs_of: Counter[str] = field(default_factory=Counter)
    dead: list[dict[str, Any]] = field(default_factory=list)
    ran: dict[str, float] = field(default_factory=dict)
    starts: list[float] = field(default_factory=list)
    warm: Warm | None = None
    timeout: float = TIMEOUT_SECONDS
    _requests: int = 0

    def invoke(self, entry_point: str, items: Iterable[Item], request_id: str = "") -> list[dict[str, Any]]:
        """One invocation of an entry point that does not follow."""
        if not request_id:
            self._requests += 1
            request_id = f"request-{self._requests}"
        found = list(items)
        return self._run(entry_point, request_id, lambda engine: engine.process(found))

    def push(self, *events: PushEvent, entry_point: str = "on_push") -> list[dict[str, Any]]:
        """Deliver pushes in one invocation."""
        return self.invoke(entry_point, events)

    def event(
        self, repository: str = "web", tag: str = "latest", *, event_id: str = "", **facts: Any
    ) -> PushEvent:
        """A push of now."""
        self._requests += 1
        facts = {"pushed_at": self.now(), "dated": True, **facts}
        return PushEvent("native", event_id or f"event-{self._requests}", HOST, repository, tag, **facts)

    def now(self) -> datetime:
        """The time, without letting any pass."""
        return self.clock.moment()

    def run_next(self) -> bool:
        """Let the task that is due first run; whether there was one."""
        if not self.store.waiting:
            return False
        task = min(self.store.waiting, key=lambda each: (each.at, each.number))
        self.store.waiting.remove(task)
        self.clock.now = max(self.clock.now, task.at)
        document = json.loads(task.payload)
        follow = read_message(document)
        due = follow.due.timestamp()
        if self.clock.now < due < task.at + _WAITS_SECONDS:
            # It was called early: its instance waits for the rest, and others run meanwhile.
            self.store.waiting.append(replace(task, at=due))
            return True
        self.runs_of[document.get("imageCacheId", "")] += 1
        # Those who stored it know it by this id, however often it was stored again before its time.
        self.ran[follow._replace(hop=0).task_id] = self.ran[follow.task_id] = self.clock()
        self.starts.append(self.clock())
        try:
            records = self._run("on_follow", task.request_id, lambda engine: engine.follow(follow))
        except KilledError:
            self.warm = None
            records = [{"result": Result.FAILED.value}]
        # The platform knows no classes of failures: it tries each again.
        if any(record["result"] == Result.FAILED.value for record in records):
            if task.attempt < RETRIES:
                again = replace(task, at=self.clock() + RETRY_SECONDS, attempt=task.attempt + 1)
                self.store.waiting.append(again)
            else:
                self.dead += records
        return True

    def settle(self, most: int = 100_000) -> None:
        """Run tasks until none is left."""
        for _ in range(most):
            if not self.run_next():
                return
        raise AssertionError(f"{most} runs, and tasks are left")

    def run_until(self, at: float) -> None:
        """Run what is due until a time, and let that time come."""
        while self.store.waiting and min(each.at for each in self.store.waiting) <= at:
            self.run_next()
        self.clock.now = max(self.clock.now, at)

    def said(self, result: str) -> list[dict[str, Any]]:
        """The records with a result."""
        return [record for record in self.seen if record["result"] == result]

    def _run(self, entry_point: str, request_id: str, act: Callable[[Engine], None]) -> list[dict[str, Any]]:
        self.runs[entry_point] += 1
        if self.warm is None:
            self.warm = Warm(self.clock.moment, self.clock.advance)
        recorder = Recorder(entry_point, request_id, io.StringIO())
        deadline = Deadline(self.timeout, self.clock, reserve_seconds=4.0)
        clients = FakeClients(self.eci, self.store, None, deadline)
        work = Work(self.settings, clients, deadline, request_id, self.warm)
        try:
            act(Engine(work, recorder))
        finally:
            self.seen += [{**record, "at": self.clock()} for record in recorder.outcomes]
        return recorder.outcomes


def small_cloud(
    *,
    eci: dict[str, Any] | None = None,
    fc: dict[str, Any] | None = None,
    follow: dict[str, Any] | None = None,
    at: float = 7.0,
    **settings: Any,
) -> SmallCloud:
    """A new world.

    Args:
        eci: switches of ECI.
        fc: switches of Function Compute.
        follow: settings of follow-up.
        at: seconds after a full hour.
        settings: other settings of the functions.
    """
    clock = ManualClock()
    clock.now = 1_800_000_000.0 // 7200 * 7200 + at
    found = Settings(
        (REGION,),
        follow=FollowSettings("on-follow", "http://127.0.0.1", **(follow or {})),
        **{"concurrency": 1, **settings},
    )
    small_eci = SmallEci(clock, EciSwitches(**(eci or {})))
    return SmallCloud(found, small_eci, SmallStore(clock, FcSwitches(**(fc or {}))), clock)
