"""The environment variables of an invocation, and which hosts are this machine itself.

Knows neither forms nor settings: ``config.setting_table`` lists the variables.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping


class Environment:
    """The variables, and the problems found so far; no problem stops the reading.

    Args:
        variables: name -> text.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.problems: list[str] = []

    def names(self, prefix: str) -> list[str]:
        """The names that begin with a prefix, sorted."""
        return sorted(name for name in self._variables if name.startswith(prefix))

    def text(self, name: str) -> str:
        """The text without surrounding blanks; empty if not set."""
        return self._variables.get(name, "").strip()


def is_loopback(hostname: str) -> bool:
    """Whether a host name or address is this machine itself."""
    if hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(hostname).is_loopback
    except ValueError:
        return False
