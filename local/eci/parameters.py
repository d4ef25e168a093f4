"""The parameters of an RPC call: from the query's bytes to checked values, and nothing left over.

Lists are flattened on the wire, ``Tag.1.Key``, numbered from 1 without a gap. Strict on purpose: an unknown
or doubled name, a gap, or the text ``None`` (what the SDK makes of Python's None) is a defect of the client
that this server is there to show, where the cloud may look over it. Messages name the parameter and what is
expected, never the value. Must not know any action.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from urllib.parse import parse_qsl

from .errors import ApiError, invalid, missing

__all__ = ["Reader", "decode"]

_MOST_PARAMETERS = 1000
_SHOWN_NAME_LENGTH = 100
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_INTEGER = re.compile(r"0|[1-9][0-9]{0,9}")
_INDEX = re.compile(r"[1-9][0-9]{0,3}")


def decode(*encoded: bytes) -> dict[str, str]:
    """The parameters of one or more ``application/x-www-form-urlencoded`` texts.

    Raises:
        ApiError: InvalidParameter, for a text that cannot be decoded or a name that is there twice.
    """
    parameters: dict[str, str] = {}
    for text in encoded:
        try:
            pairs = parse_qsl(
                text.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS
            )
        except ValueError:
            raise ApiError(
                "InvalidParameter", "The parameters are not percent-encoded UTF-8, or are too many."
            ) from None
        for name, value in pairs:
            if name in parameters:
                raise invalid(_shown(name), "it is given more than once")
            parameters[name] = value
    return parameters


class Reader:
    """Reads parameters one by one, and knows which were not read.

    Every method raises ``ApiError`` (InvalidParameter) for a value that is not as asked for, and returns
    None for a parameter that is not there.
    """

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self._parameters = parameters
        self._unread = set(parameters)

    def ignore(self, names: Collection[str]) -> None:
        """Accept these without a look: somebody else checks them, or they mean nothing here."""
        self._unread.difference_update(names)

    def text(
        self, name: str, longest: int, pattern: re.Pattern[str] | None = None, *, shortest: int = 1
    ) -> str | None:
        """A text of a bounded length, without control characters, all of which matches ``pattern``."""
        value = self._read(name)
        if value is None:
            return None
        if not shortest <= len(value) <= longest:
            raise invalid(name, f"{shortest} to {longest} characters are expected")
        if _CONTROL.search(value):
            raise invalid(name, "a text without control characters is expected")
        if pattern is not None and not pattern.fullmatch(value):
            raise invalid(name, f"a text of the form {pattern.pattern} is expected")
        return value

    def required(self, name: str, longest: int, pattern: re.Pattern[str] | None = None) -> str:
        """The same for a parameter that must be there.

        Raises:
            ApiError: MissingParameter when it is not there.
        """
        value = self.text(name, longest, pattern)
        if value is None:
            raise missing(name)
        return value

    def integer(self, name: str, lowest: int, highest: int) -> int | None:
        """A decimal number in a range, both ends included."""
        value = self._read(name)
        if value is None:
            return None
        if not _INTEGER.fullmatch(value) or not lowest <= int(value) <= highest:
            raise invalid(name, f"an integer from {lowest} to {highest} is expected")
        return int(value)

    def boolean(self, name: str) -> bool | None:
        """``true`` or ``false`` in any letter case: the SDK sends Python's ``True`` and ``False``."""
        value = self._read(name)
        if value is None:
            return None
        if value.lower() not in {"true", "false"}:
            raise invalid(name, "true or false is expected")
        return value.lower() == "true"

    def choice(self, name: str, options: Collection[str]) -> str | None:
        """One of a few texts, which may have the empty one among them."""
        value = self._read(name)
        if value is not None and value not in options:
            raise invalid(name, f"one of {', '.join(repr(option) for option in options)} is expected")
        return value

    def members(self, name: str, most: int) -> list[str]:
        """The names of a list's members, ``Tag.1``, ``Tag.2`` and so on; at most ``most``.

        Raises:
            ApiError: InvalidParameter for numbers that do not run from 1 without a gap, or too many.
        """
        numbers = set()
        for parameter in self._parameters:
            if parameter.startswith(f"{name}."):
                number = parameter[len(name) + 1 :].split(".", 1)[0]
                # Anything else after the dot is an unknown name, which is reported as such in the end.
                if number == "0":
                    raise invalid(_shown(parameter), "members are numbered from 1")
                if _INDEX.fullmatch(number):
                    numbers.add(int(number))
        if len(numbers) > most:
            raise invalid(name, f"at most {most} members are expected")
        if numbers and max(numbers) != len(numbers):
            raise invalid(name, "members are numbered from 1 without a gap")
        return [f"{name}.{number}" for number in sorted(numbers)]

    def finish(self) -> None:
        """End the reading.

        Raises:
            ApiError: InvalidParameter when parameters are left that nobody asked for.
        """
        if self._unread:
            raise invalid(_shown(min(self._unread)), "this action has no parameter of this name")

    def _read(self, name: str) -> str | None:
        self._unread.discard(name)
        value = self._parameters.get(name)
        if value == "None":
            raise invalid(name, "a value is expected, not the text of a missing one")
        return value


def _shown(name: str) -> str:
    return _CONTROL.sub("?", name)[:_SHOWN_NAME_LENGTH]
