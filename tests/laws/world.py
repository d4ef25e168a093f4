"""A small cloud in which anything may happen, in any order.

Pushes through every entry point, people, sweeps, faults, restarts, duplicates, clocks that are off, kills
between any two steps.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from imagecache.base.environment import Environment
from imagecache.base.errors import EciError, TransientError
from imagecache.base.reasons import Reason
from imagecache.config.rules_file import read_rules
from imagecache.model.change import CacheRequest, PushEvent
from imagecache.model.selector import CacheSelector
from imagecache.planning.update_memory import MEMORY_TAG
from imagecache.planning.update_memory_layout import UpdateMemory, memory_value
from tests.laws.invocations import Invocations
from tests.laws.small_cloud import HOST, KilledError, small_cloud

__all__ = ["APP", "BAD", "BUILDS", "OWN_TAGS", "PLAIN", "World"]

PLAIN = ("web:latest", "api:latest")
"""Entries whose tags are pushed again and again."""
BUILDS = "builds"
"""A repository whose tags have no order: the one that was pushed last is wanted."""
APP = "app"
"""A repository of versions, which a policy promotes."""
BAD = "v1.0.13"
"""A version that cannot be built."""
OWN_TAGS = tuple((f"key-{number}", "") for number in range(20))
_RULE = {"images": {"repositories": [f"{HOST}/{APP}"]}, "policy": {"type": "semver", "range": "1"}}
_BUILDS_RULE = {"images": {"repositories": [f"{HOST}/{BUILDS}"]}, "policy": {"type": "any"}}
_FOR_ALL = {"keepReady"}
"""Of what makes updates wait, what does so for all repositories."""
_TO_COME = memory_value(UpdateMemory(datetime(2099, 1, 1, tzinfo=timezone.utc)))
_FAULTS: dict[str, Callable[[], EciError]] = {
    "refused": lambda: TransientError(Reason.SERVER_ERROR, "refused"),
    "throttled": lambda: TransientError(Reason.THROTTLED, "throttled"),
    "no answer": lambda: TransientError(Reason.TIMED_OUT, "no answer"),
}


@dataclass
class World(Invocations):
    """One story as it goes.

    Attributes:
        eci: switches of ECI.
        fc: switches of Function Compute.
        tags: that each cache has of its own.
        caches: how many there are.
        waits: what makes updates wait, as the rules file has it.
        builds: whether the repository of tags without an order is listed.
        pushes: when each push really was made, by its change id, with the push.
        reasons: how often there was a reason for an update, by cache.
    """

    eci: dict[str, Any]
    fc: dict[str, Any]
    tags: tuple[tuple[str, str], ...] = ()
    caches: int = 2
    waits: dict[str, Any] = field(default_factory=dict)
    builds: bool = False
    pushes: dict[str, tuple[float, PushEvent]] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    by_person: set[str] = field(default_factory=set)
    wanted_as_is: set[str] = field(default_factory=set)
    repeated: set[str] = field(default_factory=set)
    forgotten: set[str] = field(default_factory=set)
    never_made: str = ""
    faults: int = 0

    def __post_init__(self) -> None:
        for_all = {key: self.waits[key] for key in _FOR_ALL & self.waits.keys()}
        document = {"rules": [{**_RULE, **self.waits}, {**_BUILDS_RULE, **for_all}, for_all]}
        rules = read_rules(Environment({"IMC_RULES": json.dumps(document)}))
        eci = {"rebuild_seconds": 90.0, "failing_images": f"*:{BAD}", **self.eci}
        self.cloud = small_cloud(eci=eci, fc=self.fc, rules=rules)
        lists = (
            [f"{HOST}/{entry}" for entry in PLAIN] + [f"{HOST}/{APP}:v1.0.0"],
            [f"{HOST}/{PLAIN[0]}", "redis:7"],
            [f"{HOST}/{APP}:v1.0.0"],
        )
        for number in range(self.caches):
            more = [f"{HOST}/{BUILDS}:none"] if self.builds and number != 1 else []
            self.cloud.eci.create(*more, *lists[number % len(lists)], tags=self.tags)

        # One more that was never made, and can never be: it is told of, and costs nothing.
        entries = [f"{HOST}/{PLAIN[0]}"]
        self.never_made = self.cloud.eci.create(*entries, status="Failed", name="never-made")

    @property
    def remembers(self) -> bool:
        """Whether caches can remember their updates."""
        return not self.tags and self.eci.get("tags_mode") != "drop"

    # What may happen.

    def push(self, name: str, *, skew: float = 0.0, entry_point: str = "on_push", told: bool = True) -> None:
        """An image is pushed, and told of; the registry's clock is off by so much."""
        repository, _, tag = name.partition(":")
        now = self.cloud.clock()
        stated = now + skew
        # As it is read: what is stated for later counts as pushed when it arrived.
        moment = self.cloud.now() + timedelta(seconds=min(skew, 0.0))
        event = self.cloud.event(
            repository, tag, pushed_at=moment, dated=stated < now, stated=f"{stated:.6f}"
        )
        self.pushes[event.change_id] = (now, event)
        self._give_reason(repository)
        if told:
            self.deliver([event], entry_point)

    def _give_reason(self, repository: str) -> None:
        for identifier in self.cloud.eci.caches:
            listed = self.cloud.eci.cache(identifier).coming_images
            if any(image.startswith(f"{HOST}/{repository}:") for image in listed):
                self.reasons[identifier] += 1

    def duplicate(self, number: int) -> None:
        """An earlier push is told of once more."""
        if self.pushes:
            _, event = list(self.pushes.values())[number % len(self.pushes)]
            self.repeated.add(event.repository)
            if not self.remembers:
                # What is not remembered may be made once more.
                self._give_reason(event.repository)
            self.deliver([event], "on_push")

    def ask(self, number: int, *, images: bool = False) -> None:
        """A person has a cache rebuilt, or gives it another list."""
        identifier = self._cache(number)
        if identifier is None:
            return
        # README: where nothing is remembered and runs are far apart, a list and a promotion take turns.
        images = images and (self.remembers or self.fc.get("copy_pause_seconds", 0.0) <= 1)
        self.numbers += 1
        listed = self.cloud.eci.cache(identifier).coming_images
        wanted = (*listed[:-1], f"{HOST}/{APP}:v1.0.{self.numbers}") if images else None
        request = CacheRequest(
            "manual",
            f"asked-{self.numbers}",
            Reason.LIST_CHANGED if wanted else Reason.REBUILD_REQUESTED,
            CacheSelector(ids=(identifier,)),
            images=wanted,
            single=True,
            asked_at=self.cloud.now(),
        )
        self.reasons[identifier] += 1
        if wanted:
            self.by_person.add(identifier)
        else:
            # Whoever has a cache built again wants the list that it has by then.
            self.wanted_as_is.add(identifier)
        self.deliver([request], "on_manual")

    def sweep(self, *, refresh: bool = False) -> None:
        """A timer's tick."""
        self.numbers += 1
        selector = CacheSelector(names=("cache-*",)) if refresh else CacheSelector()
        statuses = None if refresh else frozenset({"UpdateFailed"})
        reason = Reason.REFRESH_SCHEDULED if refresh else Reason.SWEEP_REPAIR
        for identifier in self.cloud.eci.caches:
            if refresh or self.cloud.eci.cache(identifier).status == "UpdateFailed":
                self.reasons[identifier] += 1
        request = CacheRequest("timer", f"tick-{self.numbers}", reason, selector, statuses=statuses)
        self.deliver([request], "on_timer")

    def wait(self, seconds: float) -> None:
        """Time passes, and what is due runs."""
        self._until(self.cloud.clock() + seconds)

    def restart(self) -> None:
        """Instances are taken away between invocations."""
        self.cloud.warm = None

    def fail(self, kind: str, *, after: bool, skip: int = 0) -> None:
        """One of the next calls to ECI fails, after the number to skip.

        Args:
            kind: ``refused``, ``throttled``, or ``kill``, which ends the instance in the middle of it.
            after: what was asked for is done, and only the answer is lost.
            skip: how many calls go well before it.
        """
        left = [skip]
        self.faults += 1

        def fault(_action: str, done: bool) -> EciError | None:
            if done is not after:
                return None
            left[0] -= 1
            if left[0] >= 0:
                return None
            self.cloud.eci.fault = lambda _action, _done: None
            if kind == "kill":
                raise KilledError
            return _FAULTS["no answer" if after else kind]()

        self.cloud.eci.fault = fault

    def refuse_tasks(self, calls: int) -> None:
        """The store refuses the next calls."""
        left = [calls]
        self.faults += 1

        def refuse() -> bool:
            left[0] -= 1
            return left[0] >= 0

        self.cloud.store.refuse = refuse

    def rename(self, number: int) -> None:
        """A person renames a cache."""
        identifier = self._cache(number)
        if identifier is not None:
            self.numbers += 1
            self.cloud.eci.change(identifier, name=f"cache-renamed-{self.numbers}")

    def forget(self, number: int, *, forge: bool = False) -> None:
        """A person takes all tags from a cache, or writes a memory that is of a time to come."""
        identifier = self._cache(number)
        if identifier is not None:
            self.cloud.eci.change(identifier, tags=((MEMORY_TAG, _TO_COME),) if forge else ())
            # What is not remembered may be made once more.
            self.reasons[identifier] += 1
            self.forgotten.add(identifier)

    def delete(self, number: int) -> None:
        """A person deletes a cache, if it is not the last one."""
        identifier = self._cache(number)
        if identifier is not None and len(self.cloud.eci.caches) > 2:
            self.cloud.eci.delete(identifier)

    def _cache(self, number: int) -> str | None:
        ids = [each for each in self.cloud.eci.caches if each != self.never_made]
        return ids[number % len(ids)] if ids else None
