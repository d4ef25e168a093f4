"""Temporary logins of Container Registry, through the vendor's API.

Enterprise edition: action ``GetAuthorizationToken`` of the API ``cr`` 2018-12-01 (RPC style) with the
instance; its answer has ``TempUsername``, ``AuthorizationToken`` and ``ExpireTime`` in milliseconds. The
login is good for an hour, or as long as the security token that it was asked with (vendor documentation).

Personal edition: ``GET /tokens`` of version 2016-06-07 (ROA style), whose answer has the same under ``data``
as ``tempUserName``, ``authorizationToken`` and ``expireDate``. No documentation of this version was found;
the names are those of the vendor's published SDK and of tools that use it. That a registry of the form
``crpi-...`` takes this login is not verified.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from ..base.credentials import Credentials
from ..base.errors import RegistryError
from .aliyun_sdk import NO_CODE, EciConnections, Fault, Refusal, SdkCalls
from .left_out import left_out
from .registry_reader import Account

with left_out():
    from aliyunsdkcore.request import RoaRequest, RpcRequest

ENTERPRISE_VERSION: Final = "2018-12-01"
PERSONAL_VERSION: Final = "2016-06-07"
TIMEOUT_SECONDS = (3.0, 5.0)
SHORTEST_CALL_SECONDS = 0.5
MARGIN_SECONDS = 120
_LONGEST = 16 * 1024
_PERSONAL_PREFIX = "crpi-"
_REGION = re.compile(r"[a-z]{2,}(?:-[a-z0-9]+)+", re.ASCII)
_INSTANCE = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)


class _Kept(NamedTuple):
    account: Account
    until: float


@dataclass
class AcrConnections:
    """Connections and logins that outlive an invocation.

    Args:
        clock: seconds since the epoch. A monotonic clock may stand still while an instance is frozen.
    """

    clock: Callable[[], float] = time.time
    clients: EciConnections = field(default_factory=EciConnections, repr=False)
    kept: dict[tuple[str, str, Credentials], _Kept] = field(default_factory=dict, repr=False)


class AcrLogin:
    """Logs in to instances of Container Registry.

    Args:
        endpoint: a URL with an optional ``{region}``: ``https://cr.{region}.aliyuncs.com``.
        credentials: of this invocation; the login has their permissions.
        remaining: seconds that are left for reading registries.
        connections: those that outlive the invocation.
    """

    def __init__(
        self,
        endpoint: str,
        credentials: Credentials,
        remaining: Callable[[], float],
        connections: AcrConnections,
    ) -> None:
        self._calls = SdkCalls(endpoint, credentials, remaining, connections.clients, TIMEOUT_SECONDS)
        self._connections = connections

    def account(self, instance_id: str | None, region_id: str) -> Account:
        """The login of an instance, kept until shortly before its end.

        Args:
            instance_id: ``cri-...`` for the enterprise edition; None or ``crpi-...`` for the personal one.
            region_id: where the instance is.

        Raises:
            RegistryError: when there is none.
        """
        if not _REGION.fullmatch(region_id) or not _INSTANCE.fullmatch(instance_id or _PERSONAL_PREFIX):
            raise RegistryError(f"no login: {instance_id!a:.80} in {region_id!a:.80} is not an instance")
        instance = "" if instance_id is None or instance_id.startswith(_PERSONAL_PREFIX) else instance_id
        # A login has the permissions of whoever asked for it.
        key, now = (region_id, instance, self._calls.credentials), self._connections.clock()
        kept = self._connections.kept.get(key)
        if kept is not None and now < kept.until:
            return kept.account
        outcome = self._ask(instance, region_id)
        if isinstance(outcome, str):
            named = f"instance {instance}" if instance else "the personal edition"
            raise RegistryError(f"no login to {named} in {region_id}: {outcome}")
        alive = {one: login for one, login in self._connections.kept.items() if now < login.until}
        self._connections.kept = {**alive, key: outcome}
        return outcome.account

    def _ask(self, instance: str, region_id: str) -> _Kept | str:
        """The login, or the problem."""
        if self._calls.remaining() < SHORTEST_CALL_SECONDS:
            return "out of time"
        outcome = self._calls.send(_request(instance, region_id), region_id, self._read)
        if isinstance(outcome, Fault):
            return outcome.text
        if isinstance(outcome, Refusal):
            # Never the message, which may repeat what was sent.
            code = "" if outcome.code == NO_CODE else outcome.code
            return f"Container Registry answered {outcome.status} {code}".rstrip()
        return outcome

    def _read(self, answer: Mapping[str, Any]) -> _Kept | Refusal:
        """Read either edition's answer."""
        code = "" if answer.get("IsSuccess", True) else str(answer["Code"])
        if code:
            return Refusal(int(HTTPStatus.OK), self._calls.shown(code))
        if "data" in answer:
            data = answer["data"]
            user, password, until = data["tempUserName"], data["authorizationToken"], data.get("expireDate")
        else:
            user, password = answer["TempUsername"], answer["AuthorizationToken"]
            until = answer.get("ExpireTime")
        for text in (user, password):
            if not isinstance(text, str) or not 0 < len(text) <= _LONGEST:
                raise ValueError("a login has a user and a password")
        # A login whose end is not known is used once.
        milliseconds = until if isinstance(until, int) else 0
        return _Kept(Account(user, password), milliseconds / 1000 - MARGIN_SECONDS)


def _request(instance: str, region_id: str) -> Any:
    request: Any
    if instance:
        request = RpcRequest("cr", ENTERPRISE_VERSION, "GetAuthorizationToken")
        request.set_method("POST")
        request.add_query_param("InstanceId", instance)
    else:
        request = RoaRequest(
            "cr", PERSONAL_VERSION, "GetAuthorizationToken", method="GET", uri_pattern="/tokens"
        )
        # A ROA request takes the client's region unless it has its own.
        request.add_header("x-acs-region-id", region_id)
    request.add_query_param("RegionId", region_id)
    return request
