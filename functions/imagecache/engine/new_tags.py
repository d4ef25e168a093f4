"""Tags that a sweep finds for a cache, and that do not come at once: held, too young, or not approved.

They are decided like pushes that nobody told of, so that each tag has its own time and its own record.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..base.reasons import Reason
from ..base.timestamps import Moment
from ..model.change import CacheRequest, PushEvent
from ..model.image_cache import ImageCache
from ..planning.barriers import hold_on
from ..planning.decision import Decision
from ..planning.plan import decide
from ..policy.list_entries import entries_of
from .registry_view import RegistryView

_SEEN = "seen"
"""The id of all events that a tag was seen: it is the same one, whichever sweep sees it."""


def new_tags(cache: ImageCache, sweep: CacheRequest, view: RegistryView, at: Moment) -> Iterator[Decision]:
    """A decision for each new tag of a rule that does not take it at once, or of a cache that is held.

    Args:
        cache: the cache.
        sweep: the sweep that looks at it.
        view: asks registries, each thing once.
        at: now.
    """
    rules = view.rules
    held = hold_on(cache, at.now) is not None
    if not held and not any(rule.approval or rule.min_age_seconds for rule in rules.rules):
        return
    free = view.current(cache, cache.images, free=True)
    wanted = [entry.place for entry in entries_of(free.images, rules) if entry.text not in cache.images]
    for place in dict.fromkeys((*free.made, *wanted)):
        rule = rules.rule_for(cache, *place)
        if rule is None or not (held or rule.approval or rule.min_age_seconds):
            continue
        made_at = free.made.get(place)
        push = PushEvent(
            sweep.source,
            _SEEN,
            *place,
            pushed_at=made_at or at.now,
            dry_run=sweep.dry_run,
            dated=made_at is not None,
            stated=made_at.isoformat() if made_at is not None else "",
        )
        found = decide(cache, push, at, rules)
        # A tag that is listed under another name of its registry was seen, not pushed: it is not built anew.
        if found is not None and found.reason is not Reason.TAG_REPUSHED:
            yield found
