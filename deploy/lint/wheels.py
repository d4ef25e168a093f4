"""Finds the vendor's property lists: generated source text inside the installed ``ros-cdk-*`` packages.

Each package holds an archive of the source that it wraps. It is read as data: to import the package would
take a JavaScript runtime. Must not know what the text says.
"""

from __future__ import annotations

import tarfile
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

__all__ = ["SERVICES", "CatalogError", "distribution_name", "generated_source"]

SERVICES = ("CMS", "FC3", "MNS", "RAM", "SLS")
"""The services whose property lists are in requirements-ros.txt: the second part of a resource type."""

_INLINE_MAP = "//# sourceMappingURL"


class CatalogError(RuntimeError):
    """Raised when a property list is not installed, or is not of the form that is known; says what to do."""


def distribution_name(service: str) -> str:
    """The package that holds the resource types of a service."""
    return f"ros-cdk-{service.lower()}"


def generated_source(name: str) -> str:
    """The source text that holds all resource types of one package.

    Args:
        name: of the package, such as ``ros-cdk-fc3``.

    Raises:
        CatalogError: the package is not installed, or has no such text.
    """
    try:
        found = distribution(name)
    except PackageNotFoundError:
        raise CatalogError(f"the package {name} is not installed: run `make env`") from None
    short = name.removeprefix("ros-cdk-")
    try:
        with tarfile.open(_archive(found)) as archive:
            member = archive.extractfile(f"package/lib/{short}.generated.js")
            text = member.read().decode("utf-8") if member is not None else ""
    except (OSError, KeyError, tarfile.TarError, UnicodeDecodeError) as error:
        raise CatalogError(f"the package {name} {found.version} cannot be read: {error}") from None
    # Most of the file is a copy of itself for debuggers, in a comment.
    return text.partition(_INLINE_MAP)[0]


def _archive(found: Distribution) -> Path:
    for file in found.files or ():
        if file.name.endswith(".tgz"):
            return Path(str(file.locate()))
    raise FileNotFoundError("it has no archive of its source")
