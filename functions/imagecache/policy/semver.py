"""Versions in tags, and their place in an npm-style range. Pure.

Importing this module and what it needs costs a cold start: do it only for a semver rule.
"""

from __future__ import annotations

import re
from typing import Any

from ..base.reasons import Hold
from .version_range import read_version, satisfies

_VERSION = re.compile(r"v?(?P<numbers>[0-9]+(?:\.[0-9]+){0,2})(?:-(?P<suffix>[0-9A-Za-z._-]+))?", re.ASCII)
_WORDS = r"alpha|beta|rc|pre|preview|dev|snapshot|canary|nightly|next|ea|cr|milestone|m|a|b"
# No repetition inside a repetition that could share its characters: tags come from outside, and must not
# cause endless backtracking.
_PRERELEASE = re.compile(rf"(?:{_WORDS})[0-9]*(?:\.[0-9a-z]+)*|[0-9]+(?:\.[0-9]+)*", re.ASCII | re.IGNORECASE)


def version_rank(range_text: str, text: str) -> tuple[str, tuple[Any, ...]] | Hold:
    """Variant and key of a version in a range, or why the text is not one.

    After the numbers, parts between dashes that look like a prerelease (``rc.1``, ``beta``, digits) are the
    prerelease; the rest, from the first other part on (``alpine``, ``slim``), is the variant. How many
    numbers there are is part of the variant too: ``1.27`` moves with its releases, ``1.27.1`` does not move.
    Leading zeros do not count, as calendar versions have them: ``24.04`` is before ``24.10``.
    """
    match = _VERSION.fullmatch(text)
    if match is None:
        return Hold.NO_VERSION
    prerelease, variant = _suffix(match["suffix"] or "")
    numbers = [int(number) for number in match["numbers"].split(".")]
    try:
        version = read_version(numbers, prerelease)
    except ValueError:
        return Hold.NO_VERSION
    if satisfies(version, range_text):
        return f"{len(numbers)}-{variant}", version
    named = satisfies(version, range_text, prereleases=True)
    return Hold.PRERELEASE if named else Hold.OUTSIDE_RANGE


def _suffix(suffix: str) -> tuple[str, str]:
    """The prerelease, and the variant."""
    parts = suffix.split("-")
    count = 0
    while count < len(parts) and _PRERELEASE.fullmatch(parts[count]):
        count += 1
    return "-".join(parts[:count]), "-".join(parts[count:])
