"""Every record of a push in a cache names the rule that decided."""

from __future__ import annotations

import json
from typing import Any

RULES = {"rules": [{"name": "web", "images": {"repositories": ["prod/*"]}, "cooldownSeconds": 1}]}


def test_each_step_of_a_push_names_its_rule(world: Any) -> None:
    world.setenv("IMC_RULES", json.dumps(RULES))
    world.cache()
    event = world.event()
    visits = [world.push(event), world.push(event), world.push(), *world.settle(), world.push(event)]
    assert [visit.said[0][1] for visit in visits[:3]] == ["TAG_REPUSHED", "COVERED", "CACHE_BUSY"]
    assert visits[-1].said == [("unchanged", "COVERED")]
    assert {record["rule"] for visit in visits for record in visit.records} == {"web"}
    assert {"LANDED", "TAG_REPUSHED"} <= {reason for visit in visits[3:] for _, reason in visit.said}


def test_where_no_rule_matches_none_is_named(world: Any) -> None:
    world.setenv("IMC_RULES", json.dumps({"rules": [{"images": {"repositories": ["dev/*"]}}]}))
    world.cache()
    visits = [world.push(), *world.settle()]
    assert not any("rule" in record for visit in visits for record in visit.records)
