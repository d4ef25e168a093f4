"""Promotions: which entries a new tag moves, and the laws that hold for every list."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from imagecache.base.errors import InputError
from imagecache.base.reasons import Hold, Reason, Result
from imagecache.base.timestamps import Moment
from imagecache.engine.records import describe
from imagecache.model.change import PushEvent
from imagecache.model.image_cache import ImageCache
from imagecache.model.reference import parse_reference
from imagecache.model.registry_identity import registry_identity
from imagecache.planning.decision import Decision
from imagecache.planning.entry_memory import Notes
from imagecache.planning.plan import decide
from imagecache.policy.list_entries import entries_of
from imagecache.policy.rules import NO_RULES, RepositoryGlob, Rule, Rules
from imagecache.policy.tag_policy import Policy, newest_first
from imagecache.policy.tag_slots import bring_up_to_date, governed, promote
from tests.support.for_each import for_each
from tests.support.remembered import remembered

HOST = "acme-registry.cn-hangzhou.cr.aliyuncs.com"
VPC_HOST = "acme-registry-vpc.cn-hangzhou.cr.aliyuncs.com"
ALIAS = "images.example.com"
WEB, HUB = (HOST, "shop/web"), ("docker.io", "library/nginx")
FORMS = {
    WEB: (f"{HOST}/shop/web", f"{VPC_HOST}/shop/web", f"{ALIAS}/shop/web"),
    HUB: ("nginx", "docker.io/library/nginx"),
}
DIGEST = f"sha256:{'a' * 64}"
MOST = 20
NOW = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
SKEW = timedelta(seconds=2)
AT = Moment(NOW + timedelta(days=1))
CACHE = ImageCache("cn-hangzhou", "imc-1", "web", "Ready", ())
SEMVER = Policy("semver", range="*")
NUMERICAL = Policy("numerical")


def rules_of(*policies: Policy, **facts: Any) -> Rules:
    """A rule for each policy; all but the last one for tags that begin with v."""
    tags = [("v*",)] * (len(policies) - 1) + [()]
    rules = (
        Rule(f"r{number}", policy=policy, tags=tag, reads_registry=True)
        for number, (policy, tag) in enumerate(zip(policies, tags, strict=True))
    )
    return Rules(tuple(rules), {ALIAS: HOST}, **facts)


def promoted(
    policy: Policy, images: Sequence[str], tag: str, repository: tuple[str, str] = WEB
) -> tuple[str, ...]:
    return promote(CACHE, tuple(images), repository, tag, rules_of(policy))


@for_each(
    ("policy", "listed", "tag", "after"),
    [
        pytest.param(SEMVER, ["1.0.0"], "1.0.1", ["1.0.1"], id="newer"),
        pytest.param(SEMVER, ["1.0.1"], "1.0.0", ["1.0.1"], id="older"),
        pytest.param(SEMVER, ["1.0.1"], "1.0.1", ["1.0.1"], id="the same"),
        pytest.param(SEMVER, ["v1.0.0"], "1.0.1", ["1.0.1"], id="with and without v"),
        pytest.param(SEMVER, ["1.0.0"], "v1.0.0", ["v1.0.0"], id="the same version with v"),
        pytest.param(SEMVER, ["v1.0.0"], "1.0.0", ["v1.0.0"], id="the same version without v"),
        pytest.param(SEMVER, ["1.0.0"], "main", ["1.0.0"], id="pushed tag not understood"),
        pytest.param(SEMVER, ["main"], "1.0.0", ["main"], id="listed tag not understood"),
        pytest.param(SEMVER, [""], "1.0.0", [""], id="latest is no version"),
        pytest.param(SEMVER, ["1.0.0-alpine"], "1.0.1", ["1.0.0-alpine"], id="another variant listed"),
        pytest.param(SEMVER, ["1.0.0"], "1.0.1-alpine", ["1.0.0"], id="another variant pushed"),
        pytest.param(
            SEMVER,
            ["1.0.0-alpine", "1.0.0"],
            "1.0.1-alpine",
            ["1.0.1-alpine", "1.0.0"],
            id="its variant beside another",
        ),
        pytest.param(SEMVER, ["1.0"], "1.0.1", ["1.0"], id="another number of numbers"),
        pytest.param(
            SEMVER._replace(keep=2), ["1.0.0"], "1.0.1", ["1.0.1", "1.0.0"], id="more kept than slots"
        ),
        pytest.param(
            SEMVER._replace(keep=3), ["1.0.0"], "1.0.1", ["1.0.1", "1.0.0"], id="fewer tags than kept"
        ),
        pytest.param(
            SEMVER._replace(keep=2), ["1.0.1"], "1.0.0", ["1.0.1", "1.0.0"], id="an older one joins behind"
        ),
        pytest.param(
            SEMVER._replace(keep=2), ["1.0.2", "1.0.0"], "1.0.1", ["1.0.2", "1.0.1"], id="into the middle"
        ),
        pytest.param(
            SEMVER._replace(keep=2), ["1.0.2", "1.0.1"], "1.0.0", ["1.0.2", "1.0.1"], id="older than kept"
        ),
        pytest.param(SEMVER, ["1.0.1", "1.0.0", "1.0.2"], "1.0.3", ["1.0.3"], id="fewer kept than slots"),
        pytest.param(
            SEMVER._replace(keep=2), ["1.0.0", "1.0.1"], "1.0.0", ["1.0.1", "1.0.0"], id="put in order"
        ),
        pytest.param(
            SEMVER._replace(keep=3), ["1.0.0", "1.0.0"], "1.0.1", ["1.0.1", "1.0.0"], id="duplicate entries"
        ),
        pytest.param(NUMERICAL, ["9"], "10", ["10"], id="numbers"),
        pytest.param(Policy("alphabetical"), ["9"], "10", ["9"], id="texts"),
        pytest.param(Policy("alphabetical"), [""], "m", ["m"], id="latest is a text, and left out"),
        pytest.param(Policy("alphabetical"), [""], "a", [""], id="latest is a text, and the newest"),
        pytest.param(Policy("alphabetical", 2), [""], "a", ["", "a"], id="latest stays as it is written"),
        pytest.param(Policy("any"), ["blue"], "green", ["green"], id="any"),
        pytest.param(Policy("any"), ["green"], "blue", ["blue"], id="any, the other way round"),
        pytest.param(Policy("any", 3), ["b", "a"], "c", ["c", "b", "a"], id="any, the pushed one first"),
        pytest.param(Policy("any", 2), ["b", "a"], "c", ["c", "b"], id="any, the last one goes"),
        pytest.param(Policy("any", 3), ["c", "b", "a"], "a", ["a", "c", "b"], id="any, listed already"),
        pytest.param(Policy(), ["1.0.0"], "1.0.1", ["1.0.0"], id="exact"),
        pytest.param(Policy(), [""], "latest", [""], id="exact, the same"),
    ],
)
def test_what_a_pushed_tag_does_to_the_tags_of_its_repository(
    policy: Policy, listed: list[str], tag: str, after: list[str]
) -> None:
    stem = FORMS[WEB][1]

    def written(tags: list[str]) -> tuple[str, ...]:
        return ("redis:7", *(f"{stem}:{tag}" if tag else stem for tag in tags), "busybox")

    assert promoted(policy, written(listed), tag) == written(after)


@for_each(
    ("keep", "images", "tag", "after"),
    [
        pytest.param(
            2, "x web:3 y web:1 z", "4", "x web:4 y web:3 z", id="the newest take the places in order"
        ),
        pytest.param(1, "x web:3 y web:1 z", "4", "x web:4 y z", id="places that are left over go"),
        pytest.param(
            3, "x web:3 y web:1 z", "4", "x web:4 y web:3 web:1 z", id="more follow behind the last place"
        ),
        pytest.param(3, "web:1", "2", "web:2 web:1", id="one entry"),
        pytest.param(1, "web:1", "2", "web:2", id="one entry, one kept"),
        pytest.param(1, "web:1 web:2 web:3", "0", "web:3", id="nothing but slots"),
    ],
)
def test_where_the_kept_tags_stand(keep: int, images: str, tag: str, after: str) -> None:
    repository = (HOST, "web")

    def full(names: str) -> tuple[str, ...]:
        return tuple(f"{HOST}/{name}" for name in names.split())

    assert promoted(Policy("numerical", keep), full(images), tag, repository) == full(after)


@for_each(
    ("others", "listed", "keep", "tag", "after"),
    [
        pytest.param(19, ["1"], 5, "2", ["2"], id="full: the oldest goes"),
        pytest.param(19, ["2"], 5, "1", ["2"], id="full: an older one is not taken"),
        pytest.param(18, ["1"], 5, "2", ["2", "1"], id="room for one"),
        pytest.param(18, ["2", "1"], 5, "3", ["3", "2"], id="full with two"),
        pytest.param(15, ["3", "2", "1"], 20, "4", ["4", "3", "2", "1"], id="room for all"),
        pytest.param(18, ["2", "1"], 1, "3", ["3"], id="full, and one goes"),
        pytest.param(
            0,
            [str(number) for number in range(20)],
            20,
            "20",
            [str(number) for number in range(20, 0, -1)],
            id="full of one repository",
        ),
        pytest.param(20, ["1"], 2, "2", ["2"], id="one more than a cache takes"),
    ],
)
def test_a_list_does_not_outgrow_a_cache(
    others: int, listed: list[str], keep: int, tag: str, after: list[str]
) -> None:
    beside = tuple(f"redis:{number}" for number in range(others))
    stem = FORMS[WEB][0]
    images = (*beside, *(f"{stem}:{tag}" for tag in listed))
    assert promoted(Policy("numerical", keep), images, tag) == (*beside, *(f"{stem}:{tag}" for tag in after))


def test_slots_that_shrink_make_room_for_those_before_them() -> None:
    public, vpc, _ = FORMS[WEB]
    others = tuple(f"redis:{number}" for number in range(16))
    images = (f"{public}:1", *others, f"{vpc}:5", f"{vpc}:4", f"{vpc}:3")
    after = promoted(Policy("numerical", 2), images, "6")
    assert after == (f"{public}:6", f"{public}:1", *others, f"{vpc}:6", f"{vpc}:5")
    assert promoted(Policy("numerical", 2), after, "6") == after
    available = {WEB: {"6", "5", "4", "1"}}
    listed = bring_up_to_date(CACHE, images, available, rules_of(Policy("numerical", 2)))
    assert listed == (f"{public}:6", f"{public}:5", *others, f"{vpc}:6", f"{vpc}:5")


@for_each(
    ("images", "repository", "after"),
    [
        pytest.param(
            [f"{VPC_HOST}/shop/web:1"], WEB, [f"{VPC_HOST}/shop/web:2"], id="a VPC host stays a VPC host"
        ),
        pytest.param([f"{HOST}/shop/web:1"], WEB, [f"{HOST}/shop/web:2"], id="the public host stays"),
        pytest.param(
            [f"{HOST}/shop/web:1", f"{VPC_HOST}/shop/web:1"],
            WEB,
            [f"{HOST}/shop/web:2", f"{VPC_HOST}/shop/web:2"],
            id="both forms, each for itself",
        ),
        pytest.param([f"{ALIAS}/shop/web:1"], WEB, [f"{ALIAS}/shop/web:2"], id="an alias stays"),
        pytest.param(
            [f"{HOST.upper()}/shop/web:1"], WEB, [f"{HOST.upper()}/shop/web:2"], id="the case of a host stays"
        ),
        pytest.param([f"{HOST}:443/shop/web:1"], WEB, [f"{HOST}:443/shop/web:2"], id="the port stays"),
        pytest.param(["nginx:1"], HUB, ["nginx:2"], id="a short name stays short"),
        pytest.param(
            ["docker.io/library/nginx:1"], HUB, ["docker.io/library/nginx:2"], id="a long name stays long"
        ),
        pytest.param([f"{HOST}.evil.example/shop/web:1"], WEB, None, id="a look-alike host"),
        pytest.param([f"x{HOST}/shop/web:1"], WEB, None, id="a host that ends alike"),
        pytest.param(["x.images.example.com/shop/web:1"], WEB, None, id="below an alias"),
        pytest.param([f"{HOST}:5000/shop/web:1"], WEB, None, id="another port"),
        pytest.param(["shop/web:1"], WEB, None, id="the same path elsewhere"),
        pytest.param([f"{HOST}/shop/web2:1"], WEB, None, id="a longer path"),
        pytest.param([f"{HOST}/shop/web:1@{DIGEST}"], WEB, None, id="pinned with a tag"),
        pytest.param([f"{HOST}/shop/web@{DIGEST}"], WEB, None, id="pinned"),
        pytest.param(["No Reference:"], WEB, None, id="no reference"),
        pytest.param([], WEB, None, id="an empty list"),
    ],
)
def test_the_form_of_the_name_stays_and_other_names_are_not_meant(
    images: list[str], repository: tuple[str, str], after: list[str] | None
) -> None:
    expected = images if after is None else after
    assert promoted(NUMERICAL, images, "2", repository) == tuple(expected)


def test_tags_of_different_rules_do_not_compete() -> None:
    rules = rules_of(Policy("semver", range="*"), NUMERICAL)
    stem = FORMS[WEB][0]
    images = (f"{stem}:v1.0.0", f"{stem}:1")
    assert promote(CACHE, images, WEB, "v1.1.0", rules) == (f"{stem}:v1.1.0", f"{stem}:1")
    assert promote(CACHE, images, WEB, "2", rules) == (f"{stem}:v1.0.0", f"{stem}:2")


def test_without_rules_nothing_is_governed() -> None:
    images = (f"{FORMS[WEB][0]}:1",)
    assert governed(CACHE, images, NO_RULES) == []
    assert promote(CACHE, images, WEB, "2", NO_RULES) == images


def test_entries_tell_what_they_are() -> None:
    images = ("nginx", f"{VPC_HOST}/shop/web:1", "No Reference:", f"{ALIAS}/shop/web:1@{DIGEST}")
    entries = entries_of(images, rules_of(NUMERICAL))
    assert [
        (entry.position, entry.text, entry.registry, entry.repository, entry.tag, entry.pinned, entry.stem)
        for entry in entries[:2]
    ] == [
        (0, "nginx", "docker.io", "library/nginx", "latest", False, "nginx"),
        (1, images[1], HOST, "shop/web", "1", False, f"{VPC_HOST}/shop/web"),
    ]
    assert [(entry.position, entry.registry, entry.pinned) for entry in entries[2:]] == [(3, HOST, True)]
    assert entries_of(images, rules_of(NUMERICAL), WEB) == entries[1:]


@for_each(
    ("listed", "available", "keep", "after"),
    [
        pytest.param(["1"], {"1", "2", "3"}, 1, ["3"], id="the newest that there is"),
        pytest.param(["1"], {"1", "2", "3"}, 2, ["3", "2"], id="the newest two"),
        pytest.param(["3"], {"1", "2"}, 1, ["2"], id="a tag that is gone"),
        pytest.param(["3", "2"], {"2"}, 2, ["2"], id="one of two is gone"),
        pytest.param(["3"], set(), 1, ["3"], id="none known"),
        pytest.param(["3"], {"main", "x"}, 1, ["3"], id="none understood"),
        pytest.param(["1", "2"], {"1", "2"}, 2, ["2", "1"], id="put in order"),
        pytest.param(["main"], {"2"}, 1, ["main"], id="listed tag not understood"),
    ],
)
def test_a_list_is_brought_to_what_the_registry_has(
    listed: list[str], available: set[str], keep: int, after: list[str]
) -> None:
    stem = FORMS[WEB][1]
    images = ("redis:7", *(f"{stem}:{tag}" for tag in listed), f"{stem}@{DIGEST}")
    result = bring_up_to_date(CACHE, images, {WEB: available}, rules_of(Policy("numerical", keep)))
    assert result == ("redis:7", *(f"{stem}:{tag}" for tag in after), f"{stem}@{DIGEST}")


@for_each(
    "rule",
    [
        pytest.param(Rule("r", policy=NUMERICAL), id="a rule that does not read"),
        pytest.param(Rule("r", policy=Policy("any"), reads_registry=True), id="tags without an order"),
        pytest.param(
            Rule("r", policy=NUMERICAL, tags=("1",), reads_registry=True), id="tags of another rule"
        ),
        pytest.param(
            Rule("r", repositories=(RepositoryGlob(None, "x"),), policy=NUMERICAL, reads_registry=True),
            id="another repository",
        ),
    ],
)
def test_what_the_registry_has_is_not_asked_for(rule: Rule) -> None:
    images = (f"{FORMS[WEB][0]}:1",)
    assert bring_up_to_date(CACHE, images, {WEB: {"2"}}, Rules((rule,))) == images


tag_pool = st.sampled_from(
    [
        *("v1.0.0", "1.0.0", "v1.0.1", "v1.1.0", "v1.10.0", "v2.0.0", "v1.0.0-alpine", "v1.1.0-alpine"),
        *("v1.2", "v1.3", "v2.0.0-rc.1", "v2.0.0-rc.2", "main", "latest", "7", "9", "10", "1.5", "1.50", "x"),
    ]
)
foreign = st.sampled_from(
    ["redis:7", "redis", f"{HOST}/shop/api:v1.0.0", f"{HOST}:5000/shop/web:v1.0.0", "No Reference:", ""]
)
forms = st.sampled_from([form for written in FORMS.values() for form in written])
images_of_forms = st.builds("{}:{}".format, forms, tag_pool) | forms
pinned = st.builds("{}@{}".format, images_of_forms, st.just(DIGEST))
image_lists = st.lists(images_of_forms | images_of_forms | foreign | pinned, min_size=1, max_size=MOST).map(
    tuple
)
full_lists = st.lists(images_of_forms | foreign | pinned, min_size=MOST, max_size=MOST).map(tuple)
ordered_policies = st.builds(
    partial(Policy),
    st.sampled_from(["semver"]),
    st.integers(1, 5),
    st.sampled_from(["*", ">=1.0 <2", ">=2.0.0-0"]),
) | st.builds(
    partial(Policy),
    st.sampled_from(["numerical", "alphabetical"]),
    st.integers(1, 5),
    pattern=st.sampled_from([None, "v?(?P<key>[0-9]+).*"]),
)
policies = (
    ordered_policies | st.builds(partial(Policy), st.just("any"), st.integers(1, 5)) | st.just(Policy())
)
rule_sets = st.builds(rules_of, policies) | st.builds(rules_of, policies, policies)
ordered_rule_sets = st.builds(rules_of, ordered_policies) | st.builds(
    rules_of, ordered_policies, ordered_policies
)
repositories = st.sampled_from([WEB, HUB])
all_lists = image_lists | full_lists
availables = st.dictionaries(repositories, st.frozensets(tag_pool))


def concerned(text: str, repository: tuple[str, str], tag: str, rules: Rules) -> bool:
    """Whether an entry competes with a tag, told without the code that places tags."""
    rule = rules.rule_for(CACHE, *repository, tag)
    try:
        reference = parse_reference(text)
    except InputError:
        return False
    if rule is None or reference.digest:
        return False
    listed = reference.effective_tag
    if (rules.identity(registry_identity(reference.host)), reference.repository) != repository:
        return False
    own, other = rule.policy.rank(listed), rule.policy.rank(tag)
    same_rule = rules.rule_for(CACHE, *repository, listed) is rule
    return same_rule and own is not None and other is not None and own.variant == other.variant


def slots_by_stem(
    images: Sequence[str], repository: tuple[str, str], tag: str, rules: Rules
) -> Mapping[str, list[str]]:
    """The form of the name -> the competing tags in order."""
    found: dict[str, list[str]] = {}
    for text in images:
        if concerned(text, repository, tag, rules):
            written = parse_reference(text).tag
            stem = text.removesuffix(f":{written}") if written else text
            found.setdefault(stem, []).append(written or "latest")
    return found


@given(all_lists, repositories, tag_pool, rule_sets)
def test_promoting_the_same_tag_again_changes_nothing(
    images: tuple[str, ...], repository: tuple[str, str], tag: str, rules: Rules
) -> None:
    once = promote(CACHE, images, repository, tag, rules)
    assert promote(CACHE, once, repository, tag, rules) == once


@given(all_lists, availables, rule_sets)
def test_bringing_a_list_up_to_date_again_changes_nothing(
    images: tuple[str, ...], available: dict[tuple[str, str], frozenset[str]], rules: Rules
) -> None:
    once = bring_up_to_date(CACHE, images, available, rules)
    assert bring_up_to_date(CACHE, once, available, rules) == once


@given(all_lists, repositories, tag_pool, rule_sets)
def test_a_promotion_keeps_to_the_size_and_to_what_it_is_about(
    images: tuple[str, ...], repository: tuple[str, str], tag: str, rules: Rules
) -> None:
    after = promote(CACHE, images, repository, tag, rules)
    assert 1 <= len(after) <= MOST
    beside = [text for text in images if not concerned(text, repository, tag, rules)]
    assert [text for text in after if not concerned(text, repository, tag, rules)] == beside
    if len(beside) == len(images):
        assert after == images


@given(all_lists, repositories, tag_pool, rule_sets)
def test_the_slots_of_each_form_have_the_newest_tags_the_newest_first(
    images: tuple[str, ...], repository: tuple[str, str], tag: str, rules: Rules
) -> None:
    rule = rules.rule_for(CACHE, *repository, tag)
    assert rule is not None
    before = slots_by_stem(images, repository, tag, rules)
    after_list = promote(CACHE, images, repository, tag, rules)
    after = slots_by_stem(after_list, repository, tag, rules)
    assert list(after) == list(before)
    for stem, listed in before.items():
        if rule.policy.ordered:
            wanted = newest_first(rule.policy, {*listed, tag})
        else:
            wanted = [tag, *(one for one in dict.fromkeys(listed) if one != tag)]
        wanted = wanted[: rule.policy.keep]
        assert after[stem] == wanted[: len(after[stem])]
        assert len(after[stem]) == len(wanted) or len(after_list) == MOST


@given(all_lists, availables, rule_sets)
def test_bringing_a_list_up_to_date_keeps_to_the_size_and_to_what_was_told(
    images: tuple[str, ...], available: dict[tuple[str, str], frozenset[str]], rules: Rules
) -> None:
    after = bring_up_to_date(CACHE, images, available, rules)
    assert 1 <= len(after) <= MOST
    kept = [slots for slots in governed(CACHE, images, rules) if not available.get(slots.repository)]
    kept += [slots for slots in governed(CACHE, images, rules) if not slots.rule.policy.ordered]
    untouched = {entry.text for slots in kept for entry in slots.entries}
    free = {entry.text for slots in governed(CACHE, images, rules) for entry in slots.entries} - untouched
    assert [text for text in after if text in set(images) - free] == [
        text for text in images if text not in free
    ]
    added = set(after) - set(images)
    known = {f"{form}:{tag}" for where, tags in available.items() for form in FORMS[where] for tag in tags}
    assert added <= known


@given(all_lists, availables, ordered_rule_sets)
def test_up_to_date_slots_have_the_newest_tags_of_the_registry(
    images: tuple[str, ...], available: dict[tuple[str, str], frozenset[str]], rules: Rules
) -> None:
    after = bring_up_to_date(CACHE, images, available, rules)
    for slots in governed(CACHE, after, rules):
        tags = {
            tag
            for tag in available.get(slots.repository, ())
            if concerned(slots.entries[0].text, slots.repository, tag, rules)
        }
        wanted = newest_first(slots.rule.policy, tags)[: slots.rule.policy.keep]
        if wanted:
            assert slots.tags == wanted[: len(slots.tags)]
            assert len(slots.tags) == len(wanted) or len(after) == MOST


def push(tag: str, repository: tuple[str, str] = WEB, **facts: Any) -> PushEvent:
    return PushEvent("acr", f"event-{tag}", *repository, tag, **facts)


def decided(images: Sequence[str], change: PushEvent, rules: Rules, **facts: Any) -> Decision:
    cache = CACHE._replace(images=tuple(images), **facts)
    decision = decide(cache, change, AT, rules)
    assert decision is not None
    return decision


def delivered(images: tuple[str, ...], tags: Sequence[str], rules: Rules) -> tuple[str, ...]:
    """The list once pushes of the web repository were decided and done, one after the other."""
    for tag in tags:
        decision = decide(CACHE._replace(images=images), push(tag), AT, rules)
        if decision is not None and decision.result is Result.REFRESHED:
            images = decision.images_after
    return images


web_lists = st.lists(
    st.builds("{}:{}".format, st.sampled_from(FORMS[WEB][:2]), tag_pool) | foreign, min_size=1, max_size=5
).map(tuple)
pushed_tags = st.lists(tag_pool, min_size=1, max_size=4, unique=True)


@given(web_lists, pushed_tags, ordered_rule_sets, st.data())
def test_the_order_and_number_of_deliveries_make_no_difference(
    images: tuple[str, ...], tags: list[str], rules: Rules, data: st.DataObject
) -> None:
    repeated = data.draw(st.lists(st.sampled_from(tags), max_size=4).map(lambda more: [*tags, *more]))
    shuffled = data.draw(st.permutations(repeated))
    after = delivered(images, tags, rules)
    assume(len(after) < MOST)
    assert delivered(images, shuffled, rules) == after


@given(web_lists, pushed_tags, ordered_policies)
def test_in_the_end_the_newest_of_the_listed_and_the_pushed_tags_are_listed(
    images: tuple[str, ...], tags: list[str], policy: Policy
) -> None:
    rules = rules_of(policy)
    after = delivered(images, tags, rules)
    assume(len(after) < MOST)
    for tag in tags:
        before = slots_by_stem(images, WEB, tag, rules)
        alike = [other for other in tags if concerned(f"{FORMS[WEB][0]}:{other}", WEB, tag, rules)]
        wanted = {
            stem: newest_first(policy, {*listed, *alike})[: policy.keep] for stem, listed in before.items()
        }
        gained = any(set(kept) - set(before[stem]) for stem, kept in wanted.items())
        assert slots_by_stem(after, WEB, tag, rules) == (wanted if gained else before)


@given(web_lists, pushed_tags, tag_pool, ordered_policies)
def test_a_late_push_of_an_older_tag_never_takes_a_list_back(
    images: tuple[str, ...], tags: list[str], late: str, policy: Policy
) -> None:
    rules = rules_of(policy)
    listed = delivered(images, tags, rules)
    after = delivered(listed, [late], rules)
    for stem, before in slots_by_stem(listed, WEB, late, rules).items():
        newest = newest_first(policy, set(before))[0]
        assert newest_first(policy, set(slots_by_stem(after, WEB, late, rules)[stem]))[0] in {newest, late}
        if newest_first(policy, {newest, late})[0] == newest:
            assert newest in slots_by_stem(after, WEB, late, rules)[stem]


@given(all_lists, repositories, tag_pool, rule_sets)
def test_a_push_rebuilds_for_its_own_tag_only(
    images: tuple[str, ...], repository: tuple[str, str], tag: str, rules: Rules
) -> None:
    decision = decide(CACHE._replace(images=images), push(tag, repository), AT, rules)
    if decision is None or decision.result is not Result.REFRESHED:
        return
    sent = [
        entry.text
        for entry in entries_of(decision.images_after, rules, repository)
        if entry.tag == tag and not entry.pinned
    ]
    assert sent
    if decision.reason is Reason.TAG_PROMOTED:
        assert set(sent) - set(images)
    else:
        assert decision.images_after == images


WEB_FORM = FORMS[WEB][0]


@for_each(
    ("policy", "listed", "tag", "reason", "after"),
    [
        pytest.param(SEMVER, ["1.0.0"], "1.0.1", Reason.TAG_PROMOTED, ["1.0.1"], id="let in"),
        pytest.param(SEMVER, ["1.0.1"], "1.0.0", Reason.POLICY_HOLDS, [], id="held"),
        pytest.param(
            SEMVER, ["1.0.0", "1.0.1"], "0.9.0", Reason.POLICY_HOLDS, [], id="held, though one is superfluous"
        ),
        pytest.param(
            SEMVER._replace(keep=2),
            ["1.0.0", "1.0.1"],
            "0.9.0",
            Reason.POLICY_HOLDS,
            [],
            id="held, though the list is not in order",
        ),
        pytest.param(
            SEMVER._replace(keep=2),
            ["1.0.0", "1.0.1"],
            "1.0.0",
            Reason.TAG_REPUSHED,
            ["1.0.0", "1.0.1"],
            id="a listed tag leaves the list as it is",
        ),
        pytest.param(SEMVER, ["1.0.0", "1.0.1"], "1.0.2", Reason.TAG_PROMOTED, ["1.0.2"], id="put in order"),
    ],
)
def test_a_push_that_is_not_let_in_costs_no_rebuild(
    policy: Policy, listed: list[str], tag: str, reason: Reason, after: list[str]
) -> None:
    decision = decided([f"{WEB_FORM}:{one}" for one in listed], push(tag), rules_of(policy))
    assert decision.reason is reason
    assert decision.images_after == tuple(f"{WEB_FORM}:{one}" for one in after)
    assert decision.rule is not None


RANGE = Policy("semver", range=">=1 <2")
KEYED = Policy("semver", range=">=1 <2", pattern="web-(?P<key>.+)-prod")


@for_each(
    ("policy", "listed", "tag", "expected"),
    [
        pytest.param(None, ["1.0.0"], "1.0.1", Hold.EXACT_POLICY, id="no rule"),
        pytest.param(Policy("exact"), ["1.0.0"], "1.0.1", Hold.EXACT_POLICY, id="exact"),
        pytest.param(RANGE, ["1.0.0"], "main", Hold.NO_VERSION, id="a word"),
        pytest.param(RANGE, ["1.0.0"], "1.0.0.1", Hold.NO_VERSION, id="four numbers"),
        pytest.param(RANGE, ["1.0.0"], "9007199254740992.0.0", Hold.NO_VERSION, id="a number too large"),
        pytest.param(KEYED, ["web-1.0.0-prod"], "web-new-prod", Hold.NO_VERSION, id="key that is no version"),
        pytest.param(RANGE, ["1.0.0"], "2.0.0", Hold.OUTSIDE_RANGE, id="above the range"),
        pytest.param(RANGE, ["1.0.0"], "0.9.9", Hold.OUTSIDE_RANGE, id="below the range"),
        pytest.param(RANGE, ["1.0.0"], "2.0.0-rc.1", Hold.OUTSIDE_RANGE, id="a prerelease above the range"),
        pytest.param(
            RANGE, ["1.0.0-alpine"], "2.0.0-alpine", Hold.OUTSIDE_RANGE, id="a variant above the range"
        ),
        pytest.param(RANGE, ["1.0.0"], "1.5.0-rc.1", Hold.PRERELEASE, id="a prerelease"),
        pytest.param(RANGE, ["1.0.0"], "1.5.0-20240102", Hold.PRERELEASE, id="digits are a prerelease"),
        pytest.param(
            Policy("semver", range=">=1.5.0-rc.1"),
            ["1.0.0"],
            "1.6.0-rc.1",
            Hold.PRERELEASE,
            id="a prerelease of another version than the range names",
        ),
        pytest.param(RANGE, ["1.0.1"], "1.0.0", Hold.OLDER, id="an older version"),
        pytest.param(RANGE, ["v1.0.0"], "1.0.0", Hold.OLDER, id="the same version, written otherwise"),
        pytest.param(
            RANGE._replace(keep=2), ["1.0.2", "1.0.1"], "1.0.0", Hold.OLDER, id="older than all that are kept"
        ),
        pytest.param(RANGE, ["1.0.0-alpine"], "1.0.1", Hold.OTHER_VARIANT, id="the variant is listed"),
        pytest.param(RANGE, ["1.0.0"], "1.0.1-alpine", Hold.OTHER_VARIANT, id="the variant is pushed"),
        pytest.param(RANGE, ["1.0.0"], "1.0.1-r4", Hold.OTHER_VARIANT, id="a revision is pushed"),
        pytest.param(RANGE, ["1.0"], "1.0.1", Hold.OTHER_VARIANT, id="another count of numbers"),
        pytest.param(
            RANGE, ["1.0.0-alpine", "1.0.2"], "1.0.1", Hold.OLDER, id="older, and a variant is listed too"
        ),
        pytest.param(RANGE, ["latest"], "1.0.1", Hold.LISTED_NOT_GOVERNED, id="no version is listed"),
        pytest.param(RANGE, ["3.0.0"], "1.0.1", Hold.LISTED_NOT_GOVERNED, id="outside the range is listed"),
        pytest.param(KEYED, ["web-1.0.0-prod"], "web-1.0.1-test", Hold.PATTERN_MISMATCH, id="other pattern"),
        pytest.param(
            Policy("numerical", pattern="b-(?P<key>.+)"), ["b-7"], "8", Hold.PATTERN_MISMATCH, id="no pattern"
        ),
        pytest.param(
            Policy("alphabetical", pattern="b(-(?P<key>.+))?"),
            ["b-7"],
            "b",
            Hold.PATTERN_MISMATCH,
            id="a key that takes no part",
        ),
        pytest.param(
            Policy("numerical", pattern="b-(?P<key>.+)"),
            ["b-7"],
            "b-x",
            Hold.NO_NUMBER,
            id="key not a number",
        ),
        pytest.param(NUMERICAL, ["7"], "1.2.3", Hold.NO_NUMBER, id="a version is not a number"),
        pytest.param(NUMERICAL, ["7"], "6", Hold.OLDER, id="a smaller number"),
        pytest.param(NUMERICAL, ["latest"], "6", Hold.LISTED_NOT_GOVERNED, id="no number is listed"),
        pytest.param(Policy("alphabetical"), ["b"], "a", Hold.OLDER, id="a text before"),
    ],
)
def test_a_held_push_says_why(policy: Policy | None, listed: list[str], tag: str, expected: Hold) -> None:
    rules = rules_of(policy) if policy else NO_RULES
    decision = decided([f"{WEB_FORM}:{one}" for one in listed], push(tag), rules)
    assert (decision.reason, decision.hold) == (Reason.POLICY_HOLDS, expected)
    assert describe(decision)["held_because"] == expected.value
    assert tag in decision.message
    if policy:
        assert expected.meaning in decision.message


def test_a_push_with_another_rule_than_the_listed_tag_is_held() -> None:
    rules = rules_of(Policy("semver", range="*"), Policy("any"))
    decision = decided([f"{WEB_FORM}:blue"], push("v1.0.0"), rules)
    assert (decision.reason, decision.hold) == (Reason.POLICY_HOLDS, Hold.LISTED_NOT_GOVERNED)


def test_what_is_done_says_no_hold() -> None:
    for tag in ("1.0.0", "1.0.1"):
        decision = decided([f"{WEB_FORM}:1.0.0"], push(tag), rules_of(RANGE))
        assert decision.result is Result.REFRESHED
        assert "held_because" not in describe(decision)


@pytest.mark.parametrize(
    ("pushed_at", "digest"),
    [(None, None), (NOW - timedelta(days=1), DIGEST)],
    ids=["at any time", "before an update that has the tag under another name"],
)
def test_a_tag_that_is_listed_under_one_name_is_promoted_under_the_other(
    pushed_at: datetime | None, digest: str | None
) -> None:
    public, vpc, _ = FORMS[WEB]
    images = (f"{vpc}:1", f"{public}:2")
    before = CACHE._replace(images=images)
    tags = remembered(before, [push("0")], NOW, Notes({f"{public}:2": DIGEST}))
    decision = decided(images, push("2", pushed_at=pushed_at, digest=digest), rules_of(NUMERICAL), tags=tags)
    assert (decision.result, decision.reason) == (Result.REFRESHED, Reason.TAG_PROMOTED)
    assert decision.images_after == (f"{vpc}:2", f"{public}:2")


@for_each(
    ("policy", "minutes", "expected"),
    [
        pytest.param(Policy("any"), -1, Reason.POLICY_HOLDS, id="an older push"),
        pytest.param(Policy("any"), 0, Reason.TAG_PROMOTED, id="a push of the same time"),
        pytest.param(Policy("any"), 1, Reason.TAG_PROMOTED, id="a later push"),
        pytest.param(Policy("any"), None, Reason.TAG_PROMOTED, id="a push of unknown time"),
        pytest.param(Policy("alphabetical"), -1, Reason.TAG_PROMOTED, id="tags that tell their order"),
    ],
)
def test_under_any_a_push_before_the_last_promoted_one_is_held(
    policy: Policy, minutes: int | None, expected: Reason
) -> None:
    images = (f"{WEB_FORM}:blue",)
    tags = remembered(CACHE._replace(images=images), [push("blue")], NOW, Notes(pushed={WEB: NOW}))
    pushed_at = None if minutes is None else NOW + timedelta(minutes=minutes)
    decision = decided(images, push("green", pushed_at=pushed_at), rules_of(policy), tags=tags)
    assert decision.reason is expected
    if expected is Reason.POLICY_HOLDS:
        assert NOW.isoformat() in decision.message
        assert decision.hold is Hold.OLDER
        assert decision.rule is not None
        assert decision.rule.name in decision.message


def test_what_is_remembered_of_one_repository_holds_no_push_of_another() -> None:
    images = ("nginx:blue",)
    tags = remembered(CACHE._replace(images=images), [push("blue")], NOW, Notes(pushed={WEB: NOW}))
    green = push("green", HUB, pushed_at=NOW - timedelta(days=1))
    assert decided(images, green, rules_of(Policy("any")), tags=tags).reason is Reason.TAG_PROMOTED


@for_each("tags", list(itertools.permutations(["1", "2", "10"])), ids=" ".join)
def test_three_pushes_in_any_order_end_alike(tags: tuple[str, ...]) -> None:
    rules = rules_of(Policy("numerical", 2))
    assert delivered((f"{WEB_FORM}:0",), tags, rules) == (f"{WEB_FORM}:10", f"{WEB_FORM}:2")
