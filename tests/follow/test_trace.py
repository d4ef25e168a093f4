"""What ``imc-refresh trace`` tells of a push is what became of it, through all its follow tasks."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli.app import app


@pytest.fixture
def traced(tmp_path: Path) -> Any:
    """Asks about the records of visits; they stand between other lines of a log."""

    def ask(visits: Iterable[Any], *arguments: str) -> Any:
        lines = ["START RequestId: 1"]
        for visit in visits:
            for number, record in enumerate(visit.records):
                # The clock of the records is the machine's; the world's is what passes.
                lines.append(json.dumps({**record, "time": _text(visit.at, number)}))
        path = tmp_path / "records.jsonl"
        path.write_text("\n".join(lines))
        said = CliRunner().invoke(app, ["trace", *arguments, "--records", str(path), "--json"])
        assert said.exit_code == 0, said.output
        return json.loads(said.stdout)["lives"], CliRunner().invoke(
            app, ["trace", *arguments, "--records", str(path)]
        ).stdout

    return ask


def _text(seconds: float, number: int) -> str:
    return datetime.fromtimestamp(seconds + number / 1000, timezone.utc).isoformat()


def test_a_push_to_a_busy_cache_is_followed_until_it_landed(world: Any, traced: Any) -> None:
    cache = world.cache(image_cache_name="web")
    visits = [world.push(world.event("first")), world.push(world.event("second")), *world.settle()]
    assert len(world.updates(cache)) == 2
    for event in ("first", "second"):
        lives, shown = traced(visits, event)
        (life,) = lives
        assert (life["event_id"], life["open"]) == (event, [])
        said = [record["result"] for record in life["records"]]
        assert said[-1] == "landed"
        assert "refreshed" in said
        assert "received" in shown
        assert "landed" in shown
        assert "No end is recorded" not in shown
    assert {record["result"] for record in traced(visits, "second")[0][0]["records"]} >= {
        "deferred",
        "refreshed",
    }


def test_of_a_push_that_waits_no_end_is_told(world: Any, traced: Any) -> None:
    world.cache(image_cache_name="web", status="Updating")
    visits = [world.push(world.event("waiting"))]
    lives, shown = traced(visits, "web")
    assert [record["result"] for record in lives[0]["records"]] == ["deferred"]
    assert "deferred  CACHE_BUSY" in shown
    assert "No end is recorded for web." in shown


def test_every_push_of_an_image_is_found_by_its_name(world: Any, traced: Any) -> None:
    world.cache(image_cache_name="web")
    visits = [world.push(world.event("one")), world.push(world.event("other", tag="v2"))]
    repository = world.image.rpartition(":")[0]
    assert [life["event_id"] for life in traced(visits, world.image)[0]] == ["one"]
    assert [life["event_id"] for life in traced(visits, repository)[0]] == ["one", "other"]
