"""Anchored globs: ``*`` stays inside one path component, ``**`` crosses them, ``?`` is one character.

All ways are followed at once, in time proportional to pattern times text: a glob comes from outside, and as a
regular expression it could backtrack for hours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

_PART = re.compile(r"\*\*|.", re.DOTALL)


@lru_cache(maxsize=8192)
def glob_matches(pattern: str, text: str) -> bool:
    """Whether the whole text matches the glob. Every other character means itself."""
    parts = _parts(pattern)
    reached = _past_stars(parts, {0})
    for character in text:
        steps = {after for at in reached for after in _step(parts, at, character)}
        reached = _past_stars(parts, steps)
        if not reached:
            return False
    return len(parts) in reached


@lru_cache(maxsize=1024)
def _parts(pattern: str) -> tuple[str, ...]:
    return tuple(_PART.findall(re.sub(r"\*{3,}", "**", pattern)))


def _step(parts: tuple[str, ...], at: int, character: str) -> Iterable[int]:
    """Where one character leads from a place in the pattern."""
    part = parts[at] if at < len(parts) else ""
    if part == "**" or (part == "*" and character != "/"):
        return (at,)
    if part == character or (part == "?" and character != "/"):
        return (at + 1,)
    return ()


def _past_stars(parts: tuple[str, ...], reached: set[int]) -> set[int]:
    """The same places, and those after stars, as a star may match nothing."""
    for at in range(len(parts)):
        if at in reached and parts[at] in {"*", "**"}:
            reached.add(at + 1)
    return reached
