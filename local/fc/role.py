"""The temporary access keys of the functions' roles: one for each function, renewed in time.

Must not know how a key reaches a function.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping

from ..credentials import Credential, CredentialStore

__all__ = ["RoleKey", "RoleKeys"]


class RoleKey:
    """Issues the key, and a new one before the old one ends.

    Args:
        store: keys that the local servers know.
        lifetime_seconds: how long a key is good for.
        renew_before_seconds: how long before its end it is replaced.
        clock: the time in seconds since the epoch.
    """

    def __init__(
        self,
        store: CredentialStore,
        *,
        lifetime_seconds: float = 3600.0,
        renew_before_seconds: float = 300.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._lifetime_seconds = lifetime_seconds
        self._renew_before_seconds = min(renew_before_seconds, lifetime_seconds / 2)
        self._clock = clock
        self._lock = threading.Lock()
        self._credential: Credential | None = None

    def current(self) -> Credential:
        """The key for an invocation that begins now."""
        with self._lock:
            credential = self._credential
            if credential is None or credential.expired(self._clock() + self._renew_before_seconds):
                credential = self._issue()
            return credential

    def rotate(self) -> Credential:
        """Revoke the key and issue another: invocations from now on have the new one."""
        with self._lock:
            if self._credential is not None:
                self._store.revoke(self._credential.access_key_id)
            return self._issue()

    def environment(self) -> Mapping[str, str]:
        """The key as the variables that Function Compute sets."""
        credential = self.current()
        return {
            "ALIBABA_CLOUD_ACCESS_KEY_ID": credential.access_key_id,
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": credential.access_key_secret,
            "ALIBABA_CLOUD_SECURITY_TOKEN": credential.security_token or "",
        }

    def _issue(self) -> Credential:
        self._credential = self._store.issue(lifetime_seconds=self._lifetime_seconds)
        return self._credential


class RoleKeys:
    """The keys of all functions, and whose each key is or was.

    Args:
        store: keys that the local servers know.
        functions: the functions' names.
        lifetime_seconds: how long a key is good for.
    """

    def __init__(self, store: CredentialStore, functions: Iterable[str], *, lifetime_seconds: float) -> None:
        self._keys = {name: RoleKey(store, lifetime_seconds=lifetime_seconds) for name in functions}
        self._owners: dict[str, str] = {}

    def environment(self, function: str) -> Mapping[str, str]:
        """The key of a function as the variables that Function Compute sets."""
        variables = self._keys[function].environment()
        self._owners[variables["ALIBABA_CLOUD_ACCESS_KEY_ID"]] = function
        return variables

    def owners(self) -> dict[str, str]:
        """The functions by the ids of the keys that they were given so far."""
        return dict(self._owners)

    def rotate(self) -> list[str]:
        """Revoke all keys and issue others; returns the ids of the new ones."""
        return [key.rotate().access_key_id for key in self._keys.values()]
