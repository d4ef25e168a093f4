"""What a server that is stopped must not forget: caches, updates, answers to ClientTokens, nonces, settings.

Every function takes the connection inside the caller's transaction, so that what belongs together happens
together. Must not know when a cache changes, only that it did.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict
from typing import Any

from .cache import Cache, read_cache
from .settings import Settings

__all__ = [
    "SCHEMA",
    "TABLES",
    "add_update",
    "cut_update",
    "delete_cache",
    "load_cache",
    "load_caches",
    "load_caches_of",
    "load_settings",
    "recall_answer",
    "remember_answer",
    "save_cache",
    "save_settings",
    "updates",
    "use_nonce",
]

SCHEMA = """
CREATE TABLE IF NOT EXISTS caches (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    image_cache_id TEXT NOT NULL UNIQUE,
    region_id TEXT NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS caches_by_region ON caches (region_id, number);
CREATE TABLE IF NOT EXISTS versions (
    version INTEGER PRIMARY KEY AUTOINCREMENT,
    number INTEGER NOT NULL,
    image_cache_id TEXT NOT NULL,
    region_id TEXT NOT NULL,
    at REAL NOT NULL,
    document TEXT
);
CREATE INDEX IF NOT EXISTS versions_by_cache ON versions (image_cache_id, at);
CREATE TABLE IF NOT EXISTS updates (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    image_cache_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    started_at REAL NOT NULL,
    ends_at REAL NOT NULL,
    ends_as TEXT NOT NULL,
    images TEXT NOT NULL,
    client_token TEXT,
    request_id TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS updates_by_cache ON updates (image_cache_id, number);
CREATE TABLE IF NOT EXISTS answers (
    client_token TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    request_id TEXT NOT NULL,
    at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS nonces (
    access_key_id TEXT NOT NULL,
    nonce TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (access_key_id, nonce)
);
CREATE INDEX IF NOT EXISTS nonces_by_time ON nonces (at);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
TABLES = ("caches", "versions", "updates", "answers", "nonces", "settings")


def save_cache(connection: sqlite3.Connection, cache: Cache, now: float) -> None:
    """Write a cache, new or known; what it was before stays as a version."""
    connection.execute(
        "INSERT INTO caches (image_cache_id, region_id, document) VALUES (?, ?, ?)"
        " ON CONFLICT (image_cache_id)"
        " DO UPDATE SET region_id = excluded.region_id, document = excluded.document",
        (cache.image_cache_id, cache.region_id, json.dumps(asdict(cache))),
    )
    connection.execute(
        "INSERT INTO versions (number, image_cache_id, region_id, at, document)"
        " SELECT number, image_cache_id, region_id, ?, document FROM caches WHERE image_cache_id = ?",
        (now, cache.image_cache_id),
    )


def load_cache(connection: sqlite3.Connection, image_cache_id: str) -> Cache | None:
    """The cache as last written."""
    row = connection.execute(
        "SELECT document FROM caches WHERE image_cache_id = ?", (image_cache_id,)
    ).fetchone()
    return None if row is None else _cache(row["document"])


def load_caches(connection: sqlite3.Connection, region_id: str | None = None) -> list[tuple[int, Cache]]:
    """All caches, or those of a region, as last written, each with its number, in the order of creation."""
    rows = connection.execute(
        "SELECT number, document FROM caches WHERE region_id = coalesce(?, region_id) ORDER BY number",
        (region_id,),
    )
    return [(row["number"], _cache(row["document"])) for row in rows]


def load_caches_of(connection: sqlite3.Connection, region_id: str, at: float) -> list[tuple[int, Cache]]:
    """The caches of a region as they were written at a time in the past, each with its number."""
    rows = connection.execute(
        "SELECT number, document FROM versions AS one WHERE region_id = ? AND document IS NOT NULL"
        " AND version = (SELECT max(version) FROM versions"
        " WHERE image_cache_id = one.image_cache_id AND at <= ?)"
        " ORDER BY number",
        (region_id, at),
    )
    return [(row["number"], _cache(row["document"])) for row in rows]


def delete_cache(connection: sqlite3.Connection, image_cache_id: str, now: float) -> bool:
    """Delete a cache, its history stays; False when no cache has this id."""
    connection.execute(
        "INSERT INTO versions (number, image_cache_id, region_id, at, document)"
        " SELECT number, image_cache_id, region_id, ?, NULL FROM caches WHERE image_cache_id = ?",
        (now, image_cache_id),
    )
    return connection.execute("DELETE FROM caches WHERE image_cache_id = ?", (image_cache_id,)).rowcount == 1


def add_update(
    connection: sqlite3.Connection, cache: Cache, *, at: float, client_token: str | None, request_id: str
) -> None:
    """Remember an update that the cache has just accepted: its last build, or one of metadata only."""
    build = cache.last_build
    rebuilds = build is not None and build.change is not None and build.change.images is not None
    connection.execute(
        "INSERT INTO updates"
        " (image_cache_id, kind, started_at, ends_at, ends_as, images, client_token, request_id)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            cache.image_cache_id,
            "rebuild" if rebuilds else "metadata",
            at if build is None else build.started_at,
            at if build is None else build.ends_at,
            cache.status if build is None else build.ends_as,
            json.dumps(cache.coming_images),
            client_token,
            request_id,
        ),
    )


def cut_update(connection: sqlite3.Connection, image_cache_id: str, status: str, now: float) -> None:
    """Let the rebuild that is under way, if any, and those that wait for it end now with this status."""
    connection.execute(
        "UPDATE updates SET started_at = min(started_at, ?), ends_at = ?, ends_as = ?"
        " WHERE image_cache_id = ? AND ends_at > ?",
        (now, now, status, image_cache_id, now),
    )


def updates(connection: sqlite3.Connection, image_cache_id: str | None, now: float) -> list[dict[str, Any]]:
    """The updates of one cache or of all, oldest first; one that is under way has no end and no status."""
    rows = connection.execute(
        "SELECT *, ends_at <= ? AS ended FROM updates"
        " WHERE image_cache_id = coalesce(?, image_cache_id) ORDER BY number",
        (now, image_cache_id),
    )
    return [
        {
            "image_cache_id": row["image_cache_id"],
            "kind": row["kind"],
            "started_at": row["started_at"],
            "ended_at": row["ends_at"] if row["ended"] else None,
            "status": row["ends_as"] if row["ended"] else None,
            "images": json.loads(row["images"]),
            "client_token": row["client_token"],
            "request_id": row["request_id"],
        }
        for row in rows
    ]


def remember_answer(
    connection: sqlite3.Connection, client_token: str, fingerprint: str, request_id: str, at: float
) -> None:
    """Keep the answer to a ClientToken."""
    connection.execute(
        "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", (client_token, fingerprint, request_id, at)
    )


def recall_answer(connection: sqlite3.Connection, client_token: str, since: float) -> tuple[str, str] | None:
    """Fingerprint of the parameters and RequestId of a ClientToken's answer, where it is not older."""
    row = connection.execute(
        "SELECT fingerprint, request_id FROM answers WHERE client_token = ? AND at > ?", (client_token, since)
    ).fetchone()
    return None if row is None else (row["fingerprint"], row["request_id"])


def use_nonce(
    connection: sqlite3.Connection, access_key_id: str, nonce: str, *, now: float, memory_seconds: float
) -> bool:
    """Remember a nonce; False when it is remembered already. Forgets those that are old enough."""
    connection.execute("DELETE FROM nonces WHERE at < ?", (now - memory_seconds,))
    cursor = connection.execute("INSERT OR IGNORE INTO nonces VALUES (?, ?, ?)", (access_key_id, nonce, now))
    return cursor.rowcount == 1


def save_settings(connection: sqlite3.Connection, settings: Settings) -> None:
    """Write all settings."""
    connection.executemany(
        "INSERT OR REPLACE INTO settings VALUES (?, ?)",
        [(name, json.dumps(value)) for name, value in settings.to_json().items()],
    )


def load_settings(connection: sqlite3.Connection) -> Settings:
    """The settings as last written; the defaults for those that never were."""
    rows = connection.execute("SELECT name, value FROM settings")
    return Settings().changed({row["name"]: json.loads(row["value"]) for row in rows})


def _cache(text: str) -> Cache:
    return read_cache(json.loads(text))
