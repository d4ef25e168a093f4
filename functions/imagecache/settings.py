"""The environment variables, read in one place; all problems are told at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from .environment import Environment
from .errors import SettingsError

__all__ = [
    "SETTINGS",
    "FollowSettings",
    "Setting",
    "Settings",
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
_FUNCTION = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,127}", re.ASCII)
_REGION = re.compile(r"(?=.{1,60}\Z)[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)
_SHORTEST_TOKEN = 16
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
    env = Environment(environ)
    known = {setting.name for setting in SETTINGS}
    env.problems.extend(
        f"{name} is no setting; known are {', '.join(sorted(known))}"
        for name in env.names(_PREFIX)
        if name not in known
    )
    settings = Settings(
        regions=_regions(env),
        eci_endpoint=env.endpoint("IMC_ECI_ENDPOINT", _DEFAULT_ENDPOINT, {"region"}),
        webhook_tokens=_tokens(env),
        follow=_follow(env),
        clock_skew_seconds=env.whole("IMC_CLOCK_SKEW_SECONDS", 2, range(3601)),
        dry_run=env.flag("IMC_DRY_RUN"),
        log_level=env.choice("IMC_LOG_LEVEL", "INFO", _LEVELS),
    )
    if env.problems:
        raise SettingsError(env.problems)
    return settings


def _regions(env: Environment) -> tuple[str, ...]:
    regions = env.listed("IMC_REGIONS") or env.listed("FC_REGION")
    if not regions:
        env.problems.append("IMC_REGIONS is not set and FC_REGION gives no default")
    env.problems.extend(
        f"IMC_REGIONS: {region[:80]!a} is no region id" for region in regions if not _REGION.fullmatch(region)
    )
    return regions


def _tokens(env: Environment) -> tuple[str, ...]:
    name = "IMC_WEBHOOK_TOKENS"
    tokens = env.listed(name)
    for number, token in enumerate(tokens, start=1):
        if len(token) < _SHORTEST_TOKEN:
            env.problems.append(f"{name}: token {number} has {len(token)} characters, not {_SHORTEST_TOKEN}")
        if not token.isascii() or not token.isprintable() or " " in token:
            env.problems.append(f"{name}: token {number} has a character that is not printable ASCII")
    return tokens


def _follow(env: Environment) -> FollowSettings:
    function = env.text("IMC_FOLLOW_FUNCTION")
    if function and not _FUNCTION.fullmatch(function):
        env.problems.append(f"IMC_FOLLOW_FUNCTION: {function[:80]!a} is no function name")
    account, region = env.text("FC_ACCOUNT_ID"), env.text("FC_REGION")
    endpoint = env.endpoint("IMC_FC_ENDPOINT", _DEFAULT_FC_ENDPOINT, {"account", "region"})
    if function and (("{account}" in endpoint and not account) or ("{region}" in endpoint and not region)):
        env.problems.append("IMC_FC_ENDPOINT needs FC_ACCOUNT_ID and FC_REGION, which the platform sets")
    base = env.whole("IMC_FOLLOW_BASE_SECONDS", 30, _DELAYS)
    longest = env.whole("IMC_FOLLOW_MAX_SECONDS", 900, _DELAYS)
    if base > longest:
        env.problems.append("IMC_FOLLOW_BASE_SECONDS is more than IMC_FOLLOW_MAX_SECONDS")
    return FollowSettings(
        function=function,
        endpoint=endpoint.replace("{account}", account).replace("{region}", region),
        base_seconds=base,
        max_seconds=longest,
        give_up_seconds=env.whole("IMC_FOLLOW_GIVE_UP_SECONDS", 21600, _GIVE_UP),
        rebuilds=env.whole("IMC_FOLLOW_REBUILDS", 3, range(101)),
    )
