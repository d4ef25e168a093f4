"""Checks that each function has a role of its own that allows what it needs and nothing else.

What is needed is said by ``deploy.rights``, with and without the condition that it names. A right that is
needed under the condition only may be denied without it, by the same statement. Image caches are those of the
stack's own region where no others are given. Must not know other
properties of functions.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from deploy.rights import READS_REGISTRIES, SEVERAL_REGIONS, Right, needed_rights, registry_rights

from .document import Document, Resource
from .problems import Problem
from .values import ACCOUNT, REGION, View

__all__ = ["check_roles"]

_FUNCTION, _ROLE = "ALIYUN::FC3::Function", "ALIYUN::RAM::Role"
_TRUST = [
    {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": ["fc.aliyuncs.com"]}},
]
_STATEMENT_KEYS = {"Effect", "Action", "Resource"}


class _Needs(NamedTuple):
    """Actions with their resources: what must be allowed and nothing else may, and what may be denied."""

    allowed: frozenset[tuple[str, str]]
    deniable: frozenset[tuple[str, str]]


def check_roles(document: Document, with_destination: frozenset[str]) -> Iterator[Problem]:
    """Check the roles of all functions.

    Args:
        document: the template.
        with_destination: the logical ids of the functions whose failed events go into the queue.
    """
    users: dict[str, str] = {}
    for function in document.of_type(_FUNCTION):
        path = f"{function.path}.Properties.Role"
        role = _role(document, function)
        if role is None:
            yield Problem(path, f"Fn::GetAtt with the Arn of a {_ROLE} of this template is expected")
            continue
        if role.logical_id in users:
            yield Problem(path, f"a role of its own is expected, {users[role.logical_id]} has this one too")
        users.setdefault(role.logical_id, function.logical_id)
        has_destination = function.logical_id in with_destination
        for reads in (True, False):
            view = View(document, first=True, but={READS_REGISTRIES: reads, SEVERAL_REGIONS: False})
            needs = _needs(view, function, has_destination=has_destination, reads_registries=reads)
            yield from _check_role(view, role, needs)
    for role in document.of_type(_ROLE):
        if role.logical_id not in users:
            yield Problem(role.path, "no function has this role")


def _role(document: Document, function: Resource) -> Resource | None:
    node = function.properties.get("Role")
    name, attribute = node.get("Fn::GetAtt", ("", "")) if isinstance(node, dict) else ("", "")
    role = document.resources.get(name)
    return role if attribute == "Arn" and role is not None and role.type == _ROLE else None


def _needs(view: View, function: Resource, *, has_destination: bool, reads_registries: bool) -> _Needs | None:
    """What a function needs, by its handler; None if that is none, which is told with the function."""
    module = str(function.properties.get("Handler", "")).partition(".")[0]

    def pairs(rights: frozenset[Right]) -> frozenset[tuple[str, str]]:
        prefix = str(view.values.get("NamePrefix", ""))
        return frozenset(right.on(region=REGION, account=ACCOUNT, prefix=prefix) for right in rights)

    try:
        allowed = needed_rights(module, has_destination=has_destination, reads_registries=reads_registries)
        return _Needs(pairs(allowed), frozenset() if reads_registries else pairs(registry_rights(module)))
    except KeyError:
        return None


def _check_role(view: View, role: Resource, needs: _Needs | None) -> Iterator[Problem]:
    path = f"{role.path}.Properties"
    properties = view.properties(role)
    if _statements(properties.get("AssumeRolePolicyDocument")) != _TRUST:
        yield Problem(f"{path}.AssumeRolePolicyDocument", "only fc.aliyuncs.com may assume this role")
    if "PolicyAttachments" in properties:
        yield Problem(f"{path}.PolicyAttachments", "allows more than the function needs")
    if needs is None:
        return
    granted: set[tuple[str, str]] = set()
    for place, statement in _placed_statements(f"{path}.Policies", properties.get("Policies")):
        yield from _check_statement(place, statement, needs)
        if statement.get("Effect") == "Allow":
            granted |= _pairs(statement)
    for action, resource in sorted(needs.allowed - granted):
        yield Problem(f"{path}.Policies", f"a right is missing: {action} on {resource}")


def _check_statement(path: str, statement: Mapping[str, Any], needs: _Needs) -> Iterator[Problem]:
    for key in statement:
        if key not in _STATEMENT_KEYS:
            yield Problem(f"{path}.{key}", "Effect, Action and Resource say all that is needed")
    if statement.get("Effect") == "Deny" and _pairs(statement) <= needs.deniable:
        return
    if statement.get("Effect") != "Allow":
        yield Problem(f"{path}.Effect", f"Allow is expected, {statement.get('Effect')!r} found")
    actions, resources = _listed(statement.get("Action")), _listed(statement.get("Resource"))
    for number, action in enumerate(actions):
        place = f"{path}.Action[{number}]" if isinstance(statement["Action"], list) else f"{path}.Action"
        wanted = {resource for needed_action, resource in needs.allowed if needed_action == action}
        if not wanted:
            unless = f" unless {READS_REGISTRIES} holds" if action in dict(needs.deniable) else ""
            yield Problem(place, f"a right too many: the function does not need {action}{unless}")
            continue
        for position, resource in enumerate(resources):
            if resource not in wanted:
                expected = " or ".join(sorted(wanted))
                yield Problem(
                    f"{path}.Resource[{position}]", f"too wide or wrong for {action}: {expected} is needed"
                )


def _pairs(statement: Mapping[str, Any]) -> set[tuple[Any, Any]]:
    """Each action of a statement on each of its resources."""
    return set(itertools.product(_listed(statement.get("Action")), _listed(statement.get("Resource"))))


def _placed_statements(path: str, policies: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number, policy in enumerate(policies if isinstance(policies, list) else []):
        document = policy.get("PolicyDocument") if isinstance(policy, dict) else None
        for position, statement in enumerate(_statements(document)):
            if isinstance(statement, dict):
                yield f"{path}[{number}].PolicyDocument.Statement[{position}]", statement


def _statements(document: Any) -> list[Any]:
    statements = document.get("Statement") if isinstance(document, dict) else None
    return statements if isinstance(statements, list) else []


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
