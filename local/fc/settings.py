"""How asynchronous invocation behaves where nobody knows what the platform does: one table of switches.

They last until the server ends or they are reset. Must not know requests, nor how anything is stored.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..base.switches import changed, switch

__all__ = ["Refusal", "Settings", "Switchboard"]

DUPLICATE_CODE = "StatefulAsyncInvocationAlreadyExists"
"""The 409 of a task id that was used before (vendor page of version 2.0)."""

_CODES = {403: "AccessDenied", 429: "ResourceThrottled", 500: "InternalServerError"}


@dataclass(frozen=True)
class Settings:
    """The choices; ``switch`` says what each means."""

    async_delay: str = switch(
        "honour", "x-fc-async-delay: waited for, or checked and ignored", choices=("honour", "ignore")
    )
    signatures: str = switch(
        "both",
        "which signature of an invocation is taken: fc2's, ACS3-HMAC-SHA256, either, or none",
        choices=("both", "fc2", "acs3", "none"),
    )
    longest_delay_seconds: int = switch(
        3600, "a longer x-fc-async-delay is refused with 400; a page says less than 3600", least=1
    )
    task_ids: str = switch(
        "deduplicate",
        "in task mode: an id is taken once, or as often as it comes",
        choices=("deduplicate", "ignore"),
    )
    duplicate_code: str = switch(DUPLICATE_CODE, "the code of the 409 for an id that was used before")
    conflict_share: float = switch(
        0.0, "the share of asynchronous calls that get a 409 though their id is new", least=0, most=1
    )
    conflict_code: str = switch("ConcurrentUpdateError", "the code of that 409")
    task_copies: int = switch(1, "how often an event that the API stored is given to the function", least=1)
    copy_pause_seconds: float = switch(0.0, "how long after each other these are due", least=0)
    refused_async_status: int = switch(
        0,
        "asynchronous calls are refused with this status, such as 403, 429, 500; 0: taken",
        least=0,
        most=599,
    )
    refused_async_calls: int = switch(
        -1, "how many of the next calls that is for; -1: all; it counts down", least=-1
    )


@dataclass(frozen=True)
class Refusal:
    """An answer in the place of acceptance.

    Attributes:
        status: of HTTP.
        code: for programs.
    """

    status: int
    code: str


class Switchboard:
    """The settings of a server that is running; any thread may read and change them.

    Args:
        settings: at the start.
    """

    def __init__(self, settings: Settings) -> None:
        self._lock = threading.Lock()
        self._settings = settings
        self._calls = 0

    @property
    def settings(self) -> Settings:
        """As they are now."""
        with self._lock:
            return self._settings

    def change(self, changes: Mapping[str, Any]) -> Settings:
        """Change some; returns all.

        Raises:
            SwitchError: an unknown name, or a value that it cannot have; nothing is changed.
        """
        with self._lock:
            self._settings = changed(self._settings, changes)
            self._calls = 0
            return self._settings

    def reset(self) -> Settings:
        """Make all the defaults; returns them."""
        return self.change(asdict(Settings()))

    def refusal(self) -> Refusal | None:
        """Whether the asynchronous call that has just come is to be refused."""
        with self._lock:
            now = self._settings
            if now.refused_async_status and now.refused_async_calls:
                if now.refused_async_calls > 0:
                    self._settings = replace(now, refused_async_calls=now.refused_async_calls - 1)
                return Refusal(now.refused_async_status, _CODES.get(now.refused_async_status, "Refused"))
            # Evenly spread and without chance, so that a test sees the same each time.
            before, self._calls = self._calls, self._calls + 1
            if int(self._calls * now.conflict_share) > int(before * now.conflict_share):
                return Refusal(409, now.conflict_code)
            return None
