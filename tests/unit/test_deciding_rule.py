"""Which rule a record names."""

from __future__ import annotations

from imagecache.base.reasons import Reason, Result
from imagecache.model.change import CacheRequest, Change, PushEvent
from imagecache.model.image_cache import ImageCache
from imagecache.model.selector import ALL_CACHES
from imagecache.planning.decision import Decision, deciding_rule
from imagecache.policy.rules import Rule, Rules, read_repository_glob
from tests.support.for_each import for_each

HOST = "registry.example.com"
RULES = Rules(
    (
        Rule("web", repositories=(read_repository_glob("prod/web", {}),), reads_registry=True),
        Rule("api", repositories=(read_repository_glob("prod/api", {}),), reads_registry=True),
        Rule("rest"),
    )
)
CACHE = ImageCache(
    "cn-hangzhou", "imc-1", "web", "Ready", (f"{HOST}/prod/web:1", f"{HOST}/prod/api:1", "redis:7")
)
PUSH = PushEvent("acr", "event-1", HOST, "prod/web", "2")
NEWER = CacheRequest("timer", "tick-1", Reason.REGISTRY_NEWER, ALL_CACHES)
SWEEP = CacheRequest("timer", "tick-1", Reason.SWEEP_REPAIR, ALL_CACHES)


@for_each(
    ("change", "cache", "after", "rule", "expected"),
    [
        (PUSH, CACHE, (), None, "web"),
        (PUSH, CACHE, (), RULES.rules[2], "rest"),
        (PUSH, None, (), None, ""),
        (NEWER, CACHE, CACHE.images, None, "web, api"),
        (NEWER, CACHE, (), None, "web, api"),
        (NEWER, CACHE, (f"{HOST}/prod/web:1", f"{HOST}/prod/api:2", "redis:7"), None, "api"),
        (SWEEP, CACHE, CACHE.images, None, ""),
    ],
    ids=["push", "known", "no cache", "digests", "unsent", "new tag", "repair"],
)
def test_a_record_names_the_rule_that_decided(
    change: Change, cache: ImageCache | None, after: tuple[str, ...], rule: Rule | None, expected: str
) -> None:
    decision = Decision(change, cache, Result.REFRESHED, Reason.TAG_REPUSHED, "m", after, rule=rule)
    assert deciding_rule(decision, RULES) == expected


def test_a_push_that_no_rule_is_for_names_none() -> None:
    decision = Decision(PUSH, CACHE, Result.UNCHANGED, Reason.COVERED, "m")
    assert deciding_rule(decision, Rules(RULES.rules[1:2])) == ""
