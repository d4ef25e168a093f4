"""What an image cache remembers of its entries, in two more ECI tags. Best effort, like ``memory``. Pure.

``imc-refresh-digests``: the digests that the entries had when the last update was made. The value begins with
a fingerprint of that update's start, so that it counts for this update only, whether the platform merges tags
or replaces them; then a fingerprint for each entry and its digest, six characters of 36 bits each.

``imc-refresh-pushed``: for repositories under policy ``any``, whose tags do not tell which is newer, when the
tag was pushed that was promoted last. One part ``<repository>-<milliseconds>`` for each, the latest first.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import NamedTuple

from ..model.image_cache import ImageCache

DIGESTS_TAG = "imc-refresh-digests"
PUSHED_TAG = "imc-refresh-pushed"

_LONGEST_VALUE = 128
_FINGERPRINT = 6
_REPOSITORY = 8
_DIGITS = 14
"""So many digits of milliseconds last until the year 5138."""

_PUSHED_PART = re.compile(rf"([0-9a-f]{{{_REPOSITORY}}})-([0-9]{{1,{_DIGITS}}})", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Notes(NamedTuple):
    """What an update adds.

    Attributes:
        digests: entry as the new list has it -> the digest that its tag certainly has when the update begins,
            or gets by a push that is followed on its own.
        pushed: (registry identity, repository path) under policy ``any`` -> when its new tag was pushed.
    """

    digests: Mapping[str, str] = MappingProxyType({})
    pushed: Mapping[tuple[str, str], datetime] = MappingProxyType({})


NO_NOTES = Notes()
"""Nothing to add."""


def note_tags(cache: ImageCache, notes: Notes, began: datetime) -> dict[str, str]:
    """The tags to write with an update, in the order of their worth; an empty one is left out.

    Args:
        cache: the cache as described.
        notes: what this update adds.
        began: the update's start, as the cache will remember it.
    """
    pushed = _read_pushed(cache)
    for key, moment in notes.pushed.items():
        pushed[_repository(key)] = max(moment, pushed.get(_repository(key), moment))
    latest = sorted(pushed.items(), key=lambda item: item[1], reverse=True)
    parts = [f"{repository}-{_milliseconds(moment)}" for repository, moment in latest]
    while len(".".join(parts)) > _LONGEST_VALUE:
        parts.pop()
    fingerprints = [_fingerprint(began.astimezone(timezone.utc).isoformat())]
    fingerprints += [_fingerprint(entry, digest) for entry, digest in notes.digests.items()]
    digests = "".join(fingerprints[: _LONGEST_VALUE // _FINGERPRINT])
    tags = {PUSHED_TAG: ".".join(parts), DIGESTS_TAG: digests if notes.digests else ""}
    return {key: value for key, value in tags.items() if value}


def remembers_digests(cache: ImageCache, began: datetime) -> bool:
    """Whether the cache has notes of digests from the update that began then."""
    return _digests(cache)[:_FINGERPRINT] == _fingerprint(began.astimezone(timezone.utc).isoformat())


def had_digest(cache: ImageCache, began: datetime, entry: str, digest: str) -> bool:
    """Whether an entry is noted to have had a digest with the update that began then."""
    value = _digests(cache)
    known = {value[at : at + _FINGERPRINT] for at in range(_FINGERPRINT, len(value), _FINGERPRINT)}
    return remembers_digests(cache, began) and _fingerprint(entry, digest) in known


def promoted_at(cache: ImageCache, registry: str, repository: str) -> datetime | None:
    """When the tag was pushed that was last promoted under policy ``any``, or None if it is not known."""
    return _read_pushed(cache).get(_repository((registry, repository)))


def _digests(cache: ImageCache) -> str:
    return dict(cache.tags).get(DIGESTS_TAG, "")


def _read_pushed(cache: ImageCache) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    for part in dict(cache.tags).get(PUSHED_TAG, "").split("."):
        if match := _PUSHED_PART.fullmatch(part):
            found[match[1]] = _EPOCH + timedelta(milliseconds=int(match[2]))
    return found


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _repository(key: tuple[str, str]) -> str:
    return hashlib.sha256("/".join(key).encode()).hexdigest()[:_REPOSITORY]


def _fingerprint(*parts: str) -> str:
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return base64.urlsafe_b64encode(digest)[:_FINGERPRINT].decode("ascii")
