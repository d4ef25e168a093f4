"""The functions of a ROS template: Ref, GetAtt, Sub and Join, and the values that they stand for.

What a value can only have in the cloud (an ARN, a URL) becomes a fixed text that names it. Must not know
files, YAML or what any resource type means.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["NO_VALUE", "Resolver", "TemplateError", "as_text", "mapping_at"]

NO_VALUE = object()
"""What ``ALIYUN::NoValue`` is: the property that has it is left out."""

_PLACEHOLDER = re.compile(r"\$\{(!?)([^}]*)\}")


class TemplateError(ValueError):
    """Raised when a template cannot be used; the text begins with the path of the node that is wrong."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")


def mapping_at(path: str, value: Any) -> dict[str, Any]:
    """The value, if it is a mapping.

    Raises:
        TemplateError: it is none.
    """
    if not isinstance(value, dict):
        raise TemplateError(path, f"a mapping is expected, {type(value).__name__} found")
    return value


def as_text(value: Any) -> str:
    """A value inside a text: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


class Resolver:
    """Resolves the values of one template.

    Args:
        declared: the section Resources.
        values: parameters and pseudo parameters.
    """

    def __init__(self, declared: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        self._declared = declared
        self._values = values
        self._open: list[tuple[str, str]] = []

    def resolve(self, path: str, node: Any) -> Any:
        """A node with every function in it replaced by its value.

        Args:
            path: of the node, for messages.
            node: parsed YAML.

        Raises:
            TemplateError: a function is unknown, or refers to nothing or to itself.
        """
        if isinstance(node, list):
            items = [self.resolve(f"{path}[{number}]", item) for number, item in enumerate(node)]
            return [item for item in items if item is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((name, argument),) = node.items()
            if name == "Ref" or str(name).startswith("Fn::"):
                return self._call(f"{path}.{name}", name, argument)
        members = {name: self.resolve(f"{path}.{name}", value) for name, value in node.items()}
        return {name: value for name, value in members.items() if value is not NO_VALUE}

    def _call(self, path: str, name: str, argument: Any) -> Any:
        if name == "Ref":
            return self._reference(path, argument)
        if name == "Fn::GetAtt":
            return self._attribute(path, *self._pair(path, argument))
        if name == "Fn::Sub":
            template, own = (argument, {}) if isinstance(argument, str) else self._pair(path, argument)
            return self._substitute(path, template, self.resolve(path, mapping_at(path, own)))
        if name == "Fn::Join":
            separator, items = self._pair(path, self.resolve(path, argument))
            return str(separator).join(as_text(item) for item in items)
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
        value = self.resolve(f"Resources.{logical_id}.Properties.{attribute}", properties[attribute])
        self._open.pop()
        return value

    def _substitute(self, path: str, template: str, own: Mapping[str, Any]) -> str:
        def value(match: re.Match[str]) -> str:
            literal, name = match.groups()
            if literal:
                return f"${{{name}}}"
            if name in own:
                return as_text(own[name])
            if "." in name:
                return as_text(self._attribute(path, *name.split(".", 1)))
            return as_text(self._reference(path, name))

        return _PLACEHOLDER.sub(value, template)
