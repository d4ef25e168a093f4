"""What registries have now, and what that asks of a cache: for rules with ``registry: read``.

A registry that does not answer leaves its repositories as they are, and says so; nothing here raises for it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from ..base.errors import RegistryError
from ..clients.clients import Clients
from ..clients.registry_reader import RegistryReader, RememberingReader
from ..model.change import PushEvent
from ..model.image_cache import ImageCache
from ..planning.wanted_list import Current
from ..policy.list_entries import Entry, entries_of
from ..policy.rules import Rules
from ..policy.tag_slots import bring_up_to_date, governed

_logger = logging.getLogger(__name__)


class RegistryView:
    """Asks registries for what rules want to know.

    Args:
        rules: the rules.
        clients: have the reader, and say how long it may read.
        reader: asked instead of the clients' own.
    """

    def __init__(self, rules: Rules, clients: Clients, reader: RegistryReader | None = None) -> None:
        self._rules = rules
        self._clients = clients
        self._reader = reader

    def survey(self) -> RegistryView:
        """A view that asks each thing once, for comparing many caches; later, what it knows may be old."""
        return RegistryView(self._rules, self._clients, RememberingReader(self._open()))

    def remaining(self) -> float:
        """Seconds that are left for reading."""
        return self._clients.reading.remaining()

    def current(
        self, cache: ImageCache, images: tuple[str, ...], pushes: Iterable[PushEvent] = ()
    ) -> Current:
        """Ask for what concerns a cache; nothing is asked where no rule says so.

        Args:
            cache: the cache.
            images: its list, or the one that it is to get.
            pushes: those that the list is to be built for. Their tags are there, whatever a registry that is
                behind says: a push must not be undone by the update that it asked for.
        """
        if not self._rules.read_registries:
            return Current(images)
        pushed: dict[tuple[str, str], set[str]] = {}
        for push in pushes:
            repository = (self._rules.identity(push.registry), push.repository)
            pushed.setdefault(repository, set()).add(push.tag)
        problems: dict[str, bool] = {}
        available: dict[tuple[str, str], set[str]] = {}
        for slots in governed(cache, images, self._rules):
            if slots.rule.reads_registry and slots.rule.policy.ordered:
                found = self._tags(slots.entries, problems)
                if found is not None:
                    available.setdefault(slots.repository, set(pushed.get(slots.repository, ()))).update(
                        found
                    )
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
        return self._reader or self._clients.registries
