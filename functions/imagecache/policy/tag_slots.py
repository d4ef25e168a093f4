"""Promotions: what a new tag does to the entries of a list that a policy governs. Pure.

The entries of one repository that are written with the same host, have the same rule, and whose tags are of
one variant, share slots: the places that they have in the list. The newest ``keep`` tags fill these slots,
the newest first; where there are more of them than slots, the others follow right behind the last slot, and
slots that are left over go. Every other entry stays as and where it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from ..model.image_cache import MOST_IMAGES, ImageCache
from .list_entries import Entry, entries_of
from .rules import Rule, Rules
from .tag_policy import newest_first

_SHRINK_FIRST = (False, True)
"""Whether slots grow that are filled now: what the others leave is room for these, in a list of any order."""


@dataclass(frozen=True)
class Slots:
    """The entries that compete with each other, in the order of the list."""

    rule: Rule
    variant: str
    entries: tuple[Entry, ...]

    @property
    def repository(self) -> tuple[str, str]:
        """Registry identity and repository path."""
        return self.entries[0].registry, self.entries[0].repository

    @property
    def tags(self) -> list[str]:
        """The listed tags, in order."""
        return [entry.tag for entry in self.entries]


def governed(
    cache: ImageCache, images: Sequence[str], rules: Rules, repository: tuple[str, str] | None = None
) -> list[Slots]:
    """The entries of a list that policies govern.

    Args:
        cache: the cache, which rules may select.
        images: its list, or the one that it is to get.
        rules: the rules.
        repository: only entries of this one, see ``entries_of``.
    """
    groups: dict[tuple[str, str, int, str], tuple[Rule, str, list[Entry]]] = {}
    for entry in entries_of(images, rules, repository):
        if entry.pinned:
            continue
        rule = rules.rule_for(cache, entry.registry, entry.repository, entry.tag)
        rank = rule.policy.rank(entry.tag) if rule else None
        if rule is None or rank is None:
            continue
        key = (entry.registry, entry.stem, id(rule), rank.variant)
        groups.setdefault(key, (rule, rank.variant, []))[2].append(entry)
    return [Slots(rule, variant, tuple(entries)) for rule, variant, entries in groups.values()]


def promote(
    cache: ImageCache, images: tuple[str, ...], repository: tuple[str, str], tag: str, rules: Rules
) -> tuple[str, ...]:
    """The list that a pushed tag leads to; the same one where no policy lets it in.

    Args:
        cache: the cache.
        images: its list.
        repository: registry identity, aliases resolved, and repository path of the push.
        tag: the pushed tag.
        rules: the rules.
    """
    rule = rules.rule_for(cache, *repository, tag)
    rank = rule.policy.rank(tag) if rule else None
    if rule is None or rank is None:
        return images
    alike = _alike(cache, images, repository, rule, rank.variant, rules)
    for growing in _SHRINK_FIRST:
        for number in range(len(alike)):
            candidates = _with(alike[number], tag)
            if _grows(alike[number], candidates) is growing:
                images = place(images, alike[number], candidates)
                if len(alike) > 1:
                    # Placing tags moves what stands behind them.
                    alike = _alike(cache, images, repository, rule, rank.variant, rules)
    return images


def _alike(  # noqa: PLR0913, PLR0917 - what makes slots those of a tag
    cache: ImageCache,
    images: Sequence[str],
    repository: tuple[str, str],
    rule: Rule,
    variant: str,
    rules: Rules,
) -> list[Slots]:
    """The slots that a tag competes for: one for each form of the repository's name."""
    found = governed(cache, images, rules, repository)
    return [slots for slots in found if slots.rule is rule and slots.variant == variant]


def bring_up_to_date(
    cache: ImageCache,
    images: tuple[str, ...],
    available: Mapping[tuple[str, str], AbstractSet[str]],
    rules: Rules,
) -> tuple[str, ...]:
    """The list that policies want, given the tags that registries have.

    Args:
        cache: the cache.
        images: its list.
        available: (registry identity, repository path) -> tags; what is not in it stays as it is.
        rules: the rules.
    """
    for growing in _SHRINK_FIRST:
        for number in range(len(governed(cache, images, rules))):
            slots = governed(cache, images, rules)[number]
            if not (slots.rule.reads_registry and slots.rule.policy.ordered):
                continue
            candidates = _eligible(cache, slots, available.get(slots.repository, frozenset()), rules)
            if candidates and _grows(slots, candidates) is growing:
                images = place(images, slots, candidates)
    return images


def _eligible(cache: ImageCache, slots: Slots, available: AbstractSet[str], rules: Rules) -> list[str]:
    """The tags that may have the slots, the newest first."""
    registry, repository = slots.repository
    policy = slots.rule.policy
    eligible = {
        tag
        for tag in available
        if (rank := policy.rank(tag)) is not None
        and rank.variant == slots.variant
        and rules.rule_for(cache, registry, repository, tag) is slots.rule
    }
    return newest_first(policy, eligible)


def place(images: tuple[str, ...], slots: Slots, candidates: Sequence[str]) -> tuple[str, ...]:
    """Fill slots with the newest candidates.

    Args:
        images: the list that has the slots.
        slots: the slots.
        candidates: different tags, the newest first, at least one; as many as the rule keeps are taken,
            fewer where the list would get longer than a cache takes.
    """
    others = len(images) - len(slots.entries)
    room = max(1, MOST_IMAGES - others)
    kept = list(candidates[: min(slots.rule.policy.keep, room)])
    written = {entry.tag: entry.text for entry in slots.entries}
    texts = [written.get(tag) or f"{slots.entries[0].stem}:{tag}" for tag in kept]
    positions = [entry.position for entry in slots.entries]
    placed: list[str] = []
    for position, text in enumerate(images):
        if position not in positions:
            placed.append(text)
        elif position == positions[-1]:
            placed += texts
        elif texts:
            placed.append(texts.pop(0))
    return tuple(placed)


def _grows(slots: Slots, candidates: Sequence[str]) -> bool:
    return len(slots.entries) < min(slots.rule.policy.keep, len(candidates))


def _with(slots: Slots, tag: str) -> list[str]:
    """The tags of slots and a pushed one, the newest first; without an order the pushed one is the newest."""
    if slots.rule.policy.ordered:
        return newest_first(slots.rule.policy, {*slots.tags, tag})
    return list(dict.fromkeys([tag, *slots.tags]))
