"""How a client in the tests and tools here talks to a server of this machine."""

from __future__ import annotations

import ssl
from typing import Any

__all__ = ["LOOPBACK"]

LOOPBACK: dict[str, Any] = {"trust_env": False, "verify": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)}
"""Options of httpx: no proxy of the environment, and a TLS context that trusts nobody.

The servers speak plain HTTP; loading the machine's certificates takes a client longer than most tests take.
"""
