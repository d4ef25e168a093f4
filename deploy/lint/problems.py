"""What a check finds, and the order in which it is told.

Must not know what is checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["Problem", "in_document_order"]


@dataclass(frozen=True)
class Problem:
    """Something wrong in a template.

    Attributes:
        path: of the node, such as ``Resources.OnPush.Properties.Timeout``; of a missing one, where it
            would be.
        message: which rule, and what was found.
    """

    path: str
    message: str


def in_document_order(problems: Iterable[Problem], document: Any) -> list[Problem]:
    """Each problem once, in the order of the nodes; a missing one has its parent's place."""
    places = {path: place for place, path in enumerate(_paths("", document))}
    unique = list(dict.fromkeys(problems))
    return sorted(unique, key=lambda problem: _place(problem.path, places))


def _place(path: str, places: dict[str, int]) -> tuple[int, int]:
    missing = 0
    while path and path not in places:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
        missing = 1
    return places.get(path, -1), missing


def _paths(path: str, node: Any) -> Iterator[str]:
    yield path
    if isinstance(node, dict):
        for name, value in node.items():
            yield from _paths(f"{path}.{name}" if path else str(name), value)
    elif isinstance(node, list):
        for number, item in enumerate(node):
            yield from _paths(f"{path}[{number}]", item)
