"""Checks the section Conditions, and tells whether one condition is true wherever another is.

Each Fn::Equals counts as a fact of its own, that may be true or false whatever the others are. Must not know
what depends on a condition.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from local.template.functions import operands

from .document import Document
from .problems import Problem
from .walk import references

__all__ = ["Guard", "check_condition", "check_conditions", "implied"]

Guard = tuple[Any, bool]
"""A condition, and whether it holds or does not."""

_MOST_FACTS = 12


def check_conditions(document: Document) -> Iterator[Problem]:
    """Check the section itself."""
    for name, condition in document.conditions.items():
        yield from check_condition(f"Conditions.{name}", condition, document)
        cycle = _cycle(name, (), document.conditions)
        if cycle and min(cycle, key=list(document.conditions).index) == name:
            yield Problem(f"Conditions.{name}", f"depends on itself: {' -> '.join([*cycle, cycle[0]])}")


def check_condition(path: str, condition: Any, document: Document) -> Iterator[Problem]:
    """Check one condition, at whatever place it is: that there is what it names."""
    for name in _named(condition):
        if name not in document.conditions:
            yield Problem(path, f"there is no condition {name!r}")
    for where, target, _ in references(condition, path):
        if target not in document.parameters and not target.startswith("ALIYUN::"):
            yield Problem(where, f"there is no parameter {target!r}; a condition can depend on nothing else")


def implied(given: Sequence[Guard], wanted: Any, conditions: Mapping[str, Any]) -> bool:
    """Whether a condition holds in every case in which others do.

    Args:
        given: the conditions that hold, or do not.
        wanted: the condition.
        conditions: the section Conditions, without problems.
    """
    facts = sorted(set(_facts(wanted, conditions)).union(*(_facts(one, conditions) for one, _ in given)))
    if len(facts) > _MOST_FACTS:
        return True
    for truths in itertools.product((True, False), repeat=len(facts)):
        case = dict(zip(facts, truths, strict=True))
        if all(_holds(one, conditions, case) is expected for one, expected in given) and not _holds(
            wanted, conditions, case
        ):
            return False
    return True


def _parts(condition: Any, conditions: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """A condition as one of the functions with its parts; names are followed."""
    while isinstance(condition, str):
        condition = conditions[condition]
    ((name, argument),) = condition.items()
    if name == "Condition":
        return _parts(argument, conditions)
    return name, operands("", name, argument)


def _facts(condition: Any, conditions: Mapping[str, Any]) -> Iterator[str]:
    name, parts = _parts(condition, conditions)
    if name == "Fn::Equals":
        yield json.dumps(parts, sort_keys=True)
    else:
        for part in parts:
            yield from _facts(part, conditions)


def _holds(condition: Any, conditions: Mapping[str, Any], case: Mapping[str, bool]) -> bool:
    name, parts = _parts(condition, conditions)
    if name == "Fn::Equals":
        return case[json.dumps(parts, sort_keys=True)]
    held = [_holds(part, conditions, case) for part in parts]
    return not held[0] if name == "Fn::Not" else all(held) if name == "Fn::And" else any(held)


def _cycle(name: str, passed: tuple[str, ...], conditions: Mapping[str, Any]) -> tuple[str, ...]:
    if name in passed:
        return passed if passed[0] == name else ()
    for other in _named(conditions.get(name)):
        cycle = _cycle(other, (*passed, name), conditions)
        if cycle:
            return cycle
    return ()


def _named(condition: Any) -> Iterator[str]:
    if isinstance(condition, str):
        yield condition
    elif isinstance(condition, dict):
        ((name, argument),) = condition.items()
        if name != "Fn::Equals":
            for part in argument if isinstance(argument, list) else [argument]:
                yield from _named(part)
