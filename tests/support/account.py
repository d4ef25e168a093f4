"""An account of Alibaba Cloud in the shapes that its services answer in, with one stack in it.

A forward proxy on loopback: the vendor's SDKs call ``http://<service>.localhost`` through it, and it answers
from ``world``, which a test changes to break one thing. What the local cloud serves can be passed on to it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from http.client import HTTPConnection
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from cli.services.services import SERVICES
from local.template.document import Resource, load_template

from .http_server import QuietHandler, serve_http

__all__ = ["ACCOUNT_ID", "ENDPOINTS", "PARAMETERS", "REGION", "AccountStub", "RefusedError", "account_stub"]

REGION, ACCOUNT_ID = "cn-hangzhou", "1234567890123456"
ENDPOINTS = {service: f"http://{service}.localhost" for service in SERVICES}
PARAMETERS = {
    "CodeBucket": "my-bucket",
    "CodeObject": "imc-refresh/0123456789abcdef/imc-refresh-python3.12.zip",
    "AlarmContactGroup": "on-call",
    "AlarmActionPolicy": "some.policy",
    "WebhookTokens": "webhook-token-0123456789",
}
_TEMPLATE = Path(__file__).parents[2] / "template.yml"
_LONGEST_WAIT_SECONDS = 20
_FC_PATH = re.compile(r"/2023-03-30/functions/([^/]+)(?:/([a-z-]+))?(?:/(.+))?")
_FC_ACTIONS = {None: "GetFunction", "triggers": "ListTriggers", "async-invoke-config": "GetAsyncInvokeConfig",
               "async-tasks": "GetAsyncTask", "invocations": "InvokeFunction"}  # fmt: skip


class RefusedError(Exception):
    """An error answer."""

    def __init__(self, status: int, code: str, message: str = "refused") -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


@dataclass
class AccountStub:
    """The account.

    Attributes:
        world: what is in it; each part in the shape of the API that answers it.
        refused: actions that are refused, with how.
        forward: base URLs of servers that answer instead, by service: ``eci``, ``fc``.
        asked: the actions that were asked.
        slow: actions that are answered when these are set.
        url: of the proxy.
    """

    world: dict[str, Any]
    refused: dict[str, RefusedError] = field(default_factory=dict)
    forward: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    slow: dict[str, Event] = field(default_factory=dict)
    url: str = ""

    def answer(self, service: str, action: str, parameters: Mapping[str, str], path: tuple[str, ...]) -> Any:
        self.asked.append(f"{service}:{action}")
        if action in self.slow:
            self.slow[action].wait(_LONGEST_WAIT_SECONDS)
        if action in self.refused:
            raise self.refused[action]
        return getattr(self, f"_{service}")(action, parameters, path)

    def _sts(self, _action: str, _parameters: Any, _path: Any) -> Any:
        return {"AccountId": self.world["account_id"], "Arn": "acs:ram::1:user/me", "UserId": "1"}

    def _ros(self, action: str, parameters: Mapping[str, str], _path: Any) -> Any:
        stack = self.world["stack"]
        if action == "ListStacks":
            wanted = parameters.get("StackName.1")
            there = stack is not None and wanted in {None, stack["StackName"]}
            return {"Stacks": [stack] if there else [], "TotalCount": int(there)}
        if action == "GetStack":
            return stack
        if action == "ListStackResourceDrifts":
            return {"ResourceDrifts": self.world["drifts"]}
        return {"Resources": list(self.world["resources"].values())}

    def _fc(self, action: str, _parameters: Any, path: tuple[str, ...]) -> Any:
        name = path[0]
        if name not in self.world["functions"]:
            raise RefusedError(404, "FunctionNotFound")
        if action == "GetFunction":
            return self.world["functions"][name]
        if action == "ListTriggers":
            return {"triggers": self.world["triggers"].get(name, [])}
        if action == "GetAsyncInvokeConfig":
            if self.world["task_mode"] is None:
                raise RefusedError(404, "AsyncConfigNotExists")
            return {"asyncTask": self.world["task_mode"]}
        if action == "GetAsyncTask":
            if not self.world["task"]:
                raise RefusedError(404, "AsyncTaskNotFound")
            return self.world["task"]
        return self.world["probe"](name)

    def _ram(self, action: str, parameters: Mapping[str, str], _path: Any) -> Any:
        roles, policies = self.world["roles"], self.world["policies"]
        if action == "GetPolicy":
            document = policies[parameters["PolicyName"]]
            return {"DefaultPolicyVersion": {"PolicyDocument": json.dumps(document)}}
        name = parameters["RoleName"]
        if name not in roles:
            raise RefusedError(404, "EntityNotExist.Role")
        if action == "GetRole":
            return {"Role": {"RoleName": name, "AssumeRolePolicyDocument": json.dumps(roles[name])}}
        rows = [{"PolicyName": name, "PolicyType": "Custom"}] if name in policies else []
        return {"Policies": {"Policy": rows}}

    def _eci(self, _action: str, _parameters: Any, _path: Any) -> Any:
        return {"RequestId": "R", "ImageCaches": self.world["caches"], "NextToken": ""}

    def _sls(self, action: str, parameters: Mapping[str, Any], _path: Any) -> Any:
        if action == "GetIndex":
            if self.world["index"] is None:
                raise RefusedError(404, "IndexConfigNotExist")
            return self.world["index"]
        query = str(parameters.get("query"))
        probe = re.search(r'event_id: "([^"]+)"', query)
        if probe is None:
            return {"data": [{"message": json.dumps({"door": "on_push"})}] * self.world["pushes"]}
        return {"data": [{"message": json.dumps(each)} for each in self.world["records"](probe[1])]}

    def _eventbridge(self, action: str, _parameters: Any, _path: Any) -> Any:
        if action == "ListRules":
            return {"Data": {"Rules": self.world["rules"]}, "Success": True}
        if action == "QueryEvent":
            return {"Data": self.world["event"], "Success": True}
        return {"Data": {"Events": self.world["traced"]}, "Success": True}

    def _mns(self, _action: str, _parameters: Any, _path: Any) -> Any:
        return {"Data": self.world["queue"], "Success": True}

    def _cms(self, _action: str, parameters: Mapping[str, str], _path: Any) -> Any:
        points = self.world["metrics"].get((parameters["Namespace"], parameters["MetricName"]), [])
        return {"Datapoints": json.dumps(points), "Code": "200", "Success": True}

    def _cr(self, _action: str, parameters: Mapping[str, str], _path: Any) -> Any:
        status = self.world["instances"].get(parameters["InstanceId"])
        if status is None:
            raise RefusedError(404, "INSTANCE_NOT_EXIST.InstanceNotExist")
        return {"InstanceStatus": status, "IsSuccess": True}


@cache
def _resources(given: tuple[tuple[str, str], ...]) -> list[Resource]:
    return load_template(_TEMPLATE, dict(given), region=REGION, account_id=ACCOUNT_ID)


def healthy(parameters: Mapping[str, str]) -> dict[str, Any]:
    """An account with one stack of the template, and nothing wrong with it."""
    listed = deepcopy(_resources(tuple(parameters.items())))
    hidden = {"WebhookTokens", "RegistryPassword"}
    outputs = [{"OutputKey": "WebhookUrl", "OutputValue": ""}]
    rows = [{"ParameterKey": name, "ParameterValue": "******" if name in hidden else value}
            for name, value in {"RegistryPassword": "", **parameters}.items()]  # fmt: skip
    world: dict[str, Any] = {
        "account_id": ACCOUNT_ID,
        "stack": {
            "StackName": "imc-refresh",
            "StackId": "9d3a1c5e-0000-4000-8000-000000000001",
            "Status": "CREATE_COMPLETE",
            "StackDriftStatus": "IN_SYNC",
            "DriftDetectionTime": "2026-03-02T02:00:00",
            "Parameters": rows,
            "Outputs": outputs,
        },
        "drifts": [],
        "resources": {
            each.logical_id: {"LogicalResourceId": each.logical_id, "Status": "CREATE_COMPLETE"}
            for each in listed
        },
        "functions": {},
        "triggers": {},
        "task_mode": True,
        "task": {},
        "roles": {"AliyunServiceRoleForEventBridgeSendToFC": {}, "AliyunServiceRoleForFC": {}},
        "policies": {},
        "caches": [],
        "pushes": 1,
        "traced": [],
        "event": {},
        "queue": {"ActiveMessages": 0},
        "metrics": {("acs_fc", "FunctionFunctionErrors"): [{"Value": 0}]},
        "instances": {},
    }
    for each in listed:
        _add(world, each)
    name = next(name for name in world["functions"] if name.endswith("on-push"))
    endpoint = f"acs:fc:{REGION}:{ACCOUNT_ID}:functions/{name}"
    world["rules"] = [{"RuleName": "pushes", "Status": "ENABLE", "FilterPattern": '{"source":["acs.cr"]}',
                       "Targets": [{"Endpoint": endpoint}]}]  # fmt: skip
    return world


def _add(world: dict[str, Any], resource: Resource) -> None:
    properties = resource.properties
    if resource.type == "ALIYUN::FC3::Function":
        world["functions"][properties["FunctionName"]] = {
            "functionName": properties["FunctionName"],
            "runtime": properties["Runtime"],
            "handler": properties["Handler"],
            "timeout": properties["Timeout"],
            "memorySize": properties["MemorySize"],
            "environmentVariables": dict(properties["EnvironmentVariables"]),
            "codeChecksum": "8740632874463280",
            "state": "Active",
            "lastUpdateStatus": "Successful",
        }
    elif resource.type == "ALIYUN::FC3::Trigger":
        row = {
            "triggerName": properties["TriggerName"],
            "triggerType": properties["TriggerType"],
            "triggerConfig": json.dumps(properties["TriggerConfig"]),
        }
        world["triggers"].setdefault(properties["FunctionName"], []).append(row)
    elif resource.type == "ALIYUN::RAM::Role":
        name = properties["RoleName"]
        world["roles"][name] = properties["AssumeRolePolicyDocument"]
        statements = [
            each for policy in properties["Policies"] for each in policy["PolicyDocument"]["Statement"]
        ]
        world["policies"][name] = {"Version": "1", "Statement": statements}
    elif resource.type == "ALIYUN::SLS::Index":
        world["index"] = {"keys": {key["Name"]: _index_key(key) for key in properties["KeyIndices"]}}
    elif resource.type == "ALIYUN::CMS::ResourceMetricRule":
        world["metrics"][properties["Namespace"], properties["MetricName"]] = [{"Value": 0, "Average": 0}]


def _index_key(key: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"type": key["Type"]}
    if "JsonKeyIndices" in key:
        made["json_keys"] = {each["Name"]: {"type": each["Type"]} for each in key["JsonKeyIndices"]}
    return made


@contextmanager
def account_stub(parameters: Mapping[str, str] = PARAMETERS) -> Iterator[AccountStub]:
    """A running account."""
    stub = AccountStub(healthy(parameters))

    class Handler(QuietHandler):
        def respond(self) -> None:
            target = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            service = (target.hostname or "").removesuffix(".localhost").rpartition(".")[2]
            if service in stub.forward and (service == "eci" or target.path.endswith("/invocations")):
                self._pass_on(stub.forward[service], target, body)
                return
            action, path = self.headers.get("x-acs-action") or "", ()
            if service == "fc":
                found = _FC_PATH.fullmatch(target.path)
                assert found is not None, target.path
                action, path = _FC_ACTIONS[found[2]], (unquote(found[1]),)
            elif service == "sls":
                action = "GetIndex" if target.path.endswith("/index") else "GetLogs"
            try:
                document = stub.answer(service, action, _parameters(target.query, body), path)
                status = 200
            except RefusedError as refusal:
                status = refusal.status
                document = {"Code": refusal.code, "Message": refusal.message, "RequestId": "R"}
                if service == "sls":
                    document = {"errorCode": refusal.code, "errorMessage": refusal.message}
            data = json.dumps(document).encode()
            self.answer(status, data, ("Content-Type", "application/json"))

        def _pass_on(self, base: str, target: Any, body: bytes) -> None:
            with closing(HTTPConnection(urlsplit(base).netloc, timeout=30)) as connection:
                path = f"{target.path or '/'}?{target.query}" if target.query else target.path or "/"
                connection.request(self.command, path, body, dict(self.headers))
                answer = connection.getresponse()
                headers = [
                    (name, value)
                    for name, value in answer.getheaders()
                    if name.lower().startswith(("x-fc", "content-type"))
                ]
                self.answer(answer.status, answer.read(), *headers)

    with serve_http(Handler) as host:
        stub.url = f"http://{host}"
        yield stub


def _parameters(query: str, body: bytes) -> dict[str, Any]:
    found: dict[str, Any] = dict(parse_qsl(query, keep_blank_values=True))
    text = body.decode("utf-8", "replace")
    if text.startswith("{"):
        return {**found, **json.loads(text)}
    return {**found, **dict(parse_qsl(text, keep_blank_values=True))}
