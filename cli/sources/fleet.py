"""Where image caches come from: a saved answer, an account, or the local cloud.

It must not know what is asked about them.
"""

from __future__ import annotations

import difflib
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from imagecache.base.iso_time import iso_time
from imagecache.model.image_cache import ImageCache, Listing

from ..output import print_note
from ..problem import Problem
from ..services.credentials import profile_option
from ..services.region import regions_option
from .cache_file import read_cache_file

if TYPE_CHECKING:
    from .account import Account

_T = TypeVar("_T")
_FIRST_YEAR, _LAST_YEAR = 1970, 9000


@dataclass(frozen=True)
class Fleet:
    """The image caches that a command was given.

    Attributes:
        listings: by region.
        notes: what a person should know of them.
        now: when they count as seen.
    """

    listings: tuple[Listing, ...]
    notes: tuple[str, ...]
    now: datetime

    @cached_property
    def caches(self) -> tuple[ImageCache, ...]:
        """All that could be read."""
        return tuple(cache for listing in self.listings for cache in listing.caches)

    @cached_property
    def _names(self) -> Counter[str]:
        return Counter(cache.name for cache in self.caches)

    def label(self, region_id: str, image_cache_id: str) -> str:
        """How a cache is called in a table: by its name, with its id where others have the name."""
        name = self._by_id[region_id, image_cache_id].name
        if name and self._names[name] == 1:
            return name
        return f"{name} ({image_cache_id})" if name else image_cache_id

    @cached_property
    def _by_id(self) -> dict[tuple[str, str], ImageCache]:
        return {(cache.region_id, cache.image_cache_id): cache for cache in self.caches}

    @property
    def unreadable(self) -> Iterator[ImageCache]:
        """Those that could not."""
        for listing in self.listings:
            yield from listing.unreadable

    def unreadable_documents(self) -> list[dict[str, str]]:
        """Those that could not be read, for JSON."""
        return [
            {"region_id": cache.region_id, "image_cache_id": cache.image_cache_id, "why": cache.unreadable}
            for cache in self.unreadable
        ]

    def find(self, name: str) -> ImageCache:
        """One cache by its id or its name.

        Raises:
            Problem: when there is none, or several have the name.
        """
        if not name:
            raise Problem("the name of an image cache is empty")
        found = [cache for cache in self.caches if cache.image_cache_id == name]
        found = found or [cache for cache in self.caches if cache.name == name]
        if len(found) == 1:
            return found[0]
        if found:
            places = ", ".join(f"{cache.image_cache_id} in {cache.region_id}" for cache in found)
            raise Problem(f"{len(found)} image caches have the name {name}: {places}", "Give the id.")
        for cache in self.unreadable:
            if name in {cache.image_cache_id, cache.name}:
                raise Problem(f"the description of image cache {name} cannot be read: {cache.unreadable}")
        known = [text for cache in self.caches for text in (cache.name, cache.image_cache_id)]
        close = difflib.get_close_matches(name, known, n=3)
        remedy = f"Did you mean {' or '.join(dict.fromkeys(close))}?" if close else ""
        where = ", ".join(listing.region_id for listing in self.listings) or "no region"
        raise Problem(f"no image cache has the id or name {name} (in {where}: {len(self.caches)})", remedy)

    def say_notes(self) -> None:
        """Say on standard error what a person should know."""
        for note in self.notes:
            print_note(note)
        for cache in self.unreadable:
            name = cache.image_cache_id or cache.name or "without an id"
            print_note(f"image cache {name} in {cache.region_id} is left out: {cache.unreadable}")


@dataclass(frozen=True)
class CacheSource:
    """What the options of a command say about where caches come from, and as of when something is asked.

    Attributes:
        file: a saved answer; None for none.
        regions: those that a person named.
        local: the folder of a local cloud; None for none.
        at: as of when; None for now.
        profile: whose account it is else; empty for the default chain of credentials.
        or_file: whether the command has the option for a saved answer.
    """

    file: str | None
    regions: tuple[str, ...]
    local: str | None
    at: datetime | None = None
    profile: str = ""
    or_file: bool = True

    @property
    def given(self) -> bool:
        """Whether any of the options is there."""
        return self.file is not None or self.local is not None or bool(self.regions)

    def read(self) -> Fleet:
        """The caches.

        Raises:
            Problem: when they cannot be had.
        """
        now = self.at or datetime.now(timezone.utc)
        if self.file is not None:
            read = read_cache_file(self.file, self.regions, now)
            return Fleet(read.listings, read.notes, now)
        return self.of(self.account())

    def of(self, account: Account) -> Fleet:
        """The caches of an account."""
        return Fleet(account.listings(), (), self.at or datetime.now(timezone.utc))

    def account(self) -> Account:
        """The account, or the local cloud in its place."""
        from .account import local_account, own_account  # noqa: PLC0415 - a file needs no SDK

        if self.local is not None:
            return local_account(self.local, self.regions)
        return own_account(os.environ, self.regions, self.profile, or_file=self.or_file)


def reads_caches(command: Callable[..., _T]) -> Callable[..., _T]:
    """Give a command the options that say where caches come from; it gets them as ``source``."""

    @click.option(
        "--caches",
        "caches_file",
        metavar="FILE",
        help="A saved answer of DescribeImageCaches; - is standard input.",
    )
    @regions_option
    @click.option(
        "--local",
        is_flag=False,
        flag_value=".local",
        metavar="[DIR]",
        help="Ask the local cloud that is served from this folder.",
    )
    @profile_option
    @click.option(
        "--at", metavar="TIME", callback=moment, help="As if it were this time (RFC 3339), not now."
    )
    @wraps(command)
    def with_source(
        *arguments: Any,
        caches_file: str | None,
        regions: tuple[str, ...],
        local: str | None,
        profile: str,
        at: datetime | None,
        **options: Any,
    ) -> _T:
        if caches_file is not None and local is not None:
            raise click.UsageError("--caches and --local exclude each other.")
        return command(*arguments, source=CacheSource(caches_file, regions, local, at, profile), **options)

    return with_source


def moment(_context: click.Context, _parameter: click.Parameter, text: str | None) -> datetime | None:
    """The callback of an option that takes a time with its zone."""
    if text is None:
        return None
    try:
        found = iso_time(text)
    except ValueError:
        raise click.BadParameter(f"{text} is not a time such as 2026-03-02T12:00:00Z.") from None
    if found.tzinfo is None:
        raise click.BadParameter(f"{text} has no zone; write 2026-03-02T12:00:00Z, or +08:00.")
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        # Spans are counted from it in both directions.
        raise click.BadParameter(f"{text} is not in the years {_FIRST_YEAR} to {_LAST_YEAR}.")
    return found
