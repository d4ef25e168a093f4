"""Runs pip in a process of its own, and says in a sentence what failed. Must not know what is fetched."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from .errors import PackageError

__all__ = ["run_pip"]

_SECONDS = 900.0
_ZIP_EPOCH = "315532800"
"""1980-01-01, the first moment that a zip file can name, in seconds since 1970."""
_MOST_LINES = 6


def run_pip(purpose: str, arguments: Sequence[str], *, work: Path, modules: Path | None = None) -> None:
    """Run pip of this interpreter.

    Args:
        purpose: what for, for the message of an error.
        arguments: the command and its options.
        work: a folder for pip's temporary files.
        modules: a folder whose modules are found before all others, by pip and by what it starts.

    Raises:
        PackageError: it ends with an error, or not within 15 minutes.
    """
    environment = {
        **os.environ,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "PYTHONHASHSEED": "0",
        # Built wheels hold no time of this machine.
        "SOURCE_DATE_EPOCH": _ZIP_EPOCH,
        "TMPDIR": str(work),
        # The folder that this program was started in, or a variable, must not bring modules of its own.
        "PYTHONPATH": "" if modules is None else str(modules),
        "PYTHONSAFEPATH": "1",
    }
    try:
        done = subprocess.run(  # noqa: S603 - pip of this interpreter
            [sys.executable, "-m", "pip", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise PackageError(f"{purpose}: pip did not end within {_SECONDS:.0f} seconds") from None
    if done.returncode:
        raise PackageError(f"{purpose}: {_reason(done.stderr)}")


def _reason(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    reason = " | ".join((errors or lines)[-_MOST_LINES:]) or "pip failed and said nothing"
    # pip says the same of an index that does not answer and of one that does not know the package.
    if "from versions: none" in text or "Retrying (" in text:
        reason += " | The package index was not reached, or does not have the package: see pip's settings"
    return reason
