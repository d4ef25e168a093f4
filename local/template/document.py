"""Reads a ROS template: its YAML, and the resources with all values resolved.

Language: ROS template syntax, format version 2015-09-01; the short YAML forms of the functions (``!Ref`` and
so on) are part of it. Must not know what any resource type means.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

try:
    # Reads the template in a tenth of the time, which every start of a local cloud takes.
    from yaml import CSafeLoader as SafeLoader
except ImportError:
    from yaml import SafeLoader  # type: ignore[assignment]  # the same loader, in Python alone

from .functions import Conditions, Resolver, TemplateError, mapping_at
from .parameters import parameter_values, pseudo_parameters

__all__ = [
    "FORMAT_VERSION",
    "SECTIONS",
    "Resource",
    "TemplateError",
    "load_template",
    "parameter_names",
    "parse_template",
    "resource_names",
]

FORMAT_VERSION = "2015-09-01"
SECTIONS = (
    "ROSTemplateFormatVersion",
    "Description",
    "Metadata",
    "Parameters",
    "Conditions",
    "Resources",
    "Outputs",
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
    """Read a template file; a resource whose condition does not hold is left out.

    Args:
        path: the YAML (or JSON) file.
        parameters: values, as texts; a parameter that is not among them has its default.
        region: what ``ALIYUN::Region`` is.
        account_id: what ``ALIYUN::AccountId`` and ``ALIYUN::TenantId`` are.

    Raises:
        TemplateError: the template, or a parameter, is wrong.
        OSError: the file cannot be read.
    """
    document = _parse_strictly(path)
    version = str(document.get("ROSTemplateFormatVersion"))
    if version != FORMAT_VERSION:
        raise TemplateError("ROSTemplateFormatVersion", f"{FORMAT_VERSION} is expected, {version!r} found")
    unknown = sorted(set(document) - set(SECTIONS))
    if unknown:
        raise TemplateError(str(unknown[0]), "a section that is not supported here")
    values = parameter_values(mapping_at("Parameters", document.get("Parameters") or {}), parameters)
    values.update(pseudo_parameters(region=region, account_id=account_id))
    conditions = Conditions(mapping_at("Conditions", document.get("Conditions") or {}), values)
    return _resources(mapping_at("Resources", document.get("Resources")), values, conditions)


def parameter_names(path: Path) -> frozenset[str]:
    """The names of a template's parameters.

    Raises:
        TemplateError: the file is not a template.
        OSError: the file cannot be read.
    """
    return frozenset(mapping_at("Parameters", _parse_strictly(path).get("Parameters") or {}))


def resource_names(path: Path) -> frozenset[str]:
    """The names of all resources of a template, whatever their conditions.

    Raises:
        TemplateError: the file is not a template.
        OSError: the file cannot be read.
    """
    return frozenset(mapping_at("Resources", _parse_strictly(path).get("Resources") or {}))


def _resources(
    declared: Mapping[str, Any], values: Mapping[str, Any], conditions: Conditions
) -> list[Resource]:
    present = {
        logical_id: declaration
        for logical_id, declaration in declared.items()
        if "Condition" not in mapping_at(f"Resources.{logical_id}", declaration)
        or conditions.hold(f"Resources.{logical_id}.Condition", declaration["Condition"])
    }
    resolver = Resolver(present, values, conditions.hold)
    resources = []
    for logical_id, declaration in present.items():
        path = f"Resources.{logical_id}"
        kind = declaration.get("Type")
        if not isinstance(kind, str):
            raise TemplateError(f"{path}.Type", f"a text is expected, {kind!r} found")
        properties = mapping_at(f"{path}.Properties", declaration.get("Properties", {}))
        resources.append(Resource(logical_id, kind, resolver.resolve(f"{path}.Properties", properties)))
    return resources


def parse_template(path: Path) -> tuple[dict[str, Any], list[TemplateError]]:
    """Read a template file as it is written, with every function in its long form.

    Returns:
        The document, and an error for each key that occurs twice in one mapping: the last one wins.

    Raises:
        TemplateError: the file is not YAML, or not a mapping.
        OSError: the file cannot be read.
    """
    try:
        loader = _Loader(path.read_text(encoding="utf-8"))
        try:
            root = loader.get_single_node()
            repeated = list(_repeated_keys("", root))
            document = loader.construct_document(root) if root is not None else None
        finally:
            loader.dispose()
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TemplateError(str(path), str(error)) from None
    return mapping_at(str(path), document), repeated


def _parse_strictly(path: Path) -> dict[str, Any]:
    document, repeated = parse_template(path)
    if repeated:
        raise repeated[0]
    return document


class _Loader(SafeLoader):
    """YAML with the short forms of the template's functions."""


def _repeated_keys(path: str, node: yaml.Node | None) -> Iterator[TemplateError]:
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _repeated_keys(f"{path}[{number}]", item)
    elif isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            member = f"{path}.{key.value}" if path else str(key.value)
            if str(key.value) in seen:
                line = key.start_mark.line + 1
                yield TemplateError(member, f"the key {key.value!r} occurs twice, again in line {line}")
            seen.add(str(key.value))
            yield from _repeated_keys(member, value)


def _short_form(loader: SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
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
