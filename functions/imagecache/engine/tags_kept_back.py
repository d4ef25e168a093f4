"""Tags that registries have for a cache, and that a hold or a missing approval keeps out of its list."""

from __future__ import annotations

from collections.abc import Iterator

from ..base.reasons import Result
from ..base.timestamps import Moment
from ..model.change import CacheRequest
from ..model.image_cache import ImageCache
from ..planning.barriers import approval_barrier, hold_barrier, hold_on
from ..planning.plan import Decision, kept_back
from ..policy.list_entries import entries_of
from ..policy.tag_slots import promote
from .applied import Applied
from .registry_view import RegistryView


def tags_kept_back(
    cache: ImageCache, sweep: CacheRequest, view: RegistryView, at: Moment
) -> Iterator[Applied]:
    """A decision for each tag that policies want, with the list that it would lead to.

    Args:
        cache: the cache.
        sweep: the sweep that looks at it.
        view: asks registries, each thing once.
        at: now.
    """
    rules = view.rules
    if hold_on(cache, at.now) is None and not any(rule.approval for rule in rules.rules):
        return
    wanted = view.current(cache, cache.images, free=True).images
    for entry in entries_of(wanted, rules):
        rule = rules.rule_for(cache, entry.registry, entry.repository, entry.tag)
        if rule is None or entry.text in cache.images:
            continue
        barrier = hold_barrier(cache, sweep, at.now, new_list=True) or approval_barrier(
            sweep, entry.tag, rule
        )
        if barrier is not None:
            images = promote(cache, cache.images, (entry.registry, entry.repository), entry.tag, rules)
            decision = Decision(
                sweep, cache, Result.IGNORED, barrier.reason, barrier.message, images, rule=rule
            )
            image = f"{entry.registry}/{entry.repository}:{entry.tag}"
            yield Applied(kept_back(decision, barrier), facts={"image": image})
