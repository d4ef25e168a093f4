"""The temporary access keys of the functions' roles: one for each function, renewed in time.

Must not know how a key reaches a function, nor what a role allows.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping

from ..permissions.credentials import Credential, CredentialStore

__all__ = ["RoleKeys"]


class RoleKeys:
    """Issues a function's key, and a new one before the old one ends.

    Args:
        store: keys that the local servers know.
        functions: the names of the functions that have a role; others get no key.
        lifetime_seconds: how long a key is good for.
        renew_before_seconds: how long before its end it is replaced.
        clock: the time in seconds since the epoch.
    """

    def __init__(
        self,
        store: CredentialStore,
        functions: Iterable[str],
        *,
        lifetime_seconds: float = 3600.0,
        renew_before_seconds: float = 300.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._functions = frozenset(functions)
        self._lifetime_seconds = lifetime_seconds
        self._renew_before_seconds = min(renew_before_seconds, lifetime_seconds / 2)
        self._clock = clock
        self._lock = threading.Lock()
        self._credentials: dict[str, Credential] = {}

    def current(self, function: str) -> Credential | None:
        """The key for an invocation that begins now; None for a function without a role."""
        if function not in self._functions:
            return None
        with self._lock:
            credential = self._credentials.get(function)
            if credential is None or credential.expired(self._clock() + self._renew_before_seconds):
                credential = self._issue(function)
            return credential

    def rotate(self) -> dict[str, str]:
        """Revoke all keys and issue others: invocations from now on have the new ones.

        Returns:
            The ids of the new keys by the names of the functions.
        """
        with self._lock:
            for credential in self._credentials.values():
                self._store.revoke(credential.access_key_id)
            return {function: self._issue(function).access_key_id for function in sorted(self._functions)}

    def environment(self, function: str) -> Mapping[str, str]:
        """The key as the variables that Function Compute sets; none for a function without a role."""
        credential = self.current(function)
        if credential is None:
            return {}
        return {
            "ALIBABA_CLOUD_ACCESS_KEY_ID": credential.access_key_id,
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": credential.access_key_secret,
            "ALIBABA_CLOUD_SECURITY_TOKEN": credential.security_token or "",
        }

    def _issue(self, function: str) -> Credential:
        credential = self._store.issue(lifetime_seconds=self._lifetime_seconds, principal=function)
        self._credentials[function] = credential
        return credential
