"""What holds for whatever an entry point writes: one record a line, valid by the schema, short enough."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from imagecache.base.reasons import Reason, Result

__all__ = ["read_records"]

_SCHEMA = Path(__file__).parents[2] / "schemas" / "outcome.schema.json"
_LONGEST_LINE = 32 * 1024


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(_SCHEMA.read_text(encoding="utf-8")))


def read_records(out: str) -> list[dict[str, Any]]:
    """The records that were written to stdout.

    Raises:
        AssertionError: something else was written, or a record is not as every record has to be.
        jsonschema.ValidationError: a record is not valid.
    """
    *lines, end = out.split("\n")
    assert lines
    assert end == ""
    records = [json.loads(line) for line in lines]
    for line, record in zip(lines, records, strict=True):
        assert line.isascii()
        assert len(line) < _LONGEST_LINE
        _validator().validate(record)
        assert Result(record["result"]) in Reason(record["reason"]).results
    return records
