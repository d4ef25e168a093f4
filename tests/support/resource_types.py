"""Turns the vendor's property lists into the JSON Schema that ``deploy/lint`` has: ``make resource-types``.

Done once for each version of the lists (requirements-ros.txt); a test holds the result against them. A list
is generated source text inside a package, which is read as data: to import it would take a JavaScript
runtime. Of each structure it holds a checker, with types and limits, and a renderer, with the keys as a
template has them. Only the fixed forms that a generator writes are read; another form is an error, so that no
rule is passed over in silence.
"""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterable, Mapping
from functools import cached_property
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from local.template.document import parse_template

__all__ = ["SCHEMA", "ListError", "resource_types", "schema_text"]

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "deploy/lint/resource-types.schema.json"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_INLINE_MAP = "//# sourceMappingURL"
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
_WRAPPED = re.compile(r"ros\.(list|hash)Validator\((.+)\)")
_SCALARS: Mapping[str, dict[str, Any]] = {
    "ros.validateString": {"type": "string"},
    "ros.validateNumber": {"type": "number"},
    "ros.validateBoolean": {"type": "boolean"},
    "ros.validateAny": {},
    "ros.validateAnyDict": {"type": "object"},
}


class ListError(RuntimeError):
    """Raised when a property list is not installed, or is not of the form that is known."""


def resource_types(names: Iterable[str]) -> dict[str, Any]:
    """The schema of the properties of each resource type, and the attributes that Fn::GetAtt may ask for.

    Args:
        names: such as ``ALIYUN::FC3::Function``.

    Raises:
        ListError: a list is not installed, is of another form or does not have a name.
    """
    sources: dict[str, _Source] = {}
    types = {}
    for name in sorted(set(names)):
        package = f"ros-cdk-{name.split('::')[1].lower()}"
        sources.setdefault(package, _Source(package))
        types[name] = sources[package].resource_type(name)
    return {"$schema": _DIALECT, "$defs": types}


class _Source:
    """The generated text of one package."""

    def __init__(self, package: str) -> None:
        self.package = package
        try:
            found = distribution(package)
            (archive,) = [file for file in found.files or () if file.name.endswith(".tgz")]
            with tarfile.open(str(archive.locate())) as opened:
                name = f"package/lib/{package.removeprefix('ros-cdk-')}.generated.js"
                text = opened.extractfile(name).read().decode()  # type: ignore[union-attr]  # it is a file
        except PackageNotFoundError:
            raise ListError(f"the package {package} is not installed: run `make env`") from None
        # Most of the file is a copy of itself for debuggers, in a comment.
        self._text = text.partition(_INLINE_MAP)[0]

    @cached_property
    def _checkers(self) -> dict[str, str]:
        return {match[1]: match[2] for match in _CHECKER.finditer(self._text)}

    @cached_property
    def _renderers(self) -> dict[str, str]:
        return {match[1]: match[2] for match in _RENDERER.finditer(self._text)}

    def resource_type(self, name: str) -> dict[str, Any]:
        classes = {match[2]: match[1] for match in _RESOURCE.finditer(self._text)}
        if name not in classes:
            raise self._strange(name)
        begin = self._text.index(f"class {classes[name]} extends ")
        body = self._text[begin : self._text.index(f"{classes[name]}.ROS_RESOURCE_TYPE_NAME = ", begin)]
        props = f"{classes[name]}Props"
        schema = self._structure(props, f"{props[0].lower()}{props[1:]}")
        return {"attributes": sorted(set(_ATTRIBUTE.findall(body))), **schema}

    def _structure(self, checker: str, renderer: str) -> dict[str, Any]:
        if checker not in self._checkers or renderer not in self._renderers:
            raise self._strange(checker)
        found = _RULE.findall(self._checkers[checker])
        keys = {name: (key, call) for key, call, name in _KEY.findall(self._renderers[renderer])}
        if len(found) != self._checkers[checker].count("errors.collect(") or {one[0] for one in found} != set(
            keys
        ):
            raise self._strange(checker)
        properties: dict[str, dict[str, Any]] = {key: {} for key, _ in keys.values()}
        required = []
        for name, check, limits in found:
            key, call = keys[name]
            if check == "ros.requiredValidator":
                required.append(key)
            else:
                renders = re.sub(r"^ros\.\w+\((\w+)\)$", r"\1", call)
                properties[key] |= self._rule(check, dict(_LIMIT.findall(limits)), renders)
        return {
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        }

    def _rule(self, check: str, limits: Mapping[str, str], renderer: str) -> dict[str, Any]:
        """What one line of a checker says."""
        if check in {"ros.validateRange", "ros.validateLength"}:
            # A length is that of a text or a list, whichever it is.
            names: dict[str, tuple[str, ...]] = {"min": ("minimum",), "max": ("maximum",)}
            if check == "ros.validateLength":
                names = {"min": ("minLength", "minItems"), "max": ("maxLength", "maxItems")}
            given = {end: json.loads(text) for end, text in limits.items() if text != "undefined"}
            return {name: given[end] for end in given for name in names[end]}
        if check == "ros.validateAllowedValues":
            return {"enum": json.loads(limits["allowedValues"])}
        if check == "ros.validateAllowedPattern":
            return {"pattern": limits["reg"].strip("/")}
        return self._type(check, renderer)

    def _type(self, check: str, renderer: str) -> dict[str, Any]:
        if check in _SCALARS:
            return dict(_SCALARS[check])
        if wrapped := _WRAPPED.fullmatch(check):
            inner = self._type(wrapped[2], renderer)
            if wrapped[1] == "list":
                return {"type": "array", "items": inner}
            return {"type": "object", "additionalProperties": inner}
        if not check.endswith("Validator") or not renderer.endswith("ToRosTemplate"):
            raise self._strange(check)
        return self._structure(check.removesuffix("Validator"), renderer.removesuffix("ToRosTemplate"))

    def _strange(self, name: str) -> ListError:
        return ListError(f"the package {self.package} has a form that is not known, in {name}")


def schema_text() -> str:
    """The schema of all types that the template has."""
    document, _ = parse_template(ROOT / "template.yml")
    names = {str(resource["Type"]) for resource in document["Resources"].values()}
    return json.dumps(resource_types(names), indent=1) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(schema_text(), encoding="utf-8")
