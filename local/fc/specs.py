"""What the template says of functions and triggers: ALIYUN::FC3::Function, ::Trigger and ::ConcurrencyConfig.

What stands beside them (roles, queues, asynchronous configurations) is read elsewhere and collected here.
Property names are those of the resource types; the keys inside TriggerConfig those of the API's trigger
structures. Must not know how anything is run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..eventbridge.rules import Rule, read_rule
from ..permissions.policies import Role, role_of_function
from ..template.document import Resource, TemplateError
from ..template.properties import take
from .async_config import AsyncConfig, read_async_configs, read_queues
from .schedule import Schedule, ScheduleError, parse_schedule

__all__ = [
    "RUNTIMES",
    "Deployment",
    "FunctionSpec",
    "HttpTrigger",
    "TimerTrigger",
    "read_deployment",
]

RUNTIMES = ("python3.12", "python3.10")
_METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class FunctionSpec:
    """A function.

    Attributes:
        name: its name in the cloud.
        logical_id: its name in the template.
        handler: ``module.function``.
        runtime: one of ``RUNTIMES``.
        timeout_seconds: how long one invocation may take.
        memory_mb: given to the function; not enforced here.
        environment: its own variables; may hold secrets, so they are not in the text form.
        role: what it may do; without one it gets no access key.
        most_instances: how many of it run at a time; None where the template sets no bound.
    """

    name: str
    logical_id: str
    handler: str
    runtime: str
    timeout_seconds: int
    memory_mb: int
    environment: Mapping[str, str] = field(repr=False)
    role: Role | None = None
    most_instances: int | None = None

    @property
    def module(self) -> str:
        """The handler's module."""
        return self.handler.rpartition(".")[0]


@dataclass(frozen=True)
class HttpTrigger:
    """A URL of a function; ``auth_type`` is ``anonymous`` or ``function`` (a signature is checked)."""

    name: str
    function_name: str
    auth_type: str
    methods: tuple[str, ...]


@dataclass(frozen=True)
class TimerTrigger:
    """A schedule of a function; ``payload`` is handed over as a text inside the event."""

    name: str
    function_name: str
    schedule: Schedule
    expression: str
    payload: str
    enabled: bool


@dataclass(frozen=True)
class Deployment:
    """All that a template deploys to Function Compute, and the queues that it sends to.

    Attributes:
        functions: all of them.
        http_triggers: all of them.
        timer_triggers: enabled or not.
        rules: of the event bus, enabled or not.
        async_configs: by the names of the functions; a function that is not there has the defaults.
        queues: the names of the message queues.
    """

    functions: tuple[FunctionSpec, ...]
    http_triggers: tuple[HttpTrigger, ...]
    timer_triggers: tuple[TimerTrigger, ...]
    rules: tuple[Rule, ...]
    async_configs: Mapping[str, AsyncConfig] = field(default_factory=dict)
    queues: tuple[str, ...] = ()


def read_deployment(resources: Iterable[Resource]) -> Deployment:
    """Read what concerns Function Compute from a template's resources; other types are passed over.

    Raises:
        TemplateError: a property is missing or wrong, or names a function, role or queue that is not there.
    """
    listed = list(resources)
    functions = tuple(_function(one, listed) for one in listed if one.type == "ALIYUN::FC3::Function")
    names = {one.name for one in functions}
    bounds = _bounds(listed, names)
    functions = tuple(replace(one, most_instances=bounds.get(one.name)) for one in functions)
    triggers: list[HttpTrigger | TimerTrigger | Rule] = []
    for resource in listed:
        if resource.type == "ALIYUN::FC3::Trigger":
            triggers.append(_trigger(resource))
            if triggers[-1].function_name not in names:
                raise TemplateError(
                    f"{resource.path}.FunctionName", f"there is no function {triggers[-1].function_name!r}"
                )
    # Function Compute wants them unique for one function; here a trigger is found by its name alone.
    for name, count in Counter(trigger.name for trigger in triggers).items():
        if count > 1:
            raise TemplateError("Resources", f"{count} triggers have the name {name!r}")
    queues = read_queues(listed)
    return Deployment(
        functions,
        tuple(one for one in triggers if isinstance(one, HttpTrigger)),
        tuple(one for one in triggers if isinstance(one, TimerTrigger)),
        tuple(one for one in triggers if isinstance(one, Rule)),
        read_async_configs(listed, functions=names, queues=queues),
        queues,
    )


def _bounds(resources: Iterable[Resource], functions: Collection[str]) -> dict[str, int]:
    """How many instances functions may have, by their names."""
    bounds: dict[str, int] = {}
    for resource in resources:
        if resource.type == "ALIYUN::FC3::ConcurrencyConfig":
            path = f"{resource.path}.FunctionName"
            name = take(resource.path, resource.properties, "FunctionName", str)
            if name not in functions:
                raise TemplateError(path, f"there is no function {name!r}")
            if name in bounds:
                raise TemplateError(path, f"a second bound of {name!r}")
            bounds[name] = take(resource.path, resource.properties, "ReservedConcurrency", int)
    return bounds


def _function(resource: Resource, resources: Iterable[Resource]) -> FunctionSpec:
    path, properties = resource.path, resource.properties
    handler = take(path, properties, "Handler", str)
    if "." not in handler.strip("."):
        raise TemplateError(f"{path}.Handler", f"module.function is expected, {handler!r} found")
    runtime = take(path, properties, "Runtime", str)
    if runtime not in RUNTIMES:
        raise TemplateError(f"{path}.Runtime", f"one of {', '.join(RUNTIMES)} is expected, {runtime!r} found")
    environment = take(path, properties, "EnvironmentVariables", dict, {})
    for name, value in environment.items():
        if not isinstance(value, str):
            raise TemplateError(
                f"{path}.EnvironmentVariables.{name}", f"a text is expected, {type(value).__name__} found"
            )
    return FunctionSpec(
        name=take(path, properties, "FunctionName", str),
        logical_id=resource.logical_id,
        handler=handler,
        runtime=runtime,
        timeout_seconds=take(path, properties, "Timeout", int, 3),
        memory_mb=take(path, properties, "MemorySize", int, 512),
        environment=environment,
        role=role_of_function(resource, resources),
    )


def _trigger(resource: Resource) -> HttpTrigger | TimerTrigger | Rule:
    path, properties = resource.path, resource.properties
    name = take(path, properties, "TriggerName", str)
    function_name = take(path, properties, "FunctionName", str)
    kind = take(path, properties, "TriggerType", str)
    config = take(path, properties, "TriggerConfig", dict)
    if kind == "http":
        return _http(f"{path}.TriggerConfig", name, function_name, config)
    if kind == "timer":
        return _timer(f"{path}.TriggerConfig", name, function_name, config)
    if kind == "eventbridge":
        return read_rule(f"{path}.TriggerConfig", name, function_name, config)
    raise TemplateError(f"{path}.TriggerType", f"http, timer or eventbridge is expected, {kind!r} found")


def _http(path: str, name: str, function_name: str, config: Mapping[str, Any]) -> HttpTrigger:
    auth_type = take(path, config, "authType", str)
    if auth_type not in {"anonymous", "function"}:
        raise TemplateError(f"{path}.authType", f"anonymous or function is expected, {auth_type!r} found")
    methods = take(path, config, "methods", list)
    for number, method in enumerate(methods):
        if method not in _METHODS:
            raise TemplateError(f"{path}.methods[{number}]", f"{method!r} is not an HTTP method")
    return HttpTrigger(name, function_name, auth_type, tuple(methods))


def _timer(path: str, name: str, function_name: str, config: Mapping[str, Any]) -> TimerTrigger:
    expression = take(path, config, "cronExpression", str)
    try:
        schedule = parse_schedule(expression)
    except ScheduleError as error:
        raise TemplateError(f"{path}.cronExpression", str(error)) from None
    enabled = take(path, config, "enable", bool)
    return TimerTrigger(
        name, function_name, schedule, expression, take(path, config, "payload", str, ""), enabled
    )
