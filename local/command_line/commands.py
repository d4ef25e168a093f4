"""The command ``python -m local``: serves the local cloud, and looks into one that is served.

Must not know how anything is served: ``cloud.cloud`` starts it, and its administration over HTTP reports the
rest.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from ..base.database import StateVersionError
from ..base.loopback import LOOPBACK
from ..base.state_folder import NothingServedError, StateInUseError, read_endpoints
from ..cloud.cloud import Cloud, CloudConfig
from ..cloud.config import Switches
from ..cloud.package_code import CodeError
from ..demo.run import run_demo
from ..eci.control import ControlError, EciControl
from ..fc.control import FcControl, FcControlError
from ..registry.docker_registry import RegistryError
from ..template.document import TemplateError
from .arguments import parser

__all__ = ["main"]

_FOLLOW_SECONDS = 0.5
_PIPE = 10_000
_REGISTRY = "127.0.0.1:5000"
"""The registry that the shown webhook of a registry is for, as its URL has to name one."""


class CommandError(RuntimeError):
    """Raised when a command cannot do what it is asked; the text says why, for a person."""


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit status."""
    options = parser().parse_args(arguments)
    try:
        return _COMMANDS[options.command](options) or 0
    except (
        CommandError,
        CodeError,
        TemplateError,
        NothingServedError,
        StateInUseError,
        StateVersionError,
        ControlError,
        FcControlError,
        RegistryError,
        httpx.HTTPError,
        OSError,
    ) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _up(options: argparse.Namespace) -> None:
    parameters = dict(options.parameters)
    if options.runtime is not None:
        parameters["Runtime"] = options.runtime
    config = CloudConfig(
        state=options.state,
        switches=_switches(options),
        parameters=parameters,
        template=options.template,
        code=options.code,
        interpreter=options.python,
        fresh_process=options.fresh_process,
        timers=True,
        port_base=options.port_base,
    )
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with Cloud(config) as cloud:
        _show_urls(cloud)
        note = cloud.note()
        if note is not None:
            print(f"note: {note}")
        print("ready", flush=True)
        stop.wait()
        print("stopping", flush=True)


def _show_urls(cloud: Cloud) -> None:
    rows = [("ECI", cloud.eci_url), ("Function Compute", cloud.fc_url), ("EventBridge", cloud.events_url)]
    rows += [(f"HTTP trigger {name}", url) for name, url in cloud.http_urls.items()]
    if "webhook" in cloud.http_urls:
        rows.append(("webhook of ACR", cloud.webhook_url("acr")))
        rows.append((f"webhook of {_REGISTRY}", cloud.webhook_url("distribution", registry=_REGISTRY)))
    if "manual" in cloud.http_urls:
        rows.append(("manual, without signature", cloud.unsigned_url("manual")))
    for name, url in rows:
        # Not a table: a URL must not be wrapped, so that it can be copied.
        print(f"{name:26} {url}")


def _demo(options: argparse.Namespace) -> int:
    return run_demo(
        Console(),
        options.code,
        interpreter=options.python,
        runtime=options.runtime,
        switches=_switches(options),
        picture=options.svg,
    )


def _switches(options: argparse.Namespace) -> Switches:
    return Switches(eci=dict(options.eci_switches), fc=dict(options.fc_switches))


def _caches(options: argparse.Namespace) -> None:
    with _eci(options) as eci:
        caches = eci.caches()
    rows = (
        (
            one["region_id"],
            one["image_cache_id"],
            one["image_cache_name"],
            one["status"],
            str(one["progress"]),
            "\n".join(one["images"]),
        )
        for one in caches
    )
    _show(("region", "id", "name", "status", "progress", "images"), rows)


def _seed(options: argparse.Namespace) -> None:
    document = _read_json(options.file)
    with _eci(options) as eci:
        for image_cache_id in eci.create_caches(document if isinstance(document, list) else [document]):
            print(image_cache_id)


def _fire(options: argparse.Namespace) -> None:
    with _fc(options) as fc:
        print(fc.fire_timer(options.trigger))


def _send_event(options: argparse.Namespace) -> None:
    response = httpx.post(
        read_endpoints(options.state)["events"], json=_read_json(options.file), **LOOPBACK, timeout=30.0
    )
    print(json.dumps(response.json(), indent=2))
    if response.status_code != httpx.codes.OK or response.json()["FailedEntryCount"]:
        raise CommandError("not all events were taken")


def _logs(options: argparse.Namespace) -> None:
    after: int = options.after
    stop = threading.Event()
    if options.follow:
        signal.signal(signal.SIGINT, lambda *_: stop.set())
    with _fc(options) as fc:
        while True:
            for line in fc.logs(after=after):
                moment = datetime.fromtimestamp(line["at"]).astimezone().strftime("%H:%M:%S.%f")[:-3]
                print(f"{moment} {line['function']} {line['request_id']} {line['line']}", flush=True)
                after = line["number"]
            if not options.follow or stop.wait(_FOLLOW_SECONDS):
                return


def _dead_letters(options: argparse.Namespace) -> None:
    with _fc(options) as fc:
        letters = fc.dead_letters()
    if options.json:
        print(json.dumps(letters, indent=2))
        return
    rows = (
        (one["function"], one["source"], str(one["attempts"]), one["queue"] or "(none)", one["error"])
        for one in letters
    )
    _show(("function", "source", "attempts", "queue", "last error"), rows)


def _queues(options: argparse.Namespace) -> None:
    with _fc(options) as fc:
        shown = {name: fc.queue_messages(name) for name in _queue_names(options, fc)}
    print(json.dumps(shown, indent=2))


def _redrive(options: argparse.Namespace) -> None:
    kept = []
    with _fc(options) as fc:
        for name in _queue_names(options, fc):
            for one in fc.redrive(name):
                if one["error"] is None:
                    print(f"{one['message_id']} {one['function']} {one['request_id']}")
                else:
                    kept.append(f"{one['message_id']} of {name}: {one['error']}")
    if kept:
        raise CommandError(f"still in its queue: {'; '.join(kept)}")


def _queue_names(options: argparse.Namespace, fc: FcControl) -> list[str]:
    return list(fc.queues()) if options.queue is None else [options.queue]


def _eci(options: argparse.Namespace) -> closing[EciControl]:
    return closing(EciControl(read_endpoints(options.state)["eci"]))


def _fc(options: argparse.Namespace) -> closing[FcControl]:
    return closing(FcControl(read_endpoints(options.state)["fc"]))


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CommandError(f"{path}: JSON is expected: {error}") from None


def _show(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = Table(box=None, header_style="bold")
    for column in columns:
        # An id or a reference that is cut is of no use: it is folded instead.
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    # A pipe has no width: a row is a line there, so that it can be searched.
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PIPE
    Console(markup=False, highlight=False, width=width).print(table)


_COMMANDS: dict[str, Callable[[argparse.Namespace], int | None]] = {
    "caches": _caches,
    "dead-letters": _dead_letters,
    "demo": _demo,
    "fire": _fire,
    "logs": _logs,
    "queues": _queues,
    "redrive": _redrive,
    "seed": _seed,
    "send-event": _send_event,
    "up": _up,
}
