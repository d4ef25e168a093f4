"""Takes the secrets of an invocation out of what leaves it, wherever a sender or a service repeats them.

A secret is found in any letter case (hosts are lower-cased), percent-encoded once or more often, in whole or
in part, escaped as in JSON, as base64 at any place in a longer text, and cut off, from its first 12
characters on. Must not know which secrets there are.
"""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import Any
from urllib.parse import unquote

LOGGER = logging.getLogger(__name__.partition(".")[0])
"""The library's only logger: the frame of an invocation takes the secrets out of its lines."""

HIDDEN = "(hidden)"

_TELLING = 12
"""How many first characters of a secret already give it away."""
_SHORTEST = 4
"""What is shorter is not searched for: it would be found everywhere."""
_SHORTEST_BASE64 = 8
_SAME_IN_BASE64 = {"+": "+-", "/": "/_"}
_MOST_ENCODINGS = 4
_ESCAPE = re.compile(r"\\+u([0-9a-fA-F]{4})")
_BYTE_BITS, _LETTER_BITS = 8, 6
_BLOCK = 3


@dataclass(eq=False, repr=False)
class _Needle:
    """One text to search for; of characters that are the same to it, each is written as one string."""

    letters: tuple[str, ...]

    @cached_property
    def start(self) -> re.Pattern[str]:
        """Finds the beginning in any encoding."""
        return re.compile("".join(_form(letter) for letter in self.letters[:_TELLING]), re.IGNORECASE)

    def taken_out(self, text: str) -> str:
        """The text without it, as far as it goes on in each place."""
        parts, done = [], 0
        while found := self.start.search(text, done):
            end = found.end()
            for letter in self.letters[_TELLING:]:
                more = _compiled(letter).match(text, end)
                if more is None:
                    break
                end = more.end()
            parts += [text[done : found.start()], HIDDEN]
            done = end
        return "".join((*parts, text[done:]))


@dataclass(eq=False, repr=False)
class Scrubber:
    """Knows the secrets; its repr shows none.

    Attributes:
        needles: what is searched for.
    """

    needles: tuple[_Needle, ...]

    def __repr__(self) -> str:
        return f"Scrubber({len(self.needles)})"

    @cached_property
    def _starts(self) -> frozenset[str]:
        return frozenset(
            _merged("".join(letter[0] for letter in needle.letters[:_TELLING])) for needle in self.needles
        )

    def suspects(self, text: str) -> bool:
        """Whether a text may hold a secret: a quick look, which is all that most records need."""
        if "\\u" in text:
            text = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        for _ in range(_MOST_ENCODINGS):
            merged = _merged(text)
            if any(start in merged for start in self._starts):
                return True
            if "%" not in text:
                break
            text = unquote(text)
        return False

    def cleaned(self, value: Any) -> Any:
        """The same text, list or mapping without secrets."""
        if isinstance(value, str):
            for needle in self.needles:
                value = needle.taken_out(value)
            return value
        if isinstance(value, list):
            return [self.cleaned(member) for member in value]
        if isinstance(value, Mapping):
            return {key: self.cleaned(member) for key, member in value.items()}
        return value


NO_SECRETS = Scrubber(())


@lru_cache(maxsize=8)
def scrubber(secrets: frozenset[str]) -> Scrubber:
    """The scrubber for some secrets: longer ones first, as a short one may be the beginning of another."""
    known = sorted((secret for secret in secrets if len(secret) >= _SHORTEST), key=len, reverse=True)
    return Scrubber(tuple(needle for secret in known for needle in _needles(secret)))


def _merged(text: str) -> str:
    """The text with what may stand for one another made the same."""
    return text.lower().replace("\\", "").replace(" ", "+").replace("-", "+").replace("_", "/")


def _needles(secret: str) -> Iterator[_Needle]:
    yield _Needle(tuple(secret))
    data = secret.encode("utf-8", "surrogatepass")
    for before in range(_BLOCK):
        # The letters that bytes before and after the secret have no part in.
        first = -(-before * _BYTE_BITS // _LETTER_BITS)
        last = (before + len(data)) * _BYTE_BITS // _LETTER_BITS
        letters = base64.b64encode(bytes(before) + data).decode("ascii")[first:last]
        if len(letters) >= _SHORTEST_BASE64:
            yield _Needle(tuple(_SAME_IN_BASE64.get(letter, letter) for letter in letters))


@cache
def _form(letter: str) -> str:
    """A pattern for a character in all of its encodings."""
    return f"(?:{'|'.join(form for choice in letter for form in _forms_of(choice))})"


def _forms_of(character: str) -> Iterable[str]:
    escaped = re.escape(character)
    data = character.encode("utf-8", "surrogatepass")
    units = character.encode("utf-16-be", "surrogatepass")
    return (
        escaped if character.isalnum() else rf"\\*{escaped}",
        "".join(f"%(?:25)*{byte:02X}" for byte in data),
        "".join(rf"\\+u{units[at : at + 2].hex()}" for at in range(0, len(units), 2)),
        *(r"\+" for _ in range(character == " ")),
    )


@cache
def _compiled(letter: str) -> re.Pattern[str]:
    return re.compile(_form(letter), re.IGNORECASE)
