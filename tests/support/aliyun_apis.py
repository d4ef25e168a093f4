"""The services behind the vendor's command line tool, as far as scripts call them: what each call answers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .stack_service import ACCOUNT, REGION, CloudError, StackService, all_parameters

MOST_TEMPLATE_BYTES = 524_288


class EndedError(Exception):
    """Raised when the tool ends: status and what it says on stderr."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass
class Account:
    """What is in the account beside stacks.

    Attributes:
        buckets: the region of each.
        roles: names of the service-linked roles that are there.
        refused: the code with which a call is refused, by its first two words, and how often.
        before: called before each call, with its number, its words and the process that waits for it.
    """

    buckets: dict[str, str] = field(default_factory=lambda: {"my-bucket": REGION, "far-bucket": "cn-beijing"})
    objects: dict[str, bytes] = field(default_factory=dict)
    roles: set[str] = field(default_factory=set)
    refused: dict[str, tuple[str, int]] = field(default_factory=dict)
    before: Callable[[int, list[str], int], None] = lambda _number, _words, _process: None


class Apis:
    """The calls, on one account and the stacks in it."""

    def __init__(self) -> None:
        self.service, self.account = StackService(), Account()

    def answer(self, product: str, name: str, options: dict[str, Any]) -> Any:
        """The answer of a call."""
        method = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
        return getattr(self, f"_{product}_{method}")(options)

    # Object Storage Service

    def oss(self, words: list[str], options: dict[str, Any], folder: Path) -> str:
        if options.get("sign-version") != "v4":
            raise EndedError(
                1, "oss: service returned error: StatusCode=403, ErrorCode=InvalidArgument, signature V1"
            )
        region = options.get("region")
        if not region:
            raise EndedError(1, "In the v4 signature scenario, please enter the region")
        bucket, _, name = words[-1].removeprefix("oss://").partition("/")
        if self.account.buckets.get(bucket) != region:
            raise EndedError(
                1,
                "oss: StatusCode=403, ErrorCode=AccessDenied, must be addressed using the specified endpoint",
            )
        if words[0] == "stat":
            return f"{'Name':<22}: {bucket}\n{'Location':<22}: oss-{region}\n{'ACL':<22}: private"
        if name in self.account.objects and "force" not in options:
            raise EndedError(1, f'cp: overwrite "oss://{bucket}/{name}"(y or N)?')
        self.account.objects[f"oss://{bucket}/{name}"] = (folder / words[1]).read_bytes()
        return "Succeed: Total num: 1, size: 4. OK num: 1(upload 1 files)."

    # Function Compute

    def function_compute(self, method: str, path: str, options: dict[str, Any]) -> str:
        name = path.removeprefix("/2023-03-30/functions/")
        if name.partition("/")[0] not in self.service.functions:
            raise CloudError("FunctionNotFound", f"function {name.partition('/')[0]} does not exist")
        if method == "PUT":
            self.service.configurations[name] = json.loads(options["body"])
        if name not in self.service.configurations:
            raise CloudError("AsyncConfigNotExists", "the config does not exist")
        return json.dumps(self.service.configurations[name])

    # Security Token Service, Resource Access Management

    def _sts_get_caller_identity(self, _: dict[str, Any]) -> Any:
        return {"AccountId": ACCOUNT, "Arn": f"acs:ram::{ACCOUNT}:user/deployer"}

    def _ram_get_role(self, options: dict[str, Any]) -> Any:
        if options["RoleName"] not in self.account.roles:
            raise CloudError("EntityNotExist.Role", "The role does not exist.")
        return {"Role": {"RoleName": options["RoleName"]}}

    def _resourcemanager_create_service_linked_role(self, options: dict[str, Any]) -> Any:
        known = {
            "fc.aliyuncs.com": "AliyunServiceRoleForFC",
            "sendevent-fc.eventbridge.aliyuncs.com": "AliyunServiceRoleForEventBridgeSendToFC",
        }
        if options["ServiceName"] not in known:
            raise CloudError("InvalidParameter.ServiceName", "The service name is not valid.")
        if known[options["ServiceName"]] in self.account.roles:
            raise CloudError("EntityAlreadyExists.Role", "The role already exists.")
        self.account.roles.add(known[options["ServiceName"]])
        return {"Role": {"RoleName": known[options["ServiceName"]]}}

    # Resource Orchestration Service

    def _template(self, options: dict[str, Any]) -> str:
        url, _, region = options["TemplateURL"].partition("?RegionId=")
        if url not in self.account.objects or region != options["RegionId"]:
            raise CloudError("TemplateNotFound", f"{options['TemplateURL']}: there is no such object")
        if len(self.account.objects[url]) > MOST_TEMPLATE_BYTES:
            raise CloudError("TemplateTooLong", "The template is too long.")
        return self.account.objects[url].decode()

    def _ros_validate_template(self, options: dict[str, Any]) -> Any:
        self.service.validate(self._template(options))
        return {"Description": "template"}

    def _ros_create_stack(self, options: dict[str, Any]) -> Any:
        stack = self.service.create(options["StackName"], self._template(options), _stack_parameters(options))
        return {"StackId": stack.stack_id, "RequestId": "1"}

    def _ros_list_stacks(self, options: dict[str, Any]) -> Any:
        found = [one for one in self.service.stacks if one.name == options["StackName.1"]]
        return {
            "Stacks": [
                {"StackId": one.stack_id, "StackName": one.name, "Status": one.status} for one in found
            ]
        }

    def _ros_get_stack(self, options: dict[str, Any]) -> Any:
        stack = self.service.stack(options["StackId"])
        answer = {"StackId": stack.stack_id, "Status": stack.status, "StatusReason": stack.reason}
        outputs = [{"OutputKey": "ManualUrl", "OutputValue": "https://manual.example"}]
        whole = {
            **answer,
            "Parameters": list(all_parameters(stack)),
            "Outputs": outputs,
            "StackDriftStatus": "IN_SYNC",
        }
        return whole if stack.updated is None else {**whole, "UpdateTime": stack.updated}

    def _ros_delete_stack(self, options: dict[str, Any]) -> Any:
        self.service.delete(self.service.stack(options["StackId"]))
        return {"RequestId": "1"}

    def _ros_list_stack_events(self, options: dict[str, Any]) -> Any:
        wanted = {value for name, value in options.items() if name.startswith("Status.")}
        events = self.service.stack(options["StackId"]).events
        found = [one for one in events if not wanted or one["Status"] in wanted]
        return {"Events": found[: int(options.get("PageSize", 10))]}

    def _ros_list_stack_resources(self, options: dict[str, Any]) -> Any:
        return {"Resources": list(self.service.stack(options["StackId"]).resources.values())}

    def _ros_create_change_set(self, options: dict[str, Any]) -> Any:
        made = self.service.change_set(
            self.service.stack(options["StackId"]),
            options["ChangeSetName"],
            self._template(options),
            _stack_parameters(options),
            keep=options["UsePreviousParameters"] == "true",
            replaces=options.get("ReplacementOption") == "Enabled",
        )
        return {"ChangeSetId": made.change_set_id, "RequestId": "1"}

    def _ros_list_change_sets(self, options: dict[str, Any]) -> Any:
        stack = self.service.stack(options["StackId"])
        found = [one for one in self.service.change_sets if one.stack is stack]
        return {
            "ChangeSets": [{"ChangeSetId": one.change_set_id, "ChangeSetName": one.name} for one in found]
        }

    def _ros_get_change_set(self, options: dict[str, Any]) -> Any:
        return self.service.described_change_set(options["ChangeSetId"])

    def _ros_delete_change_set(self, options: dict[str, Any]) -> Any:
        self.service.drop_change_set(options["ChangeSetId"])
        return {"RequestId": "1"}

    def _ros_execute_change_set(self, options: dict[str, Any]) -> Any:
        self.service.execute(options["ChangeSetId"])
        return {"RequestId": "1"}


def _stack_parameters(options: Mapping[str, Any]) -> dict[str, str]:
    numbers = {name.split(".")[1] for name in options if name.startswith("Parameters.")}
    return {
        options[f"Parameters.{number}.ParameterKey"]: options[f"Parameters.{number}.ParameterValue"]
        for number in numbers
    }
