"""The plan in the answer of a dry run: which record is where."""

from __future__ import annotations

from typing import Any

from imagecache.engine.dry_run_plan import plan_of
from imagecache.engine.records import answer_document
from tests.support.for_each import for_each


def record(result: str, reason: str, **facts: Any) -> dict[str, Any]:
    return {"result": result, "reason": reason, "dry_run": True, "image_cache_id": "imc-1", **facts}


@for_each(
    ("outcome", "group"),
    [
        (record("planned", "TAG_PROMOTED", cache_status="Ready"), "would_refresh"),
        (record("planned", "TAG_REPUSHED", cache_status="UpdateFailed"), "would_refresh"),
        (record("planned", "TAG_REPUSHED", cache_status="Updating"), "busy"),
        (record("unchanged", "COVERED"), "up_to_date"),
        (record("unchanged", "SAME_DIGEST"), "up_to_date"),
        (record("ignored", "POLICY_HOLDS"), "held_by_policy"),
        (record("ignored", "PINNED_BY_DIGEST"), "held_by_policy"),
        (record("ignored", "NO_MATCH"), "no_match"),
        (record("rejected", "CACHE_NOT_FOUND"), "no_match"),
        (record("rejected", "SCHEMA_VIOLATION"), None),
        (record("failed", "THROTTLED"), None),
        (record("ignored", "SIGNATURE_TAG"), None),
    ],
    ids=lambda value: f"{value['result']}-{value['reason']}" if isinstance(value, dict) else str(value),
)
def test_a_record_has_its_place(outcome: dict[str, Any], group: str | None) -> None:
    plan = plan_of([outcome])
    assert [name for name, members in plan.items() if members] == ([group] if group else [])


def test_what_was_done_for_real_has_no_plan() -> None:
    assert "plan" not in answer_document([{"result": "refreshed", "reason": "TAG_REPUSHED"}])
