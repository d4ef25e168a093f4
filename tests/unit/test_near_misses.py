"""Caches that almost match a push: each with why it does not get the tag, and those that match are none."""

from __future__ import annotations

from datetime import datetime, timezone

from imagecache.base.reasons import Hold
from imagecache.base.timestamps import Moment
from imagecache.model.change import PushEvent
from imagecache.model.image_cache import ImageCache, Listing
from imagecache.model.selector import CacheSelector
from imagecache.planning.near_misses import Near, near_misses
from imagecache.planning.plan import plan
from imagecache.policy.rules import NO_RULES, Rule, Rules
from imagecache.policy.tag_policy import Policy
from tests.support.for_each import for_each

NOW = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
REGION = "cn-hangzhou"
SHARED = "registry.cn-hangzhou.aliyuncs.com"
ACME = "acme-registry.cn-hangzhou.cr.aliyuncs.com"
OWN = "registry.example.com"
VERSIONS = Rules((Rule("versions", policy=Policy("semver", range=">=1 <2")),))


def cache(*images: str, name: str = "web", number: int = 1) -> ImageCache:
    return ImageCache(REGION, f"imc-{number}", name, "Ready", images)


def push(host: str = SHARED, tag: str = "1.1", repository: str = "prod/web") -> PushEvent:
    return PushEvent("acr", "event-1", host, repository, tag, pushed_at=NOW)


def missed(event: PushEvent, *caches: ImageCache, rules: Rules = NO_RULES) -> list[tuple[str, str]]:
    """Entry and cause of each near miss."""
    listings = [Listing(REGION, caches, NOW)]
    decisions = plan(listings, event, Moment(NOW), rules)
    return [(miss.entry, miss.because) for miss in near_misses(listings, event, decisions, rules)]


@for_each(
    ("host", "listed", "because"),
    [
        (SHARED, "registry-vpc.cn-shanghai.aliyuncs.com", Near.OTHER_REGION),
        (ACME, "acme-registry-vpc.cn-beijing.cr.aliyuncs.com", Near.OTHER_REGION),
        (
            "crpi-a1.cn-hangzhou.personal.cr.aliyuncs.com",
            "crpi-a1.cn-beijing.personal.cr.aliyuncs.com",
            Near.OTHER_REGION,
        ),
        (ACME, "shop-registry.cn-hangzhou.cr.aliyuncs.com", Near.OTHER_REGISTRY),
        (ACME, "shop-registry.cn-beijing.cr.aliyuncs.com", Near.OTHER_REGISTRY),
        (SHARED, f"{SHARED}.evil.example", Near.LOOK_ALIKE_HOST),
        (SHARED, "registry.cn-hangzhou.aliyun.com", Near.LOOK_ALIKE_HOST),
        (OWN, f"{OWN}:5000", Near.LOOK_ALIKE_HOST),
        (OWN, "registry.exampel.com", Near.LOOK_ALIKE_HOST),
        (ACME, "images.acme.io", Near.OTHER_REGISTRY),
        (OWN, "quay.io", Near.OTHER_REGISTRY),
    ],
)
def test_the_same_path_of_another_registry_is_near(host: str, listed: str, because: Near) -> None:
    assert missed(push(host), cache("redis:7", f"{listed}/prod/web:1.1")) == [
        (f"{listed}/prod/web:1.1", because)
    ]


def test_of_several_entries_the_nearest_is_told() -> None:
    near = f"{SHARED.replace('hangzhou', 'beijing')}/prod/web:1"
    assert missed(push(), cache("quay.io/prod/web:1", near)) == [(near, Near.OTHER_REGION)]


def test_the_message_says_which_registry_the_entry_is_of() -> None:
    event, listings = push(), [Listing(REGION, (cache("quay.io/prod/web:1.1"),), NOW)]
    (miss,) = near_misses(listings, event, plan(listings, event, Moment(NOW)), NO_RULES)
    assert miss.message.startswith("the cache lists quay.io/prod/web:1.1: quay.io is another registry than ")
    assert "registryAliases" in miss.message
    assert miss.rule == ""


@for_each(
    ("tag", "listed", "because"),
    [
        ("1.1", "1.0@sha256:" + "a" * 64, Hold.PINNED_BY_DIGEST),
        ("1.1-alpine", "1.0", Hold.OTHER_VARIANT),
        ("2.0", "1.0", Hold.OUTSIDE_RANGE),
        ("1.0", "1.1", Hold.OLDER),
        ("main", "1.1", Hold.NO_VERSION),
    ],
)
def test_a_cache_with_the_repository_says_what_holds_the_tag(tag: str, listed: str, because: Hold) -> None:
    entry = f"{SHARED}/prod/web:{listed}"
    assert missed(push(tag=tag), cache(entry), rules=VERSIONS) == [(entry, because)]


def test_a_later_rule_that_would_let_the_tag_in_is_named() -> None:
    rules = Rules((Rule("network", CacheSelector(names=("web*",))), Rule("others"), *VERSIONS.rules))
    event, listings = push(), [Listing(REGION, (cache(f"{SHARED}/prod/web:1.0"),), NOW)]
    (miss,) = near_misses(listings, event, plan(listings, event, Moment(NOW), rules), rules)
    assert (miss.because, miss.rule) == (Near.ANOTHER_RULE_FIRST, "network")
    assert miss.message == "rule network comes first and decides; rule versions would let 1.1 in"


def test_a_later_rule_that_would_not_either_is_not_named() -> None:
    rules = Rules((Rule("network"), *VERSIONS.rules))
    entry = f"{SHARED}/prod/web:1.0"
    assert missed(push(tag="3.0"), cache(entry), rules=rules) == [(entry, Hold.EXACT_POLICY)]


def test_a_cache_that_matches_or_has_nothing_of_it_is_not_near() -> None:
    caches = (
        cache(f"{SHARED}/prod/web:1.1", "quay.io/prod/web:1.1"),
        cache(f"{SHARED}/prod/web:1.0", number=2),
        cache(f"{SHARED}/prod/web2:1.1", "quay.io/web:1.1", "not a reference", number=3),
    )
    assert missed(push(), *caches, rules=VERSIONS) == []


def test_an_alias_makes_two_names_one() -> None:
    rules = Rules(VERSIONS.rules, {"images.acme.io": ACME})
    assert missed(push(ACME), cache("images.acme.io/prod/web:1.0"), rules=rules) == []
