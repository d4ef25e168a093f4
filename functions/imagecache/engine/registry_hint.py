"""A push that a policy does not let in is a hint: its registry may have a newer tag that nobody told of.

A build often pushes ``latest`` beside a version, and some registries tell of one of the two.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..base.reasons import Reason, Result
from ..model.change import CacheRequest, Change, PushEvent
from ..model.image_cache import ImageCache
from ..model.selector import CacheSelector
from ..planning.decision import Decision
from .applied import Applied
from .registry_view import RegistryView

_SHARE = 0.5


def take_hints(planned: Sequence[Applied], view: RegistryView) -> list[Applied]:
    """What is planned, with a repair for each push that is held although its registry has a newer tag.

    Where the registry does not answer, or time is short, a decision stays as it is: the sweep asks again.

    Args:
        planned: all decisions of the invocation: each thing is asked once for them together.
        view: asks registries. Half of its time is left for the updates, which ask again.
    """
    if not any(_is_hint(each.decision) for each in planned):
        return list(planned)
    until = view.remaining() * _SHARE
    survey = view.survey()
    taken: list[Applied] = []
    for each in planned:
        push, cache = each.decision.change, each.decision.cache
        if (
            not (isinstance(push, PushEvent) and cache and _is_hint(each.decision))
            or view.remaining() <= until
        ):
            taken.append(each)
            continue
        current = survey.current(cache, cache.images)
        added = [image for image in current.images if image not in cache.images]
        why = f"{push.image} was pushed, and the registry has {', '.join(added)}"
        taken.append(Applied(repair(push, cache, why, current.images)) if added else each)
    return taken


def _is_hint(decision: Decision) -> bool:
    rule = decision.rule
    if rule is None or decision.reason is not Reason.POLICY_HOLDS:
        return False
    return rule.reads_registry and rule.policy.ordered


def repair(change: Change, cache: ImageCache, why: str, images: tuple[str, ...]) -> Decision:
    """The decision for a cache of which registries have something newer.

    It is for a change of its own, so that a deferred repair is done whatever the cache's status is later.

    Args:
        change: what led to it.
        cache: the cache.
        why: for the record.
        images: the list that it leads to.
    """
    request = CacheRequest(
        change.source,
        change.event_id,
        Reason.REGISTRY_NEWER,
        CacheSelector(ids=(cache.image_cache_id,)),
        region_id=cache.region_id,
        dry_run=change.dry_run,
        why=why,
    )
    return Decision(request, cache, Result.REFRESHED, request.reason, why, images)
