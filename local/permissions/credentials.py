"""Access keys of the local cloud: issued here, checked by every local server that takes signed calls.

Must not know what the keys are used for, nor how a signature is made.
"""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ..base.database import connect, transaction

__all__ = ["Credential", "CredentialStore"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS credentials (
    access_key_id TEXT PRIMARY KEY,
    access_key_secret TEXT NOT NULL,
    security_token TEXT,
    expires_at REAL,
    principal TEXT
)
"""


@dataclass(frozen=True)
class Credential:
    """An access key.

    Attributes:
        access_key_id: public name of the key; that of a temporary key begins with ``STS.``.
        access_key_secret: what signatures are made with.
        security_token: goes with every call of a temporary key; None for a lasting key.
        expires_at: seconds since the epoch; None for a lasting key.
        principal: who it belongs to, see ``permissions.access``; None for a key of the machine's own.
    """

    access_key_id: str
    access_key_secret: str = field(repr=False)
    security_token: str | None = field(repr=False)
    expires_at: float | None
    principal: str | None = None

    def expired(self, now: float) -> bool:
        """Whether its time is over at ``now``, in seconds since the epoch."""
        return self.expires_at is not None and now >= self.expires_at


class CredentialStore:
    """The issued keys, in a database that several servers may share.

    Args:
        database_path: the SQLite file.
        clock: the time in seconds since the epoch.
    """

    def __init__(self, database_path: Path | str, *, clock: Callable[[], float] = time.time) -> None:
        self._connection = connect(database_path)
        self._clock = clock
        with transaction(self._connection) as connection:
            connection.execute(_SCHEMA)

    def issue(
        self, *, temporary: bool = True, lifetime_seconds: float = 3600, principal: str | None = None
    ) -> Credential:
        """Make a new key.

        Args:
            temporary: with a security token and an end, as a function's role gives them.
            lifetime_seconds: of a temporary key.
            principal: who it belongs to; a key of nobody may do everything.
        """
        credential = Credential(
            access_key_id=("STS." if temporary else "LTAI") + secrets.token_hex(10),
            access_key_secret=secrets.token_urlsafe(24),
            # The characters of base64 that have to be percent-encoded occur in real tokens too.
            security_token="CAIS+/" + secrets.token_urlsafe(48) + "==" if temporary else None,
            expires_at=self._clock() + lifetime_seconds if temporary else None,
            principal=principal,
        )
        with transaction(self._connection) as connection:
            connection.execute(
                "INSERT INTO credentials VALUES (:access_key_id, :access_key_secret, :security_token,"
                " :expires_at, :principal)",
                vars(credential),
            )
        return credential

    def lookup(self, access_key_id: str) -> Credential | None:
        """The key of this id, expired or not; None when it was never issued or is revoked."""
        # A plain read: the caller may be inside a transaction of its own on the same file.
        with self._connection.lock:
            row: sqlite3.Row | None = self._connection.execute(
                "SELECT * FROM credentials WHERE access_key_id = ?", (access_key_id,)
            ).fetchone()
        return None if row is None else Credential(**dict(row))

    def revoke(self, access_key_id: str) -> None:
        """Forget a key at once; without a key of this id, nothing happens."""
        with transaction(self._connection) as connection:
            connection.execute("DELETE FROM credentials WHERE access_key_id = ?", (access_key_id,))

    def revoke_others(self, access_key_id: str) -> None:
        """Forget every key but one at once."""
        with transaction(self._connection) as connection:
            connection.execute("DELETE FROM credentials WHERE access_key_id != ?", (access_key_id,))

    def close(self) -> None:
        """Close the database."""
        self._connection.close()
