"""The main job as a story: an image is pushed twice under one tag, then three images twice each in a burst.

Exactly the caches that list them are rebuilt, once for each single push and at most twice for the burst, and
each cache is seen Ready after an update that began after the last push. The burst is one chain of follow
tasks for each cache: what it costs follows from the caches, not from the pushes.

Must not know how the servers are started.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from ..cloud.cloud import Cloud
from .checks import broken_sentences
from .cost import FOLLOW, Cost, cost_so_far
from .pushes import Push, fates_of
from .telling import (
    WORDS,
    broken_line,
    burst_cost,
    burst_line,
    held_line,
    others_line,
    push_lines,
    state_line,
    table,
)

__all__ = ["BURST", "REGION", "SINGLE_PUSHES", "Demo", "Story", "story_of"]

REGION = "cn-hangzhou"
PATIENCE_SECONDS = 30.0
WEB, SIDECAR, WORKER = "shop/web:v1", "shop/sidecar:v3", "shop/worker:v2"
SINGLE_PUSHES = ((WEB, "first build"), (WEB, "second build"))
BURST = tuple((image, f"{build} build") for build in ("third", "fourth") for image in (WEB, SIDECAR, WORKER))


@dataclass(frozen=True)
class Story:
    """The caches of the story.

    Attributes:
        lists: name -> image list.
        words: name -> what it lists, in words.
        rebuilt: names of the caches that list all that is pushed; the other ones list nothing of it.
    """

    lists: dict[str, list[str]]
    words: dict[str, str]
    rebuilt: tuple[str, ...]


def story_of(host: str) -> Story:
    """The story with images of a registry, by its host."""
    web, sidecar, worker = (f"{host}/{image}" for image in (WEB, SIDECAR, WORKER))
    every = "all that is pushed"
    caches = {
        "shop-blue": (every, [sidecar, web, "docker.io/library/redis:7", worker]),
        "shop-green": (every, [worker, web, sidecar]),
        "web-other-tag": ("another tag", [f"{host}/{WEB.partition(':')[0]}:v0"]),
        "other-team-web": ("another repository", [f"{host}/blog/web:v1"]),
        "other-registry-web": ("another registry", [f"registry.{REGION}.aliyuncs.com/{WEB}"]),
    }
    return Story(
        {name: images for name, (_, images) in caches.items()},
        {name: words for name, (words, _) in caches.items()},
        tuple(name for name, (words, _) in caches.items() if words == every),
    )


class Demo:
    """One run.

    Args:
        console: where the story is printed.
        cloud: running.
        host: of the registry.
        push: pushes an image, ``repository:tag``, with the given content; returns its digest.

    Attributes:
        told: the lines of the story that were printed; the tables are none.
    """

    def __init__(self, console: Console, cloud: Cloud, host: str, push: Callable[[str, str], str]) -> None:
        self.told: list[Text] = []
        self._console = console
        self._cloud = cloud
        self._host = host
        self._push = push
        self._story = story_of(host)
        self._started = time.time()
        self._pushes: list[Push] = []
        self._broken: list[str] = []
        self._ids = {
            name: cloud.control.create_cache(
                region_id=REGION, image_cache_name=name, images=images, tags={"team": "shop"}
            )
            for name, images in self._story.lists.items()
        }

    def play(self) -> int:
        """Play the story, and print it.

        Returns:
            The exit code.
        """
        rows = [(name, "\n".join(images)) for name, images in self._story.lists.items()]
        self._console.print(table("Image caches before", ("name", "images"), rows))
        self._tell(Text(), *map(Text, WORDS))
        for single in SINGLE_PUSHES:
            if not self._broken:
                self._play([single])
        burst: Cost | None = None
        # A story that has failed already is not worth another wait.
        if not self._broken:
            burst = self._play_burst()
        self._broken += broken_sentences(
            self._cloud,
            {self._ids[name]: (name, images) for name, images in self._story.lists.items()},
            {self._ids[name] for name in self._story.rebuilt},
            len(SINGLE_PUSHES),
            self._pushes[-1].at,
        )
        if burst is not None:
            self._broken += burst.broken_bounds()
        self._show_after()
        self._tell(*map(broken_line, self._broken))
        if self._broken:
            return 1
        self._tell(held_line(time.time() - self._started))
        return 0

    def _play_burst(self) -> Cost:
        caches = len(self._story.rebuilt)
        self._tell(Text(), burst_line(len(BURST), len({image for image, _ in BURST}), caches))
        before = cost_so_far(self._cloud)
        self._play(BURST)
        cost = cost_so_far(self._cloud) - before
        self._tell(Text(), *burst_cost(len(BURST) * caches, cost))
        return cost

    def _play(self, images: Sequence[tuple[str, str]]) -> None:
        """Push images, and wait until each cache has landed with the last of them and no follow task is left.

        What becomes of them is shown as it happens on a terminal, and on a pipe when it is over.
        """
        first = len(self._pushes)
        with Live(console=self._console, auto_refresh=False, transient=True) as live:
            for image, content in images:
                at = time.time()
                digest = self._push(image, content)
                self._pushes.append(Push(len(self._pushes) + 1, f"{self._host}/{image}", content, digest, at))
                live.update(Group(*self._lines(first), self._states()), refresh=True)
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not self._has_landed(late=time.monotonic() > deadline):
                live.update(Group(*self._lines(first), self._states()), refresh=True)
                time.sleep(0.1)
            # What is higher than the terminal would not be taken away whole.
            live.update(Text(), refresh=True)
        self._tell(*self._lines(first))

    def _lines(self, first: int) -> list[Text]:
        """The pushes from that one on, and what became of them so far."""
        fates = fates_of(self._pushes, self._cloud.outcomes())
        lines = []
        for push in self._pushes[first:]:
            lines += [Text(), *push_lines(push, self._started, fates.steps[push.number], list(self._ids))]
        return lines

    def _states(self) -> Text:
        return state_line(
            {name: self._cloud.control.cache(cache)["status"] for name, cache in self._ids.items()}
        )

    def _has_landed(self, *, late: bool) -> bool:
        """Whether there is nothing to wait for: all is done, or it is too late, and then that is noted."""
        wanted = {self._ids[name] for name in self._story.rebuilt}
        landed = {
            outcome["image_cache_id"]
            for outcome in self._cloud.outcomes()
            if outcome["result"] == "landed" and self._has_last_push(outcome)
        }
        left = sum(
            task["function"].endswith(FOLLOW) and task["state"] in {"waiting", "running"}
            for task in self._cloud.fc.deliveries()
        )
        if wanted <= landed and not left:
            return True
        if late:
            missing = f"{len(wanted - landed)} of {len(wanted)} caches"
            self._broken.append(f"{missing} were not seen to land with the last push in time")
            if left:
                self._broken.append(f"{left} follow tasks were left when the time was up")
        return late

    def _has_last_push(self, outcome: dict[str, Any]) -> bool:
        return datetime.fromisoformat(outcome["covered_by"]).timestamp() >= self._pushes[-1].at

    def _show_after(self) -> None:
        rows = []
        for name, identifier in self._ids.items():
            status = self._cloud.control.cache(identifier)["status"]
            rebuilds = str(len(self._cloud.control.history(identifier)))
            rows.append((name, status, rebuilds, self._story.words[name]))
        self._console.print()
        self._console.print(table("Image caches after", ("name", "status", "rebuilds", "lists"), rows))
        self._console.print()
        # What is in this depends on the registry: it is no part of the story.
        for other in fates_of(self._pushes, self._cloud.outcomes()).others.items():
            self._console.print(others_line(other))

    def _tell(self, *lines: Text) -> None:
        for line in lines:
            self._console.print(line)
        self.told += lines
