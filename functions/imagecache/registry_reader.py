"""What is asked of a registry, and the account that it is asked with.

The seam between deciding and reading: nothing here knows HTTP, tokens or the vendor's login.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["Account", "RegistryReader"]


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
