"""What a warm instance of the function keeps between invocations; a new ``Warm`` is a new instance."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

from ..clients.connections import Connections
from ..model.image_cache import Listing


def _now() -> datetime:
    return datetime.now(timezone.utc)


class Warm:
    """Kept by the process, never by an invocation.

    Args:
        age_seconds: how long the process took to get here; who caused its first invocation waited for that.
        starting: whether the process has yet to load most of its modules. Until its first invocation ends no
            garbage is looked for: what is loaded stays, and that would be a tenth of a cold start.

    Attributes:
        clock: the time, with a zone.
        sleep: waits, in seconds.
        connections: to ECI, Function Compute and registries.
        listings: the last listing of each (endpoint, region); another endpoint is another account's caches.
        warned: whether the log has what is said once for an instance.
    """

    def __init__(
        self,
        clock: Callable[[], datetime] = _now,
        sleep: Callable[[float], None] = time.sleep,
        *,
        age_seconds: float = 0.0,
        starting: bool = False,
    ) -> None:
        self.clock = clock
        self.sleep = sleep
        self.connections = Connections()
        self.listings: dict[tuple[str, str], Listing] = {}
        self.warned = False
        self._age_seconds = age_seconds
        self._starting = starting
        if starting:
            gc.disable()

    def begin(self) -> float:
        """When an invocation that starts now began for its sender, on the monotonic clock, in seconds."""
        age, self._age_seconds = self._age_seconds, 0.0
        return time.monotonic() - age

    def end(self) -> None:
        """An invocation ended."""
        if self._starting:
            self._starting = False
            gc.freeze()
            gc.enable()


def process_age(stat: Path = Path("/proc/self/stat")) -> float:
    """How long this process has run, in seconds; 0 where the system does not say.

    Args:
        stat: the system's file; its field 22 is when the process began, in ticks since the system's start
            (manual page proc(5)).
    """
    try:
        ticks = int(stat.read_text("ascii", "replace").rpartition(")")[2].split()[19])
        return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (IndexError, OSError, ValueError):
        return 0.0
