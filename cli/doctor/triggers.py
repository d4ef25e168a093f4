"""What starts the functions: their triggers, the rule of the event bus, and whether an event ever arrived."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from local.template.document import Resource

from ..services.account import Account
from ..services.errors import NotReadError
from .deployment import Deployment, trigger_config
from .findings import Finding, judged, listed, ok, tried, unknown, wrong

NAMES = ("triggers", "event rule", "events")
TRIGGER = "ALIYUN::FC3::Trigger"
BUS, SOURCE = "default", "acs.cr"
EVENT_DAYS = 7
_COMPARED = ("enable", "triggerEnable", "authType", "cronExpression")


def check(account: Account, deployment: Deployment) -> Iterator[Finding]:
    """Judge triggers, rule and events."""
    function, update = deployment.function_name("on_push"), deployment.update
    yield tried("triggers", lambda: triggers(*_triggers(account, deployment), update))
    yield tried("event rule", lambda: rule(_rules(account), function, account.region, update))
    yield tried("events", lambda: events(traced(account), pushes(account, deployment), account.region))


def _triggers(
    account: Account, deployment: Deployment
) -> tuple[list[Resource], dict[str, Iterable[Mapping[str, Any]]]]:
    """The triggers that the template wants, and those that each function has; of functions that are there."""
    made: dict[str, Iterable[Mapping[str, Any]]] = {}
    for name in sorted({str(trigger.properties["FunctionName"]) for trigger in deployment.of_type(TRIGGER)}):
        try:
            made[name] = account.call("fc", "ListTriggers", name).get("triggers") or ()
        except NotReadError as error:
            if not error.missing:
                raise
    wanted = [each for each in deployment.of_type(TRIGGER) if each.properties["FunctionName"] in made]
    return wanted, made


def triggers(
    wanted: Iterable[Resource], made: Mapping[str, Iterable[Mapping[str, Any]]], update: str
) -> Finding:
    """Whether each is there, on, and as the template has it."""
    problems, count = [], 0
    for resource in wanted:
        properties, count = resource.properties, count + 1
        name, function = str(properties["TriggerName"]), str(properties["FunctionName"])
        found = next((each for each in made[function] if each.get("triggerName") == name), None)
        if found is None:
            problems.append(f"the trigger {name} of {function} is missing")
            continue
        present = trigger_config(found)
        for key in _COMPARED:
            expected = (properties.get("TriggerConfig") or {}).get(key)
            if expected is not None and present.get(key, expected) != expected:
                state = {True: "on", False: "off"}.get(present[key], str(present[key]))
                problems.append(f"the trigger {name} of {function}: {key} is {state}")
    remedy = f"Function Compute console (function, Triggers), or {update}"
    return judged("triggers", problems, remedy, f"all {count} are there")


def _rules(account: Account) -> list[Mapping[str, Any]]:
    answer = account.call("eventbridge", "ListRules", event_bus_name=BUS)
    return list((answer.get("Data") or {}).get("Rules") or ())


def rule(rules: Sequence[Mapping[str, Any]], function: str, region: str, update: str) -> Finding:
    """Whether a rule of the default bus leads pushes to on-push."""
    console = f"EventBridge console ({region}), Event buses, {BUS}, Event rules"
    ours = [
        each
        for each in rules
        if any(f"/{function}" in str(target.get("Endpoint", "")) for target in each.get("Targets") or ())
    ]
    others = [each for each in rules if SOURCE in str(each.get("FilterPattern", ""))]
    if not ours and others:
        # No page says how a rule of a trigger of Function Compute names its target.
        names = listed(str(each.get("RuleName")) for each in others)
        return unknown(
            "event rule", f"whether {names}, which take events of {SOURCE}, lead to {function}", console
        )
    if not ours:
        return wrong("event rule", f"no rule of the bus {BUS} leads to {function}", update)
    name = ours[0].get("RuleName")
    if not any(str(each.get("Status", "")).upper() in {"ENABLE", "ENABLED"} for each in ours):
        return wrong("event rule", f"the rule {name} of the bus {BUS} is off", f"{console}: enable {name}")
    if not any(SOURCE in str(each.get("FilterPattern", "")) for each in ours):
        return wrong("event rule", f"the rule {name} does not take events of {SOURCE}", update)
    return ok("event rule", f"the bus {BUS} leads pushes to {function}")


def traced(account: Account) -> list[Mapping[str, Any]]:
    """The registry's events on the bus in the last days, newest first."""
    now = int(time.time() * 1000)
    answer = account.once("traced", lambda: account.call(
        "eventbridge",
        "QueryTracedEvents",
        event_bus_name=BUS,
        event_source=SOURCE,
        start_time=now - EVENT_DAYS * 86_400_000,
        end_time=now,
        limit=10,
    ))  # fmt: skip
    return list((answer.get("Data") or {}).get("Events") or ())


def pushes(account: Account, deployment: Deployment) -> int:
    """How many records on_push wrote in the last days."""
    return len(log_lines(account, deployment, "message.door: on_push", EVENT_DAYS * 86_400, most=1))


def log_lines(
    account: Account, deployment: Deployment, query: str, seconds: int, most: int = 10
) -> list[dict[str, Any]]:
    """Records of the functions in the log service, newest first.

    Raises:
        NotReadError: the log cannot be searched.
    """
    now = int(time.time())
    project = str(deployment.wanted["LogProject"].properties["Name"])
    logstore = str(deployment.wanted["Logstore"].properties["LogstoreName"])
    answer = account.call(
        "sls",
        "GetLogs",
        project,
        logstore,
        query=query,
        line=most,
        reverse=True,
        from_=now - seconds,
        to=now + 60,
    )
    rows = answer.get("data") or ()
    return [record for row in rows if (record := _record(row)) is not None]


def _record(row: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        record = json.loads(row.get("message", ""))
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def events(on_bus: list[Mapping[str, Any]], logged: int, region: str) -> Finding:
    """Whether an event ever arrived."""
    if logged:
        return ok("events", f"on_push got one in the last {EVENT_DAYS} days")
    if on_bus:
        return wrong(
            "events",
            f"{len(on_bus)} events of {SOURCE} were on the bus in {EVENT_DAYS} days, none in on_push",
            f"EventBridge console ({region}), Event tracing: the event says what became of it.",
        )
    return unknown(
        "events",
        f"no event of {SOURCE} was on the bus in the last {EVENT_DAYS} days",
        "Push an image, wait a minute, and run this again. An edition of the registry that sends none needs "
        "its webhook (docs/sources.md).",
    )
