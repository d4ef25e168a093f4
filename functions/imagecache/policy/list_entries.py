"""The entries of an image list, taken apart. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from ..model.reference import ImageRef
from ..model.registry_identity import parse_entry
from .rules import Rules


class Entry(NamedTuple):
    """One entry of an image list: its position from 0, its text as written, and what the text means.

    The registry's identity has aliases resolved.
    """

    position: int
    text: str
    registry: str
    reference: ImageRef

    @property
    def repository(self) -> str:
        """The repository path."""
        return self.reference.repository

    @property
    def tag(self) -> str:
        """The tag that is pulled."""
        return self.reference.effective_tag

    @property
    def place(self) -> tuple[str, str, str]:
        """Registry identity, repository path and tag."""
        return self.registry, self.repository, self.tag

    @property
    def pinned(self) -> bool:
        """Whether a digest decides what is pulled."""
        return self.reference.digest is not None

    @property
    def stem(self) -> str:
        """The text without its tag."""
        return self.text.removesuffix(f":{self.reference.tag}") if self.reference.tag else self.text


def entries_of(images: Sequence[str], rules: Rules, repository: tuple[str, str] | None = None) -> list[Entry]:
    """The entries of a list. What is not a reference is left out, so nothing is done to it.

    Args:
        images: the list.
        rules: have the aliases of registries.
        repository: only entries of this one: registry identity, aliases resolved, and path.
    """
    found = _found(tuple(images), repository[1] if repository else "")
    entries = [
        entry._replace(registry=rules.identity(entry.registry)) if rules.aliases else entry for entry in found
    ]
    return [entry for entry in entries if repository is None or entry.registry == repository[0]]


@lru_cache(maxsize=4096)
def _found(images: tuple[str, ...], path: str) -> tuple[Entry, ...]:
    """The entries of a repository path, or all, under the registries' own identities.

    Planning one change asks several times for the same ones.
    """
    # Most entries are of another repository: every form of its name has the last component.
    name = path.rpartition("/")[2]
    parsed = [(position, text, parse_entry(text)) for position, text in enumerate(images) if name in text]
    return tuple(
        Entry(position, text, *known)
        for position, text, known in parsed
        if known is not None and path in {"", known[1].repository}
    )
