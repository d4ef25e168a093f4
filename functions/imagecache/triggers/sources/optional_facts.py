"""Facts that a push does not need: read where they have their form, else as if they were missing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ...base.errors import InputError
from ...model.reference import check_digest

_PLAIN = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]*")
_REGION = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)
_LONGEST_REGION = 64


def optional_text(value: Any, *, longest: int = 256) -> str:
    """A text that a payload may have, empty if it has something else there, or one that is not printable."""
    fits = isinstance(value, str) and len(value) <= longest and _PLAIN.fullmatch(value)
    return value if fits else ""


def optional_object(value: Any) -> Mapping[str, Any]:
    """An object that a payload may have, empty if it has something else there."""
    return value if isinstance(value, dict) else {}


def optional_region(value: Any) -> str:
    """A region id that a payload may have, empty if it has something else there."""
    text = optional_text(value, longest=_LONGEST_REGION)
    return text if _REGION.fullmatch(text) else ""


def optional_digest(value: Any) -> str | None:
    """A digest that a payload may have, None if it has something else there."""
    try:
        return check_digest(value) if isinstance(value, str) else None
    except InputError:
        return None
