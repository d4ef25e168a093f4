"""Which account a registry is asked with: the one that the rules give to UpdateImageCache for it.

A password of ``imageRegistryCredential`` comes first; then, for a Container Registry instance in
``acrRegistryInfo``, a temporary account of the function's role; else the registry is asked anonymously.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..base.credentials import Credentials
from ..base.errors import InputError
from ..config.settings import Settings
from ..model.registry_identity import enterprise_host, personal_host, registry_identity, registry_region
from .acr_login import AcrConnections, AcrLogin
from .registry_reader import Account


class RegistryAccounts:
    """Finds accounts.

    Args:
        settings: of this invocation.
        credentials: gives those of this invocation; asked when a temporary account is needed.
        remaining: seconds that are left for asking registries.
        connections: gives those that outlive the invocation; asked likewise.
    """

    def __init__(
        self,
        settings: Settings,
        credentials: Callable[[], Credentials],
        remaining: Callable[[], float],
        connections: Callable[[], AcrConnections],
    ) -> None:
        self._settings = settings
        self._connections = connections
        self._credentials = credentials
        self._remaining = remaining
        self._login: AcrLogin | None = None

    def account(self, registry: str) -> Account | None:
        """The account for a registry, by its identity, or None.

        Raises:
            RegistryError: when a temporary account could not be had.
        """
        for credential in self._given("ImageRegistryCredential"):
            if self._is(registry, credential["Server"].partition("/")[0]):
                return Account(credential["UserName"], credential["Password"])
        for instance in self._given("AcrRegistryInfo"):
            region_id = instance.get("RegionId") or registry_region(registry) or self._settings.regions[0]
            if any(self._is(registry, host) for host in _hosts(instance, region_id)):
                return self._acr().account(instance["InstanceId"], region_id)
        return None

    def _given(self, parameter: str) -> Iterator[Mapping[str, Any]]:
        for rule in self._settings.rules.rules:
            yield from rule.update.get(parameter, ())

    def _is(self, registry: str, host: str) -> bool:
        try:
            return self._settings.rules.identity(registry_identity(host)) == registry
        except InputError:
            return False

    def _acr(self) -> AcrLogin:
        if self._login is None:
            self._login = AcrLogin(
                self._settings.cr_endpoint, self._credentials(), self._remaining, self._connections()
            )
        return self._login


def _hosts(instance: Mapping[str, Any], region_id: str) -> Iterator[str]:
    """The host names of an instance, as far as the configuration tells them."""
    yield from instance.get("Domain", ())
    yield personal_host(instance["InstanceId"], region_id)
    if "InstanceName" in instance:
        yield enterprise_host(instance["InstanceName"], region_id)
