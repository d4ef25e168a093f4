"""Tag policies: which pushed tag may take a listed tag's place, and which of two is the newer one. Pure.

A tag that a policy understands has a rank: a variant and a key. Tags are compared inside one variant only,
and there the keys are totally ordered; two tags with one key (``v1.0.0`` and ``1.0.0``) are ordered by their
text. A tag without a rank is left alone by the policy.

::

    exact          no tag: a cache is rebuilt only for the tags that it lists
    semver         [v]X[.Y[.Z]][-prerelease][-variant] inside a range
    numerical      a whole number or a decimal one, compared as a number, digit by digit
    alphabetical   any text, compared by Unicode code points
    any            every tag; the last pushed one is the newest
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from ..base.reasons import Hold

_NUMBER = r"[0-9]+(?:\.[0-9]+)?"

_Key: TypeAlias = tuple[Any, ...]


class Rank(NamedTuple):
    """Where a tag stands: a greater key is newer, among tags of the same policy and variant."""

    variant: str
    key: _Key


class Policy(NamedTuple):
    """One policy.

    Attributes:
        keep: how many of the newest tags stay listed.
        range: of semver: an npm-style range.
        pattern: of semver, numerical and alphabetical: a regular expression for the whole tag, with a group
            ``key``; without it the whole tag is the key.
    """

    type: str = "exact"
    keep: int = 1
    range: str = "*"
    pattern: str | None = None

    @property
    def ordered(self) -> bool:
        """Whether tags themselves show which is newer."""
        return self.type in {"semver", "numerical", "alphabetical"}

    def rank(self, tag: str) -> Rank | None:
        """The tag's rank, or None if the policy does not understand it."""
        judged = self.judge(tag)
        return judged if isinstance(judged, Rank) else None

    def lead(self, tag: str, listed: Iterable[str]) -> float | None:
        """How far a tag is ahead of the listed ones of its variant, from 0 to 1: the newer, the more.

        None where tags do not show which is newer, or not by how much.
        """
        rank = self.rank(tag) if self.type in {"semver", "numerical"} else None
        others = [other for text in listed if (other := self.rank(text)) is not None]
        if rank is None or all(other.variant != rank.variant for other in others):
            return None
        return _lead(rank.key, max(other.key for other in others if other.variant == rank.variant))

    def judge(self, tag: str) -> Rank | Hold:
        """The tag's rank, or why the policy does not understand it."""
        return _judged(self, tag)


EXACT = Policy()
"""The policy where no rule matches."""


def newest_first(policy: Policy, tags: set[str]) -> list[str]:
    """Tags of one variant, the newest first, by an ordered policy."""
    ranks = {tag: rank for tag in tags if (rank := policy.rank(tag)) is not None}
    return sorted(ranks, key=lambda tag: (ranks[tag].key, tag), reverse=True)


_LEAST_STEP = 0.001
"""Of the turns of tags: closer ones have none of their own."""


def _lead(key: _Key, before: _Key) -> float | None:
    """Numbers to the right count inside what one step of those to their left is.

    None where the next tag would be ahead by nearly as much: prereleases, times, numbers after a long gap.
    """
    share, width, ahead = 0.0, 1.0, False
    for number, listed in zip(key, before, strict=True):
        if isinstance(number, tuple):
            if len(number) > 1 and (ahead or number > listed):
                return None
            return share if width >= _LEAST_STEP else None
        if number < listed and not ahead:
            return share
        step = float(number if ahead else number - listed)
        ahead = ahead or step > 0
        share += width * step / (1 + step)
        width /= (1 + step) * (2 + step)
    return share if width >= _LEAST_STEP else None


@lru_cache(maxsize=65536)
def _judged(policy: Policy, tag: str) -> Rank | Hold:
    if policy.type == "exact":
        return Hold.EXACT_POLICY
    if policy.type == "any":
        return Rank("", ())
    key = _pattern_key(policy.pattern, tag)
    if key is None:
        return Hold.PATTERN_MISMATCH
    if policy.type == "semver":
        from .semver import version_rank  # noqa: PLC0415 - costs a cold start, which few rules ask for

        found = version_rank(policy.range, key)
        return found if isinstance(found, Hold) else Rank(*found)
    if policy.type == "alphabetical":
        return Rank("", (key,))
    from decimal import Decimal  # noqa: PLC0415 - likewise

    return Rank("", (Decimal(key),)) if re.fullmatch(_NUMBER, key, re.ASCII) else Hold.NO_NUMBER


def _pattern_key(pattern: str | None, tag: str) -> str | None:
    if pattern is None:
        return tag
    from .tag_pattern import key_of  # noqa: PLC0415 - likewise

    return key_of(pattern, tag)
