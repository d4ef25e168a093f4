"""Files that a person names, and strict JSON in them. It must not know what a file is for."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any, NoReturn

from ..problem import Problem

_MOST_BYTES = 256 * 1024 * 1024


def called(name: str) -> str:
    """What a file is called in a sentence."""
    return "standard input" if name == "-" else name


def read_file(name: str) -> bytes:
    """What is in a file; ``-`` is standard input.

    Raises:
        Problem: when it cannot be read, or is too large.
    """
    try:
        if name == "-":
            # It is None in a process that was started without one.
            data = b"" if sys.stdin is None else sys.stdin.buffer.read(_MOST_BYTES + 1)
        else:
            with Path(name).open("rb") as file:
                data = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise Problem(f"{called(name)} cannot be read: {why}") from None
    if len(data) > _MOST_BYTES:
        raise Problem(f"{called(name)} has more than {_MOST_BYTES >> 20} MiB")
    return data


def read_text(name: str, encoding: str = "utf-8") -> str:
    """The text of a file.

    Raises:
        Problem: when it cannot be read, or is no text.
    """
    try:
        return read_file(name).decode(encoding)
    except UnicodeDecodeError as error:
        raise Problem(f"{called(name)} is not text in UTF-8: {error.reason} at byte {error.start}") from None


def read_document(name: str, expected: str = "") -> Any:
    """The JSON document of a file.

    Args:
        name: of the file.
        expected: what should be there, for whoever gave something else.

    Raises:
        Problem: when it cannot be read, or is no JSON.
    """
    try:
        return parse_json(read_text(name, "utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise Problem(f"{called(name)} is not JSON: {why_not_json(error)}", expected) from None


def parse_json(text: str) -> Any:
    """A JSON document; raises ``ValueError`` or ``RecursionError`` where there is none."""
    return json.loads(text, parse_constant=_refuse, parse_float=_finite)


def why_not_json(error: ValueError | RecursionError) -> str:
    """What is wrong with a text that is no JSON."""
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    return str(error) if isinstance(error, json.JSONDecodeError) else "a number is too long, or none"


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number of JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError("a number is out of range")
    return number


DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)
"""Reads one document of several; as strict as ``parse_json``."""
