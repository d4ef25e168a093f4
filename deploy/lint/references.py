"""Checks what refers to what: Ref, Fn::GetAtt, Fn::Sub, Fn::If, Condition and DependsOn.

Every target exists, has the attribute, is there whenever what refers to it is, and nothing depends on itself.
Must not know values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from local.template.parameters import pseudo_parameters

from .conditions import Guard, check_condition, implied
from .document import Document
from .problems import Problem
from .values import function_call
from .walk import functions, references

__all__ = ["check_references"]

_PSEUDO = frozenset(pseudo_parameters(region="", account_id=""))


def check_references(
    document: Document, types: Mapping[str, Any], *, conditions_are_right: bool
) -> Iterator[Problem]:
    """Check all references of a template.

    Args:
        document: the template.
        types: the schema of each resource type that is known, with its attributes.
        conditions_are_right: whether the section Conditions has no problem; else what follows from it is not
            checked.
    """
    sections: list[tuple[str, Any, Mapping[str, Any]]] = [
        (one.path, one.condition, {"Properties": one.properties}) for one in document.resources.values()
    ]
    sections += [(f"Outputs.{name}", one.get("Condition"), one) for name, one in document.outputs.items()]
    for path, condition, node in sections:
        yield from _branches(path, node, document)
        yield from _targets(path, node, document, types)
        guards: list[Guard] = []
        sound = conditions_are_right
        if condition is not None:
            wrong = list(check_condition(f"{path}.Condition", condition, document))
            yield from wrong
            sound = sound and not wrong
            guards.append((condition, True))
        if sound:
            yield from _presence(path, node, tuple(guards), document)
    yield from _dependencies(document)


def _branches(path: str, node: Any, document: Document) -> Iterator[Problem]:
    for place, name, argument in functions(node, path):
        if name == "Fn::If":
            yield from check_condition(f"{place}[0]", argument[0], document)


def _targets(path: str, node: Any, document: Document, types: Mapping[str, Any]) -> Iterator[Problem]:
    for place, target, attribute in references(node, path):
        resource = document.resources.get(target)
        if attribute is None:
            if resource is None and target not in document.parameters and target not in _PSEUDO:
                yield Problem(place, f"there is no parameter or resource {target!r}")
        elif resource is None:
            yield Problem(place, f"there is no resource {target!r}")
        elif resource.type in types and attribute not in types[resource.type]["attributes"]:
            known = ", ".join(types[resource.type]["attributes"]) or "none"
            yield Problem(place, f"{resource.type} has no attribute {attribute!r}; known are {known}")


def _presence(path: str, node: Any, guards: tuple[Guard, ...], document: Document) -> Iterator[Problem]:
    """References to a resource that may be left out where what refers to it is not."""
    call = function_call(node)
    if call is not None and call[0] == "Fn::If":
        condition, *branches = call[1]
        if not list(check_condition("", condition, document)):
            for number, branch in enumerate(branches, start=1):
                guard = (condition, number == 1)
                yield from _presence(f"{path}.Fn::If[{number}]", branch, (*guards, guard), document)
        return
    if call is None and isinstance(node, (dict, list)):
        members = node.items() if isinstance(node, dict) else enumerate(node)
        for name, value in members:
            inner = f"{path}.{name}" if isinstance(node, dict) else f"{path}[{name}]"
            yield from _presence(inner, value, guards, document)
        return
    for place, target, _ in references(node, path):
        resource = document.resources.get(target)
        if resource is None or resource.condition is None:
            continue
        if list(check_condition("", resource.condition, document)):
            continue
        if not implied(guards, resource.condition, document.conditions):
            yield Problem(
                place, f"{target} is left out where {resource.condition!r} does not hold, and this is not"
            )


def _dependencies(document: Document) -> Iterator[Problem]:
    edges: dict[str, list[str]] = {}
    for name, resource in document.resources.items():
        for target in resource.depends_on:
            if target not in document.resources:
                yield Problem(f"{resource.path}.DependsOn", f"there is no resource {target!r}")
        targets = [*resource.depends_on, *(target for _, target, _ in references(resource.properties))]
        edges[name] = [one for one in dict.fromkeys(map(str, targets)) if one in document.resources]
    told: set[str] = set()
    for name in edges:
        cycle = _way_back(name, edges)
        if cycle and not told & set(cycle):
            told.update(cycle)
            yield Problem(f"Resources.{name}", f"depends on itself: {' -> '.join([*cycle, name])}")


def _way_back(start: str, edges: Mapping[str, list[str]]) -> list[str]:
    """The shortest way from a resource to itself; empty if there is none."""
    ways = [[start]]
    seen: set[str] = set()
    while ways:
        way = ways.pop(0)
        for target in edges[way[-1]]:
            if target == start:
                return way
            if target not in seen:
                seen.add(target)
                ways.append([*way, target])
    return []
