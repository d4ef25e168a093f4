"""Reason codes: each says what it means, and the page has every result."""

from __future__ import annotations

import json
import re
from pathlib import Path

from imagecache.base.reasons import Hold, Reason, Result
from tests.support.for_each import for_each

ROOT = Path(__file__).parents[2]
REASONS_PAGE = ROOT / "docs" / "reasons.md"
OUTCOME_SCHEMA = ROOT / "schemas" / "outcome.schema.json"


def rows(heading: str) -> list[list[str]]:
    """The rows of the page's table that has this heading."""
    _, _, rest = REASONS_PAGE.read_text(encoding="utf-8").partition(f"{heading}\n")
    lines = rest.partition("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_reason_has_results_and_one_sentence_of_meaning() -> None:
    for reason in Reason:
        assert reason.results, reason
        assert reason.results <= set(Result), reason
        assert re.fullmatch(r"[A-Z][^|\n]*\.", reason.meaning), reason


def test_every_code_is_its_name_in_upper_case() -> None:
    for reason in Reason:
        assert reason.value == reason.name
        assert Reason(reason.name) is reason
        assert re.fullmatch(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*", reason.value), reason


@for_each("hold", list(Hold), ids=lambda hold: hold.value)
def test_a_hold_is_its_name_and_one_sentence(hold: Hold) -> None:
    assert hold.value == hold.name.lower()
    assert Hold(hold.value) is hold
    assert re.fullmatch(r"[A-Z][^|\n]*\.", hold.meaning)


def test_the_schema_of_records_has_every_hold() -> None:
    schema = json.loads(OUTCOME_SCHEMA.read_text(encoding="utf-8"))
    assert schema["properties"]["held_because"]["enum"] == [hold.value for hold in Hold]


@for_each("result", list(Result), ids=lambda result: result.value)
def test_every_result_has_a_reason_to_come_with(result: Result) -> None:
    assert any(result in reason.results for reason in Reason)


def test_what_passes_by_itself_is_deferred_or_failed_and_nothing_else_is() -> None:
    deferred = {reason for reason in Reason if Result.DEFERRED in reason.results}
    assert deferred == {
        Reason.UPDATE_RUNNING,
        Reason.CACHE_BUSY,
        Reason.COOLING_DOWN,
        Reason.BACKING_OFF,
        Reason.TOO_YOUNG,
        Reason.ROLLING,
        Reason.NOT_DUE,
        Reason.UPDATE_NOT_SEEN,
        Reason.UPDATE_CAP,
        Reason.REGISTRY_UNREADABLE,
        Reason.THROTTLED,
        Reason.SERVER_ERROR,
        Reason.TIMED_OUT,
        Reason.CONNECTION_FAILED,
        Reason.UNREADABLE_ANSWER,
        Reason.OUT_OF_TIME,
        Reason.QUOTA_EXCEEDED,
        Reason.OUT_OF_STOCK,
        Reason.OUT_OF_ADDRESSES,
    }
    assert all(Result.FAILED in reason.results for reason in deferred)


def test_the_table_of_results_in_the_documentation_has_every_result() -> None:
    documented = rows("| result | meaning |")
    assert [result for result, _ in documented] == [f"`{result.value}`" for result in Result]
    assert all(meaning for _, meaning in documented)
