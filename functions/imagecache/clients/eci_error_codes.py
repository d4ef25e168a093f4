"""The error table: every documented code of UpdateImageCache, and a class and a reason for it.

Sources: the API's error code list; the general ECI and gateway codes. Several codes can mean that an
update is running (the documentation does not say which), so all of them count as busy. A code that is
not in the table is permanent with a 4xx and transient with a 5xx; any code of the family ``Throttling.`` is a
throttling one.
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
    ErrorClass.BUSY: 3,
    ErrorClass.TRANSIENT: 3,
    ErrorClass.CAPACITY: 1,
    ErrorClass.BENIGN: 1,
    ErrorClass.PERMANENT: 1,
}
"""How many times one call is made inside one invocation, its time permitting."""

ERROR_TABLE: dict[str, Row] = {
    "IncorrectStatus": _BUSY,
    "ImageCache.IncorrectStatus": _BUSY,
    "OperationConflict": _BUSY,
    # An earlier call with this token was accepted: what it started is running.
    "IdempotentParameterMismatch": _BUSY,
    "Throttling": _THROTTLED,
    "Throttling.User": _THROTTLED,
    "ServiceUnavailable": _SERVER,
    "InternalError": _SERVER,
    "QuotaExceeded": Row(CapacityError, Reason.QUOTA_EXCEEDED),
    "OperationDenied.NoStock": Row(CapacityError, Reason.OUT_OF_STOCK),
    "InvalidVSwitchId.IpNotEnough": Row(CapacityError, Reason.OUT_OF_ADDRESSES),
    "NoNeedUpdate": Row(BenignError, Reason.NO_NEED_UPDATE),
    "DryRunOperation": Row(BenignError, Reason.DRY_RUN_OPERATION),
    "Account.Arrearage": _ACCOUNT,
    "ServiceNotEnabled": _ACCOUNT,
    "Forbidden.RiskControl": _ACCOUNT,
    "Forbidden.OnlyForInvitedTest": _ACCOUNT,
    "Forbidden.UserBussinessStatus": _ACCOUNT,
    "Forbidden.UserNotRealNameAuthentication": _ACCOUNT,
    "SecurityRisk.3DVerification": _ACCOUNT,
    "Forbidden.SubUser": _PERMISSION,
    "InvalidUser.PassRoleForbidden": _PERMISSION,
    "NoPermission": _PERMISSION,
    "CreateServiceLinkedRole.Denied": _PERMISSION,
    "InvalidParameter.CPU.Memory": _CONFIGURATION,
    "DiskVolume.NotSupport": _CONFIGURATION,
    "RamRole.NotSupport": _CONFIGURATION,
    "ImageCacheNotSupport": _CONFIGURATION,
    "OperationDenied.VswZoneMisMatch": _CONFIGURATION,
    "OperationDenied.SecurityGroupMisMatch": _CONFIGURATION,
    "Zone.NotOnSale": _CONFIGURATION,
    "InvalidParameter.NotFound": Row(PermanentError, Reason.NOT_FOUND),
}

_THROTTLING = "Throttling."
_SERVER_FAULT = 500


def classify(code: str, http_status: int | None) -> Row:
    """The class and reason of an error answer.

    Args:
        code: the vendor's error code, or the SDK's where the answer had none.
        http_status: of the answer.
    """
    row = ERROR_TABLE.get(code)
    if row is not None:
        return row
    if code.startswith(_THROTTLING):
        return _THROTTLED
    if http_status is not None and http_status >= _SERVER_FAULT:
        return _SERVER
    return Row(PermanentError, Reason.ECI_REFUSED)
