"""The environment variables that the functions know, with what a reader has to know of each."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["SETTINGS", "Setting"]


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
        "IMC_RULES",
        "none",
        "The rules, as JSON (`schemas/rules.schema.json`). Without any, a push rebuilds the caches that list "
        "its very tag.",
    ),
    Setting(
        "IMC_RULES_FILE",
        "none",
        "The file that holds the rules instead; a relative name counts from the root of the package.",
    ),
    Setting(
        "IMC_REGISTRY_SECONDS",
        "`10`",
        "How long one invocation may ask registries (rules with `registry: read`), 1 to 300.",
    ),
    Setting(
        "IMC_CR_ENDPOINT",
        "`https://cr.{region}.aliyuncs.com`",
        "Where Container Registry's API is, for the temporary accounts of instances in `acrRegistryInfo`. "
        "`{region}` is replaced. Plain http only to a loopback address.",
    ),
    Setting(
        "IMC_MAX_UPDATES_PER_RUN",
        "`100`",
        "The most updates that one invocation makes; the others are deferred, 1 to 10000.",
    ),
    Setting(
        "IMC_MAX_UPDATES_PER_HOUR",
        "`0`",
        "The most updates within an hour, as far as the caches remember them; 0 for no such cap.",
    ),
    Setting(
        "IMC_DRY_RUN",
        "`false`",
        "`true`: plan and record, but never call UpdateImageCache.",
    ),
    Setting("IMC_LOG_LEVEL", "`INFO`", "Level of the log: DEBUG, INFO, WARNING, ERROR."),
)
"""Every variable that is read; another one that begins with ``IMC_`` is a problem, as it may be a typo."""
