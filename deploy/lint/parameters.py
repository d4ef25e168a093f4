"""Checks what the parameters say together: limits and defaults, groups, that each is used, and secrets.

Must not know resource types, but for the one place where a secret may be: the environment of a function.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from local.template.functions import TemplateError
from local.template.parameters import parameter_value

from .document import Document
from .problems import Problem
from .walk import references

__all__ = ["check_parameters"]

_INTERFACE = "ALIYUN::ROS::Interface"
_SECRET = re.compile(r"token|secret|password", re.IGNORECASE)


def check_parameters(document: Document) -> Iterator[Problem]:
    """Check all parameters of a template."""
    used = {name for _, name, _ in references(document.raw)}
    for name, declaration in document.parameters.items():
        path = f"Parameters.{name}"
        yield from _values(path, declaration)
        if _SECRET.search(name) and declaration.get("NoEcho") is not True:
            yield Problem(f"{path}.NoEcho", "true is expected, as the name says that it is secret")
        if name not in used:
            yield Problem(path, "is never used")
    yield from _groups(document)
    yield from _shown(document)


def _values(path: str, declaration: Mapping[str, Any]) -> Iterator[Problem]:
    for least, most in (("MinLength", "MaxLength"), ("MinValue", "MaxValue")):
        if declaration.get(least, 0) > declaration.get(most, float("inf")):
            yield Problem(f"{path}.{least}", f"is more than {most}")
    values = [
        (f"{path}.AllowedValues[{n}]", one) for n, one in enumerate(declaration.get("AllowedValues", []))
    ]
    if "Default" in declaration:
        values.append((f"{path}.Default", declaration["Default"]))
    for place, value in values:
        try:
            parameter_value(place, declaration, value)
        except TemplateError as error:
            yield Problem(place, error.problem)


def _groups(document: Document) -> Iterator[Problem]:
    groups = document.raw.get("Metadata", {}).get(_INTERFACE, {}).get("ParameterGroups", [])
    times: Counter[str] = Counter()
    for number, group in enumerate(groups):
        for position, name in enumerate(group["Parameters"]):
            place = f"Metadata.{_INTERFACE}.ParameterGroups[{number}].Parameters[{position}]"
            times[name] += 1
            if name not in document.parameters:
                yield Problem(place, f"there is no parameter {name!r}")
            elif times[name] > 1:
                yield Problem(place, f"{name} is in a group already")
    for name in document.parameters:
        if not times[name]:
            yield Problem(f"Parameters.{name}", "is in no group of Metadata")


def _shown(document: Document) -> Iterator[Problem]:
    """Where a secret parameter can be read by whoever may see the stack."""
    secret = {name for name, one in document.parameters.items() if one.get("NoEcho")}
    environments = tuple(
        f"{one.path}.Properties.EnvironmentVariables." for one in document.of_type("ALIYUN::FC3::Function")
    )
    for section in ("Resources", "Outputs"):
        for path, name, _ in references(document.raw.get(section), section):
            if name in secret and not path.startswith(environments or "\0"):
                yield Problem(path, f"shows the parameter {name}, which has NoEcho")
