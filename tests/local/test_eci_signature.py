"""Calls are signed by the vendor's own code, and then spoilt."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from aliyunsdkcore.auth.composer.rpc_signature_composer import get_signed_url
from aliyunsdkcore.request import CommonRequest
from aliyunsdkeci.request.v20180808.DescribeImageCachesRequest import DescribeImageCachesRequest

from local.base.loopback import LOOPBACK
from local.eci.errors import ApiError
from local.eci.signature import authenticate
from local.permissions.credentials import Credential

Signer = Callable[..., dict[str, str]]


@pytest.fixture
def signed(eci: Any) -> Signer:
    """The parameters of a DescribeImageCaches call, signed; changes that are None leave a parameter out."""

    def sign(
        credential: Credential = eci.credential, method: str = "GET", **changes: str | None
    ) -> dict[str, str]:
        parameters: dict[str, Any] = {
            "Action": "DescribeImageCaches",
            "Version": "2018-08-08",
            "RegionId": "cn-hangzhou",
            "SecurityToken": credential.security_token,
            **changes,
        }
        parameters = {name: value for name, value in parameters.items() if value is not None}
        url, _ = get_signed_url(
            parameters, credential.access_key_id, credential.access_key_secret, "JSON", method, {}
        )
        return dict(parse_qsl(url.removeprefix("/?"), keep_blank_values=True))

    return sign


@pytest.fixture
def send(eci: Any) -> Callable[..., tuple[int, str]]:
    """Sends parameters; gives the status and the code, None for an answer that is no error."""

    def call(parameters: dict[str, str], method: str = "GET") -> tuple[int, Any]:
        response = httpx.request(method, eci.url, params=parameters, **LOOPBACK)
        assert eci.credential.access_key_secret not in response.text
        assert eci.credential.security_token not in response.text
        assert "%26" not in response.text  # part of every text that is signed
        return response.status_code, response.json().get("Code")

    return call


def test_the_sdk_is_understood_with_a_temporary_and_with_a_lasting_key(eci: Any) -> None:
    lasting = eci.credentials.issue(temporary=False)
    assert eci.sdk.describe()["TotalCount"] == 0
    assert eci.new_client(lasting).describe()["TotalCount"] == 0


def test_every_character_may_be_signed(eci: Any) -> None:
    odd = "a b+c*d~e/f?g=h&i%j\N{LATIN SMALL LETTER E WITH ACUTE}\N{CJK UNIFIED IDEOGRAPH-4E2D}'\"!()"
    cache_id = eci.cache(tags={"odd": odd})
    found = eci.sdk.describe(Tags=[{"Key": "odd", "Value": odd}])
    assert [cache["ImageCacheId"] for cache in found["ImageCaches"]] == [cache_id]


def test_get_and_post_are_taken(eci: Any) -> None:
    cache_id = eci.cache()
    request = DescribeImageCachesRequest()
    request.set_method("POST")
    assert cache_id.encode() in eci.sdk.raw(request)


def test_parameters_in_a_form_are_signed_too(eci: Any) -> None:
    cache_id = eci.cache()
    request = CommonRequest("127.0.0.1", "2018-08-08", "DescribeImageCaches")
    request.set_domain(eci.url.removeprefix("http://"))
    request.set_method("POST")
    request.add_body_params("ImageCacheId", cache_id)
    answer = eci.sdk._client.do_action_with_exception(request)  # noqa: SLF001 - ours, in conftest
    assert cache_id.encode() in answer


def test_a_well_signed_call_passes_and_its_repetition_does_not(signed: Signer, send: Any) -> None:
    parameters = signed()
    assert send(parameters) == (200, None)
    assert send(parameters) == (400, "SignatureNonceUsed")


def test_a_nonce_stays_used_after_a_restart(eci: Any, signed: Signer, send: Any) -> None:
    parameters = signed()
    assert send(parameters) == (200, None)
    eci.server.restart()
    assert send(parameters) == (400, "SignatureNonceUsed")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("Signature", "AAAA", (400, "SignatureDoesNotMatch")),
        ("Signature", "caf\N{LATIN SMALL LETTER E WITH ACUTE}", (400, "SignatureDoesNotMatch")),
        ("RegionId", "cn-beijing", (400, "SignatureDoesNotMatch")),
        ("SignatureNonce", "another", (400, "SignatureDoesNotMatch")),
        ("AccessKeyId", "STS.unknown", (404, "InvalidAccessKeyId.NotFound")),
        ("SignatureMethod", "HMAC-SHA256", (400, "IncompleteSignature")),
        ("SignatureVersion", "2.0", (400, "IncompleteSignature")),
        ("SignatureNonce", "n" * 129, (400, "IncompleteSignature")),
        ("Timestamp", "yesterday", (400, "InvalidTimeStamp.Format")),
        ("Timestamp", "2020-01-01T00:00:00Z", (400, "InvalidTimeStamp.Expired")),
        ("Timestamp", "2999-01-01T00:00:00Z", (400, "InvalidTimeStamp.Expired")),
        ("Format", "XML", (400, "InvalidParameter")),
    ],
)
def test_a_changed_parameter_is_refused(
    signed: Signer, send: Any, name: str, value: str, expected: tuple[int, str]
) -> None:
    assert send({**signed(), name: value}) == expected


@pytest.mark.parametrize(
    "name",
    [
        "Action",
        "Version",
        "AccessKeyId",
        "Signature",
        "SignatureMethod",
        "SignatureVersion",
        "SignatureNonce",
        "Timestamp",
    ],
)
def test_a_missing_parameter_is_named(eci: Any, signed: Signer, name: str) -> None:
    parameters = signed()
    del parameters[name]
    answer = httpx.get(eci.url, params=parameters, **LOOPBACK)
    assert (answer.status_code, answer.json()["Code"]) == (400, "MissingParameter")
    assert f'"{name}"' in answer.json()["Message"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"Version": "2014-05-26"}, (400, "InvalidVersion")),
        ({"Action": "DeleteImageCache"}, (404, "InvalidAction.NotFound")),
        ({"SecurityToken": None}, (400, "MissingSecurityToken")),
        ({"SecurityToken": "another"}, (400, "InvalidSecurityToken.Malformed")),
    ],
    ids=["version", "action", "no token", "wrong token"],
)
def test_a_well_signed_call_can_be_wrong(
    signed: Signer, send: Any, changes: dict[str, str | None], expected: tuple[int, str]
) -> None:
    assert send(signed(**changes)) == expected


def test_a_token_with_a_lasting_key_is_refused(eci: Any, signed: Signer, send: Any) -> None:
    lasting = eci.credentials.issue(temporary=False)
    assert send(signed(lasting, SecurityToken="any")) == (400, "InvalidSecurityToken.Malformed")


def test_a_key_whose_time_is_over_is_refused(eci: Any, refused: Any) -> None:
    over = eci.credentials.issue(lifetime_seconds=0)
    assert refused(eci.new_client(over).describe) == (400, "InvalidSecurityToken.Expired")


def test_a_revoked_key_is_refused(eci: Any, refused: Any) -> None:
    eci.sdk.describe()
    eci.credentials.revoke(eci.credential.access_key_id)
    assert refused(eci.sdk.describe) == (404, "InvalidAccessKeyId.NotFound")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(signed: Signer, send: Any, method: str) -> None:
    assert send(signed(), method) == (405, "UnsupportedHTTPMethod")


def test_the_method_is_part_of_what_is_signed(signed: Signer, send: Any) -> None:
    assert send(signed(method="GET"), "POST") == (400, "SignatureDoesNotMatch")


def test_a_refusal_has_the_vendors_shape(eci: Any) -> None:
    answer = httpx.get(eci.url, **LOOPBACK)
    assert answer.status_code == 400
    document = answer.json()
    assert set(document) == {"RequestId", "HostId", "Code", "Message", "Recommend"}
    assert document["HostId"] == eci.url.removeprefix("http://")
    assert document["RequestId"] == eci.control.journal()[-1]["request_id"]


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(-901, "InvalidTimeStamp.Expired"), (-900, None), (900, None), (901, "InvalidTimeStamp.Expired")],
)
def test_the_timestamp_may_be_15_minutes_off(
    eci: Any, signed: Signer, seconds: int, code: str | None
) -> None:
    parameters = signed()
    stamp = datetime.strptime(parameters["Timestamp"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    now = stamp.timestamp() + seconds
    found = None
    try:
        authenticate("GET", parameters, now, eci.credentials.lookup, lambda _key, _nonce: True)
    except ApiError as error:
        found = error.code
    assert found == code


def test_a_refused_call_uses_up_no_nonce(eci: Any, signed: Signer) -> None:
    asked: list[str] = []

    def first_use(_key: str, nonce: str) -> bool:
        asked.append(nonce)
        return True

    for spoilt in ({"Signature": "AAAA"}, {"Timestamp": "2020-01-01T00:00:00Z"}):
        with pytest.raises(ApiError):
            authenticate("GET", {**signed(), **spoilt}, time.time(), eci.credentials.lookup, first_use)
    assert asked == []
    authenticate("GET", signed(), time.time(), eci.credentials.lookup, first_use)
    assert len(asked) == 1
