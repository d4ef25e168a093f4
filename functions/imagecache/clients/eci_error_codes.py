"""The error table: every documented code of UpdateImageCache, and a class and a reason for it.

Sources: the API's error code list; the general ECI and gateway codes. Several codes can mean that an update
is running (the documentation does not say which), so all of them count as busy. An unknown code is permanent
with a 4xx and transient with a 5xx; any code that begins with ``Throttling.`` means throttling.
"""

from __future__ import annotations

from typing import NamedTuple

from ..base.errors import (
    BenignError,
    BusyError,
    CapacityError,
    EciError,
    ErrorClass,
    PermanentError,
    TransientError,
)
from ..base.reasons import Reason


class Row(NamedTuple):
    """How an error code is treated."""

    error: type[EciError]
    reason: Reason


_BUSY = Row(BusyError, Reason.CACHE_BUSY)
_THROTTLED = Row(TransientError, Reason.THROTTLED)
_SERVER = Row(TransientError, Reason.SERVER_ERROR)
_ACCOUNT = Row(PermanentError, Reason.ACCOUNT_BLOCKED)
_PERMISSION = Row(PermanentError, Reason.PERMISSION_DENIED)
_CONFIGURATION = Row(PermanentError, Reason.CONFIGURATION_REFUSED)

ATTEMPTS: dict[ErrorClass, int] = {
    ErrorClass.BUSY: 2,
    ErrorClass.TRANSIENT: 3,
    ErrorClass.CAPACITY: 1,
    ErrorClass.BENIGN: 1,
    ErrorClass.PERMANENT: 1,
}
"""How often one call is made in one invocation, if there is time."""

_CODES: dict[Row, str] = {
    # IdempotentParameterMismatch: an earlier call with this token was accepted, so its update is running.
    # LastTokenProcessing: the earlier call is not answered yet.
    _BUSY: "IncorrectStatus ImageCache.IncorrectStatus OperationConflict IdempotentParameterMismatch "
    "LastTokenProcessing",
    _THROTTLED: "Throttling Throttling.User",
    # A signature and its credentials are good for a short time, and not at once everywhere: another
    # attempt has a new signature, another invocation new credentials. An instance can be frozen between
    # signing and sending.
    _SERVER: "ServiceUnavailable InternalError SignatureNonceUsed InvalidTimeStamp.Expired "
    "InvalidSecurityToken.Expired InvalidAccessKeyId.NotFound",
    Row(CapacityError, Reason.QUOTA_EXCEEDED): "QuotaExceeded",
    Row(CapacityError, Reason.OUT_OF_STOCK): "OperationDenied.NoStock",
    Row(CapacityError, Reason.OUT_OF_ADDRESSES): "InvalidVSwitchId.IpNotEnough",
    Row(BenignError, Reason.NO_NEED_UPDATE): "NoNeedUpdate",
    Row(BenignError, Reason.DRY_RUN_OPERATION): "DryRunOperation",
    _ACCOUNT: "Account.Arrearage ServiceNotEnabled Forbidden.RiskControl "
    "Forbidden.OnlyForInvitedTest Forbidden.UserBussinessStatus Forbidden.UserNotRealNameAuthentication "
    "SecurityRisk.3DVerification",
    _PERMISSION: "Forbidden.SubUser InvalidUser.PassRoleForbidden NoPermission "
    "CreateServiceLinkedRole.Denied",
    _CONFIGURATION: "InvalidParameter.CPU.Memory DiskVolume.NotSupport "
    "RamRole.NotSupport ImageCacheNotSupport OperationDenied.VswZoneMisMatch "
    "OperationDenied.SecurityGroupMisMatch Zone.NotOnSale",
    Row(PermanentError, Reason.NOT_FOUND): "InvalidParameter.NotFound",
}
ERROR_TABLE = {code: row for row, codes in _CODES.items() for code in codes.split()}

_THROTTLING = "Throttling."
_SERVER_FAULT = 500


def classify(code: str, http_status: int | None) -> Row:
    """The class and reason of an error answer; ``code`` is the SDK's if the answer had none."""
    row = ERROR_TABLE.get(code)
    if row is not None:
        return row
    if code.startswith(_THROTTLING):
        return _THROTTLED
    if http_status is not None and http_status >= _SERVER_FAULT:
        return _SERVER
    return Row(PermanentError, Reason.ECI_REFUSED)
