"""What an update is made of, and whether registries give a reason for one. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from ..base.timestamps import Moment
from ..model.change import PushEvent
from ..model.image_cache import ImageCache
from ..policy.list_entries import entries_of
from ..policy.rules import Rules
from .decision import Decision
from .entry_memory import DIGESTS_TAG, Notes, had_digest, remembers_digests
from .update_memory import MEMORY_TAG, MOST_TAGS, last_update


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
    parameters: dict[str, Any] = {}
    for rule in rules.rules:
        if any(rule is each for each in found):
            parameters = {**rule.update, **parameters}
    return parameters


def notes_of(wanted: Sequence[Decision], asked: Mapping[str, str], at: Moment, rules: Rules) -> Notes:
    """What an update gives its cache to remember of the entries.

    A digest is noted only if it is certain that a push which could have replaced it is not covered by this
    update: the registry was asked after the update's start, or the push is so young that any other one counts
    as later.

    Args:
        wanted: the decisions that it serves; each has the list that is sent.
        asked: entry -> digest, as registries answered after the update's start.
        at: the update's start, and how far the registries' clocks may be off.
        rules: the rules.
    """
    reported: dict[tuple[str, str, str], set[str | None]] = {}
    pushed: dict[tuple[str, str], datetime] = {}
    for decision in wanted:
        push = decision.change
        if not isinstance(push, PushEvent):
            continue
        registry = rules.identity(push.registry)
        young = push.dated and push.pushed_at is not None and at.now <= push.pushed_at + at.skew
        digests = reported.setdefault((registry, push.repository, push.tag), set())
        digests.add(push.digest if young else None)
        if decision.rule is not None and decision.rule.policy.type == "any" and push.pushed_at is not None:
            key = (registry, push.repository)
            pushed[key] = max(push.pushed_at, pushed.get(key, push.pushed_at))
    certain = {key: digests for key, digests in reported.items() if len(digests) == 1 and None not in digests}
    noted = dict(asked)
    for entry in entries_of(wanted[-1].images_after, rules) if certain else ():
        digests = certain.get(entry.place, set())
        if not entry.pinned and entry.text not in noted:
            noted.update((entry.text, digest) for digest in digests if digest is not None)
    return Notes(noted, pushed)


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
        ours = {MEMORY_TAG, DIGESTS_TAG}
        room = len(ours.union(key for key, _ in cache.tags)) <= MOST_TAGS
        return "it is not known which images the cache was built with" if current.digests and room else ""
    changed = [
        entry for entry, digest in current.digests.items() if not had_digest(cache, last.began, entry, digest)
    ]
    return f"the registry has other images under {', '.join(changed)}" if changed else ""
