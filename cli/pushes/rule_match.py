"""Which criteria of a rule an entry of a cache's list meets, each asked of the library alone. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from imagecache.model.globs import glob_matches
from imagecache.model.image_cache import ImageCache
from imagecache.model.selector import ALL_CACHES
from imagecache.policy.rules import Rule, Rules

from ..wording import names_of, repository_text


class Match(NamedTuple):
    """One rule beside one tag.

    Attributes:
        rule: the rule.
        misses: what of it does not hold, a sentence each; it matches if there is nothing.
        decides: whether it is the first that matches.
    """

    rule: Rule
    misses: tuple[str, ...]
    decides: bool


def matches(rules: Rules, cache: ImageCache, registry: str, repository: str, tag: str) -> Sequence[Match]:
    """Every rule in order, for a tag of a repository in a cache.

    Args:
        rules: the rules.
        cache: the cache.
        registry: the registry's identity, aliases resolved.
        repository: the repository path.
        tag: the tag.
    """
    first = rules.rule_for(cache, registry, repository, tag)
    return [
        Match(rule, tuple(_misses(rule, cache, registry, repository, tag)), rule is first)
        for rule in rules.rules
    ]


def _misses(rule: Rule, cache: ImageCache, registry: str, repository: str, tag: str) -> Iterator[str]:
    selector = rule.caches
    if not ALL_CACHES._replace(ids=selector.ids).matches(cache):
        yield f"the cache's id {cache.image_cache_id} is not {names_of(selector.ids)}"
    if not ALL_CACHES._replace(names=selector.names).matches(cache):
        yield f"the cache's name {cache.name} does not match {names_of(selector.names)}"
    if not ALL_CACHES._replace(regions=selector.regions).matches(cache):
        yield f"the cache's region {cache.region_id} is not {names_of(selector.regions)}"
    for key, value in selector.tags:
        if not ALL_CACHES._replace(tags=((key, value),)).matches(cache):
            has = dict(cache.tags).get(key)
            wanted = f"{key}={value}" if value is not None else key
            yield (
                f"the cache's tag {key} is {has}, not {value}"
                if has is not None
                else f"the cache has no tag {wanted}"
            )
    if rule.repositories and not any(glob.matches(registry, repository) for glob in rule.repositories):
        globs = names_of(map(repository_text, rule.repositories))
        yield f"the repository {registry}/{repository} does not match {globs}"
    if rule.tags and not any(glob_matches(glob, tag) for glob in rule.tags):
        yield f"the tag {tag} does not match {names_of(rule.tags)}"
