"""Reads a ROS template: its YAML, its parameters, and the resources with all values resolved.

Language: ROS template syntax, format version 2015-09-01; the short YAML forms of the functions (``!Ref`` and
so on) are part of it. Must not know what any resource type means.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from .template_functions import NO_VALUE, Resolver, TemplateError, as_text, mapping_at

__all__ = ["Resource", "TemplateError", "load_template", "parameter_names"]

FORMAT_VERSION = "2015-09-01"
_SECTIONS = frozenset(
    {"ROSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Resources", "Outputs"}
)


@dataclass(frozen=True)
class Resource:
    """A resource with its properties resolved.

    Attributes:
        logical_id: its name in the template.
        type: such as ``ALIYUN::FC3::Function``.
        properties: plain JSON values.
    """

    logical_id: str
    type: str
    properties: Mapping[str, Any]

    @property
    def path(self) -> str:
        """Where its properties are, for messages."""
        return f"Resources.{self.logical_id}.Properties"


def load_template(
    path: Path, parameters: Mapping[str, str], *, region: str, account_id: str
) -> list[Resource]:
    """Read a template file.

    Args:
        path: the YAML (or JSON) file.
        parameters: values, as texts; a parameter that is not among them has its default.
        region: what ``ALIYUN::Region`` is.
        account_id: what ``ALIYUN::AccountId`` and ``ALIYUN::TenantId`` are.

    Raises:
        TemplateError: the template, or a parameter, is wrong.
        OSError: the file cannot be read.
    """
    document = _parse(path)
    version = str(document.get("ROSTemplateFormatVersion"))
    if version != FORMAT_VERSION:
        raise TemplateError("ROSTemplateFormatVersion", f"{FORMAT_VERSION} is expected, {version!r} found")
    unknown = sorted(set(document) - _SECTIONS)
    if unknown:
        raise TemplateError(str(unknown[0]), "a section that is not supported here")
    values = _parameter_values(mapping_at("Parameters", document.get("Parameters") or {}), parameters)
    values.update(
        {
            "ALIYUN::StackName": "local",
            "ALIYUN::StackId": "local",
            "ALIYUN::Region": region,
            "ALIYUN::AccountId": account_id,
            "ALIYUN::TenantId": account_id,
            "ALIYUN::NoValue": NO_VALUE,
        }
    )
    return _resources(mapping_at("Resources", document.get("Resources")), values)


def parameter_names(path: Path) -> frozenset[str]:
    """The names of a template's parameters.

    Raises:
        TemplateError: the file is no template.
        OSError: the file cannot be read.
    """
    return frozenset(mapping_at("Parameters", _parse(path).get("Parameters") or {}))


def _resources(declared: Mapping[str, Any], values: Mapping[str, Any]) -> list[Resource]:
    resolver = Resolver(declared, values)
    resources = []
    for logical_id, declaration in declared.items():
        path = f"Resources.{logical_id}"
        kind = mapping_at(path, declaration).get("Type")
        if not isinstance(kind, str):
            raise TemplateError(f"{path}.Type", f"a text is expected, {kind!r} found")
        properties = mapping_at(f"{path}.Properties", declaration.get("Properties", {}))
        resources.append(Resource(logical_id, kind, resolver.resolve(f"{path}.Properties", properties)))
    return resources


def _parse(path: Path) -> dict[str, Any]:
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise TemplateError(str(path), str(error)) from None
    return mapping_at(str(path), document)


class _Loader(yaml.SafeLoader):
    """YAML, the short forms of the template's functions, and no key twice in one mapping."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - its base's
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        for number, key in enumerate(keys):
            if key in keys[:number]:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} occurs twice", node.start_mark
                )
        return super().construct_mapping(node, deep=deep)


def _short_form(loader: yaml.Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix == "Ref" else f"Fn::{suffix}"
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if name == "Fn::GetAtt":
            value = str(value).split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]  # no fourth kind of node
    return {name: value}


_Loader.add_multi_constructor("!", _short_form)


def _parameter_values(declared: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    for name in sorted(set(given) - set(declared)):
        raise TemplateError(f"Parameters.{name}", f"no such parameter; known are {', '.join(declared)}")
    values = {}
    for name, declaration in declared.items():
        path = f"Parameters.{name}"
        if name not in given and "Default" not in mapping_at(path, declaration):
            raise TemplateError(path, "has no default, so a value must be given")
        raw = given.get(name, declaration.get("Default"))
        values[name] = _converted(path, declaration, raw)
    return values


def _converted(path: str, declaration: Mapping[str, Any], raw: Any) -> Any:
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
        return _CONVERSIONS[kind](text) if not isinstance(raw, (dict, list)) else raw
    except KeyError as error:
        if kind not in _CONVERSIONS:
            raise TemplateError(path, f"the type {kind!r} is not one of {', '.join(_CONVERSIONS)}") from None
        raise TemplateError(path, f"{shown} is no {kind}: {error}") from None
    except ValueError:
        raise TemplateError(path, f"{shown} is no {kind}") from None


_CONVERSIONS: dict[Any, Any] = {
    "String": str,
    "Number": json.loads,
    "Boolean": lambda text: {"true": True, "false": False}[text.lower()],
    "Json": json.loads,
    "CommaDelimitedList": lambda text: text.split(","),
}
