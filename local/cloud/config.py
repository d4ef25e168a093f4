"""What a local cloud serves, and how: the settings of one. Must not know how it is done."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..fc.dispatcher import RetryPolicy
from ..permissions.access import ACCOUNT_ID

__all__ = ["ROOT", "CloudConfig", "Switches"]

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Switches:
    """Settings to begin with; those that are not named are as the state or the tables say.

    Attributes:
        eci: by the names of ``eci.settings``; kept in the state.
        fc: by the names of ``fc.settings``; they last until the servers end.
    """

    eci: Mapping[str, Any] = field(default_factory=dict)
    fc: Mapping[str, Any] = field(default_factory=dict)


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
        interpreter: the Python of the functions. For a folder their dependencies must be in its
            site-packages; for a package its version must be that of the runtime.
        fresh_process: whether each invocation gets a process of its own, as at a cold start.
        max_instances: of one function at a time.
        timers: whether the schedules of the timer triggers are followed; without, they fire on request only.
        retry: of asynchronous invocations.
        key_lifetime_seconds: of the functions' access keys.
        switches: how the servers behave where nobody knows what the cloud does.
        port_base: the first of the ports; None for any free ones.
    """

    state: Path
    template: Path = ROOT / "template.yml"
    code: Path = ROOT / "functions"
    parameters: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    region: str = "cn-hangzhou"
    account_id: str = ACCOUNT_ID
    interpreter: Path = Path(sys.executable)
    fresh_process: bool = False
    max_instances: int = 10
    timers: bool = False
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    key_lifetime_seconds: float = 3600.0
    switches: Switches = field(default_factory=Switches)
    port_base: int | None = None
