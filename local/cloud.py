"""All local servers together, from one state folder: ECI, Function Compute with a template's functions, EventBridge.

What is started again on the same folder goes on where it was. Must not know what the functions do, beyond this: they
find ECI by IMC_ECI_ENDPOINT, and print their outcomes as JSON objects, one a line.
"""

from __future__ import annotations

import fcntl
import json
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
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
from .fc.api_app import ApiParts, api_app
from .fc.control import FcControl
from .fc.deliveries import DeliveryStore
from .fc.dispatcher import Dispatcher, RetryPolicy
from .fc.functions import Functions, Host, Invocation
from .fc.logs import LogStore
from .fc.role import RoleKey
from .fc.signature import Signer
from .fc.specs import Deployment, FunctionSpec, read_deployment
from .fc.timers import Timers
from .fc.trigger_app import TriggerHost, trigger_app
from .serving import Served, serve
from .template import Resource, load_template, parameter_names

__all__ = ["Cloud", "CloudConfig", "StateInUseError", "WaitError"]

ROOT = Path(__file__).resolve().parent.parent
_LONGEST_WAIT_SECONDS = 0.2


class StateInUseError(RuntimeError):
    """Raised when another process serves the same state folder."""


class WaitError(TimeoutError):
    """Raised when what was waited for does not come in time; the text says what did."""


@dataclass(frozen=True)
class CloudConfig:
    """What is served, and how.

    Attributes:
        state: the folder that everything is kept in.
        template: the ROS template.
        code: the folder that is deployed.
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
    retry: RetryPolicy = RetryPolicy()
    key_lifetime_seconds: float = 3600.0
    port_base: int | None = None


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

    Raises:
        StateInUseError: another process serves the state folder.
        TemplateError: the template or its parameters are wrong.
        OSError: a port is in use, or the folder cannot be used.
    """

    def __init__(self, config: CloudConfig) -> None:
        self.config = config
        config.state.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            stack.enter_context(_locked(config.state / "lock"))
            self._start(stack)
            self._stack = stack.pop_all()

    def _start(self, stack: ExitStack) -> None:
        config = self.config
        database = config.state / "cloud.db"
        self._tokens, deployment = self._read_template()
        credentials = CredentialStore(database)
        stack.callback(credentials.close)
        self._ports = None if config.port_base is None else iter(range(config.port_base, config.port_base + 100))
        eci = serve_eci(database, port=self._port())
        stack.callback(eci.close)
        self.eci_url = eci.url
        environment = {"IMC_ECI_ENDPOINT": eci.url, **config.environment}
        self._specs = [
            replace(spec, environment={**spec.environment, **environment}) for spec in deployment.functions
        ]

        self._logs = LogStore(database)
        stack.callback(self._logs.close)
        deliveries = DeliveryStore(database)
        stack.callback(deliveries.close)
        host = Host(
            config.code.resolve(),
            config.interpreter,
            config.region,
            config.account_id,
            config.max_instances,
            config.fresh_process,
        )
        role_key = RoleKey(credentials, lifetime_seconds=config.key_lifetime_seconds)
        functions = Functions(self._specs, host, role_key, self._logs)
        dispatcher = Dispatcher(deliveries, functions, config.retry)
        stack.callback(dispatcher.close)

        trigger_host = TriggerHost(functions, credentials.lookup, config.account_id)
        timers = Timers(deployment.timer_triggers, dispatcher.deliver)
        api = ApiParts(
            functions,
            dispatcher,
            deliveries,
            self._logs,
            timers,
            role_key,
            deployment.http_triggers,
            credentials.lookup,
            config.account_id,
        )
        self.fc_url = self._serve(stack, api_app(api), "Function Compute").url
        bus = bus_app(deployment.eventbridge_triggers, dispatcher.deliver)
        self.events_url = self._serve(stack, bus, "EventBridge").url + "/events"
        self._deployment = deployment
        self.http_urls = {
            trigger.name: self._serve(stack, trigger_app(trigger, trigger_host), trigger.name).url
            for trigger in deployment.http_triggers
        }
        # Ended before the servers are: a server waits for the requests that it is answering.
        stack.callback(functions.close)
        stack.callback(dispatcher.stop)
        stack.callback(timers.close)
        dispatcher.start()
        if config.timers:
            timers.start()

        key = credentials.issue(temporary=False)
        stack.callback(credentials.revoke, key.access_key_id)
        self.auth: httpx.Auth = Signer(key, trigger=True)
        self.control = EciControl(eci.url)
        stack.callback(self.control.close)
        self.fc = FcControl(self.fc_url, Signer(key, trigger=False))
        stack.callback(self.fc.close)
        stack.callback((config.state / "endpoints.json").unlink, missing_ok=True)
        (config.state / "endpoints.json").write_text(json.dumps(self.endpoints()), encoding="utf-8")

    def endpoints(self) -> dict[str, Any]:
        """All URLs, for a person and for other processes."""
        return {
            "eci": self.eci_url,
            "fc": self.fc_url,
            "events": self.events_url,
            "http": self.http_urls,
            "http_unsigned": {name: f"{self.fc_url}/_local/http/{name}" for name in self.http_urls},
        }

    @property
    def manual_url(self) -> str:
        """Takes manual requests; signed ones, so use ``auth``, or ``unsigned_url("manual")`` instead."""
        return self._url_of("on_manual")

    def unsigned_url(self, trigger: str) -> str:
        """The URL of an HTTP trigger that checks no signature; on the cloud there is none."""
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
        """
        return self.fc.invoke(self.function_name(function), payload)

    def function_name(self, function: str) -> str:
        """The name of a function in the cloud.

        Raises:
            LookupError: none has this name or handler module.
        """
        return self._spec(function).name

    def fire_timer(self, trigger: str) -> str:
        """Fire a timer trigger now; returns the request id."""
        return self.fc.fire_timer(trigger)

    def outcomes(self) -> list[dict[str, Any]]:
        """The JSON objects that functions printed, one a line, in the order they came; all since the state began."""
        found = []
        for line in self._logs.lines():
            if line.stream == "stdout" and line.line.startswith("{"):
                try:
                    found.append(json.loads(line.line))
                except ValueError:
                    continue  # a line of a function's own that only looks like one
        return found

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

    def close(self) -> None:
        """End all servers and all processes."""
        self._stack.close()

    def __enter__(self) -> Cloud:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read_template(self) -> tuple[str, Deployment]:
        config = self.config
        given = {
            "CodeBucket": "local",
            "CodeObject": "functions.zip",
            "Regions": config.region,
            "WebhookTokens": _webhook_token(config.state / "webhook-token"),
        }
        known = parameter_names(config.template)
        parameters = {name: value for name, value in given.items() if name in known} | dict(config.parameters)
        resources: list[Resource] = load_template(
            config.template, parameters, region=config.region, account_id=config.account_id
        )
        return parameters.get("WebhookTokens", ""), read_deployment(resources)

    def _serve(self, stack: ExitStack, app: Any, name: str) -> Served:
        served = serve(app, port=self._port(), name=name)
        stack.callback(served.close)
        return served

    def _port(self) -> int:
        return 0 if self._ports is None else next(self._ports)

    def _spec(self, function: str) -> FunctionSpec:
        for spec in self._specs:
            if function in {spec.name, spec.module}:
                return spec
        raise LookupError(f"there is no function {function!r}")

    def _url_of(self, module: str) -> str:
        name = self._spec(module).name
        for trigger in self._deployment.http_triggers:
            if trigger.function_name == name:
                return self.http_urls[trigger.name]
        raise LookupError(f"{name} has no HTTP trigger")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        try:
            # The system frees it with the process, however that ends.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateInUseError(f"another process serves {path.parent}") from None
        yield


def _webhook_token(path: Path) -> str:
    """The token of this state, made when there is none: a webhook's URL stays the same from run to run."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24), encoding="ascii")
    return path.read_text(encoding="ascii")
