"""Why a policy does not let a pushed tag in: a code, and a sentence for a person. Pure."""

from __future__ import annotations

from datetime import datetime

from ..base.reasons import Hold
from ..model.change import PushEvent
from ..model.image_cache import ImageCache
from ..policy.rules import Rules
from ..policy.tag_slots import why_held


def policy_hold(
    cache: ImageCache, push: PushEvent, rules: Rules, *, later: datetime | None, undone: bool
) -> tuple[Hold, str]:
    """Why a pushed tag is not let into a list that has its repository.

    Args:
        cache: the cache.
        push: the push.
        rules: the rules.
        later: when a tag was pushed that came later and has the place, if tags do not tell their order.
        undone: whether the tag was taken back.
    """
    repository = (rules.identity(push.registry), push.repository)
    rule = rules.rule_for(cache, *repository, push.tag)
    if rule is None:
        return Hold.EXACT_POLICY, f"{push.tag} does not replace it"
    if later is not None:
        why = f"by rule {rule.name}, a tag that was pushed later, at {later.isoformat()}, has its place"
        return Hold.OLDER, why
    hold = Hold.TAKEN_BACK if undone else why_held(cache, repository, push.tag, rule, rules)
    return hold, f"by rule {rule.name}, policy {rule.policy.type} does not let {push.tag} in: {hold.meaning}"
