"""The forms that a setting's text can have: how each is read and described.

Must not know which settings there are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from ..base.environment import is_loopback

T = TypeVar("T")

_DIGITS = re.compile(r"[0-9]{1,9}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,3})?", re.ASCII)
_HOST_NAME = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*", re.ASCII)
_FUNCTION = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,127}", re.ASCII)
_REGION = re.compile(r"(?=.{1,60}\Z)[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(eq=False, repr=False)
class Form(Generic[T]):
    """One form.

    Attributes:
        says: a description for a person: "... but must be ...".
        read: the value of a text without surrounding blanks. Raises ValueError whose text continues after the
            setting's name and shows no secret.
        bounds: of a number, from the least to the most.
        words: of a choice, all allowed words.
        separator: of a list, what stands between its items.
    """

    says: str
    read: Callable[[str], T]
    bounds: range | None = None
    words: tuple[str, ...] = ()
    separator: str = ""


def whole_number(least: int, most: int) -> Form[int]:
    """A whole number, bounds included."""
    bounds = range(least, most + 1)

    def read(text: str) -> int:
        if not _DIGITS.fullmatch(text) or int(text) not in bounds:
            raise ValueError(_found(text))
        return int(text)

    return Form(f"a whole number from {least} to {most}", read, bounds=bounds)


def number(least: int, most: int) -> Form[float]:
    """A number, with at most three digits after its point; bounds included."""

    def read(text: str) -> float:
        if not _NUMBER.fullmatch(text) or not least <= float(text) <= most:
            raise ValueError(_found(text))
        return float(text)

    return Form(f"a number from {least} to {most}", read, bounds=range(least, most + 1))


def one_of(*words: str) -> Form[str]:
    """One of some upper-case words, written in any letter case."""

    def read(text: str) -> str:
        if text.upper() not in words:
            raise ValueError(_found(text))
        return text.upper()

    return Form(f"one of {', '.join(words)}", read, words=words)


def endpoint(*placeholders: str) -> Form[str]:
    """The URL of a server, without a final slash.

    Args:
        placeholders: names that the host may have in braces; they stay in the value.
    """
    known = " and ".join(f"`{{{name}}}`" for name in placeholders)

    def read(text: str) -> str:
        url = filled = text.rstrip("/")
        for name in placeholders:
            filled = filled.replace(f"{{{name}}}", name)
        try:
            parts = urlsplit(filled)
            hostname, port = parts.hostname or "", parts.port
        except ValueError:
            raise ValueError("is not a URL") from None
        host = ":" in hostname or _HOST_NAME.fullmatch(hostname)
        if parts.scheme not in {"http", "https"} or not host or port == 0:
            raise ValueError("is not an http or https URL with a host")
        if "@" in parts.netloc or parts.path or "?" in url or "#" in url:
            raise ValueError("has more than a scheme, a host and a port")
        if parts.scheme == "http" and not is_loopback(hostname):
            raise ValueError("is plain http, which is accepted only for loopback addresses")
        return url

    return Form(f"`https://HOST[:PORT]`, or `http://` with a loopback address; `HOST` may hold {known}", read)


def free_text(says: str) -> Form[str]:
    """A text that is checked elsewhere, if at all."""
    return Form(says, str)


def _flag(text: str) -> bool:
    if text.lower() not in _FLAGS:
        raise ValueError(_found(text))
    return _FLAGS[text.lower()]


def _regions(text: str) -> tuple[str, ...]:
    regions = listed(text)
    wrong = [region for region in regions if not _REGION.fullmatch(region)]
    if wrong:
        raise ValueError(f"has {', '.join(f'{region[:80]!a}' for region in wrong)}")
    return regions


def _function_name(text: str) -> str:
    if text and not _FUNCTION.fullmatch(text):
        raise ValueError(_found(text))
    return text


def listed(text: str) -> tuple[str, ...]:
    """The parts of a comma separated list, each once, in order."""
    parts = (part.strip() for part in text.split(","))
    return tuple(dict.fromkeys(part for part in parts if part))


def _found(text: str) -> str:
    return f"is {text[:80]!a}"


FLAG = Form("true or false", _flag, words=("true", "false"))
REGIONS = Form("region ids, comma separated", _regions, separator=",")
FUNCTION_NAME = Form(
    "a function's name: at most 128 letters, digits, `_` and `-`, no digit first", _function_name
)
