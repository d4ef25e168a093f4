"""Which account a registry is read with: the one that the rules give to UpdateImageCache for it.

A password of ``imageRegistryCredential`` comes first; then, for a Container Registry instance in
``acrRegistryInfo``, a temporary account of the function's role; else the registry is read anonymously.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..base.credentials import Credentials
from ..base.errors import InputError
from ..config.settings import Settings
from ..model.registry_identity import enterprise_host, personal_host, registry_identity, registry_region
from .acr_login import AcrConnections, AcrLogin
from .registry_reader import Account


@dataclass(eq=False, repr=False)
class RegistryAccounts:
    """Finds accounts.

    Attributes:
        settings: of this invocation.
        credentials: gives those of this invocation; called when a temporary account is needed.
        remaining: seconds that are left for reading registries.
        connections: gives those that outlive the invocation; called likewise.
    """

    settings: Settings
    credentials: Callable[[], Credentials]
    remaining: Callable[[], float]
    connections: Callable[[], AcrConnections]

    def account(self, registry: str) -> Account | None:
        """The account for a registry, by its identity, or None.

        Raises:
            RegistryError: when no temporary account could be got.
        """
        for credential in self._given("ImageRegistryCredential"):
            if self._is(registry, credential["Server"].partition("/")[0]):
                return Account(credential["UserName"], credential["Password"])
        for instance in self._given("AcrRegistryInfo"):
            region_id = instance.get("RegionId") or registry_region(registry) or self.settings.regions[0]
            if any(self._is(registry, host) for host in _hosts(instance, region_id)):
                return self._login.account(instance["InstanceId"], region_id)
        return None

    def _given(self, parameter: str) -> Iterator[Mapping[str, Any]]:
        for rule in self.settings.rules.rules:
            yield from rule.update.get(parameter, ())

    def _is(self, registry: str, host: str) -> bool:
        try:
            return self.settings.rules.identity(registry_identity(host)) == registry
        except InputError:
            return False

    @cached_property
    def _login(self) -> AcrLogin:
        endpoint = self.settings.cr_endpoint
        return AcrLogin(endpoint, self.credentials(), self.remaining, self.connections())


def _hosts(instance: Mapping[str, Any], region_id: str) -> Iterator[str]:
    """The host names of an instance, as far as the configuration has them."""
    yield from instance.get("Domain", ())
    yield personal_host(instance["InstanceId"], region_id)
    if "InstanceName" in instance:
        yield enterprise_host(instance["InstanceName"], region_id)
