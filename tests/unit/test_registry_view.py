"""What registries have now: what is asked, what is made of the answers, and of answers that do not come."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from itertools import chain, repeat
from typing import Any

import pytest

from imagecache.base.errors import RegistryError, TransientError
from imagecache.base.reasons import Reason, Result
from imagecache.base.timestamps import Moment
from imagecache.clients.registry_reader import Account, RegistryReader, RememberingReader
from imagecache.engine.applied import Applied
from imagecache.engine.registry_sweep import sweep_registries
from imagecache.engine.registry_view import RegistryView
from imagecache.model.change import CacheRequest, PushEvent
from imagecache.model.image_cache import ImageCache, Listing
from imagecache.model.selector import CacheSelector
from imagecache.planning.decision import Decision
from imagecache.planning.entry_memory import Notes
from imagecache.planning.plan import plan
from imagecache.planning.update_memory import MEMORY_TAG, MOST_TAGS, tag_id
from imagecache.planning.update_memory_layout import UpdateMemory, memory_value
from imagecache.planning.wanted_list import Current, what_is_newer
from imagecache.policy.rules import NO_RULES, Rule, Rules
from imagecache.policy.tag_policy import Policy
from tests.support.depth import every_value
from tests.support.fake_clients import FakeClients, FixedTime
from tests.support.for_each import for_each
from tests.support.remembered import remembered

NOW = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
AT = Moment(NOW + timedelta(days=1))
HOST = "acme-registry.cn-hangzhou.cr.aliyuncs.com"
VPC_HOST = "acme-registry-vpc.cn-hangzhou.cr.aliyuncs.com"
WEB, API = f"{VPC_HOST}/shop/web", f"{VPC_HOST}/shop/api"
DIGEST = f"sha256:{'a' * 64}"
PUSH = PushEvent("acr", "event-1", HOST, "shop/web", "1")
SWEEP = CacheRequest(
    "timer",
    "tick",
    Reason.SWEEP_REPAIR,
    CacheSelector(),
    statuses=frozenset({"UpdateFailed"}),
    reads_registries=True,
)

IMAGE = "application/vnd.oci.image.config.v1+json"
CHART = "application/vnd.cncf.helm.config.v1+json"
GONE = "gone"
NUMBERS = Rule("numbers", policy=Policy("numerical"), reads_registry=True)
RULES = Rules((NUMBERS,))


@dataclass
class MemoryReader:
    """Registries in memory: (registry, repository) -> tag -> digest; some do not answer."""

    images: Mapping[tuple[str, str], Mapping[str, str]]
    silent: frozenset[str] = frozenset()
    unlisted: frozenset[str] = frozenset()
    kinds: Mapping[str, str] = field(default_factory=dict)
    asked: list[tuple[str, ...]] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)

    def tags(self, registry: str, repository: str) -> frozenset[str]:
        self._ask(registry, repository)
        return frozenset(self.images.get((registry, repository), {})) - self.unlisted

    def digest(self, registry: str, repository: str, tag: str) -> str | None:
        self._ask(registry, repository, tag)
        return self.images.get((registry, repository), {}).get(tag)

    def kind(self, registry: str, repository: str, tag: str) -> str | None:
        self._ask(registry, repository, tag, "kind")
        known = tag in self.images.get((registry, repository), {})
        return self.kinds.get(tag, IMAGE) if known and self.kinds.get(tag) != GONE else None

    def share(self, seconds: float) -> None:
        self.shares.append(seconds)

    def _ask(self, *question: str) -> None:
        self.asked.append(question)
        if "/".join(question) in self.silent:
            raise RegistryError(f"{'/'.join(question)}: no answer")


def now() -> Moment:
    return Moment(NOW)


def reader(*tags: str, **facts: Any) -> MemoryReader:
    """A reader whose web repository has these tags, each with a digest of its own."""
    return MemoryReader({(HOST, "shop/web"): {tag: f"digest-{tag}" for tag in tags}}, **facts)


def view(source: RegistryReader, rules: Rules = RULES, left: float = 10) -> RegistryView:
    return RegistryView(rules, FakeClients(reader=source, deadline=FixedTime(lambda: left)), now)


def cache(*images: str, **facts: Any) -> ImageCache:
    described: dict[str, Any] = {"image_cache_id": "imc-1", "name": "web", "status": "Ready", **facts}
    return ImageCache("cn-hangzhou", images=images, **described)


def current(source: RegistryReader, *images: str, rules: Rules = RULES) -> Current:
    return view(source, rules).current(cache(*images), images)


@for_each(
    ("tags", "images", "expected", "digests"),
    [
        pytest.param(["1", "2"], [f"{WEB}:1"], [f"{WEB}:2"], {f"{WEB}:2": "digest-2"}, id="a newer tag"),
        pytest.param(["1", "2"], [f"{WEB}:2"], [f"{WEB}:2"], {f"{WEB}:2": "digest-2"}, id="nothing newer"),
        pytest.param(
            ["2"], [f"{WEB}:3"], [f"{WEB}:2"], {f"{WEB}:2": "digest-2"}, id="the listed tag is gone"
        ),
        pytest.param(
            ["2"],
            [f"{HOST}/shop/web:1", "redis:7", f"{WEB}:1"],
            [f"{HOST}/shop/web:2", "redis:7", f"{WEB}:2"],
            {f"{HOST}/shop/web:2": "digest-2", f"{WEB}:2": "digest-2"},
            id="each form of the name",
        ),
        pytest.param(
            ["main"],
            [f"{WEB}:main"],
            [f"{WEB}:main"],
            {f"{WEB}:main": "digest-main"},
            id="a tag that the policy does not understand is rebuilt as it is",
        ),
        pytest.param(["2"], [f"{WEB}:1@{DIGEST}"], [f"{WEB}:1@{DIGEST}"], {}, id="pinned"),
        pytest.param(["2"], ["No Reference:"], ["No Reference:"], {}, id="no reference"),
    ],
)
def test_a_list_is_brought_to_what_the_registry_has(
    tags: list[str], images: list[str], expected: list[str], digests: dict[str, str]
) -> None:
    rules = Rules((replace(NUMBERS, tags=("[!a]", "?", "main")),))
    found = current(reader(*tags), *images, rules=rules)
    assert found.images == tuple(expected)
    assert found.digests == digests
    assert not found.unread


@pytest.mark.parametrize(
    "rules",
    [NO_RULES, Rules((Rule("numbers", policy=Policy("numerical")),))],
    ids=["no rules", "no rule that reads"],
)
def test_without_such_a_rule_no_reader_is_made(rules: Rules) -> None:
    images = (f"{WEB}:1",)
    found = RegistryView(rules, FakeClients(), now).current(cache(*images), images)
    assert found == Current(images)


def test_only_what_rules_want_to_know_is_asked() -> None:
    rules = Rules(
        (
            Rule("quiet", tags=("q*",)),
            Rule("exact", tags=("e*",), reads_registry=True),
            Rule("any", tags=("a*",), policy=Policy("any"), reads_registry=True),
            replace(NUMBERS, tags=("1",)),
        )
    )
    source = reader("q", "e", "a", "1", "2")
    images = [f"{WEB}:{tag}" for tag in ("q", "e", "a", "1")]
    found = current(source, *images, "redis:7", rules=rules)
    assert found.images == (*images, "redis:7")
    assert set(found.digests) == {f"{WEB}:{tag}" for tag in ("e", "a", "1")}
    repository = (HOST, "shop/web")
    # Tags are asked for where they are compared, digests of what is listed then.
    assert source.asked == [repository, *((*repository, tag) for tag in ("e", "a", "1"))]


def pushed(*tags: str) -> list[PushEvent]:
    return [PUSH._replace(event_id=f"event-{tag}", tag=tag) for tag in tags]


@every_value
@pytest.mark.parametrize(
    ("kinds", "listed", "expected"),
    [
        pytest.param({"3": CHART}, "1", "2", id="a chart"),
        pytest.param({"3": GONE}, "1", "2", id="a manifest that was deleted"),
        pytest.param({"3": CHART, "2": GONE}, "1", "1", id="both: the list stays"),
        pytest.param({"3": "application/vnd.oci.artifact.manifest.v1+json"}, "2", "2", id="an artifact"),
        pytest.param({"3": CHART}, "3", "3", id="one that is listed already is left alone"),
        pytest.param({"1": CHART}, "2", "3", id="an older one is not asked for"),
    ],
)
@pytest.mark.parametrize("push", [(), ("3",), ("2",)], ids=["a sweep", "its push", "another's push"])
def test_the_next_best_tag_is_taken_where_the_newest_is_no_image(
    kinds: dict[str, str], listed: str, expected: str, push: tuple[str, ...]
) -> None:
    images = (f"{WEB}:{listed}",)
    promoted = (f"{WEB}:{max(listed, *push)}",) if push else images
    found = view(reader("1", "2", "3", kinds=kinds)).current(cache(*images), promoted, pushed(*push))
    assert found.images == (f"{WEB}:{expected}",)
    assert not found.unread
    assert bool(found.refused) == any(tag in kinds and tag != listed for tag in push)


@pytest.mark.parametrize("kind", [CHART, GONE])
def test_a_pushed_tag_of_a_policy_without_an_order_has_to_be_an_image(kind: str) -> None:
    rules = Rules((Rule("any", policy=Policy("any"), reads_registry=True),))
    images, promoted = (f"{WEB}:green", "redis:7"), (f"{WEB}:red", "redis:7")
    source = reader("green", "red", kinds={"red": kind})
    found = view(source, rules).current(cache(*images), promoted, pushed("red"))
    if kind == CHART:
        assert (found.images, len(found.refused)) == (images, 1)
        assert CHART in found.refused[0]
    else:
        # Where no list is asked for, the registry may only be behind the push.
        assert (found.images, found.refused) == (promoted, ())


def test_a_pushed_tag_that_the_registry_does_not_have_yet_is_taken() -> None:
    found = view(reader("1", "2")).current(cache(f"{WEB}:1"), (f"{WEB}:3",), pushed("3"))
    assert (found.images, found.refused) == ((f"{WEB}:3",), ())


def test_one_of_several_pushed_tags_may_be_none() -> None:
    rules = Rules((Rule("any", policy=Policy("any", keep=3), reads_registry=True),))
    source = reader("a", "b", "c", kinds={"b": CHART})
    promoted = (f"{WEB}:c", f"{WEB}:b", f"{WEB}:a")
    found = view(source, rules).current(cache(f"{WEB}:a"), promoted, pushed("b", "c"))
    assert found.images == (f"{WEB}:c", f"{WEB}:a")
    assert len(found.refused) == 1


@pytest.mark.parametrize("push", [(), ("3",)], ids=["a sweep", "a push"])
def test_a_new_tag_about_which_the_registry_does_not_answer(push: tuple[str, ...]) -> None:
    silent = frozenset({f"{HOST}/shop/web/3/kind"})
    images = (f"{WEB}:1",)
    found = view(reader("1", "2", "3", silent=silent)).current(
        cache(*images), (f"{WEB}:3",) if push else images, pushed(*push)
    )
    # What was only listed waits for the next sweep, and a pushed tag for a registry that answers.
    assert f"{WEB}:3" not in found.images
    assert found.undecided == ({(HOST, "shop/web", "3")} if push else set())
    assert found.unread


@pytest.mark.parametrize(("kinds", "taken"), [({}, "3"), ({"3": CHART}, "1")], ids=["an image", "a chart"])
def test_where_the_tags_cannot_be_listed_the_pushed_tags_manifest_decides(
    kinds: dict[str, str], taken: str
) -> None:
    source = reader("1", "3", kinds=kinds, silent=frozenset({f"{HOST}/shop/web"}))
    found = view(source).current(cache(f"{WEB}:1"), (f"{WEB}:3",), pushed("3"))
    assert (found.images, found.unread) == ((f"{WEB}:{taken}",), True)
    assert len(found.refused) == (taken == "1")


def test_a_registry_full_of_charts_is_given_up() -> None:
    tags = [str(number) for number in range(100, 140)]
    found = view(reader("1", *tags, kinds=dict.fromkeys(tags, CHART))).current(
        cache(f"{WEB}:1"), (f"{WEB}:1",)
    )
    assert found.images == (f"{WEB}:1",)
    assert any("in a row" in problem for problem in found.problems)


def test_a_listed_tag_that_the_registry_does_not_list_yet_is_asked_for() -> None:
    late = reader("1", "2", unlisted=frozenset({"2"}))
    assert current(late, f"{WEB}:2").images == (f"{WEB}:2",)
    assert (HOST, "shop/web", "2") in late.asked
    assert current(reader("1"), f"{WEB}:2").images == (f"{WEB}:1",)


def test_a_tag_that_is_not_there_is_told_but_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    found = current(reader(), f"{WEB}:2")
    assert found == Current((f"{WEB}:2",), {}, (f"{HOST}/shop/web has no tag 2",), unread=False)
    assert [record.getMessage() for record in caplog.records] == [f"imc-1: {HOST}/shop/web has no tag 2"]


@pytest.mark.parametrize(
    ("silent", "images", "digests"),
    [
        pytest.param(f"{HOST}/shop/web", (f"{WEB}:1",), {f"{WEB}:1": "digest-1"}, id="no tags"),
        pytest.param(f"{HOST}/shop/web/2", (f"{WEB}:2",), {}, id="no digest"),
        pytest.param(f"{HOST}/shop/web/1", (f"{WEB}:1",), {}, id="no digest of a tag not listed"),
    ],
)
def test_a_registry_that_does_not_answer_is_told_and_raises_nothing(
    silent: str, images: tuple[str, ...], digests: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    source = reader(
        "1", "2", silent=frozenset({silent}), unlisted=frozenset({"1"} if silent[-1] == "1" else ())
    )
    found = current(source, f"{WEB}:1")
    assert found == Current(images, digests, (f"{silent}: no answer",), unread=True)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_one_silent_repository_leaves_the_others_be() -> None:
    images = {(HOST, "shop/web"): {"2": "w"}, (HOST, "shop/api"): {"2": "a"}}
    source = MemoryReader(images, frozenset({f"{HOST}/shop/web"}))
    found = current(source, f"{WEB}:1", f"{API}:1")
    assert found.images == (f"{WEB}:1", f"{API}:2")
    assert found.unread


def built(
    images: tuple[str, ...], digests: Mapping[str, str], others: tuple[tuple[str, str], ...] = ()
) -> ImageCache:
    before = cache(*images, tags=others)
    return before._replace(tags=remembered(before, [PUSH], NOW, Notes(digests)))


LISTED = (f"{WEB}:1", f"{API}:1")
DIGESTS = {f"{WEB}:1": "w", f"{API}:1": "a"}


@for_each(
    ("described", "found", "expected"),
    [
        pytest.param(built(LISTED, DIGESTS), Current(LISTED, DIGESTS), "", id="as it was built"),
        pytest.param(
            built(LISTED, DIGESTS),
            Current((f"{WEB}:2", f"{API}:1"), {}),
            f"the registry has {WEB}:2",
            id="another tag",
        ),
        pytest.param(built(LISTED, DIGESTS), Current(LISTED[:1], {}), "", id="one tag less"),
        pytest.param(built(LISTED, DIGESTS), Current(LISTED[::-1], DIGESTS), "", id="another order"),
        pytest.param(
            built(LISTED, DIGESTS),
            Current(LISTED[:1], {f"{WEB}:1": "b"}),
            f"the registry has other images under {WEB}:1",
            id="one tag less, and another digest",
        ),
        pytest.param(
            built(LISTED, DIGESTS),
            Current(LISTED, {**DIGESTS, f"{API}:1": "b"}),
            f"the registry has other images under {API}:1",
            id="another digest",
        ),
        pytest.param(
            built(LISTED, DIGESTS), Current(LISTED, {f"{WEB}:1": "w"}), "", id="one digest is not known now"
        ),
        pytest.param(built(LISTED, DIGESTS), Current(LISTED, {}), "", id="no digest is known now"),
        pytest.param(
            built(LISTED, {}),
            Current(LISTED, DIGESTS),
            "it is not known which images the cache was built with",
            id="no digest was noted",
        ),
        pytest.param(
            cache(*LISTED),
            Current(LISTED, DIGESTS),
            "it is not known which images the cache was built with",
            id="no update is remembered",
        ),
        pytest.param(cache(*LISTED), Current(LISTED, {}), "", id="nothing is known at all"),
        pytest.param(
            built(LISTED, {f"{WEB}:1": "w"}),
            Current(LISTED, DIGESTS),
            f"the registry has other images under {API}:1",
            id="one digest was not noted",
        ),
        pytest.param(
            cache(*LISTED, tags=tuple((f"t{number}", "") for number in range(MOST_TAGS - 1))),
            Current(LISTED, DIGESTS),
            "",
            id="no room to note digests, so it would be rebuilt for ever",
        ),
        pytest.param(
            cache(*LISTED, tags=tuple((f"t{number}", "") for number in range(MOST_TAGS - 2))),
            Current(LISTED, DIGESTS),
            "it is not known which images the cache was built with",
            id="just enough room",
        ),
    ],
)
def test_what_makes_a_cache_older_than_its_registries(
    described: ImageCache, found: Current, expected: str
) -> None:
    assert what_is_newer(described, found, AT) == expected


@pytest.mark.parametrize("tags", [0, MOST_TAGS - 2])
def test_a_cache_that_was_rebuilt_with_what_was_asked_is_not_older(tags: int) -> None:
    source = reader("1", "2")
    before = cache(f"{WEB}:1", tags=tuple((f"t{number}", "") for number in range(tags)))
    found = view(source).current(before, before.images)
    assert what_is_newer(before, found, AT) == f"the registry has {WEB}:2"
    after = built(found.images, found.digests, before.tags)
    assert len(after.tags) == tags + 2
    assert what_is_newer(after, view(source).current(after, after.images), AT) == ""


def test_a_survey_asks_each_thing_once_and_the_view_itself_anew() -> None:
    source = reader("1", "2", silent=frozenset({f"{HOST}/shop/web/2"}))
    seen = view(source)
    survey = seen.survey()
    answers = [survey.current(cache(f"{WEB}:1"), (f"{WEB}:1",)) for _ in range(3)]
    assert answers == [answers[0]] * 3
    assert answers[0].unread
    web2 = (HOST, "shop/web", "2")
    assert source.asked == [(HOST, "shop/web"), (*web2, "kind"), web2]
    for _ in range(2):
        seen.current(cache(f"{WEB}:1"), (f"{WEB}:1",))
    assert len(source.asked) == 9
    assert survey.remaining() == seen.remaining() == 10


def test_each_registry_gets_the_same_part_of_the_time() -> None:
    source = reader("1")
    other = "other.example.com/shop/web:1"
    view(source, left=12).share([cache(f"{WEB}:1"), cache(other, f"{API}:1"), cache("redis:7")], 0.5)
    view(source, NO_RULES, left=12).share([cache(f"{WEB}:1")], 0.5)
    assert source.shares == [2.0]
    RememberingReader(source).share(3.0)
    assert source.shares == [2.0, 3.0]


def test_a_remembering_reader_gives_each_answer_and_each_failure_again() -> None:
    source = reader("1", silent=frozenset({f"{HOST}/shop/api"}))
    remembering = RememberingReader(source)
    for _ in range(2):
        assert remembering.tags(HOST, "shop/web") == {"1"}
        assert remembering.digest(HOST, "shop/web", "1") == "digest-1"
        assert remembering.digest(HOST, "shop/web", "2") is None
        with pytest.raises(RegistryError, match=f"{HOST}/shop/api: no answer"):
            remembering.tags(HOST, "shop/api")
    assert len(source.asked) == 4


def test_the_text_of_an_account_shows_no_password() -> None:
    assert "s3cret" not in f"{Account('user', 's3cret')!r} {Account('user', 's3cret')}"


def swept(
    source: MemoryReader, *caches: ImageCache, left: Callable[[], float] = lambda: 10.0
) -> tuple[list[Decision], list[Applied]]:
    """The decisions to carry out, and what ended in the sweep itself."""
    listings = [Listing("cn-hangzhou", caches, NOW)]
    seen = RegistryView(RULES, FakeClients(reader=source, deadline=FixedTime(left)), now)
    found = sweep_registries(listings, SWEEP, plan(listings, SWEEP, AT, RULES), seen, AT)
    ended = [each for each in found if each.error or each.decision.reason is Reason.SWEEP_UNFINISHED]
    return [each.decision for each in found if each not in ended], ended


def test_a_sweep_repairs_what_is_older_and_what_failed() -> None:
    failed = cache(f"{WEB}:1", image_cache_id="imc-failed", status="UpdateFailed")
    old = cache(f"{WEB}:1", image_cache_id="imc-old")
    busy = cache(f"{WEB}:1", image_cache_id="imc-busy", status="Updating")
    new = built((f"{WEB}:2",), {f"{WEB}:2": "digest-2"})
    decisions, records = swept(reader("1", "2"), failed, old, busy, new)
    assert [(decision.cache, decision.images_after) for decision in decisions] == [
        (failed, (f"{WEB}:1",)),
        (old, (f"{WEB}:2",)),
    ]
    repair = decisions[1].change
    assert isinstance(repair, CacheRequest)
    assert repair.reason is Reason.REGISTRY_NEWER
    assert repair.selector == CacheSelector(ids=("imc-old",))
    assert (repair.statuses, repair.region_id, repair.reads_registries) == (None, "cn-hangzhou", False)
    assert decisions[1].message == repair.why == f"the registry has {WEB}:2"
    assert records == []


def test_a_sweep_that_finds_nothing_says_so() -> None:
    new = built((f"{WEB}:2",), {f"{WEB}:2": "digest-2"})
    decisions, records = swept(reader("1", "2"), new)
    assert [decision.reason for decision in decisions] == [Reason.NOTHING_TO_REPAIR]
    assert records == []
    assert [decision.reason for decision in swept(reader())[0]] == [Reason.NOTHING_TO_REPAIR]


def test_a_sweep_that_could_not_read_says_that_instead() -> None:
    source = reader("1", silent=frozenset({f"{HOST}/shop/web/1"}))
    decisions, records = swept(source, cache(f"{WEB}:1"))
    assert decisions == []
    (record,) = records
    assert isinstance(record.error, TransientError)
    assert record.error.reason is Reason.REGISTRY_UNREADABLE
    assert not record.deferred
    assert record.decision.cache == cache(f"{WEB}:1")
    assert "no answer" in record.error.message


def test_a_sweep_without_time_says_how_far_it_came() -> None:
    times = chain([10.0, 10.0, 9.0], repeat(4.0))
    caches = [
        built((f"{WEB}:2",), {f"{WEB}:2": "digest-2"})._replace(image_cache_id=f"imc-{number}")
        for number in range(3)
    ]
    decisions, records = swept(reader("2"), *caches, left=lambda: next(times))
    assert decisions == []
    (record,) = records
    assert (record.decision.result, record.error) == (Result.IGNORED, None)
    assert "about 1 of 3 image caches" in record.decision.message


def test_each_tick_begins_with_another_cache() -> None:
    caches = [cache(f"{WEB}:1", image_cache_id=f"imc-{number}") for number in range(3)]
    firsts = set()
    for tick in range(30):
        sweep = SWEEP._replace(event_id=f"tick-{tick}")
        listings = [Listing("cn-hangzhou", tuple(caches), NOW)]
        found = sweep_registries(listings, sweep, [], view(reader("2")), AT)
        identifiers = [each.decision.cache.image_cache_id for each in found if each.decision.cache]
        assert sorted(identifiers) == ["imc-0", "imc-1", "imc-2"]
        firsts.add(identifiers[0])
    assert firsts == {"imc-0", "imc-1", "imc-2"}


@pytest.mark.parametrize(
    ("listed", "tried", "expected"),
    [
        pytest.param("1", NOW - timedelta(hours=9), "2", id="taken back"),
        pytest.param("1", NOW + timedelta(hours=9), "2", id="in its own future"),
        pytest.param("3", NOW - timedelta(hours=9), "3", id="listed again"),
    ],
)
def test_a_tag_that_was_taken_back_is_not_taken_again(listed: str, tried: datetime, expected: str) -> None:
    memory = UpdateMemory(NOW, undone=((tag_id(HOST, "shop/web", "3"), tried),))
    described = cache(f"{WEB}:{listed}", tags=((MEMORY_TAG, memory_value(memory)),))
    seen = view(reader("1", "2", "3"))
    assert seen.current(described, described.images).images == (f"{WEB}:{expected}",)
    push = PushEvent("acs.cr", "e-1", HOST, "shop/web", "3", pushed_at=NOW + timedelta(seconds=1))
    assert seen.current(described, described.images, [push]).images == (f"{WEB}:3",)


@pytest.mark.parametrize(
    ("source", "seconds", "expected"),
    [("acs.cr", 0.0, "2"), ("acs.cr", 0.1, "3"), ("manual", 0.0, "3")],
)
def test_a_push_before_the_last_try_is_no_reason_to_take_its_tag_again(
    source: str, seconds: float, expected: str
) -> None:
    memory = UpdateMemory(NOW, undone=((tag_id(HOST, "shop/web", "3"), NOW),))
    described = cache(f"{WEB}:1", tags=((MEMORY_TAG, memory_value(memory)),))
    push = PushEvent(source, "e-1", HOST, "shop/web", "3", pushed_at=NOW + timedelta(seconds=seconds))
    seen = view(reader("1", "2", "3"))
    assert seen.current(described, described.images, [push]).images == (f"{WEB}:{expected}",)


@pytest.mark.parametrize(("remembered", "expected"), [(2, "3"), (3, "1")])
def test_where_some_may_be_forgotten_nothing_comes_in_that_was_not_pushed(
    remembered: int, expected: str
) -> None:
    memory = UpdateMemory(NOW, undone=tuple((f"tag{number}", NOW) for number in range(remembered)))
    described = cache(f"{WEB}:1", tags=((MEMORY_TAG, memory_value(memory)),))
    seen = view(reader("1", "2", "3"))
    assert seen.current(described, described.images).images == (f"{WEB}:{expected}",)
    push = PushEvent("acs.cr", "e-1", HOST, "shop/web", "2", pushed_at=NOW)
    assert seen.current(described, (f"{WEB}:2",), [push]).images == (f"{WEB}:{max(expected, '2')}",)


def test_a_memory_from_the_future_keeps_no_tag_out() -> None:
    memory = UpdateMemory(NOW + timedelta(days=9), undone=((tag_id(HOST, "shop/web", "3"), NOW),))
    described = cache(f"{WEB}:1", tags=((MEMORY_TAG, memory_value(memory)),))
    assert view(reader("1", "3")).current(described, described.images).images == (f"{WEB}:3",)
