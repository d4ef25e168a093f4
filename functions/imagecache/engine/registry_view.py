"""What registries have now, and what that asks of a cache: for rules with ``registry: read``.

A registry that does not answer leaves its repositories as they are, and says so; nothing here raises for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..base.errors import RegistryError
from ..base.scrubber import LOGGER
from ..base.timestamps import Moment
from ..clients.clients import Clients
from ..clients.registry_reader import RegistryReader, RememberingReader
from ..model.change import PushEvent
from ..model.image_cache import ImageCache
from ..model.media_types import is_image
from ..planning.barriers import hold_on
from ..planning.taking_back import is_taken_back
from ..planning.update_memory import last_update, tag_id
from ..planning.update_memory_layout import MOST_UNDONE, UpdateMemory
from ..planning.wanted_list import Current
from ..policy.list_entries import Entry, entries_of
from ..policy.rules import Rules
from ..policy.tag_slots import bring_up_to_date, governed
from .candidates import Candidates

_MOST_CANDIDATES = 20
"""Tags of one cache that are looked at until each new one is that of an image."""


@dataclass(eq=False, repr=False)
class RegistryView:
    """Asks registries for what rules want to know.

    Attributes:
        rules: the rules.
        clients: have the reader, and say how long it may read.
        now: the time.
        reader: asked instead of the clients' own.
    """

    rules: Rules
    clients: Clients
    now: Callable[[], Moment]
    reader: RegistryReader | None = None

    def survey(self) -> RegistryView:
        """A view that asks each thing once, for comparing many caches; later, what it knows may be old."""
        return RegistryView(self.rules, self.clients, self.now, RememberingReader(self._open()))

    def share(self, caches: Iterable[ImageCache], part: float) -> None:
        """Give each registry that these caches are compared with the same part of the time that is left.

        Args:
            caches: all that are to be compared.
            part: of the time that is left, for all registries together.
        """
        registries = {
            entry.registry
            for cache in caches
            for entry in entries_of(cache.images, self.rules)
            if self._reads(cache, entry)
        }
        if registries:
            self._open().share(self.remaining() * part / len(registries))

    def remaining(self) -> float:
        """Seconds that are left for reading."""
        return self.clients.reading.remaining()

    def current(
        self,
        cache: ImageCache,
        images: tuple[str, ...],
        pushes: Iterable[PushEvent] = (),
        *,
        free: bool = False,
    ) -> Current:
        """Ask for what concerns a cache; nothing is asked where no rule says so.

        A list that is held stays, and so do the places of a rule that needs approval or a minimum age.

        Args:
            cache: the cache.
            images: its list, or the one that it is to get.
            pushes: those that the list is to be built for. Their tags are there, whatever a registry that is
                behind says: a push must not be undone by the update that it asked for.
            free: what the list would be without a hold, and with every approval; with the times of new tags.
        """
        if not self.rules.read_registries:
            return Current(images)
        pushed, memory = self._pushed(cache, pushes), last_update(cache, self.now())
        problems: dict[str, bool] = {}
        available: dict[tuple[str, str], set[str]] = {}
        listed: dict[tuple[str, str], set[str]] = {}
        held = not free and hold_on(cache, self.now().now) is not None
        for slots in governed(cache, images, self.rules):
            fixed = held or (not free and (slots.rule.approval or slots.rule.min_age_seconds > 0))
            if slots.rule.reads_registry and slots.rule.policy.ordered and not fixed:
                found = self._tags(slots.entries, problems)
                if found is not None:
                    listed.setdefault(slots.repository, set()).update(found)
                    kept = found - (_taken_back(memory, slots.repository, found) - set(slots.tags))
                    available.setdefault(slots.repository, set(pushed.get(slots.repository, ()))).update(kept)
        candidates = Candidates(cache, pushed, available, listed)
        made: dict[tuple[str, str, str], datetime | None] = {}
        proven = self._proven(candidates, images, problems, made if free else None)
        wanted, refused, undecided = proven
        digests: dict[str, str] = {}
        for entry in entries_of(wanted, self.rules):
            if self._reads(cache, entry):
                digest = self._digest(entry, problems)
                if digest is not None:
                    digests[entry.text] = digest
        if problems:
            LOGGER.warning("%s: %s", cache.image_cache_id, "; ".join(problems))
        return Current(wanted, digests, tuple(problems), any(problems.values()), refused, undecided, made)

    def _pushed(
        self, cache: ImageCache, pushes: Iterable[PushEvent]
    ) -> dict[tuple[str, str], dict[str, None]]:
        """The pushed tags by repository, but those that were tried after their push and taken back."""
        pushed: dict[tuple[str, str], dict[str, None]] = {}
        for push in pushes:
            if not is_taken_back(cache, push, self.rules, self.now()):
                repository = (self.rules.identity(push.registry), push.repository)
                pushed.setdefault(repository, {})[push.tag] = None
        return pushed

    def _proven(
        self,
        candidates: Candidates,
        images: tuple[str, ...],
        problems: dict[str, bool],
        made: dict[tuple[str, str, str], datetime | None] | None,
    ) -> tuple[tuple[str, ...], tuple[str, ...], frozenset[tuple[str, str, str]]]:
        """The list that policies want, every new tag an image's; what was refused; what is undecided.

        The newest tag may be that of a chart, or of a manifest that was deleted: then the next best is taken.
        So it is where a pushed tag's manifest cannot be read, and where a tag is too young, if ``made`` is
        there to take the times.
        """
        refused: list[str] = []
        undecided: set[tuple[str, str, str]] = set()
        proven: set[str] = set()
        for _ in range(_MOST_CANDIDATES):
            wanted = bring_up_to_date(candidates.cache, images, candidates.available, self.rules)
            new = [
                entry
                for entry in entries_of(wanted, self.rules)
                if entry.text not in candidates.cache.images
                and entry.text not in proven
                and self._reads(candidates.cache, entry)
            ]
            if not new:
                return wanted, tuple(refused), frozenset(undecided)
            entry = new[0]
            try:
                problem = self._not_an_image(candidates, entry)
                if not problem and made is not None and self._is_young(candidates, entry, made):
                    candidates.drop(entry)
                    continue
            except RegistryError as error:
                problems[str(error)] = True
                if candidates.is_pushed(entry):
                    undecided.add(entry.place)
                    images = candidates.without(entry, self.rules)
                    candidates.drop(entry)
                else:
                    candidates.available.pop(entry.place[:2], None)
                continue
            if not problem:
                proven.add(entry.text)
                continue
            problems[problem] = False
            if candidates.is_pushed(entry):
                refused.append(problem)
                images = candidates.without(entry, self.rules)
            candidates.drop(entry)
        problems[f"{_MOST_CANDIDATES} tags in a row are no images"] = False
        return candidates.cache.images, tuple(refused), frozenset(undecided)

    def _not_an_image(self, candidates: Candidates, entry: Entry) -> str:
        """Why a tag cannot be in a list; empty if it can."""
        kind = self._open().kind(*entry.place)
        name = f"{entry.registry}/{entry.repository}:{entry.tag}"
        if kind is None:
            # A registry may be behind a push, and then does not list the tag either.
            behind = candidates.is_pushed(entry) and not candidates.is_listed(entry)
            return "" if behind else f"{name} is gone"
        return "" if is_image(kind) else f"{name} is no image, but {kind}"

    def _is_young(
        self, candidates: Candidates, entry: Entry, made: dict[tuple[str, str, str], datetime | None]
    ) -> bool:
        """Whether a tag is not old enough for its rule, or may not be; when it was made is added.

        Raises:
            RegistryError: when its manifest could not be read.
        """
        place, now = entry.place, self.now()
        rule = self.rules.rule_for(candidates.cache, *place)
        if rule is None or not rule.min_age_seconds:
            return False
        made_at = self._open().made_at(*place)
        if made_at is not None and made_at > now.now + now.skew:
            made_at = None
        made[place] = made_at
        return made_at is None or made_at + timedelta(seconds=rule.min_age_seconds) > now.now

    def _reads(self, cache: ImageCache, entry: Entry) -> bool:
        rule = self.rules.rule_for(cache, *entry.place)
        return rule is not None and rule.reads_registry and not entry.pinned

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
            digest = self._open().digest(*entry.place)
        except RegistryError as error:
            problems[str(error)] = True
            return None
        if digest is None:
            problems[f"{entry.registry}/{entry.repository} has no tag {entry.tag}"] = False
        return digest

    def _open(self) -> RegistryReader:
        return self.reader or self.clients.registries


def _taken_back(memory: UpdateMemory | None, repository: tuple[str, str], tags: set[str]) -> set[str]:
    """Those of a repository's tags that may have been taken back, and come again by a push alone."""
    if memory is None or not memory.undone:
        return set()
    if len(memory.undone) >= MOST_UNDONE:
        # More are not remembered.
        return tags
    undone = {tag for tag, _ in memory.undone}
    return {tag for tag in tags if tag_id(*repository, tag) in undone}
