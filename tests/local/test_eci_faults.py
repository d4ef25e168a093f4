from __future__ import annotations

import http.client
import json
import threading
import time
from typing import Any

import httpx
import pytest
from aliyunsdkcore.acs_exception.exceptions import ClientException, ServerException
from aliyunsdkcore.auth.composer.rpc_signature_composer import get_signed_url
from aliyunsdkeci.request.v20180808.DescribeImageCachesRequest import DescribeImageCachesRequest

from local.base.loopback import LOOPBACK
from local.eci.control import ControlError
from local.eci.errors import ERRORS

NEW = ["nginx:2"]

# Those that the server must be able to answer: the documented codes of UpdateImageCache, with their status.
DOCUMENTED = {
    400: (
        "Account.Arrearage DryRunOperation InvalidParameter.CPU.Memory IncorrectStatus "
        "ImageCache.IncorrectStatus ServiceNotEnabled DiskVolume.NotSupport RamRole.NotSupport "
        "ImageCacheNotSupport OperationConflict NoNeedUpdate Throttling Throttling.User"
    ),
    403: (
        "OperationDenied.VswZoneMisMatch QuotaExceeded Zone.NotOnSale Forbidden.RiskControl "
        "Forbidden.SubUser Forbidden.OnlyForInvitedTest OperationDenied.SecurityGroupMisMatch "
        "InvalidVSwitchId.IpNotEnough Forbidden.UserBussinessStatus "
        "Forbidden.UserNotRealNameAuthentication InvalidUser.PassRoleForbidden "
        "OperationDenied.NoStock NoPermission SecurityRisk.3DVerification "
        "CreateServiceLinkedRole.Denied"
    ),
    404: "InvalidParameter.NotFound",
    500: "InternalError",
    503: "ServiceUnavailable",
}


def get(eci: Any, action: str = "DescribeImageCaches", **parameters: str) -> httpx.Response:
    """A signed call whose answer is looked at as it came."""
    key = eci.credential
    url, _ = get_signed_url(
        {
            "Action": action,
            "Version": "2018-08-08",
            "RegionId": "cn-hangzhou",
            "SecurityToken": key.security_token,
            **parameters,
        },
        key.access_key_id,
        key.access_key_secret,
        "JSON",
        "GET",
        {},
    )
    return httpx.get(eci.url + url, **LOOPBACK)


@pytest.mark.parametrize(
    ("code", "status"),
    [(code, status) for status, codes in DOCUMENTED.items() for code in codes.split()],
)
def test_every_documented_code_can_be_ordered(eci: Any, refused: Any, code: str, status: int) -> None:
    cache_id = eci.cache()
    eci.control.inject("error", code=code)
    assert refused(eci.sdk.update, ImageCacheId=cache_id, Images=NEW) == (status, code)
    eci.sdk.update(ImageCacheId=cache_id, Images=NEW)
    assert len(eci.control.history(cache_id)) == 1


def test_every_code_has_a_status_and_words() -> None:
    assert all(400 <= error.status < 600 and error.message for error in ERRORS.values())


def test_an_unknown_code_can_be_ordered_with_its_status(eci: Any) -> None:
    eci.control.inject("error", code="Brand.New", status=418, message="so it is")
    with pytest.raises(ServerException) as raised:
        eci.sdk.describe()
    assert (raised.value.http_status, raised.value.error_code) == (418, "Brand.New")
    assert raised.value.message == "so it is"


def test_faults_befall_calls_in_their_order_and_as_often_as_ordered(eci: Any, refused: Any) -> None:
    eci.control.inject("error", code="Throttling", count=2)
    eci.control.inject("error", code="InternalError")
    assert [fault["count"] for fault in eci.control.faults()] == [2, 1]
    assert refused(eci.sdk.describe) == (400, "Throttling")
    assert [fault["count"] for fault in eci.control.faults()] == [1, 1]
    assert refused(eci.sdk.describe) == (400, "Throttling")
    assert refused(eci.sdk.describe) == (500, "InternalError")
    assert eci.sdk.describe()["TotalCount"] == 0
    assert eci.control.faults() == []


@pytest.mark.parametrize("match", ["action", "image_cache_id", "region_id"])
def test_a_fault_befalls_only_calls_that_match(eci: Any, refused: Any, match: str) -> None:
    cache_id, other = eci.cache(), eci.cache(region_id="cn-shanghai")
    value = {"action": "UpdateImageCache", "image_cache_id": cache_id, "region_id": "cn-hangzhou"}[match]
    eci.control.inject("error", code="Throttling", **{match: value})
    eci.new_client(region_id="cn-shanghai").describe(ImageCacheId=other)
    assert refused(eci.sdk.update, ImageCacheId=cache_id, Images=NEW) == (400, "Throttling")


def test_faults_can_be_taken_back(eci: Any) -> None:
    eci.control.inject("error", code="Throttling", count=9)
    eci.control.clear_faults()
    assert eci.sdk.describe()["TotalCount"] == 0


def test_a_call_that_is_not_well_signed_meets_no_fault(eci: Any) -> None:
    eci.control.inject("error", code="Throttling")
    assert httpx.get(eci.url, **LOOPBACK).json()["Code"] == "MissingParameter"
    assert len(eci.control.faults()) == 1


@pytest.mark.parametrize("status", [None, 500, 503])
def test_a_page_of_a_gateway(eci: Any, status: int | None) -> None:
    eci.control.inject("html", **({} if status is None else {"status": status}))
    answer = get(eci)
    assert answer.status_code == (status or 502)
    assert answer.headers["content-type"].startswith("text/html")
    assert "<html>" in answer.text
    eci.control.inject("html")
    with pytest.raises(ServerException, match="UnknownServerError"):
        eci.sdk.describe()


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("not_json", b"ok"),
        ("json_array", b'["RequestId"]'),
        ("json_null", b"null"),
        ("json_number", b"20180808"),
        ("invalid_utf8", b'{"RequestId":"\xff\xfe"}'),
        ("empty", b""),
    ],
)
def test_odd_answers(eci: Any, kind: str, expected: bytes) -> None:
    eci.control.inject(kind)
    answer = get(eci)
    assert (answer.status_code, answer.content) == (200, expected)
    assert eci.control.journal()[-1]["fault"] == kind


def test_a_truncated_answer_ends_before_its_announced_length(eci: Any) -> None:
    eci.cache()
    eci.control.inject("truncated")
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        get(eci)


def test_a_truncated_answer_has_acted(eci: Any) -> None:
    cache_id = eci.cache()
    eci.control.inject("truncated", action="UpdateImageCache")
    with pytest.raises((ClientException, http.client.HTTPException, ValueError)):
        eci.sdk.update(ImageCacheId=cache_id, Images=NEW)
    assert len(eci.control.history(cache_id)) == 1


def test_a_slow_answer_is_late_and_has_acted_before(eci: Any) -> None:
    cache_id = eci.cache()
    eci.control.inject("slow", delay_seconds=0.5)
    began = time.monotonic()
    updating = threading.Thread(target=eci.sdk.update, kwargs={"ImageCacheId": cache_id, "Images": NEW})
    updating.start()
    eci.control.wait_for(cache_id, "Updating", timeout_seconds=10)
    updating.join()
    assert time.monotonic() - began >= 0.5


def test_a_client_that_leaves_early_does_not_keep_the_server_waiting(own_eci: Any) -> None:
    cache_id = own_eci.cache()
    own_eci.control.inject("slow", delay_seconds=3600)
    request = DescribeImageCachesRequest()
    request.set_read_timeout(0.2)
    with pytest.raises(ClientException, match="timed out"):
        own_eci.sdk.raw(request)
    began = time.monotonic()
    own_eci.server.restart()
    assert time.monotonic() - began < 3
    assert own_eci.sdk.describe_one(cache_id)["Status"] == "Ready"


def test_any_fault_can_be_late(eci: Any, refused: Any) -> None:
    eci.control.inject("error", code="Throttling", delay_seconds=0.3)
    began = time.monotonic()
    assert refused(eci.sdk.describe) == (400, "Throttling")
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize("acts", [False, True], ids=["before acting", "after acting"])
def test_a_reset_connection(eci: Any, acts: bool) -> None:
    cache_id = eci.cache()
    eci.control.inject("reset", acts=acts, action="UpdateImageCache")
    with pytest.raises(ClientException, match="reset by peer"):
        eci.sdk.update(ImageCacheId=cache_id, Images=NEW, ClientToken="t-1")
    assert len(eci.control.history(cache_id)) == int(acts)
    (call,) = eci.control.journal("UpdateImageCache")
    assert (call["status"], call["fault"]) == (None, "reset")
    answer = eci.sdk.update(ImageCacheId=cache_id, Images=NEW, ClientToken="t-1")
    assert [update["request_id"] for update in eci.control.history(cache_id)] == [answer["RequestId"]]


@pytest.mark.parametrize("acts", [False, True], ids=["before acting", "after acting"])
def test_an_error_may_come_after_acting(eci: Any, refused: Any, acts: bool) -> None:
    cache_id = eci.cache()
    eci.control.inject("error", code="InternalError", acts=acts)
    assert refused(eci.sdk.update, ImageCacheId=cache_id, Images=NEW) == (500, "InternalError")
    assert len(eci.control.history(cache_id)) == int(acts)


def test_the_port_refuses_for_its_time(eci: Any) -> None:
    cache_id = eci.cache()
    assert eci.sdk.describe_one(cache_id)["Status"] == "Ready"
    eci.control.refuse(2)
    with pytest.raises(ClientException, match="HttpError"):
        eci.sdk.describe()
    with pytest.raises(httpx.ConnectError, match="refused"):
        httpx.get(eci.url, **LOOPBACK)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            assert eci.sdk.describe_one(cache_id)["Status"] == "Ready"
        except ClientException:
            time.sleep(0.02)
        else:
            break
    assert eci.control.cache(cache_id)["status"] == "Ready"


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ({"kind": "explosion"}, "kind: one of"),
        ({"kind": ["slow"]}, "kind: one of"),
        ({"kind": "error"}, "code:"),
        ({"kind": "error", "code": "Brand.New"}, "with its status"),
        ({"kind": "error", "code": "Throttling", "colour": "red"}, "'colour'"),
        ({"kind": "error", "code": "Throttling", "count": 0}, "count"),
        ({"kind": "error", "code": "Throttling", "count": "2"}, "count: int expected"),
        ({"kind": "error", "code": "Throttling", "count": True}, "count: int expected"),
        ({"kind": "error", "code": "Throttling", "action": 1}, "action: str | None expected"),
        ({"kind": "slow"}, "delay_seconds"),
        ({"kind": "slow", "delay_seconds": -1}, "delay_seconds"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_an_order_that_makes_no_sense_is_refused(eci: Any, order: dict[str, Any], words: str) -> None:
    with pytest.raises(ControlError) as raised:
        eci.control.inject(**order)
    assert words in str(raised.value)
    assert eci.control.faults() == []
