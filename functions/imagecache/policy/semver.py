"""Versions in tags, and npm-style ranges of them, with the library semantic-version. Pure.

Importing this module imports the library, which costs a cold start: do it only for a semver rule.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from semantic_version import NpmSpec, Version

_PART = r"(?:0|[1-9][0-9]*)"
_VERSION = re.compile(
    rf"v?(?P<numbers>{_PART}(?:\.{_PART}){{0,2}})(?:-(?P<suffix>[0-9A-Za-z._-]+))?", re.ASCII
)
_WORDS = r"alpha|beta|rc|pre|preview|dev|snapshot|canary|nightly|next|ea|cr|milestone|m|a|b"
# No repetition inside a repetition that could share its characters: tags come from outside, and must not
# cause endless backtracking.
_PRERELEASE = re.compile(rf"(?:{_WORDS})[0-9]*(?:\.[0-9a-z]+)*|[0-9]+(?:\.[0-9]+)*", re.ASCII | re.IGNORECASE)
_IDENTIFIER = re.compile(r"0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*", re.ASCII)
_COMPONENTS = 3


def check_range(text: str) -> None:
    """Check an npm-style range; raises ``ValueError`` when it is not valid."""
    _parse_range(text)


def version_rank(text: str, tag: str) -> tuple[str, tuple[Any, ...]] | None:
    """Variant and key of a version in a range, or None if the tag is not one.

    After the numbers, parts between dashes that look like a prerelease (``rc.1``, ``beta``, digits) are the
    prerelease; the rest, from the first other part on (``alpine``, ``slim``), is the variant. How many
    numbers a tag has is part of the variant too: ``1.27`` moves with its releases, ``1.27.1`` does not move.
    """
    match = _VERSION.fullmatch(tag)
    if match is None:
        return None
    prerelease, variant = _suffix(match["suffix"] or "")
    if any(not _IDENTIFIER.fullmatch(identifier) for identifier in prerelease):
        return None
    numbers = match["numbers"].split(".")
    full = ".".join([*numbers, "0", "0"][:_COMPONENTS]) + ("-" + ".".join(prerelease) if prerelease else "")
    version = Version(full)
    if version not in _parse_range(text):
        return None
    return f"{len(numbers)}-{variant}", (version.precedence_key,)


def _suffix(suffix: str) -> tuple[list[str], str]:
    """The identifiers of the prerelease, and the variant."""
    parts = suffix.split("-") if suffix else []
    count = 0
    while count < len(parts) and _PRERELEASE.fullmatch(parts[count]):
        count += 1
    identifiers = [identifier for part in parts[:count] for identifier in part.split(".")]
    return identifiers, "-".join(parts[count:])


@lru_cache(maxsize=256)
def _parse_range(text: str) -> NpmSpec:
    try:
        # npm accepts blanks after an operator, the library does not.
        return NpmSpec(re.sub(r"([<>=~^])\s+", r"\1", text))
    except AttributeError:
        # The library raises this where a side of a hyphen range is not a version.
        raise ValueError(f"Invalid hyphen range in {text!r}") from None
