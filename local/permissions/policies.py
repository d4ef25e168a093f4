"""Policies of RAM: what a role's statements allow, and what a template says about roles.

Vendor pages "Policy elements" and "Policy structure and syntax": an action or resource may hold ``*`` (any
characters) and ``?`` (one), a Deny wins over every Allow, and what no statement allows is denied. The names
of actions are compared without regard to case, which the vendor says for most services. Conditions and the
negated elements are not supported: a template that has them is refused, as ignoring them would allow too
much. Must not know who asks, nor for what.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..template.document import Resource, TemplateError
from ..template.properties import take

__all__ = ["Role", "Statement", "allows", "read_role", "read_statements", "role_of_function"]

ROLE_TYPE = "ALIYUN::RAM::Role"
FUNCTION_COMPUTE = "fc.aliyuncs.com"
_VERSION = "1"
_REFERENCE = re.compile(r"local:(?P<logical_id>[^.]+)\.Arn")


@dataclass(frozen=True)
class Statement:
    """One statement of a policy.

    Attributes:
        effect: ``Allow`` or ``Deny``.
        actions: patterns of actions, such as ``eci:Describe*``.
        resources: patterns of resources, such as ``acs:eci:*:*:imagecache/*``.
    """

    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]

    def covers(self, action: str, resource: str) -> bool:
        """Whether it is about this action on this resource."""
        named = any(_matches(pattern, action, re.IGNORECASE) for pattern in self.actions)
        return named and any(_matches(pattern, resource) for pattern in self.resources)


@dataclass(frozen=True)
class Role:
    """A role that Function Compute may take.

    Attributes:
        logical_id: its name in the template.
        statements: of all its policies.
    """

    logical_id: str
    statements: tuple[Statement, ...]


def allows(statements: Iterable[Statement], action: str, resource: str) -> bool:
    """Whether statements allow an action on a resource."""
    effects = {one.effect for one in statements if one.covers(action, resource)}
    return effects == {"Allow"}


def role_of_function(function: Resource, resources: Iterable[Resource]) -> Role | None:
    """The role of a function; None when it has none.

    Args:
        function: of the type ALIYUN::FC3::Function.
        resources: all of the template, among them the role.

    Raises:
        TemplateError: the role is not in the template, or cannot be used here.
    """
    reference = take(function.path, function.properties, "Role", str, "")
    if not reference:
        return None
    match = _REFERENCE.fullmatch(reference)
    roles = {one.logical_id: one for one in resources if one.type == ROLE_TYPE}
    if match is None or match["logical_id"] not in roles:
        raise TemplateError(
            f"{function.path}.Role",
            f"the Arn of a role of this template is expected, as no other is known here, {reference!r} found",
        )
    return read_role(roles[match["logical_id"]])


def read_role(resource: Resource) -> Role:
    """Read a resource of the type ALIYUN::RAM::Role.

    Raises:
        TemplateError: Function Compute may not take it, or a policy cannot be used here.
    """
    path, properties = resource.path, resource.properties
    trust = take(path, properties, "AssumeRolePolicyDocument", dict)
    if not _trusted(f"{path}.AssumeRolePolicyDocument", trust):
        raise TemplateError(
            f"{path}.AssumeRolePolicyDocument", f"no statement lets {FUNCTION_COMPUTE} take the role"
        )
    if properties.get("PolicyAttachments"):
        raise TemplateError(
            f"{path}.PolicyAttachments", "only policies that are written out in Policies are supported here"
        )
    statements: list[Statement] = []
    for number, policy in enumerate(take(path, properties, "Policies", list, [])):
        at = f"{path}.Policies[{number}]"
        if not isinstance(policy, dict):
            raise TemplateError(at, f"a mapping is expected, {type(policy).__name__} found")
        statements += read_statements(f"{at}.PolicyDocument", take(at, policy, "PolicyDocument", dict))
    return Role(resource.logical_id, tuple(statements))


def read_statements(path: str, document: Mapping[str, Any]) -> list[Statement]:
    """Read a policy document.

    Raises:
        TemplateError: something is missing, wrong or not supported here.
    """
    statements = []
    for at, statement in _statements(path, document):
        unknown = sorted(set(statement) - {"Effect", "Action", "Resource"})
        if unknown:
            raise TemplateError(f"{at}.{unknown[0]}", "an element that is not supported here")
        statements.append(
            Statement(
                _effect(at, statement), _texts(at, statement, "Action"), _texts(at, statement, "Resource")
            )
        )
    return statements


def _statements(path: str, document: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    version = document.get("Version")
    if version != _VERSION:
        raise TemplateError(f"{path}.Version", f"the text {_VERSION!r} is expected, {version!r} found")
    listed: list[tuple[str, Mapping[str, Any]]] = []
    for number, statement in enumerate(take(path, document, "Statement", list)):
        at = f"{path}.Statement[{number}]"
        if not isinstance(statement, dict):
            raise TemplateError(at, f"a mapping is expected, {type(statement).__name__} found")
        listed.append((at, statement))
    return listed


def _trusted(path: str, document: Mapping[str, Any]) -> bool:
    trusted = False
    for at, statement in _statements(path, document):
        if "Condition" in statement:
            raise TemplateError(f"{at}.Condition", "an element that is not supported here")
        principal = take(at, statement, "Principal", dict)
        services = _texts(f"{at}.Principal", principal, "Service") if "Service" in principal else ()
        assumes = Statement(_effect(at, statement), _texts(at, statement, "Action"), ("*",))
        if FUNCTION_COMPUTE in services and assumes.covers("sts:AssumeRole", ""):
            if assumes.effect == "Deny":
                return False
            trusted = True
    return trusted


def _effect(path: str, statement: Mapping[str, Any]) -> str:
    effect: str = take(path, statement, "Effect", str)
    if effect not in {"Allow", "Deny"}:
        raise TemplateError(f"{path}.Effect", f"Allow or Deny is expected, {effect!r} found")
    return effect


def _texts(path: str, members: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """A list of texts; a text alone is a list of one."""
    value = members.get(name)
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(one, str) for one in texts):
        raise TemplateError(f"{path}.{name}", f"a text or a list of texts is expected, {value!r} found")
    return tuple(texts)


def _matches(pattern: str, text: str, flags: int = 0) -> bool:
    wildcards = {"*": ".*", "?": "."}
    expression = "".join(wildcards.get(character) or re.escape(character) for character in pattern)
    return re.fullmatch(expression, text, flags | re.DOTALL) is not None
