"""What is allowed in rules and can hardly be meant: what never matches, and what never decides. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from imagecache.base.reasons import Hold
from imagecache.model.globs import glob_matches
from imagecache.model.image_cache import ImageCache
from imagecache.policy.list_entries import Entry, entries_of
from imagecache.policy.rules import RepositoryGlob, Rule, Rules
from imagecache.policy.tag_policy import Rank

from ..pushes.rule_match import matches
from ..wording import names_of
from .hints import Finding

_MOST_NAMED = 5


class Governed(NamedTuple):
    """An entry of a cache and its rule."""

    cache: ImageCache
    entry: Entry
    rule: Rule | None


def governed(rules: Rules, caches: Iterable[ImageCache]) -> list[Governed]:
    """The entries of caches, each with the rule that it gets."""
    return [
        Governed(cache, entry, rules.rule_for(cache, entry.registry, entry.repository, entry.tag))
        for cache in caches
        for entry in entries_of(cache.images, rules)
    ]


def of_rules(rules: Rules) -> Iterator[Finding]:
    """What shows in the rules alone."""
    for number, rule in enumerate(rules.rules):
        place = f"/rules/{number}"
        before = next((other for other in rules.rules[:number] if _takes_all_of(other, rule)), None)
        if before is not None:
            yield Finding(
                place,
                rule.name,
                f"never decides: rule {before.name} comes first and takes all that it takes",
                f"put {rule.name} before {before.name}",
            )
        for index, glob in enumerate(rule.repositories):
            why = _never_a_repository(glob)
            if why:
                yield Finding(f"{place}/images/repositories/{index}", rule.name, *why)
        for index, tag in enumerate(rule.tags):
            if "/" in tag or ":" in tag or "@" in tag:
                found = f"{tag} matches no tag: a tag has no / : or @"
                yield Finding(f"{place}/images/tags/{index}", rule.name, found, "a tag alone, such as v1.*")


def of_caches(rules: Rules, caches: Sequence[ImageCache]) -> Iterator[Finding]:
    """What shows with caches: rules that decide nothing, and caches that no rule touches."""
    found = governed(rules, caches)
    for number, rule in enumerate(rules.rules):
        entries = [each for each in found if each.rule is rule]
        if not entries:
            yield Finding(f"/rules/{number}", rule.name, *_why_nothing(rules, rule, caches))
        yield from _never_understood(
            number, rule, {each.entry.tag for each in entries if not each.entry.pinned}, "listed tags"
        )
    touched = {(each.cache.region_id, each.cache.image_cache_id) for each in found if each.rule is not None}
    for cache in caches:
        if (cache.region_id, cache.image_cache_id) not in touched:
            name = cache.name or cache.image_cache_id
            yield Finding(
                "/rules", "", f"no rule touches cache {name} in {cache.region_id}: its policy is exact"
            )


def of_tags(rules: Rules, tags: Sequence[str]) -> Iterator[Finding]:
    """What shows with the tags of a repository: policies that understand none of them."""
    for number, rule in enumerate(rules.rules):
        meant = [tag for tag in tags if not rule.tags or any(glob_matches(glob, tag) for glob in rule.tags)]
        if tags and not meant:
            found = f"none of the {len(tags)} given tags matches {names_of(rule.tags)}"
            yield Finding(f"/rules/{number}/images/tags", rule.name, found)
        yield from _never_understood(number, rule, meant, "given tags")


def _never_understood(number: int, rule: Rule, tags: Iterable[str], what: str) -> Iterator[Finding]:
    """A policy that none of some tags satisfies."""
    judged = {tag: rule.policy.judge(tag) for tag in sorted(tags)}
    holds = [why for why in judged.values() if isinstance(why, Hold)]
    if not judged or any(isinstance(why, Rank) for why in judged.values()) or rule.policy.type == "exact":
        return
    most = Counter(holds).most_common(1)[0][0]
    shown = names_of(list(judged)[:_MOST_NAMED], last="and")
    more = f" and {len(judged) - _MOST_NAMED} more" if len(judged) > _MOST_NAMED else ""
    key = {Hold.PATTERN_MISMATCH: "pattern", Hold.OUTSIDE_RANGE: "range", Hold.PRERELEASE: "range"}.get(
        most, "type"
    )
    found = f"policy {rule.policy.type} understands none of the {len(judged)} {what} ({shown}{more})"
    yield Finding(f"/rules/{number}/policy/{key}", rule.name, found, f"{most.value}: {most.meaning}")


def _why_nothing(rules: Rules, rule: Rule, caches: Sequence[ImageCache]) -> tuple[str, str]:
    """Why a rule decides about no entry, in words, and what may help."""
    selected = [cache for cache in caches if rule.caches.matches(cache)]
    if not selected:
        return f"matches none of the {len(caches)} caches", ""
    first: Counter[str] = Counter()
    for cache in selected:
        for entry in entries_of(cache.images, rules):
            found = matches(rules, cache, entry.registry, entry.repository, entry.tag)
            if any(match.rule is rule and not match.misses for match in found):
                first.update(match.rule.name for match in found if match.decides)
    if first:
        names = names_of(first, last="and")
        return f"decides about no entry: rule {names} comes first for all {sum(first.values())}", ""
    return f"matches no entry of the {len(selected)} caches that it selects", ""


def _takes_all_of(first: Rule, later: Rule) -> bool:
    """Whether whatever a later rule matches is matched by the first one; False where that is not certain."""
    one, other = first.caches, later.caches
    selects = all(
        not mine or (theirs and set(theirs) <= set(mine))
        for mine, theirs in ((one.ids, other.ids), (one.names, other.names), (one.regions, other.regions))
    ) and set(one.tags) <= set(other.tags)
    all_repositories = not first.repositories or _ANY in first.repositories
    all_tags = not first.tags or not {"*", "**"}.isdisjoint(first.tags)
    return (
        selects
        and (
            all_repositories
            or (bool(later.repositories) and set(later.repositories) <= set(first.repositories))
        )
        and (all_tags or (bool(later.tags) and set(later.tags) <= set(first.tags)))
    )


_ANY = RepositoryGlob(None, "**")


def _never_a_repository(glob: RepositoryGlob) -> tuple[str, str] | None:
    """Why a glob matches no repository, and what was probably meant."""
    path = glob.path
    if path.startswith("/"):
        return f"{path} matches no repository: none begins with /", path.lstrip("/")
    if ":" in path or "@" in path:
        bare = path.partition("@")[0].partition(":")[0]
        return (
            f"{path} matches no repository: a path has no tag or digest",
            f"{bare}, and the tag in images.tags",
        )
    if path != path.lower():
        return f"{path} matches no repository: a path has no capital letters", path.lower()
    if glob.host is None and "/" not in path and not set(path) & {"*", "?"}:
        return (
            f"{path} matches a repository of one component only; Docker Hub's official ones are in library/",
            f"library/{path} or **/{path}",
        )
    return None
