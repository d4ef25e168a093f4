"""The functions of a ROS template: Ref, GetAtt, Sub, Join, Split, Replace and If; conditions; their values.

What a value can only have in the cloud (an ARN, a URL) becomes a fixed text that names it. Must not know
files, YAML or what any resource type means.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = [
    "CONDITION_FUNCTIONS",
    "NO_VALUE",
    "Conditions",
    "Resolver",
    "TemplateError",
    "as_text",
    "mapping_at",
    "operands",
]

CONDITION_FUNCTIONS = ("Fn::Equals", "Fn::Not", "Fn::And", "Fn::Or")

NO_VALUE = object()
"""What ``ALIYUN::NoValue`` is: the property that has it is left out."""

_PLACEHOLDER = re.compile(r"\$\{(!?)([^}]*)\}")


class TemplateError(ValueError):
    """Raised when a template cannot be used; the text begins with the path of the node that is wrong.

    Attributes:
        path: of the node.
        problem: what is wrong with it.
    """

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


def mapping_at(path: str, value: Any) -> dict[str, Any]:
    """The value, if it is a mapping.

    Raises:
        TemplateError: it is not a mapping.
    """
    if not isinstance(value, dict):
        raise TemplateError(path, f"a mapping is expected, {type(value).__name__} found")
    return value


def as_text(value: Any) -> str:
    """A value inside a text: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def operands(path: str, name: str, argument: Any) -> list[Any]:
    """The parts of a condition function, which are conditions, or values in the case of Fn::Equals.

    The vendor's pages "Conditions" and "Functions" give Fn::Not its condition as it is; the vendor's own
    generator of templates writes a list of one. Both are read.

    Raises:
        TemplateError: there are too few or too many.
    """
    if name == "Fn::Not":
        argument = argument if isinstance(argument, list) else [argument]
    least, most = {"Fn::Not": (1, 1), "Fn::Equals": (2, 2)}.get(name, (2, 10))
    if not isinstance(argument, list) or not least <= len(argument) <= most:
        expected = {1: "one condition is", 2: "two items are"}.get(most, "2 to 10 conditions are")
        raise TemplateError(path, f"{expected} expected, {argument!r} found")
    return argument


def _joined(_path: str, separator: Any, items: Any) -> str:
    return str(separator).join(as_text(item) for item in items)


def _split(_path: str, separator: Any, text: Any) -> list[str]:
    return as_text(text).split(str(separator))


def _replaced(path: str, replacements: Any, text: Any) -> str:
    replaced = as_text(text)
    for old, new in mapping_at(path, replacements).items():
        replaced = replaced.replace(old, as_text(new))
    return replaced


_OF_TEXTS: dict[str, Callable[[str, Any, Any], Any]] = {
    "Fn::Join": _joined,
    "Fn::Split": _split,
    "Fn::Replace": _replaced,
}


class Conditions:
    """The conditions of one template.

    Args:
        declared: the section Conditions.
        values: parameters and pseudo parameters; nothing else may be referred to.
    """

    def __init__(self, declared: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        self._declared = declared
        self._resolver = Resolver({}, values, self.hold)
        self._open: list[str] = []

    def hold(self, path: str, condition: Any) -> bool:
        """Whether a condition holds.

        Args:
            path: of the condition, for messages.
            condition: the name of one, or one of the condition functions.

        Raises:
            TemplateError: the condition is unknown, not valid, or depends on itself.
        """
        if isinstance(condition, str):
            return self._named(path, condition)
        if not isinstance(condition, dict) or len(condition) != 1:
            raise TemplateError(path, f"a condition is expected, {condition!r} found")
        ((name, argument),) = condition.items()
        if name == "Condition":
            return self._named(f"{path}.{name}", argument)
        if name not in CONDITION_FUNCTIONS:
            raise TemplateError(f"{path}.{name}", f"one of {', '.join(CONDITION_FUNCTIONS)} is expected")
        parts = operands(f"{path}.{name}", name, argument)
        if name == "Fn::Equals":
            left, right = self._resolver.resolve(f"{path}.{name}", parts)
            return bool(left == right)
        held = [self.hold(f"{path}.{name}[{number}]", part) for number, part in enumerate(parts)]
        return not held[0] if name == "Fn::Not" else all(held) if name == "Fn::And" else any(held)

    def _named(self, path: str, name: Any) -> bool:
        if not isinstance(name, str) or name not in self._declared:
            raise TemplateError(path, f"there is no condition {name!r}")
        if name in self._open:
            raise TemplateError(f"Conditions.{name}", "depends on itself")
        self._open.append(name)
        held = self.hold(f"Conditions.{name}", self._declared[name])
        self._open.pop()
        return held


class Resolver:
    """Resolves the values of one template.

    Args:
        declared: the section Resources, without those that are left out.
        values: parameters and pseudo parameters.
        holds: whether a condition at a path holds, for Fn::If.
    """

    def __init__(
        self, declared: Mapping[str, Any], values: Mapping[str, Any], holds: Callable[[str, Any], bool]
    ) -> None:
        self._declared = declared
        self._values = values
        self._holds = holds
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
        if name in _OF_TEXTS:
            return _OF_TEXTS[name](path, *self._pair(path, self.resolve(path, argument)))
        if name == "Fn::If":
            return self._choice(path, argument)
        raise TemplateError(path, "a function that is not supported here")

    @staticmethod
    def _pair(path: str, argument: Any) -> Sequence[Any]:
        if not isinstance(argument, list) or len(argument) != 2:  # noqa: PLR2004 - a pair
            raise TemplateError(path, f"two items are expected, {argument!r} found")
        return argument

    def _choice(self, path: str, argument: Any) -> Any:
        if not isinstance(argument, list) or len(argument) != 3:  # noqa: PLR2004 - a condition and two values
            raise TemplateError(path, f"a condition and two values are expected, {argument!r} found")
        number = 1 if self._holds(f"{path}[0]", argument[0]) else 2
        return self.resolve(f"{path}[{number}]", argument[number])

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
