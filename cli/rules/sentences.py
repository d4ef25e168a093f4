"""Rules in sentences. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from imagecache.model.selector import CacheSelector
from imagecache.policy.rules import Rule, Rules

from ..wording import duration_text, names_of, repository_text, what_policy_takes


def sentences(rules: Rules) -> Iterator[tuple[str, str]]:
    """The name of each rule, and what it says."""
    for number, rule in enumerate(rules.rules):
        yield rule.name, " ".join(_sentence(rule, first=number == 0))


def _sentence(rule: Rule, *, first: bool) -> Iterator[str]:
    begin = "In" if first else "Where no rule before it decides: in"
    yield f"{begin} {_caches(rule.caches)}, for {_images(rule)}: {_policy(rule)}."
    if rule.reads_registry:
        yield "The registry is asked for its tags and digests before each update and by the sweep."
    if rule.min_age_seconds:
        yield f"A tag is promoted {duration_text(rule.min_age_seconds)} after it was pushed."
    if rule.approval:
        yield "Nothing is promoted before a person has approved the new list."
    if rule.keep_ready:
        yield f"Of the caches that list a repository, {rule.keep_ready} stay Ready while others are rebuilt."
    if rule.cooldown_seconds:
        yield (
            f"A push waits until {duration_text(rule.cooldown_seconds)} after the cache's last update began."
        )
    if rule.policy.type != "exact" and not rule.restores_failed:
        yield "A tag that cannot be built stays listed."
    if rule.update:
        yield f"Updates carry {names_of(rule.update, last='and')}."


def _caches(selector: CacheSelector) -> str:
    parts: list[str] = []
    if selector.ids:
        parts.append(f"with id {names_of(selector.ids)}")
    if selector.names:
        parts.append(f"named {names_of(selector.names)}")
    parts += [f"with the tag {key}{'' if value is None else f'={value}'}" for key, value in selector.tags]
    if selector.regions:
        parts.append(f"of {names_of(selector.regions)}")
    return f"caches {' '.join(parts)}" if parts else "every cache"


def _images(rule: Rule) -> str:
    tags = f" with a tag {names_of(rule.tags)}" if rule.tags else ""
    repositories = names_of(map(repository_text, rule.repositories))
    return f"{f'entries of {repositories}' if repositories else 'every entry'}{tags}"


def _policy(rule: Rule) -> str:
    policy = rule.policy
    if policy.type == "exact":
        return "only a push of the very tag that is listed rebuilds the cache"
    takes = what_policy_takes(policy)
    newer = {"semver": "version", "numerical": "number", "alphabetical": "text", "any": "push"}[policy.type]
    if policy.type == "any":
        order = "the later push is the newer"
    else:
        order = f"the {'later' if newer == 'text' else 'higher'} {newer} is the newer"
    stay = (
        "takes the place of the listed one"
        if policy.keep == 1
        else f"joins; the newest {policy.keep} stay listed"
    )
    return f"{takes} {stay} ({order})"
