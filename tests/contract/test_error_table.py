"""Every error code that ECI documents, through every entry point: what is recorded, raised and answered."""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

import pytest

from imagecache.base.errors import PermanentEntryPointError, RetryableEntryPointError
from tests.support.depth import pairs


class Treatment(NamedTuple):
    """How a class of errors is treated: calls in one invocation, fate, HTTP status, and what is raised."""

    calls: int
    fate: str | None
    status: int
    raised: type[Exception] | None


TREATMENTS = {
    "busy": Treatment(2, "retried", 503, RetryableEntryPointError),
    "transient": Treatment(3, "retried", 503, RetryableEntryPointError),
    "capacity": Treatment(1, "retried", 503, RetryableEntryPointError),
    "benign": Treatment(1, None, 200, None),
    "permanent": Treatment(1, "on_failure_queue", 500, PermanentEntryPointError),
}

UPDATE_CODES = [
    (400, "Account.Arrearage", "permanent", "ACCOUNT_BLOCKED"),
    (400, "DryRunOperation", "benign", "DRY_RUN_OPERATION"),
    (400, "InvalidParameter.CPU.Memory", "permanent", "CONFIGURATION_REFUSED"),
    (400, "IncorrectStatus", "busy", "CACHE_BUSY"),
    (400, "ImageCache.IncorrectStatus", "busy", "CACHE_BUSY"),
    (400, "ServiceNotEnabled", "permanent", "ACCOUNT_BLOCKED"),
    (400, "DiskVolume.NotSupport", "permanent", "CONFIGURATION_REFUSED"),
    (400, "RamRole.NotSupport", "permanent", "CONFIGURATION_REFUSED"),
    (400, "ImageCacheNotSupport", "permanent", "CONFIGURATION_REFUSED"),
    (400, "OperationConflict", "busy", "CACHE_BUSY"),
    (400, "NoNeedUpdate", "benign", "NO_NEED_UPDATE"),
    (403, "OperationDenied.VswZoneMisMatch", "permanent", "CONFIGURATION_REFUSED"),
    (403, "QuotaExceeded", "capacity", "QUOTA_EXCEEDED"),
    (403, "Zone.NotOnSale", "permanent", "CONFIGURATION_REFUSED"),
    (403, "Forbidden.RiskControl", "permanent", "ACCOUNT_BLOCKED"),
    (403, "Forbidden.SubUser", "permanent", "PERMISSION_DENIED"),
    (403, "Forbidden.OnlyForInvitedTest", "permanent", "ACCOUNT_BLOCKED"),
    (403, "OperationDenied.SecurityGroupMisMatch", "permanent", "CONFIGURATION_REFUSED"),
    (403, "InvalidVSwitchId.IpNotEnough", "capacity", "OUT_OF_ADDRESSES"),
    (403, "Forbidden.UserBussinessStatus", "permanent", "ACCOUNT_BLOCKED"),
    (403, "Forbidden.UserNotRealNameAuthentication", "permanent", "ACCOUNT_BLOCKED"),
    (403, "InvalidUser.PassRoleForbidden", "permanent", "PERMISSION_DENIED"),
    (403, "OperationDenied.NoStock", "capacity", "OUT_OF_STOCK"),
    (403, "NoPermission", "permanent", "PERMISSION_DENIED"),
    (403, "SecurityRisk.3DVerification", "permanent", "ACCOUNT_BLOCKED"),
    (403, "CreateServiceLinkedRole.Denied", "permanent", "PERMISSION_DENIED"),
    # Elsewhere in ECI
    (400, "Throttling", "transient", "THROTTLED"),
    (400, "Throttling.User", "transient", "THROTTLED"),
    (503, "ServiceUnavailable", "transient", "SERVER_ERROR"),
    (500, "InternalError", "transient", "SERVER_ERROR"),
    (404, "InvalidParameter.NotFound", "permanent", "NOT_FOUND"),
    # The gateway's, about a ClientToken
    (400, "IdempotentParameterMismatch", "busy", "CACHE_BUSY"),
    (409, "LastTokenProcessing", "busy", "CACHE_BUSY"),
    # In no document
    (400, "Throttling.Invented", "transient", "THROTTLED"),
    (418, "Invented.Refusal", "permanent", "ECI_REFUSED"),
    (599, "Invented.Fault", "transient", "SERVER_ERROR"),
]
DESCRIBE_CODES = [
    (400, "Throttling", "transient", "THROTTLED"),
    (503, "ServiceUnavailable", "transient", "SERVER_ERROR"),
    (403, "Forbidden", "permanent", "ECI_REFUSED"),
    (400, "SignatureNonceUsed", "transient", "SERVER_ERROR"),
    (400, "InvalidTimeStamp.Expired", "transient", "SERVER_ERROR"),
    (400, "InvalidSecurityToken.Expired", "transient", "SERVER_ERROR"),
    (404, "InvalidAccessKeyId.NotFound", "transient", "SERVER_ERROR"),
]
IMAGES = ["acme-registry.cn-hangzhou.cr.aliyuncs.com/prod/web:latest"]
BENIGN_RESULTS = {"NO_NEED_UPDATE": "unchanged", "DRY_RUN_OPERATION": "planned"}
SOURCES = {"on_push": "acs.cr", "on_webhook": "acr", "on_manual": "manual", "on_manual over HTTP": "manual"}

COLUMNS = ("http_status", "code", "error_class", "reason", "door")
each_update_code_and_door = pytest.mark.parametrize(
    COLUMNS, pairs({row[1]: row for row in UPDATE_CODES}, list(SOURCES))
)
each_describe_code = pytest.mark.parametrize(
    COLUMNS[:-1], DESCRIBE_CODES, ids=[row[1] for row in DESCRIBE_CODES]
)
each_describe_code_and_door = pytest.mark.parametrize(
    COLUMNS, pairs({row[1]: row for row in DESCRIBE_CODES}, list(SOURCES))
)


def call(doors: Any, door: str, image_cache_id: str) -> Any:
    if door == "on_push":
        return doors.push()
    if door == "on_webhook":
        return doors.webhook()
    return doors.manual({"imageCacheId": image_cache_id}, over_http=door.endswith("HTTP"))


def assert_told(told: Any, door: str, treatment: Treatment) -> None:
    """The sender, or the platform, learns what the record says."""
    over_http = door == "on_webhook" or door.endswith("HTTP")
    if over_http or treatment.raised is None:
        assert told.error is None
        assert told.answer.get("statusCode", 200) == treatment.status
    else:
        assert type(told.error) is treatment.raised
        assert told.outcomes[0]["reason"] in str(told.error)


@each_update_code_and_door
def test_an_error_of_the_update_has_its_treatment(
    deployed: Any, doors: Any, door: str, http_status: int, code: str, error_class: str, reason: str
) -> None:
    cache_id = deployed.cache()
    deployed.control.inject("error", code=code, status=http_status, action="UpdateImageCache", count=10)

    told = call(doors, door, cache_id)

    treatment = TREATMENTS[error_class]
    (record,) = told.outcomes
    assert record["door"] == door.removesuffix(" over HTTP")
    assert (record["source"], record["image_cache_id"]) == (SOURCES[door], cache_id)
    assert (record["result"], record["reason"]) == (BENIGN_RESULTS.get(reason, "failed"), reason)
    assert (record.get("fate"), record["update_calls"]) == (treatment.fate, treatment.calls)
    assert code in record["message"]
    if error_class != "benign":
        assert record["error"] == {"class": error_class, "code": code, "http_status": http_status}
    assert_told(told, door, treatment)

    updates = deployed.control.journal("UpdateImageCache")
    assert [update["code"] for update in updates] == [code] * treatment.calls
    assert {update["parameters"]["ClientToken"] for update in updates} == {record["client_token"]}
    assert record["eci_request_id"] == updates[-1]["request_id"]
    assert deployed.control.history() == []


@each_describe_code_and_door
def test_an_error_of_the_listing_has_its_treatment_and_nothing_is_updated(
    deployed: Any, doors: Any, door: str, http_status: int, code: str, error_class: str, reason: str
) -> None:
    cache_id = deployed.cache()
    deployed.control.inject("error", code=code, status=http_status, action="DescribeImageCaches", count=10)

    told = call(doors, door, cache_id)

    treatment = TREATMENTS[error_class]
    (record,) = told.outcomes
    assert (record["result"], record["reason"], record["fate"]) == ("failed", reason, treatment.fate)
    assert record["error"] == {"class": error_class, "code": code, "http_status": http_status}
    assert record["region_id"] == "cn-hangzhou"
    assert_told(told, door, treatment)
    assert [call["code"] for call in deployed.control.journal()] == [code] * treatment.calls


@each_describe_code
def test_an_error_when_the_cache_is_read_again_has_its_treatment_and_nothing_is_updated(
    deployed: Any, doors: Any, http_status: int, code: str, error_class: str, reason: str
) -> None:
    cache_id = deployed.cache()
    deployed.control.inject("error", code=code, status=http_status, image_cache_id=cache_id, count=10)

    told = doors.push()

    treatment = TREATMENTS[error_class]
    (record,) = told.outcomes
    assert (record["result"], record["reason"], record["fate"]) == ("failed", reason, treatment.fate)
    assert (record["image_cache_id"], record["update_calls"]) == (cache_id, 0)
    assert_told(told, "on_push", treatment)
    assert [call["code"] for call in deployed.control.journal()] == [None] + [code] * treatment.calls
    assert deployed.calls("UpdateImageCache") == []


def test_a_cache_that_is_being_updated_is_not_called_upon(deployed: Any, doors: Any) -> None:
    cache_id = deployed.cache(status="Updating")

    told = doors.push()

    (record,) = told.outcomes
    assert (record["reason"], record["error"], record["update_calls"]) == (
        "CACHE_BUSY",
        {"class": "busy"},
        0,
    )
    assert (record["image_cache_id"], record["cache_status"]) == (cache_id, "Updating")
    assert_told(told, "on_push", TREATMENTS["busy"])


@pytest.mark.parametrize(("code", "count"), [("Throttling", 2), ("IncorrectStatus", 1), ("InternalError", 2)])
def test_an_error_that_passes_within_the_invocation_is_no_failure(
    deployed: Any, doors: Any, code: str, count: int
) -> None:
    cache_id = deployed.cache()
    deployed.control.inject("error", code=code, action="UpdateImageCache", count=count)

    (record,) = doors.push().outcomes

    said = (record["result"], record["reason"], record["update_calls"])
    assert said == ("refreshed", "TAG_REPUSHED", count + 1)
    assert [update["image_cache_id"] for update in deployed.control.history()] == [cache_id]


def test_one_cache_that_is_refused_does_not_keep_the_others_from_their_update(
    deployed: Any, doors: Any
) -> None:
    refused, good = deployed.cache(image_cache_name="refused"), deployed.cache(image_cache_name="good")
    deployed.control.inject("error", code="QuotaExceeded", image_cache_id=refused, action="UpdateImageCache")
    deployed.control.inject("error", code="NoPermission", image_cache_id=refused, action="UpdateImageCache")

    told = doors.push()

    assert {record["image_cache_id"]: record["result"] for record in told.outcomes} == {
        refused: "failed",
        good: "refreshed",
    }
    assert type(told.error) is RetryableEntryPointError
    assert [update["image_cache_id"] for update in deployed.control.history()] == [good]


def test_where_one_failure_can_be_tried_again_and_one_cannot_all_is_tried_again(
    deployed: Any, doors: Any
) -> None:
    permanent, passing = deployed.cache(image_cache_name="a"), deployed.cache(image_cache_name="b")
    deployed.control.inject("error", code="NoPermission", image_cache_id=permanent, action="UpdateImageCache")
    deployed.control.inject("error", code="QuotaExceeded", image_cache_id=passing, action="UpdateImageCache")

    told = doors.webhook()

    fates = {record["image_cache_id"]: record["fate"] for record in told.outcomes}
    assert fates == {permanent: "on_failure_queue", passing: "retried"}
    assert told.answer["statusCode"] == 503


def test_that_nothing_needed_an_update_is_logged_loudly(
    deployed: Any, doors: Any, caplog: pytest.LogCaptureFixture
) -> None:
    cache_id = deployed.cache()
    deployed.control.settings(no_need_update="any")

    (record,) = doors.push().outcomes

    assert (record["result"], record["reason"]) == ("unchanged", "NO_NEED_UPDATE")
    warnings = [entry.getMessage() for entry in caplog.records if entry.levelno >= logging.WARNING]
    assert any(cache_id in warning and "NoNeedUpdate" in warning for warning in warnings)


def test_a_cache_that_is_deleted_between_its_reading_and_its_update_is_gone_and_no_failure(
    deployed: Any, doors: Any, raw_server: Any, respond: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = {"ImageCacheId": "imc-1", "Status": "Ready", "Images": IMAGES}
    present = respond({"RequestId": "R", "ImageCaches": [cache]})
    refusal = respond({"RequestId": "R", "Code": "InvalidParameter.NotFound", "Message": "none"}, 404)
    absent = respond({"RequestId": "R", "ImageCaches": []})
    answers = iter([present, present, refusal, absent])
    server = raw_server(lambda _head: next(answers))
    monkeypatch.setenv("IMC_ECI_ENDPOINT", server.url)

    told = doors.push()

    (record,) = told.outcomes
    assert (record["result"], record["reason"]) == ("ignored", "CACHE_GONE")
    assert told.error is None
    assert [b"Action=UpdateImageCache" in head for head in server.received] == [False, False, True, False]
