"""What an update notes of its entries, and that a push of a digest that was built costs no rebuild."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from imagecache.base.reasons import Reason, Result
from imagecache.base.timestamps import Moment
from imagecache.model.change import CacheRequest, PushEvent
from imagecache.model.image_cache import ImageCache
from imagecache.model.selector import CacheSelector
from imagecache.planning.decision import Decision
from imagecache.planning.entry_memory import Notes
from imagecache.planning.plan import decide
from imagecache.planning.wanted_list import notes_of
from imagecache.policy.rules import NO_RULES, Rule, Rules
from imagecache.policy.tag_policy import Policy
from tests.support.for_each import for_each
from tests.support.remembered import remembered

BEGAN = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
SKEW = timedelta(seconds=2)
AT = Moment(BEGAN + timedelta(days=1))
MICROSECOND = timedelta(microseconds=1)
HOST = "acme-registry.cn-hangzhou.cr.aliyuncs.com"
VPC_HOST = "acme-registry-vpc.cn-hangzhou.cr.aliyuncs.com"
ALIAS = "images.example.com"
WEB = f"{VPC_HOST}/shop/web"
DIGEST, OTHER_DIGEST = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
CACHE = ImageCache("cn-hangzhou", "imc-1", "web", "Ready", (f"{WEB}:v1", "redis:7"))
ANY = Rules((Rule("any", policy=Policy("any")),))


def push(tag: str = "v1", **facts: Any) -> PushEvent:
    told: dict[str, Any] = {"pushed_at": BEGAN, "dated": True, "digest": DIGEST, **facts}
    return PushEvent("acr", told.pop("event_id", "event-1"), HOST, "shop/web", tag, **told)


def noted(
    *pushes: PushEvent,
    images: Sequence[str] = CACHE.images,
    asked: Mapping[str, str] | None = None,
    rules: Rules = NO_RULES,
    rule: Rule | None = None,
    began: datetime = BEGAN,
) -> Notes:
    wanted = [
        Decision(one, CACHE, Result.REFRESHED, Reason.TAG_REPUSHED, "", tuple(images), rule=rule)
        for one in pushes
    ]
    return notes_of(wanted, asked or {}, Moment(began, SKEW), rules)


NOTED = {f"{WEB}:v1": DIGEST}


@for_each(
    ("pushes", "expected"),
    [
        pytest.param([push()], NOTED, id="a young, dated push with its digest"),
        pytest.param([push(pushed_at=BEGAN - SKEW)], NOTED, id="as old as the skew"),
        pytest.param([push(pushed_at=BEGAN + timedelta(minutes=1))], NOTED, id="by a clock ahead"),
        pytest.param([push(pushed_at=BEGAN - SKEW - MICROSECOND)], {}, id="older than the skew"),
        pytest.param([push(dated=False)], {}, id="not dated by its source"),
        pytest.param([push(pushed_at=None)], {}, id="no time"),
        pytest.param([push(digest=None)], {}, id="no digest"),
        pytest.param([push("v2")], {}, id="a tag that is not in the list"),
        pytest.param([push(), push(event_id="event-2")], NOTED, id="the same digest twice"),
        pytest.param(
            [push(), push(event_id="event-2", digest=OTHER_DIGEST)], {}, id="two digests of one tag"
        ),
        pytest.param([push(), push(event_id="event-2", digest=None)], {}, id="a digest and an unknown one"),
        pytest.param(
            [push(), push(event_id="event-2", pushed_at=BEGAN - timedelta(days=1))],
            {},
            id="a young push and an old one",
        ),
        pytest.param([push(), push("v2", digest=OTHER_DIGEST)], NOTED, id="another tag beside"),
        pytest.param(
            [push(), push(digest=OTHER_DIGEST)._replace(repository="shop/api")],
            NOTED,
            id="another repository beside",
        ),
        pytest.param([], {}, id="no push"),
    ],
)
def test_a_pushed_digest_is_noted_where_it_is_certain(
    pushes: list[PushEvent], expected: dict[str, str]
) -> None:
    request = CacheRequest("timer", "tick", Reason.REFRESH_SCHEDULED, CacheSelector())
    asked_for = Decision(request, CACHE, Result.REFRESHED, Reason.REFRESH_SCHEDULED, "", CACHE.images)
    wanted = [Decision(one, CACHE, Result.REFRESHED, Reason.TAG_REPUSHED, "", CACHE.images) for one in pushes]
    assert notes_of([*wanted, asked_for], {}, Moment(BEGAN, SKEW), NO_RULES) == Notes(expected)


@for_each(
    ("images", "expected"),
    [
        pytest.param(
            [f"{WEB}:v1", f"{HOST}/shop/web:v1"],
            [f"{WEB}:v1", f"{HOST}/shop/web:v1"],
            id="each form of the name",
        ),
        pytest.param([f"{ALIAS}/shop/web:v1"], [f"{ALIAS}/shop/web:v1"], id="an alias"),
        pytest.param([f"{WEB}:v1@{OTHER_DIGEST}"], [], id="a pinned entry"),
        pytest.param([f"{WEB}:v2", WEB], [], id="other tags"),
        pytest.param(["No Reference:"], [], id="no reference"),
        pytest.param([f"{HOST}.evil.example/shop/web:v1"], [], id="a look-alike"),
    ],
)
def test_it_is_noted_for_the_entries_that_the_push_is_about(images: list[str], expected: list[str]) -> None:
    rules = Rules((), {ALIAS: HOST})
    assert noted(push(), images=images, rules=rules).digests == dict.fromkeys(expected, DIGEST)


def test_a_push_under_an_alias_is_of_the_registry() -> None:
    told = push()._replace(registry=ALIAS)
    assert noted(told, rules=Rules((), {ALIAS: HOST})).digests == NOTED
    assert noted(told).digests == {}


def test_implicit_latest_is_the_tag_latest() -> None:
    assert noted(push("latest"), images=[WEB]).digests == {WEB: DIGEST}


def test_what_the_registry_told_after_the_start_goes_before_what_a_push_told() -> None:
    asked = {f"{WEB}:v1": OTHER_DIGEST, "redis:7": DIGEST}
    assert noted(push(), asked=asked).digests == asked


@for_each(
    ("rule", "pushes", "expected"),
    [
        pytest.param(ANY.rules[0], [push()], BEGAN, id="any"),
        pytest.param(
            ANY.rules[0],
            [push(pushed_at=BEGAN + SKEW), push("v2")],
            BEGAN + SKEW,
            id="any, the latest of two pushes, told first",
        ),
        pytest.param(
            ANY.rules[0], [push(), push("v2", pushed_at=BEGAN + SKEW)], BEGAN + SKEW, id="any, told last"
        ),
        pytest.param(ANY.rules[0], [push(pushed_at=None)], None, id="any, no time"),
        pytest.param(ANY.rules[0], [push(dated=False)], BEGAN, id="any, not dated by the source"),
        pytest.param(Rule("r", policy=Policy("alphabetical")), [push()], None, id="tags tell their order"),
        pytest.param(Rule("r"), [push()], None, id="exact"),
        pytest.param(None, [push()], None, id="no rule"),
    ],
)
def test_times_of_pushes_are_noted_for_policy_any(
    rule: Rule | None, pushes: list[PushEvent], expected: datetime | None
) -> None:
    pushed = noted(*pushes, rule=rule).pushed
    assert pushed == ({} if expected is None else {(HOST, "shop/web"): expected})


def built(*pushes: PushEvent, began: datetime = BEGAN, **facts: Any) -> ImageCache:
    """The cache once an update for these pushes ended Ready."""
    notes = noted(*pushes, began=began)
    return CACHE._replace(tags=remembered(CACHE, pushes, began, notes), **facts)


def decided(cache: ImageCache, change: PushEvent, rules: Rules = NO_RULES) -> Reason:
    decision = decide(cache, change, AT, rules)
    assert decision is not None
    return decision.reason


AGAIN = push(event_id="event-2", pushed_at=BEGAN + timedelta(minutes=5))
"""A later push of the digest that was built."""


def test_a_push_of_the_digest_that_was_built_is_unchanged_and_its_rule_is_told() -> None:
    decision = decide(built(push()), AGAIN, AT, ANY)
    assert decision is not None
    assert (decision.result, decision.reason) == (Result.UNCHANGED, Reason.SAME_DIGEST)
    assert decision.rule is ANY.rules[0]
    assert decision.images_after == ()


@for_each(
    ("facts", "expected"),
    [
        pytest.param({}, Reason.SAME_DIGEST, id="the digest that was built"),
        pytest.param({"dated": False}, Reason.SAME_DIGEST, id="however the later push is dated"),
        pytest.param({"digest": OTHER_DIGEST}, Reason.TAG_REPUSHED, id="another digest"),
        pytest.param({"digest": None}, Reason.TAG_REPUSHED, id="no digest"),
        pytest.param({"source": "manual"}, Reason.TAG_REPUSHED, id="asked for by hand"),
        pytest.param({"tag": "v2"}, Reason.POLICY_HOLDS, id="another tag"),
    ],
)
def test_which_push_is_of_the_digest_that_was_built(facts: dict[str, Any], expected: Reason) -> None:
    assert decided(built(push()), AGAIN._replace(**facts)) is expected


@for_each(
    ("status", "expected"),
    [
        ("Ready", Reason.SAME_DIGEST),
        ("Updating", Reason.TAG_REPUSHED),
        ("UpdateFailed", Reason.TAG_REPUSHED),
        ("Preparing", Reason.TAG_REPUSHED),
        ("Creating", Reason.TAG_REPUSHED),
        ("Failed", Reason.TAG_REPUSHED),
    ],
)
def test_only_an_update_that_ended_ready_certainly_built_it(status: str, expected: Reason) -> None:
    assert decided(built(push(), status=status), AGAIN) is expected


@for_each(
    ("cache", "expected"),
    [
        pytest.param(CACHE, Reason.TAG_REPUSHED, id="nothing is remembered"),
        pytest.param(
            built(push(), push(event_id="event-3", digest=OTHER_DIGEST)),
            Reason.TAG_REPUSHED,
            id="two digests were pushed in one update",
        ),
        pytest.param(built(push(dated=False)), Reason.TAG_REPUSHED, id="the built push was not dated"),
        pytest.param(
            built(push(pushed_at=BEGAN - timedelta(seconds=3))),
            Reason.TAG_REPUSHED,
            id="the built push was older than the skew",
        ),
        pytest.param(
            CACHE._replace(tags=remembered(built(push()), [push("v2")], BEGAN + timedelta(minutes=1))),
            Reason.TAG_REPUSHED,
            id="another update came since",
        ),
        pytest.param(
            built(push())._replace(images=(*CACHE.images, f"{HOST}/shop/web:v1")),
            Reason.TAG_REPUSHED,
            id="an entry was added since",
        ),
        pytest.param(
            built(push())._replace(images=(*CACHE.images, f"{HOST}/shop/web:v1@{OTHER_DIGEST}")),
            Reason.SAME_DIGEST,
            id="a pinned entry beside",
        ),
    ],
)
def test_what_a_cache_must_remember_of_it(cache: ImageCache, expected: Reason) -> None:
    assert decided(cache, AGAIN) is expected


def test_a_request_is_not_about_digests() -> None:
    request = CacheRequest("timer", "tick", Reason.REFRESH_SCHEDULED, CacheSelector())
    decision = decide(built(push()), request, AT)
    assert decision is not None
    assert decision.result is Result.REFRESHED


def test_under_any_what_an_update_notes_holds_a_push_that_came_before() -> None:
    images = (f"{WEB}:green",)
    green = push("green", pushed_at=BEGAN)
    notes = noted(green, images=images, rule=ANY.rules[0])
    cache = CACHE._replace(images=images, tags=remembered(CACHE, [green], BEGAN, notes))
    assert decided(cache, push("blue", pushed_at=BEGAN - MICROSECOND * 1000), ANY) is Reason.POLICY_HOLDS
    assert decided(cache, push("blue", pushed_at=BEGAN + SKEW), ANY) is Reason.TAG_PROMOTED
