"""Peak memory of this process and of the processes that it started, as the kernel counts it (proc(5))."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

__all__ = ["MemoryPeaks", "children"]

_NAME = b"FC_FUNCTION_NAME="


def children() -> list[int]:
    """The processes that this one started and that have not been waited for."""
    mine = os.getpid()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        stat = _read(folder / "stat").decode("utf-8", "replace")
        # The name of a program stands in parentheses, and may hold some itself.
        fields = stat.rpartition(")")[2].split()
        if len(fields) > 1 and int(fields[1]) == mine:
            found.append(int(folder.name))
    return found


class MemoryPeaks:
    """The largest resident set of any instance of each function, sampled.

    A process keeps its own peak, so a sample may be late, as long as the process is still there.

    Attributes:
        kib: the peak by function, in KiB.
        instances: how many processes of each were seen.
    """

    def __init__(self) -> None:
        self.kib: dict[str, int] = {}
        self.instances: Counter[str] = Counter()
        self._seen: set[int] = set()

    def sample(self) -> None:
        """Look at all instances that run now."""
        for process in children():
            name = _function(process)
            if not name:
                continue
            self.kib[name] = max(self.kib.get(name, 0), peak_kib(process))
            if process not in self._seen:
                self._seen.add(process)
                self.instances[name] += 1


def peak_kib(process: int) -> int:
    """The peak of a process in KiB; 0 when it has ended."""
    for line in _read(Path(f"/proc/{process}/status")).splitlines():
        if line.startswith(b"VmHWM:"):
            return int(line.split()[1])
    return 0


def _function(process: int) -> str:
    variables = _read(Path(f"/proc/{process}/environ")).split(b"\0")
    return next((one[len(_NAME) :].decode() for one in variables if one.startswith(_NAME)), "")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        # A process may end at any time, and one of another user need not be readable.
        return b""
