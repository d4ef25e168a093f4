"""What a check found: ok, wrong with what mends it, or not known with why."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ..problem import ANSWERED, NOT_ANSWERED, WRONG
from ..services.errors import NotReadError

ODD = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What an answer raises that has another form than its API says."""
_MOST_LISTED = 5


class State(Enum):
    """What is known."""

    OK = "ok"
    WRONG = "wrong"
    UNKNOWN = "not known"


@dataclass(frozen=True)
class Finding:
    """One line.

    Attributes:
        check: its name, stable.
        state: ok, wrong or not known.
        text: what was found, and where; or why it is not known.
        remedy: the command or the console page that mends it; or what is needed to know it.
    """

    check: str
    state: State
    text: str
    remedy: str = ""

    def document(self) -> dict[str, Any]:
        """For ``--json``."""
        facts = {"check": self.check, "state": self.state.value, "text": self.text}
        return facts | ({"remedy": self.remedy} if self.remedy else {})


def ok(check: str, text: str) -> Finding:
    """Nothing is wrong."""
    return Finding(check, State.OK, text)


def wrong(check: str, text: str, remedy: str) -> Finding:
    """Something is wrong, and this mends it."""
    return Finding(check, State.WRONG, text, remedy)


def unknown(check: str, why: str | NotReadError, remedy: str = "") -> Finding:
    """It is not known, and this is why."""
    needed = why.remedy if isinstance(why, NotReadError) else remedy
    return Finding(check, State.UNKNOWN, str(why), needed)


def tried(check: str, judge: Callable[[], Finding]) -> Finding:
    """What ``judge`` finds, or that it is not known: one that cannot be read hides no other check."""
    try:
        return judge()
    except NotReadError as error:
        return unknown(check, error)
    except ODD as error:
        return unknown(check, f"an answer could not be read ({type(error).__name__})")


def judged(check: str, problems: Iterable[str], remedy: str, good: str) -> Finding:
    """Wrong with all problems in one line, or ok."""
    found = list(problems)
    return wrong(check, listed(found, "; "), remedy) if found else ok(check, good)


def listed(names: Iterable[str], separator: str = ", ") -> str:
    """The first few of them, and how many more there are."""
    found = list(names)
    more = len(found) - _MOST_LISTED
    return separator.join(found[:_MOST_LISTED]) + (f"{separator}and {more} more" if more > 0 else "")


def exit_code(findings: Iterable[Finding]) -> int:
    """0: all is ok; 1: something is wrong; 2: nothing is wrong as far as is known, but not all is known."""
    states = {finding.state for finding in findings}
    return WRONG if State.WRONG in states else NOT_ANSWERED if State.UNKNOWN in states else ANSWERED
