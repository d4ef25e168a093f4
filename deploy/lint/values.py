"""The values that a template's properties have, as far as they are known without a cloud.

Parameters have their defaults, region and account are examples, and what only the cloud can tell is a text
with a mark in it. Where a value depends on a condition, one view takes the first of the two, another view the
second. Must not know resource types.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from local.template.functions import NO_VALUE, Resolver, TemplateError
from local.template.parameters import parameter_value, pseudo_parameters

from .document import Document, Resource

__all__ = ["ACCOUNT", "REGION", "View", "example", "function_call", "is_known", "parameter_examples"]

REGION = "cn-hangzhou"
ACCOUNT = "1234567890123456"
_MARK = "local:"
# A parameter without a default has a value that says what it is, and is of its type.
_EXAMPLES: dict[Any, Any] = {"Number": 1, "Boolean": False, "Json": {}, "CommaDelimitedList": []}


def is_known(value: Any) -> bool:
    """Whether a value is more than a mark for what only the cloud, or who creates the stack, can tell."""
    return not (isinstance(value, str) and _MARK in value)


def function_call(node: Any) -> tuple[str, Any] | None:
    """The name and the argument of a template function, if a node is one."""
    if isinstance(node, dict) and len(node) == 1:
        ((name, argument),) = node.items()
        if name == "Ref" or str(name).startswith("Fn::"):
            return str(name), argument
    return None


def parameter_examples(declaration: Mapping[str, Any]) -> list[Any]:
    """The allowed values of a parameter, else its default; none if neither is there or right."""
    allowed = declaration.get("AllowedValues")
    raw = (
        allowed
        if isinstance(allowed, list)
        else [declaration[key] for key in ("Default",) if key in declaration]
    )
    values = []
    for one in raw:
        try:
            values.append(parameter_value("", declaration, one))
        except (TemplateError, TypeError, re.error):
            continue
    return values


def example(name: str, declaration: Mapping[str, Any]) -> Any:
    """One value of a parameter: its default if that is right, else a mark or a value of its type."""
    try:
        if "Default" in declaration:
            return parameter_value("", declaration, declaration["Default"])
    except (TemplateError, TypeError, re.error):
        pass
    return _EXAMPLES.get(declaration.get("Type"), f"{_MARK}{name}")


class View:
    """One reading of a template, with all its resources there.

    Args:
        document: the template.
        first: whether Fn::If gives the first of its two values.
        but: named conditions whose truth is given, whatever the others' is.
    """

    def __init__(self, document: Document, *, first: bool, but: Mapping[str, bool] | None = None) -> None:
        self.document = document
        given = but or {}

        def holds(_path: str, condition: Any) -> bool:
            return given.get(condition, first) if isinstance(condition, str) else first

        values = {name: example(name, one) for name, one in document.parameters.items()}
        values.update(pseudo_parameters(region=REGION, account_id=ACCOUNT))
        self.values = values
        declared = {name: {"Properties": one.properties} for name, one in document.resources.items()}
        self._resolver = Resolver(declared, values, holds)

    def properties(self, resource: Resource) -> dict[str, Any]:
        """A resource's properties, with the value of each function where it can be told."""
        resolved: dict[str, Any] = self.value(resource.properties)
        return resolved

    def value(self, node: Any) -> Any:
        """The value of a node. A function that refers to nothing gives a mark: that is told elsewhere."""
        if function_call(node) is not None:
            try:
                return self._resolver.resolve("", node)
            except TemplateError:
                return f"{_MARK}?"
        if isinstance(node, dict):
            members = {name: self.value(one) for name, one in node.items()}
            return {name: one for name, one in members.items() if one is not NO_VALUE}
        if isinstance(node, list):
            return [one for one in map(self.value, node) if one is not NO_VALUE]
        return node
