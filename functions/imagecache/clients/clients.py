"""The clients of one invocation: ECI, the store of follow tasks, the reader of registries."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from ..base.credentials import Credentials
from ..base.deadline import Deadline
from ..base.errors import CredentialsError
from ..config.settings import Settings
from .connections import Connections
from .eci_gateway import EciGateway
from .registry_reader import RegistryReader
from .task_store import TaskStore


class Clients(Protocol):
    """What the engine calls."""

    @property
    def eci(self) -> EciGateway:
        """The calls to ECI."""

    @property
    def task_store(self) -> TaskStore:
        """Where follow tasks are stored."""

    @property
    def registries(self) -> RegistryReader:
        """Reads registries, with the accounts that the rules give."""

    @property
    def reading(self) -> Deadline:
        """The deadline of reading registries; its time starts with the first use."""


@dataclass(eq=False, repr=False)
class LiveClients:
    """``Clients`` over real connections; each is made, and its libraries are imported, at the first use.

    Attributes:
        settings: of this invocation.
        found: the credentials of this invocation, or the error that says why there are none.
        deadline: of this invocation; no client starts a call that has no time to end.
        connections: those that outlive the invocation.
    """

    settings: Settings
    found: Credentials | CredentialsError
    deadline: Deadline
    connections: Connections

    @property
    def credentials(self) -> Credentials:
        """The function's credentials; raises ``CredentialsError`` when there are none."""
        if isinstance(self.found, CredentialsError):
            raise self.found
        return self.found

    @cached_property
    def eci(self) -> EciGateway:
        """The calls to ECI; raises ``CredentialsError`` when there are no credentials."""
        credentials, connections = self.credentials, self.connections.eci
        from .eci import SdkGateway  # noqa: PLC0415 - see Connections

        return SdkGateway(self.settings.eci_endpoint, credentials, self.deadline, connections)

    @cached_property
    def task_store(self) -> TaskStore:
        """Where follow tasks are stored."""
        connections = self.connections.tasks
        from .function_compute import FcTaskStore  # noqa: PLC0415 - see Connections

        return FcTaskStore(self.settings.follow, self.credentials, self.deadline, connections)

    @cached_property
    def registries(self) -> RegistryReader:
        """Reads registries, with the accounts that the rules give."""
        connections = self.connections.registries(self.settings.ca_file)
        from .oci_registry import OciReader  # noqa: PLC0415 - see Connections
        from .registry_accounts import RegistryAccounts  # noqa: PLC0415 - see Connections

        accounts = RegistryAccounts(
            self.settings, lambda: self.credentials, self.reading.remaining, lambda: self.connections.acr
        )
        return OciReader(accounts.account, self.reading.remaining, connections)

    @cached_property
    def reading(self) -> Deadline:
        """The deadline of reading registries; its time starts with the first use."""
        return self.deadline.within(self.settings.registry_seconds)
