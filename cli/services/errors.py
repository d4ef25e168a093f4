"""What goes wrong when a service is asked."""

from __future__ import annotations


class NotReadError(Exception):
    """Raised when something could not be read, so that what depends on it is not known.

    Args:
        message: what, and why.
        remedy: what is needed to know it.
        code: the service's error code, empty if there was no answer.
        missing: whether it answered that there is no such thing.
    """

    def __init__(self, message: str, remedy: str = "", *, code: str = "", missing: bool = False) -> None:
        super().__init__(message)
        self.remedy = remedy
        self.code = code
        self.missing = missing


class FunctionFailedError(Exception):
    """Raised where a function fails when it is asked."""
