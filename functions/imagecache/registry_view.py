"""What registries have now, and what that asks of a cache: for rules with ``registry: read``.

A registry that does not answer leaves its repositories as they are, and says so; nothing here raises for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .caches import ImageCache
from .errors import RegistryError
from .memory import MOST_TAGS, OWN_TAGS, last_update
from .notes import had_digest, remembers_digests
from .promotions import Entry, bring_up_to_date, entries_of, governed
from .registry_reader import RegistryReader, RememberingReader
from .rules import Rules

__all__ = ["Current", "RegistryView", "what_is_newer"]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Current:
    """What is wanted of a cache now.

    Attributes:
        images: the list that the policies want.
        digests: entry of that list -> the digest that its tag has; only entries that are known.
        problems: what was not answered, or not there, one sentence each.
        unread: whether a registry had no good answer.
    """

    images: tuple[str, ...]
    digests: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    unread: bool = False


class RegistryView:
    """Asks registries for what rules want to know.

    Args:
        rules: the rules.
        open_reader: makes the reader; called when something is to be read for the first time.
        remaining: seconds that are left for reading.
    """

    def __init__(
        self, rules: Rules, open_reader: Callable[[], RegistryReader], remaining: Callable[[], float]
    ) -> None:
        self._rules = rules
        self._open_reader = open_reader
        self._remaining = remaining
        self._reader: RegistryReader | None = None

    def survey(self) -> RegistryView:
        """A view that asks each thing once, for comparing many caches; what it knows may be old by then."""
        return RegistryView(self._rules, lambda: RememberingReader(self._open()), self._remaining)

    def remaining(self) -> float:
        """Seconds that are left for reading."""
        return self._remaining()

    def current(self, cache: ImageCache, images: tuple[str, ...]) -> Current:
        """Ask for what concerns a cache; nothing is asked where no rule says so.

        Args:
            cache: the cache.
            images: its list, or the one that it is to get.
        """
        if not self._rules.read_registries:
            return Current(images)
        problems: dict[str, bool] = {}
        available: dict[tuple[str, str], set[str]] = {}
        for slots in governed(cache, images, self._rules):
            if slots.rule.reads_registry and slots.rule.policy.ordered:
                found = self._tags(slots.entries, problems)
                if found is not None:
                    available.setdefault(slots.repository, set()).update(found)
        wanted = bring_up_to_date(cache, images, available, self._rules)
        digests: dict[str, str] = {}
        for entry in entries_of(wanted, self._rules):
            rule = self._rules.rule_for(cache, entry.registry, entry.repository, entry.tag)
            if rule is not None and rule.reads_registry and not entry.pinned:
                digest = self._digest(entry, problems)
                if digest is not None:
                    digests[entry.text] = digest
        if problems:
            _logger.warning("%s: %s", cache.image_cache_id, "; ".join(problems))
        return Current(wanted, digests, tuple(problems), any(problems.values()))

    def _tags(self, entries: tuple[Entry, ...], problems: dict[str, bool]) -> set[str] | None:
        """The tags of the entries' repository, or None.

        A listed tag that the registry does not name is asked for by itself: a list may lag behind a push.
        """
        registry, repository = entries[0].registry, entries[0].repository
        try:
            tags = set(self._open().tags(registry, repository))
            tags |= {
                entry.tag
                for entry in entries
                if entry.tag not in tags and self._open().digest(registry, repository, entry.tag) is not None
            }
        except RegistryError as error:
            problems[str(error)] = True
            return None
        return tags

    def _digest(self, entry: Entry, problems: dict[str, bool]) -> str | None:
        try:
            digest = self._open().digest(entry.registry, entry.repository, entry.tag)
        except RegistryError as error:
            problems[str(error)] = True
            return None
        if digest is None:
            problems[f"{entry.registry}/{entry.repository} has no tag {entry.tag}"] = False
        return digest

    def _open(self) -> RegistryReader:
        if self._reader is None:
            self._reader = self._open_reader()
        return self._reader


def what_is_newer(cache: ImageCache, current: Current) -> str:
    """What the registries have that the cache was not built with, in words; empty if there is nothing.

    A cache that remembers no digests is taken for older, once: with its next update it remembers.
    """
    if current.images != cache.images:
        added = [image for image in current.images if image not in cache.images]
        gone = [image for image in cache.images if image not in current.images]
        if added:
            return f"the registry has {', '.join(added)}"
        return (
            f"by what the registry has, {', '.join(gone)} is to go" if gone else "the tags are out of order"
        )
    last = last_update(cache)
    if last is None or not remembers_digests(cache, last.began):
        room = len([key for key, _ in cache.tags if key not in OWN_TAGS]) <= MOST_TAGS - len(OWN_TAGS)
        return "it is not known which images the cache was built with" if current.digests and room else ""
    changed = [
        entry for entry, digest in current.digests.items() if not had_digest(cache, last.began, entry, digest)
    ]
    return f"the registry has other images under {', '.join(changed)}" if changed else ""
