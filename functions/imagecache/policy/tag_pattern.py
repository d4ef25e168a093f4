"""Regular expressions of rules, whose group ``key`` is the part of a tag that a policy compares. Pure.

Tags come from outside, and a pattern that backtracks can need years for one. So RE2 matches them: its time is
bounded by the length of the tag times the size of the pattern, and the size is bounded here. What it cannot
match in this way (look-around, references to groups) is refused where rules are read.

Importing this module loads the library, which costs a cold start: do it only for a rule with a pattern.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import re2

KEY_GROUP = "key"
"""The group of a pattern that is compared."""

_MOST_INSTRUCTIONS = 1000
"""How large a pattern may be, in RE2's instructions: a tag then takes at most about 15 ms."""
_MEMORY = 1 << 20
"""Bytes that RE2 may use for a pattern."""
_READ_OTHERWISE = {"{,": "{0,", "[[": r"[\["}
"""What RE2 takes and does not read as Python does, and what both read alike."""


def check_pattern(text: str) -> None:
    """Check a pattern.

    Args:
        text: ASCII characters.

    Raises:
        ValueError: it cannot be used; says which part.
    """
    for part, alike in _READ_OTHERWISE.items():
        if part in text:
            raise ValueError(f"has {part!a}, which has to be written as {alike!a}")
    try:
        groups = re.compile(text).groupindex
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"is not a regular expression: {str(error)[:200]}") from None
    if KEY_GROUP not in groups:
        raise ValueError(f"has no group (?P<{KEY_GROUP}>...)")
    try:
        size = _compiled(text).programsize
    except re2.error as error:
        part = error.args[0].decode("ascii", "replace")
        raise ValueError(f"has what the library RE2 does not match: {part[:200]}") from None
    if size > _MOST_INSTRUCTIONS:
        raise ValueError(
            f"is too large: with its counts such as {{100}} written out it has {size} instructions; "
            f"the limit is {_MOST_INSTRUCTIONS}"
        )


def key_of(pattern: str, tag: str) -> str | None:
    """The key of a tag, or None where the pattern does not match all of it, or not with its key.

    Args:
        pattern: a pattern that ``check_pattern`` takes.
        tag: the tag.
    """
    match = _compiled(pattern).fullmatch(tag.encode())
    key: bytes | None = match[KEY_GROUP.encode()] if match else None
    return None if key is None else key.decode()


@lru_cache(maxsize=256)
def _compiled(text: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    # Tags are ASCII; bytes make smaller programs than characters.
    options.encoding = re2.Options.Encoding.LATIN1
    return re2.compile(text.encode(), options)
