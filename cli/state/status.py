"""``imc-refresh status``: how the image caches stand, those first that need a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import click

from imagecache.base.timestamps import Moment
from imagecache.model.image_cache import ImageCache
from imagecache.model.selector import CacheSelector

from ..output import json_option, print_json, print_table, print_text
from ..problem import ANSWERED, WRONG
from ..sources.fleet import CacheSource, Fleet, reads_caches
from ..sources.rules_file import read_rules_file, rules_option
from ..sources.selecting import selects_caches
from ..wording import duration_text, moment_text
from .cache_status import CacheStatus, status_of

_HEADERS = ("CACHE", "STATUS", "LISTS", "UPDATED", "TOOK", "STALE", "LOOK", "FAILED", "RULES", "NEEDS")
_MOST_LISTED = 3
_EXAMPLES = """\b
Examples:
  imc-refresh status --region cn-hangzhou --region cn-beijing
  imc-refresh status --caches caches.json --rules rules.json --name 'web-*' -o wide"""


@click.command("status", epilog=_EXAMPLES)
@reads_caches
@selects_caches
@rules_option
@click.option("-o", "output", type=click.Choice(["wide"]), help="Also regions, ids and every image.")
@json_option
def command(
    source: CacheSource, selector: CacheSelector, rules_file: str | None, output: str | None, *, as_json: bool
) -> None:
    """Show how the image caches stand; exit with 1 where one needs a person.

    UPDATED is when the last update of this application began, TOOK how long a rebuild took, STALE since when
    the cache certainly serves something old, LOOK when it is looked at next with the default settings.
    """
    rules = read_rules_file(rules_file)
    fleet = source.read()
    fleet.say_notes()
    at = Moment(fleet.now)
    found = [status_of(cache, rules, at) for cache in fleet.caches if selector.matches(cache)]
    found.sort(key=lambda each: (each.need, each.cache.region_id, each.cache.name, each.cache.image_cache_id))
    wrong = any(each.needs_a_person for each in found) or any(True for _ in fleet.unreadable)
    if as_json:
        print_json(
            {
                "at": fleet.now.isoformat(),
                "caches": [each.as_document(fleet.now) for each in found],
                "unreadable": fleet.unreadable_documents(),
                "notes": list(fleet.notes),
            }
        )
    else:
        _print(found, fleet, wide=output == "wide")
    click.get_current_context().exit(WRONG if wrong else ANSWERED)


def _print(found: Sequence[CacheStatus], fleet: Fleet, *, wide: bool) -> None:
    counted = Counter(each.cache.status for each in found)
    counts = ", ".join(f"{number} {status}" for status, number in counted.most_common())
    print_text(f"{len(found)} image caches{f': {counts}' if counts else ''}")
    if found:
        print_text()
        headers = (*_HEADERS, "REGION", "ID", "IMAGES") if wide else _HEADERS
        print_table(headers, [_row(each, fleet, wide=wide) for each in found])


def _row(each: CacheStatus, fleet: Fleet, *, wide: bool) -> tuple[str, ...]:
    cache, memory, now = each.cache, each.memory, fleet.now
    more = (cache.region_id, cache.image_cache_id, "\n".join(cache.images)) if wide else ()
    return (
        fleet.label(cache.region_id, cache.image_cache_id),
        cache.status,
        _lists(cache),
        f"{duration_text(now - memory.began)} ago" if memory else "",
        duration_text(memory.duration) if memory else "",
        duration_text(now - each.stale_since) if each.stale_since else "",
        _look(each.next_look, now),
        str(each.failures or ""),
        ", ".join(each.rules),
        each.why,
        *more,
    )


def _lists(cache: ImageCache) -> str:
    """The first entries, by the last part of their names."""
    short = [image.partition("@")[0].rpartition("/")[2] for image in cache.images[:_MOST_LISTED]]
    more = len(cache.images) - len(short)
    return ", ".join(short) + (f" and {more} more" if more > 0 else "")


def _look(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return ""
    return "now" if moment <= now else moment_text(moment)
