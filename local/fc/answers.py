"""Answers that the platform gives itself, in the place of a function."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from .functions import Invocation

__all__ = ["access_denied", "failed_function", "platform_error", "request_headers"]


def request_headers(request_id: str, error_type: str | None = None) -> dict[str, str]:
    """The headers with the invocation's id, and the kind of its error."""
    headers = {"X-Fc-Request-Id": request_id}
    if error_type is not None:
        headers["X-Fc-Error-Type"] = error_type
    return headers


def platform_error(status: int, code: str, message: str, request_id: str) -> Response:
    """An error of the request, or of the platform: the function has not run."""
    document = {"RequestId": request_id, "Code": code, "Message": message}
    return JSONResponse(document, status, headers=request_headers(request_id))


def access_denied(function: str, request_id: str) -> Response:
    """The caller's role does not allow it to invoke a function."""
    message = f"the role of the access key does not allow fc:InvokeFunction on {function}"
    return platform_error(403, "AccessDenied", message, request_id)


def failed_function(invocation: Invocation, status: int) -> Response:
    """An error of the function, passed on as it is."""
    return Response(
        invocation.payload,
        status,
        headers=request_headers(invocation.request_id, invocation.error_type),
        media_type="application/json",
    )
