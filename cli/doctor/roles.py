"""The functions' roles: whether Function Compute may take them, and what their policies allow."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from local.permissions.policies import FUNCTION_COMPUTE, ROLE_TYPE, Statement, allows
from local.template.document import Resource

from ..services.account import Account
from ..services.errors import NotReadError
from .deployment import Deployment
from .findings import Finding, judged, listed, tried

NAMES = ("roles", "service-linked roles")
SERVICE_ROLES = {
    "AliyunServiceRoleForFC": "fc.aliyuncs.com",
    "AliyunServiceRoleForEventBridgeSendToFC": "sendevent-fc.eventbridge.aliyuncs.com",
}
"""Roles that services take by themselves, and whose they are: EventBridge has one to invoke functions."""


def check(account: Account, deployment: Deployment) -> Iterator[Finding]:
    """Judge the roles."""
    yield tried("roles", lambda: roles(account, deployment))
    yield tried("service-linked roles", lambda: service_roles(account))


def roles(account: Account, deployment: Deployment) -> Finding:
    """Whether each function's role may be taken, and allows what it needs."""
    problems, notes = judgements(account, deployment)
    narrower = f", on fewer resources than the template: {listed(notes)}" if notes else ""
    remedy = "RAM console, Roles: put the policy of the template back; or " + deployment.update
    return judged("roles", problems, remedy, f"each allows what its function needs{narrower}")


def judgements(account: Account, deployment: Deployment) -> tuple[list[str], list[str]]:
    """What is wrong with the roles, and which rights they have on fewer resources than the template.

    Raises:
        NotReadError: a role could not be read.
    """

    def read() -> tuple[list[str], list[str]]:
        problems: list[str] = []
        notes: list[str] = []
        for resource in deployment.of_type(ROLE_TYPE):
            name = str(resource.properties["RoleName"])
            try:
                trust = account.call("ram", "GetRole", role_name=name)["Role"]["AssumeRolePolicyDocument"]
            except NotReadError as error:
                if not error.missing:
                    raise
                problems.append(f"the role {name} is missing")
                continue
            wrongs, narrower = judge_role(
                name, resource, json.loads(unquote(trust)), _policies(account, name)
            )
            problems += wrongs
            notes += narrower
        return problems, notes

    return account.once("roles", read)


def _policies(account: Account, role: str) -> list[Mapping[str, Any]]:
    """The documents of all policies of a role."""
    listing = account.call("ram", "ListPoliciesForRole", role_name=role)
    documents = []
    for policy in (listing.get("Policies") or {}).get("Policy") or ():
        answer = account.call(
            "ram", "GetPolicy", policy_name=policy["PolicyName"], policy_type=policy["PolicyType"]
        )
        documents.append(json.loads(unquote(answer["DefaultPolicyVersion"]["PolicyDocument"])))
    return documents


def judge_role(
    name: str, wanted: Resource, trust: Mapping[str, Any], policies: Iterable[Mapping[str, Any]]
) -> tuple[list[str], list[str]]:
    """What is wrong with a role, and what it allows on fewer resources than the template.

    Args:
        name: of the role.
        wanted: as the template has it.
        trust: who may take it.
        policies: the documents of its policies.
    """
    problems, notes = [], []
    taken_by = [service for each in _list(trust.get("Statement")) for service in _services(each)]
    if FUNCTION_COMPUTE not in taken_by:
        problems.append(f"Function Compute may not take {name}")
    statements, conditional = _statements(name, policies)
    if any(_names(one, "eci:DescribeImageCaches") for one in conditional):
        problems.append(
            f"{name} has a condition on eci:DescribeImageCaches: a listing that it refuses looks empty"
        )
        conditional.append(Statement("Allow", ("eci:DescribeImageCaches",), ("*",)))
    for action, resource in needed(wanted):
        if allows(statements, action, resource):
            continue
        narrower = (
            any(one.effect == "Allow" and _names(one, action) for one in statements) and "*" in resource
        )
        if any(one.effect == "Allow" and _names(one, action) for one in conditional) or narrower:
            notes.append(f"{name} {action}")
        else:
            problems.append(f"{name} does not allow {action} on {resource}")
    return problems, notes


def _statements(name: str, policies: Iterable[Mapping[str, Any]]) -> tuple[list[Statement], list[Statement]]:
    """The statements of policies: those that always hold, and those under a condition.

    Raises:
        NotReadError: one has an element that is not judged here.
    """
    always: list[Statement] = []
    conditional: list[Statement] = []
    for statement in (each for policy in policies for each in _list(policy.get("Statement"))):
        unjudged = {"NotAction", "NotResource"} & set(statement)
        if unjudged:
            why = f"{name} has a statement with {min(unjudged)}, which is not judged here"
            raise NotReadError(why, "The check `rights in use` says what the functions may really do.")
        actions, resources = tuple(_list(statement.get("Action"))), tuple(_list(statement.get("Resource")))
        found = Statement(str(statement.get("Effect")), actions, resources)
        (conditional if statement.get("Condition") else always).append(found)
    return always, conditional


def needed(role: Resource) -> Iterator[tuple[str, str]]:
    """The actions and resources that the template allows."""
    for policy in role.properties.get("Policies") or ():
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Allow":
                for action in _list(statement["Action"]):
                    yield from ((action, resource) for resource in _list(statement["Resource"]))


def service_roles(account: Account) -> Finding:
    """Whether the roles that services take by themselves are there."""
    missing: dict[str, str] = {}
    for name, service in SERVICE_ROLES.items():
        try:
            account.call("ram", "GetRole", role_name=name)
        except NotReadError as error:
            if not error.missing:
                raise
            missing[name] = service
    commands = [
        f"`aliyun resourcemanager CreateServiceLinkedRole --ServiceName {each}`" for each in missing.values()
    ]
    problems = [f"{name} is missing, which {service} needs" for name, service in missing.items()]
    return judged(
        "service-linked roles", problems, ", ".join(commands), f"all {len(SERVICE_ROLES)} are there"
    )


def _allowed_somewhere(statements: Iterable[Statement], action: str) -> bool:
    return any(one.effect == "Allow" and _names(one, action) for one in statements)


def _names(statement: Statement, action: str) -> bool:
    return Statement(statement.effect, statement.actions, ("*",)).covers(action, "*")


def _services(statement: Mapping[str, Any]) -> Sequence[str]:
    principal = statement.get("Principal") or {}
    return _list(principal.get("Service")) if statement.get("Effect") == "Allow" else []


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
