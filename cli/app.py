"""The command ``imc-refresh`` and the list of its commands; each is imported when it is called."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, NamedTuple

import click

from .output import UnwritableError
from .problem import EXIT_CODES, WRONG, Problem


class Entry(NamedTuple):
    """Where a command is, the line that the help shows of it, and whether it may change something."""

    module: str
    help: str
    changes: bool = False


COMMANDS: dict[str, Entry] = {
    "plan": Entry(".pushes.plan", "What a push would do, cache by cache, and why."),
    "why": Entry(".pushes.why", "What decides about one cache: rules in order, memory, limits."),
    "status": Entry(".state.status", "How the image caches stand, those first that need a person."),
    "trace": Entry(
        ".history.trace", "What happened to a push: received, decided, deferred, updated, landed."
    ),
    "records": Entry(".history.records", "What the functions recorded, as a table or as JSON."),
    "report": Entry(".report.command", "What happened in a time, as one HTML file."),
    "failures": Entry(".failures.command", "What failed for good: look, send again, drop.", changes=True),
    "refresh": Entry(".act.refresh", "Rebuild image caches now.", changes=True),
    "rollback": Entry(".act.rollback", "Give a cache an earlier list, and hold it so.", changes=True),
    "hold": Entry(".act.hold", "Hold image caches as they are.", changes=True),
    "release": Entry(".act.release", "Let go of image caches that are held.", changes=True),
    "approve": Entry(".act.approve", "Let a list in that waits for a person.", changes=True),
    "rules": Entry(".rules.command", "Check rules, and say what they mean."),
    "doctor": Entry(".doctor.command", "Ask the account what is wrong with a stack, and what mends it."),
    "deploy": Entry(".deploy", "Create, compare, update or remove a stack."),
}


class _PerhapsDoneError(Problem):
    """Raised where it cannot be told what became of what was asked for."""

    exit_code = WRONG


class Commands(click.Group):
    """Commands by name; the help of all of them imports none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order in which a person needs them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; the module has it under the name ``command``."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command = import_module(COMMANDS[cmd_name].module, __package__).command
        assert isinstance(command, click.Command)  # noqa: S101 - for the type
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run one command; what ends it from outside is told by the exit code too.

        A command that acts tells by itself what was done until it was stopped, once it has begun.
        """
        if sys.stdout is None:
            raise Problem("there is no standard output for the answer: it is closed")
        try:
            return super().invoke(ctx)
        except (EOFError, click.Abort):
            raise Problem("stopped") from None
        except (KeyboardInterrupt, UnwritableError) as error:
            # Of a command that acts it cannot be said that nothing was asked for.
            changes = ctx.invoked_subcommand and COMMANDS[ctx.invoked_subcommand].changes
            raise (_PerhapsDoneError if changes else Problem)(str(error) or "stopped") from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, a line each."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


_EXAMPLE = """\b
Example:
  imc-refresh status --region cn-hangzhou"""


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=f"{_EXAMPLE}\n\nExit codes: {EXIT_CODES}",
)
@click.version_option(package_name="imc-refresh", prog_name="imc-refresh")
def app() -> None:
    """Questions about ECI image caches and the pushes that keep them fresh, each one command."""
