"""The environment variables, read in one place; all problems are told at once."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

from .errors import SettingsError

__all__ = [
    "SETTINGS",
    "FollowSettings",
    "Setting",
    "Settings",
    "is_loopback",
    "read_settings",
]


class Setting(NamedTuple):
    """A variable, its default as shown to a reader, and what it means."""

    name: str
    default: str
    meaning: str


SETTINGS = (
    Setting(
        "IMC_REGIONS",
        "`FC_REGION`",
        "Regions whose image caches are looked after, comma separated.",
    ),
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
    Setting(
        "IMC_FOLLOW_FUNCTION",
        "none",
        "Name of the function that runs `on_follow`. Without it nothing is deferred or verified: "
        "what is not done at once is raised, for the sender to try again.",
    ),
    Setting(
        "IMC_FC_ENDPOINT",
        "`https://{account}.{region}.fc.aliyuncs.com`",
        "Where Function Compute is. `{account}` and `{region}` are replaced. "
        "Plain http only to a loopback address.",
    ),
    Setting(
        "IMC_FOLLOW_BASE_SECONDS",
        "`30`",
        "Delay of the first follow task; it doubles with each, 1 to 3600.",
    ),
    Setting("IMC_FOLLOW_MAX_SECONDS", "`900`", "Longest delay of a follow task, 1 to 3600."),
    Setting(
        "IMC_FOLLOW_GIVE_UP_SECONDS",
        "`21600`",
        "A change that is not done after this long has failed.",
    ),
    Setting(
        "IMC_FOLLOW_REBUILDS",
        "`3`",
        "How many times in a row an update that ended in UpdateFailed is made again.",
    ),
    Setting(
        "IMC_CLOCK_SKEW_SECONDS",
        "`2`",
        "How far the registry's clock may be off: an update covers a push only if it began this much later.",
    ),
    Setting(
        "IMC_DRY_RUN",
        "`false`",
        "`true`: plan and record, but never call UpdateImageCache.",
    ),
    Setting("IMC_LOG_LEVEL", "`INFO`", "Level of the log: DEBUG, INFO, WARNING, ERROR."),
)
"""Every variable that is read; another one that begins with ``IMC_`` is a problem, as it may be a typo."""

_PREFIX = "IMC_"
_DEFAULT_ENDPOINT = "https://eci.{region}.aliyuncs.com"
_DEFAULT_FC_ENDPOINT = "https://{account}.{region}.fc.aliyuncs.com"
_DELAYS = range(1, 3601)
_GIVE_UP = range(60, 604801)
_DIGITS = re.compile(r"[0-9]{1,9}", re.ASCII)
_FUNCTION = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,127}", re.ASCII)
_REGION = re.compile(r"(?=.{1,60}\Z)[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)
_HOST_NAME = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*", re.ASCII)
_SHORTEST_TOKEN = 16
_TRUE, _FALSE = frozenset({"true", "1"}), frozenset({"false", "0", ""})
_LEVELS = frozenset({"DEBUG", "INFO", "WARNING", "ERROR"})


@dataclass(frozen=True)
class FollowSettings:
    """How changes are followed through.

    Attributes:
        function: the follow function's name, empty if there is none.
        endpoint: the URL of Function Compute.
        base_seconds: the first delay.
        max_seconds: the longest delay.
        give_up_seconds: after this long a change has failed.
        rebuilds: how often an update is made again that ended in UpdateFailed.
    """

    function: str = ""
    endpoint: str = ""
    base_seconds: int = 30
    max_seconds: int = 900
    give_up_seconds: int = 21600
    rebuilds: int = 3


@dataclass(frozen=True)
class Settings:
    """The settings of one invocation. Its text form shows no token."""

    regions: tuple[str, ...]
    eci_endpoint: str = _DEFAULT_ENDPOINT
    webhook_tokens: tuple[str, ...] = field(default=(), repr=False)
    follow: FollowSettings = FollowSettings()
    clock_skew_seconds: int = 2
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
        eci_endpoint=_endpoint(environ, "IMC_ECI_ENDPOINT", _DEFAULT_ENDPOINT, {"region"}, problems),
        webhook_tokens=_tokens(environ, problems),
        follow=_follow(environ, problems),
        clock_skew_seconds=_whole(environ, "IMC_CLOCK_SKEW_SECONDS", 2, range(3601), problems),
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


def _endpoint(
    environ: Mapping[str, str],
    name: str,
    default: str,
    placeholders: set[str],
    problems: list[str],
) -> str:
    endpoint = environ.get(name, "").strip().rstrip("/") or default
    filled = endpoint
    for placeholder in placeholders:
        filled = filled.replace(f"{{{placeholder}}}", placeholder)
    try:
        parts = urlsplit(filled)
        hostname, port = parts.hostname or "", parts.port
    except ValueError:
        problems.append(f"{name} is no URL")
        return endpoint
    if parts.scheme not in {"http", "https"} or not _is_host(hostname) or port == 0:
        problems.append(f"{name} is no http or https URL with a host")
    elif "@" in parts.netloc or parts.path or "?" in endpoint or "#" in endpoint:
        known = " and ".join(sorted(f"{{{placeholder}}}" for placeholder in placeholders))
        problems.append(f"{name} may hold a scheme, a host with {known} in it, and a port, and nothing else")
    elif parts.scheme == "http" and not is_loopback(hostname):
        problems.append(f"{name} must be https: plain http is taken for a loopback address only")
    return endpoint


def _follow(environ: Mapping[str, str], problems: list[str]) -> FollowSettings:
    function = environ.get("IMC_FOLLOW_FUNCTION", "").strip()
    if function and not _FUNCTION.fullmatch(function):
        problems.append(f"IMC_FOLLOW_FUNCTION: {function[:80]!a} is no function name")
    account, region = environ.get("FC_ACCOUNT_ID", ""), environ.get("FC_REGION", "")
    endpoint = _endpoint(
        environ,
        "IMC_FC_ENDPOINT",
        _DEFAULT_FC_ENDPOINT,
        {"account", "region"},
        problems,
    )
    if function and (("{account}" in endpoint and not account) or ("{region}" in endpoint and not region)):
        problems.append("IMC_FC_ENDPOINT needs FC_ACCOUNT_ID and FC_REGION, which the platform sets")
    base = _whole(environ, "IMC_FOLLOW_BASE_SECONDS", 30, _DELAYS, problems)
    longest = _whole(environ, "IMC_FOLLOW_MAX_SECONDS", 900, _DELAYS, problems)
    if base > longest:
        problems.append("IMC_FOLLOW_BASE_SECONDS is more than IMC_FOLLOW_MAX_SECONDS")
    return FollowSettings(
        function=function,
        endpoint=endpoint.replace("{account}", account).replace("{region}", region),
        base_seconds=base,
        max_seconds=longest,
        give_up_seconds=_whole(environ, "IMC_FOLLOW_GIVE_UP_SECONDS", 21600, _GIVE_UP, problems),
        rebuilds=_whole(environ, "IMC_FOLLOW_REBUILDS", 3, range(101), problems),
    )


def _whole(
    environ: Mapping[str, str],
    name: str,
    default: int,
    allowed: range,
    problems: list[str],
) -> int:
    text = environ.get(name, "").strip()
    if not text:
        return default
    if not _DIGITS.fullmatch(text) or int(text) not in allowed:
        problems.append(f"{name} is {text[:80]!a}, not a whole number from {allowed[0]} to {allowed[-1]}")
        return default
    return int(text)


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
