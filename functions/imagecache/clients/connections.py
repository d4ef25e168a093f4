"""Connections that outlive an invocation. They hold no credentials of the function's role.

What opens a connection imports an SDK or an HTTP library, and a cold start pays for that: each is imported
when its first connection is wanted.
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

    @cached_property
    def registries(self) -> RegistryConnections:
        """To OCI registries."""
        from .oci_registry import RegistryConnections  # noqa: PLC0415 - likewise

        return RegistryConnections()

    @cached_property
    def acr(self) -> AcrConnections:
        """To Container Registry's API, with the temporary accounts that it gave."""
        from .acr_login import AcrConnections  # noqa: PLC0415 - likewise

        return AcrConnections()
