"""Alarms: whether their metrics have data. And the on-failure queue: whether anything waits in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ..services.account import Account
from .deployment import Deployment
from .findings import Finding, judged, ok, tried, unknown, wrong

NAMES = ("alarms", "on-failure queue")
RULE = "ALIYUN::CMS::ResourceMetricRule"
INVOCATIONS = "FunctionTotalInvocations"


def check(account: Account, deployment: Deployment) -> Iterator[Finding]:
    """Judge the alarms and the queue."""
    yield tried("alarms", lambda: _alarms(account, deployment))
    yield tried("on-failure queue", lambda: _queue(account, deployment))


def _queue(account: Account, deployment: Deployment) -> Finding:
    name = str(deployment.wanted["FailureQueue"].properties["QueueName"])
    answer = account.call("mns", "GetQueueAttributes", queue_name=name)
    return queue(name, answer.get("Data") or {}, account.region)


def _alarms(account: Account, deployment: Deployment) -> Finding:
    metrics = {
        (
            str(rule.properties["Namespace"]),
            str(rule.properties["MetricName"]),
            json.dumps(each, sort_keys=True),
        )
        for rule in deployment.of_type(RULE)
        for each in rule.properties["Resources"]
    }
    found = {metric: datapoints(account, *metric) for metric in sorted(metrics)}
    silent = [metric for metric, points in found.items() if not points and metric[0] == "acs_fc"]
    idle = {metric for metric in silent if not datapoints(account, metric[0], INVOCATIONS, metric[2])}
    return alarms(found, idle)


def datapoints(account: Account, namespace: str, metric: str, dimensions: str) -> list[Mapping[str, Any]]:
    """The last datapoints of a metric."""
    answer = account.call(
        "cms", "DescribeMetricLast", namespace=namespace, metric_name=metric, dimensions=f"[{dimensions}]"
    )
    points = json.loads(answer.get("Datapoints") or "[]")
    return points if isinstance(points, list) else []


def alarms(found: Mapping[tuple[str, str, str], list[Any]], idle: set[tuple[str, str, str]]) -> Finding:
    """Whether each alarm's metric has data.

    Args:
        found: datapoints by namespace, metric and dimensions.
        idle: those without data whose function was not invoked lately.
    """
    if not found:
        return ok("alarms", "none are asked for: AlarmContactGroup is empty")
    silent = [metric for metric, points in found.items() if not points]
    problems = [f"{space} {name} has no data for {where}" for space, name, where in silent
                if (space, name, where) not in idle]  # fmt: skip
    remedy = (
        "Set AlarmActionPolicy: the log service's alerts tell of the same failures without these metrics."
    )
    if problems or not silent:
        return judged("alarms", problems, remedy, f"{len(found)} metrics have data")
    return unknown(
        "alarms", f"{len(silent)} functions were not invoked lately, so their metrics have no data",
        "Run this again after a sweep.",
    )  # fmt: skip


def queue(name: str, attributes: Mapping[str, Any], region: str) -> Finding:
    """Whether anything waits in the queue of what failed for good."""
    waiting = int(attributes.get("ActiveMessages") or 0)
    if not waiting:
        return ok("on-failure queue", f"{name} is empty")
    return wrong(
        "on-failure queue",
        f"{waiting} events that failed for good are in {name}",
        f"Simple Message Queue console ({region}), {name}. docs/deploy.md, When it fails, says how to go on.",
    )
