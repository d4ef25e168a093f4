"""Promotions: what a new tag does to the entries of a list that a policy governs. Pure.

The entries of one repository with the same host, the same rule and tags of one variant share slots: their
places in the list. The newest ``keep`` tags fill these slots, the newest first; tags without a slot follow
right after the last slot, and slots without a tag are removed. Every other entry stays as and where it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from ..base.reasons import Hold
from ..model.image_cache import MOST_IMAGES, ImageCache
from .list_entries import Entry, entries_of
from .rules import Rule, Rules
from .tag_policy import newest_first


class Slots(NamedTuple):
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
    """The entries of a list that policies govern, only those of a repository if given, see ``entries_of``."""
    groups: dict[tuple[str, str, int, str], tuple[Rule, str, list[Entry]]] = {}
    for entry in entries_of(images, rules, repository):
        if entry.pinned:
            continue
        rule = rules.rule_for(cache, *entry.place)
        rank = rule.policy.rank(entry.tag) if rule else None
        if rule is None or rank is None:
            continue
        key = (entry.registry, entry.stem, id(rule), rank.variant)
        groups.setdefault(key, (rule, rank.variant, []))[2].append(entry)
    return [Slots(rule, variant, tuple(entries)) for rule, variant, entries in groups.values()]


def promote(
    cache: ImageCache, images: tuple[str, ...], repository: tuple[str, str], tag: str, rules: Rules
) -> tuple[str, ...]:
    """The list that a pushed tag leads to; the same one if no policy lets it in.

    The repository is the registry's identity, aliases resolved, and the path.
    """
    rule = rules.rule_for(cache, *repository, tag)
    rank = rule.policy.rank(tag) if rule else None
    if rule is None or rank is None:
        return images

    def competing(images: tuple[str, ...]) -> list[Slots]:
        """The slots that the tag competes for: one group for each form of the repository's name."""
        found = governed(cache, images, rules, repository)
        return [slots for slots in found if slots.rule is rule and slots.variant == rank.variant]

    return _filled(images, competing, lambda slots: _with(slots, tag))


def why_held(cache: ImageCache, repository: tuple[str, str], tag: str, rule: Rule, rules: Rules) -> Hold:
    """Why a pushed tag that a cache does not list is not let in by its rule."""
    judged = rule.policy.judge(tag)
    if isinstance(judged, Hold):
        return judged
    found = [slots for slots in governed(cache, cache.images, rules, repository) if slots.rule is rule]
    if not found:
        return Hold.LISTED_NOT_GOVERNED
    alike = any(slots.variant == judged.variant for slots in found)
    return Hold.OLDER if alike else Hold.OTHER_VARIANT


def bring_up_to_date(
    cache: ImageCache,
    images: tuple[str, ...],
    available: Mapping[tuple[str, str], AbstractSet[str]],
    rules: Rules,
) -> tuple[str, ...]:
    """The list that policies want, given the tags that registries have.

    Repositories (registry identity, path) that are not in ``available`` stay as they are.
    """

    def candidates(slots: Slots) -> list[str]:
        if not (slots.rule.reads_registry and slots.rule.policy.ordered):
            return []
        return _eligible(cache, slots, available.get(slots.repository, frozenset()), rules)

    return _filled(images, lambda images: governed(cache, images, rules), candidates)


def _filled(
    images: tuple[str, ...],
    find: Callable[[tuple[str, ...]], list[Slots]],
    candidates: Callable[[Slots], list[str]],
) -> tuple[str, ...]:
    """The list with slots filled: those that do not grow first, as they may leave room for the others."""
    found = find(images)
    wanted = [candidates(slots) for slots in found]
    grows = [
        len(slots.entries) < min(slots.rule.policy.keep, len(tags))
        for slots, tags in zip(found, wanted, strict=True)
    ]
    placed = images
    for number in sorted(range(len(found)), key=grows.__getitem__):
        if wanted[number]:
            # Placing tags moves what stands behind them.
            slots = found[number] if placed is images else find(placed)[number]
            placed = place(placed, slots, wanted[number])
    return placed


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
        candidates: at least one, the newest first. As many are taken as the rule keeps, fewer if the list
            would get too long for a cache.
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


def _with(slots: Slots, tag: str) -> list[str]:
    """The tags of slots and a pushed one, the newest first: the pushed one, if tags have no order."""
    if slots.rule.policy.ordered:
        return newest_first(slots.rule.policy, {*slots.tags, tag})
    return list(dict.fromkeys([tag, *slots.tags]))
