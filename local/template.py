"""Reads a ROS template and resolves it: parameters and the functions Ref, GetAtt, Sub and Join.

What a value can only have in the cloud (an ARN, a URL) becomes a fixed text that names it. Must not know what
any resource type means. Language: ROS template syntax, format version 2015-09-01; the short YAML forms of the
functions (``!Ref`` and so on) are part of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

__all__ = ["Resource", "TemplateError", "load_template", "parameter_names"]

FORMAT_VERSION = "2015-09-01"
_SECTIONS = frozenset(
    {"ROSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Resources", "Outputs"}
)
_PLACEHOLDER = re.compile(r"\$\{(!?)([^}]*)\}")
_NO_VALUE = object()


class TemplateError(ValueError):
    """Raised when a template cannot be used; the text begins with the path of the node that is wrong."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")


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
    values = _parameter_values(_mapping("Parameters", document.get("Parameters") or {}), parameters)
    values.update(
        {
            "ALIYUN::StackName": "local",
            "ALIYUN::StackId": "local",
            "ALIYUN::Region": region,
            "ALIYUN::AccountId": account_id,
            "ALIYUN::TenantId": account_id,
            "ALIYUN::NoValue": _NO_VALUE,
        }
    )
    return _Resolver(_mapping("Resources", document.get("Resources")), values).resources()


def parameter_names(path: Path) -> frozenset[str]:
    """The names of a template's parameters.

    Raises:
        TemplateError: the file is no template.
        OSError: the file cannot be read.
    """
    return frozenset(_mapping("Parameters", _parse(path).get("Parameters") or {}))


def _parse(path: Path) -> dict[str, Any]:
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise TemplateError(str(path), str(error)) from None
    return _mapping(str(path), document)


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


def _mapping(path: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TemplateError(path, f"a mapping is expected, {type(value).__name__} found")
    return value


def _parameter_values(declared: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    for name in sorted(set(given) - set(declared)):
        raise TemplateError(f"Parameters.{name}", f"no such parameter; known are {', '.join(declared)}")
    values = {}
    for name, declaration in declared.items():
        path = f"Parameters.{name}"
        if name not in given and "Default" not in _mapping(path, declaration):
            raise TemplateError(path, "has no default, so a value must be given")
        raw = given.get(name, declaration.get("Default"))
        values[name] = _converted(path, declaration, raw)
    return values


def _converted(path: str, declaration: Mapping[str, Any], raw: Any) -> Any:
    shown = "the value" if declaration.get("NoEcho") else f"{raw!r}"
    kind = declaration.get("Type")
    text = _text(raw)
    allowed = declaration.get("AllowedValues")
    if allowed is not None and text not in [_text(one) for one in allowed]:
        raise TemplateError(path, f"{shown} is not one of {', '.join(_text(one) for one in allowed)}")
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


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


class _Resolver:
    """Resolves the resources of one template.

    Args:
        declared: the section Resources.
        values: parameters and pseudo parameters.
    """

    def __init__(self, declared: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        self._declared = declared
        self._values = values
        self._open: list[tuple[str, str]] = []

    def resources(self) -> list[Resource]:
        resources = []
        for logical_id, declaration in self._declared.items():
            path = f"Resources.{logical_id}"
            kind = _mapping(path, declaration).get("Type")
            if not isinstance(kind, str):
                raise TemplateError(f"{path}.Type", f"a text is expected, {kind!r} found")
            properties = _mapping(f"{path}.Properties", declaration.get("Properties", {}))
            resources.append(Resource(logical_id, kind, self._resolve(f"{path}.Properties", properties)))
        return resources

    def _resolve(self, path: str, node: Any) -> Any:
        if isinstance(node, list):
            items = [self._resolve(f"{path}[{number}]", item) for number, item in enumerate(node)]
            return [item for item in items if item is not _NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((name, argument),) = node.items()
            if name == "Ref" or str(name).startswith("Fn::"):
                return self._call(f"{path}.{name}", name, argument)
        members = {name: self._resolve(f"{path}.{name}", value) for name, value in node.items()}
        return {name: value for name, value in members.items() if value is not _NO_VALUE}

    def _call(self, path: str, name: str, argument: Any) -> Any:
        if name == "Ref":
            return self._reference(path, argument)
        if name == "Fn::GetAtt":
            return self._attribute(path, *self._pair(path, argument))
        if name == "Fn::Sub":
            template, own = (argument, {}) if isinstance(argument, str) else self._pair(path, argument)
            return self._substitute(path, template, self._resolve(path, _mapping(path, own)))
        if name == "Fn::Join":
            separator, items = self._pair(path, self._resolve(path, argument))
            return str(separator).join(_text(item) for item in items)
        raise TemplateError(path, "a function that is not supported here")

    @staticmethod
    def _pair(path: str, argument: Any) -> Sequence[Any]:
        if not isinstance(argument, list) or len(argument) != 2:  # noqa: PLR2004 - a pair
            raise TemplateError(path, f"two items are expected, {argument!r} found")
        return argument

    def _reference(self, path: str, name: Any) -> Any:
        if name in self._values:
            return self._values[name]
        if name in self._declared:
            return f"local:{name}"
        raise TemplateError(path, f"there is no parameter or resource {name!r}")

    def _attribute(self, path: str, logical_id: str, attribute: str) -> Any:
        declaration = self._declared.get(logical_id)
        if declaration is None:
            raise TemplateError(path, f"there is no resource {logical_id!r}")
        properties = declaration.get("Properties", {})
        if attribute not in properties:
            return f"local:{logical_id}.{attribute}"
        if (logical_id, attribute) in self._open:
            raise TemplateError(path, "refers to itself")
        self._open.append((logical_id, attribute))
        value = self._resolve(f"Resources.{logical_id}.Properties.{attribute}", properties[attribute])
        self._open.pop()
        return value

    def _substitute(self, path: str, template: str, own: Mapping[str, Any]) -> str:
        def value(match: re.Match[str]) -> str:
            literal, name = match.groups()
            if literal:
                return f"${{{name}}}"
            if name in own:
                return _text(own[name])
            if "." in name:
                return _text(self._attribute(path, *name.split(".", 1)))
            return _text(self._reference(path, name))

        return _PLACEHOLDER.sub(value, template)
