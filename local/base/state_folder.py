"""The folder that the local servers keep everything in: one server at a time, a lasting token, and the URLs.

Must not know what is served.
"""

from __future__ import annotations

import fcntl
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["NothingServedError", "StateInUseError", "locked", "published", "read_endpoints", "webhook_token"]

_ENDPOINTS = "endpoints.json"


class StateInUseError(RuntimeError):
    """Raised when another process serves the same state folder."""


class NothingServedError(RuntimeError):
    """Raised when no process serves a state folder."""


@contextmanager
def locked(state: Path) -> Iterator[None]:
    """Hold the folder, made when it is missing, for the length of the block.

    Raises:
        StateInUseError: another process, or another block of this one, holds it.
        OSError: the folder cannot be used.
    """
    state.mkdir(parents=True, exist_ok=True)
    with (state / "lock").open("w") as file:
        try:
            # The system frees it with the process, however that ends.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateInUseError(f"another process serves {state}") from None
        yield


@contextmanager
def published(state: Path, endpoints: Mapping[str, Any]) -> Iterator[None]:
    """Let other processes know the URLs, for the length of the block."""
    path = state / _ENDPOINTS
    path.write_text(json.dumps(endpoints), encoding="utf-8")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def read_endpoints(state: Path) -> dict[str, Any]:
    """The URLs of the process that serves the folder.

    Raises:
        NothingServedError: no process does.
    """
    try:
        return dict(json.loads((state / _ENDPOINTS).read_text(encoding="utf-8")))
    except FileNotFoundError:
        message = f"nothing is served from {state}: start it with 'python -m local up'"
        raise NothingServedError(message) from None


def webhook_token(state: Path) -> str:
    """The token of this folder, made at the first call: a webhook's URL stays the same from run to run."""
    path = state / "webhook-token"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24), encoding="ascii")
    return path.read_text(encoding="ascii")
