"""The main job as a story: an image is pushed twice under one tag, and exactly its caches are rebuilt.

Plays on the local cloud, prints what happens as it happens, checks every sentence of the story, and ends
with exit code 1 if one does not hold.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from .cloud import Cloud, CloudConfig
from .registry import LocalRegistry, missing_tools

__all__ = ["run_demo"]

REGION = "cn-hangzhou"
REBUILD_SECONDS = 2.0
PATIENCE_SECONDS = 20.0
PUSHED = "shop/web"
TAG = "v1"
TOKEN = "demo-token-0123456789"  # noqa: S105 - opens nothing but this demonstration


@dataclass(frozen=True)
class Story:
    """The caches of the story.

    Attributes:
        lists: name -> image list.
        rebuilt: names of the caches that list what is pushed.
    """

    lists: dict[str, list[str]]
    rebuilt: tuple[str, ...]


class Demo:
    """One run.

    Args:
        console: where it tells its story.
        cloud: running.
    """

    def __init__(self, console: Console, cloud: Cloud) -> None:
        self._console = console
        self._cloud = cloud
        self._started = time.monotonic()
        self._told = 0
        self._broken: list[str] = []

    def play(self, host: str, push: Callable[[str], None]) -> int:
        """Tell the story.

        Args:
            host: of the registry.
            push: pushes the image with the given content under the one tag.

        Returns:
            The exit code.
        """
        story = _story(host)
        ids = self._create(story)
        self._show("Image caches before", ids)
        for number, content in enumerate(("first build", "second build"), start=1):
            self._say(f"Push {number}: {host}/{PUSHED}:{TAG} ({content})")
            push(content)
            self._await_refresh(number, story)
            self._await_ready(ids)
        self._check(story, ids)
        self._show("Image caches after", ids)
        if self._broken:
            for sentence in self._broken:
                self._console.print(f"[red]Not as told:[/red] {sentence}", soft_wrap=True)
            return 1
        seconds = time.monotonic() - self._started
        self._console.print(f"[green]Every sentence of the story held.[/green] {seconds:.1f} s")
        return 0

    def _create(self, story: Story) -> dict[str, str]:
        self._cloud.control.settings(rebuild_seconds=REBUILD_SECONDS)
        return {
            name: self._cloud.control.create_cache(
                region_id=REGION, image_cache_name=name, images=images, tags={"team": "shop"}
            )
            for name, images in story.lists.items()
        }

    def _await_refresh(self, number: int, story: Story) -> None:
        """Wait for the records of one push, telling each as it comes."""
        wanted = number * len(story.rebuilt)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            outcomes = self._cloud.outcomes()
            self._tell(outcomes)
            done = sum(outcome["result"] == "refreshed" for outcome in outcomes)
            if done >= wanted:
                return
            if time.monotonic() > deadline:
                self._broken.append(f"push {number} refreshed {done} caches so far, not {wanted}")
                return
            time.sleep(0.05)

    def _await_ready(self, ids: dict[str, str]) -> None:
        """Wait until no cache is being rebuilt, telling each change of state."""
        seen: dict[str, str] = {}
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            states = {
                name: self._cloud.control.cache(identifier)["status"] for name, identifier in ids.items()
            }
            for name, status in states.items():
                if seen.get(name, "Ready") != status:
                    self._say(f"  {name}: {seen.get(name, 'Ready')} -> {status}")
            seen = states
            if set(states.values()) == {"Ready"}:
                return
            if time.monotonic() > deadline:
                self._broken.append(f"not all caches are Ready: {states}")
                return
            time.sleep(0.05)

    def _tell(self, outcomes: list[dict[str, Any]]) -> None:
        for outcome in outcomes[self._told :]:
            where = outcome.get("image_cache_name", "")
            took = f" in {outcome['duration_ms']:.0f} ms" if "duration_ms" in outcome else ""
            self._say(f"  {outcome['result']} {outcome['reason']} {where}{took}")
        self._told = len(outcomes)

    def _check(self, story: Story, ids: dict[str, str]) -> None:
        for name, identifier in ids.items():
            rebuilds = self._cloud.control.history(identifier)
            wanted = 2 if name in story.rebuilt else 0
            if len(rebuilds) != wanted:
                self._broken.append(f"{name} was updated {len(rebuilds)} times, not {wanted}")
            for rebuild in rebuilds:
                if rebuild["kind"] != "rebuild" or list(rebuild["images"]) != story.lists[name]:
                    self._broken.append(f"{name} was sent {rebuild['images']}, not {story.lists[name]}")
            if list(self._cloud.control.cache(identifier)["images"]) != story.lists[name]:
                self._broken.append(f"{name} has another list than before")

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


def run_demo(console: Console, code: Path) -> int:
    """Play the demonstration.

    Args:
        console: where it is told.
        code: the folder that is deployed.

    Returns:
        0 if every sentence of the story held, else 1.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="imc-refresh-demo-")))
        parameters = {"Regions": REGION, "WebhookTokens": TOKEN}
        cloud = stack.enter_context(Cloud(CloudConfig(folder / "cloud", code=code, parameters=parameters)))
        url = cloud.webhook_url("distribution", TOKEN)
        missing = missing_tools()
        if missing:
            console.print(f"No {', '.join(missing)} here: the registry's notification is played, not caused.")
            return Demo(console, cloud).play("127.0.0.1:5000", lambda content: _notify(url, content))
        registry = stack.enter_context(LocalRegistry(folder / "registry", {"imc-refresh": url}))
        console.print(f"A real registry at {registry.host} notifies the webhook of the local cloud.")
        return Demo(console, cloud).play(registry.host, lambda content: _push(registry, content))


def _story(host: str) -> Story:
    lists = {
        "web-and-sidecar": [f"{host}/shop/sidecar:v3", f"{host}/{PUSHED}:{TAG}", "docker.io/library/redis:7"],
        "web-alone": [f"{host}/{PUSHED}:{TAG}"],
        "web-other-tag": [f"{host}/{PUSHED}:v0"],
        "other-team-web": [f"{host}/blog/web:{TAG}"],
        "other-registry-web": [f"registry.{REGION}.aliyuncs.com/{PUSHED}:{TAG}"],
    }
    return Story(lists, ("web-and-sidecar", "web-alone"))


def _push(registry: LocalRegistry, content: str) -> None:
    registry.push(PUSHED, TAG, content=content)


def _notify(url: str, content: str) -> None:
    """Play the notification that the registry sends after such a push."""
    digest = f"sha256:{hashlib.sha256(content.encode()).hexdigest()}"
    event = {
        "id": str(uuid.uuid4()),
        "timestamp": datetime.now(timezone.utc).isoformat().replace("+00:00", "Z"),
        "action": "push",
        "target": {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": digest,
            "repository": PUSHED,
            "url": f"http://127.0.0.1:5000/v2/{PUSHED}/manifests/{digest}",
            "tag": TAG,
        },
        "request": {"host": "127.0.0.1:5000", "method": "PUT"},
    }
    answer = httpx.post(
        url,
        content=json.dumps({"events": [event]}),
        headers={"content-type": "application/vnd.docker.distribution.events.v1+json"},
        trust_env=False,
        timeout=PATIENCE_SECONDS,
    )
    answer.raise_for_status()
