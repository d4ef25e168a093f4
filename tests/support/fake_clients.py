"""Clients in memory, for what is tested or measured without a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from imagecache.base.deadline import Deadline

__all__ = ["FakeClients", "FixedTime"]


def _none() -> Any:
    raise AssertionError("this client is not to be used here")


@dataclass(frozen=True)
class FakeClients:
    """``Clients`` of what is given; what is not given must not be used.

    Attributes:
        gateway: the calls to ECI.
        store: where follow tasks are stored.
        reader: reads registries.
        deadline: the end of reading registries.
    """

    gateway: Any = None
    store: Any = None
    reader: Any = None
    deadline: Deadline | None = None

    @property
    def eci(self) -> Any:
        """The calls to ECI."""
        return self.gateway or _none()

    @property
    def task_store(self) -> Any:
        """Where follow tasks are stored."""
        return self.store or _none()

    @property
    def registries(self) -> Any:
        """What reads registries."""
        return self.reader or _none()

    @property
    def reading(self) -> Deadline:
        """The end of reading registries."""
        return self.deadline or _none()


class FixedTime(Deadline):
    """A deadline whose remaining time is whatever a function says, in seconds."""

    def __init__(self, left: Callable[[], float]) -> None:
        super().__init__(60)
        self._left = left

    def remaining(self, *, reserve: bool = True) -> float:
        """What the function says."""
        return self._left()
