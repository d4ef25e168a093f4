"""Image caches from a file: what DescribeImageCaches answered once, saved by whatever asked.

A file may hold one page or several, of one region or several: JSON documents one after the other, or an array
of them. It must not know what is asked about the caches.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from imagecache.base.json_input import shown
from imagecache.model.image_cache import ImageCache, Listing

from ..problem import Problem
from .files import DECODER, called, read_file, why_not_json

_WRAPPERS = ("body", "Body", "data")
"""What programs put around an answer: the modern SDK's ``to_map()`` has it under ``body``."""
_HOW = (
    "What is expected is what DescribeImageCaches answers, as `aliyun eci DescribeImageCaches --RegionId "
    "cn-hangzhou > caches.json` saves it; pages and regions may follow each other in one file."
)


class CacheFile(NamedTuple):
    """The caches of a file by region, and what a person should know of how complete they are."""

    listings: tuple[Listing, ...]
    notes: tuple[str, ...]


def read_cache_file(name: str, regions: tuple[str, ...], now: datetime) -> CacheFile:
    """Read a file of caches.

    Args:
        name: of the file; ``-`` is standard input.
        regions: only caches of these; all if there are none. A single one is also the region of the caches
            that name none.
        now: when they count as listed.

    Raises:
        Problem: when the file cannot be read, or holds something else.
    """
    found: dict[str, dict[str, ImageCache]] = {}
    totals: dict[str, int] = {}
    for number, page in enumerate(_pages(name, _documents(name)), start=1):
        of_page: set[str] = set()
        for place, item in enumerate(page["ImageCaches"]):
            region = _region(item, regions, f"{called(name)}: cache {place + 1} of page {number}")
            cache = ImageCache.listed(region, item)
            found.setdefault(region, {})[cache.image_cache_id or f"{number}-{place}"] = cache
            of_page.add(region)
        total = page.get("TotalCount")
        if len(of_page) == 1 and isinstance(total, int):
            region = of_page.pop()
            totals[region] = max(total, totals.get(region, 0))
    wanted = {region: caches for region, caches in found.items() if not regions or region in regions}
    notes = [
        f"{called(name)} has {len(caches)} of {totals[region]} image caches of {region}: pages are missing"
        for region, caches in wanted.items()
        if totals.get(region, 0) > len(caches)
    ]
    notes += [f"{called(name)} has no image cache of {region}" for region in regions if region not in found]
    if not regions and not found:
        notes.append(f"{called(name)} has no image cache")
    listings = [listing_of(region, caches.values(), now) for region, caches in wanted.items()]
    return CacheFile(tuple(listings), tuple(notes))


def listing_of(region: str, caches: Collection[ImageCache], now: datetime) -> Listing:
    """The listing of a region, those that could not be read apart."""
    return Listing(
        region,
        tuple(cache for cache in caches if not cache.unreadable),
        now,
        tuple(cache for cache in caches if cache.unreadable),
    )


def _text(name: str) -> str:
    data = read_file(name)
    try:
        # A shell of Windows writes either mark at the beginning.
        return data.decode("utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise Problem(f"{called(name)} is not text in UTF-8: {error.reason} at byte {error.start}") from None


def _documents(name: str) -> Iterator[Any]:
    """The JSON documents of a file, one after the other."""
    text = _text(name)
    at = _past_blanks(text, 0)
    if at == len(text):
        raise Problem(f"{called(name)} is empty", _HOW)
    while at < len(text):
        try:
            document, at = DECODER.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            raise Problem(f"{called(name)} is not JSON: {why_not_json(error)}", _HOW) from None
        yield document
        at = _past_blanks(text, at)


def _past_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _pages(name: str, documents: Iterator[Any]) -> Iterator[Mapping[str, Any]]:
    for document in documents:
        for member in document if isinstance(document, list) else (document,):
            yield _page(name, member)


def _page(name: str, document: Any) -> Mapping[str, Any]:
    keys = shown(", ".join(sorted(document))) if isinstance(document, dict) else ""
    found = f"an object with {keys}" if keys else "something else"
    if isinstance(document, dict):
        for wrapper in _WRAPPERS:
            if "ImageCaches" not in document and isinstance(document.get(wrapper), dict):
                document = document[wrapper]
        if isinstance(document.get("ImageCaches"), list):
            page: Mapping[str, Any] = document
            return page
        if "ImageCacheId" in document:
            return {"ImageCaches": [document]}
        if "Code" in document and "Message" in document:
            raise Problem(
                f"{called(name)} has an error of ECI instead of caches: {shown(document['Code'])}", _HOW
            )
    raise Problem(f"{called(name)} has {found} where a page of image caches is expected", _HOW)


def _region(item: Any, regions: tuple[str, ...], where: str) -> str:
    region = item.get("RegionId") if isinstance(item, dict) else None
    if isinstance(region, str) and region:
        return region
    if len(regions) == 1:
        return regions[0]
    raise Problem(f"{where} does not say its region", "Name it with --region.")
