"""A template as it is written, cut into its sections, and whether its form is that of a template.

The other checks rely on the form. Must not know resource types or values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.template.document import parse_template

from .problems import Problem
from .schemas import breaches, read_schema

__all__ = ["Document", "Resource", "form_problems", "read_document"]

_FORM = Path(__file__).with_name("template.schema.json")


@dataclass(frozen=True)
class Resource:
    """A resource as it is written.

    Attributes:
        logical_id: its name in the template.
        type: such as ``ALIYUN::FC3::Function``.
        properties: with their functions unresolved.
        condition: the name of a condition, or a condition, or None.
        depends_on: the logical ids that are named.
    """

    logical_id: str
    type: str
    properties: Mapping[str, Any]
    condition: Any
    depends_on: tuple[str, ...]

    @property
    def path(self) -> str:
        """Where it is."""
        return f"Resources.{self.logical_id}"


@dataclass(frozen=True)
class Document:
    """A template's sections; all is of the right form.

    Attributes:
        raw: all that was read.
    """

    raw: Mapping[str, Any]
    parameters: Mapping[str, Mapping[str, Any]]
    conditions: Mapping[str, Any]
    resources: Mapping[str, Resource]
    outputs: Mapping[str, Mapping[str, Any]]

    def of_type(self, name: str) -> list[Resource]:
        """The resources of one type."""
        return [one for one in self.resources.values() if one.type == name]


def form_problems(path: Path) -> tuple[Mapping[str, Any], list[Problem]]:
    """Read a template; returns it, and what is wrong with its form.

    Raises:
        TemplateError: it is no YAML, or no mapping.
        OSError: it cannot be read.
    """
    raw, repeated = parse_template(path)
    problems = [Problem(error.path, error.problem) for error in repeated]
    wrong = [
        # The document has no name of its own in a path.
        Problem(problem.path.removeprefix("."), problem.message)
        for problem in breaches("", raw, read_schema(_FORM))
    ]
    return raw, problems + wrong


def read_document(raw: Mapping[str, Any]) -> Document:
    """The sections of a template whose form is right."""
    resources = {}
    for name, one in raw["Resources"].items():
        named = one.get("DependsOn", [])
        depends_on = (named,) if isinstance(named, str) else tuple(named)
        properties = one.get("Properties", {})
        resources[name] = Resource(name, one["Type"], properties, one.get("Condition"), depends_on)
    return Document(
        raw, raw.get("Parameters", {}), raw.get("Conditions", {}), resources, raw.get("Outputs", {})
    )
