"""Asks git whether files are as they were committed. Must not know what the files mean."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .errors import PackageError

__all__ = ["UncommittedError", "check_committed"]

_SECONDS = 30.0


class UncommittedError(PackageError):
    """Raised when a file has changes that are not committed."""


def check_committed(root: Path, names: Sequence[str]) -> str | None:
    """Check that files have no uncommitted changes.

    Args:
        root: the top folder of the source tree.
        names: of the files, relative to it.

    Returns:
        None, or why it was not checked: a downloaded archive is not a git work tree.

    Raises:
        UncommittedError: a file is changed, or not in git at all.
    """
    top = _git(root, "rev-parse", "--show-toplevel")
    if top is None or Path(top.strip()).resolve() != root.resolve():
        return "this is no git work tree, or there is no git"
    status = _git(root, "status", "--porcelain", "--", *names)
    if status is None:
        return "git does not tell the state of the work tree"
    if changed := [line[3:] for line in status.splitlines()]:
        raise UncommittedError(
            f"{', '.join(changed)}: has changes that are not committed, so that the package"
            " could not be made again; commit them, or allow it with --allow-uncommitted"
        )
    return None


def _git(root: Path, *arguments: str) -> str | None:
    # A hook of git sets GIT_DIR and more of the kind, which would speak of another work tree.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(  # noqa: S603 - fixed program, arguments of our own
            ["git", *arguments],  # noqa: S607 - found on PATH on purpose
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
