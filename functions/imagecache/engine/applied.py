"""What came of a decision, before it is followed up and recorded."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..base.errors import EciError
from ..planning.plan import Decision


@dataclass(frozen=True)
class Applied:
    """One decision and what came of it.

    Attributes:
        decision: with the cache as it was last read; its result holds unless there is an error.
        error: why it is not done; None if it is, or if nothing had to be done.
        update_began: when the update began that the decision waits for, with a zone.
        facts: what the record says beyond the decision and the error.
        started: when work on it began, on the monotonic clock, in seconds.
        deferrable: whether a follow task may do later what failed now.
    """

    decision: Decision
    error: EciError | None = None
    update_began: datetime | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)
    deferrable: bool = True
