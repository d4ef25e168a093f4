"""Anchored globs: ``*`` stays inside one path component, ``**`` crosses them, ``?`` is one character."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["glob_matches"]

_TOKEN = re.compile(r"\*\*|\*|\?|[^*?]+")
_MEANING = {"**": ".*", "*": "[^/]*", "?": "[^/]"}


def glob_matches(pattern: str, text: str) -> bool:
    """Whether the whole text matches the glob. Every other character means itself."""
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    tokens = _TOKEN.findall(re.sub(r"\*{3,}", "**", pattern))
    return re.compile("".join(_MEANING.get(token) or re.escape(token) for token in tokens), re.DOTALL)
