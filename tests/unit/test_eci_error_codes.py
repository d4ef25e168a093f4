"""The error table: every documented code is in it, with the class that says how it is treated."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from imagecache.base.errors import ErrorClass
from imagecache.base.reasons import Reason, Result
from imagecache.clients.eci_error_codes import ATTEMPTS, ERROR_TABLE, classify
from tests.support.for_each import for_each

DOCUMENTED = {
    # UpdateImageCache, 400
    "Account.Arrearage": ErrorClass.PERMANENT,
    "DryRunOperation": ErrorClass.BENIGN,
    "InvalidParameter.CPU.Memory": ErrorClass.PERMANENT,
    "IncorrectStatus": ErrorClass.BUSY,
    "ImageCache.IncorrectStatus": ErrorClass.BUSY,
    "ServiceNotEnabled": ErrorClass.PERMANENT,
    "DiskVolume.NotSupport": ErrorClass.PERMANENT,
    "RamRole.NotSupport": ErrorClass.PERMANENT,
    "ImageCacheNotSupport": ErrorClass.PERMANENT,
    "OperationConflict": ErrorClass.BUSY,
    "NoNeedUpdate": ErrorClass.BENIGN,
    # UpdateImageCache, 403
    "OperationDenied.VswZoneMisMatch": ErrorClass.PERMANENT,
    "QuotaExceeded": ErrorClass.CAPACITY,
    "Zone.NotOnSale": ErrorClass.PERMANENT,
    "Forbidden.RiskControl": ErrorClass.PERMANENT,
    "Forbidden.SubUser": ErrorClass.PERMANENT,
    "Forbidden.OnlyForInvitedTest": ErrorClass.PERMANENT,
    "OperationDenied.SecurityGroupMisMatch": ErrorClass.PERMANENT,
    "InvalidVSwitchId.IpNotEnough": ErrorClass.CAPACITY,
    "Forbidden.UserBussinessStatus": ErrorClass.PERMANENT,
    "Forbidden.UserNotRealNameAuthentication": ErrorClass.PERMANENT,
    "InvalidUser.PassRoleForbidden": ErrorClass.PERMANENT,
    "OperationDenied.NoStock": ErrorClass.CAPACITY,
    "NoPermission": ErrorClass.PERMANENT,
    "SecurityRisk.3DVerification": ErrorClass.PERMANENT,
    "CreateServiceLinkedRole.Denied": ErrorClass.PERMANENT,
    # elsewhere in ECI
    "Throttling": ErrorClass.TRANSIENT,
    "Throttling.User": ErrorClass.TRANSIENT,
    "ServiceUnavailable": ErrorClass.TRANSIENT,
    "InternalError": ErrorClass.TRANSIENT,
    "InvalidParameter.NotFound": ErrorClass.PERMANENT,
    # the RPC gateway's own, about a ClientToken that was used before
    "IdempotentParameterMismatch": ErrorClass.BUSY,
    "LastTokenProcessing": ErrorClass.BUSY,
    # the RPC gateway's own, about a signature and the key that made it
    "SignatureNonceUsed": ErrorClass.TRANSIENT,
    "InvalidTimeStamp.Expired": ErrorClass.TRANSIENT,
    "InvalidSecurityToken.Expired": ErrorClass.TRANSIENT,
    "InvalidAccessKeyId.NotFound": ErrorClass.TRANSIENT,
}

unknown_codes = st.text(max_size=40).filter(
    lambda code: code not in ERROR_TABLE and not code.startswith("Throttling.")
)


def test_the_table_has_the_documented_codes_and_no_others() -> None:
    assert set(ERROR_TABLE) == set(DOCUMENTED)


@for_each(("code", "error_class"), DOCUMENTED.items())
def test_a_documented_code_has_its_class_whatever_the_status(code: str, error_class: ErrorClass) -> None:
    row = ERROR_TABLE[code]
    assert row.error.error_class is error_class
    assert [classify(code, status) for status in (None, 400, 403, 404, 500, 503)] == [row] * 6


@for_each(
    ("code", "reason"),
    [
        ("IncorrectStatus", Reason.CACHE_BUSY),
        ("IdempotentParameterMismatch", Reason.CACHE_BUSY),
        ("Throttling.User", Reason.THROTTLED),
        ("InternalError", Reason.SERVER_ERROR),
        ("QuotaExceeded", Reason.QUOTA_EXCEEDED),
        ("OperationDenied.NoStock", Reason.OUT_OF_STOCK),
        ("InvalidVSwitchId.IpNotEnough", Reason.OUT_OF_ADDRESSES),
        ("NoNeedUpdate", Reason.NO_NEED_UPDATE),
        ("DryRunOperation", Reason.DRY_RUN_OPERATION),
        ("Account.Arrearage", Reason.ACCOUNT_BLOCKED),
        ("NoPermission", Reason.PERMISSION_DENIED),
        ("Zone.NotOnSale", Reason.CONFIGURATION_REFUSED),
        ("InvalidParameter.NotFound", Reason.NOT_FOUND),
    ],
)
def test_a_code_has_the_reason_that_a_person_searches_for(code: str, reason: Reason) -> None:
    assert classify(code, 400).reason is reason


@given(unknown_codes, st.none() | st.integers(min_value=100, max_value=499))
def test_an_unknown_code_without_a_server_fault_is_permanent(code: str, http_status: int | None) -> None:
    row = classify(code, http_status)
    assert (row.error.error_class, row.reason) == (ErrorClass.PERMANENT, Reason.ECI_REFUSED)


@given(unknown_codes, st.integers(min_value=500, max_value=599))
def test_an_unknown_code_with_a_server_fault_is_transient(code: str, http_status: int) -> None:
    row = classify(code, http_status)
    assert (row.error.error_class, row.reason) == (ErrorClass.TRANSIENT, Reason.SERVER_ERROR)


@given(st.text(max_size=40), st.none() | st.integers(min_value=100, max_value=599))
def test_every_code_of_the_throttling_family_is_throttling(name: str, http_status: int | None) -> None:
    row = classify(f"Throttling.{name}", http_status)
    assert (row.error.error_class, row.reason) == (ErrorClass.TRANSIENT, Reason.THROTTLED)


@for_each(
    "code",
    [
        "",
        "throttling",
        "throttling.user",
        "Throttling ",
        "ThrottlingUser",
        "x.Throttling.User",
        "NoNeedUpdate.x",
        "xIncorrectStatus",
    ],
)
def test_a_code_is_known_by_its_exact_spelling_only(code: str) -> None:
    assert classify(code, 400).reason is Reason.ECI_REFUSED


@for_each("code", DOCUMENTED)
def test_the_reason_of_a_code_can_come_with_the_results_of_its_class(code: str) -> None:
    row = ERROR_TABLE[code]
    results = row.reason.results
    if row.error.error_class is ErrorClass.BENIGN:
        assert results - {Result.FAILED} in ({Result.UNCHANGED}, {Result.PLANNED})
    elif row.error.error_class.retryable:
        assert results == {Result.FAILED, Result.DEFERRED}
    else:
        assert results == {Result.FAILED}


def test_only_what_can_pass_at_once_is_called_again() -> None:
    called_again = {error_class for error_class, attempts in ATTEMPTS.items() if attempts > 1}
    assert called_again == {ErrorClass.BUSY, ErrorClass.TRANSIENT}
    assert set(ATTEMPTS) == set(ErrorClass) - {ErrorClass.INPUT}
    assert min(ATTEMPTS.values()) == 1


@for_each(
    ("error_class", "retryable"),
    [
        (ErrorClass.BUSY, True),
        (ErrorClass.TRANSIENT, True),
        (ErrorClass.CAPACITY, True),
        (ErrorClass.BENIGN, False),
        (ErrorClass.PERMANENT, False),
        (ErrorClass.INPUT, False),
    ],
)
def test_a_class_is_retryable_if_time_alone_can_mend_it(error_class: ErrorClass, retryable: bool) -> None:
    assert error_class.retryable is retryable
