"""Reading environment variables of the common kinds; each problem is noted, none stops the reading.

Knows forms, not settings: which variables there are is said in ``settings``.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

__all__ = ["Environment", "is_loopback"]

_DIGITS = re.compile(r"[0-9]{1,9}", re.ASCII)
_HOST_NAME = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*", re.ASCII)
_TRUE, _FALSE = frozenset({"true", "1"}), frozenset({"false", "0", ""})


class Environment:
    """The variables, and the problems found so far.

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
        """The text without surrounding blanks; empty where it is not set."""
        return self._variables.get(name, "").strip()

    def listed(self, name: str) -> tuple[str, ...]:
        """The parts of a comma separated list, each once, in order."""
        parts = (part.strip() for part in self.text(name).split(","))
        return tuple(dict.fromkeys(part for part in parts if part))

    def flag(self, name: str) -> bool:
        """True or false; false where it is not set."""
        value = self.text(name).lower()
        if value not in _TRUE | _FALSE:
            self.problems.append(f"{name} is {value[:80]!a}, not true or false")
        return value in _TRUE

    def choice(self, name: str, default: str, allowed: Collection[str]) -> str:
        """One of some upper-case words."""
        value = self.text(name).upper() or default
        if value not in allowed:
            self.problems.append(f"{name} is {value[:80]!a}, not one of {', '.join(sorted(allowed))}")
        return value

    def whole(self, name: str, default: int, allowed: range) -> int:
        """A whole number in a range."""
        text = self.text(name)
        if not text:
            return default
        if not _DIGITS.fullmatch(text) or int(text) not in allowed:
            bounds = f"{allowed[0]} to {allowed[-1]}"
            self.problems.append(f"{name} is {text[:80]!a}, not a whole number from {bounds}")
            return default
        return int(text)

    def endpoint(self, name: str, default: str, placeholders: Collection[str]) -> str:
        """The URL of a server: https, or http to a loopback address, and no path; may hold placeholders."""
        endpoint = self.text(name).rstrip("/") or default
        filled = endpoint
        for placeholder in placeholders:
            filled = filled.replace(f"{{{placeholder}}}", placeholder)
        try:
            parts = urlsplit(filled)
            hostname, port = parts.hostname or "", parts.port
        except ValueError:
            self.problems.append(f"{name} is no URL")
            return endpoint
        if parts.scheme not in {"http", "https"} or not _is_host(hostname) or port == 0:
            self.problems.append(f"{name} is no http or https URL with a host")
        elif "@" in parts.netloc or parts.path or "?" in endpoint or "#" in endpoint:
            known = " and ".join(sorted(f"{{{placeholder}}}" for placeholder in placeholders))
            self.problems.append(
                f"{name} may hold a scheme, a host with {known} in it, and a port, and nothing else"
            )
        elif parts.scheme == "http" and not is_loopback(hostname):
            self.problems.append(f"{name} must be https: plain http is taken for a loopback address only")
        return endpoint


def is_loopback(hostname: str) -> bool:
    """Whether a host name or address is this machine itself."""
    if hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(hostname).is_loopback
    except ValueError:
        return False


def _is_host(hostname: str) -> bool:
    return ":" in hostname or bool(_HOST_NAME.fullmatch(hostname))
