"""The picture of the demonstration in docs/, line by line."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from pathlib import Path

__all__ = ["PICTURE", "STEP", "pictured", "unlike"]

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "demo.svg"
STEP = re.compile(r"  (\S*) +\+\d+\.\d s  (\w+) +(.*)")
"""A line below a push: the cache, the result, the rest."""
_ADDED = {"$ make demo", "…"}


def pictured(file: Path) -> list[str]:
    """The lines of a picture."""
    texts = re.findall("<text [^>]*>(.*?)</text>", file.read_text(encoding="utf-8"))
    return [html.unescape(re.sub("<[^>]*>", "", text)) for text in texts]


def unlike(kept: Iterable[str], now: Iterable[str]) -> set[str]:
    """What a picture has that a run did not print, but for numbers: times and ports are another's."""
    return {_form(line) for line in kept} - {_form(line) for line in now} - _ADDED


def _form(line: str) -> str:
    step = STEP.fullmatch(line)
    return re.sub(r"[\d.]+", "#", f"{step[2]} {step[3]}" if step else line.strip())
