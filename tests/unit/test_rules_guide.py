"""The guide to rules: its examples load, and its tables have what the code has."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from imagecache.base.environment import Environment
from imagecache.base.reasons import Reason
from imagecache.config.rules_file import read_rules
from imagecache.engine.records import answer_document

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)
SCHEMA = json.loads((ROOT / "schemas" / "rules.schema.json").read_text(encoding="utf-8"))


def first_cells(head: str) -> list[str]:
    """The words in code style in the first cells of a table's rows."""
    rows = GUIDE.partition(head)[2].partition("\n\n")[0].splitlines()[1:]
    return [word for row in rows for word in re.findall(r"`([A-Za-z_]+)`", row.split("|")[1])]


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_is_a_set_of_rules(example: str) -> None:
    env = Environment({"IMC_RULES": example, "REGISTRY_PASSWORD": "p"})
    rules = read_rules(env)
    assert env.problems == []
    assert len(rules.rules) == len(json.loads(example)["rules"])


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 3


def test_the_table_of_policies_has_every_policy() -> None:
    types = SCHEMA["$defs"]["policy"]["properties"]["type"]["enum"]
    assert first_cells("| `type` | takes | newer is |") == types


def test_the_table_of_parameters_has_every_parameter() -> None:
    assert sorted(first_cells("| key | what |")) == sorted(SCHEMA["$defs"]["update"]["properties"])


def test_the_table_of_the_plan_has_every_member() -> None:
    planned = {"dry_run": True, "result": "planned", "reason": "TAG_REPUSHED", "cache_status": "Ready"}
    assert sorted(first_cells("| member | caches |")) == sorted(answer_document([planned])["plan"])


def test_every_reason_that_is_named_exists() -> None:
    codes = set(re.findall(r"`([A-Z]+_[A-Z_]+)`", GUIDE)) - set(re.findall(r"IMC_[A-Z_]+", GUIDE))
    assert codes - {reason.value for reason in Reason} - {"REGISTRY_PASSWORD"} == set()
    assert {"SAME_DIGEST", "COOLING_DOWN", "UPDATE_CAP", "REGISTRY_NEWER", "REGISTRY_UNREADABLE"} <= codes
