"""The stack that is looked at: what the template of this checkout wants, and what the account has of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.template.document import Resource, TemplateError, load_template, parameter_names

from ..problem import Problem
from ..services.account import Account
from ..services.errors import NotReadError
from .findings import listed

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "template.yml"
FUNCTION = "ALIYUN::FC3::Function"
HIDDEN = "hidden-by-the-stack"
"""Stands for the value of a parameter that the account shows to nobody."""


@dataclass(frozen=True)
class Deployment:
    """One stack.

    Attributes:
        region: its region.
        account_id: whose it is.
        stack: what GetStack answered.
        made: its resources by their names in the template, as ListStackResources has them.
        wanted: what the template wants, by the same names.
        functions: what GetFunction answered, by the same names, or why it did not.
        packages: the folder of this checkout's packages.
        probe_delay_seconds: of the probe task that is stored.
    """

    region: str
    account_id: str
    stack: Mapping[str, Any]
    made: Mapping[str, Mapping[str, Any]]
    wanted: Mapping[str, Resource]
    functions: Mapping[str, Mapping[str, Any] | NotReadError]
    packages: Path = ROOT / "dist"
    probe_delay_seconds: int = 4

    @property
    def name(self) -> str:
        """The stack's name."""
        return str(self.stack.get("StackName", ""))

    @property
    def parameters(self) -> dict[str, str]:
        """The stack's parameters."""
        return _parameters(self.stack)

    @property
    def update(self) -> str:
        """The command that makes the stack anew as this checkout has it."""
        bucket = self.parameters.get("CodeBucket", "BUCKET")
        where = f"--region {self.region} --stack {self.name} --bucket {bucket}"
        return f"`make package`, then `imc-refresh deploy update {where}`"

    def of_type(self, kind: str) -> Iterator[Resource]:
        """The wanted resources of a type."""
        return (resource for resource in self.wanted.values() if resource.type == kind)

    def function_name(self, module: str) -> str:
        """The name of the function whose handler is in a module.

        Raises:
            NotReadError: the stack has no such function.
        """
        for resource in self.of_type(FUNCTION):
            if str(resource.properties["Handler"]).partition(".")[0] == module:
                return str(resource.properties["FunctionName"])
        raise NotReadError(f"the stack has no function {module}")

    def environment(self, module: str) -> dict[str, str]:
        """The variables of that function; some of them are secret.

        Raises:
            NotReadError: they are not known.
        """
        for logical_id, resource in self.wanted.items():
            if resource.type == FUNCTION and str(resource.properties["Handler"]).startswith(f"{module}."):
                found = self.functions[logical_id]
                if isinstance(found, NotReadError):
                    raise found
                return dict(found.get("environmentVariables") or {})
        raise NotReadError(f"the stack has no function {module}")

    def output(self, name: str) -> str:
        """One of the stack's outputs; empty if there is none."""
        outputs = {each.get("OutputKey"): each.get("OutputValue") for each in self.stack.get("Outputs") or ()}
        return str(outputs.get(name) or "")


def _parameters(stack: Mapping[str, Any]) -> dict[str, str]:
    rows = stack.get("Parameters") or ()
    return {row["ParameterKey"]: str(row.get("ParameterValue") or "") for row in rows}


def find_stack(account: Account, name: str) -> tuple[Mapping[str, Any], dict[str, Mapping[str, Any]]]:
    """The stack of a name, and its resources.

    Raises:
        Problem: there is none, or it cannot be read.
    """
    try:
        rows = (
            account.call("ros", "ListStacks", region_id=account.region, stack_name=[name]).get("Stacks") or ()
        )
        rows = [row for row in rows if row.get("Status") != "DELETE_COMPLETE"]
        if not rows:
            raise Problem(
                f"There is no stack {name!r} in {account.region} of the account {account.account_id}.",
                _other_stacks(account),
            )
        stack_id = rows[0]["StackId"]
        stack = account.call("ros", "GetStack", region_id=account.region, stack_id=stack_id)
        made = account.call("ros", "ListStackResources", region_id=account.region, stack_id=stack_id)
    except NotReadError as error:
        if "Region" in error.code:
            remedy = "`--region` takes the id of a region, such as cn-hangzhou."
            raise Problem(
                f"{account.region} is no region of Resource Orchestration Service.", remedy
            ) from None
        raise Problem(f"{error}.", error.remedy) from None
    rows = [row for row in made.get("Resources") or () if row.get("Status") != "DELETE_COMPLETE"]
    return stack, {row["LogicalResourceId"]: row for row in rows}


def _other_stacks(account: Account) -> str:
    rows = account.call("ros", "ListStacks", region_id=account.region).get("Stacks") or ()
    names = sorted(row["StackName"] for row in rows if row.get("Status") != "DELETE_COMPLETE")
    there = f"there are: {listed(names)}" if names else "there is none"
    hint = "For another account use its profile (`--profile`), for another region `--region`."
    return f"{hint} Of stacks here {there}."


def wanted_resources(
    stack: Mapping[str, Any], made: Mapping[str, Any], *, region: str, account_id: str
) -> dict[str, Resource]:
    """What the template of this checkout makes of the stack's parameters.

    A value that the stack hides is ``HIDDEN``, and there is a webhook if the stack has made one.

    Raises:
        Problem: the template does not take the parameters.
    """
    known = parameter_names(TEMPLATE)
    values = {name: value for name, value in _parameters(stack).items() if name in known}
    values = {name: HIDDEN if value and not value.strip("*") else value for name, value in values.items()}
    if "OnWebhook" not in made and values.get("WebhookTokens") == HIDDEN:
        values["WebhookTokens"] = ""
    try:
        resources = load_template(TEMPLATE, values, region=region, account_id=account_id)
    except TemplateError as error:
        raise Problem(
            f"The stack's parameters are not those of this checkout's template: {error}.",
            "Run this in the checkout that the stack was made from, or update the stack.",
        ) from None
    return {resource.logical_id: resource for resource in resources}


def trigger_config(trigger: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of a trigger, which Function Compute answers as JSON in a text."""
    config = trigger.get("triggerConfig") or {}
    return dict(json.loads(config) if isinstance(config, str) else config)
