"""The vendor's newer SDK (alibabacloud-eci20180808) as a client: what it sends is served."""

from __future__ import annotations

from contextlib import closing
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from alibabacloud_eci20180808.client import Client
from alibabacloud_eci20180808.models import DescribeImageCachesRequest, UpdateImageCacheRequest
from alibabacloud_tea_openapi.utils_models import Config

from tests.support.http_server import QuietHandler, serve_http

REGION = "cn-hangzhou"


def client(url: str, credential: Any, **changes: Any) -> Client:
    config = Config(
        access_key_id=credential.access_key_id,
        access_key_secret=credential.access_key_secret,
        security_token=credential.security_token,
        region_id=REGION,
        endpoint=urlsplit(url).netloc,
        protocol="http",
    )
    for name, value in changes.items():
        setattr(config, name, value)
    return Client(config)


def listing() -> DescribeImageCachesRequest:
    return DescribeImageCachesRequest(region_id=REGION, limit=20)


def test_a_listing_and_an_update_are_served(eci: Any) -> None:
    cache = eci.control.create_cache(images=["nginx:1"], region_id=REGION, image_cache_name="wéb +")
    sdk = client(eci.url, eci.credential)
    (found,) = sdk.describe_image_caches(listing()).body.image_caches
    assert (found.image_cache_id, found.image_cache_name) == (cache, "wéb +")
    request = UpdateImageCacheRequest(region_id=REGION, image_cache_id=cache, image=["nginx:2", "a/b:1"])
    assert sdk.update_image_cache(request).body.request_id
    assert [call["action"] for call in eci.control.journal()] == ["DescribeImageCaches", "UpdateImageCache"]
    assert eci.control.cache(cache)["images"] == ["nginx:2", "a/b:1"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"access_key_secret": "wrong"}, "SignatureNotMatch"),
        ({"access_key_id": "nobody"}, "InvalidAccessKeyID"),
        ({"security_token": "another"}, "InvalidSecurityToken"),
    ],
)
def test_a_wrong_key_is_refused(eci: Any, changes: dict[str, str], code: str) -> None:
    with pytest.raises(Exception, match=code):
        client(eci.url, eci.credential, **changes).describe_image_caches(listing())


def test_a_call_that_is_sent_again_or_changed_on_the_way_is_refused(eci: Any) -> None:
    calls: list[tuple[str, dict[str, str], bytes]] = []
    netloc = urlsplit(eci.url).netloc

    class Recorder(QuietHandler):
        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            calls.append((self.path, dict(self.headers), body))
            with closing(HTTPConnection(netloc, timeout=30)) as connection:
                connection.request("POST", self.path, body, dict(self.headers))
                answer = connection.getresponse()
                self.answer(answer.status, answer.read(), ("Content-Type", "application/json"))

    with serve_http(Recorder) as host:
        client(f"http://{host}", eci.credential).describe_image_caches(listing())
    ((path, headers, body),) = calls

    def again(target: str, **spoilt: str) -> Any:
        answer = httpx.post(f"{eci.url}{target}", content=body, headers={**headers, **spoilt})
        return answer.json()["Code"]

    assert again(path) == "SignatureNonceUsed"
    assert again(path.replace("Limit=20", "Limit=10")) == "SignatureNotMatch"
    assert again(path, **{"x-acs-action": "UpdateImageCache"}) == "SignatureNotMatch"
