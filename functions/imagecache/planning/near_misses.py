"""Caches that a push almost matches, each with why it does not get the pushed tag. Pure.

For whoever asks why nothing happened. It changes nothing of what is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from ..base.reasons import Explained, Reason, Result
from ..model.change import PushEvent
from ..model.image_cache import ImageCache, Listing
from ..model.registry_identity import registry_region
from ..policy.list_entries import Entry, entries_of
from ..policy.rules import Rule, Rules
from ..policy.tag_slots import promote
from .decision import Decision

_ALIKE = 0.8
"""From this share of equal letters on two hosts look alike."""


class Near(Explained):
    """Why a cache that almost matches is not concerned; for those with the repository see ``Hold``."""

    ANOTHER_RULE_FIRST = (
        "another_rule_first",
        "The first rule that matches decides; one that comes later would let the tag in.",
    )
    OTHER_REGION = "other_region", "The entry is of the same registry's twin in another region."
    LOOK_ALIKE_HOST = (
        "look_alike_host",
        "The entry's host looks like the registry's, and is not one of its names.",
    )
    OTHER_REGISTRY = "other_registry", "The same repository path is listed, of another registry."


class NearMiss(NamedTuple):
    """A cache that a push almost matches.

    Attributes:
        cache: as listed.
        entry: the entry of its list that almost matches, as written.
        because: why it does not: a ``Hold``, a ``Near``, or the decision's reason in small letters.
        message: one sentence for a person.
        rule: the name of the rule that decided, if one did.
    """

    cache: ImageCache
    entry: str
    because: str
    message: str
    rule: str = ""


def near_misses(
    listings: Iterable[Listing], push: PushEvent, decisions: Iterable[Decision], rules: Rules
) -> list[NearMiss]:
    """The caches that almost match a push, in the order of the listings.

    Args:
        listings: the caches that were looked through.
        push: the push.
        decisions: what was decided for it: a cache that is updated, or has the tag, is no near miss.
        rules: the rules.
    """
    decided = {_key(decision.cache): decision for decision in decisions if decision.cache is not None}
    found = (
        _held(decided[_key(cache)], cache, push, rules)
        if _key(cache) in decided
        else _unmatched(cache, push, rules)
        for listing in listings
        for cache in listing.caches
    )
    return [miss for miss in found if miss is not None]


def _key(cache: ImageCache) -> tuple[str, str]:
    return cache.region_id, cache.image_cache_id


def _held(decision: Decision, cache: ImageCache, push: PushEvent, rules: Rules) -> NearMiss | None:
    """A cache that lists the repository and does not get the tag."""
    repository = (rules.identity(push.registry), push.repository)
    listed = entries_of(cache.images, rules, repository)
    if decision.result not in {Result.IGNORED, Result.DEFERRED} or not listed:
        return None
    rule = decision.rule
    because = decision.hold.value if decision.hold else decision.reason.value.lower()
    miss = NearMiss(cache, listed[0].text, because, decision.message, rule.name if rule else "")
    if rule is None or decision.reason is not Reason.POLICY_HOLDS:
        return miss
    later = _later_rule(cache, repository, push.tag, rule, rules)
    if later is None:
        return miss
    message = f"rule {rule.name} comes first and decides; rule {later.name} would let {push.tag} in"
    return miss._replace(because=Near.ANOTHER_RULE_FIRST.value, message=message)


def _later_rule(
    cache: ImageCache, repository: tuple[str, str], tag: str, first: Rule, rules: Rules
) -> Rule | None:
    """The rule behind the first one that would let a tag in if it were asked."""
    at = next(number for number, rule in enumerate(rules.rules) if rule is first)
    for later in rules.rules[at + 1 :]:
        alone = Rules((later,), rules.aliases)
        if promote(cache, cache.images, repository, tag, alone) != cache.images:
            return later
    return None


def _unmatched(cache: ImageCache, push: PushEvent, rules: Rules) -> NearMiss | None:
    """A cache that lists the same path of another registry; of several entries the one that is nearest."""
    registry = rules.identity(push.registry)
    found = sorted(_others(cache.images, push, registry, rules), key=lambda pair: list(Near).index(pair[0]))
    if not found:
        return None
    near, entry = found[0]
    host = entry.registry
    if near is Near.OTHER_REGION:
        why = f"{host} is the registry of another region than {registry}"
    else:
        like = "looks like" if near is Near.LOOK_ALIKE_HOST else "is another registry than"
        why = f"{host} {like} {registry}; where both are one, registryAliases of the rules has to say so"
    return NearMiss(cache, entry.text, near.value, f"the cache lists {entry.text}: {why}")


def _others(
    images: Sequence[str], push: PushEvent, registry: str, rules: Rules
) -> Iterator[tuple[Near, Entry]]:
    for entry in entries_of(images, rules):
        if entry.repository == push.repository and entry.registry != registry:
            yield _kind(entry.registry, registry), entry


def _kind(host: str, registry: str) -> Near:
    regions = registry_region(host), registry_region(registry)
    if regions[0] and regions[1]:
        # Both are names of the vendor's, which tell instances and regions apart.
        twin = regions[0] != regions[1] and host.replace(regions[0], regions[1]) == registry
        return Near.OTHER_REGION if twin else Near.OTHER_REGISTRY
    names = host.rpartition(":")[0] or host, registry.rpartition(":")[0] or registry
    contained = names[0] in names[1] or names[1] in names[0]
    alike = contained or SequenceMatcher(None, *names, autojunk=False).ratio() >= _ALIKE
    return Near.LOOK_ALIKE_HOST if alike else Near.OTHER_REGISTRY
