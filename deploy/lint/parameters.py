"""Checks the section Parameters, and how its members are grouped, used and kept secret.

Must not know resource types, but for the one place where a secret may be: the environment of a function.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from local.template.functions import TemplateError
from local.template.parameters import PARAMETER_TYPES, parameter_value

from .document import Document
from .problems import Problem
from .walk import references

__all__ = ["check_parameters"]

_KEYS: dict[str, tuple[type, ...]] = {
    "Type": (str,),
    "Description": (str,),
    "Default": (object,),
    "AllowedValues": (list,),
    "AllowedPattern": (str,),
    "MinLength": (int,),
    "MaxLength": (int,),
    "MinValue": (int, float),
    "MaxValue": (int, float),
    "NoEcho": (bool,),
    "Confirm": (bool,),
    "Label": (str, dict),
    "ConstraintDescription": (str, dict),
    "AssociationProperty": (str,),
    "AssociationPropertyMetadata": (dict,),
    "Placeholder": (str, dict),
}
_INTERFACE = "ALIYUN::ROS::Interface"
_SECRET = re.compile(r"token|secret|password", re.IGNORECASE)


def check_parameters(document: Document) -> Iterator[Problem]:
    """Check all parameters of a template."""
    for name, declaration in document.parameters.items():
        yield from _declaration(f"Parameters.{name}", declaration)
        if _SECRET.search(name) and declaration.get("NoEcho") is not True:
            yield Problem(f"Parameters.{name}.NoEcho", "true is expected, as the name says that it is secret")
    used = {name for _, name, _ in references(document.raw)}
    for name in document.parameters:
        if name not in used:
            yield Problem(f"Parameters.{name}", "is never used")
    yield from _groups(document)
    yield from _shown(document)


def _declaration(path: str, declaration: Mapping[str, Any]) -> Iterator[Problem]:
    whole = True
    for key, value in declaration.items():
        if key not in _KEYS:
            yield Problem(f"{path}.{key}", f"no key of a parameter; known are {', '.join(_KEYS)}")
        elif object not in _KEYS[key] and not _is_of(value, _KEYS[key]):
            whole = False
            expected = " or ".join(kind.__name__ for kind in _KEYS[key])
            yield Problem(f"{path}.{key}", f"{expected} is expected, {type(value).__name__} found")
    if not str(declaration.get("Description") or "").strip():
        yield Problem(f"{path}.Description", "is missing")
    if declaration.get("Type") not in PARAMETER_TYPES:
        whole = False
        found = declaration.get("Type")
        yield Problem(f"{path}.Type", f"one of {', '.join(PARAMETER_TYPES)} is expected, {found!r} found")
    try:
        re.compile(str(declaration.get("AllowedPattern", "")))
    except re.error as error:
        whole = False
        yield Problem(f"{path}.AllowedPattern", f"no regular expression: {error}")
    if whole:
        yield from _values(path, declaration)


def _is_of(value: Any, kinds: tuple[type, ...]) -> bool:
    # True is an int to Python, and none to a template.
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


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


def _groups(document: Document) -> Iterator[Problem]:  # noqa: C901 - one branch for each kind of mistake
    path = f"Metadata.{_INTERFACE}.ParameterGroups"
    metadata = document.raw.get("Metadata")
    interface = metadata.get(_INTERFACE) if isinstance(metadata, dict) else None
    groups = interface.get("ParameterGroups") if isinstance(interface, dict) else None
    if not isinstance(groups, list):
        if document.parameters:
            yield Problem(path, "a list of groups of all parameters is expected")
        return
    times: Counter[str] = Counter()
    for number, group in enumerate(groups):
        place = f"{path}[{number}]"
        names = group.get("Parameters") if isinstance(group, dict) else None
        if not isinstance(names, list):
            yield Problem(f"{place}.Parameters", "a list of parameters is expected")
            continue
        if not _is_label(group.get("Label")):
            yield Problem(f"{place}.Label", "a text, or a mapping with the key default, is expected")
        for position, name in enumerate(names):
            times[str(name)] += 1
            if name not in document.parameters:
                yield Problem(f"{place}.Parameters[{position}]", f"there is no parameter {name!r}")
            elif times[name] > 1:
                yield Problem(f"{place}.Parameters[{position}]", f"{name} is in a group already")
    for name in document.parameters:
        if not times[name]:
            yield Problem(f"Parameters.{name}", "is in no group of Metadata")


def _is_label(label: Any) -> bool:
    text = label.get("default") if isinstance(label, dict) else label
    return isinstance(text, str) and bool(text.strip())


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
