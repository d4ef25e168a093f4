"""Event patterns: which events a rule is about.

Vendor page "Event patterns" (EventBridge): a pattern has the structure of the events; each of its fields must
be in the event; a field holds an array of which one item must match. Items are plain values, compared
exactly, or one of ``prefix``, ``suffix``, ``contains``, ``anything-but``, ``numeric``, ``cidr``, ``exists``.
The page does not say how a pattern meets an array in an event; here one element that matches is enough.
Must not know what events are for.
"""

from __future__ import annotations

import ipaddress
import operator
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["Pattern", "PatternError", "parse_pattern"]

Pattern = Callable[[Mapping[str, Any]], bool]
"""Whether an event, as a JSON object, matches."""

_Test = Callable[[Any], bool]
_ABSENT = object()
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class PatternError(ValueError):
    """Raised when a pattern is not valid; the text begins with the path of the field that is wrong."""


def parse_pattern(document: Any) -> Pattern:
    """Read a pattern.

    Args:
        document: parsed JSON; ``{}`` matches every event.

    Raises:
        PatternError: it is not of the vendor's pattern language.
    """
    return _object("pattern", document)


def _object(path: str, document: Any) -> Pattern:
    if not isinstance(document, dict):
        raise PatternError(f"{path}: an object is expected, {document!r} found")
    fields = {name: _field(f"{path}.{name}", value) for name, value in document.items()}
    return lambda event: all(test(event.get(name, _ABSENT)) for name, test in fields.items())


def _field(path: str, document: Any) -> _Test:
    if isinstance(document, dict):
        # A nested pattern meets an absent object as if it were empty, so that `exists: false` can hold in it.
        nested = _object(path, document)
        return lambda value: nested({} if value is _ABSENT else value) if _is_object(value) else False
    if not isinstance(document, list) or not document:
        raise PatternError(f"{path}: an array of at least one value is expected, {document!r} found")
    tests = [_item(f"{path}[{number}]", item) for number, item in enumerate(document)]
    return lambda value: any(test(value) for test in tests)


def _is_object(value: Any) -> bool:
    return value is _ABSENT or isinstance(value, dict)


def _item(path: str, item: Any) -> _Test:
    if isinstance(item, list):
        raise PatternError(f"{path}: a value or an operator is expected, {item!r} found")
    if not isinstance(item, dict):
        return _on_elements(lambda value: _same(value, item))
    if len(item) != 1:
        raise PatternError(f"{path}: one operator is expected, {', '.join(item) or 'none'} found")
    ((name, operand),) = item.items()
    if name == "exists":
        if not isinstance(operand, bool):
            raise PatternError(f"{path}.exists: true or false is expected, {operand!r} found")
        return lambda value: (value is not _ABSENT) is operand
    if name not in _OPERATORS:
        raise PatternError(
            f"{path}: {name!r} is not an operator; known are {', '.join([*_OPERATORS, 'exists'])}"
        )
    return _on_elements(_OPERATORS[name](f"{path}.{name}", operand))


def _on_elements(test: _Test) -> _Test:
    def either(value: Any) -> bool:
        if value is _ABSENT:
            return False
        return any(test(element) for element in value) if isinstance(value, list) else test(value)

    return either


def _same(left: Any, right: Any) -> bool:
    """Equality of JSON values: in Python, but not in JSON, true equals 1."""
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)


def _on_text(check: Callable[[str, str], bool]) -> Callable[[str, Any], _Test]:
    def build(path: str, operand: Any) -> _Test:
        if not isinstance(operand, str):
            raise PatternError(f"{path}: a text is expected, {operand!r} found")
        return lambda value: isinstance(value, str) and check(value, operand)

    return build


def _anything_but(path: str, operand: Any) -> _Test:
    if isinstance(operand, dict):
        if set(operand) != {"prefix"}:
            raise PatternError(f"{path}: a value, an array, or prefix is expected, {operand!r} found")
        begins = _on_text(str.startswith)(f"{path}.prefix", operand["prefix"])
        return lambda value: not begins(value)
    excluded = operand if isinstance(operand, list) else [operand]
    if not excluded or any(isinstance(one, (dict, list)) for one in excluded):
        raise PatternError(f"{path}: a value, an array of them, or prefix is expected, {operand!r} found")
    return lambda value: not any(_same(value, one) for one in excluded)


def _numeric(path: str, operand: Any) -> _Test:
    if not isinstance(operand, list) or not operand or len(operand) % 2:
        raise PatternError(f"{path}: pairs of a comparison and a number are expected, {operand!r} found")
    pairs = list(zip(operand[::2], operand[1::2], strict=True))
    for comparison, bound in pairs:
        if comparison not in _COMPARISONS or not _is_number(bound):
            raise PatternError(f"{path}: {comparison!r} with {bound!r} is not a comparison with a number")
    return lambda value: _is_number(value) and all(_COMPARISONS[sign](value, bound) for sign, bound in pairs)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _cidr(path: str, operand: Any) -> _Test:
    try:
        network = ipaddress.IPv4Network(operand)
    except ValueError:
        raise PatternError(
            f"{path}: an IPv4 network such as 10.0.0.0/24 is expected, {operand!r} found"
        ) from None

    def inside(value: Any) -> bool:
        try:
            return isinstance(value, str) and ipaddress.IPv4Address(value) in network
        except ValueError:
            return False

    return inside


_OPERATORS: dict[str, Callable[[str, Any], _Test]] = {
    "prefix": _on_text(str.startswith),
    "suffix": _on_text(str.endswith),
    "contains": _on_text(lambda value, part: part in value),
    "anything-but": _anything_but,
    "numeric": _numeric,
    "cidr": _cidr,
}
