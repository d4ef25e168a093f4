"""What the template says about asynchronous invocations: ALIYUN::FC3::AsyncInvokeConfig, and its queues.

Must not know how an event is tried, nor what a queue keeps.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from ..template import Resource, TemplateError

__all__ = ["AsyncConfig", "read_async_configs"]

_CONFIG, _QUEUE = "ALIYUN::FC3::AsyncInvokeConfig", "ALIYUN::MNS::Queue"
_DESTINATION = re.compile(r"acs:mns:[a-z0-9-]+:[0-9]+:/queues/(?P<queue>[A-Za-z0-9-]+)/messages")


@dataclass(frozen=True)
class AsyncConfig:
    """How a function's asynchronous invocations are treated; the defaults are the platform's.

    Attributes:
        retries: after the first attempt.
        max_age_seconds: an event this old is given up.
        queue: the name of the queue that gets what is given up; None if nothing does.
    """

    retries: int = 3
    max_age_seconds: int = 86400
    queue: str | None = None


def read_async_configs(resources: Iterable[Resource], functions: Collection[str]) -> dict[str, AsyncConfig]:
    """The configurations by the functions' names.

    Args:
        resources: of the template.
        functions: the names of its functions.

    Raises:
        TemplateError: a value is wrong, or a function or a queue is not in the template.
    """
    listed = list(resources)
    queues = {one.properties.get("QueueName") for one in listed if one.type == _QUEUE}
    configs: dict[str, AsyncConfig] = {}
    for resource in listed:
        if resource.type != _CONFIG:
            continue
        path, properties = resource.path, resource.properties
        name = str(properties.get("FunctionName"))
        if name not in functions:
            raise TemplateError(f"{path}.FunctionName", f"there is no function {name!r}")
        if name in configs:
            raise TemplateError(f"{path}.FunctionName", f"{name} has a configuration already")
        configs[name] = AsyncConfig(
            _whole(path, properties, "MaxAsyncRetryAttempts", 3, range(9)),
            _whole(path, properties, "MaxAsyncEventAgeInSeconds", 86400, range(1, 604801)),
            _queue(path, properties, queues),
        )
    return configs


def _whole(path: str, properties: Any, name: str, default: int, allowed: range) -> int:
    value = properties.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value not in allowed:
        expected = f"{allowed[0]} to {allowed[-1]}"
        raise TemplateError(f"{path}.{name}", f"{expected} is expected, {value!r} found")
    return value


def _queue(path: str, properties: Any, queues: Collection[Any]) -> str | None:
    destination = properties.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
    if destination is None:
        return None
    match = _DESTINATION.fullmatch(str(destination))
    if match is None or match["queue"] not in queues:
        raise TemplateError(
            f"{path}.DestinationConfig.OnFailure.Destination",
            f"the ARN of a queue of this template is expected, {destination!r} found",
        )
    return match["queue"]
