"""Why an attempt at an asynchronous invocation failed, as a value. Must not know what is done about it."""

from __future__ import annotations

from dataclasses import dataclass

from .functions import Invocation, ThrottledError, UnknownFunctionError

__all__ = ["Failure", "function_failed", "not_found", "throttled"]


@dataclass(frozen=True)
class Failure:
    """A failed attempt.

    Attributes:
        condition: the kind of the function's error, or the code of the platform's refusal.
        status_code: of the invocation: 200 where the function has run, with any result.
        function_error: the kind of the function's error; empty when it has not run.
        payload: what the function answered.
        text: for a person.
    """

    condition: str
    status_code: int
    function_error: str
    payload: bytes
    text: str


def function_failed(invocation: Invocation) -> Failure:
    """The function has run and failed."""
    kind = str(invocation.error_type)
    text = invocation.payload.decode("utf-8", errors="replace")
    return Failure(kind, 200, kind, invocation.payload, f"{kind}: {text}")


def throttled(error: ThrottledError) -> Failure:
    """No instance was free for the function."""
    return Failure("ResourceThrottled", 429, "", b"", f"ResourceThrottled: {error}")


def not_found(error: UnknownFunctionError) -> Failure:
    """The function does not exist any more."""
    return Failure("FunctionNotFound", 404, "", b"", f"FunctionNotFound: {error}")
