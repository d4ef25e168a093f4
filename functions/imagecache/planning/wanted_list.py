"""What an update is made of, and whether registries give a reason for one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from ..base.reasons import Reason
from ..base.timestamps import Moment
from ..model.change import CacheRequest, PushEvent
from ..model.image_cache import ImageCache
from ..policy.list_entries import entries_of
from ..policy.rules import Rules, update_parameters
from .entry_memory import had_digest, remembers_digests
from .plan import Decision
from .update_memory import MOST_TAGS, OWN_TAGS, last_update


class Current(NamedTuple):
    """What is wanted of a cache now.

    Attributes:
        images: the list that the policies want.
        digests: entry of that list -> the digest that its tag has; only entries that are known.
        problems: what was not answered, or not there, one sentence each.
        unread: whether a registry had no good answer.
        refused: pushed tags that are no images, or are not there any more, one sentence each.
        undecided: pushed tags that are left out, as it could not be read what they are: registry identity,
            repository path and tag of each.
        made: new tags of rules with a minimum age -> when each was made; None if that is not known.
    """

    images: tuple[str, ...]
    digests: Mapping[str, str] = MappingProxyType({})
    problems: tuple[str, ...] = ()
    unread: bool = False
    refused: tuple[str, ...] = ()
    undecided: frozenset[tuple[str, str, str]] = frozenset()
    made: Mapping[tuple[str, str, str], datetime | None] = MappingProxyType({})


class AsksRegistries(Protocol):
    """Says what registries have now."""

    def current(
        self, cache: ImageCache, images: tuple[str, ...], pushes: Iterable[PushEvent] = ()
    ) -> Current:
        """What is wanted of a cache, given its list and the pushes that it is built for."""


def wanted_now(cache: ImageCache, wanted: Sequence[Decision], view: AsksRegistries | None) -> Current:
    """The list of an update, brought to what the policies want of what registries have.

    A list that a request sets, or that is put back, is sent as it is.

    Args:
        cache: the cache as just described.
        wanted: the decisions that it serves; each was planned on the list that the one before it leaves.
        view: asks registries; None where no rule wants that.
    """
    images = wanted[-1].images_after
    given = any(
        decision.reason is Reason.PROMOTION_UNDONE
        or (isinstance(decision.change, CacheRequest) and decision.change.images)
        for decision in wanted
    )
    if view is None or given:
        return Current(images)
    pushes = [decision.change for decision in wanted if isinstance(decision.change, PushEvent)]
    return view.current(cache, images, pushes)


def parameters_of(cache: ImageCache, images: Sequence[str], rules: Rules) -> dict[str, Any]:
    """What the rules of a list's entries add to an update, where two give the same the first rule's.

    Args:
        cache: the cache.
        images: its new list.
        rules: the rules.
    """
    if not rules.rules:
        return {}
    found = [rules.rule_for(cache, *entry.place) for entry in entries_of(images, rules)]
    return update_parameters(rule for rule in rules.rules if any(rule is each for each in found))


def what_is_newer(cache: ImageCache, current: Current, at: Moment) -> str:
    """What the registries have that the cache was not built with, in words; empty if there is nothing.

    A cache that remembers no digests is taken for older, once: with its next update it remembers. A list that
    only has too many tags, or has them in another order, is no reason: the next update puts it right.
    """
    added = [image for image in current.images if image not in cache.images]
    if added:
        return f"the registry has {', '.join(added)}"
    last = last_update(cache, at)
    if last is None or not remembers_digests(cache, last.began):
        room = len([key for key, _ in cache.tags if key not in OWN_TAGS]) <= MOST_TAGS - len(OWN_TAGS)
        return "it is not known which images the cache was built with" if current.digests and room else ""
    changed = [
        entry for entry, digest in current.digests.items() if not had_digest(cache, last.began, entry, digest)
    ]
    return f"the registry has other images under {', '.join(changed)}" if changed else ""
