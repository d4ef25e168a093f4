"""An operator's probe: how its message is read (schema ``probe-message``)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..base.errors import InputError
from ..base.json_schema import validate
from ..base.reasons import Reason
from ..model.change import Probe


def is_probe(document: Any) -> bool:
    """Whether a document is meant as a probe, be it a valid one or not."""
    return isinstance(document, dict) and "probe" in document


def read_probe(document: Any) -> Probe:
    """Read a probe.

    Raises:
        InputError: when it breaks its schema, or its time does not exist.
    """
    validate(document, "probe-message")
    probe = document["probe"]
    try:
        due = datetime.fromisoformat(probe["due"]) if "due" in probe else None
    except ValueError:
        where, rule, found = "/probe/due", "a time that exists", probe["due"]
        message = f"at {where}: {found} is not a time"
        raise InputError(Reason.SCHEMA_VIOLATION, message, where=where, rule=rule, found=found) from None
    return Probe(probe["id"], frozenset(probe.get("checks", ())), int(probe.get("delaySeconds", 1)), due)
