"""What can stop the making of a package. Must not know how a package is made."""

from __future__ import annotations

__all__ = ["PackageError"]


class PackageError(RuntimeError):
    """Raised when no package can be made; the text says where, which rule is broken and what was found."""
