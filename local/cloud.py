"""All local servers together, from one state folder: ECI, EventBridge, and a template's Function Compute.

What is started again on the same folder goes on where it was. Must not know what the functions do, beyond
this: they find ECI by IMC_ECI_ENDPOINT, and print their outcomes as JSON objects, one a line.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

import httpx

from .credentials import CredentialStore
from .eci.control import EciControl
from .eci.server import serve_eci
from .eventbridge.bus import bus_app
from .fc.control import FcControl
from .fc.dispatcher import RetryPolicy
from .fc.functions import Host, Invocation
from .fc.server import FunctionCompute, Options
from .fc.signature import Signer
from .fc.specs import Deployment, FunctionSpec, read_deployment
from .package_code import CodeError, is_package, python_version, unpacked
from .serving import serve
from .state import locked, published, webhook_token
from .template import load_template, parameter_names

__all__ = ["ROOT", "Call", "Cloud", "CloudConfig", "CodeError", "WaitError"]

ROOT = Path(__file__).resolve().parent.parent
_LONGEST_WAIT_SECONDS = 0.2


class WaitError(TimeoutError):
    """Raised when what was waited for does not come in time; the text says what did."""


@dataclass(frozen=True)
class CloudConfig:
    """What is served, and how.

    Attributes:
        state: the folder that everything is kept in; made when it is missing.
        template: the ROS template.
        code: the folder that is deployed, or a package: then it is unpacked read-only, and functions can
            import nothing beside it but the standard library.
        parameters: of the template. The code's place in OSS, Regions and WebhookTokens need not be given.
        environment: variables for every function, over those of the template.
        region: of all of it.
        account_id: that owns it.
        interpreter: the Python of the functions; their dependencies must be in its site-packages.
        fresh_process: whether each invocation gets a process of its own, as at a cold start.
        max_instances: of one function at a time.
        timers: whether the schedules of the timer triggers are followed; without, they fire on request only.
        retry: of asynchronous invocations.
        key_lifetime_seconds: of the functions' access key.
        port_base: the first of the ports; None for any free ones.
    """

    state: Path
    template: Path = ROOT / "template.yml"
    code: Path = ROOT / "functions"
    parameters: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    region: str = "cn-hangzhou"
    account_id: str = "1234567890123456"
    interpreter: Path = Path(sys.executable)
    fresh_process: bool = False
    max_instances: int = 10
    timers: bool = False
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    key_lifetime_seconds: float = 3600.0
    port_base: int | None = None


@dataclass(frozen=True, order=True)
class Call:
    """A call that a function made to the cloud.

    Attributes:
        function: its name.
        action: as a RAM policy names it.
        resource: likewise.
    """

    function: str
    action: str
    resource: str


class Cloud:
    """The running servers; a context manager.

    Attributes:
        config: what is served.
        eci_url: ECI, its administration included.
        fc_url: the invocation API and the administration of Function Compute.
        events_url: where CloudEvents are posted.
        http_urls: base URLs by the names of the HTTP triggers.
        auth: signs requests of an httpx client to HTTP triggers of the type ``function``.
        control: orders to ECI.
        fc: calls of the invocation API, and of its administration.

    Args:
        config: what is served.

    Raises:
        StateInUseError: another process serves the state folder.
        TemplateError: the template or its parameters are wrong.
        CodeError: the package cannot be run.
        OSError: a port is in use, or the folder cannot be used.
    """

    def __init__(self, config: CloudConfig) -> None:
        self.config = config
        with ExitStack() as stack:
            stack.enter_context(locked(config.state))
            self._tokens, self._deployment = _deployment(config)
            code_folder = _code_folder(config, self._deployment)
            self._start(stack, config, code_folder)
            stack.enter_context(published(config.state, self.endpoints()))
            self._stack = stack.pop_all()

    def _start(self, stack: ExitStack, config: CloudConfig, code_folder: Path) -> None:
        database = config.state / "cloud.db"
        ports = None if config.port_base is None else iter(range(config.port_base, 1 << 16))

        def next_port() -> int:
            return 0 if ports is None else next(ports)

        eci = serve_eci(database, port=next_port())
        stack.callback(eci.close)
        added = {"IMC_ECI_ENDPOINT": eci.url, **config.environment}
        functions = [
            replace(spec, environment={**spec.environment, **added}) for spec in self._deployment.functions
        ]
        self._deployment = replace(self._deployment, functions=tuple(functions))
        host = Host(
            code_folder=code_folder,
            isolated=is_package(config.code),
            interpreter=config.interpreter,
            region=config.region,
            account_id=config.account_id,
            max_instances=config.max_instances,
            fresh=config.fresh_process,
        )
        behaviour = Options(config.retry, config.key_lifetime_seconds, config.timers)
        compute = stack.enter_context(
            FunctionCompute(database, self._deployment, host, behaviour, "IMC_FC_ENDPOINT", next_port)
        )
        bus = serve(
            bus_app(self._deployment.eventbridge_triggers, compute.deliver),
            port=next_port(),
            name="EventBridge",
        )
        stack.callback(bus.close)
        credentials = CredentialStore(database)
        stack.callback(credentials.close)
        key = credentials.issue(temporary=False)
        stack.callback(credentials.revoke, key.access_key_id)
        self._logs = compute.logs
        self.eci_url = eci.url
        self.fc_url = compute.url
        self.http_urls = compute.http_urls
        self.events_url = f"{bus.url}/events"
        self.auth: httpx.Auth = Signer(key, trigger=True)
        self.control = EciControl(eci.url)
        stack.callback(self.control.close)
        self.fc = FcControl(compute.url, Signer(key, trigger=False))
        stack.callback(self.fc.close)

    def endpoints(self) -> dict[str, Any]:
        """All URLs, for other processes."""
        return {"eci": self.eci_url, "fc": self.fc_url, "events": self.events_url, "http": self.http_urls}

    @property
    def manual_url(self) -> str:
        """Takes manual requests, signed ones: use ``auth``. ``unsigned_url("manual")`` needs no signature."""
        return self._url_of("on_manual")

    def unsigned_url(self, trigger: str) -> str:
        """The URL of an HTTP trigger that checks no signature; in the cloud there is none."""
        return f"{self.fc_url}/_local/http/{trigger}"

    def webhook_url(self, source: str, token: str | None = None, registry: str | None = None) -> str:
        """The URL that a registry would be given.

        Args:
            source: the payload's format, such as ``acr``.
            token: the first of the deployed ones if None.
            registry: the parameter of this name, if any.
        """
        query = {"token": self._tokens.split(",")[0] if token is None else token}
        if registry is not None:
            query["registry"] = registry
        return f"{self._url_of('on_webhook')}/webhooks/{source}?{urlencode(query)}"

    def invoke(self, function: str, payload: bytes) -> Invocation:
        """Invoke a function over the API and wait for its end.

        Args:
            function: its name, or its handler's module, such as ``on_manual``.
            payload: the event.

        Raises:
            LookupError: there is no such function.
            FcControlError: the platform refuses; that the function fails is told by the result.
        """
        return self.fc.invoke(self._spec(function).name, payload)

    def fire_timer(self, trigger: str) -> str:
        """Fire a timer trigger now; returns the request id."""
        return self.fc.fire_timer(trigger)

    def outcomes(self) -> list[dict[str, Any]]:
        """The JSON objects that functions printed, one a line, in order, since the state folder is new."""
        return [
            outcome
            for line in self._logs.lines()
            if line.stream == "stdout" and (outcome := _json_object(line.line)) is not None
        ]

    def wait_for_outcomes(
        self, predicate: Callable[[list[dict[str, Any]]], bool], timeout_seconds: float = 20.0
    ) -> list[dict[str, Any]]:
        """Wait until the outcomes so far satisfy a condition; returns them.

        Raises:
            WaitError: they do not in time.
        """
        deadline = time.monotonic() + timeout_seconds
        while not predicate(outcomes := self.outcomes()):
            left = deadline - time.monotonic()
            if left <= 0:
                raise WaitError(f"not after {timeout_seconds} s; the outcomes are {json.dumps(outcomes)}")
            self._logs.wait(min(left, _LONGEST_WAIT_SECONDS))
        return outcomes

    def calls(self) -> set[Call]:
        """The calls that functions made so far, each once: what their roles have to allow."""
        known = self.fc.calls()
        owners = known["owners"]
        called = {
            Call(owners[one["access_key_id"]], "fc:InvokeFunction", one["resource"])
            for one in known["invocations"]
            if one["access_key_id"] in owners
        }
        for one in self.control.journal():
            function = owners.get(one["parameters"].get("AccessKeyId"))
            if function is not None:
                parameters = one["parameters"]
                image_cache = parameters["ImageCacheId"] if one["action"] == "UpdateImageCache" else "*"
                place = f"{parameters['RegionId']}:{self.config.account_id}"
                action = f"eci:{one['action']}"
                called.add(Call(function, action, f"acs:eci:{place}:imagecache/{image_cache}"))
        return called

    def close(self) -> None:
        """End all servers and all processes. What is not delivered stays stored."""
        self._stack.close()

    def __enter__(self) -> Cloud:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _spec(self, function: str) -> FunctionSpec:
        for spec in self._deployment.functions:
            if function in {spec.name, spec.module}:
                return spec
        raise LookupError(f"there is no function {function!r}")

    def _url_of(self, module: str) -> str:
        name = self._spec(module).name
        for trigger in self._deployment.http_triggers:
            if trigger.function_name == name:
                return self.http_urls[trigger.name]
        raise LookupError(f"{name} has no HTTP trigger")


def _code_folder(config: CloudConfig, deployment: Deployment) -> Path:
    """Where the code is that functions run."""
    if not is_package(config.code):
        return config.code.resolve()
    found = python_version(config.interpreter)
    for spec in deployment.functions:
        if spec.runtime != found:
            raise CodeError(f"{spec.name} is for {spec.runtime}, and {config.interpreter} is {found}")
    return unpacked(config.code, config.state.resolve())


def _deployment(config: CloudConfig) -> tuple[str, Deployment]:
    """The webhook's tokens, and what the template deploys."""
    usual = {
        "CodeBucket": "local-bucket",
        "CodeObject": "functions.zip",
        "Regions": config.region,
        "WebhookTokens": webhook_token(config.state),
    }
    known = parameter_names(config.template)
    given = {name: value for name, value in usual.items() if name in known} | dict(config.parameters)
    resources = load_template(config.template, given, region=config.region, account_id=config.account_id)
    return given.get("WebhookTokens", ""), read_deployment(resources)


def _json_object(line: str) -> dict[str, Any] | None:
    try:
        document = json.loads(line)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
