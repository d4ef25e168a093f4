"""One run: the story is played on the local cloud in bad weather, the dust settles, and the oracle judges."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.cloud.cloud import Cloud, CloudConfig
from local.cloud.config import Switches
from local.fc.dispatcher import RetryPolicy

from .cast import MOST_TAGS, REGIONS, Listed
from .evidence import UNDONE, dead, due_at, lags, not_needed, postponed, refused, update_of, waiting
from .facts import Cache, Finding, Push, Update
from .memory import MemoryPeaks
from .oracle import judge, staleness
from .records import Records
from .senders import Senders, Sent
from .story import Story
from .weather import TIME_FACTOR, Weather

__all__ = ["Run", "play"]

PROGRESS_SECONDS = 5.0
SETTLE_SECONDS = 300.0
SOON_SECONDS = 120.0
"""A task that is due later waits for a time that is not shortened here: two hours in which a failing cache
that remembers nothing is updated once."""
WEATHER_AFTER_SECONDS = 4.0
LEAD_SECONDS = 1.0
"""Between the answer that the caches are there and the first push."""
INSTANCES = 16
"""Of each function at a time: as many as its queue is worked with, so that no task waits for one."""


@dataclass(frozen=True)
class Run:
    """What came of a run.

    Attributes:
        findings: of the oracle.
        settled: whether everything that was accepted came to an end in time.
        sent: what became of the deliveries.
        staleness_seconds: how long each cache was without each push that concerns it.
        updates: that ECI accepted.
        dead_letters: of Function Compute.
        postponed: ids of the caches for which a task waits for a time after the run.
        broken_promises: follow tasks that ``deferred`` records name, and that neither ran nor wait.
        deliveries: how many asynchronous invocations there are of each state.
        lag_seconds: of those that were tried once, from when they were due until their first record.
        records: of the functions.
        weather: how often each thing went wrong.
        problems: of the run itself; there must be none.
        memory: of the instances.
        seconds: that the run took.
    """

    findings: Sequence[Finding]
    settled: bool
    sent: Sequence[Sent]
    staleness_seconds: Sequence[float]
    updates: Sequence[Update]
    dead_letters: Sequence[Mapping[str, Any]]
    postponed: frozenset[str]
    broken_promises: frozenset[str]
    deliveries: Counter[str]
    lag_seconds: Sequence[float]
    records: Records
    weather: Counter[str]
    problems: Sequence[str]
    memory: MemoryPeaks
    seconds: float


def play(story: Story, seed: int, state: Path, switches: Switches, say: Callable[[str], None]) -> Run:
    """Play a story to its end.

    Args:
        story: what happens.
        seed: of the weather.
        state: a folder for the local cloud.
        switches: how the servers behave where nobody knows what the cloud does.
        say: gets a line of progress every few seconds.
    """
    config = CloudConfig(
        state,
        parameters={
            "Regions": ",".join(REGIONS),
            # One clock here: no skew between the registries' and the functions'.
            "ClockSkewSeconds": "0",
            # As builds and pauses are shortened, so is what follow tasks wait for.
            "FollowBaseSeconds": "1",
            "FollowMaxSeconds": "15",
            "FollowBackoffSeconds": "1",
        },
        max_instances=INSTANCES,
        retry=RetryPolicy(time_factor=TIME_FACTOR),
        switches=switches,
    )
    with Cloud(config) as cloud:
        return _Player(cloud, story, seed, say).play()


class _Player:
    def __init__(self, cloud: Cloud, story: Story, seed: int, say: Callable[[str], None]) -> None:
        self._cloud = cloud
        self._story = story
        self._seed = seed
        self._say = say
        self._records = Records(cloud.fc)
        self._memory = MemoryPeaks()
        self._started = time.monotonic()
        self._told = self._started

    def play(self) -> Run:
        ids = self._create(self._story.caches)
        began = time.time() + LEAD_SECONDS
        with Senders(self._cloud, began) as senders:
            with Weather(self._cloud, self._seed) as weather:
                for number, delivery in enumerate(self._story.deliveries, start=1):
                    while (left := began + delivery.at - time.time()) > 0:
                        time.sleep(min(left, PROGRESS_SECONDS))
                    senders.send(delivery)
                    self._progress(f"{number} of {len(self._story.deliveries)} deliveries", senders)
                # The last pushes too are to meet builds that fail.
                time.sleep(WEATHER_AFTER_SECONDS)
            self._say("All is sent once, and the weather is fine: the dust settles.")
            settled = self._settle(senders)
            sent = senders.sent()
        self._records.read()
        self._memory.sample()
        deliveries = self._cloud.fc.deliveries()
        dead_letters = self._cloud.fc.dead_letters()
        updates = [update_of(entry) for entry in self._cloud.control.history()]
        caches = self._caches(ids)
        told: Counter[str] = Counter()
        for one in sent:
            told.update({push.event_id: one.tries for push in one.delivery.pushes})
        pushes = [
            Push(push.event_id, push.image.name, began + push.at, told[push.event_id], exact=push.exact)
            for push in self._story.pushes
        ]
        given_up = {*dead(dead_letters), *refused(sent), *not_needed(self._records.no_need, pushes)}
        failing = {cache.image_cache_id for cache in caches if cache.status == "UpdateFailed"}
        later = frozenset(postponed(deliveries, failing))
        findings = judge(caches, pushes, updates, self._records.claims, given_up, later)
        return Run(
            findings=findings,
            settled=settled,
            sent=sent,
            staleness_seconds=staleness(caches, pushes, updates),
            updates=updates,
            dead_letters=dead_letters,
            postponed=later,
            broken_promises=frozenset(self._records.promised - self._records.ran - waiting(deliveries)),
            deliveries=Counter(delivery["state"] for delivery in deliveries),
            lag_seconds=lags(deliveries, self._records.first_line_at),
            records=self._records,
            weather=weather.made,
            problems=[*weather.problems, *self._records.defects],
            memory=self._memory,
            seconds=time.monotonic() - self._started,
        )

    def _create(self, caches: Iterable[Listed]) -> dict[str, Listed]:
        # As a cache has it of its creation: by its newest event it is seen whether an update was made.
        created = {"type": "Normal", "reason": "Ready", "message": "", "at": time.time() - 86400}
        seeds = [
            {
                "region_id": cache.region_id,
                "image_cache_name": cache.name,
                "images": list(cache.images),
                "tags": dict(cache.tags),
                "events": [created],
            }
            for cache in caches
        ]
        return dict(zip(self._cloud.control.create_caches(seeds), caches, strict=True))

    def _caches(self, ids: Mapping[str, Listed]) -> list[Cache]:
        shown = {cache["image_cache_id"]: cache for cache in self._cloud.control.caches()}
        switches = self._cloud.config.switches
        kept = switches.eci.get("tags_mode") != "drop"
        return [
            Cache(
                image_cache_id=identifier,
                listed=listed.images,
                images=listed.concerned_by,
                listed_at_end=tuple(shown[identifier]["images"]),
                status=shown[identifier]["status"],
                remembers=kept and len(listed.tags) < MOST_TAGS,
                joined=not {"task_ids", "duplicate_code", "conflict_share"} & switches.fc.keys(),
                copies=switches.fc.get("task_copies", 1),
            )
            for identifier, listed in ids.items()
        ]

    def _settle(self, senders: Senders) -> bool:
        """Wait until nothing is left to do; False when that takes too long."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            undone = -1
            if not senders.waiting:
                # A task that ends may store another one, so a build is looked at before the queue is.
                building = sum(cache["build"] is not None for cache in self._cloud.control.caches())
                soon = time.time() + SOON_SECONDS
                undone = sum(
                    entry["state"] in UNDONE and due_at(entry) < soon for entry in self._cloud.fc.deliveries()
                )
                if not undone and not building:
                    return True
            self._progress("settling" if undone < 0 else f"settling: {undone} tasks left", senders)
            time.sleep(1.0)
        return False

    def _progress(self, what: str, senders: Senders) -> None:
        now = time.monotonic()
        if now - self._told < PROGRESS_SECONDS:
            return
        self._told = now
        self._records.read()
        self._memory.sample()
        counts = ", ".join(
            f"{self._records.count(result)} {result}"
            for result in ("refreshed", "deferred", "landed", "failed")
        )
        self._say(f"{now - self._started:6.1f} s  {what}, {senders.waiting} not taken; {counts}")
