"""Which rule decided: its name for the record. Pure."""

from __future__ import annotations

from ..base.reasons import Reason
from ..model.change import PushEvent
from ..policy.list_entries import entries_of
from ..policy.rules import Rules
from .plan import Decision


def deciding_rule(decision: Decision, rules: Rules) -> str:
    """The name of the rule that a decision follows from; empty where none had a part in it.

    For a push it is the rule for the pushed tag. Where registries are the reason it is that of the entries
    that become new, or else of those that are read; there may be several.
    """
    change, cache = decision.change, decision.cache
    if decision.rule is not None:
        return decision.rule.name
    if cache is None:
        return ""
    if isinstance(change, PushEvent):
        rule = rules.rule_for(cache, rules.identity(change.registry), change.repository, change.tag)
        return rule.name if rule is not None else ""
    if change.reason is not Reason.REGISTRY_NEWER:
        return ""
    images = decision.images_after or cache.images
    new = [image for image in images if image not in cache.images]
    found = [rules.rule_for(cache, *entry.place) for entry in entries_of(new or images, rules)]
    return ", ".join(dict.fromkeys(rule.name for rule in found if rule is not None and rule.reads_registry))
