"""The environment variables, read in one place; all problems are told at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..base.environment import Environment
from ..base.errors import SettingsError
from ..policy.rules import NO_RULES, Rules
from .setting_table import SETTINGS

__all__ = [
    "FollowSettings",
    "Settings",
    "read_settings",
]


_PREFIX = "IMC_"
_DEFAULT_ENDPOINT = "https://eci.{region}.aliyuncs.com"
_DEFAULT_FC_ENDPOINT = "https://{account}.{region}.fc.aliyuncs.com"
_DEFAULT_CR_ENDPOINT = "https://cr.{region}.aliyuncs.com"
_DELAYS = range(1, 3601)
_REGISTRY_SECONDS = range(1, 301)
_PER_RUN, _PER_HOUR = range(1, 10001), range(100001)
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
    """The settings of one invocation. Its text form shows no token and no password."""

    regions: tuple[str, ...]
    eci_endpoint: str = _DEFAULT_ENDPOINT
    cr_endpoint: str = _DEFAULT_CR_ENDPOINT
    rules: Rules = NO_RULES
    registry_seconds: int = 10
    most_per_run: int = 100
    most_per_hour: int = 0
    webhook_tokens: tuple[str, ...] = field(default=(), repr=False)
    follow: FollowSettings = FollowSettings()
    clock_skew_seconds: int = 2
    dry_run: bool = False
    log_level: str = "INFO"


def _no_rules(_: Environment) -> Rules:
    return NO_RULES


def read_settings(
    environ: Mapping[str, str], read_rules: Callable[[Environment], Rules] = _no_rules
) -> Settings:
    """Read and check the environment.

    Args:
        environ: the variables.
        read_rules: reads the rules, noting problems in the environment; they may lie in a file, which this
            module does not open.

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
        cr_endpoint=env.endpoint("IMC_CR_ENDPOINT", _DEFAULT_CR_ENDPOINT, {"region"}),
        rules=read_rules(env),
        registry_seconds=env.whole("IMC_REGISTRY_SECONDS", 10, _REGISTRY_SECONDS),
        most_per_run=env.whole("IMC_MAX_UPDATES_PER_RUN", 100, _PER_RUN),
        most_per_hour=env.whole("IMC_MAX_UPDATES_PER_HOUR", 0, _PER_HOUR),
        webhook_tokens=_tokens(env),
        follow=_follow(env),
        clock_skew_seconds=env.whole("IMC_CLOCK_SKEW_SECONDS", 2, range(3601)),
        dry_run=env.flag("IMC_DRY_RUN"),
        log_level=env.choice("IMC_LOG_LEVEL", "INFO", _LEVELS),
    )
    env.problems.extend(
        f"rule {rule.name}: its cooldown of {rule.cooldown_seconds} s is not shorter than "
        f"IMC_FOLLOW_GIVE_UP_SECONDS ({settings.follow.give_up_seconds} s), so updates would be given up"
        for rule in settings.rules.rules
        if rule.cooldown_seconds >= settings.follow.give_up_seconds
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
