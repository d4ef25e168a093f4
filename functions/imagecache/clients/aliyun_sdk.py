"""The SDK's client and its connections, which outlive an invocation, and its loggers, which are silenced."""

from __future__ import annotations

import logging
import ssl
from typing import Any

from . import without_rsa  # noqa: F401 - first, see there

# isort: split
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.vendored.requests.packages.urllib3.util import ssl_

from ..base.credentials import Credentials


def silence_sdk_loggers() -> None:
    """Keep the SDK from logging: its lines hold signed URLs with the token, and whole answers.

    One of its loggers brings its own handler and level, so each is silenced for itself.
    """
    for name in ("aliyunsdkcore", *logging.Logger.manager.loggerDict):
        if name.split(".")[0] == "aliyunsdkcore":
            logger = logging.getLogger(name)
            logger.handlers.clear()
            logger.setLevel(logging.CRITICAL + 1)
            logger.propagate = False
    logging.getLogger("aliyunsdkcore").addHandler(logging.NullHandler())


silence_sdk_loggers()

# The SDK's own copy of urllib3 takes the lack of ssl.wrap_socket, which Python 3.12 removed, for a lack of
# SNI, and would then name no host in the TLS handshake.
ssl_.HAS_SNI = ssl.HAS_SNI


class EciConnections:
    """Connections to ECI that outlive an invocation, whatever credentials the next one has."""

    def __init__(self) -> None:
        self._client: Any = None
        self._credentials: Credentials | None = None

    def client(self, credentials: Credentials) -> Any:
        """The SDK's client for these credentials, on the connections that are already open."""
        if credentials != self._credentials:
            client = AcsClient(
                credentials.access_key_id, credentials.access_key_secret, "unused", auto_retry=False
            )
            client.session.trust_env = False
            if self._client is not None:
                client.session.close()
                # The old client would close the session when it is collected.
                client.session, self._client.session = self._client.session, None
            self._client, self._credentials = client, credentials
        return self._client
