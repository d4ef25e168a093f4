"""What is asked of a registry, and the account that it is asked with.

The line between deciding and reading. Must not know HTTP, tokens or the vendor's login.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar, cast

from ..base.errors import RegistryError

_T = TypeVar("_T")


@dataclass(frozen=True)
class Account:
    """A login at a registry or its token service. Its repr shows no password."""

    user: str
    password: str = field(repr=False)


class RegistryReader(Protocol):
    """Reads what a registry, named by its identity, has now. An answer that may be incomplete is an error."""

    def tags(self, registry: str, repository: str) -> frozenset[str]:
        """All tags of a repository, from all pages; none if there is no such repository.

        Raises:
            RegistryError: when the tags could not be read.
        """

    def digest(self, registry: str, repository: str, tag: str) -> str | None:
        """The digest of the manifest that a tag means now, or None if the registry has no such manifest.

        Raises:
            RegistryError: when it could not be read.
        """

    def kind(self, registry: str, repository: str, tag: str) -> str | None:
        """The media type that says what a tag means now: of the manifest's config, or of the manifest.

        None if the registry has no such manifest.

        Raises:
            RegistryError: when it could not be read.
        """

    def made_at(self, registry: str, repository: str, tag: str) -> datetime | None:
        """When the manifest was made that a tag means now, with a zone, or None if the registry does not say.

        Raises:
            RegistryError: when it could not be read.
        """

    def share(self, seconds: float) -> None:
        """Spend no more than this on each registry from now on, so that a slow one leaves time for others."""


class RememberingReader:
    """Asks another reader each question once, and repeats its answer or failure."""

    def __init__(self, reader: RegistryReader) -> None:
        self._reader = reader
        self._answers: dict[tuple[str, ...], Any] = {}

    def tags(self, registry: str, repository: str) -> frozenset[str]:
        """See ``RegistryReader``."""
        return self._answer(self._reader.tags, registry, repository)

    def digest(self, registry: str, repository: str, tag: str) -> str | None:
        """See ``RegistryReader``."""
        return self._answer(self._reader.digest, registry, repository, tag)

    def kind(self, registry: str, repository: str, tag: str) -> str | None:
        """See ``RegistryReader``."""
        return self._answer(self._reader.kind, registry, repository, tag)

    def made_at(self, registry: str, repository: str, tag: str) -> datetime | None:
        """See ``RegistryReader``."""
        return self._answer(self._reader.made_at, registry, repository, tag)

    def share(self, seconds: float) -> None:
        """See ``RegistryReader``."""
        self._reader.share(seconds)

    def _answer(self, ask: Callable[..., _T], *question: str) -> _T:
        key = (ask.__name__, *question)
        if key not in self._answers:
            try:
                self._answers[key] = ask(*question)
            except RegistryError as error:
                self._answers[key] = error
        answer = self._answers[key]
        if isinstance(answer, RegistryError):
            raise RegistryError(str(answer))
        return cast("_T", answer)
