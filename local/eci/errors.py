"""The error codes that this server can answer, with the HTTP status of each.

Sources: the error code list of UpdateImageCache, the general codes of ECI, and the codes that the vendor's
RPC gateway gives for every product. Messages are this server's own, and hold no value that was sent: a
message about a password or a signature must not repeat it.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["ERRORS", "ApiError", "OrderError", "invalid", "missing"]


class _Error(NamedTuple):
    status: int
    message: str


_CACHE_BUSY = "The image cache is not in a status in which it can be updated."
_STS_REFUSED = "The security token does not belong to the access key."

ERRORS: dict[str, _Error] = {
    # UpdateImageCache
    "Account.Arrearage": _Error(400, "The account has an overdue payment."),
    "DryRunOperation": _Error(400, "The request passes its checks; nothing was done."),
    "InvalidParameter.CPU.Memory": _Error(400, "The combination of CPU and memory is not offered."),
    "IncorrectStatus": _Error(400, _CACHE_BUSY),
    "ImageCache.IncorrectStatus": _Error(400, _CACHE_BUSY),
    "ServiceNotEnabled": _Error(400, "The service is not enabled for the account."),
    "DiskVolume.NotSupport": _Error(400, "Disk volumes are not supported."),
    "RamRole.NotSupport": _Error(400, "The RAM role is not supported."),
    "ImageCacheNotSupport": _Error(400, "The image cache does not support this."),
    "OperationConflict": _Error(400, "Another operation on the image cache is running."),
    "NoNeedUpdate": _Error(400, "The image cache is as requested already."),
    "OperationDenied.VswZoneMisMatch": _Error(403, "The vSwitch is in another zone."),
    "QuotaExceeded": _Error(403, "A quota of the account is used up."),
    "Zone.NotOnSale": _Error(403, "The zone is closed for new resources."),
    "Forbidden.RiskControl": _Error(403, "The account is under risk control."),
    "Forbidden.SubUser": _Error(403, "The RAM user may not do this."),
    "Forbidden.OnlyForInvitedTest": _Error(403, "The feature is in an invitational test."),
    "OperationDenied.SecurityGroupMisMatch": _Error(403, "The security group is in another network."),
    "InvalidVSwitchId.IpNotEnough": _Error(403, "The vSwitch has no free address."),
    "Forbidden.UserBussinessStatus": _Error(403, "The account's business status does not allow this."),
    "Forbidden.UserNotRealNameAuthentication": _Error(403, "The account's owner has not proved the name."),
    "InvalidUser.PassRoleForbidden": _Error(403, "The RAM user may not pass the role on."),
    "OperationDenied.NoStock": _Error(403, "The resources are out of stock."),
    "NoPermission": _Error(403, "The RAM user or role has no permission for this."),
    "SecurityRisk.3DVerification": _Error(403, "The account's owner must pass a verification."),
    "CreateServiceLinkedRole.Denied": _Error(403, "The service-linked role may not be created."),
    # Elsewhere in ECI
    "Throttling": _Error(400, "The request rate is too high."),
    "Throttling.User": _Error(400, "The request rate of the account is too high."),
    "ServiceUnavailable": _Error(503, "The service is unavailable for now."),
    "InternalError": _Error(500, "The request failed for an internal reason."),
    "InvalidParameter.NotFound": _Error(404, "The image cache does not exist in this region."),
    # Parameters
    "MissingParameter": _Error(400, "A mandatory parameter is missing."),
    "InvalidParameter": _Error(400, "A parameter is not valid."),
    "IdempotentParameterMismatch": _Error(400, "The ClientToken was used with other parameters."),
    # The gateway in front of every product
    "InvalidAction.NotFound": _Error(404, "There is no such action."),
    "InvalidVersion": _Error(400, "There is no such version of the API."),
    "UnsupportedHTTPMethod": _Error(405, "The API takes GET and POST."),
    "IncompleteSignature": _Error(400, "The request is not signed by a known method."),
    "SignatureDoesNotMatch": _Error(400, "The signature is not that of this request with this access key."),
    "SignatureNonceUsed": _Error(400, "The nonce of the signature was used before."),
    "InvalidTimeStamp.Format": _Error(400, "The timestamp is not of the form YYYY-MM-DDThh:mm:ssZ."),
    "InvalidTimeStamp.Expired": _Error(400, "The timestamp is more than 15 minutes from the server's time."),
    "InvalidAccessKeyId.NotFound": _Error(404, "The access key does not exist."),
    "MissingSecurityToken": _Error(400, "A temporary access key needs its security token."),
    "InvalidSecurityToken.Malformed": _Error(400, _STS_REFUSED),
    "InvalidSecurityToken.Expired": _Error(400, "The security token's time is over."),
}


class ApiError(Exception):
    """Raised when a call is refused.

    Args:
        code: a code of ``ERRORS``, or any other where ``status`` is given.
        message: the text of the answer; the one of the table when left out.
        status: the HTTP status; that of the table when left out.
    """

    def __init__(self, code: str, message: str | None = None, status: int | None = None) -> None:
        known = ERRORS.get(code, _Error(400, "The request was refused."))
        self.code = code
        self.message = message or known.message
        self.status = status or known.status
        super().__init__(f"{self.status} {code}: {self.message}")


class OrderError(Exception):
    """Raised when the administration cannot do what it is ordered; the text says what is expected."""


def missing(name: str) -> ApiError:
    """The refusal of a call that lacks a mandatory parameter."""
    return ApiError("MissingParameter", f'The mandatory parameter "{name}" is missing.')


def invalid(name: str, expected: str) -> ApiError:
    """The refusal of a parameter; says what is expected, never what was sent."""
    return ApiError("InvalidParameter", f'The parameter "{name}" is not valid: {expected}.')
