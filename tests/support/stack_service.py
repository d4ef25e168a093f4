"""A Resource Orchestration Service in memory: stacks and change sets that take their time, and can fail.

Time is virtual: it goes on when somebody sleeps. What no page of the vendor says is a switch.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from local.template.document import Resource, TemplateError, load_template, parse_template

REGION, ACCOUNT = "cn-hangzhou", "1234567890123456"
NAMES = ("FunctionName", "QueueName", "RoleName", "Name", "LogstoreName")
CONFIGURATIONS = {
    "ALIYUN::FC3::AsyncInvokeConfig": "async-invoke-config",
    "ALIYUN::FC3::ConcurrencyConfig": "concurrency",
}
SECONDS_OF_A_STACK, SECONDS_OF_A_CHANGE_SET = 95, 12


class CloudError(Exception):
    """Raised when the cloud refuses; ``str`` is the error's code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


@dataclass
class Switches:
    """What is not known of the vendor's service, one way or the other.

    Attributes:
        no_change: what becomes of a change set without a change: ``refused``, ``empty`` or ``failed``.
        deletes_last: whether a replacement makes the new resource before it deletes the old one.
        forgets: whether a deleted stack is not found any more.
    """

    no_change: str = "refused"
    deletes_last: bool = True
    forgets: bool = False


@dataclass
class Stack:
    """A stack; ``steps`` are what is still to happen to it, each with its time."""

    stack_id: str
    name: str
    template: str
    parameters: dict[str, str]
    status: str
    reason: str
    updated: str | None = None
    resources: dict[str, dict[str, str]] = field(default_factory=dict)
    events: list[dict[str, str]] = field(default_factory=list)
    steps: list[tuple[datetime, Callable[[], None]]] = field(default_factory=list)


@dataclass
class ChangeSet:
    """A change set; it is ready at a time."""

    change_set_id: str
    name: str
    stack: Stack
    template: str
    parameters: dict[str, str]
    replaces: bool
    ready: datetime
    changes: list[dict[str, Any]]


class StackService:
    """The service, and what the stacks have made in the account.

    Attributes:
        failing: logical ids of resources that cannot be made or changed, with the reason.
        configurations: of functions, by path.
        functions: names of the functions that are there.
    """

    def __init__(self) -> None:
        self.switches = Switches()
        self.failing: dict[str, str] = {}
        self.configurations: dict[str, dict[str, Any]] = {}
        self.functions: set[str] = set()
        self.stacks: list[Stack] = []
        self.change_sets: list[ChangeSet] = []
        self._began = datetime.now(timezone.utc)
        self._slept = timedelta()
        self._made = 0

    @property
    def now(self) -> datetime:
        return self._began + self._slept

    def sleep(self, seconds: float) -> None:
        self._slept += timedelta(seconds=seconds)
        for stack in self.stacks:
            while stack.steps and stack.steps[0][0] <= self.now:
                stack.steps.pop(0)[1]()

    def stack(self, name_or_id: str) -> Stack:
        found = [stack for stack in self.stacks if name_or_id in {stack.name, stack.stack_id}]
        gone = found and found[-1].status == "DELETE_COMPLETE" and self.switches.forgets
        if not found or gone:
            raise CloudError("StackNotFound", f"The Stack ({name_or_id}) could not be found.")
        return found[-1]

    def create(self, name: str, template: str, parameters: dict[str, str]) -> Stack:
        if any(stack.name == name and stack.status != "DELETE_COMPLETE" for stack in self.stacks):
            raise CloudError("StackExists", f"The Stack ({name}) already exists.")
        resources = self._resolved(template, parameters)
        begun = "Stack CREATE started"
        stack = Stack(self._id(), name, template, parameters, "CREATE_IN_PROGRESS", begun)
        self.stacks.append(stack)
        stopped = next((one for one in resources if one.logical_id in self.failing), None)

        def end() -> None:
            for one in resources:
                if one is stopped:
                    break
                self._make(stack, one)
            if stopped is None:
                self._set(stack, "CREATE_COMPLETE", "Stack CREATE completed successfully")
                return
            self._fail(stack, stopped, "CREATE")
            self._set(stack, "CREATE_ROLLBACK_IN_PROGRESS", stack.reason)
            self._later(
                stack,
                lambda: (self._unmake(stack), self._set(stack, "CREATE_ROLLBACK_COMPLETE", stack.reason)),
            )

        self._later(stack, end)
        return stack

    def delete(self, stack: Stack) -> None:
        self._idle(stack)
        self._set(stack, "DELETE_IN_PROGRESS", "Stack DELETE started")

        def end() -> None:
            stopped = [name for name in stack.resources if f"delete {name}" in self.failing]
            self._unmake(stack, but=stopped)
            for name in stopped:
                reason = self.failing[f"delete {name}"]
                stack.resources[name]["Status"] = "DELETE_FAILED"
                self._event(stack, name, stack.resources[name]["ResourceType"], "DELETE_FAILED", reason)
                self._set(stack, "DELETE_FAILED", f"Resource DELETE failed: resources.{name}: {reason}")
            if not stopped:
                self._set(stack, "DELETE_COMPLETE", "Stack DELETE completed successfully")

        self._later(stack, end)

    def change_set(
        self,
        stack: Stack,
        name: str,
        template: str,
        parameters: dict[str, str],
        *,
        keep: bool,
        replaces: bool,
    ) -> ChangeSet:
        self._idle(stack)
        if any(one.name == name and one.stack is stack for one in self.change_sets):
            raise CloudError("ChangeSetExists", f"The change set ({name}) already exists.")
        values = {**stack.parameters, **parameters} if keep else parameters
        changes = self._changes(stack, template, values)
        if not changes and self.switches.no_change == "refused":
            raise CloudError("NotSupported", "Update the completely same stack is not supported.")
        ready = self.now + timedelta(seconds=SECONDS_OF_A_CHANGE_SET)
        made = ChangeSet(self._id(), name, stack, template, values, replaces, ready, changes)
        self.change_sets.append(made)
        return made

    def described_change_set(self, change_set_id: str) -> dict[str, Any]:
        one = self._change_set(change_set_id)
        if self.now < one.ready:
            return {"Status": "CREATE_IN_PROGRESS", "ChangeSetId": change_set_id}
        if not one.changes and self.switches.no_change == "failed":
            return {
                "Status": "CREATE_FAILED",
                "StatusReason": "Update the completely same stack is not supported.",
            }
        return {"Status": "CREATE_COMPLETE", "ChangeSetId": change_set_id, "Changes": one.changes}

    def drop_change_set(self, change_set_id: str) -> None:
        self.change_sets.remove(self._change_set(change_set_id))

    def execute(self, change_set_id: str) -> None:
        one = self._change_set(change_set_id)
        stack = one.stack
        self._idle(stack)
        self.drop_change_set(change_set_id)

        def end() -> None:
            changes = {
                change["ResourceChange"]["LogicalResourceId"]: change["ResourceChange"]
                for change in one.changes
            }
            replaced = {name for name, change in changes.items() if change.get("Replacement") == "True"}
            wanted = {
                resource.logical_id: resource for resource in self._resolved(one.template, one.parameters)
            }
            refused = {} if one.replaces else dict.fromkeys(replaced, "a property cannot be updated in place")
            reasons = {**refused, **self.failing}
            stopped = next((name for name in changes if name in reasons), None)
            if stopped is not None:
                self.failing.setdefault(stopped, reasons[stopped])
                self._fail(stack, wanted[stopped], "UPDATE")
                self._set(stack, "ROLLBACK_IN_PROGRESS", stack.reason)
                self._later(stack, lambda: self._set(stack, "ROLLBACK_COMPLETE", stack.reason))
                return
            for name in changes:
                path = self._path(stack.resources[name]) if name in stack.resources else None
                if name in wanted:
                    self._make(stack, wanted[name])
                if path is not None and (
                    name not in wanted or (name in replaced and self.switches.deletes_last)
                ):
                    self.configurations.pop(path, None)
                if name not in wanted:
                    del stack.resources[name]
            stack.template, stack.parameters = one.template, one.parameters
            self._set(stack, "UPDATE_COMPLETE", "Stack successfully updated")

        def begin() -> None:
            stack.updated = self._time()
            self._set(stack, "UPDATE_IN_PROGRESS", "Stack UPDATE started")
            self._later(stack, end)

        # For some moments the stack is shown as it was.
        stack.steps.append((self.now + timedelta(seconds=4), begin))

    def validate(self, template: str) -> None:
        declarations(template)

    def _idle(self, stack: Stack) -> None:
        if stack.status.endswith("_IN_PROGRESS") or stack.steps:
            raise CloudError("ActionInProgress", f"Stack {stack.name} already has an action in progress.")

    def _change_set(self, change_set_id: str) -> ChangeSet:
        for one in self.change_sets:
            if one.change_set_id == change_set_id:
                return one
        raise CloudError("ChangeSetNotFound", f"The change set ({change_set_id}) could not be found.")

    def _changes(self, stack: Stack, template: str, values: dict[str, str]) -> list[dict[str, Any]]:
        before = {one.logical_id: one for one in self._resolved(stack.template, stack.parameters)}
        after = {one.logical_id: one for one in self._resolved(template, values)}
        changes = []
        for name in {**before, **after}:
            old, new = before.get(name), after.get(name)
            if old == new:
                continue
            kind = (new or old).type  # type: ignore[union-attr]  # one of them is there
            change = {"LogicalResourceId": name, "ResourceType": kind}
            if old is None or new is None:
                change["Action"] = "Add" if old is None else "Remove"
            else:
                fixed = kind in CONFIGURATIONS or any(
                    old.properties.get(key) != new.properties.get(key) for key in NAMES
                )
                change |= {"Action": "Modify", "Replacement": "True" if fixed else "False"}
            changes.append({"Type": "Resource", "ResourceChange": change})
        return changes

    def _make(self, stack: Stack, resource: Resource) -> None:
        name, kind = resource.logical_id, resource.type
        function = str(resource.properties.get("FunctionName"))
        stack.resources[name] = {
            "LogicalResourceId": name,
            "ResourceType": kind,
            "PhysicalResourceId": function,
            "Status": "CREATE_COMPLETE",
        }
        if kind == "ALIYUN::FC3::Function":
            self.functions.add(function)
        if kind in CONFIGURATIONS:
            own = {key: value for key, value in resource.properties.items() if key != "FunctionName"}
            self.configurations[f"{function}/{CONFIGURATIONS[kind]}"] = _lower(own)

    @staticmethod
    def _path(resource: dict[str, str]) -> str | None:
        place = CONFIGURATIONS.get(resource["ResourceType"])
        return None if place is None else f"{resource['PhysicalResourceId']}/{place}"

    def _unmake(self, stack: Stack, but: list[str] | None = None) -> None:
        for name in [name for name in stack.resources if name not in (but or [])]:
            resource = stack.resources.pop(name)
            if path := self._path(resource):
                self.configurations.pop(path, None)
            if resource["ResourceType"] == "ALIYUN::FC3::Function":
                self.functions.discard(resource["PhysicalResourceId"])

    def _fail(self, stack: Stack, resource: Resource, what: str) -> None:
        name, reason = resource.logical_id, self.failing[resource.logical_id]
        self._event(stack, name, resource.type, f"{what}_FAILED", reason)
        stack.reason = f"Resource {what} failed: resources.{name}: {reason}"

    def _event(self, stack: Stack, name: str, kind: str, status: str, reason: str) -> None:
        event = {"LogicalResourceId": name, "ResourceType": kind, "Status": status, "StatusReason": reason}
        stack.events.insert(0, {"CreateTime": self._time(), **event})

    def _set(self, stack: Stack, status: str, reason: str) -> None:
        stack.status, stack.reason = status, reason
        self._event(stack, stack.name, "ALIYUN::ROS::Stack", status, reason)

    def _later(self, stack: Stack, end: Callable[[], Any]) -> None:
        stack.steps.append((self.now + timedelta(seconds=SECONDS_OF_A_STACK), end))

    def _time(self) -> str:
        return self.now.strftime("%Y-%m-%dT%H:%M:%S")

    def _id(self) -> str:
        self._made += 1
        return f"4a6c9851-3b0f-4f5f-b4ca-a14bf691{self._made:04}"

    @staticmethod
    def _resolved(template: str, values: dict[str, str]) -> list[Resource]:
        return resolved(template, tuple(sorted(values.items())))


def _lower(node: Any) -> Any:
    if isinstance(node, dict):
        return {f"{key[0].lower()}{key[1:]}": _lower(value) for key, value in node.items()}
    return node


def all_parameters(stack: Stack) -> Iterator[dict[str, str]]:
    """The parameters as the service shows them: defaults too, and no secret."""
    for name, declared in declarations(stack.template).items():
        value = stack.parameters.get(name, declared.get("Default", ""))
        shown = "******" if declared.get("NoEcho") and value else str(value)
        yield {"ParameterKey": name, "ParameterValue": shown}


@cache
def declarations(template: str) -> dict[str, dict[str, Any]]:
    """The section Parameters."""
    with written(template) as path:
        document, _ = parse_template(path)
    return dict(document["Parameters"])


@lru_cache(maxsize=32)
def resolved(template: str, values: tuple[tuple[str, str], ...]) -> list[Resource]:
    """All resources of a stack with these parameters."""
    try:
        with written(template) as path:
            return load_template(path, dict(values), region=REGION, account_id=ACCOUNT)
    except TemplateError as error:
        raise CloudError("StackValidationFailed", str(error)) from None


@contextmanager
def written(template: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "template.yml"
        path.write_text(template, encoding="utf-8")
        yield path
