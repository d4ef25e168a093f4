"""Times that people, tags and records write: the same of each Python."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecache.base.iso_time import iso_time
from tests.support.for_each import for_each

_NOON = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
_CHINA = timezone(timedelta(hours=8))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-02T12:00:00Z", _NOON),
        ("2026-03-02t12:00:00z", _NOON),
        ("2026-03-02 12:00:00.5Z", _NOON.replace(microsecond=500000)),
        ("2026-03-02T12:00:00.1234567+08:00", _NOON.replace(microsecond=123456, tzinfo=_CHINA)),
        ("2026-03-02T12:00:00+0800", _NOON.replace(tzinfo=_CHINA)),
        ("2026-03-02T12:00:00,123456789+08:00", _NOON.replace(microsecond=123456, tzinfo=_CHINA)),
        ("2026-03-02 12:00:00.12345678901+08", _NOON.replace(microsecond=123456, tzinfo=_CHINA)),
        ("2026-03-02 12:00:00 Z", _NOON),
        ("2026-03-02T12:00Z", _NOON),
        ("2026-03-02T12:00:00", _NOON.replace(tzinfo=None)),
        ("2026-03-02", _NOON.replace(hour=0, tzinfo=None)),
    ],
)
def test_each_form_is_read(text: str, expected: datetime) -> None:
    found = iso_time(text)
    assert (found, found.utcoffset()) == (expected, expected.utcoffset())


@for_each(
    "text",
    [
        "",
        "noon",
        "2026-03-02T12",
        "2026-03-02T12:00.5Z",
        "2026-02-30",
        "2026-03-02T25:00:00Z",
        "2026-03-02T12:00:00.Z",
        "2026-03-02T12:00:00+99:00",
        "2026-03-02T12:00:00+08:60",
        "2026-03-02T12:00:00+8",
        "2026-03-02Z",
        "٢٠٢٦-03-02",
        "2026-W10-1",
    ],
)
def test_what_is_no_time_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"time|range|month|day|hour|offset|timedelta"):
        iso_time(text)


@given(st.datetimes(timezones=st.none() | st.just(timezone.utc) | st.just(_CHINA)))
def test_what_python_writes_is_read(moment: datetime) -> None:
    assert iso_time(moment.isoformat()) == moment
