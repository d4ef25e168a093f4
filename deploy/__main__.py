"""``python -m deploy``: build the package, check the template, print the commands that deploy it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

USAGE = """usage: python -m deploy COMMAND [OPTION ...]

  package   build the zip that Function Compute runs
  lint      check template.yml against the official property lists, the code and the rights it needs
  commands  print the vendor's commands that create, update or remove a stack

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
    if name == "package":
        from .package.command import run as package  # noqa: PLC0415

        return package
    if name == "lint":
        from .lint.command import run as lint  # noqa: PLC0415

        return lint
    if name == "commands":
        from .commands import run as commands  # noqa: PLC0415

        return commands
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
