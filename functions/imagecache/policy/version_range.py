"""Ranges of versions, read as npm reads them: as its package semver 7 does without options. Pure.

Written by the range grammar in that package's documentation. What npm takes beyond the grammar (``~>1.2``,
``>=v1``, ``> 1``) is taken here too, and what it refuses is refused. One thing is read otherwise: leading
zeros do not count, so that calendar versions are versions (``>=24.04``).

Must not know tags.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from itertools import takewhile
from operator import eq, ge, gt, le, lt
from typing import Any, NamedTuple, TypeAlias

Version: TypeAlias = tuple[int, int, int, tuple[Any, ...]]
"""Three numbers and the prerelease; versions are compared as these tuples are."""
_Comparator: TypeAlias = tuple[Callable[[Version, Version], bool], Version]
_Range: TypeAlias = list[list[_Comparator]]
"""Alternatives, of one of which every comparator has to hold."""

_RELEASE = (1,)
_LEAST = (0, (0, 0.0))
"""The prerelease ``-0``, before every other."""
_ZERO: Version = (0, 0, 0, _RELEASE)
_NOTHING: _Comparator = (lt, (0, 0, 0, _LEAST))
_LARGEST = 2**53 - 1
"""The largest number of a version: in npm numbers are floating-point."""
_NUMBERS = 3

_PART = r"[0-9]+|[xX*]"
_SIMPLE = re.compile(
    rf"(\^|~>?|[<>]?=?)([v= ]*)({_PART})(?:\.({_PART})(?:\.({_PART})"
    r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?)?)?"
)
_BUILD = re.compile(r"\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*")
_STRAY_STAR = re.compile(r"[<>]?=?\*")
_BLANK_BEHIND_OPERATOR = re.compile(r"(?<![v=])([<>]=?|=| ) ([v= ]*[0-9xX*])")
"""Or behind a blank: a build may have stood between the two."""
_BLANK_BEHIND_ARROW = re.compile(r"([~^])(?:(?<=~)>)? ")
_COMPARISONS = {"<": lt, "<=": le, ">": gt, ">=": ge, "=": eq, "": eq}


def read_version(numbers: list[int], prerelease: str | None) -> Version:
    """A version; numbers that are missing are 0.

    Args:
        numbers: one to three.
        prerelease: what stands behind the dash, None or "" for nothing.

    Raises:
        ValueError: a number is too large.
    """
    major, minor, patch = [*numbers, 0, 0][:_NUMBERS]
    if max(major, minor, patch) > _LARGEST:
        raise ValueError(f"{max(major, minor, patch)} is larger than {_LARGEST}")
    if not prerelease:
        return major, minor, patch, _RELEASE
    identifiers = [(0, float(text)) if text.isdecimal() else (1, text) for text in prerelease.split(".")]
    return major, minor, patch, (0, *identifiers)


def satisfies(version: Version, text: str, *, prereleases: bool = False) -> bool:
    """Whether a version is in a range.

    Args:
        version: the version.
        text: the range.
        prereleases: whether prereleases of versions that the range does not name count too.

    Raises:
        ValueError: the range is not valid.
    """
    *numbers, prerelease = version
    for comparators in read_range(text):
        if all(compare(version, bound) for compare, bound in comparators) and (
            prereleases
            or prerelease == _RELEASE
            or any([*bound[:3]] == numbers and bound[3] != _RELEASE for _, bound in comparators)
        ):
            return True
    return False


@lru_cache(maxsize=256)
def read_range(text: str) -> _Range:
    """Read a range.

    Raises:
        ValueError: it is not valid; says which part.
    """
    alternatives = [_comparators(part.strip()) for part in " ".join(text.split()).split("||")]
    # Where one alternative is any version, prereleases that others name are left out, too.
    return [[]] if [] in alternatives else alternatives


class _Simple(NamedTuple):
    """An operator and a version of which numbers may be left open.

    Attributes:
        text: for errors.
        operator: the operator, "" for none.
        sign: what stands between the operator and the first number.
        known: the numbers before the first open one.
        gap: whether a number stands behind an open one.
        prerelease: None without one.
    """

    text: str
    operator: str
    sign: str
    known: list[int]
    gap: bool
    prerelease: str | None

    @property
    def whole(self) -> bool:
        """Whether no number is open."""
        return len(self.known) == _NUMBERS

    @property
    def first(self) -> Version:
        """The first version that is meant."""
        return read_version(self.known, self.prerelease if self.whole else None)

    def next(self, place: int) -> list[int]:
        """The numbers with the one at a place counted up, without those behind it."""
        return [*self.known[:place], self.known[place] + 1]


def _read_simple(text: str) -> _Simple:
    match = _SIMPLE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!a} is not a version, nor an operator with one")
    operator, sign, *parts, prerelease = match.groups(default="")
    known = [int(part) for part in takewhile(str.isdecimal, parts)]
    gap = any(part.isdecimal() for part in parts[len(known) :])
    return _Simple(text, operator, sign, known, gap, prerelease)


def _comparators(text: str) -> list[_Comparator]:
    """The comparators of an alternative; none where it is any version."""
    text = _BUILD.sub("", text)
    lower, hyphen, upper = text.partition(" - ")
    if hyphen:
        return [*_side(">=", lower.lstrip()), *_side("<=", upper.lstrip().removesuffix(" "))]
    text = _BLANK_BEHIND_ARROW.sub(r"\1", _BLANK_BEHIND_OPERATOR.sub(r"\1\2", text))
    found: list[_Comparator] = []
    for part in text.split():
        simple = _read_simple(part if _SIMPLE.fullmatch(part) else _without_star(part))
        found += (_compared if simple.operator in _COMPARISONS else _near)(simple)
    return found


def _without_star(text: str) -> str:
    """As npm drops a star that stands anywhere in a comparison with a whole version: ``1.2.3*``."""
    fewer = _STRAY_STAR.sub("", text, count=1)
    match = _SIMPLE.fullmatch(fewer)
    taken = match is not None and match[1] in _COMPARISONS and (match[5] or "x").isdecimal()
    return fewer if taken else text


def _side(operator: str, text: str) -> list[_Comparator]:
    """The comparators of one side of a hyphen."""
    side = _read_simple(text)
    if side.operator not in {"", "="}:
        raise ValueError(f"{text!a} has an operator beside a hyphen")
    free = operator == "<=" and side.prerelease
    sign = "" if free else side.operator + side.sign
    return _compared(side._replace(operator=operator, sign=sign, gap=False))


def _near(simple: _Simple) -> list[_Comparator]:
    """The comparators of a tilde or a caret."""
    if not simple.known:
        return []
    last = len(simple.known) - 1
    place = min(1, last)
    if simple.operator == "^":
        # The first number that is not 0 stays.
        place = next((place for place, number in enumerate(simple.known) if number), last)
    return [*_at_least(simple.first), _before(simple.next(place))]


def _compared(simple: _Simple) -> list[_Comparator]:
    """The comparators of a comparison, or of a version alone."""
    operator = simple.operator
    if simple.whole:
        if simple.sign not in {"", "v"}:
            raise ValueError(f"{simple.text!a} is not a version, nor an operator with one")
        if operator == ">=" and not simple.sign:
            return _at_least(simple.first)
        return [(_COMPARISONS[operator], simple.first)]
    if simple.gap:
        raise ValueError(f"{simple.text!a} has a number behind an open one")
    if not simple.known:
        return [_NOTHING] if operator in {"<", ">"} else []
    return _compared_open(simple)


def _compared_open(simple: _Simple) -> list[_Comparator]:
    if simple.operator == "<":
        return [_before(simple.known)]
    if simple.operator == ">=":
        return _at_least(simple.first)
    following = simple.next(len(simple.known) - 1)
    if simple.operator == ">":
        return _at_least(read_version(following, None))
    end = [_before(following)]
    return end if simple.operator == "<=" else [*_at_least(simple.first), *end]


def _at_least(version: Version) -> list[_Comparator]:
    # To npm >=0.0.0 is any version, 0.0.0's own prereleases among them.
    return [] if version == _ZERO else [(ge, version)]


def _before(numbers: list[int]) -> _Comparator:
    """All before a release, its prereleases not among them."""
    return lt, read_version(numbers, "0")
