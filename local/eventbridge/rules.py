"""A rule on the event bus, as a trigger of the template states it. Must not know how events are delivered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..template.functions import TemplateError
from ..template.properties import take
from .pattern import Pattern, PatternError, parse_pattern

__all__ = ["Rule", "read_rule"]


@dataclass(frozen=True)
class Rule:
    """A rule whose target is a function.

    Attributes:
        name: the trigger's name.
        function_name: the target.
        pattern: says which events match.
        enabled: a disabled rule gets nothing.
    """

    name: str
    function_name: str
    pattern: Pattern
    enabled: bool


def read_rule(path: str, name: str, function_name: str, config: Mapping[str, Any]) -> Rule:
    """Read the TriggerConfig of a trigger of the type ``eventbridge``.

    Args:
        path: of the configuration, for messages.
        name: of the trigger.
        function_name: of its function.
        config: the keys of the API's structure EventBridgeTriggerConfig.

    Raises:
        TemplateError: something is missing, wrong or not supported here.
    """
    source = take(path, config, "eventSourceConfig", dict)
    kind = take(f"{path}.eventSourceConfig", source, "eventSourceType", str)
    if kind != "Default":
        raise TemplateError(
            f"{path}.eventSourceConfig.eventSourceType",
            f"Default, the event bus, is expected, {kind!r} found",
        )
    try:
        pattern = parse_pattern(json.loads(take(path, config, "eventRuleFilterPattern", str)))
    except json.JSONDecodeError as error:
        raise TemplateError(f"{path}.eventRuleFilterPattern", f"JSON is expected: {error}") from None
    except PatternError as error:
        raise TemplateError(f"{path}.eventRuleFilterPattern", str(error)) from None
    # The API's default is true (structure EventBridgeTriggerConfig).
    enabled = take(path, config, "triggerEnable", bool, default=True)
    return Rule(name, function_name, pattern, enabled)
