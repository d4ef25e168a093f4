"""Connections that outlive an invocation.

What opens a connection imports an SDK or an HTTP library, which costs a cold start. So each is imported when
its first connection is wanted.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .acr_login import AcrConnections
    from .aliyun_sdk import EciConnections
    from .function_compute import TaskConnections
    from .oci_registry import RegistryConnections


class Connections:
    """Each kind is made when it is first used."""

    def __init__(self) -> None:
        self._registries: dict[str, RegistryConnections] = {}

    @cached_property
    def eci(self) -> EciConnections:
        """To ECI."""
        from .aliyun_sdk import EciConnections  # noqa: PLC0415 - an ignored event must not pay for it

        return EciConnections()

    @cached_property
    def tasks(self) -> TaskConnections:
        """To Function Compute."""
        from .function_compute import TaskConnections  # noqa: PLC0415 - likewise

        return TaskConnections()

    def registries(self, ca_file: str) -> RegistryConnections:
        """To OCI registries.

        Args:
            ca_file: certificate authorities that they are trusted by beside the public ones; empty for none.
        """
        from .oci_registry import RegistryConnections  # noqa: PLC0415 - likewise

        if ca_file not in self._registries:
            self._registries = {ca_file: RegistryConnections(ca_file=ca_file)}
        return self._registries[ca_file]

    @cached_property
    def acr(self) -> AcrConnections:
        """To Container Registry's API, with the temporary logins that it gave."""
        from .acr_login import AcrConnections  # noqa: PLC0415 - likewise

        return AcrConnections()
