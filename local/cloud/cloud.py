"""All local servers together, from one state folder: ECI, EventBridge, and a template's Function Compute.

A cloud that is started again on the same folder goes on where the last one stopped. Must not know what the
functions do, beyond this: they find ECI by IMC_ECI_ENDPOINT, and print their outcomes as JSON objects, one a
line.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx

from ..base.serving import serve
from ..base.state_folder import locked, published
from ..base.switches import changed
from ..eci.control import EciControl
from ..eci.server import serve_eci
from ..eventbridge.bus import bus_app
from ..fc.control import FcControl
from ..fc.functions import Host, Invocation
from ..fc.server import FunctionCompute, Options
from ..fc.settings import Settings
from ..fc.signature import Signer
from ..fc.specs import FunctionSpec
from ..permissions.access import Call
from ..permissions.credentials import CredentialStore
from .config import ROOT, CloudConfig
from .deployment import code_folder, read_template, runtime_note
from .package_code import CodeError, is_package

__all__ = ["ROOT", "Call", "Cloud", "CloudConfig", "CodeError", "WaitError"]

_LONGEST_WAIT_SECONDS = 0.2


class WaitError(TimeoutError):
    """Raised when what was waited for does not come in time; the text says what came instead."""


class Cloud:
    """The running servers; a context manager.

    Attributes:
        config: what is served.
        eci_url: ECI, its administration included.
        fc_url: the invocation API and the administration of Function Compute.
        events_url: where CloudEvents are posted.
        http_urls: base URLs by the names of the HTTP triggers.
        key: an access key of the account's owner.
        auth: signs requests of an httpx client to HTTP triggers of the type ``function``.
        control: orders to ECI.
        fc: calls of the invocation API, and of its administration.

    Args:
        config: what is served.

    Raises:
        StateInUseError: another process serves the state folder.
        StateVersionError: another version of this program wrote the state.
        SwitchError: a switch of Function Compute is unknown, or has a wrong value.
        ControlError: the same of ECI.
        TemplateError: the template or its parameters are wrong.
        CodeError: the package cannot be run.
        OSError: a port is in use, or the folder cannot be used.
    """

    def __init__(self, config: CloudConfig) -> None:
        self.config = config
        with ExitStack() as stack:
            stack.enter_context(locked(config.state))
            self._tokens, self._deployment = read_template(config)
            self._start(stack, config, stack.enter_context(code_folder(config, self._deployment)))
            stack.enter_context(published(config.state, self.endpoints()))
            self._stack = stack.pop_all()

    def _start(self, stack: ExitStack, config: CloudConfig, folder: Path) -> None:
        database = config.state / "cloud.db"
        ports = None if config.port_base is None else iter(range(config.port_base, 1 << 16))

        def next_port() -> int:
            return 0 if ports is None else next(ports)

        eci = serve_eci(database, port=next_port(), account_id=config.account_id)
        stack.callback(eci.close)
        added = {"IMC_ECI_ENDPOINT": eci.url, **config.environment}
        functions = [
            replace(spec, environment={**spec.environment, **added}) for spec in self._deployment.functions
        ]
        self._deployment = replace(self._deployment, functions=tuple(functions))
        host = Host(
            code_folder=folder,
            isolated=is_package(config.code),
            interpreter=config.interpreter,
            region=config.region,
            account_id=config.account_id,
            max_instances=config.max_instances,
            fresh=config.fresh_process,
        )
        options = Options(
            config.retry,
            config.key_lifetime_seconds,
            config.timers,
            changed(Settings(), config.switches.fc),
        )
        compute = FunctionCompute(database, self._deployment, host, options, "IMC_FC_ENDPOINT", next_port)
        stack.callback(compute.close)
        bus = serve(
            bus_app(self._deployment.rules, compute.deliver),
            port=next_port(),
            name="EventBridge",
        )
        stack.callback(bus.close)
        credentials = CredentialStore(database)
        stack.callback(credentials.close)
        key = credentials.issue(temporary=False)
        stack.callback(credentials.revoke, key.access_key_id)
        self._compute = compute
        self._logs = compute.logs
        self.eci_url = eci.url
        self.fc_url = compute.url
        self.http_urls = compute.http_urls
        self.events_url = f"{bus.url}/events"
        self.key = key
        self.auth: httpx.Auth = Signer(key, trigger=True)
        self.control = EciControl(eci.url)
        stack.callback(self.control.close)
        self.control.settings(**config.switches.eci)
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
        """The URL of an HTTP trigger without the check of the signature; the real cloud has no such URL."""
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

    def note(self) -> str | None:
        """What should be said about the functions' interpreter; None if it is of their runtime."""
        return runtime_note(self.config, self._deployment)

    def invoke(self, function: str, payload: bytes) -> Invocation:
        """Invoke a function over the API and wait for its end.

        Args:
            function: its name, or its handler's module, such as ``on_manual``.
            payload: the event.

        Raises:
            LookupError: there is no such function.
            FcControlError: the platform refuses; a failure of the function is in the result.
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

    def calls(self) -> list[Call]:
        """What functions asked for so far, and the platform in their names, with whether it was allowed."""
        return self._compute.calls()

    def peak_memory(self) -> dict[str, float]:
        """The most resident memory that one process of each invoked function had, by its name, in MiB.

        A process reports it at the end of each invocation; one that was killed is not counted.
        """
        return self._compute.peak_memory()

    def queue_messages(self, name: str) -> list[dict[str, Any]]:
        """The documents in a queue, oldest first.

        Args:
            name: of a queue of the template.

        Raises:
            FcControlError: there is no such queue.
        """
        return [json.loads(message["body"]) for message in self.fc.queue_messages(name)]

    def close(self) -> None:
        """End all servers and all processes. What is not delivered stays stored."""
        self._stack.close()

    def __enter__(self) -> Cloud:
        return self

    def __exit__(self, *_error: object) -> None:
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


def _json_object(line: str) -> dict[str, Any] | None:
    try:
        document = json.loads(line)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
