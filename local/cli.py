"""The command ``python -m local``: serves the local cloud, and looks into one that is served.

Must not know how anything is served: ``cloud`` starts it, and its administration over HTTP tells the rest.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from .cloud import ROOT, Cloud, CloudConfig, CodeError
from .demo import run_demo
from .eci.control import ControlError, EciControl
from .fc.control import FcControl, FcControlError
from .fc.specs import RUNTIMES
from .registry import RegistryError
from .state import NothingServedError, StateInUseError, read_endpoints
from .template import TemplateError

__all__ = ["main"]

DEFAULT_STATE = Path(".local")
_FOLLOW_SECONDS = 0.5


class CommandError(RuntimeError):
    """Raised when a command cannot do what it is asked; the text says why, for a person."""


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit status."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int | None] = options.command
    try:
        return command(options) or 0
    except (
        CommandError,
        CodeError,
        TemplateError,
        NothingServedError,
        StateInUseError,
        ControlError,
        FcControlError,
        RegistryError,
        httpx.HTTPError,
        OSError,
    ) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description="The cloud on a laptop.")
    state = argparse.ArgumentParser(add_help=False)
    state.add_argument(
        "--state",
        type=Path,
        default=DEFAULT_STATE,
        metavar="DIR",
        help="the folder that the servers' memory is in (%(default)s)",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(
        name: str, command: Callable[[argparse.Namespace], int | None], text: str
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text, parents=[state])
        added.set_defaults(command=command)
        return added

    demo = commands.add_parser("demo", help="play the main job and check its story")
    demo.set_defaults(command=_demo)
    demo.add_argument("--code", type=Path, default=ROOT / "functions", metavar="DIR", help="what is deployed")
    up = add("up", _up, "Serve ECI, Function Compute and EventBridge until Ctrl-C.")
    up.add_argument("--port-base", type=int, metavar="N", help="use the ports from N on (any free ones)")
    up.add_argument("--code", type=Path, default=ROOT / "functions", metavar="DIR", help="what is deployed")
    up.add_argument(
        "--template", type=Path, default=ROOT / "template.yml", metavar="FILE", help="the ROS template"
    )
    up.add_argument("--runtime", choices=RUNTIMES, help="the functions' runtime: the shape of their context")
    up.add_argument(
        "--python",
        type=Path,
        default=Path(sys.executable),
        metavar="FILE",
        help="the interpreter of the functions; it must have their dependencies (this one)",
    )
    up.add_argument(
        "--fresh-process", action="store_true", help="a new process for each invocation: all starts are cold"
    )
    up.add_argument(
        "--set",
        action="append",
        default=[],
        type=_assignment,
        dest="parameters",
        metavar="NAME=VALUE",
        help="a parameter of the template",
    )
    add("caches", _caches, "List the image caches.")
    seed = add("seed", _seed, "Create image caches, or replace those with the same id.")
    seed.add_argument("file", type=Path, help="a JSON object or an array of them")
    fire = add("fire", _fire, "Fire a timer trigger now.")
    fire.add_argument("trigger", help="the trigger's name")
    send = add("send-event", _send_event, "Send CloudEvents to EventBridge.")
    send.add_argument("file", type=Path, help="a JSON object or an array of them")
    logs = add("logs", _logs, "Show what the functions wrote.")
    logs.add_argument("--after", type=int, default=0, metavar="N", help="from the line after number N on")
    logs.add_argument("--follow", action="store_true", help="go on until Ctrl-C")
    dead = add("dead-letters", _dead_letters, "List the events that were given up.")
    dead.add_argument("--json", action="store_true", help="all that is known, as JSON")
    add("queues", _queues, "List the messages of the on-failure queue.")
    add("redrive", _redrive, "Send each event of the on-failure queue to its function again.")
    return parser


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"NAME=VALUE is expected, {text!r} found")
    return name, value


def _up(options: argparse.Namespace) -> None:
    parameters = dict(options.parameters)
    if options.runtime is not None:
        parameters["Runtime"] = options.runtime
    config = CloudConfig(
        state=options.state,
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
        print("ready", flush=True)
        stop.wait()
        print("stopping", flush=True)


def _show_urls(cloud: Cloud) -> None:
    rows = [("ECI", cloud.eci_url), ("Function Compute", cloud.fc_url), ("EventBridge", cloud.events_url)]
    rows += [(f"HTTP trigger {name}", url) for name, url in cloud.http_urls.items()]
    if "webhook" in cloud.http_urls:
        rows.append(("webhook of ACR", cloud.webhook_url("acr")))
        rows.append(("webhook of a registry", cloud.webhook_url("distribution")))
    if "manual" in cloud.http_urls:
        rows.append(("manual, without signature", cloud.unsigned_url("manual")))
    for name, url in rows:
        # Not a table: a URL must not be wrapped, so that it can be copied.
        print(f"{name:26} {url}")


def _demo(options: argparse.Namespace) -> int:
    return run_demo(Console(), options.code)


def _caches(options: argparse.Namespace) -> None:
    caches = _eci(options).caches()
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
    for image_cache_id in _eci(options).create_caches(document if isinstance(document, list) else [document]):
        print(image_cache_id)


def _fire(options: argparse.Namespace) -> None:
    print(_fc(options).fire_timer(options.trigger))


def _send_event(options: argparse.Namespace) -> None:
    response = httpx.post(
        read_endpoints(options.state)["events"], json=_read_json(options.file), trust_env=False, timeout=30.0
    )
    print(json.dumps(response.json(), indent=2))
    if response.status_code != httpx.codes.OK or response.json()["FailedEntryCount"]:
        raise CommandError("not all events were taken")


def _logs(options: argparse.Namespace) -> None:
    control = _fc(options)
    after: int = options.after
    stop = threading.Event()
    if options.follow:
        signal.signal(signal.SIGINT, lambda *_: stop.set())
    while True:
        for line in control.logs(after=after):
            moment = datetime.fromtimestamp(line["at"]).astimezone().strftime("%H:%M:%S.%f")[:-3]
            print(f"{moment} {line['function']} {line['request_id']} {line['line']}", flush=True)
            after = line["number"]
        if not options.follow or stop.wait(_FOLLOW_SECONDS):
            return


def _dead_letters(options: argparse.Namespace) -> None:
    letters = _fc(options).dead_letters()
    if options.json:
        print(json.dumps(letters, indent=2))
        return
    rows = ((one["function"], one["source"], str(one["attempts"]), one["error"]) for one in letters)
    _show(("function", "source", "attempts", "last error"), rows)


def _queues(options: argparse.Namespace) -> None:
    print(json.dumps(_fc(options).queue_messages(), indent=2))


def _redrive(options: argparse.Namespace) -> None:
    control = _fc(options)
    for message in control.queue_messages():
        print(control.redrive(message["number"]))


def _eci(options: argparse.Namespace) -> EciControl:
    return EciControl(read_endpoints(options.state)["eci"])


def _fc(options: argparse.Namespace) -> FcControl:
    return FcControl(read_endpoints(options.state)["fc"])


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
    Console(markup=False, highlight=False).print(table)
