"""Which tags may get into one cache's list: those that were pushed, and those that registries list."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from ..model.image_cache import ImageCache
from ..policy.list_entries import Entry
from ..policy.rules import Rules
from ..policy.tag_slots import promote


@dataclass(eq=False, repr=False)
class Candidates:
    """The tags that one cache's list may be made of, by repository: registry identity and path.

    Attributes:
        cache: as described.
        pushed: the tags that were pushed, in the order of their pushes.
        available: the tags that policies may choose from, where a registry was asked; those that turn out to
            be no images are taken out.
        listed: the tags that registries list.
    """

    cache: ImageCache
    pushed: Mapping[tuple[str, str], dict[str, None]]
    available: dict[tuple[str, str], set[str]]
    listed: Mapping[tuple[str, str], AbstractSet[str]]

    def is_pushed(self, entry: Entry) -> bool:
        """Whether the entry's tag was pushed."""
        return entry.tag in self.pushed.get(entry.place[:2], ())

    def is_listed(self, entry: Entry) -> bool:
        """Whether the registry lists the entry's tag."""
        return entry.tag in self.listed.get(entry.place[:2], ())

    def drop(self, entry: Entry) -> None:
        """Choose another tag than the entry's from now on."""
        self.available.get(entry.place[:2], set()).discard(entry.tag)
        self.pushed.get(entry.place[:2], {}).pop(entry.tag, None)

    def without(self, entry: Entry, rules: Rules) -> tuple[str, ...]:
        """The cache's list with every pushed tag but the entry's."""
        images = self.cache.images
        for repository, tags in self.pushed.items():
            for tag in tags:
                if (*repository, tag) != entry.place:
                    images = promote(self.cache, images, repository, tag, rules)
        return images
