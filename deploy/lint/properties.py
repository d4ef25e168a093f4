"""Checks each resource's properties against the vendor's list: keys, types, ranges, lengths, allowed values.

A value that comes from a parameter is checked for each value that the parameter may have. Must not know what
any property is for.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from .catalog import Kind, PropertyRule, ResourceType
from .document import Document
from .problems import Problem
from .values import View, function_call, is_known, parameter_examples

__all__ = ["check_properties"]

_NAMES = {
    "text": "a text",
    "number": "a number",
    "boolean": "true or false",
    "list": "a list",
    "mapping": "a mapping",
    "structure": "a mapping",
}
_OF_PARAMETERS = {
    "String": "text",
    "Number": "number",
    "Boolean": "boolean",
    "CommaDelimitedList": "list",
    "Json": "any",
}
_TEXTS = frozenset({"Fn::Sub", "Fn::Join"})


def check_properties(document: Document, view: View, types: Mapping[str, ResourceType]) -> Iterator[Problem]:
    """Check all resources.

    Args:
        document: the template.
        view: one reading of it.
        types: the resource types that are known.
    """
    checker = _Checker(document, view)
    for resource in document.resources.values():
        if resource.type not in types:
            yield Problem(f"{resource.path}.Type", f"the resource type {resource.type} is not known")
        else:
            yield from checker.structure(
                f"{resource.path}.Properties", types[resource.type].kind, resource.properties
            )


class _Checker:
    def __init__(self, document: Document, view: View) -> None:
        self._document = document
        self._view = view

    def structure(self, path: str, kind: Kind, members: Mapping[str, Any]) -> Iterator[Problem]:
        for name, node in members.items():
            rule = kind.properties.get(name)
            if rule is None:
                yield Problem(f"{path}.{name}", f"there is no such property{_nearest(name, kind.properties)}")
            else:
                yield from self._value(f"{path}.{name}", rule, node)
        for name, rule in kind.properties.items():
            if rule.required and (name not in members or members[name] == {"Ref": "ALIYUN::NoValue"}):
                yield Problem(f"{path}.{name}", "is required and missing")

    def _value(self, path: str, rule: PropertyRule, node: Any) -> Iterator[Problem]:
        call = function_call(node)
        if call is None:
            yield from self._literal(path, rule, node)
            return
        name, argument = call
        if name == "Ref":
            yield from self._reference(path, rule, argument)
        elif name == "Fn::If" and isinstance(argument, list):
            for number, branch in list(enumerate(argument))[1:]:
                yield from self._value(f"{path}.{name}[{number}]", rule, branch)
        elif name in _TEXTS:
            value = self._view.value(node)
            if not is_known(value):
                yield from self._unknown(path, rule, "text", name)
            else:
                for problem in self._literal(path, rule, value):
                    yield Problem(problem.path, f"{problem.message}, as the value of {name}")

    def _reference(self, path: str, rule: PropertyRule, name: Any) -> Iterator[Problem]:
        declaration = self._document.parameters.get(str(name))
        if declaration is None:
            if name != "ALIYUN::NoValue":
                yield from self._unknown(path, rule, "text", f"{name}")
            return
        values = parameter_examples(declaration)
        for value in values:
            for problem in self._literal(path, rule, value):
                if declaration.get("NoEcho"):
                    yield Problem(
                        problem.path, f"the value of the parameter {name} does not fit; it is not shown"
                    )
                else:
                    yield Problem(
                        problem.path, f"{problem.message}, as the parameter {name} can be {value!r}"
                    )
        if not values:
            yield from self._unknown(
                path, rule, _OF_PARAMETERS.get(str(declaration.get("Type")), "any"), f"{name}"
            )

    @staticmethod
    def _unknown(path: str, rule: PropertyRule, kind: str, source: str) -> Iterator[Problem]:
        expected = {"structure": "any", "mapping": "any"}.get(rule.kind.name, rule.kind.name)
        if "any" not in {expected, kind} and expected != kind:
            yield Problem(path, f"{_NAMES[expected]} is expected, and {source} gives {_NAMES[kind]}")

    def _literal(self, path: str, rule: PropertyRule, value: Any) -> Iterator[Problem]:
        kind = rule.kind
        if kind.name != "any" and _kind_of(value) != {"structure": "mapping"}.get(kind.name, kind.name):
            yield Problem(path, f"{_NAMES[kind.name]} is expected, {value!r} found")
            return
        yield from _limits(path, rule, value)
        if kind.name == "structure":
            yield from self.structure(path, kind, value)
        elif kind.name == "list" and kind.element is not None:
            for number, item in enumerate(value):
                yield from self._value(f"{path}[{number}]", PropertyRule(kind.element), item)
        elif kind.name == "mapping" and kind.element is not None:
            for name, item in value.items():
                yield from self._value(f"{path}.{name}", PropertyRule(kind.element), item)


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    kinds: dict[type, str] = {str: "text", int: "number", float: "number", list: "list", dict: "mapping"}
    return kinds.get(type(value), "nothing")


def _limits(path: str, rule: PropertyRule, value: Any) -> Iterator[Problem]:
    if isinstance(value, (int, float)):
        yield from _range(path, "", value, rule.least, rule.most)
    elif isinstance(value, (str, list)):
        what = "a length of " if isinstance(value, str) else "items: "
        yield from _range(path, what, len(value), rule.shortest, rule.longest)
    if rule.allowed is not None and not isinstance(value, (list, dict)) and value not in rule.allowed:
        allowed = ", ".join(str(one) for one in rule.allowed)
        yield Problem(path, f"one of {allowed} is expected, {value!r} found")
    if rule.pattern is not None and isinstance(value, str) and not re.search(rule.pattern, value):
        yield Problem(path, f"a text that matches {rule.pattern} is expected, {value!r} found")


def _range(path: str, what: str, size: float, least: float | None, most: float | None) -> Iterator[Problem]:
    if least is not None and size < least:
        yield Problem(path, f"{what}at least {least:g} is expected, {size} found")
    if most is not None and size > most:
        yield Problem(path, f"{what}at most {most:g} is expected, {size} found")


def _nearest(name: Any, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(str(name), known, n=1)
    return f"; {near[0]} may be meant" if near else f"; known are {', '.join(known)}"
