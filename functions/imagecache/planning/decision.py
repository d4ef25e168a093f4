"""What is decided of one change for one cache: the decision, and the rule that it follows from. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from ..base.reasons import Hold, Reason, Result
from ..model.change import Change, PushEvent
from ..model.image_cache import ImageCache
from ..policy.list_entries import entries_of
from ..policy.rules import Rule, Rules
from .barriers import Barrier
from .update_memory_layout import UpdateMemory


class Decision(NamedTuple):
    """What one change asks of one cache, or of none.

    Attributes:
        change: the change.
        cache: the cache, None where no cache is concerned.
        result: the final result, or ``refreshed`` where an update is to be sent and ECI has to accept it.
        reason: why.
        message: one sentence for a person.
        images_after: the list that the update sends, or would send.
        caches_seen: how many caches were looked through.
        covered_by: the update that already has the change.
        rule: the rule for the pushed tag in this cache, if there is one.
        hold: why the pushed tag is not let in.
        until: until when the cache is held, if that is known, or when the tag is old enough.
    """

    change: Change
    cache: ImageCache | None
    result: Result
    reason: Reason
    message: str
    images_after: tuple[str, ...] = ()
    caches_seen: int | None = None
    covered_by: UpdateMemory | None = None
    rule: Rule | None = None
    hold: Hold | None = None
    until: datetime | None = None


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


def kept_back(decision: Decision, barrier: Barrier) -> Decision:
    """The decision that is made in the place of one that a barrier keeps back."""
    reason, message, until = barrier
    result = Result.DEFERRED if reason is Reason.TOO_YOUNG else Result.IGNORED
    return decision._replace(result=result, reason=reason, message=message, until=until)
