"""Reading JSON from outside: its size is bounded before parsing, its depth after it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

from .errors import InputError
from .reasons import Reason

MAX_BODY_BYTES = 1024 * 1024
"""Of a webhook or a manual request; real ones are far smaller."""

MAX_EVENT_BYTES = 8 * 1024 * 1024
"""Of a whole invocation event: an HTTP body of the size above fits even with every byte escaped."""

_MAX_DEPTH = 64
_SHOWN = 80


def read_json(data: bytes, *, limit: int, what: str) -> Any:
    """Parse a JSON document from outside.

    Args:
        data: the raw bytes.
        limit: the largest size that is parsed, in bytes.
        what: the document's name in error messages.

    Raises:
        InputError: ``TOO_LARGE``, ``TOO_DEEP``, or ``NOT_JSON`` (also for NaN and for anything but UTF-8).
    """
    if len(data) > limit:
        raise InputError(
            Reason.TOO_LARGE,
            f"{what} has {len(data)} bytes, more than {limit}",
            where=what,
            rule=f"at most {limit} bytes",
            found=f"{len(data)} bytes",
        )
    try:
        document = json.loads(data.decode("utf-8"), parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError:
        raise _too_deep(what) from None
    except ValueError as error:
        why = str(error)[:200]
        raise InputError(
            Reason.NOT_JSON, f"{what} is not valid JSON: {why}", where=what, rule="JSON in UTF-8", found=why
        ) from None
    _check_depth(document, what)
    return document


def fingerprint(document: Any) -> str:
    """A stable id of a JSON document's content: 32 hexadecimal characters."""
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()[:32]


def shown(value: Any) -> str:
    """A value from outside as it may be shown in a message: ASCII, one line, short."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=True)
    return ascii(text[:_SHOWN])[1:-1] + ("..." if len(text) > _SHOWN else "")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits[:40]} is out of range")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _check_depth(document: Any, what: str) -> None:
    level: list[Any] = [document]
    for _ in range(_MAX_DEPTH):
        below: list[Any] = []
        for value in level:
            if isinstance(value, Mapping):
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
        if not below:
            return
        level = below
    raise _too_deep(what)


def _too_deep(what: str) -> InputError:
    return InputError(
        Reason.TOO_DEEP,
        f"{what} is nested deeper than {_MAX_DEPTH} levels",
        where=what,
        rule=f"at most {_MAX_DEPTH} levels",
        found="a deeper document",
    )
