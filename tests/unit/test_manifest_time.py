"""When a manifest was made, as far as its registry or its maker says so."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

from imagecache.clients.oci_answers import manifest_time
from tests.support.for_each import for_each

MADE = datetime(2026, 3, 2, 12, 0, 5, tzinfo=timezone.utc)
HTTP_DATE = "Mon, 02 Mar 2026 12:00:05 GMT"


def made_at(annotation: Any = None, modified: str = "") -> datetime | None:
    """The time that is read of a manifest with this annotation and this header."""
    document = {} if annotation is None else {"annotations": {"org.opencontainers.image.created": annotation}}
    return manifest_time({"Last-Modified": modified} if modified else {}, json.dumps(document).encode())


@for_each(
    ("annotation", "modified", "expected"),
    [
        ("2026-03-02T12:00:05Z", "", MADE),
        ("2026-03-02T20:00:05+08:00", "", MADE),
        ("2026-03-02T12:00:05.1234567890Z", "", MADE.replace(microsecond=123456)),
        ("2026-03-02T20:00:05.5+08:00", "", MADE.replace(microsecond=500000)),
        ("2026-03-02T12:00:05", "", MADE),
        (None, HTTP_DATE, MADE),
        ("2026-03-01T12:00:05Z", HTTP_DATE, MADE),
        ("2026-03-02T12:00:05Z", "Sun, 01 Mar 2026 12:00:05 GMT", MADE),
        ("1970-01-01T00:00:00Z", HTTP_DATE, MADE),
        ("1980-01-01T00:00:00Z", "", None),
        ("2012-12-31T23:59:59Z", "Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("yesterday", "soon", None),
        ("2026-02-30T12:00:05Z", "", None),
        (".", "", None),
        ("", "", None),
        (12, "", None),
        (None, "", None),
    ],
)
def test_the_later_of_what_is_said_counts(annotation: Any, modified: str, expected: datetime | None) -> None:
    assert made_at(annotation, modified) == expected


@for_each("body", [b"", b"[]", b'{"annotations": []}', b"{", b'"text"'])
def test_a_manifest_of_another_form_says_nothing(body: bytes) -> None:
    assert manifest_time({}, body) is None
