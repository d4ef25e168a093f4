"""Temporary logins of Container Registry, through the vendor's API, on the vendor's SDK.

Enterprise edition: action ``GetAuthorizationToken`` of the API ``cr`` 2018-12-01 (RPC style) with the
instance; its answer has ``TempUsername``, ``AuthorizationToken`` and ``ExpireTime`` in milliseconds. The
login is good for an hour, or as long as the security token that it was asked with (vendor documentation).

Personal edition: ``GET /tokens`` of version 2016-06-07 (ROA style), whose answer has the same under ``data``
as ``tempUserName``, ``authorizationToken`` and ``expireDate``. No documentation of this version was found;
the names are those of the vendor's published SDK and of tools that use it. That a registry of the form
``crpi-...`` takes this login is not verified.

The SDK's traps are those that ``eci_sdk`` lists, and are avoided in the same ways. Two more are known here: a
ROA request carries a security token in a header, and takes the client's region unless it has its own.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPException
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import proxy_bypass

# isort: split
from .aliyun_sdk import EciConnections  # first, see there

# isort: split
from aliyunsdkcore.acs_exception.exceptions import ClientException, ServerException
from aliyunsdkcore.http import protocol_type
from aliyunsdkcore.request import RoaRequest, RpcRequest
from aliyunsdkcore.vendored.requests.packages.urllib3.exceptions import HTTPError

from ..base.credentials import Credentials, without_secrets
from ..base.environment import is_loopback
from ..base.errors import RegistryError
from .registry_reader import Account

ENTERPRISE_VERSION: Final = "2018-12-01"
PERSONAL_VERSION: Final = "2016-06-07"
CONNECT_TIMEOUT_SECONDS = 3.0
READ_TIMEOUT_SECONDS = 5.0
SHORTEST_CALL_SECONDS = 0.5
MARGIN_SECONDS = 120
_LONGEST = 16 * 1024
_ODD = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError)
_PERSONAL_PREFIX = "crpi-"
_REGION = re.compile(r"[a-z]{2,}(?:-[a-z0-9]+)+", re.ASCII)
_INSTANCE = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,99}", re.ASCII)
_NO_CODE = "SDK.UnknownServerError"


@dataclass(frozen=True)
class _Kept:
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
    kept: dict[tuple[str, str, str], _Kept] = field(default_factory=dict, repr=False)


class AcrLogin:
    """Logs in to instances of Container Registry.

    Args:
        endpoint: an URL with an optional ``{region}``: ``https://cr.{region}.aliyuncs.com``.
        credentials: of this invocation; the login has their permissions.
        remaining: seconds that are left for reading registries.
        connections: those that outlive the invocation.
    """

    def __init__(
        self,
        endpoint: str,
        credentials: Credentials,
        remaining: Callable[[], float],
        connections: AcrConnections | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._credentials = credentials
        self._remaining = remaining
        self._connections = connections or AcrConnections()

    def account(self, instance_id: str | None, region_id: str) -> Account:
        """The login of an instance, kept until shortly before its end.

        Args:
            instance_id: ``cri-...`` for the enterprise edition; None or ``crpi-...`` for the personal one.
            region_id: where the instance is.

        Raises:
            RegistryError: when there is none.
        """
        if not _REGION.fullmatch(region_id) or not _INSTANCE.fullmatch(instance_id or _PERSONAL_PREFIX):
            raise RegistryError(f"no login: {instance_id!a:.80} in {region_id!a:.80} is no instance")
        instance = "" if instance_id is None or instance_id.startswith(_PERSONAL_PREFIX) else instance_id
        # A login has the permissions of whoever asked for it.
        asker = hashlib.sha256("\0".join(self._credentials.secrets).encode()).hexdigest()
        key, now = (region_id, instance, asker), self._connections.clock()
        kept = self._connections.kept.get(key)
        if kept is not None and now < kept.until:
            return kept.account
        outcome = self._call(instance, region_id)
        if isinstance(outcome, str):
            named = f"instance {instance}" if instance else "the personal edition"
            raise RegistryError(f"no login to {named} in {region_id}: {outcome}")
        alive = {one: login for one, login in self._connections.kept.items() if now < login.until}
        self._connections.kept = {**alive, key: outcome}
        return outcome.account

    def _call(self, instance: str, region_id: str) -> _Kept | str:
        """The login, or the problem: returned, so that no error has the SDK's exception as its context."""
        if self._remaining() < SHORTEST_CALL_SECONDS:
            return "out of time"
        client = self._connections.clients.client(self._credentials)
        request = self._request(instance, region_id, client)
        try:
            answer = json.loads(client.do_action_with_exception(request))
            code = "" if answer.get("IsSuccess", True) else str(answer["Code"])
            return self._refusal(HTTPStatus.OK, code) if code else _login(answer)
        except ServerException as error:
            return self._refusal(error.http_status, str(error.error_code))
        except ClientException as error:
            # The text may hold what was signed; only what kind of fault it was is taken from it.
            problem = "no answer in time" if "timed out" in str(error.message) else "the connection failed"
        except _ODD as error:
            problem = f"the answer could not be read: {type(error).__name__}"
        except (OSError, HTTPException, HTTPError) as error:
            problem = f"the connection failed: {type(error).__name__}"
        return problem

    def _request(self, instance: str, region_id: str, client: Any) -> Any:
        endpoint = urlsplit(self._endpoint.replace("{region}", region_id))
        hostname = endpoint.hostname or ""
        direct = is_loopback(hostname) or proxy_bypass(hostname)
        # A filled mapping keeps the SDK from reading the proxy variables; None in it means no proxy.
        client.proxy = {"http": None, "https": None} if direct else None
        request: Any
        if instance:
            request = RpcRequest("cr", ENTERPRISE_VERSION, "GetAuthorizationToken")
            request.set_method("POST")
            request.add_query_param("InstanceId", instance)
        else:
            request = RoaRequest(
                "cr", PERSONAL_VERSION, "GetAuthorizationToken", method="GET", uri_pattern="/tokens"
            )
            request.add_header("x-acs-region-id", region_id)
        request.add_query_param("RegionId", region_id)
        request.set_endpoint(endpoint.netloc)
        plain = endpoint.scheme == "http" and is_loopback(hostname)
        request.set_protocol_type(protocol_type.HTTP if plain else protocol_type.HTTPS)
        left = self._remaining()
        request.set_connect_timeout(min(CONNECT_TIMEOUT_SECONDS, left))
        request.set_read_timeout(min(READ_TIMEOUT_SECONDS, left))
        if self._credentials.security_token and instance:
            request.add_query_param("SecurityToken", self._credentials.security_token)
        elif self._credentials.security_token:
            request.add_header("x-acs-security-token", self._credentials.security_token)
        return request

    def _refusal(self, status: int, code: str) -> str:
        """The status, and the error code if it is one; never the message, which may repeat what was sent."""
        shown = code != _NO_CODE and _CODE.fullmatch(code)
        if not shown or without_secrets(code, self._credentials.secrets) != code:
            return f"Container Registry answered {int(status)}"
        return f"Container Registry answered {int(status)} {code}"


def _login(answer: Mapping[str, Any]) -> _Kept:
    """Read either edition's answer.

    Raises:
        ValueError: when it holds no login; or another of ``_ODD``.
    """
    if "data" in answer:
        data = answer["data"]
        user, password, until = data["tempUserName"], data["authorizationToken"], data.get("expireDate")
    else:
        user, password, until = answer["TempUsername"], answer["AuthorizationToken"], answer.get("ExpireTime")
    for text in (user, password):
        if not isinstance(text, str) or not 0 < len(text) <= _LONGEST:
            message = "a login has a user and a password"
            raise ValueError(message)
    # A login whose end is not known is used once.
    milliseconds = until if isinstance(until, int) else 0
    return _Kept(Account(user, password), milliseconds / 1000 - MARGIN_SECONDS)
