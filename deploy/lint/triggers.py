"""Checks triggers and asynchronous configurations: what is inside TriggerConfig, and where failures go.

The vendor's lists say nothing of what is inside TriggerConfig; its keys are those of the API's structures
(HTTPTriggerConfig, TimerTriggerConfig, EventBridgeTriggerConfig), in the schemas beside this module. Must not
know functions beyond their triggers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from local.eventbridge.pattern import PatternError, parse_pattern
from local.fc.async_config import queue_of
from local.fc.schedule import ScheduleError, parse_schedule

from .document import Document, Resource
from .problems import Problem
from .schemas import breaches, read_schema
from .values import View, is_known

__all__ = ["check_triggers", "with_destination"]

_FUNCTION, _TRIGGER = "ALIYUN::FC3::Function", "ALIYUN::FC3::Trigger"
_ASYNC, _QUEUE = "ALIYUN::FC3::AsyncInvokeConfig", "ALIYUN::MNS::Queue"
_KINDS = ("http", "timer", "eventbridge")
_FOLLOW = "on_follow"


def check_triggers(document: Document, view: View, root: Path) -> Iterator[Problem]:
    """Check all triggers and asynchronous configurations.

    Args:
        document: the template.
        view: one reading of it.
        root: the project's top folder, whose folder ``schemas`` has the schema of a timer's payload.
    """
    names: set[tuple[str, Any]] = set()
    asynchronous: set[str] = set()
    for trigger in document.of_type(_TRIGGER):
        path = f"{trigger.path}.Properties"
        properties = view.properties(trigger)
        function = _function(document, trigger)
        if function is None:
            yield Problem(
                f"{path}.FunctionName", f"Fn::GetAtt with a {_FUNCTION} of this template is expected"
            )
        else:
            if (function, properties.get("TriggerName")) in names:
                yield Problem(f"{path}.TriggerName", f"{function} has a trigger of this name already")
            names.add((function, properties.get("TriggerName")))
            if properties.get("TriggerType") != "http":
                asynchronous.add(function)
        yield from _config(path, properties, root)
    yield from _asynchronous(document, view, asynchronous)


def with_destination(document: Document) -> frozenset[str]:
    """The logical ids of the functions whose failed events go somewhere."""
    return frozenset(
        function
        for config in document.of_type(_ASYNC)
        if _on_failure(config.properties) is not None and (function := _function(document, config))
    )


def _function(document: Document, resource: Resource) -> str | None:
    """The logical id of the function that a resource is about."""
    node = resource.properties.get("FunctionName")
    name, attribute = node.get("Fn::GetAtt", ("", "")) if isinstance(node, dict) else ("", "")
    function = document.resources.get(name)
    is_one = function is not None and function.type == _FUNCTION and attribute == "FunctionName"
    return name if is_one else None


def _config(path: str, properties: dict[str, Any], root: Path) -> Iterator[Problem]:
    kind, config = properties.get("TriggerType"), properties.get("TriggerConfig")
    if kind not in _KINDS:
        yield Problem(f"{path}.TriggerType", f"one of {', '.join(_KINDS)} is expected, {kind!r} found")
        return
    path = f"{path}.TriggerConfig"
    wrong = list(breaches(path, config, read_schema(Path(__file__).with_name(f"trigger-{kind}.schema.json"))))
    yield from wrong
    if wrong or not isinstance(config, dict):
        return
    if kind == "timer":
        yield from _timer(path, config, root)
    elif kind == "eventbridge":
        try:
            parse_pattern(json.loads(config["eventRuleFilterPattern"]))
        except json.JSONDecodeError as error:
            yield Problem(f"{path}.eventRuleFilterPattern", f"JSON is expected: {error}")
        except PatternError as error:
            yield Problem(f"{path}.eventRuleFilterPattern", str(error))


def _timer(path: str, config: dict[str, Any], root: Path) -> Iterator[Problem]:
    if is_known(config["cronExpression"]):
        try:
            parse_schedule(config["cronExpression"])
        except ScheduleError as error:
            yield Problem(f"{path}.cronExpression", str(error))
    payload = config.get("payload", "")
    if payload and is_known(payload):
        try:
            document = json.loads(payload)
        except json.JSONDecodeError as error:
            yield Problem(f"{path}.payload", f"JSON is expected: {error}")
            return
        schema = read_schema(root / "schemas/timer-payload.schema.json")
        for problem in breaches(f"{path}.payload", document, schema):
            yield Problem(f"{path}.payload", f"{problem.path.removeprefix(path)}: {problem.message}")


def _asynchronous(document: Document, view: View, triggered: set[str]) -> Iterator[Problem]:
    configured: set[str] = set()
    queues = {view.properties(queue).get("QueueName") for queue in document.of_type(_QUEUE)}
    for config in document.of_type(_ASYNC):
        path = f"{config.path}.Properties"
        function = _function(document, config)
        if function is None:
            yield Problem(
                f"{path}.FunctionName", f"Fn::GetAtt with a {_FUNCTION} of this template is expected"
            )
            continue
        if function in configured:
            yield Problem(f"{path}.FunctionName", f"{function} has an asynchronous configuration already")
        configured.add(function)
        properties = view.properties(config)
        if _is_follow(document.resources[function]) and properties.get("AsyncTask") is not True:
            expected = "true is expected, where the region has it: follow tasks are told apart by their ids"
            yield Problem(f"{path}.AsyncTask", expected)
        destination = _on_failure(properties)
        if destination is not None and queue_of(str(destination)) not in queues:
            place = f"{path}.DestinationConfig.OnFailure.Destination"
            expected = "acs:mns:<region>:<account>:/queues/<queue>/messages of a queue of this template"
            yield Problem(place, f"{expected} is expected, {destination!r} found")
    follow = {one.logical_id for one in document.of_type(_FUNCTION) if _is_follow(one)}
    for function in sorted((triggered | follow) - with_destination(document)):
        message = f"its failed events go nowhere: an {_ASYNC} with an OnFailure destination is expected"
        yield Problem(f"Resources.{function}", message)


def _is_follow(function: Resource) -> bool:
    return str(function.properties.get("Handler", "")).partition(".")[0] == _FOLLOW


def _on_failure(properties: Any) -> Any:
    node = properties.get("DestinationConfig")
    node = node.get("OnFailure") if isinstance(node, dict) else None
    return node.get("Destination") if isinstance(node, dict) else None
