"""One property of a template's resource, checked for its type. Must not know what any property means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .document import TemplateError

__all__ = ["take"]

_REQUIRED = object()


def take(path: str, members: Mapping[str, Any], name: str, kind: type, default: Any = _REQUIRED) -> Any:
    """A member of a mapping.

    Args:
        path: of the mapping, for messages.
        members: the mapping.
        name: of the member.
        kind: its type; a Boolean is not a number here.
        default: what it is when it is left out; without a default it must be there.

    Raises:
        TemplateError: it is missing, or of another type.
    """
    value = members.get(name, default)
    if value is _REQUIRED:
        raise TemplateError(f"{path}.{name}", "is missing")
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TemplateError(f"{path}.{name}", f"{kind.__name__} is expected, {type(value).__name__} found")
    return value
