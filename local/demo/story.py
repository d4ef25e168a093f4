"""The main job as a story: an image is pushed twice under one tag, then three images twice each in a burst.

Exactly the caches that list them are rebuilt, once for each single push and at most twice for the burst, and
each cache is seen Ready after an update that began after the last push. The burst is one chain of follow
tasks for each cache: what it costs follows from the caches, not from the pushes.

Plays on the local cloud, prints what happens as it happens, checks every sentence of the story, and ends
with exit code 1 if one does not hold.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ..cloud.cloud import Cloud, CloudConfig
from ..cloud.config import Switches
from ..fc.dispatcher import RetryPolicy
from ..registry.docker_registry import LocalRegistry, missing_tools
from ..registry.notification import play_notification
from .cost import FOLLOW, Cost, cost_so_far

__all__ = ["run_demo"]

REGION = "cn-hangzhou"
REBUILD_SECONDS = 7.0
"""Long beside the burst, as it is in the cloud."""
TIME_FACTOR = 30.0
"""Pauses between attempts pass this much faster."""
FOLLOW_BASE_SECONDS = 1
"""Thirty times less than as deployed, so that minutes of waiting take seconds here."""
PATIENCE_SECONDS = 30.0
WEB, SIDECAR, WORKER = "shop/web:v1", "shop/sidecar:v3", "shop/worker:v2"
SINGLE_PUSHES = ((WEB, "first build"), (WEB, "second build"))
BURST = tuple((image, f"{build} build") for build in ("third", "fourth") for image in (WEB, SIDECAR, WORKER))
MOST_UPDATES_OF_A_BURST = 2
PLAYED_HOST = "127.0.0.1:5000"
TOKEN = "demo-token-0123456789"  # noqa: S105 - opens nothing but this demonstration


@dataclass(frozen=True)
class Story:
    """The caches of the story.

    Attributes:
        lists: name -> image list.
        rebuilt: names of the caches that list all that is pushed; the other ones list nothing of it.
    """

    lists: dict[str, list[str]]
    rebuilt: tuple[str, ...]


class Demo:
    """One run.

    Args:
        console: where the story is printed.
        cloud: running.
    """

    def __init__(self, console: Console, cloud: Cloud) -> None:
        self._console = console
        self._cloud = cloud
        self._started = time.monotonic()
        self._printed = 0
        self._burst: Cost | None = None
        self._last_push = 0.0
        self._broken: list[str] = []

    def play(self, host: str, push: Callable[[str, str], None]) -> int:
        """Play the story, and print it.

        Args:
            host: of the registry.
            push: pushes an image, ``repository:tag``, with the given content.

        Returns:
            The exit code.
        """
        story = _story(host)
        ids = self._create(story)
        self._show("Image caches before", ids)
        for image, content in SINGLE_PUSHES:
            if not self._broken:
                self._push(host, push, image, content)
                self._await_landed(story, ids)
        # A story that has failed already is not worth another wait.
        if not self._broken:
            self._play_burst(host, push, story, ids)
        self._check(story, ids)
        self._show("Image caches after", ids)
        if self._broken:
            for sentence in self._broken:
                self._console.print(f"[red]Not as expected:[/red] {sentence}", soft_wrap=True)
            return 1
        seconds = time.monotonic() - self._started
        self._console.print(f"[green]Every sentence of the story held.[/green] {seconds:.1f} s")
        return 0

    def _play_burst(
        self, host: str, push: Callable[[str, str], None], story: Story, ids: dict[str, str]
    ) -> None:
        images = {image for image, _ in BURST}
        caches = len(story.rebuilt)
        self._say(f"Now a burst: {len(BURST)} pushes of {len(images)} images, all listed by {caches} caches:")
        before = cost_so_far(self._cloud)
        for image, content in BURST:
            self._push(host, push, image, content)
        self._await_landed(story, ids)
        self._burst = cost = cost_so_far(self._cloud) - before
        self._say(f"The burst asked for {len(BURST) * caches} updates. It took {cost}.")

    def _push(self, host: str, push: Callable[[str, str], None], image: str, content: str) -> None:
        self._say(f"Push: {host}/{image} ({content})")
        self._last_push = time.time()
        push(image, content)

    def _create(self, story: Story) -> dict[str, str]:
        return {
            name: self._cloud.control.create_cache(
                region_id=REGION, image_cache_name=name, images=images, tags={"team": "shop"}
            )
            for name, images in story.lists.items()
        }

    def _await_landed(self, story: Story, ids: dict[str, str]) -> None:
        """Wait until each cache has landed with the last push, and no follow task is left.

        Prints each record and change of state.
        """
        wanted = {ids[name] for name in story.rebuilt}
        deadline = time.monotonic() + PATIENCE_SECONDS
        seen = dict.fromkeys(ids, "Ready")
        while True:
            for name, identifier in ids.items():
                status = self._cloud.control.cache(identifier)["status"]
                if seen[name] != status:
                    self._say(f"  {name}: {seen[name]} -> {status}")
                seen[name] = status
            outcomes = self._cloud.outcomes()
            self._print_new(outcomes)
            landed = {
                outcome["image_cache_id"]
                for outcome in outcomes
                if outcome["result"] == "landed" and self._has_last_push(outcome)
            }
            left = self._tasks_left()
            if wanted <= landed and not left:
                # Of tasks that ended in the meantime too.
                self._print_new(self._cloud.outcomes())
                return
            if time.monotonic() > deadline:
                missing = f"{len(wanted - landed)} of {len(wanted)} caches"
                self._broken.append(f"{missing} were not seen to land with the last push in time")
                if left:
                    self._broken.append(f"{left} follow tasks were left when the time was up")
                return
            time.sleep(0.05)

    def _tasks_left(self) -> int:
        return sum(
            task["function"].endswith(FOLLOW) and task["state"] in {"waiting", "running"}
            for task in self._cloud.fc.deliveries()
        )

    def _has_last_push(self, outcome: dict[str, Any]) -> bool:
        return datetime.fromisoformat(outcome["covered_by"]).timestamp() >= self._last_push

    def _print_new(self, outcomes: list[dict[str, Any]]) -> None:
        for outcome in outcomes[self._printed :]:
            where = outcome.get("image_cache_name", "")
            took = f" in {outcome['duration_ms']:.0f} ms" if "duration_ms" in outcome else ""
            stale = f", {outcome['staleness_seconds']:.1f} s stale" if "staleness_seconds" in outcome else ""
            known = f", for at least {outcome['changes_known']}" if "changes_known" in outcome else ""
            self._say(f"  {outcome['result']} {outcome['reason']} {where}{took}{stale}{known}")
        self._printed = len(outcomes)

    def _check(self, story: Story, ids: dict[str, str]) -> None:
        for name, identifier in ids.items():
            rebuilds = self._cloud.control.history(identifier)
            least = len(SINGLE_PUSHES) + 1 if name in story.rebuilt else 0
            most = len(SINGLE_PUSHES) + MOST_UPDATES_OF_A_BURST if name in story.rebuilt else 0
            if not least <= len(rebuilds) <= most:
                self._broken.append(f"{name} was updated {len(rebuilds)} times, not {least} to {most}")
            for rebuild in rebuilds:
                if rebuild["kind"] != "rebuild" or list(rebuild["images"]) != story.lists[name]:
                    self._broken.append(f"{name} was sent {rebuild['images']}, not {story.lists[name]}")
            if rebuilds and rebuilds[-1]["started_at"] < self._last_push:
                self._broken.append(f"the last update of {name} began before the last push")
            if list(self._cloud.control.cache(identifier)["images"]) != story.lists[name]:
                self._broken.append(f"{name} has another list than before")
        outcomes = self._cloud.outcomes()
        ran = {outcome.get("task_id") for outcome in outcomes}
        promised = {outcome.get("follow_task_id") for outcome in outcomes if outcome["result"] == "deferred"}
        if promised - ran:
            self._broken.append(f"{len(promised - ran)} of {len(promised)} stored follow tasks did not run")
        if self._burst is not None:
            self._check_cost(self._burst)

    def _check_cost(self, cost: Cost) -> None:
        if cost.runs > cost.most_runs:
            self._broken.append(f"follow tasks ran {cost.runs} times, not {cost.most_runs} times at most")
        if cost.calls > cost.most_calls:
            self._broken.append(f"ECI was called {cost.calls} times, not {cost.most_calls} times at most")

    def _show(self, title: str, ids: dict[str, str]) -> None:
        table = Table(title=title, title_justify="left", show_lines=False)
        for column in ("name", "status", "rebuilds", "images"):
            table.add_column(column, overflow="fold")
        for name, identifier in ids.items():
            cache = self._cloud.control.cache(identifier)
            rebuilds = self._cloud.control.history(identifier)
            table.add_row(name, cache["status"], str(len(rebuilds)), "\n".join(cache["images"]))
        self._console.print(table)

    def _say(self, text: str) -> None:
        seconds = time.monotonic() - self._started
        self._console.print(f"{seconds:6.2f} s  {text}", highlight=False, soft_wrap=True)


def run_demo(console: Console, code: Path, interpreter: Path, runtime: str | None, switches: Switches) -> int:
    """Play the demonstration.

    Args:
        console: where it is printed.
        code: the folder, or the package, that is deployed.
        interpreter: the Python of the functions.
        runtime: of the functions; None for the template's default.
        switches: how the servers behave.

    Returns:
        0 if every sentence of the story held, else 1.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="imc-refresh-demo-")))
        config = CloudConfig(
            folder / "cloud",
            code=code,
            interpreter=interpreter,
            # One clock here: no skew between the registry's and the functions'.
            parameters={
                "Regions": REGION,
                "WebhookTokens": TOKEN,
                "ClockSkewSeconds": "0",
                "FollowBaseSeconds": str(FOLLOW_BASE_SECONDS),
                # A slow machine tells the same story.
                "AnswerSeconds": "30",
                **({} if runtime is None else {"Runtime": runtime}),
            },
            retry=RetryPolicy(time_factor=TIME_FACTOR),
            # A rebuild takes the story's time unless somebody chose another.
            switches=replace(switches, eci={"rebuild_seconds": REBUILD_SECONDS, **switches.eci}),
        )
        cloud = stack.enter_context(Cloud(config))
        missing = missing_tools()
        if missing:
            console.print(f"No {', '.join(missing)} here: the registry's notification is played, not caused.")
            played = cloud.webhook_url("distribution", TOKEN, PLAYED_HOST)
            return Demo(console, cloud).play(
                PLAYED_HOST,
                lambda image, content: play_notification(played, PLAYED_HOST, image, content),
            )
        endpoints: dict[str, str] = {}
        registry = LocalRegistry(folder / "registry", endpoints)
        # Who sets a webhook up names the registry in its URL: the host in a notification is the pusher's.
        endpoints["imc-refresh"] = cloud.webhook_url("distribution", TOKEN, registry.host)
        stack.enter_context(registry)
        console.print(f"A real registry at {registry.host} notifies the webhook of the local cloud.")
        return Demo(console, cloud).play(
            registry.host, lambda image, content: _push(registry, image, content)
        )


def _story(host: str) -> Story:
    web, sidecar, worker = (f"{host}/{image}" for image in (WEB, SIDECAR, WORKER))
    repository = WEB.partition(":")[0]
    lists = {
        "shop-blue": [sidecar, web, "docker.io/library/redis:7", worker],
        "shop-green": [worker, web, sidecar],
        "web-other-tag": [f"{host}/{repository}:v0"],
        "other-team-web": [f"{host}/blog/web:v1"],
        "other-registry-web": [f"registry.{REGION}.aliyuncs.com/{WEB}"],
    }
    return Story(lists, ("shop-blue", "shop-green"))


def _push(registry: LocalRegistry, image: str, content: str) -> None:
    repository, _, tag = image.partition(":")
    registry.push(repository, tag, content=content)
