"""Every error of the library, by cause.

::

    ImageCacheError
    ├── InputError              a document, request or name that no retry can mend
    ├── SettingsError           wrong environment variables; holds all problems
    ├── CredentialsError        the function has no credentials
    ├── HandOffError            Function Compute did not confirm that it stored a follow task
    ├── RegistryError           a registry, or the login to one, gave no usable answer
    ├── EciError                a call to ECI failed
    │   ├── BusyError           the cache is being created or updated
    │   ├── TransientError      throttled, 5xx, timeout, connection fault, unreadable answer
    │   ├── CapacityError       quota, stock or addresses: passes, but not soon
    │   ├── HeldBackError       a cooldown, a cap or a backoff of ours: not now
    │   ├── BenignError         an error code that says that all is well
    │   └── PermanentError      account, permission, configuration
    └── EntryPointError               what an entry point raises, so that the sender or the platform acts
        ├── RetryableEntryPointError    trying again can help
        └── PermanentEntryPointError    it cannot: for the on-failure queue and a person

No error's text holds a secret: what comes from outside is bounded and cleaned before it gets here.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from datetime import datetime
from enum import Enum
from typing import ClassVar

from .reasons import Reason


class ErrorClass(str, Enum):
    """The kinds of failure that are treated alike."""

    INPUT = "input"
    BUSY = "busy"
    TRANSIENT = "transient"
    CAPACITY = "capacity"
    BENIGN = "benign"
    PERMANENT = "permanent"

    @property
    def retryable(self) -> bool:
        """Whether the same change can succeed later although nobody does anything."""
        return self in {ErrorClass.BUSY, ErrorClass.TRANSIENT, ErrorClass.CAPACITY}


class ImageCacheError(Exception):
    """Base of all errors of this library."""


@dataclass(eq=False)
class InputError(ImageCacheError):
    """Raised for input that is refused: recorded, answered with a 4xx, never tried again.

    Attributes:
        reason: the reason code of the record.
        message: one sentence for a person.
        where: a JSON pointer, or the name of the offending part.
        rule: the rule that is broken.
        found: what was found instead, bounded.
    """

    reason: Reason
    message: str
    _: KW_ONLY
    where: str = ""
    rule: str = ""
    found: str = ""

    def __str__(self) -> str:
        return self.message


class SettingsError(ImageCacheError):
    """Raised when environment variables are missing or wrong.

    Args:
        problems: one line for each; none shows a secret.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class CredentialsError(ImageCacheError):
    """Raised when neither the environment nor the context has credentials."""


class HandOffError(ImageCacheError):
    """Raised when Function Compute did not confirm that it stored a follow task."""


class RegistryError(ImageCacheError):
    """Raised when a registry, or the login to one, gave no usable answer."""


@dataclass(eq=False)
class EciError(ImageCacheError):
    """Base of the failures of a call to ECI.

    Attributes:
        reason: the reason code of the record.
        message: one sentence, cleaned of secrets.
        code: the vendor's error code, or the SDK's.
        http_status: of the answer, if there was one.
        request_id: ECI's id of the request, if there was an answer.
        calls: how many times the call was made.
    """

    error_class: ClassVar[ErrorClass]

    reason: Reason
    message: str
    _: KW_ONLY
    code: str = ""
    http_status: int | None = None
    request_id: str | None = None
    calls: int = 1

    def __str__(self) -> str:
        return self.message


class BusyError(EciError):
    """Raised when the cache is in a state in which ECI accepts no update."""

    error_class = ErrorClass.BUSY


class TransientError(EciError):
    """Raised when the fault is ECI's or the network's, and passes."""

    error_class = ErrorClass.TRANSIENT


class CapacityError(EciError):
    """Raised when quota, stock or addresses are used up."""

    error_class = ErrorClass.CAPACITY


@dataclass(eq=False)
class HeldBackError(EciError):
    """Raised when a cooldown, a cap or a backoff forbids the update for now; no call was made.

    Attributes:
        until: when it is worth another look; the usual time if None.
    """

    error_class = ErrorClass.BUSY

    calls: int = 0
    until: datetime | None = None


class BenignError(EciError):
    """Raised when an error code of ECI means that there is nothing to do."""

    error_class = ErrorClass.BENIGN


class PermanentError(EciError):
    """Raised when only a person can mend the cause."""

    error_class = ErrorClass.PERMANENT


class EntryPointError(ImageCacheError):
    """Base of what an entry point raises."""


class RetryableEntryPointError(EntryPointError):
    """Raised when at least one change is not done and trying again can help."""


class PermanentEntryPointError(EntryPointError):
    """Raised when a change is not done and trying again cannot help."""
