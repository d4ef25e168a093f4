"""The plan: which caches a change rebuilds, with which list, and what is said where it rebuilds none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecache.caches import ImageCache, Listing, cache_entries
from imagecache.changes import CacheRequest, Change, PushEvent
from imagecache.plan import Decision, decide, plan
from imagecache.reasons import Reason, Result
from imagecache.selectors import CacheSelector

NOW = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
HOST = "registry.cn-hangzhou.aliyuncs.com"
VPC_HOST = "registry-vpc.cn-hangzhou.aliyuncs.com"
INTERNAL_HOST = "registry-internal.cn-hangzhou.aliyuncs.com"
DIGEST = "sha256:" + "a" * 64
OTHER_DIGEST = "sha256:" + "b" * 64

REPUSHED = (Result.REFRESHED, Reason.TAG_REPUSHED)
HOLDS = (Result.IGNORED, Reason.POLICY_HOLDS)
PINNED = (Result.IGNORED, Reason.PINNED_BY_DIGEST)


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


@pytest.mark.parametrize(
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
    decision = decide(described, pushed)
    if expected is None:
        assert decision is None
        return
    assert decision is not None
    assert (decision.result, decision.reason) == expected
    assert (decision.change, decision.cache) == (pushed, described)
    assert decision.images_after == (described.images if expected == REPUSHED else ())


def test_a_rebuild_sends_the_full_list_as_written_and_in_order() -> None:
    images = (
        "redis",
        f"{VPC_HOST}/shop/web:v1",
        "No Reference:",
        f"{HOST}/shop/web@{DIGEST}",
        "busybox:1",
        "redis",
    )
    (decision,) = plan([listing(cache("imc-1", *images))], push())
    assert decision.images_after == images


@pytest.mark.parametrize("status", ["Preparing", "Creating", "Ready", "Failed", "Updating", "UpdateFailed"])
def test_a_push_is_decided_alike_in_every_state(status: str) -> None:
    (decision,) = plan([listing(cache("imc-1", f"{HOST}/shop/web:v1", status=status))], push())
    assert (decision.result, decision.reason) == REPUSHED


def test_a_push_has_one_decision_for_each_cache_of_its_repository() -> None:
    rebuilt = cache("imc-1", f"{HOST}/shop/web:v1", "nginx")
    held = cache("imc-2", f"{HOST}/shop/web:v2")
    other = cache("imc-3", "nginx")
    far = cache("imc-4", f"{HOST}/shop/web:v1", region_id="cn-shanghai")
    decisions = plan([listing(rebuilt, held, other), listing(far, region_id="cn-shanghai")], push())
    assert [(decision.cache, decision.result) for decision in decisions] == [
        (rebuilt, Result.REFRESHED),
        (held, Result.IGNORED),
        (far, Result.REFRESHED),
    ]


def test_the_record_of_a_held_tag_names_the_listed_tags() -> None:
    held = cache("imc-1", f"{HOST}/shop/web:v2", f"{VPC_HOST}/shop/web:v3")
    (decision,) = plan([listing(held)], push())
    assert "v2, v3" in decision.message


@pytest.mark.parametrize(
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
    decisions = plan([listing(*caches)], asked)
    assert [decision.cache.image_cache_id for decision in decisions if decision.cache] == ids
    for decision in decisions:
        assert decision.cache is not None
        assert (decision.result, decision.reason) == (Result.REFRESHED, asked.reason)
        assert decision.images_after == decision.cache.images


@pytest.mark.parametrize(
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
    (decision,) = plan([listing(described)], asked)
    assert (decision.result, decision.reason, decision.cache) == (result, reason, described)
    assert decision.images_after == (facts["images"] if result is Result.REFRESHED else ())


def test_a_name_that_two_caches_have_is_ambiguous_and_their_ids_are_told() -> None:
    one, other = cache("imc-1", "nginx"), cache("imc-2", "nginx", region_id="cn-shanghai")
    asked = request(CacheSelector(exact_name="web"), single=True)
    (decision,) = plan([listing(one), listing(other, region_id="cn-shanghai")], asked)
    assert (decision.result, decision.reason) == (Result.REJECTED, Reason.AMBIGUOUS_NAME)
    assert decision.cache is None
    assert "imc-1, imc-2" in decision.message


@pytest.mark.parametrize(
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
    (decision,) = plan([here, there], change)
    assert (decision.result, decision.reason) == (result, reason)
    assert (decision.cache, decision.images_after, decision.caches_seen) == (None, (), 3)
    assert "3 image caches in cn-hangzhou, cn-shanghai" in decision.message


def test_without_any_listing_no_cache_was_seen() -> None:
    (decision,) = plan([], push())
    assert (decision.reason, decision.caches_seen) == (Reason.NO_MATCH, 0)


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
).map(lambda caches: [replace(each, image_cache_id=f"imc-{number}") for number, each in enumerate(caches)])
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
        CacheSelector,
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
    for decision in updates(plan([listing(*caches)], pushed)):
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
    assert [decision.cache for decision in updates(plan([listing(*caches)], pushed))] == listing_caches


@given(cache_sets, pushes | requests)
def test_every_change_has_at_least_one_decision_and_at_most_one_for_each_cache(
    caches: list[ImageCache], change: Change
) -> None:
    decisions = plan([listing(*caches)], change)
    assert decisions
    assert all(decision.change is change for decision in decisions)
    concerned = [decision.cache.image_cache_id for decision in decisions if decision.cache]
    assert len(concerned) == len(set(concerned))
    assert concerned or len(decisions) == 1


@given(cache_sets, pushes)
def test_the_index_finds_what_a_scan_of_all_caches_finds(caches: list[ImageCache], pushed: PushEvent) -> None:
    scanned = [decision for each in caches if (decision := decide(each, pushed)) is not None]
    found = plan([listing(*caches)], pushed)
    assert [decision for decision in found if decision.cache] == scanned


@given(cache_sets, requests)
def test_a_request_updates_selected_caches_only_and_with_the_wanted_list(
    caches: list[ImageCache], asked: CacheRequest
) -> None:
    for decision in updates(plan([listing(*caches)], asked)):
        assert decision.cache is not None
        assert asked.selector.matches(decision.cache)
        assert asked.statuses is None or decision.cache.status in asked.statuses
        assert decision.images_after == (asked.images or decision.cache.images)
    if asked.single:
        assert len(plan([listing(*caches)], asked)) == 1
