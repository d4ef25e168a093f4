"""The functions of a deployment, ready to be invoked.

Joins what a function is (its spec), what it runs in (instances), what it may do (its role's key) and what it
says (the log). Must not know who invokes it, nor how often it is tried again.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .instance import Instance
from .logs import LogStore
from .pool import InstancePool, ThrottledError
from .role import RoleKeys
from .specs import FunctionSpec

__all__ = [
    "Functions",
    "Host",
    "Invocation",
    "ThrottledError",
    "UnknownFunctionError",
    "function_resource",
    "new_request_id",
]

GRACE_SECONDS = 2.0
_INHERITED = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ")


class UnknownFunctionError(LookupError):
    """Raised when there is no function of a name."""


@dataclass(frozen=True)
class Invocation:
    """One finished invocation.

    Attributes:
        request_id: the platform's id for it.
        payload: the result; with an ``error_type``, JSON with errorMessage, errorType, perhaps stackTrace.
        error_type: None, ``UnhandledInvocationError``, ``FunctionTimeout`` or ``ProcessExit``.
    """

    request_id: str
    payload: bytes
    error_type: str | None = None


@dataclass(frozen=True)
class Host:
    """Where functions run.

    Attributes:
        code_folder: what is deployed.
        interpreter: the Python of the instances.
        region: given to the functions.
        account_id: given to the functions.
        isolated: whether only the standard library and the code folder can be imported, as in the cloud;
            else the interpreter's site-packages can too.
        max_instances: of one function at a time, where the template sets no lower bound.
        fresh: whether each invocation gets a process of its own.
    """

    code_folder: Path
    interpreter: Path
    region: str
    account_id: str
    isolated: bool = False
    max_instances: int = 10
    fresh: bool = False


class Functions:
    """All functions by name.

    Args:
        specs: what they are.
        host: where they run.
        role_keys: their access keys.
        logs: gets every line that they write.
    """

    def __init__(
        self, specs: Sequence[FunctionSpec], host: Host, role_keys: RoleKeys, logs: LogStore
    ) -> None:
        self.default_environment: dict[str, str] = {}
        """Variables for functions whose spec does not set them; set before the first invocation."""
        self._specs = {spec.name: spec for spec in specs}
        self._role_keys = role_keys
        self._peaks: dict[str, float] = {}
        self._lock = threading.Lock()
        self._pools = {
            spec.name: InstancePool(
                _starter(spec, host, logs),
                max_instances=min(host.max_instances, spec.most_instances or host.max_instances),
                fresh=host.fresh,
            )
            for spec in specs
        }

    @property
    def specs(self) -> Mapping[str, FunctionSpec]:
        """The functions' specs by name."""
        return self._specs

    def invoke(self, name: str, event: bytes, *, request_id: str | None = None) -> Invocation:
        """Invoke a function and wait for its end.

        Args:
            name: of the function.
            event: what its handler gets.
            request_id: a new one if None; the same one when an invocation is tried again.

        Raises:
            UnknownFunctionError: there is no such function.
            ThrottledError: it has no instance left for the request.
        """
        spec = self._specs.get(name)
        if spec is None:
            raise UnknownFunctionError(f"there is no function {name!r}")
        request_id = request_id or new_request_id()
        defaults = {
            variable: value
            for variable, value in self.default_environment.items()
            if variable not in spec.environment
        }
        header = {
            "request_id": request_id,
            "runtime": spec.runtime,
            # A key that changed reaches a warm instance with its next request.
            "environment": {**defaults, **self._role_keys.environment(name)},
            "function": {
                "name": spec.name,
                "handler": spec.handler,
                "memory": spec.memory_mb,
                "timeout": spec.timeout_seconds,
            },
        }
        with self._pools[name].lend() as instance:
            answer = instance.invoke(header, event, spec.timeout_seconds)
        with self._lock:
            self._peaks[name] = max(self._peaks.get(name, 0.0), answer.peak_memory_mib)
        return Invocation(request_id, answer.payload, answer.error_type)

    def peak_memory(self) -> dict[str, float]:
        """The most resident memory that one process of each invoked function had so far, in MiB.

        A process that was killed, or ended by itself, has not reported it.
        """
        with self._lock:
            return dict(self._peaks)

    def close(self) -> None:
        """Refuse requests from now on, give those under way a few seconds, and end all instances."""
        deadline = time.monotonic() + GRACE_SECONDS
        for pool in self._pools.values():
            pool.refuse()
        for pool in self._pools.values():
            pool.close(max(0.0, deadline - time.monotonic()))


def function_resource(region: str, account_id: str, name: str) -> str:
    """The name of a function as a resource, in policies and in messages."""
    return f"acs:fc:{region}:{account_id}:functions/{name}"


def new_request_id() -> str:
    """An id for an invocation; the form is that of the vendor's examples."""
    return f"1-{secrets.token_hex(4)}-{uuid.uuid4().hex[:24]}"


def _starter(spec: FunctionSpec, host: Host, logs: LogStore) -> Callable[[], Instance]:
    def start() -> Instance:
        environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        environment.update(spec.environment)
        environment.update(
            FC_REGION=host.region,
            FC_ACCOUNT_ID=host.account_id,
            FC_FUNCTION_NAME=spec.name,
            FC_INSTANCE_ID=f"c-{uuid.uuid4().hex[:20]}",
        )
        return Instance(
            host.interpreter,
            host.code_folder,
            environment,
            lambda request_id, stream, line: logs.add(spec.name, request_id, stream, line),
            isolated=host.isolated,
        )

    return start
