"""The plan: which caches a change rebuilds, with which list, and what is said where it rebuilds none."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecache.base.reasons import Hold, Reason, Result
from imagecache.base.timestamps import Moment
from imagecache.model.change import CacheRequest, Change, PushEvent
from imagecache.model.image_cache import ImageCache, Listing, cache_entries
from imagecache.model.selector import CacheSelector
from imagecache.planning.decision import Decision
from imagecache.planning.plan import decide, plan
from imagecache.planning.update_memory import MEMORY_TAG, last_update
from tests.support.depth import every_value
from tests.support.for_each import for_each
from tests.support.remembered import remembered

NOW = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
SKEW = timedelta(seconds=2)
AT = Moment(NOW + timedelta(days=1), SKEW)
MICROSECOND = timedelta(microseconds=1)
HOST = "registry.cn-hangzhou.aliyuncs.com"
VPC_HOST = "registry-vpc.cn-hangzhou.aliyuncs.com"
INTERNAL_HOST = "registry-internal.cn-hangzhou.aliyuncs.com"
DIGEST = "sha256:" + "a" * 64
OTHER_DIGEST = "sha256:" + "b" * 64

REPUSHED = (Result.REFRESHED, Reason.TAG_REPUSHED)
HOLDS = (Result.IGNORED, Reason.POLICY_HOLDS)
PINNED = (Result.IGNORED, Reason.PINNED_BY_DIGEST)
COVERED = (Result.UNCHANGED, Reason.COVERED)
STATUSES = ["Preparing", "Creating", "Ready", "Failed", "Updating", "UpdateFailed"]
CERTAIN = {"Ready", "Updating"}


def cache(image_cache_id: str, *images: str, **facts: Any) -> ImageCache:
    described: dict[str, Any] = {"region_id": "cn-hangzhou", "name": "web", "status": "Ready", **facts}
    return ImageCache(image_cache_id=image_cache_id, images=images, **described)


def listing(*caches: ImageCache, region_id: str = "cn-hangzhou") -> Listing:
    return Listing(region_id, caches, NOW)


def push(tag: str = "v1", *, registry: str = HOST, repository: str = "shop/web", **facts: Any) -> PushEvent:
    return PushEvent("acr", "event-1", registry, repository, tag, **facts)


def request(selector: CacheSelector | None = None, **facts: Any) -> CacheRequest:
    asked: dict[str, Any] = {"source": "manual", "event_id": "request-1", "reason": Reason.REBUILD_REQUESTED}
    return CacheRequest(selector=selector or CacheSelector(), **{**asked, **facts})


@for_each(
    ("images", "pushed", "expected"),
    [
        pytest.param([f"{HOST}/shop/web:v1"], push(), REPUSHED, id="same tag"),
        pytest.param([f"{HOST}/shop/web:v2"], push(), HOLDS, id="other tag"),
        pytest.param([f"{HOST}/shop/web:V1"], push(), HOLDS, id="tags have a case"),
        pytest.param([f"{HOST}/shop/web"], push("latest"), REPUSHED, id="no tag means latest"),
        pytest.param([f"{HOST}/shop/web:latest"], push("latest"), REPUSHED, id="latest written out"),
        pytest.param([f"{HOST}/shop/web"], push(), HOLDS, id="no tag is no other tag"),
        pytest.param([f"{VPC_HOST}/shop/web:v1"], push(), REPUSHED, id="VPC host"),
        pytest.param([f"{INTERNAL_HOST}/shop/web:v1"], push(), REPUSHED, id="internal host"),
        pytest.param([f"{HOST.upper()}/shop/web:v1"], push(), REPUSHED, id="host in upper case"),
        pytest.param([f"{HOST}:443/shop/web:v1"], push(), REPUSHED, id="default port"),
        pytest.param([f"{HOST}:5000/shop/web:v1"], push(), None, id="other port"),
        pytest.param([f"{HOST}.evil.example/shop/web:v1"], push(), None, id="look-alike host"),
        pytest.param(
            ["registry.cn-shanghai.aliyuncs.com/shop/web:v1"], push(), None, id="registry of another region"
        ),
        pytest.param(
            ["acme-registry.cn-hangzhou.cr.aliyuncs.com/shop/web:v1"], push(), None, id="another edition"
        ),
        pytest.param(["shop/web:v1"], push(), None, id="same path at Docker Hub"),
        pytest.param(
            ["nginx:1"], push("1", registry="docker.io", repository="library/nginx"), REPUSHED, id="hub"
        ),
        pytest.param([f"{HOST}/pay/web:v1"], push(), None, id="other repository with the same last name"),
        pytest.param([f"{HOST}/web:v1"], push(), None, id="shorter path"),
        pytest.param([f"{HOST}/x/shop/web:v1"], push(), None, id="longer path"),
        pytest.param([f"{HOST}/shop/web2:v1"], push(), None, id="longer name"),
        pytest.param([f"{HOST}/shop/web@{DIGEST}"], push(), PINNED, id="digest"),
        pytest.param([f"{HOST}/shop/web:v1@{DIGEST}"], push(), PINNED, id="tag and digest"),
        pytest.param(
            [f"{HOST}/shop/web:v1@{DIGEST}"], push(digest=OTHER_DIGEST), PINNED, id="tag moved off its digest"
        ),
        pytest.param(
            [f"{HOST}/shop/web@{DIGEST}"], push(digest=DIGEST), PINNED, id="the pinned digest itself"
        ),
        pytest.param(
            [f"{HOST}/shop/web@{DIGEST}", f"{HOST}/shop/web:v1"], push(), REPUSHED, id="digest beside the tag"
        ),
        pytest.param(
            [f"{HOST}/shop/web:v1@{DIGEST}", f"{HOST}/shop/web:v2"],
            push(),
            HOLDS,
            id="pin beside another tag",
        ),
        pytest.param(
            [f"{HOST}/shop/web:v1", f"{HOST}/shop/web:v2"], push("v2"), REPUSHED, id="second of two"
        ),
        pytest.param([f"{HOST}/shop/web:v1", f"{HOST}/shop/web:v2"], push("v3"), HOLDS, id="neither of two"),
        pytest.param([f"{HOST}/shop/web:v1", f"{VPC_HOST}/shop/web:v1"], push(), REPUSHED, id="both of two"),
        pytest.param(
            [f"{HOST}/shop/web:v1", "No Reference:"], push(), REPUSHED, id="unparsable entry beside"
        ),
        pytest.param([f"{HOST}/shop/WEB:v1"], push(), None, id="unparsable entry matches nothing"),
        pytest.param([], push(), None, id="empty list"),
    ],
)
def test_a_push_is_decided_by_the_entries_of_the_cache(
    images: list[str], pushed: PushEvent, expected: tuple[Result, Reason] | None
) -> None:
    described = cache("imc-1", *images)
    decision = decide(described, pushed, AT)
    if expected is None:
        assert decision is None
        return
    assert decision is not None
    assert (decision.result, decision.reason) == expected
    assert (decision.change, decision.cache) == (pushed, described)
    assert decision.images_after == (described.images if expected == REPUSHED else ())
    holds = {HOLDS: Hold.EXACT_POLICY, PINNED: Hold.PINNED_BY_DIGEST}
    assert decision.hold is holds.get(expected)


def test_a_rebuild_sends_the_full_list_as_written_and_in_order() -> None:
    images = (
        "redis",
        f"{VPC_HOST}/shop/web:v1",
        "No Reference:",
        f"{HOST}/shop/web@{DIGEST}",
        "busybox:1",
        "redis",
    )
    (decision,) = plan([listing(cache("imc-1", *images))], push(), AT)
    assert decision.images_after == images


@for_each("status", STATUSES)
def test_without_a_memory_a_push_is_decided_alike_in_every_state(status: str) -> None:
    (decision,) = plan([listing(cache("imc-1", f"{HOST}/shop/web:v1", status=status))], push(), AT)
    assert (decision.result, decision.reason) == REPUSHED


def test_a_push_has_one_decision_for_each_cache_of_its_repository() -> None:
    rebuilt = cache("imc-1", f"{HOST}/shop/web:v1", "nginx")
    held = cache("imc-2", f"{HOST}/shop/web:v2")
    other = cache("imc-3", "nginx")
    far = cache("imc-4", f"{HOST}/shop/web:v1", region_id="cn-shanghai")
    decisions = plan([listing(rebuilt, held, other), listing(far, region_id="cn-shanghai")], push(), AT)
    assert [(decision.cache, decision.result) for decision in decisions] == [
        (rebuilt, Result.REFRESHED),
        (held, Result.IGNORED),
        (far, Result.REFRESHED),
    ]


def test_the_record_of_a_held_tag_names_the_listed_tags() -> None:
    held = cache("imc-1", f"{HOST}/shop/web:v2", f"{VPC_HOST}/shop/web:v3")
    (decision,) = plan([listing(held)], push(), AT)
    assert "v2, v3" in decision.message


@for_each(
    ("asked", "ids"),
    [
        pytest.param(request(CacheSelector(ids=("imc-2",))), ["imc-2"], id="by id"),
        pytest.param(request(CacheSelector(exact_name="api")), ["imc-3"], id="by name"),
        pytest.param(request(CacheSelector(names=("web*",))), ["imc-1", "imc-2"], id="by glob"),
        pytest.param(request(CacheSelector(tags=(("team", "pay"),))), ["imc-2"], id="by tag"),
        pytest.param(
            request(CacheSelector(regions=("cn-hangzhou",))), ["imc-1", "imc-2", "imc-3"], id="by region"
        ),
        pytest.param(request(), ["imc-1", "imc-2", "imc-3"], id="all"),
        pytest.param(request(statuses=frozenset({"UpdateFailed"})), ["imc-2"], id="by status"),
        pytest.param(
            request(statuses=frozenset({"Ready", "UpdateFailed"})), ["imc-1", "imc-2"], id="by two statuses"
        ),
    ],
)
def test_a_request_rebuilds_the_selected_caches_with_their_lists(asked: CacheRequest, ids: list[str]) -> None:
    caches = [
        cache("imc-1", "nginx", name="web"),
        cache("imc-2", "redis", "nginx", name="web2", status="UpdateFailed", tags=(("team", "pay"),)),
        cache("imc-3", "busybox", name="api", status="Updating"),
    ]
    decisions = plan([listing(*caches)], asked, AT)
    assert [decision.cache.image_cache_id for decision in decisions if decision.cache] == ids
    for decision in decisions:
        assert decision.cache is not None
        assert (decision.result, decision.reason) == (Result.REFRESHED, asked.reason)
        assert decision.images_after == decision.cache.images


@for_each(
    ("facts", "status", "result", "reason"),
    [
        pytest.param(
            {"images": ("redis",)}, "Ready", Result.REFRESHED, Reason.LIST_CHANGED, id="another list"
        ),
        pytest.param(
            {"images": ("redis", "nginx")}, "Ready", Result.REFRESHED, Reason.LIST_CHANGED, id="order"
        ),
        pytest.param(
            {"images": ("nginx", "redis")}, "Ready", Result.UNCHANGED, Reason.LIST_UNCHANGED, id="same"
        ),
        pytest.param(
            {"images": ("nginx", "redis"), "force": True},
            "Ready",
            Result.REFRESHED,
            Reason.LIST_CHANGED,
            id="same list by force",
        ),
        pytest.param(
            {"images": ("nginx", "redis")},
            "UpdateFailed",
            Result.REFRESHED,
            Reason.LIST_CHANGED,
            id="same list of a failed update",
        ),
        pytest.param(
            {"images": ("nginx", "redis")}, "Updating", Result.REFRESHED, Reason.LIST_CHANGED, id="same, busy"
        ),
    ],
)
def test_an_explicit_list_is_sent_unless_the_cache_has_it(
    facts: dict[str, Any], status: str, result: Result, reason: Reason
) -> None:
    described = cache("imc-1", "nginx", "redis", status=status)
    asked = request(CacheSelector(ids=("imc-1",)), reason=Reason.LIST_CHANGED, single=True, **facts)
    (decision,) = plan([listing(described)], asked, AT)
    assert (decision.result, decision.reason, decision.cache) == (result, reason, described)
    assert decision.images_after == (facts["images"] if result is Result.REFRESHED else ())


def test_a_name_that_two_caches_have_is_ambiguous_and_their_ids_are_told() -> None:
    one, other = cache("imc-1", "nginx"), cache("imc-2", "nginx", region_id="cn-shanghai")
    asked = request(CacheSelector(exact_name="web"), single=True)
    (decision,) = plan([listing(one), listing(other, region_id="cn-shanghai")], asked, AT)
    assert (decision.result, decision.reason) == (Result.REJECTED, Reason.AMBIGUOUS_NAME)
    assert decision.cache is None
    assert "imc-1, imc-2" in decision.message


@for_each(
    ("change", "result", "reason"),
    [
        pytest.param(push(), Result.IGNORED, Reason.NO_MATCH, id="push"),
        pytest.param(
            request(CacheSelector(ids=("imc-9",)), single=True),
            Result.REJECTED,
            Reason.CACHE_NOT_FOUND,
            id="one cache",
        ),
        pytest.param(
            request(CacheSelector(names=("api",))), Result.IGNORED, Reason.NOTHING_SELECTED, id="selector"
        ),
        pytest.param(
            request(statuses=frozenset({"UpdateFailed"})),
            Result.IGNORED,
            Reason.NOTHING_TO_REPAIR,
            id="sweep",
        ),
    ],
)
def test_where_no_cache_is_concerned_one_decision_says_so(
    change: Change, result: Result, reason: Reason
) -> None:
    here = listing(cache("imc-1", "nginx"), cache("imc-2", "redis"))
    there = listing(cache("imc-3", "nginx", region_id="cn-shanghai"), region_id="cn-shanghai")
    (decision,) = plan([here, there], change, AT)
    assert (decision.result, decision.reason) == (result, reason)
    assert (decision.cache, decision.images_after, decision.caches_seen) == (None, (), 3)
    assert "3 image caches in cn-hangzhou, cn-shanghai" in decision.message


def test_without_any_listing_no_cache_was_seen() -> None:
    (decision,) = plan([], push(), AT)
    assert (decision.reason, decision.caches_seen) == (Reason.NO_MATCH, 0)


def updated(described: ImageCache, change: Change, *, began: datetime = NOW, **facts: Any) -> ImageCache:
    """The cache once an update for a change began; in the state that is given, else Ready."""
    return described._replace(tags=remembered(described, [change], began), **facts)


def other_push(**facts: Any) -> PushEvent:
    """A push of another event, so that only its time tells whether it covers ``push()``."""
    return push(**facts)._replace(event_id="event-0")


@pytest.mark.parametrize(
    ("status", "state"), [("Ready", "ended Ready"), ("Updating", "is running")], ids=["Ready", "Updating"]
)
def test_a_push_before_the_last_update_is_covered_and_the_record_tells_by_which(
    status: str, state: str
) -> None:
    described = updated(cache("imc-1", f"{HOST}/shop/web:v1"), other_push(), status=status)
    pushed = push(pushed_at=NOW - timedelta(minutes=1))
    (decision,) = plan([listing(described)], pushed, AT)
    assert (decision.result, decision.reason) == COVERED
    assert (decision.change, decision.cache) == (pushed, described)
    assert decision.images_after == ()
    assert decision.covered_by == last_update(described, AT)
    assert decision.message == f"an update that began at 2026-03-02T12:00:00+00:00 has it and {state}"


@every_value
@pytest.mark.parametrize("duplicate", [False, True], ids=["an earlier push", "the very push"])
@pytest.mark.parametrize("status", STATUSES)
def test_only_an_update_that_runs_or_ended_ready_covers(status: str, duplicate: bool) -> None:
    pushed = push(pushed_at=NOW - timedelta(minutes=1))
    made_for = pushed if duplicate else other_push()
    decision = decide(updated(cache("imc-1", f"{HOST}/shop/web:v1"), made_for, status=status), pushed, AT)
    assert decision is not None
    assert (decision.result, decision.reason) == (COVERED if status in CERTAIN else REPUSHED)
    assert (decision.covered_by is None) is (status not in CERTAIN)


@for_each(
    ("pushed_at", "skew", "expected"),
    [
        pytest.param(NOW - timedelta(hours=1), SKEW, COVERED, id="long before the update"),
        pytest.param(NOW - SKEW - MICROSECOND, SKEW, COVERED, id="just before the margin"),
        pytest.param(NOW - SKEW, SKEW, REPUSHED, id="on the margin"),
        pytest.param(NOW, SKEW, REPUSHED, id="as the update began"),
        pytest.param(NOW + timedelta(hours=1), SKEW, REPUSHED, id="after the update"),
        pytest.param(NOW - MICROSECOND, timedelta(0), COVERED, id="no margin, just before"),
        pytest.param(NOW, timedelta(0), REPUSHED, id="no margin, at the same time"),
        pytest.param(NOW - SKEW - MICROSECOND, timedelta(hours=1), REPUSHED, id="a wide margin"),
        pytest.param(None, SKEW, REPUSHED, id="time unknown"),
    ],
)
def test_a_push_is_covered_only_if_the_update_began_after_it_and_the_margin(
    pushed_at: datetime | None, skew: timedelta, expected: tuple[Result, Reason]
) -> None:
    described = updated(cache("imc-1", f"{HOST}/shop/web:v1"), other_push())
    decision = decide(described, push(pushed_at=pushed_at), Moment(NOW + timedelta(days=1), skew))
    assert decision is not None
    assert (decision.result, decision.reason) == expected


@for_each(
    "change",
    [
        pytest.param(push(), id="a push without a time"),
        pytest.param(push(pushed_at=NOW + timedelta(hours=1)), id="a push whose clock is ahead"),
        pytest.param(request(), id="a rebuild"),
        pytest.param(request(source="timer", reason=Reason.REFRESH_SCHEDULED), id="a refresh"),
        pytest.param(request(images=("nginx",), force=True), id="a list by force"),
    ],
)
def test_a_change_that_is_delivered_again_is_covered_by_its_own_update(change: Change) -> None:
    described = cache("imc-1", f"{HOST}/shop/web:v1")
    first = decide(described, change, AT)
    assert first is not None
    assert first.result is Result.REFRESHED
    again = decide(updated(described._replace(images=first.images_after), change), change, AT)
    assert again is not None
    assert (again.result, again.reason) == COVERED


def test_a_list_that_the_cache_does_not_have_any_more_is_not_covered_by_its_id() -> None:
    change = request(images=("nginx",))
    described = updated(cache("imc-1", f"{HOST}/shop/web:v1"), change)
    decision = decide(described, change, AT)
    assert decision is not None
    assert (decision.result, decision.images_after) == (Result.REFRESHED, ("nginx",))


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        pytest.param([f"{HOST}/shop/web:v2"], HOLDS, id="other tag"),
        pytest.param([f"{HOST}/shop/web@{DIGEST}"], PINNED, id="digest"),
        pytest.param([f"{HOST}/pay/web:v1"], None, id="other repository"),
    ],
)
def test_what_asks_for_no_update_is_never_covered(
    images: list[str], expected: tuple[Result, Reason] | None
) -> None:
    pushed = push(pushed_at=NOW - timedelta(hours=1))
    decision = decide(updated(cache("imc-1", *images), pushed), pushed, AT)
    assert (decision and (decision.result, decision.reason)) == expected


def test_a_request_is_not_covered_by_an_update_that_was_made_for_something_else() -> None:
    described = updated(cache("imc-1", "nginx"), push(), began=NOW + timedelta(days=1))
    decision = decide(described, request(), AT)
    assert decision is not None
    assert (decision.result, decision.reason) == (Result.REFRESHED, Reason.REBUILD_REQUESTED)


@for_each(
    "value",
    [
        pytest.param("", id="empty"),
        pytest.param("20260302T130000Z", id="another form"),
        pytest.param("20261302T120000000000Z.0", id="no such month"),
        pytest.param("20260302T120000000000Z.0.nothexadecim", id="ids that are none"),
    ],
)
def test_a_memory_that_cannot_be_read_costs_an_update_and_loses_none(value: str) -> None:
    described = cache("imc-1", f"{HOST}/shop/web:v1", tags=((MEMORY_TAG, value),))
    decision = decide(described, push(pushed_at=NOW - timedelta(days=365)), AT)
    assert decision is not None
    assert (decision.result, decision.reason) == REPUSHED


def test_each_cache_is_covered_by_its_own_memory() -> None:
    fresh = updated(cache("imc-1", f"{HOST}/shop/web:v1"), other_push())
    stale = updated(
        cache("imc-2", f"{HOST}/shop/web:v1"), other_push(), began=NOW - timedelta(hours=2), status="Updating"
    )
    decisions = plan([listing(fresh, stale)], push(pushed_at=NOW - timedelta(hours=1)), AT)
    assert [(decision.cache, decision.reason) for decision in decisions] == [
        (fresh, Reason.COVERED),
        (stale, Reason.TAG_REPUSHED),
    ]


@for_each(
    ("began", "quiet_since", "expected"),
    [
        pytest.param(NOW, NOW - MICROSECOND, Reason.FOLLOW_RUNNING, id="began after it"),
        pytest.param(NOW, NOW, Reason.SWEEP_REPAIR, id="began at it"),
        pytest.param(NOW, NOW + MICROSECOND, Reason.SWEEP_REPAIR, id="began before it"),
        pytest.param(None, NOW - timedelta(days=1), Reason.SWEEP_REPAIR, id="no memory"),
        pytest.param(NOW, None, Reason.SWEEP_REPAIR, id="nothing is followed"),
    ],
)
def test_a_sweep_leaves_a_cache_alone_while_its_last_update_is_followed(
    began: datetime | None, quiet_since: datetime | None, expected: Reason
) -> None:
    described = cache("imc-1", "nginx", status="UpdateFailed")
    if began:
        described = updated(described, push(), began=began)
    sweep = request(
        source="timer",
        reason=Reason.SWEEP_REPAIR,
        statuses=frozenset({"UpdateFailed"}),
        quiet_since=quiet_since,
    )
    (decision,) = plan([listing(described)], sweep, AT)
    left_alone = expected is Reason.FOLLOW_RUNNING
    assert decision.reason is expected
    assert decision.result is (Result.IGNORED if left_alone else Result.REFRESHED)
    assert decision.cache == described
    assert decision.images_after == (() if left_alone else ("nginx",))
    assert ("2026-03-02T12:00:00+00:00" in decision.message) is left_alone


def test_a_quiet_cache_that_is_not_selected_has_no_decision() -> None:
    described = updated(cache("imc-1", "nginx"), push())
    sweep = request(statuses=frozenset({"UpdateFailed"}), quiet_since=NOW - timedelta(hours=1))
    assert decide(described, sweep, AT) is None


# The properties draw from few names, so that pushes meet entries often.
entries = st.builds(
    "{}{}{}{}".format,
    st.sampled_from([f"{HOST}/", f"{VPC_HOST}/", "registry.cn-shanghai.aliyuncs.com/", "r.example.com/", ""]),
    st.sampled_from(["shop/web", "pay/web", "web", "Web"]),
    st.sampled_from(["", ":latest", ":v1", ":v2", ":"]),
    st.sampled_from(["", "", "", f"@{DIGEST}", "@broken"]),
)
image_lists = st.lists(entries, max_size=6).map(tuple)
statuses = st.sampled_from(["Ready", "UpdateFailed", "Updating", "Creating"])
cache_sets = st.lists(
    st.builds(
        lambda images, name, status: cache("imc-0", *images, name=name, status=status),
        image_lists,
        st.sampled_from(["web", "api"]),
        statuses,
    ),
    max_size=6,
).map(lambda caches: [each._replace(image_cache_id=f"imc-{number}") for number, each in enumerate(caches)])
pushes = st.builds(
    push,
    st.sampled_from(["latest", "v1", "v2"]),
    registry=st.sampled_from([HOST, "registry.cn-shanghai.aliyuncs.com", "r.example.com", "docker.io"]),
    repository=st.sampled_from(["shop/web", "pay/web", "web", "library/web"]),
    digest=st.sampled_from([None, DIGEST]),
)
requests = st.builds(
    request,
    st.builds(
        partial(CacheSelector),
        names=st.sampled_from([(), ("web",), ("*",)]),
        ids=st.sampled_from([(), ("imc-0",), ("imc-1", "imc-2")]),
    ),
    images=st.none() | st.lists(entries, min_size=1, max_size=3).map(tuple),
    statuses=st.sampled_from([None, frozenset({"UpdateFailed"})]),
    force=st.booleans(),
    single=st.booleans(),
)


def updates(decisions: Sequence[Decision]) -> list[Decision]:
    return [decision for decision in decisions if decision.result is Result.REFRESHED]


@given(cache_sets, pushes)
def test_a_push_never_changes_a_list(caches: list[ImageCache], pushed: PushEvent) -> None:
    for decision in updates(plan([listing(*caches)], pushed, AT)):
        assert decision.cache is not None
        assert decision.images_after == decision.cache.images


@given(cache_sets, pushes)
def test_a_push_updates_exactly_the_caches_that_list_its_registry_repository_and_tag(
    caches: list[ImageCache], pushed: PushEvent
) -> None:
    listing_caches = [
        each
        for each in caches
        if any(
            (registry, entry.repository, entry.effective_tag, entry.digest)
            == (pushed.registry, pushed.repository, pushed.tag, None)
            for registry, entry in cache_entries(each)
        )
    ]
    assert [decision.cache for decision in updates(plan([listing(*caches)], pushed, AT))] == listing_caches


@given(cache_sets, pushes | requests)
def test_every_change_has_at_least_one_decision_and_at_most_one_for_each_cache(
    caches: list[ImageCache], change: Change
) -> None:
    decisions = plan([listing(*caches)], change, AT)
    assert decisions
    assert all(decision.change is change for decision in decisions)
    concerned = [decision.cache.image_cache_id for decision in decisions if decision.cache]
    assert len(concerned) == len(set(concerned))
    assert concerned or len(decisions) == 1


@given(cache_sets, pushes)
def test_the_index_finds_what_a_scan_of_all_caches_finds(caches: list[ImageCache], pushed: PushEvent) -> None:
    scanned = [decision for each in caches if (decision := decide(each, pushed, AT)) is not None]
    found = plan([listing(*caches)], pushed, AT)
    assert [decision for decision in found if decision.cache] == scanned


@given(cache_sets, requests)
def test_a_request_updates_selected_caches_only_and_with_the_wanted_list(
    caches: list[ImageCache], asked: CacheRequest
) -> None:
    for decision in updates(plan([listing(*caches)], asked, AT)):
        assert decision.cache is not None
        assert asked.selector.matches(decision.cache)
        assert asked.statuses is None or decision.cache.status in asked.statuses
        assert decision.images_after == (asked.images or decision.cache.images)
    if asked.single:
        assert len(plan([listing(*caches)], asked, AT)) == 1


@given(cache_sets, pushes | requests, st.sampled_from(STATUSES))
def test_a_decided_update_that_is_running_or_ready_leaves_nothing_of_its_change_to_do(
    caches: list[ImageCache], change: Change, status: str
) -> None:
    for decision in updates(plan([listing(*caches)], change, AT)):
        assert decision.cache is not None
        after = updated(decision.cache, change, images=decision.images_after, status=status)
        again = decide(after, change, AT)
        repeated = again is not None and again.result is Result.REFRESHED
        excluded = isinstance(change, CacheRequest) and change.statuses and status not in change.statuses
        assert repeated is (status not in CERTAIN and not excluded)
