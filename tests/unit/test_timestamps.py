"""Times that registries write: every doubt is resolved towards later, and nothing is after the arrival."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecache.base.timestamps import CHINA_TIME, parse_moment
from tests.support.for_each import for_each

UTC = timezone.utc
ARRIVED = datetime(2026, 3, 2, 12, 0, 0, tzinfo=UTC)

offsets = st.integers(min_value=-(24 * 60 - 1), max_value=24 * 60 - 1).map(
    lambda minutes: timezone(timedelta(minutes=minutes))
)
moments = st.datetimes(
    min_value=ARRIVED.replace(year=2000, tzinfo=None),
    max_value=ARRIVED.replace(tzinfo=None),
    timezones=st.just(UTC),
)
fraction_digits = st.integers(min_value=0, max_value=6)


def written(moment: datetime, digits: int) -> str:
    """The time as a registry writes it, cut off after so many digits of a second."""
    seconds, _, fraction = moment.replace(tzinfo=None).isoformat(timespec="microseconds").partition(".")
    return f"{seconds}.{fraction[:digits]}" if digits else seconds


def zone_text(moment: datetime, *, colon: bool) -> str:
    text = moment.strftime("%z")
    return f"{text[:3]}:{text[3:]}" if colon else text


@for_each(
    ("text", "expected"),
    [
        pytest.param("2026-03-02T10:00:00Z", "2026-03-02T10:00:00.999999", id="UTC"),
        pytest.param("2026-03-02T10:00:00z", "2026-03-02T10:00:00.999999", id="UTC in lower case"),
        pytest.param("2026-03-02 10:00:00 Z", "2026-03-02T10:00:00.999999", id="spaces"),
        pytest.param("2026-03-02T18:00:00+08:00", "2026-03-02T10:00:00.999999", id="China time"),
        pytest.param("2026-03-02T18:00:00+0800", "2026-03-02T10:00:00.999999", id="offset without a colon"),
        pytest.param("2026-03-02T06:30:00-03:30", "2026-03-02T10:00:00.999999", id="west of Greenwich"),
        pytest.param("2026-03-02T10:00:00.5Z", "2026-03-02T10:00:00.599999", id="one digit of a fraction"),
        pytest.param("2026-03-02T10:00:00.123456Z", "2026-03-02T10:00:00.123456", id="six digits"),
        pytest.param(
            "2026-03-02T10:00:00.123456000Z", "2026-03-02T10:00:00.123457", id="nine digits, rounded up"
        ),
        pytest.param("2026-03-02T13:00:00Z", "2026-03-02T12:00:00", id="future with a zone"),
        pytest.param("2026-03-02T12:00:00Z", "2026-03-02T12:00:00", id="the second of the arrival"),
        pytest.param("2026-03-02 10:00:00", "2026-03-02T10:00:00.999999", id="no zone, UTC is past"),
        pytest.param("2026-03-02 18:00:00", "2026-03-02T10:00:00.999999", id="no zone, UTC is in the future"),
        pytest.param("2026-03-02 11:59:59", "2026-03-02T11:59:59.999999", id="no zone, UTC just past"),
        pytest.param(
            "2026-03-02 12:00:00", "2026-03-02T12:00:00", id="no zone, UTC in the second of arrival"
        ),
        pytest.param("2026-03-02 12:00:02", "2026-03-02T12:00:00", id="no zone, UTC ahead within the skew"),
        pytest.param("2026-03-02 12:00:03", "2026-03-02T04:00:03.999999", id="no zone, UTC in the future"),
        pytest.param("2026-03-02 21:00:00", "2026-03-02T12:00:00", id="no zone, both in the future"),
        pytest.param("2025-12-31T23:59:59", "2025-12-31T23:59:59.999999", id="end of a year"),
        pytest.param("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.999999", id="leap day"),
    ],
)
def test_a_time_is_read_as_the_latest_moment_it_can_mean(text: str, expected: str) -> None:
    assert parse_moment(text, arrived=ARRIVED) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@for_each(
    "text",
    [
        None,
        "",
        "yesterday",
        "1772445600",
        "2026-03-02",
        "2026-03-02T10:00",
        "2026-3-2 10:00:00",
        "2026-02-30 10:00:00",
        "2025-02-29 10:00:00",
        "2026-13-01 10:00:00",
        "2026-03-02T10:00:00+08:60",
        "2026-03-02 25:00:00",
        "2026-03-02 10:60:00",
        "2026-03-02T10:00:00.Z",
        "2026-03-02T10:00:00.1234567890Z",
        "2026-03-02T10:00:00,5Z",
        "2026-03-02T10:00:00+8",
        "2026-03-02T10:00:00+99:00",
        "2026-03-02T10:00:00 CST",
        "2026-03-02T10:00:00Z\n",
        " 2026-03-02T10:00:00Z",
        "\u0662026-03-02T10:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+08:00",
        "0001-01-01T00:00:00",
        "9999-12-31T23:59:59-12:00",
    ],
)
def test_what_is_no_time_is_none(text: str | None) -> None:
    assert parse_moment(text, arrived=ARRIVED) is None


@given(moments, st.sampled_from([UTC, CHINA_TIME]), fraction_digits)
def test_a_time_without_a_zone_is_never_read_earlier_than_it_was(
    pushed: datetime, zone: timezone, digits: int
) -> None:
    read = parse_moment(written(pushed.astimezone(zone), digits), arrived=ARRIVED)
    assert read is not None
    assert pushed <= read <= ARRIVED


@given(moments, offsets, fraction_digits, st.booleans())
def test_a_time_with_a_zone_is_read_to_its_last_digit(
    pushed: datetime, zone: timezone, digits: int, colon: bool
) -> None:
    local = pushed.astimezone(zone)
    read = parse_moment(written(local, digits) + zone_text(local, colon=colon), arrived=ARRIVED)
    assert read is not None
    assert pushed <= read <= min(pushed + timedelta(seconds=10**-digits), ARRIVED)


@given(
    st.datetimes(
        min_value=ARRIVED.replace(year=2, tzinfo=None), max_value=ARRIVED.replace(year=9998, tzinfo=None)
    ),
    st.sampled_from([None, UTC, CHINA_TIME]) | offsets,
    fraction_digits,
)
def test_no_time_is_read_after_the_arrival_or_before_its_earliest_reading(
    naive: datetime, zone: timezone | None, digits: int
) -> None:
    local = naive.replace(microsecond=0, tzinfo=zone)
    read = parse_moment(written(local, digits) + zone_text(local, colon=True) * bool(zone), arrived=ARRIVED)
    readings = [local] if zone else [local.replace(tzinfo=each) for each in (UTC, CHINA_TIME)]
    assert read is not None
    assert read.utcoffset() == timedelta(0)
    assert min(ARRIVED, *readings) <= read <= ARRIVED


@given(st.text(max_size=40) | st.text("0123456789-: TZ+.", max_size=40))
def test_any_text_is_a_time_or_none(text: str) -> None:
    read = parse_moment(text, arrived=ARRIVED)
    assert read is None or read <= ARRIVED
