"""The ECI server: API and administration on one loopback port, its memory in one SQLite file."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from ..base.serving import Served, serve
from ..permissions.access import ACCOUNT_ID
from .app import eci_app
from .service import Service

__all__ = ["serve_eci"]


def serve_eci(
    database_path: Path | str,
    *,
    port: int = 0,
    clock: Callable[[], float] = time.time,
    gateway_clock: Callable[[], float] = time.time,
    account_id: str = ACCOUNT_ID,
) -> Served:
    """Start the server; returns when it accepts connections.

    It goes on where the last server on the same file stopped. Access keys are those that a
    ``CredentialStore`` on the same file issues; those of a principal may do what ``permissions.access`` says.

    Args:
        database_path: the SQLite file; made when it is missing.
        port: 0 for any free one.
        clock: the time of the caches, in seconds since the epoch.
        gateway_clock: the time that signatures and access keys are checked against; clients sign with the
            real time, so it usually stays that when the other is moved.
        account_id: whose image caches these are, in the names of resources.

    Raises:
        StateVersionError: another version of this program wrote the file.
        OSError: the port is in use.
    """
    service = Service(database_path, clock=clock, gateway_clock=gateway_clock, account_id=account_id)
    return serve(eci_app(service), port=port, name="Elastic Container Instance", release=service.close)
