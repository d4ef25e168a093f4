"""A template as it is written, cut into its sections; what is malformed in itself is told here and left out.

The other checks can then rely on the outer form. Must not know resource types or values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.template.document import FORMAT_VERSION, SECTIONS, parse_template

from .problems import Problem

__all__ = ["Document", "Resource", "read_document"]

_RESOURCE_KEYS = ("Type", "Properties", "Condition", "DependsOn", "DeletionPolicy", "Metadata")
_OUTPUT_KEYS = ("Description", "Condition", "Value", "Label", "NoEcho")


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
    depends_on: Any

    @property
    def path(self) -> str:
        """Where it is."""
        return f"Resources.{self.logical_id}"


@dataclass(frozen=True)
class Document:
    """A template's sections, and what was wrong with their outer form.

    Attributes:
        raw: all that was read.
        problems: of the outer form.
    """

    raw: Mapping[str, Any]
    parameters: Mapping[str, Mapping[str, Any]]
    conditions: Mapping[str, Any]
    resources: Mapping[str, Resource]
    outputs: Mapping[str, Mapping[str, Any]]
    problems: list[Problem] = field(default_factory=list)

    def of_type(self, name: str) -> list[Resource]:
        """The resources of one type."""
        return [one for one in self.resources.values() if one.type == name]


def read_document(path: Path) -> Document:
    """Read a template.

    Raises:
        TemplateError: it is no YAML, or no mapping.
        OSError: it cannot be read.
    """
    raw, repeated = parse_template(path)
    problems = [Problem(error.path, error.problem) for error in repeated]
    problems.extend(_sections(raw))
    declared = _members(raw, "Resources", problems)
    return Document(
        raw=raw,
        parameters=_members(raw, "Parameters", problems),
        conditions=_section(raw, "Conditions", problems),
        resources={
            name: resource for name, one in declared.items() if (resource := _resource(name, one, problems))
        },
        outputs=_outputs(_members(raw, "Outputs", problems), problems),
        problems=problems,
    )


def _sections(raw: Mapping[str, Any]) -> Iterator[Problem]:
    version = raw.get("ROSTemplateFormatVersion")
    if str(version) != FORMAT_VERSION:
        yield Problem("ROSTemplateFormatVersion", f"{FORMAT_VERSION} is expected, {version!r} found")
    for name in raw:
        if name not in SECTIONS:
            yield Problem(str(name), f"no section has this name; known are {', '.join(SECTIONS)}")
    if not raw.get("Resources"):
        yield Problem("Resources", "at least one resource is expected")


def _section(raw: Mapping[str, Any], name: str, problems: list[Problem]) -> Mapping[str, Any]:
    section = raw.get(name) or {}
    if isinstance(section, dict):
        return section
    problems.append(Problem(name, f"a mapping is expected, {type(section).__name__} found"))
    return {}


def _members(raw: Mapping[str, Any], name: str, problems: list[Problem]) -> dict[str, Mapping[str, Any]]:
    members: dict[str, Mapping[str, Any]] = {}
    for member, declaration in _section(raw, name, problems).items():
        if isinstance(declaration, dict):
            members[str(member)] = declaration
        else:
            found = type(declaration).__name__
            problems.append(Problem(f"{name}.{member}", f"a mapping is expected, {found} found"))
    return members


def _resource(name: str, declaration: Mapping[str, Any], problems: list[Problem]) -> Resource | None:
    path = f"Resources.{name}"
    problems.extend(
        Problem(f"{path}.{key}", f"no key of a resource; known are {', '.join(_RESOURCE_KEYS)}")
        for key in declaration
        if key not in _RESOURCE_KEYS
    )
    kind, properties = declaration.get("Type"), declaration.get("Properties", {})
    if not isinstance(kind, str):
        problems.append(Problem(f"{path}.Type", f"a text is expected, {kind!r} found"))
        return None
    if not isinstance(properties, dict):
        found = type(properties).__name__
        problems.append(Problem(f"{path}.Properties", f"a mapping is expected, {found} found"))
        properties = {}
    return Resource(name, kind, properties, declaration.get("Condition"), declaration.get("DependsOn", []))


def _outputs(declared: dict[str, Mapping[str, Any]], problems: list[Problem]) -> dict[str, Mapping[str, Any]]:
    for name, declaration in declared.items():
        path = f"Outputs.{name}"
        if "Value" not in declaration:
            problems.append(Problem(f"{path}.Value", "is missing"))
        problems.extend(
            Problem(f"{path}.{key}", f"no key of an output; known are {', '.join(_OUTPUT_KEYS)}")
            for key in declaration
            if key not in _OUTPUT_KEYS
        )
    return declared
