"""What an update is made of: the list that is wanted now, and the parameters that rules add."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .caches import ImageCache
from .changes import CacheRequest
from .plan import Decision
from .promotions import entries_of
from .registry_view import Current, RegistryView
from .rules import Rules, update_parameters

__all__ = ["parameters_of", "wanted_now"]


def wanted_now(cache: ImageCache, wanted: Sequence[Decision], view: RegistryView) -> Current:
    """The list of an update, brought to what the policies want of what registries have.

    A list that a request sets is sent as it is.

    Args:
        cache: the cache as just described.
        wanted: the decisions that it serves; each was planned on the list that the one before it leaves.
        view: asks registries.
    """
    images = wanted[-1].images_after
    if any(isinstance(decision.change, CacheRequest) and decision.change.images for decision in wanted):
        return Current(images)
    return view.current(cache, images)


def parameters_of(cache: ImageCache, images: Sequence[str], rules: Rules) -> dict[str, Any]:
    """What the rules of a list's entries add to an update, where two give the same the first rule's.

    Args:
        cache: the cache.
        images: its new list.
        rules: the rules.
    """
    found = [
        rules.rule_for(cache, entry.registry, entry.repository, entry.tag)
        for entry in entries_of(images, rules)
    ]
    return update_parameters(rule for rule in rules.rules if any(rule is each for each in found))
