"""Options that select caches, with the same meaning as the ``caches`` of a rule."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import click

from imagecache.model.selector import CacheSelector

_T = TypeVar("_T")


def selects_caches(command: Callable[..., _T]) -> Callable[..., _T]:
    """Give a command the options that select caches; it gets them as ``selector``."""

    @click.option(
        "--id", "ids", multiple=True, metavar="ID", help="Only the cache of this id; may be repeated."
    )
    @click.option("--name", "names", multiple=True, metavar="GLOB", help="Only caches of such a name.")
    @click.option(
        "--tag", "tags", multiple=True, metavar="KEY[=GLOB]", help="Only caches with such an ECI tag."
    )
    @wraps(command)
    def with_selector(
        *arguments: Any, ids: tuple[str, ...], names: tuple[str, ...], tags: tuple[str, ...], **options: Any
    ) -> _T:
        selector = CacheSelector(ids=ids, names=names, tags=tuple(map(_tag, tags)))
        return command(*arguments, selector=selector, **options)

    return with_selector


def _tag(text: str) -> tuple[str, str | None]:
    key, equals, value = text.partition("=")
    if not key:
        raise click.BadParameter(f"{text} names no key; write KEY or KEY=VALUE.", param_hint="--tag")
    return key, value if equals else None
