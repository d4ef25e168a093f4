"""Keeps cryptography out of a cold start; import this before the SDK's client.

The client imports the signers of all kinds of credentials, and the one of an RSA key pair imports
cryptography: a tenth of a cold start (``make bench``), for credentials that a function never has. The
name of the one module that asks for it is taken before the SDK looks for it. Were such a signer made after
all, it would raise.
"""

from __future__ import annotations

import sys
from types import ModuleType

__all__: list[str] = []

_ASKS_FOR_CRYPTOGRAPHY = "aliyunsdkcore.auth.algorithm.sha_hmac256"

sys.modules.setdefault(_ASKS_FOR_CRYPTOGRAPHY, ModuleType(_ASKS_FOR_CRYPTOGRAPHY))
