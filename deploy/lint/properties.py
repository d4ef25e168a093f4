"""Checks each resource's properties against the vendor's list: keys, types, ranges, lengths, allowed values.

The list is a JSON Schema, made by ``make resource-types``. A value that comes from a parameter is checked for
each value that the parameter may have. Must not know what any property is for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .document import Document
from .problems import Problem
from .schemas import Choice, Unknown, breaches
from .values import View, function_call, is_known, parameter_examples

__all__ = ["check_properties"]

_OF_PARAMETERS = {"String": "string", "Number": "number", "Boolean": "boolean", "CommaDelimitedList": "array"}
_NOTHING = {"Ref": "ALIYUN::NoValue"}


def check_properties(document: Document, view: View, types: Mapping[str, Any]) -> Iterator[Problem]:
    """Check all resources.

    Args:
        document: the template.
        view: one reading of it.
        types: the schema of each resource type that is known.
    """
    for resource in document.resources.values():
        if resource.type not in types:
            yield Problem(f"{resource.path}.Type", f"the resource type {resource.type} is not known")
        else:
            properties = _values(resource.properties, document, view)
            yield from breaches(f"{resource.path}.Properties", properties, types[resource.type])


def _values(node: Any, document: Document, view: View) -> Any:
    """A node with what is known of the value of each function in it."""
    call = function_call(node)
    if call is None:
        if isinstance(node, dict):
            return {name: _values(one, document, view) for name, one in node.items() if one != _NOTHING}
        return [_values(one, document, view) for one in node] if isinstance(node, list) else node
    name, argument = call
    if name == "Ref":
        return _reference(str(argument), document)
    if name == "Fn::If" and isinstance(argument, list):
        return Choice(tuple(_values(one, document, view) for one in argument[1:] if one != _NOTHING))
    if name in {"Fn::Sub", "Fn::Join", "Fn::Split", "Fn::Replace"}:
        value = view.value(node)
        return Choice((value,), f"the value of {name}") if is_known(value) else Unknown("string", name)
    return Unknown()


def _reference(name: str, document: Document) -> Any:
    declaration = document.parameters.get(name)
    if declaration is None:
        return Unknown("string", name)
    if values := parameter_examples(declaration):
        if declaration.get("NoEcho"):
            return Choice(tuple(values), f"the parameter {name}", secret=True)
        return Choice(tuple(values), f"the parameter {name} can be {{}}")
    return Unknown(_OF_PARAMETERS.get(str(declaration.get("Type")), ""), name)
