"""``python -m deploy``: build the package, check the template, create, update and remove a stack."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module

USAGE = """usage: python -m deploy COMMAND [OPTION ...]

  package  build the zip that Function Compute runs
  lint     check template.yml against the official property lists, the code and the rights it needs

Each prints a script of the vendor's commands, and runs it with --run:
  create   create a stack; one that was begun is completed
  diff     show what an update would change, and change nothing
  update   show what changes, and change it
  remove   remove a stack, with the logs and the on-failure queue in it

python -m deploy COMMAND --help tells the options."""


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit status."""
    name, *rest = arguments or ["--help"]
    if name in {"-h", "--help"}:
        print(USAGE)
        return 0 if arguments else 2
    command = _command(name)
    if command is None:
        print(f"error: there is no command {name!r}\n{USAGE}", file=sys.stderr)
        return 2
    return command(rest)


def _command(name: str) -> Callable[[Sequence[str]], int] | None:
    """The command's function; only the modules of that one are imported."""
    if name in {"package", "lint"}:
        run: Callable[..., int] = import_module(f".{name}.command", __package__).run
        return run
    if name in {"create", "diff", "update", "remove"}:
        return partial(import_module(".stack.command", __package__).run, name)
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
