"""The environment variables, read in one place; all problems are told at once."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

from .errors import SettingsError

__all__ = ["SETTINGS", "Setting", "Settings", "is_loopback", "read_settings"]


class Setting(NamedTuple):
    """A variable, its default as shown to a reader, and what it means."""

    name: str
    default: str
    meaning: str


SETTINGS = (
    Setting("IMC_REGIONS", "`FC_REGION`", "Regions whose image caches are looked after, comma separated."),
    Setting(
        "IMC_ECI_ENDPOINT",
        "`https://eci.{region}.aliyuncs.com`",
        "Where ECI is. `{region}` is replaced. Plain http only to a loopback address.",
    ),
    Setting(
        "IMC_WEBHOOK_TOKENS",
        "none",
        "Tokens that a webhook may carry, comma separated, at least 16 characters each. "
        "Without any, every webhook is refused.",
    ),
    Setting("IMC_DRY_RUN", "`false`", "`true`: plan and record, but never call UpdateImageCache."),
    Setting("IMC_LOG_LEVEL", "`INFO`", "Level of the log: DEBUG, INFO, WARNING, ERROR."),
)
"""Every variable that is read; another one that begins with ``IMC_`` is a problem, as it may be a typo."""

_PREFIX = "IMC_"
_DEFAULT_ENDPOINT = "https://eci.{region}.aliyuncs.com"
_REGION = re.compile(r"(?=.{1,60}\Z)[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)
_HOST_NAME = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*", re.ASCII)
_SHORTEST_TOKEN = 16
_TRUE, _FALSE = frozenset({"true", "1"}), frozenset({"false", "0", ""})
_LEVELS = frozenset({"DEBUG", "INFO", "WARNING", "ERROR"})


@dataclass(frozen=True)
class Settings:
    """The settings of one invocation. Its text form shows no token."""

    regions: tuple[str, ...]
    eci_endpoint: str = _DEFAULT_ENDPOINT
    webhook_tokens: tuple[str, ...] = field(default=(), repr=False)
    dry_run: bool = False
    log_level: str = "INFO"


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Read and check the environment.

    Raises:
        SettingsError: with one line for each problem; no line shows a token.
    """
    problems = _unknown(environ)
    settings = Settings(
        regions=_regions(environ, problems),
        eci_endpoint=_endpoint(environ, problems),
        webhook_tokens=_tokens(environ, problems),
        dry_run=_flag(environ, "IMC_DRY_RUN", problems),
        log_level=_level(environ, problems),
    )
    if problems:
        raise SettingsError(problems)
    return settings


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


def _unknown(environ: Mapping[str, str]) -> list[str]:
    known = {setting.name for setting in SETTINGS}
    return [
        f"{name} is no setting; known are {', '.join(sorted(known))}"
        for name in sorted(environ)
        if name.startswith(_PREFIX) and name not in known
    ]


def _listed(value: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))


def _regions(environ: Mapping[str, str], problems: list[str]) -> tuple[str, ...]:
    regions = _listed(environ.get("IMC_REGIONS", "")) or _listed(environ.get("FC_REGION", ""))
    if not regions:
        problems.append("IMC_REGIONS is not set and FC_REGION gives no default")
    problems.extend(
        f"IMC_REGIONS: {region[:80]!a} is no region id" for region in regions if not _REGION.fullmatch(region)
    )
    return regions


def _endpoint(environ: Mapping[str, str], problems: list[str]) -> str:
    name = "IMC_ECI_ENDPOINT"
    endpoint = environ.get(name, "").strip().rstrip("/") or _DEFAULT_ENDPOINT
    try:
        parts = urlsplit(endpoint.replace("{region}", "region"))
        hostname, port = parts.hostname or "", parts.port
    except ValueError:
        problems.append(f"{name} is no URL")
        return endpoint
    if parts.scheme not in {"http", "https"} or not _is_host(hostname) or port == 0:
        problems.append(f"{name} is no http or https URL with a host")
    elif "@" in parts.netloc or parts.path or "?" in endpoint or "#" in endpoint:
        problems.append(
            f"{name} may hold a scheme, a host with {{region}} in it, and a port, and nothing else"
        )
    elif parts.scheme == "http" and not is_loopback(hostname):
        problems.append(f"{name} must be https: plain http is taken for a loopback address only")
    return endpoint


def _tokens(environ: Mapping[str, str], problems: list[str]) -> tuple[str, ...]:
    tokens = _listed(environ.get("IMC_WEBHOOK_TOKENS", ""))
    for number, token in enumerate(tokens, start=1):
        if len(token) < _SHORTEST_TOKEN:
            problems.append(
                f"IMC_WEBHOOK_TOKENS: token {number} has {len(token)} characters, not {_SHORTEST_TOKEN}"
            )
        if not token.isascii() or not token.isprintable() or " " in token:
            problems.append(f"IMC_WEBHOOK_TOKENS: token {number} has a character that is not printable ASCII")
    return tokens


def _flag(environ: Mapping[str, str], name: str, problems: list[str]) -> bool:
    value = environ.get(name, "").strip().lower()
    if value not in _TRUE | _FALSE:
        problems.append(f"{name} is {value[:80]!a}, not true or false")
    return value in _TRUE


def _level(environ: Mapping[str, str], problems: list[str]) -> str:
    level = environ.get("IMC_LOG_LEVEL", "").strip().upper() or "INFO"
    if level not in _LEVELS:
        problems.append(f"IMC_LOG_LEVEL is {level[:80]!a}, not one of {', '.join(sorted(_LEVELS))}")
    return level
