"""The stage of the demonstration: a local cloud and a registry. Must not know what is played."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from ..cloud.cloud import Cloud, CloudConfig
from ..cloud.config import Switches
from ..fc.dispatcher import RetryPolicy
from ..registry.docker_registry import LocalRegistry, missing_tools
from ..registry.notification import play_notification
from .picture import save_picture
from .story import REGION, Demo

__all__ = ["run_demo"]

REBUILD_SECONDS = 7.0
"""Long beside the burst, as it is in the cloud."""
TIME_FACTOR = 30.0
"""Pauses between attempts pass this much faster."""
FOLLOW_BASE_SECONDS = 1
"""Thirty times less than as deployed, so that minutes of waiting take seconds here."""
PLAYED_HOST = "127.0.0.1:5000"
TOKEN = "demo-token-0123456789"  # noqa: S105 - opens nothing but this demonstration


def run_demo(  # noqa: PLR0913 - an argument for each option
    console: Console,
    code: Path,
    *,
    interpreter: Path,
    runtime: str | None,
    switches: Switches,
    picture: Path | None,
) -> int:
    """Play the demonstration.

    Args:
        console: where it is printed.
        code: the folder, or the package, that is deployed.
        interpreter: the Python of the functions.
        runtime: of the functions; None for the template's default.
        switches: how the servers behave.
        picture: a file for a picture of the story, if every sentence of it held; None for none.

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
            demo = _with_played_registry(console, cloud)
        else:
            demo = _with_real_registry(console, cloud, folder, stack)
        exit_code = demo.play()
    if picture is not None and exit_code == 0:
        save_picture(demo.told, picture)
    return exit_code


def _with_played_registry(console: Console, cloud: Cloud) -> Demo:
    url = cloud.webhook_url("distribution", TOKEN, PLAYED_HOST)

    def push(image: str, content: str) -> str:
        return play_notification(url, PLAYED_HOST, image, content)

    return Demo(console, cloud, PLAYED_HOST, push)


def _with_real_registry(console: Console, cloud: Cloud, folder: Path, stack: ExitStack) -> Demo:
    endpoints: dict[str, str] = {}
    registry = LocalRegistry(folder / "registry", endpoints)
    # Who sets a webhook up names the registry in its URL: the host in a notification is the pusher's.
    endpoints["imc-refresh"] = cloud.webhook_url("distribution", TOKEN, registry.host)
    stack.enter_context(registry)
    console.print(f"A real registry at {registry.host} notifies the webhook of the local cloud.")

    def push(image: str, content: str) -> str:
        repository, _, tag = image.partition(":")
        return registry.push(repository, tag, content=content)

    return Demo(console, cloud, registry.host, push)
