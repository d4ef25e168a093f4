"""Options that say which records are shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

import click

from imagecache.base.reasons import Reason, Result
from imagecache.model.globs import glob_matches

from ..sources.record import Record
from .image_match import image_matches

_T = TypeVar("_T")
_DOORS = ("on_push", "on_webhook", "on_manual", "on_timer", "on_follow")


@dataclass(frozen=True)
class Filters:
    """What a record has to be; a condition without values takes all.

    Attributes:
        equal: by key of a record, the texts of which it has one.
        caches: globs of a cache's name, or ids.
        images: images or globs, as a person names them.
    """

    equal: Mapping[str, tuple[str, ...]]
    caches: tuple[str, ...]
    images: tuple[str, ...]

    def take(self, record: Record) -> bool:
        """Whether a record is one of those."""
        identifier, name, image = record.cache[1], record.text("image_cache_name"), record.text("image")
        return (
            all(not texts or record.text(key) in texts for key, texts in self.equal.items())
            and (not self.caches or any(one == identifier or glob_matches(one, name) for one in self.caches))
            and (
                not self.images
                or any(image_matches(one, image, record.text("digest")) for one in self.images)
            )
        )


def filters_records(command: Callable[..., _T]) -> Callable[..., _T]:
    """Give a command the options that narrow records; it gets them as ``filters``."""

    @click.option(
        "--result",
        "results",
        multiple=True,
        type=click.Choice([result.value for result in Result]),
        metavar="RESULT",
        help="Only this result, such as failed; may be repeated, like each filter.",
    )
    @click.option(
        "--reason",
        "reasons",
        multiple=True,
        callback=_reasons,
        metavar="REASON",
        help="Only this reason, such as CACHE_BUSY.",
    )
    @click.option("--image", "images", multiple=True, metavar="GLOB", help="Only pushes of such an image.")
    @click.option("--cache", "caches", multiple=True, metavar="GLOB", help="Only caches of this name or id.")
    @click.option("--rule", "rules", multiple=True, metavar="NAME", help="Only what this rule decided.")
    @click.option("--event", "events", multiple=True, metavar="ID", help="Only the event of this id.")
    @click.option("--request", "requests", multiple=True, metavar="ID", help="Only this invocation.")
    @click.option("--source", "sources", multiple=True, metavar="NAME", help="Only this source of pushes.")
    @click.option(
        "--door",
        "doors",
        multiple=True,
        type=click.Choice(_DOORS),
        metavar="NAME",
        help="Only this entry point.",
    )
    @wraps(command)
    def with_filters(*arguments: Any, **options: Any) -> _T:
        equal = {
            key: options.pop(name)
            for key, name in (
                ("result", "results"),
                ("reason", "reasons"),
                ("event_id", "events"),
                ("request_id", "requests"),
                ("rule", "rules"),
                ("source", "sources"),
                ("door", "doors"),
            )
        }
        filters = Filters(equal, options.pop("caches"), options.pop("images"))
        return command(*arguments, filters=filters, **options)

    return with_filters


def _reasons(
    _context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    known = {reason.value for reason in Reason}
    found = tuple(value.upper() for value in values)
    for value in found:
        if value not in known:
            raise click.BadParameter(f"{value} is no reason; docs/reasons.md has them.")
    return found
