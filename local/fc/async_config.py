"""What the template says about asynchronous invocation: AsyncInvokeConfig of ALIYUN::FC3, and MNS queues.

Defaults and ranges are those of the vendor's pages "Retry policies" and "AsyncConfig". The only destination
that is supported here is a queue, and only for failures. Must not know how anything is run.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..template.document import Resource, TemplateError
from ..template.properties import take

__all__ = ["AsyncConfig", "Destination", "queue_of", "read_async_configs", "read_queues"]

MOST_RETRIES = 8
LONGEST_AGE_SECONDS = 604800
_QUEUE = re.compile(r"acs:mns:[^:/]+:[^:/]+:/queues/(?P<queue>[^/]+)/messages")


@dataclass(frozen=True)
class Destination:
    """Where events that are given up go.

    Attributes:
        resource: the name of the queue as a resource: what ``mns:SendMessage`` must be allowed on.
        queue: its short name.
    """

    resource: str
    queue: str


@dataclass(frozen=True)
class AsyncConfig:
    """How a function's asynchronous invocations are handled.

    Attributes:
        retries: how often a failed one is tried again.
        max_age_seconds: an event this old is given up, whatever it waits for.
        task_mode: whether a caller's task id may be used only once. Without it the platform keeps no record
            of tasks: here the id is then checked for its form and ignored.
        on_failure: where an event that is given up goes; None if it is dropped.
    """

    retries: int = 3
    max_age_seconds: int = 86400
    task_mode: bool = False
    on_failure: Destination | None = None


def queue_of(resource: str) -> str | None:
    """The name of the queue that a destination's resource is about; None when it is not about a queue."""
    match = _QUEUE.fullmatch(resource)
    return None if match is None else match["queue"]


def read_queues(resources: Iterable[Resource]) -> tuple[str, ...]:
    """The names of the queues of a template.

    Raises:
        TemplateError: a queue has no name, or two have the same.
    """
    names: list[str] = []
    for resource in resources:
        if resource.type == "ALIYUN::MNS::Queue":
            name = take(resource.path, resource.properties, "QueueName", str)
            if name in names:
                raise TemplateError(f"{resource.path}.QueueName", f"a second queue has the name {name!r}")
            names.append(name)
    return tuple(names)


def read_async_configs(
    resources: Iterable[Resource], *, functions: Collection[str], queues: Collection[str]
) -> dict[str, AsyncConfig]:
    """The asynchronous configurations of a template, by the names of the functions.

    Args:
        resources: all of the template.
        functions: the names of its functions.
        queues: the names of its queues.

    Raises:
        TemplateError: a property is wrong, or names a function or a queue that is not there.
    """
    configs: dict[str, AsyncConfig] = {}
    for resource in resources:
        if resource.type == "ALIYUN::FC3::AsyncInvokeConfig":
            path = f"{resource.path}.FunctionName"
            name = take(resource.path, resource.properties, "FunctionName", str)
            if name not in functions:
                raise TemplateError(path, f"there is no function {name!r}")
            if name in configs:
                raise TemplateError(path, f"a second configuration of {name!r}")
            configs[name] = _config(resource.path, resource.properties, queues)
    return configs


def _config(path: str, properties: Mapping[str, Any], queues: Collection[str]) -> AsyncConfig:
    return AsyncConfig(
        retries=_number(path, properties, "MaxAsyncRetryAttempts", 0, MOST_RETRIES, AsyncConfig.retries),
        max_age_seconds=_number(
            path,
            properties,
            "MaxAsyncEventAgeInSeconds",
            1,
            LONGEST_AGE_SECONDS,
            AsyncConfig.max_age_seconds,
        ),
        task_mode=take(path, properties, "AsyncTask", bool, default=False),
        on_failure=_on_failure(
            f"{path}.DestinationConfig", take(path, properties, "DestinationConfig", dict, {}), queues
        ),
    )


def _number(  # noqa: PLR0913, PLR0917 - where it is, and its range
    path: str, properties: Mapping[str, Any], name: str, least: int, most: int, default: int
) -> int:
    number: int = take(path, properties, name, int, default)
    if not least <= number <= most:
        raise TemplateError(f"{path}.{name}", f"{least} to {most} is expected, {number} found")
    return number


def _on_failure(path: str, config: Mapping[str, Any], queues: Collection[str]) -> Destination | None:
    for name in sorted(set(config) - {"OnFailure"}):
        raise TemplateError(f"{path}.{name}", "a destination that is not supported here")
    if "OnFailure" not in config:
        return None
    path = f"{path}.OnFailure"
    resource = take(path, take(path.rpartition(".")[0], config, "OnFailure", dict), "Destination", str)
    queue = queue_of(resource)
    if queue is None:
        raise TemplateError(
            f"{path}.Destination",
            f"acs:mns:<region>:<account>:/queues/<queue>/messages is expected, {resource!r} found",
        )
    if queue not in queues:
        known = ", ".join(queues) or "none"
        raise TemplateError(
            f"{path}.Destination", f"there is no queue {queue!r} in the template; known are {known}"
        )
    return Destination(resource, queue)
