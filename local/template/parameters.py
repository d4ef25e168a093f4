"""The parameters of a ROS template: their types, their limits, and the values that they have.

Must not know files, YAML or what a parameter is for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from .functions import NO_VALUE, TemplateError, as_text, mapping_at

__all__ = ["PARAMETER_TYPES", "parameter_value", "parameter_values", "pseudo_parameters"]

PARAMETER_TYPES = ("String", "Number", "Boolean", "Json", "CommaDelimitedList")


def pseudo_parameters(*, region: str, account_id: str) -> dict[str, Any]:
    """What a template may refer to without declaring it.

    Args:
        region: what ``ALIYUN::Region`` is.
        account_id: what ``ALIYUN::AccountId`` and ``ALIYUN::TenantId`` are.
    """
    return {
        "ALIYUN::StackName": "local",
        "ALIYUN::StackId": "local",
        "ALIYUN::Region": region,
        "ALIYUN::AccountId": account_id,
        "ALIYUN::TenantId": account_id,
        "ALIYUN::NoValue": NO_VALUE,
    }


def parameter_values(declared: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """The value of each parameter of a template.

    Args:
        declared: the section Parameters.
        given: values, as texts; a parameter that is not among them has its default.

    Raises:
        TemplateError: a value is wrong or missing, or its parameter is not declared.
    """
    for name in sorted(set(given) - set(declared)):
        raise TemplateError(f"Parameters.{name}", f"no such parameter; known are {', '.join(declared)}")
    values = {}
    for name, declaration in declared.items():
        path = f"Parameters.{name}"
        if name not in given and "Default" not in mapping_at(path, declaration):
            raise TemplateError(path, "has no default, so a value must be given")
        values[name] = parameter_value(path, declaration, given.get(name, declaration.get("Default")))
    return values


def parameter_value(path: str, declaration: Mapping[str, Any], raw: Any) -> Any:
    """A parameter's value, converted to its type.

    Args:
        path: of what holds the value, for messages.
        declaration: of the parameter.
        raw: the value as it was given; that of a parameter with NoEcho is in no message.

    Raises:
        TemplateError: the value is not one that the declaration allows.
    """
    shown = "the value" if declaration.get("NoEcho") else f"{raw!r}"
    kind = declaration.get("Type")
    text = as_text(raw)
    allowed = declaration.get("AllowedValues")
    if allowed is not None and text not in [as_text(one) for one in allowed]:
        raise TemplateError(path, f"{shown} is not one of {', '.join(as_text(one) for one in allowed)}")
    pattern = declaration.get("AllowedPattern")
    if pattern is not None and not re.search(pattern, text):
        raise TemplateError(path, f"{shown} does not match {pattern}")
    try:
        value = raw if isinstance(raw, (dict, list)) else _CONVERSIONS[kind](text)
    except KeyError:
        raise TemplateError(path, f"the type {kind!r} is not one of {', '.join(PARAMETER_TYPES)}") from None
    except ValueError:
        raise TemplateError(path, f"{shown} is no {kind}") from None
    size, least, most = (
        (value, "MinValue", "MaxValue") if kind == "Number" else (len(text), "MinLength", "MaxLength")
    )
    if least in declaration and size < declaration[least]:
        raise TemplateError(path, f"{shown} is below {least} {declaration[least]}")
    if most in declaration and size > declaration[most]:
        raise TemplateError(path, f"{shown} is above {most} {declaration[most]}")
    return value


def _number(text: str) -> int | float:
    value = json.loads(text)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(text)  # noqa: TRY004 - as json.loads does
    return value


def _boolean(text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise ValueError(text)
    return text.lower() == "true"


_CONVERSIONS: dict[Any, Any] = {
    "String": str,
    "Number": _number,
    "Boolean": _boolean,
    "Json": json.loads,
    "CommaDelimitedList": lambda text: text.split(","),
}
