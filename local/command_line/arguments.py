"""The command line of ``python -m local``: its commands and their options. Must not know what they do."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import Any

from ..base.switches import SwitchError, parse, table
from ..cloud.config import ROOT
from ..eci.settings import Settings as EciSettings
from ..fc.settings import Settings as FcSettings
from ..fc.specs import RUNTIMES

__all__ = ["assignment", "parser", "switch_options", "switch_value"]

DEFAULT_STATE = Path(".local")
_PORTS = range(1, (1 << 16) - 16)
_A_SEED = """\
A cache has at least these three members:

  {"region_id": "cn-hangzhou", "image_cache_name": "web",
   "images": ["registry-vpc.cn-hangzhou.aliyuncs.com/shop/web:v1.3.2"]}

and perhaps image_cache_id, status (Ready; Failed, UpdateFailed, ...), tags (an object), events, builds."""
_AN_EVENT = """\
A push to the Enterprise Edition of the vendor's registry, of which on-push hears:

  {"id": "1", "specversion": "1.0", "source": "acs.cr", "type": "cr:Artifact:PushCompleted",
   "time": "2026-03-02T02:15:30Z",
   "data": {"InstanceId": "cri-example", "InstanceName": "acme", "RegionId": "cn-hangzhou",
            "RepoNamespaceName": "shop", "RepoName": "web", "Tag": "v1.3.2"}}

A push to acme-registry.cn-hangzhou.cr.aliyuncs.com/shop/web:v1.3.2, that is."""


def parser() -> argparse.ArgumentParser:
    """The parser; ``command`` in its result is the name of the command."""
    top = argparse.ArgumentParser(prog="python -m local", description="The cloud on a laptop.")
    state = argparse.ArgumentParser(add_help=False)
    state.add_argument(
        "--state",
        type=Path,
        default=DEFAULT_STATE,
        metavar="DIR",
        help="the folder that the servers' memory is in (%(default)s)",
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND", dest="command")

    def add(
        name: str, text: str, *parents: argparse.ArgumentParser, after: str | None = None
    ) -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=text,
            description=text,
            parents=parents,
            epilog=after,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    tables = (
        "Switches: what nobody knows of the cloud is one way or the other.\n\n"
        f"ECI (--eci-switch), with the defaults:\n{table(EciSettings())}\n\n"
        f"Function Compute (--fc-switch), with the defaults:\n{table(FcSettings())}"
    )
    demo = add("demo", "Play the main job and check its story.", _code(), switch_options(), after=tables)
    demo.add_argument("--svg", type=Path, metavar="FILE", help="write a picture of it, if its story held")
    serving = "Serve ECI, Function Compute and EventBridge until Ctrl-C."
    up = add("up", serving, state, _code(), switch_options(), after=tables)
    up.add_argument("--port-base", type=_port, metavar="N", help="use the ports from N on (any free ones)")
    up.add_argument(
        "--template", type=Path, default=ROOT / "template.yml", metavar="FILE", help="the ROS template"
    )
    up.add_argument(
        "--fresh-process", action="store_true", help="a new process for each invocation: all starts are cold"
    )
    up.add_argument(
        "--set",
        action="append",
        default=[],
        type=assignment,
        dest="parameters",
        metavar="NAME=VALUE",
        help="a parameter of the template",
    )
    add("caches", "List the image caches.", state)
    creates = "Create image caches, or replace those with the same id."
    seed = add("seed", creates, state, after=_A_SEED)
    seed.add_argument("file", type=Path, help="a JSON object or an array of them")
    fire = add("fire", "Fire a timer trigger now.", state)
    fire.add_argument("trigger", help="the trigger's name")
    send = add("send-event", "Send CloudEvents to EventBridge.", state, after=_AN_EVENT)
    send.add_argument("file", type=Path, help="a JSON object or an array of them")
    logs = add("logs", "Show what the functions wrote.", state)
    logs.add_argument("--after", type=int, default=0, metavar="N", help="from the line after number N on")
    logs.add_argument("--follow", action="store_true", help="go on until Ctrl-C")
    dead = add("dead-letters", "List the events that were given up.", state)
    dead.add_argument("--json", action="store_true", help="all that is known, as JSON")
    queues = add("queues", "Show the messages of the queues, as JSON.", state)
    redrive = add("redrive", "Send each failed event of a queue to its function again.", state)
    for command in (queues, redrive):
        command.add_argument("--queue", metavar="NAME", help="of this queue only (all)")
    return top


def _code() -> argparse.ArgumentParser:
    """What runs, and on what."""
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument(
        "--code",
        type=Path,
        default=ROOT / "functions",
        metavar="PATH",
        help="what is deployed: a folder, or a package, which then runs isolated (%(default)s)",
    )
    options.add_argument(
        "--python",
        type=Path,
        default=Path(sys.executable),
        metavar="FILE",
        help="the interpreter of the functions; for a folder it must have their dependencies (this one)",
    )
    options.add_argument("--runtime", choices=RUNTIMES, help="the functions' runtime (the template's)")
    return options


def switch_options() -> argparse.ArgumentParser:
    """How the servers behave: a parser for another one's ``parents``."""
    options = argparse.ArgumentParser(add_help=False)
    for name, defaults in (("eci", EciSettings()), ("fc", FcSettings())):
        options.add_argument(
            f"--{name}-switch",
            action="append",
            default=[],
            type=partial(switch_value, defaults),
            dest=f"{name}_switches",
            metavar="NAME=VALUE",
            help="how the server behaves; see below",
        )
    return options


def switch_value(defaults: EciSettings | FcSettings, text: str) -> tuple[str, Any]:
    """A switch as it is given on a command line: its name, and the value in its type.

    Raises:
        argparse.ArgumentTypeError: it has another form, an unknown name, or a value that it cannot have.
    """
    try:
        return parse(defaults, text)
    except SwitchError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) not in _PORTS:
        raise argparse.ArgumentTypeError(
            f"a port from {_PORTS[0]} to {_PORTS[-1]} is expected, {text!r} found"
        )
    return int(text)


def assignment(text: str) -> tuple[str, str]:
    """A parameter of the template as it is given on a command line: ``NAME=VALUE``.

    Raises:
        argparse.ArgumentTypeError: it has another form.
    """
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"NAME=VALUE is expected, {text!r} found")
    return name, value
