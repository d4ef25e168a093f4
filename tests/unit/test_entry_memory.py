"""Notes: what is written is read again, for the very update only, and never more than a tag's value holds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecache.base.timestamps import Moment
from imagecache.model.change import PushEvent
from imagecache.model.image_cache import ImageCache
from imagecache.planning.entry_memory import (
    DIGESTS_TAG,
    NO_NOTES,
    PUSHED_TAG,
    Notes,
    had_digest,
    note_tags,
    promoted_at,
    remembers_digests,
)
from imagecache.planning.update_memory import MEMORY_TAG, MOST_TAGS, OWN_TAGS, last_update
from tests.support.for_each import for_each
from tests.support.remembered import remembered

BEGAN = datetime(2026, 3, 2, 2, 15, 31, 250000, tzinfo=timezone.utc)
CHINA = timezone(timedelta(hours=8))
MICROSECOND, MILLISECOND = timedelta(microseconds=1), timedelta(milliseconds=1)
DIGEST, OTHER_DIGEST = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
WEB, NGINX = ("registry.cn-hangzhou.aliyuncs.com", "shop/web"), ("docker.io", "library/nginx")
PUSH = PushEvent("acr", "event-1", *WEB, "v1")
LONGEST_VALUE = 128
MOST_DIGESTS = 20
MOST_REPOSITORIES = 5
SAFE = re.compile(r"[A-Za-z0-9._-]{1,128}")


def to_millisecond(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


moments = st.datetimes(
    min_value=datetime(2020, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2099, 12, 31),  # noqa: DTZ001
    timezones=st.sampled_from([timezone.utc, CHINA]),
).map(to_millisecond)
digests = st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=25)
repositories = st.tuples(st.text("ab./", max_size=4), st.text("ab./", max_size=4))
pushed = st.dictionaries(repositories, moments, max_size=12)
all_notes = st.builds(partial(Notes), digests, pushed)
parts = st.from_regex(r"[0-9a-f]{8}-[0-9]{1,14}|[^.]{8}-[0-9]{1,14}", fullmatch=True)
garbage = st.text(max_size=140) | st.lists(parts | st.text("0a-.!~\x00", max_size=24), max_size=6).map(
    ".".join
)


def cache(tags: Iterable[tuple[str, str]] = ()) -> ImageCache:
    return ImageCache("cn-hangzhou", "imc-1", "web", "Ready", ("nginx",), tuple(tags))


def noted(before: ImageCache, notes: Notes, began: datetime = BEGAN) -> ImageCache:
    """The cache once an update with these notes was accepted."""
    return before._replace(tags=remembered(before, [PUSH], began, notes))


def value(image_cache: ImageCache, key: str) -> str:
    return dict(image_cache.tags)[key]


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=MOST_DIGESTS), moments)
def test_noted_digests_are_read_again(entries: dict[str, str], began: datetime) -> None:
    image_cache = noted(cache(), Notes(entries), began)
    assert remembers_digests(image_cache, began) is bool(entries)
    assert all(had_digest(image_cache, began, entry, digest) for entry, digest in entries.items())


def test_they_are_read_with_the_start_that_the_cache_remembers() -> None:
    image_cache = noted(cache(), Notes({"nginx": DIGEST}), BEGAN.astimezone(CHINA))
    last = last_update(image_cache, Moment(BEGAN))
    assert last is not None
    assert had_digest(image_cache, last.began, "nginx", DIGEST)


@for_each(
    ("entry", "digest", "began", "expected"),
    [
        pytest.param("nginx", DIGEST, BEGAN, True, id="as noted"),
        pytest.param("nginx", DIGEST, BEGAN.astimezone(CHINA), True, id="the same time in another zone"),
        pytest.param("nginx", OTHER_DIGEST, BEGAN, False, id="another digest"),
        pytest.param("nginx:latest", DIGEST, BEGAN, False, id="another text of the entry"),
        pytest.param("redis", DIGEST, BEGAN, False, id="another entry's digest"),
        pytest.param("nginx", DIGEST, BEGAN + MICROSECOND, False, id="another update"),
        pytest.param("", "", BEGAN, False, id="nothing"),
    ],
)
def test_a_digest_is_known_for_its_entry_and_its_update_only(
    entry: str, digest: str, began: datetime, expected: bool
) -> None:
    image_cache = noted(cache(), Notes({"nginx": DIGEST, "redis": OTHER_DIGEST}))
    assert had_digest(image_cache, began, entry, digest) is expected


def test_an_update_without_notes_makes_the_old_ones_worthless() -> None:
    before = noted(cache(), Notes({"nginx": DIGEST}))
    after = noted(before, NO_NOTES, BEGAN + timedelta(minutes=1))
    last = last_update(after, Moment(BEGAN + timedelta(minutes=1)))
    assert last is not None
    # The tag is sent again all the same, so that merged tags are not one too many.
    assert value(after, DIGESTS_TAG) == value(before, DIGESTS_TAG)
    assert not remembers_digests(after, last.began)
    assert not had_digest(after, last.began, "nginx", DIGEST)


def test_of_more_digests_than_have_room_the_first_are_noted() -> None:
    entries = {f"nginx:{number}": DIGEST for number in range(MOST_DIGESTS + 5)}
    image_cache = noted(cache(), Notes(entries))
    assert len(value(image_cache, DIGESTS_TAG)) == 126
    known = [entry for entry in entries if had_digest(image_cache, BEGAN, entry, DIGEST)]
    assert known == list(entries)[:MOST_DIGESTS]


@given(pushed)
def test_times_of_pushes_are_read_again_to_the_millisecond(times: dict[tuple[str, str], datetime]) -> None:
    image_cache = noted(cache(), Notes(pushed=times))
    latest = sorted(times.values(), reverse=True)[:MOST_REPOSITORIES]
    for (registry, repository), moment in times.items():
        known = promoted_at(image_cache, registry, repository)
        if known is None:
            # Only where there was no room: as many others came later or at the same time.
            assert len(times) > MOST_REPOSITORIES
            assert moment <= latest[-1]
        else:
            same = [at for key, at in times.items() if "/".join(key) == f"{registry}/{repository}"]
            assert timedelta(0) <= max(same) - known < MILLISECOND


def test_a_time_is_never_rounded_up() -> None:
    # The very push that was noted must not count as older than itself.
    moment = BEGAN + timedelta(microseconds=999)
    known = promoted_at(noted(cache(), Notes(pushed={WEB: moment})), *WEB)
    assert known == BEGAN


@pytest.mark.parametrize("minutes", [-1, 0, 1])
def test_the_later_time_stays(minutes: int) -> None:
    moment = BEGAN + timedelta(minutes=minutes)
    image_cache = noted(noted(cache(), Notes(pushed={WEB: BEGAN})), Notes(pushed={WEB: moment}))
    assert promoted_at(image_cache, *WEB) == max(BEGAN, moment)


def test_times_of_other_repositories_stay_and_the_oldest_goes_first() -> None:
    image_cache = cache()
    keys = [("docker.io", f"team/{number}") for number in range(MOST_REPOSITORIES + 2)]
    for number, key in enumerate(keys):
        image_cache = noted(image_cache, Notes(pushed={key: BEGAN + timedelta(minutes=number)}))
    assert [promoted_at(image_cache, *key) is not None for key in keys] == [False] * 2 + [
        True
    ] * MOST_REPOSITORIES
    assert len(value(image_cache, PUSHED_TAG)) <= LONGEST_VALUE
    assert promoted_at(noted(image_cache, NO_NOTES), *keys[-1]) is not None


@for_each(
    ("registry", "repository"), [("docker.io", "shop/web"), (WEB[0], "shop/web2"), (WEB[0], "web"), ("", "")]
)
def test_a_time_is_known_for_its_repository_only(registry: str, repository: str) -> None:
    assert promoted_at(noted(cache(), Notes(pushed={WEB: BEGAN})), registry, repository) is None


@given(all_notes, moments, garbage, garbage)
def test_values_are_safe_and_short_whatever_stood_there(
    notes: Notes, began: datetime, old_digests: str, old_pushed: str
) -> None:
    before = cache([(DIGESTS_TAG, old_digests), (PUSHED_TAG, old_pushed)])
    for text in note_tags(before, notes, began).values():
        assert SAFE.fullmatch(text)
    assert set(note_tags(before, notes, began)) <= OWN_TAGS - {MEMORY_TAG}


@given(garbage, garbage, moments, st.text(max_size=10), st.text(max_size=10))
def test_garbage_is_no_error_and_no_knowledge(
    old_digests: str, old_pushed: str, began: datetime, entry: str, digest: str
) -> None:
    image_cache = cache([(DIGESTS_TAG, old_digests), (PUSHED_TAG, old_pushed)])
    assert not had_digest(image_cache, began, entry, digest)
    assert not remembers_digests(image_cache, began)
    assert promoted_at(image_cache, *WEB) is None


@for_each(
    "text",
    [
        "",
        ".",
        "-",
        "{repository}",
        "{repository}-",
        "{repository}-x",
        "{repository}--1",
        "{repository}-1 ",
        "{repository}-1\n",
        "{repository}-\u0661",
        "{repository}-123456789012345",
        "{repository}1-1",
        "x{repository}-1",
        "{repository}-1-1",
    ],
    ids=ascii,
)
def test_a_damaged_time_is_none(text: str) -> None:
    written = value(noted(cache(), Notes(pushed={WEB: BEGAN})), PUSHED_TAG)
    repository = written.partition("-")[0]
    assert promoted_at(cache([(PUSHED_TAG, f"{repository}-0")]), *WEB) is not None
    assert promoted_at(cache([(PUSHED_TAG, text.format(repository=repository))]), *WEB) is None


@for_each("length", [1, 5, 6, 7, 11, 12, 13])
def test_digests_that_are_cut_off_are_not_known(length: int) -> None:
    written = value(noted(cache(), Notes({"nginx": DIGEST, "redis": DIGEST})), DIGESTS_TAG)
    image_cache = cache([(DIGESTS_TAG, written[:length])])
    assert had_digest(image_cache, BEGAN, "nginx", DIGEST) is (length >= 12)
    assert not had_digest(image_cache, BEGAN, "redis", DIGEST)


def test_nothing_to_note_writes_no_tag() -> None:
    assert note_tags(cache(), NO_NOTES, BEGAN) == {}
    assert set(dict(noted(cache(), NO_NOTES).tags)) == {MEMORY_TAG}


@for_each(
    ("room", "keys"),
    [
        (0, set()),
        (1, {MEMORY_TAG}),
        (2, {MEMORY_TAG, PUSHED_TAG}),
        (3, {MEMORY_TAG, PUSHED_TAG, DIGESTS_TAG}),
        (4, {MEMORY_TAG, PUSHED_TAG, DIGESTS_TAG}),
    ],
)
def test_with_little_room_the_most_useful_is_kept(room: int, keys: set[str]) -> None:
    others = [(f"team-{number}", "x") for number in range(MOST_TAGS - room)]
    image_cache = noted(cache(others), Notes({"nginx": DIGEST}, {WEB: BEGAN}))
    assert image_cache.tags[: len(others)] == tuple(others)
    assert set(dict(image_cache.tags)) - dict(others).keys() == keys


@given(
    st.dictionaries(st.from_regex(r"[a-z]{1,3}", fullmatch=True), st.text(max_size=3), max_size=MOST_TAGS),
    st.sets(st.sampled_from(sorted(OWN_TAGS))),
    all_notes,
)
def test_a_cache_never_gets_more_tags_than_it_may_have(
    others: dict[str, str], own: set[str], notes: Notes
) -> None:
    described = cache([*others.items(), *((key, "old") for key in sorted(own))][-MOST_TAGS:])
    written = dict(noted(described, notes).tags)
    # Merged with what is there, which is what the platform may do.
    assert len({**dict(described.tags), **written}) <= MOST_TAGS
    assert [key for key in dict(described.tags) if key not in written] == []
