"""The ECI tag by which a person holds an image cache as it is: how its value is read. Pure.

The value is parts divided by semicolons, all optional, in any order, with blanks around them if need be::

    until=<ISO time>;freeze;by=<who>;why=<text>

A time without a zone is one of UTC, a date alone lasts to its end. Without ``until``, or with one that cannot
be read, the hold has no end: a doubt never lets go. The operator's command writes it.
"""

from __future__ import annotations

from datetime import datetime, time, timezone
from typing import NamedTuple

from ..base.iso_time import iso_time

_DATE_LENGTH = len("2026-03-02")
_NOT_FROZEN = frozenset({"false", "no", "0"})


class CacheHold(NamedTuple):
    """A hold.

    Attributes:
        until: when it ends, with a zone; None for a hold without end.
        freeze: whether a re-push of a listed tag is not rebuilt either.
        by: who holds.
        why: for what reason.
        unreadable: what stands for ``until`` and is no time.
        others: parts that are not known.
    """

    until: datetime | None = None
    freeze: bool = False
    by: str = ""
    why: str = ""
    unreadable: str = ""
    others: tuple[str, ...] = ()

    @property
    def says(self) -> str:
        """The hold in words, to follow "the cache is held"."""
        text = f" until {self.until.isoformat()}" if self.until else " without end"
        if self.unreadable:
            text += f" (its until, {self.unreadable!a}, is no time)"
        if self.by:
            text += f" by {self.by}"
        return text + (f": {self.why}" if self.why else "")


def read_hold(value: str) -> CacheHold:
    """Read the tag's value."""
    ends: list[datetime | None] = []
    hold = CacheHold()
    for part in filter(None, map(str.strip, value.split(";"))):
        name, _, text = part.partition("=")
        name, text = name.strip().lower(), text.strip()
        if name == "until":
            ends.append(_end(text))
            hold = hold if ends[-1] else hold._replace(unreadable=text)
        elif name == "freeze":
            hold = hold._replace(freeze=text.lower() not in _NOT_FROZEN)
        elif name == "by":
            hold = hold._replace(by=text)
        elif name == "why":
            hold = hold._replace(why=text)
        else:
            hold = hold._replace(others=(*hold.others, part))
    known = [end for end in ends if end is not None]
    # Of several ends the last one counts, and one that is not known may be later still.
    return hold._replace(until=max(known) if known and not hold.unreadable else None)


def _end(text: str) -> datetime | None:
    try:
        moment = iso_time(text)
        if len(text) == _DATE_LENGTH:
            return datetime.combine(moment, time.max, timezone.utc)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
        return moment.astimezone(timezone.utc).replace(microsecond=0)
    except (OverflowError, ValueError):
        return None
