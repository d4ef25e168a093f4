"""The stack: its state, what was changed beside it, and whether all of it is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from local.template.document import Resource

from ..services.account import Account
from .deployment import Deployment
from .findings import Finding, judged, ok, unknown, wrong

NAMES = ("stack", "drift", "resources")
_GOOD = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_CREATE_COMPLETE", "CHECK_COMPLETE"})


def check(account: Account, deployment: Deployment) -> Iterator[Finding]:
    """Judge the stack."""
    stack = deployment.stack
    yield state(stack, deployment.update)
    drifts: list[Mapping[str, Any]] = []
    if stack.get("StackDriftStatus") == "DRIFTED":
        answer = account.call(
            "ros", "ListStackResourceDrifts", region_id=account.region, stack_id=stack.get("StackId")
        )
        drifts = [
            row
            for row in answer.get("ResourceDrifts") or ()
            if row.get("ResourceDriftStatus") in {"MODIFIED", "DELETED"}
        ]
    yield drift(stack, drifts, account.region, deployment.update)
    yield resources(deployment.wanted, deployment.made, deployment.update)


def state(stack: Mapping[str, Any], update: str) -> Finding:
    """Whether the last thing that was done to the stack ended well."""
    status, reason = str(stack.get("Status", "")), str(stack.get("StatusReason") or "")
    if status in _GOOD:
        return ok("stack", f"{stack.get('StackName')} is {status}")
    if status.endswith("_IN_PROGRESS"):
        return unknown("stack", f"{stack.get('StackName')} is {status}", "Run this again when it has ended.")
    return wrong("stack", f"{stack.get('StackName')} is {status}: {reason[:200]}", update)


def drift(stack: Mapping[str, Any], drifts: Iterable[Mapping[str, Any]], region: str, update: str) -> Finding:
    """Whether anybody changed a resource beside the stack, as the last detection has it."""
    status = stack.get("StackDriftStatus")
    if status == "DRIFTED":
        problems = [
            f"{row.get('LogicalResourceId')} was {row['ResourceDriftStatus'].lower()}" for row in drifts
        ]
        problems = problems or ["a resource was changed beside the stack"]
        return judged("drift", problems, f"Undo it in the ROS console (stack, tab Drift), or {update}.", "")
    if status == "IN_SYNC":
        return ok("drift", f"nothing was changed beside the stack ({stack.get('DriftDetectionTime')})")
    command = f"aliyun ros DetectStackDrift --RegionId {region} --StackId {stack.get('StackId')}"
    return unknown("drift", "it was never looked for", f"`{command}`, then run this again.")


def resources(wanted: Mapping[str, Resource], made: Mapping[str, Mapping[str, Any]], update: str) -> Finding:
    """Whether the stack has what the template of this checkout wants, and no more."""
    problems = [f"{name} is missing" for name in wanted if name not in made]
    problems += [f"{name} is not of this checkout's template" for name in made if name not in wanted]
    problems += [
        f"{name} is {row.get('Status')}"
        for name, row in made.items()
        if name in wanted and not str(row.get("Status", "")).endswith("_COMPLETE")
    ]
    return judged("resources", problems, update, f"all {len(wanted)} are there")
