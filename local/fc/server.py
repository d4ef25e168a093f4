"""Function Compute as a whole: the functions of a deployment, their queue, their triggers, and the servers.

Must not know ECI, nor where templates come from.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base.database import connect
from ..base.delivery import Deliver
from ..base.serving import serve
from ..permissions import access
from ..permissions.credentials import CredentialStore
from .admin import AdminParts, admin_routes
from .api_app import api_app
from .deliveries import DeliveryStore
from .dispatcher import Dispatcher, RetryPolicy
from .functions import Functions, Host
from .logs import LogStore
from .on_failure import OnFailure
from .queues import QueueStore
from .role import RoleKeys
from .settings import Settings, Switchboard
from .specs import Deployment
from .timers import Timers
from .trigger_app import TriggerHost, trigger_app

__all__ = ["FunctionCompute", "Options"]


@dataclass(frozen=True)
class Options:
    """How it behaves.

    Attributes:
        retry: of asynchronous invocations.
        key_lifetime_seconds: of the functions' access keys.
        timers: whether the schedules of the timer triggers are followed; without, they fire on request only.
        settings: the switches at the start.
    """

    retry: RetryPolicy
    key_lifetime_seconds: float
    timers: bool
    settings: Settings


class FunctionCompute:
    """The running servers, until ``close``.

    Attributes:
        url: the invocation API and the administration.
        http_urls: base URLs by the names of the HTTP triggers.
        logs: what the functions wrote.
        switches: how asynchronous invocation behaves.

    Args:
        database_path: the SQLite file; it goes on where the last one on the same file stopped.
        deployment: functions and triggers.
        host: where functions run.
        options: how it behaves.
        endpoint_variable: the variable that holds the invocation API's URL for the functions.
        next_port: gives the port for each server, the API's first; 0 for any free one.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what a deployment is made of
        self,
        database_path: Path,
        deployment: Deployment,
        host: Host,
        options: Options,
        endpoint_variable: str,
        next_port: Callable[[], int],
    ) -> None:
        with ExitStack() as stack:
            credentials = CredentialStore(database_path)
            stack.callback(credentials.close)
            self.logs = LogStore(database_path)
            stack.callback(self.logs.close)
            deliveries = DeliveryStore(database_path)
            stack.callback(deliveries.close)
            queues = QueueStore(database_path, deployment.queues)
            stack.callback(queues.close)
            self._rights = connect(database_path)
            stack.callback(self._rights.close)
            self._rights.executescript(access.SCHEMA)
            roles = {spec.name: spec.role for spec in deployment.functions if spec.role is not None}
            access.replace_principals(self._rights, roles)
            role_keys = RoleKeys(credentials, roles, lifetime_seconds=options.key_lifetime_seconds)
            functions = Functions(deployment.functions, host, role_keys, self.logs)
            self._functions = functions
            on_failure = OnFailure(queues, self._permitted, self.logs, host.region, host.account_id)
            self._dispatcher = Dispatcher(
                deliveries, functions, deployment.async_configs, options.retry, on_failure.send
            )
            stack.callback(self._dispatcher.close)
            timers = Timers(deployment.timer_triggers, self._dispatcher.deliver)
            triggers = TriggerHost(
                functions, credentials.lookup, self._permitted, host.region, host.account_id
            )
            self.switches = Switchboard(options.settings)
            admin = AdminParts(
                switches=self.switches,
                triggers=triggers,
                http_triggers=deployment.http_triggers,
                dispatcher=self._dispatcher,
                deliveries=deliveries,
                logs=self.logs,
                timers=timers,
                role_keys=role_keys,
                queues=queues,
            )

            def serve_on_next_port(app: Any, name: str) -> str:
                served = serve(app, port=next_port(), name=name)
                stack.callback(served.close)
                return served.url

            self.url = serve_on_next_port(
                api_app(triggers, self._dispatcher, self.switches, admin_routes(admin)), "Function Compute"
            )
            # Only known now; no process was started yet, as nothing was accepted so far.
            functions.default_environment = {endpoint_variable: self.url}
            self.http_urls = {
                trigger.name: serve_on_next_port(
                    trigger_app(trigger, triggers), f"HTTP trigger {trigger.name}"
                )
                for trigger in deployment.http_triggers
            }
            # Ended before the servers, as a server waits for the requests that it is answering.
            stack.callback(functions.close)
            stack.callback(self._dispatcher.stop)
            stack.callback(timers.close)
            self._dispatcher.start()
            if options.timers:
                timers.start()
            self._stack = stack.pop_all()

    @property
    def deliver(self) -> Deliver:
        """Takes events for asynchronous invocation."""
        return self._dispatcher.deliver

    def calls(self) -> list[access.Call]:
        """What functions asked for so far, and the platform in their names, with whether it was allowed."""
        return access.calls(self._rights)

    def peak_memory(self) -> dict[str, float]:
        """The most resident memory of one process of each invoked function, in MiB."""
        return self._functions.peak_memory()

    def close(self) -> None:
        """End servers, threads and processes. What is not delivered stays stored."""
        self._stack.close()

    def _permitted(self, principal: str | None, action: str, resource: str) -> bool:
        return access.permitted(self._rights, principal, action, resource)
