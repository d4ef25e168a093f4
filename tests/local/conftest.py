"""A running ECI server, the vendor's SDK as its client, and a clock that the test moves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.auth.credentials import AccessKeyCredential, StsTokenCredential
from aliyunsdkcore.client import AcsClient
from aliyunsdkeci.request.v20180808.DescribeImageCachesRequest import DescribeImageCachesRequest
from aliyunsdkeci.request.v20180808.UpdateImageCacheRequest import UpdateImageCacheRequest

from local.eci.control import EciControl
from local.permissions.credentials import Credential, CredentialStore
from tests.support.clock import ManualClock
from tests.support.eci import REGION, EciServer, eci_server, renewed


class SdkClient:
    """The two calls through the vendor's SDK, each parameter set by the SDK's own setter."""

    def __init__(self, url: str, credential: Credential, region_id: str) -> None:
        self._address = url.removeprefix("http://")
        key = credential.access_key_id, credential.access_key_secret
        signer = (
            StsTokenCredential(*key, credential.security_token)
            if credential.security_token
            else AccessKeyCredential(*key)
        )
        self._client = AcsClient(region_id=region_id, credential=signer, auto_retry=False)
        self._client.session.trust_env = False

    def describe(self, **parameters: Any) -> Any:
        return self._call(DescribeImageCachesRequest(), parameters)

    def update(self, **parameters: Any) -> Any:
        return self._call(UpdateImageCacheRequest(), parameters)

    def describe_one(self, image_cache_id: str) -> Any:
        (cache,) = self.describe(ImageCacheId=image_cache_id)["ImageCaches"]
        return cache

    def raw(self, request: Any, query: dict[str, str] | None = None) -> bytes:
        request.set_endpoint(self._address)
        for name, value in (query or {}).items():
            request.add_query_param(name, value)
        answer: bytes = self._client.do_action_with_exception(request)
        return answer

    def _call(self, request: Any, parameters: dict[str, Any]) -> Any:
        for name, value in parameters.items():
            getattr(request, f"set_{name}")(value)
        return json.loads(self.raw(request))

    def close(self) -> None:
        self._client.session.close()


@dataclass(frozen=True)
class SdkEci:
    """A running server, its clock that the test moves, and clients of the vendor's SDK.

    Attributes:
        server: as it runs.
        clock: the time of its caches.
        control: orders to it.
        credentials: its access keys.
        credential: one of them.
        sdk: a client that has it.
        new_client: makes another client.
    """

    server: EciServer
    clock: ManualClock
    control: EciControl
    credentials: CredentialStore
    credential: Credential
    sdk: SdkClient
    new_client: Callable[..., SdkClient]
    cache: Callable[..., str]

    @property
    def url(self) -> str:
        return self.server.served.url


@contextmanager
def sdk_eci(server: EciServer) -> Iterator[SdkEci]:
    """The server as if it was new. Its administration is tested here too, so orders go over HTTP."""
    eci = replace(renewed(server, ("nginx:1",)), control=server.over_http)
    assert eci.clock is not None
    with ExitStack() as clients:

        def new_client(credential: Credential = eci.credential, region_id: str = REGION) -> SdkClient:
            client = SdkClient(eci.url, credential, region_id)
            clients.callback(client.close)
            return client

        yield SdkEci(
            server, eci.clock, eci.control, eci.store, eci.credential, new_client(), new_client, eci.cache
        )


@pytest.fixture
def eci(shared_still_eci: EciServer) -> Iterator[SdkEci]:
    """The server that the tests of this process share."""
    with sdk_eci(shared_still_eci) as made:
        yield made


@pytest.fixture
def own_eci(tmp_path: Path) -> Iterator[SdkEci]:
    """A server of the test's own, which may be started again and has a new file."""
    with eci_server(tmp_path / "eci.sqlite", ManualClock()) as server, sdk_eci(server) as made:
        yield made


@pytest.fixture
def refused() -> Callable[..., tuple[int, str]]:
    """Makes a call that must be refused, and gives the HTTP status and code of the refusal."""

    def make(call: Callable[..., Any], *arguments: Any, **parameters: Any) -> tuple[int, str]:
        with pytest.raises(ServerException) as raised:
            call(*arguments, **parameters)
        return raised.value.http_status, raised.value.error_code

    return make
