"""Which caches a command that changes something is about: named ones, or those that options select.

What is named must be there; of nothing that is named or selected, nothing is meant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

import click

from imagecache.model.globs import glob_matches
from imagecache.model.image_cache import ImageCache
from imagecache.model.selector import ALL_CACHES, CacheSelector

from ..problem import Problem
from ..sources.fleet import Fleet
from ..sources.selecting import selects_caches

_T = TypeVar("_T")
_GLOB = frozenset("*")


class Selection:
    """What a person wrote.

    Args:
        names: ids or names of caches, or globs over names.
        selector: what the options say.
    """

    def __init__(self, names: Sequence[str], selector: CacheSelector) -> None:
        self._names = names
        self._selector = selector

    def of(self, fleet: Fleet) -> list[ImageCache]:
        """The caches.

        Raises:
            Problem: when there are none, or one that is named is not there or is not the only one.
        """
        if not self._names and self._selector == ALL_CACHES:
            raise Problem("no image cache is named", "Name some, or select them: --name '**' takes all.")
        found = {cache: None for cache in fleet.caches if self._selector.matches(cache)}
        if self._names:
            named = {cache: None for name in self._names for cache in _named(fleet, name)}
            found = {cache: None for cache in named if cache in found}
        if not found:
            raise Problem(f"none of {len(fleet.caches)} image caches is selected")
        return list(found)


def _named(fleet: Fleet, name: str) -> list[ImageCache]:
    if _GLOB.isdisjoint(name):
        return [fleet.find(name)]
    found = [cache for cache in fleet.caches if glob_matches(name, cache.name)]
    if not found:
        raise Problem(f"no image cache has a name that matches {name}")
    return found


def takes_caches(command: Callable[..., _T]) -> Callable[..., _T]:
    """Give a command the argument and the options that say which caches; it gets them as ``selection``."""

    @click.argument("named", nargs=-1, metavar="[CACHE]...")
    @selects_caches
    @wraps(command)
    def with_selection(
        *arguments: Any, named: tuple[str, ...], selector: CacheSelector, **options: Any
    ) -> _T:
        return command(*arguments, selection=Selection(named, selector), **options)

    return with_selection
