"""What a dry run answers beside its records: the plan, by what would become of each cache. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..base.reasons import Reason, Result
from ..model.image_cache import UPDATABLE

_GROUPS = {
    Reason.POLICY_HOLDS.value: "held_by_policy",
    Reason.PINNED_BY_DIGEST.value: "held_by_policy",
    Reason.HELD.value: "held",
    Reason.APPROVAL_NEEDED.value: "held",
    Reason.TOO_YOUNG.value: "held",
    Reason.NO_MATCH.value: "no_match",
    Reason.NOTHING_SELECTED.value: "no_match",
    Reason.NOTHING_TO_REPAIR.value: "no_match",
    Reason.CACHE_NOT_FOUND.value: "no_match",
}
_CACHE_KEYS = ("image", "region_id", "image_cache_id", "image_cache_name", "cache_status", "reason", "rule")
_PLAN_KEYS = ("held_because", "until", "message", "caches_seen", "images_before", "images_after", "request")


def plan_of(outcomes: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The member ``plan`` of a dry run's answer.

    ``would_refresh`` and ``busy`` (would be deferred, as the cache takes no update now) have the exact
    request, passwords masked; ``up_to_date``, ``held``, ``held_by_policy`` and ``no_match`` say why nothing
    would be done. What was refused or failed is among the records only.
    """
    names = ("would_refresh", "up_to_date", "busy", "no_match", "held", "held_by_policy")
    plan: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for outcome in outcomes:
        group = _group(outcome)
        if group:
            plan[group].append({key: outcome[key] for key in _CACHE_KEYS + _PLAN_KEYS if key in outcome})
    return plan


def _group(outcome: Mapping[str, Any]) -> str:
    if outcome["result"] == Result.PLANNED.value and outcome["reason"] not in _GROUPS:
        return "would_refresh" if outcome.get("cache_status") in UPDATABLE else "busy"
    if outcome["result"] == Result.UNCHANGED.value:
        return "up_to_date"
    return _GROUPS.get(outcome["reason"], "")
