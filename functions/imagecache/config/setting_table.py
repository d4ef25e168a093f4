"""The environment variables: the one place of each name, form, bounds and default.

Reading, checks and messages come from here (``Setting.read``). README's table is made from it, and the
template's parameters are checked against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ..base.environment import Environment
from .forms import FLAG, FUNCTION_NAME, REGIONS, Form, endpoint, free_text, number, one_of, whole_number
from .webhook_tokens import TOKENS

T = TypeVar("T")


@dataclass(eq=False, repr=False)
class Setting(Generic[T]):
    """One variable.

    Attributes:
        name: of the variable.
        form: what its text may be.
        default: the text that counts if it is not set or empty.
        meaning: what it is for.
        platform: a variable of the platform whose text counts before the default.
    """

    name: str
    form: Form[T]
    default: str
    meaning: str
    platform: str = ""

    @property
    def default_value(self) -> T:
        """The value if nothing is set."""
        return self.form.read(self.default)

    def read(self, env: Environment) -> T:
        """The value in an environment. A wrong one is noted there as a problem, and the default counts."""
        text = self._given(env.text(self.name)) or self._given(env.text(self.platform)) or self.default
        try:
            return self.form.read(text)
        except ValueError as error:
            env.problems.append(f"{self.name} {error}, but must be {self.form.says}")
            return self.default_value

    def _given(self, text: str) -> str:
        """The text, or nothing if it has only separators."""
        return text if text.strip(f" {self.form.separator}") else ""


REGION_IDS = Setting(
    "IMC_REGIONS", REGIONS, "", "Regions whose image caches are looked after.", platform="FC_REGION"
)
ECI_ENDPOINT = Setting(
    "IMC_ECI_ENDPOINT", endpoint("region"), "https://eci.{region}.aliyuncs.com", "Where ECI is."
)
WEBHOOK_TOKENS = Setting(
    "IMC_WEBHOOK_TOKENS",
    TOKENS,
    "",
    "Tokens of webhooks. Without any, every webhook is refused. One that is not bound is good for every "
    "source and every registry.",
)
FOLLOW_FUNCTION = Setting(
    "IMC_FOLLOW_FUNCTION",
    FUNCTION_NAME,
    "",
    "Name of the function that runs `on_follow`. Without it nothing is deferred or verified: "
    "what is not done at once is raised, for the sender to try again.",
)
FC_ENDPOINT = Setting(
    "IMC_FC_ENDPOINT",
    endpoint("account", "region"),
    "https://{account}.{region}.fc.aliyuncs.com",
    "Where Function Compute is.",
)
FOLLOW_BASE_SECONDS = Setting(
    "IMC_FOLLOW_BASE_SECONDS",
    whole_number(1, 3599),
    "30",
    "Half the time between two looks at a cache of which no rebuild time is known.",
)
FOLLOW_MAX_SECONDS = Setting(
    "IMC_FOLLOW_MAX_SECONDS",
    whole_number(1, 3599),
    "900",
    "Time between two tries where quota, stock or addresses are used up, or the cap per hour is reached.",
)
FOLLOW_BACKOFF_SECONDS = Setting(
    "IMC_FOLLOW_BACKOFF_SECONDS",
    whole_number(1, 86400),
    "300",
    "Pause between updates of a cache that fails: none, then 1, 4, 12 and 48 times this.",
)
FOLLOW_GIVE_UP_SECONDS = Setting(
    "IMC_FOLLOW_GIVE_UP_SECONDS", whole_number(60, 604800), "21600", "After this a change has failed."
)
FOLLOW_REBUILDS = Setting(
    "IMC_FOLLOW_REBUILDS", whole_number(0, 100), "3", "How often in a row a failed update is made again."
)
CLOCK_SKEW_SECONDS = Setting(
    "IMC_CLOCK_SKEW_SECONDS",
    whole_number(0, 3600),
    "2",
    "How far the registry's clock may be off: an update covers a push only if it began this much later.",
)
RULES = Setting(
    "IMC_RULES",
    free_text("JSON by `schemas/rules.schema.json`"),
    "",
    "The rules. Without any, a push rebuilds the caches that list its very tag.",
)
RULES_FILE = Setting(
    "IMC_RULES_FILE",
    free_text("a file's name"),
    "",
    "The file that holds the rules instead; a relative name counts from the root of the package.",
)
REGISTRY_SECONDS = Setting(
    "IMC_REGISTRY_SECONDS",
    whole_number(1, 300),
    "10",
    "How long one invocation may read registries (rules with `registry: read`).",
)
CA_FILE = Setting(
    "IMC_CA_FILE",
    free_text("a file's name"),
    "",
    "A PEM file of authorities by which registries are trusted, beside the public ones; a relative name "
    "counts from the root of the package.",
)
CR_ENDPOINT = Setting(
    "IMC_CR_ENDPOINT",
    endpoint("region"),
    "https://cr.{region}.aliyuncs.com",
    "Where Container Registry's API is, for the temporary accounts of instances in `acrRegistryInfo`.",
)
MAX_UPDATES_PER_RUN = Setting(
    "IMC_MAX_UPDATES_PER_RUN", whole_number(1, 10000), "100", "Most updates of an invocation; others wait."
)
MAX_UPDATES_PER_HOUR = Setting(
    "IMC_MAX_UPDATES_PER_HOUR",
    whole_number(0, 100000),
    "0",
    "The most updates within an hour, as far as the caches remember them; 0 for no such cap.",
)
CONCURRENCY = Setting(
    "IMC_CONCURRENCY", whole_number(1, 32), "8", "How many caches of one invocation are updated side by side."
)
ANSWER_SECONDS = Setting(
    "IMC_ANSWER_SECONDS",
    number(0, 600),
    "2.5",
    "When a webhook is answered at the latest; what is left goes on in follow tasks. 0: when all is done.",
)
DRY_RUN = Setting("IMC_DRY_RUN", FLAG, "false", "`true`: plan and record, but never call UpdateImageCache.")
LOG_LEVEL = Setting("IMC_LOG_LEVEL", one_of("DEBUG", "INFO", "WARNING", "ERROR"), "INFO", "Level of the log.")

SETTINGS: tuple[Setting[Any], ...] = tuple(one for one in vars().values() if isinstance(one, Setting))
"""All of the above. Another variable that begins with ``IMC_`` is a problem, as it may be a typo."""
