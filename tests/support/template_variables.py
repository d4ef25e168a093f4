"""How long the variables of each function can get, by what the template allows its parameters to be.

The worst case counts names and values, of every branch the longest. A parameter without a bound counts as
endless. Must not know what the variables are for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.template.document import parse_template

__all__ = ["MOST_BYTES", "Variable", "feeding_parameters", "function_variables", "read_raw", "variable_rows"]

MOST_BYTES = 4096
"""Function Compute's page "Environment variables": all of a function together, names among them."""
NUMBER_BYTES = 24
"""The longest text of a number, whatever its bounds: those of a float's digits, sign and exponent."""
REGION_BYTES = 32
"""More than any region's id has: the longest known is cn-shenzhen-finance-1, of 21."""
_PLACEHOLDER = re.compile(r"\$\{([^!}][^}]*)\}")
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Variable:
    """One variable of a function.

    Attributes:
        name: of the variable.
        parameters: that it is made from.
        value_bytes: the most that its value can have.
    """

    name: str
    parameters: tuple[str, ...]
    value_bytes: float

    @property
    def bytes(self) -> float:
        """Name and value."""
        return len(self.name) + self.value_bytes


def read_raw() -> dict[str, Any]:
    """The project's template as it is written."""
    document, problems = parse_template(_ROOT / "template.yml")
    if problems:
        raise problems[0]
    return document


def function_variables(template: Mapping[str, Any]) -> dict[str, list[Variable]]:
    """The variables of each function, by its handler's module."""
    parameters = template["Parameters"]
    return {
        one["Properties"]["Handler"].partition(".")[0]: [
            Variable(name, tuple(_parameters(node, parameters)), _longest(node, parameters))
            for name, node in one["Properties"]["EnvironmentVariables"].items()
        ]
        for one in template["Resources"].values()
        if one["Type"] == "ALIYUN::FC3::Function"
    }


def feeding_parameters(template: Mapping[str, Any]) -> set[str]:
    """The parameters that variables are made from."""
    return {
        name
        for variables in function_variables(template).values()
        for one in variables
        for name in one.parameters
    }


def variable_rows() -> Iterator[tuple[str, ...]]:
    """A table of the worst case: each variable, then each function."""
    functions = function_variables(read_raw())
    longest: dict[str, Variable] = {}
    for variables in functions.values():
        for one in variables:
            longest[one.name] = max(one, longest.get(one.name, one), key=lambda each: each.value_bytes)
    for name, one in longest.items():
        made_from = ", ".join(f"`{each}`" for each in one.parameters)
        yield f"`{name}`", made_from, str(len(name)), f"{one.value_bytes:g}", f"{one.bytes:g}"
    for module, variables in functions.items():
        names = sum(len(one.name) for one in variables)
        values = sum(one.value_bytes for one in variables)
        yield (
            f"all of `{module}`",
            "",
            str(names),
            f"{values:g}",
            f"**{names + values:g}**",
        )


def _longest(node: Any, parameters: Mapping[str, Any]) -> float:
    if isinstance(node, str):
        return len(node.encode())
    ((function, argument),) = node.items()
    if function == "Ref":
        return _longest_reference(argument, parameters)
    if function == "Fn::Sub":
        literal = len(_PLACEHOLDER.sub("", argument).encode())
        return literal + sum(_longest_reference(name, parameters) for name in _PLACEHOLDER.findall(argument))
    if function == "Fn::If":
        return max(_longest(branch, parameters) for branch in argument[1:])
    raise ValueError(f"no rule for {function}")


def _longest_reference(name: str, parameters: Mapping[str, Any]) -> float:
    if name == "ALIYUN::Region":
        return REGION_BYTES
    declaration = parameters[name]
    if declaration["Type"] == "Number":
        return NUMBER_BYTES
    if "AllowedValues" in declaration:
        return max(len(one.encode()) for one in declaration["AllowedValues"])
    return float(declaration.get("MaxLength", "inf"))


def _parameters(node: Any, parameters: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(node, str):
        return
    ((function, argument),) = node.items()
    if function == "Fn::If":
        for branch in argument[1:]:
            yield from _parameters(branch, parameters)
    else:
        names = [argument] if function == "Ref" else _PLACEHOLDER.findall(argument)
        yield from (name for name in names if name in parameters)
