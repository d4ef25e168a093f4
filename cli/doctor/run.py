"""Runs the checks side by side, within a bound, and gives their lines in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

from imagecache.base.scrubber import scrubber
from imagecache.config.settings import secrets_of

from ..services.account import Account, identify
from ..services.errors import NotReadError
from . import alarms, caches, functions, logs, probe, roles, stack, triggers, webhook
from .deployment import Deployment, find_stack, wanted_resources
from .findings import ODD, Finding, ok, unknown

SECONDS = 28.0
"""All together."""


class Group(NamedTuple):
    """Checks that read the same things: the names of their lines, and what yields them."""

    names: tuple[str, ...]
    check: Callable[[Account, Deployment], Iterator[Finding]]


GROUPS = tuple(
    Group(module.NAMES, module.check)
    for module in (stack, functions, roles, triggers, webhook, probe, logs, alarms, caches)
)
NAMES = ("account", *(name for group in GROUPS for name in group.names))
"""All checks, in the order of their lines."""


def look(account: Account, stack_name: str) -> Deployment:
    """Read what every check needs.

    Raises:
        Problem: there is no such stack, or it cannot be read.
    """
    account_id = identify(account)
    found, made = find_stack(account, stack_name)
    wanted = wanted_resources(found, made, region=account.region, account_id=account_id)
    functions_found = functions.read_functions(account, wanted)
    return Deployment(account.region, account_id, found, made, wanted, functions_found)


def run(account: Account, deployment: Deployment, until: float) -> list[Finding]:
    """All lines, in order.

    Args:
        account: whom to ask.
        deployment: what ``look`` read.
        until: what is not known by then stays unknown; on the monotonic clock.
    """
    boxes = [_Box(group, account, deployment) for group in GROUPS]
    for box in boxes:
        box.thread.start()
    found = [ok("account", f"{deployment.account_id} in {account.region}")]
    for box in boxes:
        box.thread.join(max(0.0, until - time.monotonic()))
        found += box.lines("it did not end in time")
    hide = scrubber(secrets(account, deployment))
    return [replace(each, text=hide.cleaned(each.text), remedy=hide.cleaned(each.remedy)) for each in found]


def secrets(account: Account, deployment: Deployment) -> frozenset[str]:
    """What no line may show: the key, and the secrets among the functions' variables."""
    found = set(account.credentials.secrets)
    for function in deployment.functions.values():
        if not isinstance(function, NotReadError):
            found |= secrets_of(function.get("environmentVariables") or {}, None)
    return frozenset(found)


class _Box:
    """One group that runs; what it has yielded so far is there at any time."""

    def __init__(self, group: Group, account: Account, deployment: Deployment) -> None:
        self._names = group.names
        self._found: dict[str, Finding] = {}
        self._problem: NotReadError | None = None
        # It may be left behind when the time is over.
        self.thread = threading.Thread(target=self._run, args=(group, account, deployment), daemon=True)

    def _run(self, group: Group, account: Account, deployment: Deployment) -> None:
        try:
            for finding in group.check(account, deployment):
                self._found[finding.check] = finding
        except NotReadError as error:
            self._problem = error
        except ODD as error:
            self._problem = NotReadError(f"an answer could not be read ({type(error).__name__})")

    def lines(self, too_late: str) -> list[Finding]:
        """A line for each name."""
        why = self._problem or NotReadError(too_late)
        return [self._found.get(name) or unknown(name, why) for name in self._names]
