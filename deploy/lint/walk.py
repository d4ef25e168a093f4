"""Finds the template functions in a document, and the names that they refer to.

Must not know what the names stand for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .values import function_call

__all__ = ["functions", "references"]

_PLACEHOLDER = re.compile(r"\$\{([^!}][^}]*)\}")


def functions(node: Any, path: str = "") -> Iterator[tuple[str, str, Any]]:
    """All function calls in a node, the outer before the inner: path, name and argument."""
    call = function_call(node)
    if call is not None:
        name, argument = call
        yield f"{path}.{name}", name, argument
    if isinstance(node, dict):
        for key, value in node.items():
            yield from functions(value, f"{path}.{key}" if path else str(key))
    elif isinstance(node, list):
        for number, item in enumerate(node):
            yield from functions(item, f"{path}[{number}]")


def references(node: Any, path: str = "") -> Iterator[tuple[str, str, str | None]]:
    """All references in a node.

    Returns:
        The path of the function, the name that it refers to, and the attribute if one is asked for.
    """
    for place, name, argument in functions(node, path):
        if name == "Ref":
            yield place, argument, None
        elif name == "Fn::GetAtt":
            yield place, argument[0], argument[1]
        elif name == "Fn::Sub":
            text, own = argument if isinstance(argument, list) else (argument, {})
            for placeholder in _PLACEHOLDER.findall(text):
                target, dot, attribute = placeholder.partition(".")
                if placeholder not in own:
                    yield place, target, attribute if dot else None
