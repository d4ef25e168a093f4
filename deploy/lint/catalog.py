"""Resource types as the vendor lists them: their properties with types and limits, and their attributes.

The list is the vendor's own generated source (``wheels``): of each structure it holds a checker, with types
and limits, and a renderer, with the keys as a template has them. Of these, only the fixed forms that a
generator writes are read; a line of another form is an error, so that no rule is passed over in silence. Must
not know templates.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from .wheels import SERVICES, CatalogError, distribution_name, generated_source

__all__ = ["Kind", "PropertyRule", "ResourceType", "read_types"]

_CHECKER = re.compile(r"^function (\w+)Validator\(properties\) \{\n(.*?)^\}$", re.MULTILINE | re.DOTALL)
_RENDERER = re.compile(
    r"^function (\w+)ToRosTemplate\(properties[^\n]*\{\n(.*?)^\}$", re.MULTILINE | re.DOTALL
)
_RESOURCE = re.compile(r'^(\w+)\.ROS_RESOURCE_TYPE_NAME = "([^"]+)";$', re.MULTILINE)
_ATTRIBUTE = re.compile(r"this\.getAtt\('([^']+)'\)")
_RULE = re.compile(
    r"errors\.collect\(ros\.propertyValidator\('(\w+)', (.+?)\)\((?:properties\.\w+\)|\{(.*?)\}\))\);",
    re.DOTALL,
)
_KEY = re.compile(r"^        '([^']+)': (.+)\(properties\.(\w+)\),$", re.MULTILINE)
_LIMIT = re.compile(r"(min|max|allowedValues|reg): (.+?),?$", re.MULTILINE)
_SCALARS = {
    "ros.validateString": "text",
    "ros.validateNumber": "number",
    "ros.validateBoolean": "boolean",
    "ros.validateAny": "any",
    "ros.validateAnyDict": "mapping",
}
_WRAPPED = re.compile(r"ros\.(list|hash)Validator\((.+)\)")


@dataclass(frozen=True)
class Kind:
    """The type of a value.

    Attributes:
        name: ``text``, ``number``, ``boolean``, ``any``, ``list``, ``mapping`` (any keys) or ``structure``.
        element: of what a list's items or a mapping's values are.
        properties: of a structure, by key.
    """

    name: str
    element: Kind | None = None
    properties: Mapping[str, PropertyRule] = field(default_factory=dict)


@dataclass(frozen=True)
class PropertyRule:
    """What one property may be.

    Attributes:
        kind: its type.
        required: whether it must be there.
        least: the smallest number, or None.
        most: the largest number, or None.
        shortest: the least length of a text or a list, or None.
        longest: the greatest length of a text or a list, or None.
        allowed: the only values, or None.
        pattern: what a text must hold, or None.
    """

    kind: Kind
    required: bool = False
    least: float | None = None
    most: float | None = None
    shortest: float | None = None
    longest: float | None = None
    allowed: tuple[Any, ...] | None = None
    pattern: str | None = None


@dataclass(frozen=True)
class ResourceType:
    """A resource type: the structure of its properties, and what Fn::GetAtt may ask for."""

    name: str
    kind: Kind
    attributes: frozenset[str]


def read_types(names: Iterable[str]) -> dict[str, ResourceType]:
    """Read resource types; those that no list has are left out.

    Args:
        names: such as ``ALIYUN::FC3::Function``.

    Raises:
        CatalogError: a package is not installed, or is not of the form that is known.
    """
    wanted: dict[str, set[str]] = {}
    for name in names:
        vendor, _, rest = name.partition("::")
        service = rest.partition("::")[0]
        if vendor == "ALIYUN" and service in SERVICES:
            wanted.setdefault(distribution_name(service), set()).add(name)
    types = {}
    for package in sorted(wanted):
        known = wanted[package] & _source(package).classes.keys()
        types.update({name: _resource_type(package, name) for name in known})
    return types


@cache
def _resource_type(package: str, name: str) -> ResourceType:
    return _source(package).resource_type(name)


@cache
def _source(package: str) -> _Source:
    return _Source(package, generated_source(package))


class _Source:
    """The generated text of one package, cut into its functions."""

    def __init__(self, package: str, text: str) -> None:
        self.package = package
        self._text = text
        self._checkers = {match[1]: match[2] for match in _CHECKER.finditer(text)}
        self._renderers = {match[1]: match[2] for match in _RENDERER.finditer(text)}
        self.classes = {match[2]: match[1] for match in _RESOURCE.finditer(text)}

    def resource_type(self, name: str) -> ResourceType:
        class_name = self.classes[name]
        begin = self._text.index(f"class {class_name} extends ")
        body = self._text[begin : self._text.index(f"{class_name}.ROS_RESOURCE_TYPE_NAME = ", begin)]
        kind = self._structure(f"{class_name}Props", f"{class_name[0].lower()}{class_name[1:]}Props")
        return ResourceType(name, kind, frozenset(_ATTRIBUTE.findall(body)))

    def _structure(self, checker: str, renderer: str) -> Kind:
        rules: dict[str, PropertyRule] = {}
        body = self._function(self._checkers, checker)
        found = _RULE.findall(body)
        if len(found) != body.count("errors.collect("):
            raise self._strange(checker)
        rendered = _KEY.findall(self._function(self._renderers, renderer))
        renderers = {name: re.sub(r"^ros\.\w+\((\w+)\)$", r"\1", call) for _, call, name in rendered}
        for name, check, limits in found:
            rule = rules.get(name, PropertyRule(Kind("any")))
            rules[name] = self._extended(rule, check, limits, renderers.get(name, ""))
        if set(rules) != set(renderers):
            raise self._strange(renderer)
        return Kind("structure", properties={key: rules[name] for key, _, name in rendered})

    def _extended(self, rule: PropertyRule, check: str, limits: str, renderer: str) -> PropertyRule:
        """The rule with what one line of a checker says."""
        given = dict(_LIMIT.findall(limits))
        if check == "ros.requiredValidator":
            return replace(rule, required=True)
        if check == "ros.validateRange":
            return replace(rule, least=_number(given["min"]), most=_number(given["max"]))
        if check == "ros.validateLength":
            return replace(rule, shortest=_number(given["min"]), longest=_number(given["max"]))
        if check == "ros.validateAllowedValues":
            return replace(rule, allowed=tuple(json.loads(given["allowedValues"])))
        if check == "ros.validateAllowedPattern":
            # There, `$` is the end of the text alone.
            return replace(rule, pattern=re.sub(r"\$$", r"\\Z", given["reg"].strip("/")))
        return replace(rule, kind=self._kind(check, renderer))

    def _kind(self, check: str, renderer: str) -> Kind:
        if check in _SCALARS:
            return Kind(_SCALARS[check])
        wrapped = _WRAPPED.fullmatch(check)
        if wrapped is not None:
            return Kind({"list": "list", "hash": "mapping"}[wrapped[1]], self._kind(wrapped[2], renderer))
        if not check.endswith("Validator") or not renderer.endswith("ToRosTemplate"):
            raise self._strange(check)
        return self._structure(check.removesuffix("Validator"), renderer.removesuffix("ToRosTemplate"))

    def _function(self, functions: Mapping[str, str], name: str) -> str:
        if name not in functions:
            raise self._strange(name)
        return functions[name]

    def _strange(self, name: str) -> CatalogError:
        return CatalogError(f"the package {self.package} has a form that is not known, in {name}")


def _number(text: str) -> float | None:
    return None if text == "undefined" else float(text)
