"""The command ``python -m deploy package``: its options, what it prints, its exit status.

Must not know how a package is made.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from .build import build_package
from .errors import PackageError
from .report import show
from .runtimes import DEFAULT_RUNTIME, RUNTIMES

__all__ = ["run"]

ROOT = Path(__file__).parents[2]
_SUFFIX = ".zip"
_SIGNAL_BASE = 128
"""What a shell adds to the number of the signal that ended a program."""


def run(arguments: Sequence[str]) -> int:
    """Make a package as the options say; returns the exit status."""
    options = _parser().parse_args(arguments)
    output: Path = options.output or ROOT / "dist" / f"imc-refresh-{options.runtime}{_SUFFIX}"
    errors = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)
    # A termination unwinds the stack, so that temporary folders and child processes go too.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(_SIGNAL_BASE + number))
    try:
        report = build_package(
            ROOT,
            RUNTIMES[options.runtime],
            output,
            interpreter=options.python,
            bytecode=options.pyc,
            rules=options.rules,
            ca_file=options.ca_file,
        )
    except (PackageError, OSError) as error:
        errors.print(f"error: {error}")
        return 1
    show(report, Console())
    for warning in report.warnings:
        errors.print(f"warning: {warning}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deploy package", description="Make the zip file that Function Compute runs."
    )
    parser.add_argument("--runtime", choices=RUNTIMES, default=DEFAULT_RUNTIME, help="(%(default)s)")
    parser.add_argument(
        "--output",
        type=_zip_file,
        metavar="FILE",
        help="(dist/imc-refresh-<runtime>.zip); a .json goes beside it",
    )
    parser.add_argument(
        "--no-pyc", action="store_false", dest="pyc", help="do not compile the modules for the runtime"
    )
    parser.add_argument(
        "--python",
        type=Path,
        metavar="FILE",
        help="an interpreter of the runtime's version, which compiles them (one that this machine has)",
    )
    parser.add_argument(
        "--rules",
        type=Path,
        metavar="FILE",
        help="a file with rules, which is checked and put into the package as rules.json (none)",
    )
    parser.add_argument(
        "--ca-file",
        type=Path,
        metavar="FILE",
        help="certificate authorities (PEM) of registries of your own, put into the package as ca.pem (none)",
    )
    return parser


def _zip_file(text: str) -> Path:
    path = Path(text)
    if path.suffix != _SUFFIX:
        raise argparse.ArgumentTypeError(f"a name that ends in {_SUFFIX} is expected, {text!r} found")
    return path
