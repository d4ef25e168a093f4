"""What is asked of a registry, and the account that it is asked with.

The seam between deciding and reading: nothing here knows HTTP, tokens or the vendor's login.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from ..base.errors import RegistryError


@dataclass(frozen=True)
class Account:
    """What a registry, or its token service, takes as a login. Its text form shows no password."""

    user: str
    password: str = field(repr=False)


class RegistryReader(Protocol):
    """Reads what a registry has now.

    A registry is named by its identity (see ``registry``). No answer is ever half of one: what is not known
    to be whole and right is an error.
    """

    def tags(self, registry: str, repository: str) -> frozenset[str]:
        """All tags of a repository, over all pages; none if the registry knows no such repository.

        Raises:
            RegistryError: when the tags are not known.
        """

    def digest(self, registry: str, repository: str, tag: str) -> str | None:
        """The digest of the manifest that a tag means now, or None if the registry has no such manifest.

        Raises:
            RegistryError: when neither is known.
        """


class RememberingReader:
    """A reader that asks another one each question once, and gives its answer, or its failure, again.

    Args:
        reader: is asked.
    """

    def __init__(self, reader: RegistryReader) -> None:
        self._reader = reader
        self._answers: dict[tuple[str, ...], frozenset[str] | str | RegistryError | None] = {}

    def tags(self, registry: str, repository: str) -> frozenset[str]:
        """See ``RegistryReader``."""
        answer = self._answer((registry, repository), lambda: self._reader.tags(registry, repository))
        return answer if isinstance(answer, frozenset) else frozenset()

    def digest(self, registry: str, repository: str, tag: str) -> str | None:
        """See ``RegistryReader``."""
        key = (registry, repository, tag)
        answer = self._answer(key, lambda: self._reader.digest(registry, repository, tag))
        return answer if isinstance(answer, str) else None

    def _answer(
        self, key: tuple[str, ...], ask: Callable[[], frozenset[str] | str | None]
    ) -> frozenset[str] | str | None:
        if key not in self._answers:
            try:
                self._answers[key] = ask()
            except RegistryError as error:
                self._answers[key] = error
        answer = self._answers[key]
        if isinstance(answer, RegistryError):
            raise RegistryError(str(answer))
        return answer
