"""Mutations of a document's JSON text, after which it may be none."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

__all__ = ["mutated_text"]

_MEMBER = re.compile(rb'"[A-Za-z_]{1,40}": ?"[^"\\]{0,80}"')
_ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "utf-7", "cp037")
_PIECES = (
    *(
        b"\x00",
        b"\xff",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xef\xbb\xbf",
        b"\\ud800",
        b"\\u0000",
    ),
    *(
        b"NaN",
        b"-Infinity",
        b"1e999",
        b"-0",
        b"01",
        b"9" * 5000,
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b'"',
        b"\\",
    ),
    *(b"/* */", b"//", b"'", b"\x0b", b"\xe2\x80\xa8", b"null", b"true", b"\r\n", b"[" * 3000, b'{"a":' * 80),
)
_LARGEST = 1024 * 1024


def mutated_text(text: bytes, chance: random.Random) -> bytes:
    """A mutated copy of JSON text."""
    for _ in range(chance.choice((1, 1, 2, 3))):
        text = chance.choice(_MUTATIONS)(text, chance)
    return text


def _flip(text: bytes, chance: random.Random) -> bytes:
    changed = bytearray(text)
    if changed:
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _cut(text: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(text) + 1)
    return text[:start] + text[start + chance.choice((1, 2, 10, 100)) :]


def _end(text: bytes, chance: random.Random) -> bytes:
    return text[: chance.randrange(len(text) + 1)]


def _insert(text: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(text) + 1)
    return text[:at] + chance.choice(_PIECES) + text[at:]


def _twice(text: bytes, chance: random.Random) -> bytes:
    """A member of an object once more, in the same object or in another one."""
    found: list[bytes] = _MEMBER.findall(text)
    starts = [match.end() for match in re.finditer(rb"\{", text)]
    if not found or not starts:
        return text + text
    at = chance.choice(starts)
    return text[:at] + chance.choice(found) + b"," + text[at:]


def _again(text: bytes, chance: random.Random) -> bytes:
    """Two members exchange places; those of one key then contradict each other."""
    found: list[bytes] = _MEMBER.findall(text)
    if not found:
        return text
    replaced, member = chance.choice(found), chance.choice(found)
    return text.replace(replaced, member, 1)


def _encode(text: bytes, chance: random.Random) -> bytes:
    encoding: str = chance.choice(_ENCODINGS)
    return text.decode("utf-8", "replace").encode(encoding, "replace")


def _around(text: bytes, chance: random.Random) -> bytes:
    before, after = chance.choice(
        ((b"[", b"]"), (b" \n\t", b" "), (b"", b"\x00"), (b"", b"{}"), (b'"', b'"'))
    )
    return before + text + after


def _pad(text: bytes, chance: random.Random) -> bytes:
    """Now and then up to the largest size that is read, or over it."""
    if chance.randrange(50):
        return text + b" " * chance.randrange(100)
    return text + b" " * (_LARGEST - len(text) + chance.choice((0, 1)))


_MUTATIONS: Sequence[Callable[[bytes, random.Random], bytes]] = (
    *(_flip, _flip, _cut, _end, _insert, _insert, _twice, _twice, _again, _encode, _around, _pad),
)
