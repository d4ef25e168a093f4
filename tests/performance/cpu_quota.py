"""Runs a command with a share of a CPU, as an instance of a function has it.

The kernel holds the quota, where this process may make control groups (version 1 or 2). Must not know what
is run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["quota"]

PERIOD_MICROSECONDS = 100_000
"""The kernel's own default; that of the platform is not known."""
_ROOT = Path("/sys/fs/cgroup")


@contextmanager
def quota(cpu: float) -> Iterator[list[str] | None]:
    """What to put before a command to give it that share of one CPU, for the length of the block.

    Yields:
        The words, or None where no quota can be had.
    """
    folder = _ROOT / ("cpu" if (_ROOT / "cpu").is_dir() else "") / f"imc-refresh-{os.getpid()}"
    limit = int(cpu * PERIOD_MICROSECONDS)
    settings = (
        {"cpu.cfs_period_us": f"{PERIOD_MICROSECONDS}", "cpu.cfs_quota_us": f"{limit}"}
        if (_ROOT / "cpu").is_dir()
        else {"cpu.max": f"{limit} {PERIOD_MICROSECONDS}"}
    )
    try:
        folder.mkdir()
    except OSError:
        yield None
        return
    try:
        yield _prefix(folder, settings)
    finally:
        folder.rmdir()


def _prefix(folder: Path, settings: dict[str, str]) -> list[str] | None:
    try:
        for name, value in settings.items():
            (folder / name).write_text(value, encoding="ascii")
    except OSError:
        return None
    return ["sh", "-c", f'echo $$ > {folder / "cgroup.procs"} && exec "$@"', "sh"]
