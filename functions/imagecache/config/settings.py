"""The settings of an invocation, read in one place; all problems are reported at once.

Each variable's name, form and default is in ``setting_table``; this module checks them together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple

from ..base.credentials import read_credentials
from ..base.environment import Environment
from ..base.errors import CredentialsError, SettingsError
from ..policy.rules import NO_RULES, Rules
from . import setting_table as table
from .webhook_tokens import WebhookToken, secret_parts

_PREFIX = "IMC_"
_PASSWORD_NAME = re.compile(r'"passwordEnv"\s*:\s*"([^"]*)"')


class FollowSettings(NamedTuple):
    """How changes are followed through.

    Attributes:
        function: the follow function's name, empty if there is none.
        endpoint: the URL of Function Compute.
        base_seconds: half the time between looks where nothing is remembered.
        max_seconds: the time between tries where capacity is used up.
        backoff_seconds: the unit of the pauses between updates of a failing cache.
        give_up_seconds: after this long a change has failed.
        rebuilds: how often an update is made again that ended in UpdateFailed.
    """

    function: str = ""
    endpoint: str = ""
    base_seconds: int = table.FOLLOW_BASE_SECONDS.default_value
    max_seconds: int = table.FOLLOW_MAX_SECONDS.default_value
    backoff_seconds: int = table.FOLLOW_BACKOFF_SECONDS.default_value
    give_up_seconds: int = table.FOLLOW_GIVE_UP_SECONDS.default_value
    rebuilds: int = table.FOLLOW_REBUILDS.default_value


class Settings(NamedTuple):
    """The settings of one invocation. The repr shows no token and no password."""

    regions: tuple[str, ...]
    eci_endpoint: str = table.ECI_ENDPOINT.default_value
    cr_endpoint: str = table.CR_ENDPOINT.default_value
    rules: Rules = NO_RULES
    registry_seconds: int = table.REGISTRY_SECONDS.default_value
    ca_file: str = table.CA_FILE.default_value
    most_per_run: int = table.MAX_UPDATES_PER_RUN.default_value
    most_per_hour: int = table.MAX_UPDATES_PER_HOUR.default_value
    webhook_tokens: tuple[WebhookToken, ...] = table.WEBHOOK_TOKENS.default_value
    follow: FollowSettings = FollowSettings()
    clock_skew_seconds: int = table.CLOCK_SKEW_SECONDS.default_value
    concurrency: int = table.CONCURRENCY.default_value
    answer_seconds: float = table.ANSWER_SECONDS.default_value
    dry_run: bool = table.DRY_RUN.default_value
    log_level: str = table.LOG_LEVEL.default_value

    @property
    def secrets(self) -> frozenset[str]:
        """The passwords that its rules name, which must never be shown."""
        credentials = (
            credential
            for rule in self.rules.rules
            for credential in rule.update.get("ImageRegistryCredential", ())
        )
        return frozenset(credential["Password"] for credential in credentials)


def secrets_of(environ: Mapping[str, str], context: Any) -> frozenset[str]:
    """What must never be shown of an environment, whether or not its settings are right.

    Args:
        environ: the variables.
        context: the platform's context object.
    """
    secrets = set(secret_parts(environ.get(table.WEBHOOK_TOKENS.name, "")))
    secrets.update(environ.get(name, "") for name in _password_names(environ.get(table.RULES.name, "")))
    with suppress(CredentialsError):
        secrets.update(read_credentials(environ, context).secrets)
    return frozenset(secrets)


@lru_cache(maxsize=2)
def _password_names(rules: str) -> tuple[str, ...]:
    """The variables that hold passwords, by the text of rules that may be no valid ones."""
    return ("REGISTRY_PASSWORD", *_PASSWORD_NAME.findall(rules))


def _no_rules(_: Environment) -> Rules:
    return NO_RULES


def read_settings(
    environ: Mapping[str, str], read_rules: Callable[[Environment], Rules] = _no_rules
) -> Settings:
    """Read and check the environment.

    Args:
        environ: the variables.
        read_rules: reads the rules, perhaps from a file, which this module does not open; it notes problems
            in the environment.

    Raises:
        SettingsError: with one line for each problem; none shows a token.
    """
    env = Environment(environ)
    known = {setting.name for setting in table.SETTINGS}
    env.problems.extend(
        f"{name} is not a setting; known are {', '.join(sorted(known))}"
        for name in env.names(_PREFIX)
        if name not in known
    )
    settings = Settings(
        regions=_regions(env),
        eci_endpoint=table.ECI_ENDPOINT.read(env),
        cr_endpoint=table.CR_ENDPOINT.read(env),
        rules=read_rules(env),
        registry_seconds=table.REGISTRY_SECONDS.read(env),
        ca_file=_ca_file(env),
        most_per_run=table.MAX_UPDATES_PER_RUN.read(env),
        most_per_hour=table.MAX_UPDATES_PER_HOUR.read(env),
        webhook_tokens=table.WEBHOOK_TOKENS.read(env),
        follow=_follow(env),
        clock_skew_seconds=table.CLOCK_SKEW_SECONDS.read(env),
        concurrency=table.CONCURRENCY.read(env),
        answer_seconds=table.ANSWER_SECONDS.read(env),
        dry_run=table.DRY_RUN.read(env),
        log_level=table.LOG_LEVEL.read(env),
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


def _ca_file(env: Environment) -> str:
    """The whole path of the file, empty if none is set."""
    text = table.CA_FILE.read(env)
    if not text:
        return ""
    from .ca_file import ca_path  # noqa: PLC0415 - a cold start without such a file need not pay for it

    try:
        return ca_path(text)
    except ValueError as problem:
        env.problems.append(f"{table.CA_FILE.name}: {text[:200]!a} {problem}")
        return ""


def _regions(env: Environment) -> tuple[str, ...]:
    before = len(env.problems)
    regions = table.REGION_IDS.read(env)
    if not regions and len(env.problems) == before:
        env.problems.append("IMC_REGIONS is not set and FC_REGION gives no default")
    return regions


def _follow(env: Environment) -> FollowSettings:
    function = table.FOLLOW_FUNCTION.read(env)
    account, region = env.text("FC_ACCOUNT_ID"), env.text("FC_REGION")
    endpoint = table.FC_ENDPOINT.read(env)
    if function and (("{account}" in endpoint and not account) or ("{region}" in endpoint and not region)):
        env.problems.append("IMC_FC_ENDPOINT needs FC_ACCOUNT_ID and FC_REGION, which the platform sets")
    base, longest = table.FOLLOW_BASE_SECONDS.read(env), table.FOLLOW_MAX_SECONDS.read(env)
    if base > longest:
        env.problems.append("IMC_FOLLOW_BASE_SECONDS is more than IMC_FOLLOW_MAX_SECONDS")
    return FollowSettings(
        function=function,
        endpoint=endpoint.replace("{account}", account).replace("{region}", region),
        base_seconds=base,
        max_seconds=longest,
        backoff_seconds=table.FOLLOW_BACKOFF_SECONDS.read(env),
        give_up_seconds=table.FOLLOW_GIVE_UP_SECONDS.read(env),
        rebuilds=table.FOLLOW_REBUILDS.read(env),
    )
