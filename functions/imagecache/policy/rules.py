"""Rules: for an entry of a cache's image list, the tag policy and what else is configured. Pure.

The first rule whose ``caches`` and ``images`` both match is the entry's rule. Where none matches, or its
policy does not understand the tag, the policy is exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from ..model.globs import glob_matches
from ..model.image_cache import ImageCache
from ..model.reference import DOCKER_HUB, is_host
from ..model.registry_identity import registry_identity
from ..model.selector import ALL_CACHES, CacheSelector
from .tag_policy import EXACT, Policy


class RepositoryGlob(NamedTuple):
    """A glob over repositories.

    Attributes:
        host: the registry: an identity, a glob over identities if ``host_is_glob``, or None for any.
        path: a glob over the repository path.
        host_is_glob: whether the host has a star or a question mark.
    """

    host: str | None
    path: str
    host_is_glob: bool = False

    def matches(self, registry: str, repository: str) -> bool:
        """Whether a repository of a registry, by its identity, is meant."""
        if self.host_is_glob:
            right_host = glob_matches(self.host or "", registry)
        else:
            right_host = self.host is None or self.host == registry
        return right_host and glob_matches(self.path, repository)


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        name: for records.
        repositories: empty for all.
        tags: globs over tags; empty for all.
        policy: what happens to other tags of a listed repository.
        cooldown_seconds: between the start of an update of a cache and the next update that a push asks for.
        reads_registry: whether the registry is read for what is there now.
        restores_failed: whether a promoted tag that cannot be built is taken back.
        min_age_seconds: for how long a tag has to have been pushed before it is promoted.
        keep_ready: of the caches that list the same repository, how many stay usable while others are
            rebuilt: a number, or a part of them such as "50%"; 0 for no such bound.
        approval: whether a person has to approve a promotion.
        update: parameters of UpdateImageCache by the API's names; may hold passwords.
    """

    name: str
    caches: CacheSelector = ALL_CACHES
    repositories: tuple[RepositoryGlob, ...] = ()
    tags: tuple[str, ...] = ()
    policy: Policy = EXACT
    cooldown_seconds: int = 0
    reads_registry: bool = False
    restores_failed: bool = True
    min_age_seconds: int = 0
    keep_ready: int | str = 0
    approval: bool = False
    update: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)

    def matches(self, cache: ImageCache, registry: str, repository: str, tag: str) -> bool:
        """Whether this rule is for a tag of a repository in a cache."""
        return (
            self.caches.matches(cache)
            and (
                not self.repositories or any(glob.matches(registry, repository) for glob in self.repositories)
            )
            and (not self.tags or any(glob_matches(glob, tag) for glob in self.tags))
        )


@dataclass(frozen=True)
class Rules:
    """All rules in order, and identity of a custom domain -> identity of the registry that answers there."""

    rules: tuple[Rule, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict, hash=False)

    def identity(self, registry: str) -> str:
        """The registry behind an identity that may be an alias."""
        return self.aliases.get(registry, registry)

    @cached_property
    def _domains(self) -> Mapping[str, tuple[str, ...]]:
        domains: dict[str, tuple[str, ...]] = {}
        for domain, registry in self.aliases.items():
            domains[registry] = (*domains.get(registry, ()), domain)
        return domains

    def names_of(self, registry: str) -> tuple[str, ...]:
        """Every identity under which a registry may be listed, its own first."""
        own = self.identity(registry)
        return (own, *self._domains.get(own, ()))

    def rule_for(self, cache: ImageCache, registry: str, repository: str, tag: str) -> Rule | None:
        """The first rule that matches, or None; the registry's identity has aliases resolved."""
        return next((rule for rule in self.rules if rule.matches(cache, registry, repository, tag)), None)

    @property
    def keep_ready(self) -> bool:
        """Whether any rule keeps caches ready."""
        return any(rule.keep_ready for rule in self.rules)

    @property
    def read_registries(self) -> bool:
        """Whether any rule reads registries."""
        return any(rule.reads_registry for rule in self.rules)


NO_RULES = Rules()
"""Policy exact for every entry."""


def read_repository_glob(text: str, aliases: Mapping[str, str]) -> RepositoryGlob:
    """Read a repository glob: ``host/path`` where the first part is a host, else a path under any host.

    Args:
        text: the glob.
        aliases: see ``Rules``.

    Raises:
        InputError: when a host without a star is not valid.
    """
    first, slash, rest = text.partition("/")
    if not slash or not is_host(first):
        return RepositoryGlob(None, text)
    if "*" in first or "?" in first:
        return RepositoryGlob(first.lower(), rest, host_is_glob=True)
    host = registry_identity(first)
    host = aliases.get(host, host)
    if host == DOCKER_HUB and "/" not in rest and "**" not in rest:
        rest = f"library/{rest}"
    return RepositoryGlob(host, rest)
