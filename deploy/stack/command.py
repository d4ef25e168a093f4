"""The commands ``python -m deploy create``, ``diff``, ``update`` and ``remove``: options and exit status."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from local.command_line.arguments import assignment

from .action import ACTIONS, SECRETS, Action, StackError
from .package import read_package
from .script import run_script, stack_script

__all__ = ["run"]


def run(verb: str, arguments: Sequence[str]) -> int:
    """Print a script, or run it with ``--run``; returns the exit status."""
    options = _parser(verb).parse_args(arguments)
    removes = verb == "remove"
    try:
        action = Action(
            verb=verb,
            name=options.stack,
            region=options.region,
            bucket="" if removes else options.bucket,
            parameters={} if removes else dict(options.parameters),
            secrets={} if removes else _secrets(options.secrets),
            replace=tuple(getattr(options, "replace", ())),
        )
        script = stack_script(action, None if removes else read_package(options.package))
    except StackError as error:
        print("\n".join(f"error: {line}" for line in str(error).splitlines()), file=sys.stderr)
        return 1
    if options.run:
        return run_script(script)
    print(script, end="")
    return 0


def _secrets(names: Sequence[str]) -> dict[str, str]:
    values = {name: os.environ.get(SECRETS[name], "") for name in names}
    if missing := [name for name, value in values.items() if not value]:
        expected = "; ".join(f"{SECRETS[name]}: has to hold {name}, and is not set" for name in missing)
        raise StackError(expected)
    return values


def _parser(verb: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m deploy {verb}",
        description=f"{ACTIONS[verb].capitalize()}. Prints a script of the vendor's commands.",
    )
    parser.add_argument("--run", action="store_true", help="run the script instead")
    parser.add_argument("--region", required=True, help="such as cn-hangzhou")
    parser.add_argument("--stack", default="imc-refresh", metavar="NAME", help="(%(default)s)")
    if verb == "remove":
        return parser
    parser.add_argument("--bucket", required=True, help="an OSS bucket there, for package and template")
    parser.add_argument(
        "--package",
        type=Path,
        default=Path("dist/imc-refresh-python3.12.zip"),
        metavar="FILE",
        help="what `make package` built (%(default)s)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        type=assignment,
        dest="parameters",
        metavar="NAME=VALUE",
        help="a parameter of the template; one that is not given keeps its value, or has its default",
    )
    for name, option in (("WebhookTokens", "--webhook"), ("RegistryPassword", "--registry-password")):
        parser.add_argument(
            option,
            action="append_const",
            const=name,
            default=[],
            dest="secrets",
            help=f"with {name}, whose value is in the environment variable {SECRETS[name]}",
        )
    if verb == "update":
        parser.add_argument(
            "--replace",
            action="append",
            default=[],
            metavar="RESOURCE",
            help="a resource of the template that may be replaced, with all that is in it",
        )
    return parser
