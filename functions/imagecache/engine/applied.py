"""What came of a decision, before it is followed up and recorded."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..base.errors import EciError
from ..planning.decision import Decision


@dataclass(eq=False, repr=False)
class Applied:
    """One decision and what came of it.

    Attributes:
        decision: with the cache as it was last read; its result holds unless there is an error.
        error: why it is not done; None if it is, or if nothing had to be done.
        facts: what the record says beyond the decision and the error.
        started: when work on it began, on the monotonic clock, in seconds.
        deferred: whether a task is stored that does later what is not done now.
        left: whether it is not done only for lack of time, or by the cap of this run.
    """

    decision: Decision
    error: EciError | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)
    deferred: bool = False
    left: bool = False
