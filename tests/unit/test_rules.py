"""Rules: which one is an entry's, under which names a registry is one, and what a rule adds to updates."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecache.base.errors import InputError
from imagecache.base.json_schema import validate
from imagecache.base.reasons import Reason
from imagecache.base.timestamps import Moment
from imagecache.model.change import PushEvent
from imagecache.model.image_cache import ImageCache, Listing
from imagecache.model.registry_identity import registry_identity
from imagecache.model.selector import CacheSelector
from imagecache.planning.entry_memory import Notes
from imagecache.planning.plan import plan
from imagecache.planning.update_memory import MOST_TAGS, OWN_TAGS
from imagecache.planning.wanted_list import parameters_of
from imagecache.policy.rules import NO_RULES, RepositoryGlob, Rule, Rules, read_repository_glob
from imagecache.policy.tag_policy import EXACT, Policy
from tests.support.for_each import for_each
from tests.support.remembered import remembered, update_request

NOW = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
SKEW = timedelta(seconds=2)
AT = Moment(NOW + timedelta(days=1))
HOST = "acme-registry.cn-hangzhou.cr.aliyuncs.com"
VPC_HOST = "acme-registry-vpc.cn-hangzhou.cr.aliyuncs.com"
SHARED = "registry.cn-hangzhou.aliyuncs.com"
ALIAS = "images.example.com"
ALIASES = {ALIAS: HOST}
CACHE = ImageCache("cn-hangzhou", "imc-1", "web-blue", "Ready", ("nginx",), (("team", "shop"),))
PUSH = PushEvent("acr", "event-1", HOST, "shop/web", "v1")


@for_each(
    ("glob", "image", "expected"),
    [
        pytest.param("**", f"{HOST}/shop/web", True, id="any repository"),
        pytest.param("**", "docker.io/library/nginx", True, id="any repository of any host"),
        pytest.param("*", f"{HOST}/web", True, id="one component"),
        pytest.param("*", f"{HOST}/shop/web", False, id="a star stays inside a component"),
        pytest.param("shop/*", f"{HOST}/shop/web", True, id="path under any host"),
        pytest.param("shop/*", f"{SHARED}/shop/web", True, id="path under another host"),
        pytest.param("shop/*", f"{HOST}/shop/web/api", False, id="path, one component more"),
        pytest.param("shop/**", f"{HOST}/shop/web/api", True, id="path, any number of components"),
        pytest.param("shop/**", f"{HOST}/x/shop/web", False, id="path from its beginning"),
        pytest.param("**/web", f"{HOST}/shop/web", True, id="path by its end"),
        pytest.param("shop/web", f"{HOST}/shop/web2", False, id="path to its end"),
        pytest.param("shop/we?", f"{HOST}/shop/web", True, id="one character"),
        pytest.param("shop/we?", f"{HOST}/shop/we", False, id="no character"),
        pytest.param(f"{HOST}/shop/web", f"{HOST}/shop/web", True, id="host and path"),
        pytest.param(f"{HOST}/shop/web", f"{VPC_HOST}/shop/web", True, id="listed under the VPC host"),
        pytest.param(f"{VPC_HOST}/shop/web", f"{HOST}/shop/web", True, id="rule with the VPC host"),
        pytest.param(f"{HOST.upper()}/shop/web", f"{HOST}/shop/web", True, id="host in capitals"),
        pytest.param(f"{HOST}:443/shop/web", f"{HOST}/shop/web", True, id="port of https"),
        pytest.param(f"{HOST}:5000/shop/web", f"{HOST}/shop/web", False, id="another port"),
        pytest.param(
            "registry-internal.cn-hangzhou.aliyuncs.com/**", f"{SHARED}/shop/web", True, id="internal host"
        ),
        pytest.param(f"{HOST}/**", f"{HOST}.evil.example/shop/web", False, id="look-alike behind"),
        pytest.param(f"{HOST}/**", f"x{HOST}/shop/web", False, id="look-alike in front"),
        pytest.param(f"{HOST}/**", f"{SHARED}/shop/web", False, id="another registry"),
        pytest.param("localhost/web", "localhost/web", True, id="localhost"),
        pytest.param("localhost:5000/web", "localhost:5000/web", True, id="localhost with a port"),
        pytest.param(f"{ALIAS}/shop/*", f"{HOST}/shop/web", True, id="rule with the alias"),
        pytest.param(f"{HOST}/shop/*", f"{ALIAS}/shop/web", True, id="listed under the alias"),
        pytest.param(f"{ALIAS}/shop/*", f"{VPC_HOST}/shop/web", True, id="alias and VPC host"),
        pytest.param(f"x.{ALIAS}/shop/*", f"{HOST}/shop/web", False, id="below the alias"),
        pytest.param("*-registry.cn-hangzhou.cr.aliyuncs.com/**", f"{HOST}/shop/web", True, id="host glob"),
        pytest.param(
            "*-registry.cn-hangzhou.cr.aliyuncs.com/**",
            f"{VPC_HOST}/shop/web",
            True,
            id="host glob over the public name, listed under the VPC host",
        ),
        pytest.param("ACME-*.cn-hangzhou.cr.aliyuncs.com/**", f"{HOST}/shop/web", True, id="host glob, case"),
        pytest.param("*.example.com/**", "q.example.com/shop/web", True, id="host glob below a domain"),
        pytest.param("*.example.com/**", "example.com/shop/web", False, id="host glob, the domain itself"),
        pytest.param(
            "*.example.com/**", "q.example.com.evil.example/shop/web", False, id="host glob, look-alike"
        ),
        pytest.param("*.example.com/**", f"{HOST}/q.example.com/web", False, id="domain in a path"),
        pytest.param("r?.example.com/web", "r1.example.com/web", True, id="host glob, one character"),
        pytest.param("r.example.com:*/web", "r.example.com:5000/web", True, id="host glob, any port"),
        pytest.param("r.example.com:*/web", "r.example.com/web", False, id="host glob, no port"),
        pytest.param("docker.io/nginx", "nginx", True, id="short name at Docker Hub"),
        pytest.param("docker.io/library/nginx", "nginx", True, id="long name at Docker Hub"),
        pytest.param("index.docker.io/nginx", "nginx", True, id="another host of Docker Hub"),
        pytest.param("docker.io/nginx*", "nginx", True, id="glob over short names at Docker Hub"),
        pytest.param("docker.io/*", "nginx", True, id="all short names at Docker Hub"),
        pytest.param("docker.io/*", "team/web", False, id="short names are no others"),
        pytest.param("docker.io/**", "team/web", True, id="everything at Docker Hub"),
        pytest.param("docker.io/**", "nginx", True, id="everything at Docker Hub, short names too"),
        pytest.param("docker.io/team/*", "team/web", True, id="a namespace at Docker Hub"),
        pytest.param("docker.io/nginx", f"{HOST}/library/nginx", False, id="the same path elsewhere"),
        pytest.param("nginx", "nginx", False, id="a path alone is the whole path"),
        pytest.param("library/nginx", "nginx", True, id="the whole path at Docker Hub"),
    ],
)
def test_a_repository_glob_means_a_repository_or_not(glob: str, image: str, expected: bool) -> None:
    repository = read_repository_glob(glob, ALIASES)
    rules = Rules((Rule("r", repositories=(repository,)),), ALIASES)
    cache = CACHE._replace(images=(f"{image}:v1",))
    (key,) = Listing("cn-hangzhou", (cache,), NOW).by_repository
    found = rules.rule_for(cache, rules.identity(key[0]), key[1], "v1")
    assert (found is not None) is expected


@for_each("glob", ["-bad-.example.com/web", "a..b/web", "r.example.com:port/web", "[::1/web"])
def test_a_repository_glob_with_a_host_that_is_none_is_refused(glob: str) -> None:
    with pytest.raises(InputError, match="host"):
        read_repository_glob(glob, {})


def test_a_glob_without_a_host_has_none() -> None:
    assert read_repository_glob("shop/**", ALIASES) == RepositoryGlob(None, "shop/**")
    assert read_repository_glob("*/**", ALIASES) == RepositoryGlob(None, "*/**")


@for_each(
    ("facts", "expected"),
    [
        pytest.param({}, True, id="no condition"),
        pytest.param({"caches": CacheSelector(names=("web-*",))}, True, id="cache"),
        pytest.param({"caches": CacheSelector(names=("api-*",))}, False, id="another cache"),
        pytest.param({"caches": CacheSelector(regions=("cn-shanghai",))}, False, id="another region"),
        pytest.param({"caches": CacheSelector(ids=("imc-1",))}, True, id="id"),
        pytest.param({"caches": CacheSelector(tags=(("team", "sh*"),))}, True, id="ECI tag"),
        pytest.param({"tags": ("v*",)}, True, id="tag"),
        pytest.param({"tags": ("1*", "v?")}, True, id="one of the tags"),
        pytest.param({"tags": ("v",)}, False, id="part of a tag"),
        pytest.param({"tags": ("V*",)}, False, id="case of a tag"),
        pytest.param(
            {"repositories": (RepositoryGlob(None, "x"), RepositoryGlob(HOST, "**"))},
            True,
            id="one of the repositories",
        ),
        pytest.param({"repositories": (RepositoryGlob(None, "x"),)}, False, id="another repository"),
        pytest.param(
            {"repositories": (RepositoryGlob(HOST, "**"),), "tags": ("x",)},
            False,
            id="repository, but another tag",
        ),
    ],
)
def test_a_rule_matches_where_every_condition_does(facts: dict[str, Any], expected: bool) -> None:
    assert Rule("r", **facts).matches(CACHE, HOST, "shop/web", "v1") is expected


@for_each(("tag", "name"), [("v1", "releases"), ("vx", "releases"), ("main", "rest"), ("x", "rest")])
def test_the_first_rule_that_matches_is_the_entrys(tag: str, name: str) -> None:
    rules = Rules(
        (
            Rule("other caches", CacheSelector(names=("api-*",))),
            Rule("releases", tags=("v*",), policy=Policy("semver", range="*")),
            Rule("rest", policy=Policy("any")),
            Rule("never"),
        )
    )
    found = rules.rule_for(CACHE, HOST, "shop/web", tag)
    assert found is not None
    assert found.name == name


def test_a_rule_that_does_not_understand_a_tag_still_is_its_rule() -> None:
    # Else a tag would fall through to a rule that was written for other tags.
    rules = Rules((Rule("versions", policy=Policy("semver", range="*")), Rule("any", policy=Policy("any"))))
    cache = CACHE._replace(images=(f"{HOST}/shop/web:main",))
    (decision,) = plan([Listing("cn-hangzhou", (cache,), NOW)], PUSH, AT, rules)
    assert decision.reason is Reason.POLICY_HOLDS
    assert decision.rule is rules.rules[0]


def test_without_rules_there_is_none() -> None:
    assert NO_RULES.rule_for(CACHE, HOST, "shop/web", "v1") is None
    assert not NO_RULES.read_registries
    assert Rules((Rule("a"), Rule("b", reads_registry=True))).read_registries
    assert Rule("r").policy is EXACT


@for_each(
    ("pushed", "listed", "expected"),
    [
        pytest.param(HOST, HOST, True, id="registry"),
        pytest.param(ALIAS, HOST, True, id="pushed under the alias"),
        pytest.param(HOST, ALIAS, True, id="listed under the alias"),
        pytest.param(ALIAS, VPC_HOST, True, id="pushed under the alias, listed under the VPC host"),
        pytest.param(ALIAS, ALIAS, True, id="both under the alias"),
        pytest.param("other.example.com", ALIAS, True, id="two aliases of one registry"),
        pytest.param("images.example.com.evil.example", HOST, False, id="look-alike of the alias, pushed"),
        pytest.param(HOST, "images.example.com.evil.example", False, id="look-alike of the alias, listed"),
        pytest.param(ALIAS, f"x.{ALIAS}", False, id="below the alias"),
        pytest.param(ALIAS, f"{ALIAS}:5000", False, id="another port of the alias"),
        pytest.param("third.example.com", HOST, False, id="an alias of another registry"),
    ],
)
def test_an_alias_is_the_registry_and_nothing_else_is(pushed: str, listed: str, expected: bool) -> None:
    aliases = {ALIAS: HOST, "other.example.com": HOST, "third.example.com": SHARED}
    rules = Rules((), aliases)
    cache = CACHE._replace(images=(f"{listed}/shop/web:v1",))
    push = PUSH._replace(registry=registry_identity(pushed))
    decisions = plan([Listing("cn-hangzhou", (cache,), NOW)], push, AT, rules)
    assert [decision.reason for decision in decisions] == [
        Reason.TAG_REPUSHED if expected else Reason.NO_MATCH
    ]


def test_a_cache_that_lists_a_registry_under_two_names_has_one_decision() -> None:
    rules = Rules((), ALIASES)
    cache = CACHE._replace(images=(f"{ALIAS}/shop/web:v1", f"{VPC_HOST}/shop/web:v1"))
    (decision,) = plan([Listing("cn-hangzhou", (cache,), NOW)], PUSH, AT, rules)
    assert decision.images_after == cache.images


def test_the_names_of_a_registry_begin_with_its_own() -> None:
    rules = Rules((), {ALIAS: HOST, "other.example.com": HOST})
    for name in (HOST, ALIAS, "other.example.com"):
        assert rules.identity(name) == HOST
        assert rules.names_of(name) == (HOST, ALIAS, "other.example.com")
    assert rules.names_of(SHARED) == (SHARED,)


@for_each(
    ("images", "expected"),
    [
        pytest.param(
            ("redis:7", f"{HOST}/shop/web:v1"), {"RetentionDays": 1, "VSwitchId": "vsw-2"}, id="both"
        ),
        pytest.param((f"{HOST}/shop/web:v1",), {"RetentionDays": 1}, id="the first rule's entries"),
        pytest.param(
            ("redis:7",), {"RetentionDays": 2, "VSwitchId": "vsw-2"}, id="the second rule's entries"
        ),
        pytest.param(("No Reference:",), {}, id="no entry"),
    ],
)
def test_the_rules_of_a_lists_entries_add_their_parameters_in_the_order_of_the_rules(
    images: tuple[str, ...], expected: dict[str, Any]
) -> None:
    first = Rule("first", tags=("v*",), update={"RetentionDays": 1})
    second = Rule("second", update={"RetentionDays": 2, "VSwitchId": "vsw-2"})
    assert parameters_of(CACHE, images, Rules((first, second))) == expected
    assert parameters_of(CACHE, images, NO_RULES) == {}


def sent_tags(tags: list[tuple[str, str]], given_tags: list[tuple[str, str]], notes: Notes) -> dict[str, str]:
    cache = CACHE._replace(tags=tuple(tags))
    extra = {"Tag": [{"Key": key, "Value": value} for key, value in given_tags]}
    request = update_request(cache, cache.images, [PUSH], began=NOW, notes=notes, extra=extra)
    validate(request, "update-image-cache")
    sent = [(tag["Key"], tag["Value"]) for tag in request["Tag"]]
    assert len({key for key, _ in sent}) == len(sent)
    return dict(sent)


own_tag_sets = st.sets(st.sampled_from(sorted(OWN_TAGS))).map(lambda keys: [(key, "old") for key in keys])
tag_names = st.from_regex(r"[a-z]{1,3}", fullmatch=True)
notes = st.builds(
    partial(Notes),
    st.dictionaries(st.sampled_from(["nginx", "redis"]), st.just("sha256:" + "a" * 64)),
    st.dictionaries(st.sampled_from([(HOST, "shop/web"), ("docker.io", "library/nginx")]), st.just(NOW)),
)


@given(
    st.dictionaries(tag_names, st.just("theirs"), max_size=MOST_TAGS),
    own_tag_sets,
    st.dictionaries(tag_names, st.just("given"), max_size=17),
    notes,
)
def test_tags_are_joined_to_those_of_the_cache_and_never_too_many(
    theirs: dict[str, str], ours: list[tuple[str, str]], given_tags: dict[str, str], noted: Notes
) -> None:
    described = [*theirs.items(), *ours][:MOST_TAGS]
    sent = sent_tags(described, list(given_tags.items()), noted)
    assert len(sent) <= MOST_TAGS
    # What the cache has is all sent again; of what is given, as much as there is room for.
    assert [key for key, _ in described if key not in sent] == []
    assert {key: value for key, value in sent.items() if key in theirs and key in dict(described)} == {
        key: given_tags.get(key, value) for key, value in described if key in theirs
    }
    missing = [key for key in given_tags if key not in sent]
    assert not missing or len(sent) == MOST_TAGS
    assert {sent[key] for key in given_tags if key in sent} <= {"given"}


@pytest.mark.parametrize("own", [(), ("imc-refresh-digests",), ("imc-refresh-digests", "imc-refresh-pushed")])
def test_a_cache_that_has_no_room_for_the_memory_keeps_its_tags(own: tuple[str, ...]) -> None:
    theirs = [(f"team-{number}", "x") for number in range(MOST_TAGS - len(own))]
    described = (*theirs, *((key, "old") for key in own))
    assert remembered(CACHE._replace(tags=described), [PUSH], NOW, Notes({"nginx": "sha256:1"})) == described
