"""A running ECI server for each test, the vendor's SDK as its client, and a clock that the test moves."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.auth.credentials import AccessKeyCredential, StsTokenCredential
from aliyunsdkcore.client import AcsClient
from aliyunsdkeci.request.v20180808.DescribeImageCachesRequest import DescribeImageCachesRequest
from aliyunsdkeci.request.v20180808.UpdateImageCacheRequest import UpdateImageCacheRequest

from local.eci.control import EciControl
from local.eci.server import serve_eci
from local.permissions.credentials import Credential, CredentialStore

REGION = "cn-hangzhou"


class ManualClock:
    """A time that passes only when it is told to."""

    def __init__(self) -> None:
        self.now = float(int(time.time()))

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


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


@dataclass
class LocalEci:
    """A running server and what a test needs to use it."""

    database_path: Path
    clock: ManualClock
    url: str
    control: EciControl
    credentials: CredentialStore
    credential: Credential
    sdk: SdkClient
    new_client: Callable[..., SdkClient]
    restart: Callable[[], None] = field(repr=False)

    def cache(self, *images: str, **members: Any) -> str:
        """A new image cache; its id."""
        members = {"region_id": REGION, "image_cache_name": "web", **members}
        return self.control.create_cache(images=images or ("nginx:1",), **members)


@pytest.fixture(scope="session")
def in_background() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Does things while the next tests run, and fails at the end of the session if one of them failed."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        pending: list[Future[None]] = []
        yield lambda action: pending.append(pool.submit(action))
        for future in pending:
            future.result()


@pytest.fixture
def eci(tmp_path: Path, in_background: Callable[[Callable[[], None]], None]) -> Iterator[LocalEci]:
    database_path = tmp_path / "eci.sqlite"
    clock = ManualClock()
    served = serve_eci(database_path, clock=clock)
    credentials = CredentialStore(database_path)
    credential = credentials.issue()
    clients: list[SdkClient] = []

    def new_client(credential: Credential = credential, region_id: str = REGION) -> SdkClient:
        clients.append(SdkClient(served.url, credential, region_id))
        return clients[-1]

    def restart() -> None:
        nonlocal served
        served.close()
        served = serve_eci(database_path, clock=clock, port=served.port)

    control = EciControl(served.url)
    yield LocalEci(
        database_path, clock, served.url, control, credentials, credential, new_client(), new_client, restart
    )
    for client in clients:
        client.close()
    control.close()
    credentials.close()
    # An orderly end takes a few tenths of a second, for which the next test need not wait.
    in_background(served.close)


@pytest.fixture
def refused() -> Callable[..., tuple[int, str]]:
    """Makes a call that must be refused, and gives the HTTP status and code of the refusal."""

    def make(call: Callable[..., Any], *arguments: Any, **parameters: Any) -> tuple[int, str]:
        with pytest.raises(ServerException) as raised:
            call(*arguments, **parameters)
        return raised.value.http_status, raised.value.error_code

    return make
