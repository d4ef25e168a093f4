"""The value of the ECI tag in which an image cache remembers its updates. Pure.

The value has at most 128 characters (API documentation of TagResources), parts divided by dots::

    2.<start>.<duration>.<failures>.<extra>.<failed>.<hour>.<asked>.<changes>[.<undone>]

start: of the last update, milliseconds since 1970. duration: of the last rebuild that ended Ready, seconds;
empty if not known. failures: how many updates in a row began from UpdateFailed, the last one included. extra:
a digit and a time in minutes: so many updates since then did not wait for their place after a failure.
failed: four characters for each image that the failed updates in a row were for. hour: two characters for
each earlier start of the last hour, in steps of three seconds before the start. asked: when the person asked
whose list the cache has, milliseconds. changes: eight characters for each change that the updates were for,
the newest first, as many as there is room for. undone: four characters for each tag that was taken back, as
it could not be built, and seven for the time of the last try, in tenths of a second. Numbers are written in
base 36. The form of the version before, ``<start>.<rebuilds>.<change>...``, is read as well.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

LONGEST_VALUE = 128
HOUR = timedelta(hours=1)
CHANGE_LENGTH, IMAGE_LENGTH = 8, 4
"""Characters of the short id of a change, and of an image or a tag."""
_TRY_LENGTH = 7

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
MILLISECOND, _MINUTE, _STEP = timedelta(milliseconds=1), timedelta(minutes=1), timedelta(seconds=3)
_TENTH = 100 * MILLISECOND
_MOST_FAILURES, _MOST_EXTRA = 36**2 - 1, 9
_LONGEST_REBUILD = timedelta(hours=2)
"""A longer one is not believed: somebody else's update ended then, and pushes would wait for days."""
MOST_FAILED, _MOST_STARTS, MOST_UNDONE = 4, 10, 3
_NUMBER = "[0-9a-z]"
_VALUE = re.compile(
    rf"2\.(?P<start>{_NUMBER}{{1,9}})\.(?P<duration>{_NUMBER}{{0,4}})\.(?P<failures>{_NUMBER}{{1,2}})"
    rf"\.(?P<extra>(?:[0-9]{_NUMBER}{{1,6}})?)\.(?P<failed>(?:[\w-]{{{IMAGE_LENGTH}}})*)"
    rf"\.(?P<hour>(?:{_NUMBER}{{2}})*)\.(?P<asked>{_NUMBER}{{0,9}})\.(?P<changes>(?:[\w-]{{{CHANGE_LENGTH}}})*)"
    rf"(?:\.(?P<undone>(?:[\w-]{{{IMAGE_LENGTH}}}{_NUMBER}{{{_TRY_LENGTH}}})+))?",
    re.ASCII,
)
_BEFORE = re.compile(r"(\d{8}T\d{12}Z)\.(\d{1,4})((?:\.[0-9a-f]{12})*)", re.ASCII)
_BEFORE_TIME = "%Y%m%dT%H%M%S%fZ"
BEFORE_LENGTH = 12


class UpdateMemory(NamedTuple):
    """The last update of a cache, and the ones before it, as far as this application made them.

    Attributes:
        began: when its call was about to be made, with a zone, to the millisecond.
        duration: of the last rebuild that ended Ready; None if not known.
        failures: how many updates in a row, this one included, began from UpdateFailed.
        extra: how many updates since ``extra_since`` did not wait for their place after a failure.
        extra_since: when these began to be counted.
        failed: short ids of the images that the updates in a row were for.
        starts: earlier updates of the hour before ``began``, the newest first.
        asked: when the person asked whose list the cache has; None if no person's.
        change_ids: short ids of the changes that it and the ones before it were for, the newest first.
        undone: short ids of tags that were taken back, and when they were tried last, to a tenth of a second
            before that, and never after ``began``; the newest first.
    """

    began: datetime
    duration: timedelta | None = None
    failures: int = 0
    extra: int = 0
    extra_since: datetime | None = None
    failed: tuple[str, ...] = ()
    starts: tuple[datetime, ...] = ()
    asked: datetime | None = None
    change_ids: tuple[str, ...] = ()
    undone: tuple[tuple[str, datetime], ...] = ()

    @property
    def first(self) -> bool:
        """Whether the cache remembered nothing when it began, or was in UpdateFailed."""
        return self.failures > 0 or (self.duration is None and not self.starts)


def memory_value(memory: UpdateMemory) -> str:
    """The tag's value."""
    extra = ""
    if memory.extra_since is not None:
        extra = f"{min(memory.extra, _MOST_EXTRA)}{_base36(_since(memory.extra_since, _MINUTE))}"
    starts = [
        _base36((memory.began - start) // _STEP).rjust(2, "0")
        for start in memory.starts
        if start <= memory.began and memory.began - start < HOUR
    ]
    parts = [
        "2",
        _base36(_since(memory.began, MILLISECOND)),
        "" if memory.duration is None else _base36(int(memory.duration.total_seconds())),
        _base36(min(memory.failures, _MOST_FAILURES)),
        extra,
        "".join(memory.failed[:MOST_FAILED]),
        "".join(starts[:_MOST_STARTS]),
        "" if memory.asked is None else _base36(_since(memory.asked, MILLISECOND)),
        "",
    ]
    value = ".".join(parts)
    undone = "".join(
        tag + _base36(_since(at, _TENTH)).rjust(_TRY_LENGTH, "0") for tag, at in memory.undone[:MOST_UNDONE]
    )
    end = f".{undone}" if undone else ""
    room = (LONGEST_VALUE - len(value) - len(end)) // CHANGE_LENGTH
    return value + "".join(memory.change_ids[:room]) + end


def read_value(value: str) -> UpdateMemory | None:
    """What a value says, or None where it is not of a known form.

    Raises:
        ValueError, OverflowError: for a time that does not exist.
    """
    if before := _BEFORE.fullmatch(value):
        began = datetime.strptime(before[1], _BEFORE_TIME).replace(tzinfo=timezone.utc)
        return UpdateMemory(began, failures=int(before[2]), change_ids=tuple(before[3].split(".")[1:]))
    found = _VALUE.fullmatch(value)
    if found is None:
        return None
    began = _EPOCH + int(found["start"], 36) * MILLISECOND
    extra = found["extra"]
    return UpdateMemory(
        began,
        duration=believed(int(found["duration"], 36)) if found["duration"] else None,
        failures=int(found["failures"], 36),
        extra=int(extra[0]) if extra else 0,
        extra_since=_EPOCH + int(extra[1:], 36) * _MINUTE if extra else None,
        failed=_pieces(found["failed"], IMAGE_LENGTH),
        starts=tuple(began - int(piece, 36) * _STEP for piece in _pieces(found["hour"], 2)),
        asked=_EPOCH + int(found["asked"], 36) * MILLISECOND if found["asked"] else None,
        change_ids=_pieces(found["changes"], CHANGE_LENGTH),
        undone=tuple(
            (piece[:IMAGE_LENGTH], min(began, _EPOCH + int(piece[IMAGE_LENGTH:], 36) * _TENTH))
            for piece in _pieces(found["undone"] or "", IMAGE_LENGTH + _TRY_LENGTH)
        ),
    )


def believed(seconds: int) -> timedelta | None:
    """The time that a rebuild took; None for one that is too long to be believed."""
    took = timedelta(seconds=seconds)
    return took if took <= _LONGEST_REBUILD else None


def _pieces(text: str, length: int) -> tuple[str, ...]:
    return tuple(text[at : at + length] for at in range(0, len(text), length))


def _since(moment: datetime, unit: timedelta) -> int:
    return (moment - _EPOCH) // unit


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits or "0"
