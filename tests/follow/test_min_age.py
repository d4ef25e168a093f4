"""A tag is promoted when it has been pushed for long enough: each in a task of its own, due then."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from tests.support.depth import sampled
from tests.support.tagged_registry import CHART, TaggedRegistry

HOST = "acme-registry.cn-hangzhou.cr.aliyuncs.com"
WEB = f"{HOST}/prod/web"
DAY = 86400
AGE = 3 * DAY
RULE = {"name": "web", "policy": {"type": "semver", "range": "1"}, "minAgeSeconds": AGE}

YOUNG, PROMOTED = ("deferred", "TOO_YOUNG"), ("refreshed", "TAG_PROMOTED")
LANDED = ("landed", "LANDED")
LONGEST_DELAY = 3599


@pytest.fixture
def world(world: Any) -> Any:
    """With a rule that waits for three days."""
    world.setenv("IMC_RULES", json.dumps({"rules": [RULE]}))
    return world


@pytest.fixture
def registry(world: Any) -> Iterator[TaggedRegistry]:
    """One that the rule reads."""
    world.setenv("IMC_RULES", json.dumps({"rules": [{**RULE, "registry": "read"}]}))
    with TaggedRegistry().serve() as one:
        yield one


def images(world: Any, identifier: str) -> list[str]:
    found: list[str] = world.eci.cache(identifier)["images"]
    return found


def tags(world: Any, identifier: str) -> list[str]:
    return [image.rpartition(":")[2] for image in images(world, identifier)]


def ended(visits: Any) -> list[tuple[str, str]]:
    """What was said but for tasks that ran before their time, or before an update's end."""
    waits = {("deferred", "NOT_DUE"), ("deferred", "UPDATE_RUNNING")}
    return [entry for visit in visits for entry in visit.said if entry not in waits]


def moment(world: Any, seconds: float) -> datetime:
    found: datetime = world.clock.moment() + timedelta(seconds=seconds)
    return found


def test_a_tag_waits_for_its_time_and_comes_then(world: Any) -> None:
    identifier, begin = world.cache(f"{WEB}:v1.0.0", "redis:7"), world.clock()
    told = world.push(world.event(tag="v1.0.1", age_seconds=100))
    assert told.said == [YOUNG]
    end = moment(world, AGE - 100)
    assert abs(datetime.fromisoformat(told.record["until"]) - end) < timedelta(seconds=1)
    assert told.record["until"] in told.record["message"]
    assert (told.record["rule"], told.record["images_after"]) == ("web", [f"{WEB}:v1.0.1", "redis:7"])
    visits = world.settle()
    assert ended(visits) == [PROMOTED, LANDED]
    (update,) = world.updates()
    assert AGE - 100 <= update["started_at"] - begin <= AGE - 100 + 5
    assert images(world, identifier) == [f"{WEB}:v1.0.1", "redis:7"]
    # It only hops on the way: a hop reads no cache.
    hops = [visit for visit in visits if visit.said == [("deferred", "NOT_DUE")]]
    assert AGE / LONGEST_DELAY - 2 <= len(hops) <= AGE / LONGEST_DELAY + 2
    assert len(world.eci.journal("DescribeImageCaches")) <= 5


def test_a_listed_tag_is_rebuilt_at_once(world: Any) -> None:
    world.cache(f"{WEB}:v1.0.0")
    assert world.push(world.event(tag="v1.0.0")).said == [("refreshed", "TAG_REPUSHED")]


def test_a_tag_that_is_old_enough_comes_at_once(world: Any) -> None:
    world.cache(f"{WEB}:v1.0.0")
    assert world.push(world.event(tag="v1.0.1", age_seconds=AGE)).said == [PROMOTED]


def test_a_tag_that_no_policy_lets_in_does_not_wait(world: Any) -> None:
    world.cache(f"{WEB}:v1.0.0")
    assert world.push(world.event(tag="v2.0.0")).said == [("ignored", "POLICY_HOLDS")]
    assert world.tasks.waiting == []


def test_each_tag_has_its_own_time(world: Any) -> None:
    identifier = world.cache(f"{WEB}:v1.0.0")
    begin = world.clock()
    world.push(world.event(tag="v1.0.1"))
    world.clock.advance(DAY)
    world.push(world.event(tag="v1.0.2"))
    world.run_until(begin + AGE + 3600)
    assert tags(world, identifier) == ["v1.0.1"]
    world.run_until(begin + AGE + DAY + 3600)
    assert tags(world, identifier) == ["v1.0.2"]
    assert len(world.updates()) == 2


def test_a_tag_that_is_older_when_its_time_comes_stays_out(world: Any) -> None:
    identifier = world.cache(f"{WEB}:v1.0.0")
    world.push(world.event(tag="v1.0.1"))
    world.push(world.event(tag="v1.0.2", age_seconds=AGE))
    assert ("ignored", "POLICY_HOLDS") in ended(world.settle())
    assert tags(world, identifier) == ["v1.0.2"]


@pytest.mark.parametrize("pushed_at", [None, ""], ids=["with a time", "without"])
def test_a_duplicate_waits_in_the_same_task(world: Any, pushed_at: str | None) -> None:
    world.cache(f"{WEB}:v1.0.0")
    event = world.event("one", tag="v1.0.1", pushed_at=pushed_at)
    begin = world.clock()
    told = [world.push(event)]
    world.clock.advance(600)
    told.append(world.push(event))
    assert [visit.said for visit in told] == [[YOUNG]] * 2
    assert len({visit.record["follow_task_id"] for visit in told}) == 1
    assert len(world.tasks.waiting) == 1
    assert ended(world.settle()) == [PROMOTED, LANDED]
    # Without a time it counts from the first delivery.
    assert world.updates()[0]["started_at"] - begin <= AGE + 5


def test_a_repush_beside_it_goes_at_once(world: Any) -> None:
    identifier = world.cache(f"{WEB}:v1.0.0")
    told = world.push([world.event(tag="v1.0.0"), world.event(tag="v1.0.1")])
    assert sorted(told.said) == [YOUNG, ("refreshed", "TAG_REPUSHED")]
    assert tags(world, identifier) == ["v1.0.0"]
    world.settle()
    assert tags(world, identifier) == ["v1.0.1"]


def test_a_cache_that_is_busy_then_gets_it_when_it_can(world: Any) -> None:
    identifier = world.cache(f"{WEB}:v1.0.0")
    begin = world.clock()
    world.push(world.event(tag="v1.0.1"))
    world.run_until(begin + AGE - 10)
    world.push(world.event(tag="v1.0.0"))
    said = ended(world.settle())
    assert ("failed", "GAVE_UP") not in said
    assert said[-1] == LANDED
    assert tags(world, identifier) == ["v1.0.1"]


def test_where_the_platform_knows_no_delay_the_chain_only_hops(world: Any) -> None:
    identifier = world.cache(f"{WEB}:v1.0.0")
    world.setenv("IMC_RULES", json.dumps({"rules": [{**RULE, "minAgeSeconds": 120}]}))
    world.push(world.event(tag="v1.0.1"))
    begin, runs = world.clock(), 0
    while (task := world.tasks.take()) is not None:
        world.follow(task.document)
        runs += 1
    assert tags(world, identifier) == ["v1.0.1"]
    assert world.updates()[0]["started_at"] - begin >= 120
    assert runs <= 120 / 20 + 8


@pytest.mark.parametrize("lengthened", [False, True])
def test_a_rule_that_changed_meanwhile_counts(world: Any, lengthened: bool) -> None:
    identifier = world.cache(f"{WEB}:v1.0.0")
    begin = world.clock()
    world.push(world.event(tag="v1.0.1"))
    rule = {**RULE, "minAgeSeconds": 2 * AGE} if lengthened else {**RULE, "policy": {"type": "exact"}}
    world.setenv("IMC_RULES", json.dumps({"rules": [rule]}))
    said = ended(world.settle())
    if lengthened:
        assert said == [YOUNG, PROMOTED, LANDED]
        assert world.updates()[0]["started_at"] - begin >= 2 * AGE
    else:
        assert said == [("ignored", "POLICY_HOLDS")]
    assert tags(world, identifier) == ["v1.0.1" if lengthened else "v1.0.0"]


def test_approval_is_asked_for_when_the_time_has_come(world: Any) -> None:
    world.setenv("IMC_RULES", json.dumps({"rules": [{**RULE, "approval": True}]}))
    world.cache(f"{WEB}:v1.0.0")
    assert world.push(world.event(tag="v1.0.1")).said == [YOUNG]
    assert ended(world.settle()) == [("ignored", "APPROVAL_NEEDED")]


def test_a_person_may_have_it_at_once(world: Any) -> None:
    world.cache(f"{WEB}:v1.0.0")
    assert world.manual(image=f"{WEB}:v1.0.1").said == [YOUNG]
    assert world.manual(image=f"{WEB}:v1.0.1", force=True).said == [PROMOTED]


def test_without_a_follow_function_it_is_raised(world: Any) -> None:
    world.delenv("IMC_FOLLOW_FUNCTION")
    world.cache(f"{WEB}:v1.0.0")
    told = world.push(world.event(tag="v1.0.1"))
    assert (told.said, told.record["fate"], told.error is None) == (
        [("failed", "TOO_YOUNG")],
        "retried",
        False,
    )


def test_a_task_that_is_not_stored_is_tried_again(world: Any) -> None:
    world.cache(f"{WEB}:v1.0.0")
    world.tasks.refusal = 403
    told = world.push(world.event(tag="v1.0.1"))
    assert (told.said, "hand_off" in told.record) == ([("failed", "TOO_YOUNG")], True)
    assert told.error is not None


def test_a_dry_run_says_when_it_would_come(world: Any) -> None:
    world.cache(f"{WEB}:v1.0.0")
    plan = world.manual(image=f"{WEB}:v1.0.1", dryRun=True).answer["plan"]
    (member,) = plan["held"]
    assert (member["reason"], member["images_after"]) == ("TOO_YOUNG", [f"{WEB}:v1.0.1"])
    assert [miss["because"] for miss in plan["near"]] == ["too_young"]
    assert world.tasks.waiting == []


def known(world: Any, registry: TaggedRegistry) -> str:
    """A cache whose images are known to be those that the registry has; of three days ago."""
    identifier = str(world.cache(f"{registry.host}/prod/web:v1.0.0"))
    newer, registry.tags = registry.tags, ["v1.0.0"]
    world.timer()
    world.settle()
    registry.tags = newer
    return identifier


@pytest.mark.parametrize("header", [False, True])
def test_a_sweep_reads_when_a_tag_was_made(world: Any, registry: TaggedRegistry, header: bool) -> None:
    registry.tags = ["v1.0.0", "v1.0.1", "v1.0.2"]
    identifier = known(world, registry)
    for tag, age in (("v1.0.1", AGE + 5), ("v1.0.2", DAY)):
        made = moment(world, -age)
        if header:
            registry.modified[tag] = format_datetime(made, usegmt=True)
            registry.created[tag] = "1970-01-01T00:00:00Z"
        else:
            registry.created[tag] = made.isoformat()
    begin, told = world.clock(), world.timer()
    assert sorted(told.said) == [YOUNG, PROMOTED]
    by_image = {record["image"].rpartition(":")[2]: record for record in told.records}
    assert datetime.fromisoformat(by_image["v1.0.2"]["until"]) <= moment(world, AGE - DAY + 1)
    world.run_until(begin + 3000)
    assert tags(world, identifier) == ["v1.0.1"]
    # The next sweeps find the same task.
    for _ in range(3):
        swept = world.timer()
        assert swept.said == [YOUNG]
        assert swept.record["follow_task_id"] == by_image["v1.0.2"]["follow_task_id"]
    world.settle()
    assert tags(world, identifier) == ["v1.0.2"]
    assert AGE - DAY - 1 <= world.updates()[-1]["started_at"] - begin <= AGE - DAY + 5


@pytest.mark.parametrize(
    "made", sampled([None, "yesterday", "2999-01-01T00:00:00Z", "1980-01-01T00:00:00Z"], 2)
)
def test_without_a_usable_time_it_counts_from_when_it_was_first_seen(
    world: Any, registry: TaggedRegistry, made: str | None
) -> None:
    identifier = known(world, registry)
    if made is not None:
        registry.created["v1.0.1"] = made
    begin = world.clock()
    for sweep in range(6):
        world.run_until(begin + sweep * DAY / 3)
        assert world.timer().said == [YOUNG]
    world.run_until(begin + AGE + 3600)
    assert tags(world, identifier) == ["v1.0.1"]
    assert AGE <= world.updates()[-1]["started_at"] - begin <= AGE + 5
    # At most one more task waits, and has nothing to do.
    assert set(ended(world.settle())) <= {("unchanged", "COVERED"), LANDED}
    assert len(world.updates()) == 2


def test_what_is_seen_again_long_after_waits_anew(world: Any, registry: TaggedRegistry) -> None:
    identifier = known(world, registry)
    assert world.timer().said == [YOUNG]
    while world.tasks.take() is not None:
        pass
    world.clock.advance(2 * AGE)
    assert world.timer().said == [YOUNG]
    world.settle()
    assert tags(world, identifier) == ["v1.0.1"]


def test_an_update_takes_no_young_tag_along(world: Any, registry: TaggedRegistry) -> None:
    web = f"{registry.host}/prod/web"
    identifier = world.cache(f"{web}:v1.0.0", status="UpdateFailed")
    assert world.timer().said == [("refreshed", "SWEEP_REPAIR")]
    world.run_until(world.clock() + 600)
    assert tags(world, identifier) == ["v1.0.0"]


def test_a_manifest_that_cannot_be_read_is_asked_for_again(world: Any, registry: TaggedRegistry) -> None:
    known(world, registry)
    registry.manifest_status = 500
    assert world.timer().said == [("failed", "REGISTRY_UNREADABLE")]


def test_a_tag_that_turns_out_to_be_no_image_costs_no_update(world: Any, registry: TaggedRegistry) -> None:
    identifier = known(world, registry)
    registry.config = CHART
    target = {"repository": "prod/web", "tag": "v1.0.1"}
    event = {"id": "1", "timestamp": world.event()["time"], "action": "push", "target": target}
    query = {"token": "token-0123456789abcdef", "registry": registry.host}
    told = world.http("on_webhook", "/webhooks/distribution", {"events": [event]}, **query)
    assert told.said == [YOUNG]
    assert ended(world.settle()) == [("ignored", "NOT_AN_IMAGE")]
    assert tags(world, identifier) == ["v1.0.0"]
    assert len(world.updates()) == 1
