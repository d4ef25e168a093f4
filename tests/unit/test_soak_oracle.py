"""The soak's oracle: it must see every way in which a push can be lost, and nothing where none is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.soak.facts import Cache, Claim, Finding, GivenUp, Kind, Push, Update
from tests.soak.oracle import judge, staleness, unneeded
from tests.support.for_each import for_each

WEB, API, OTHER = "r.example.com/web:v1", "r.example.com/api:v1", "r.example.com/other:v1"
LIST = ("r.example.com/web:v1", "r-vpc.example.com/api:v1")
CACHE = Cache("imc-1", LIST, frozenset({WEB, API}), LIST, "Ready")
PUSH = Push("e-1", WEB, 100.0)
LATER_PUSH = Push("e-2", WEB, 200.0)
UPDATE = Update("imc-1", "rebuild", 110.0, 120.0, "Ready", LIST)
LATER_UPDATE = replace(UPDATE, started_at=210.0, ended_at=220.0)
FAILED_UPDATE = replace(LATER_UPDATE, status="UpdateFailed")


def kinds(findings: list[Finding]) -> list[Kind]:
    return [finding.kind for finding in findings]


@for_each(
    ("caches", "pushes", "updates"),
    [
        pytest.param([CACHE], [], [], id="nothing happened"),
        pytest.param([CACHE], [PUSH], [UPDATE], id="one push, one rebuild"),
        pytest.param([CACHE], [PUSH, LATER_PUSH], [LATER_UPDATE], id="two pushes, one rebuild after both"),
        pytest.param([CACHE], [LATER_PUSH, PUSH], [LATER_UPDATE, UPDATE], id="out of order"),
        pytest.param([CACHE], [PUSH, replace(PUSH, image=API)], [UPDATE], id="two images, one rebuild"),
        pytest.param(
            [CACHE],
            [PUSH],
            [replace(UPDATE, status="UpdateFailed"), LATER_UPDATE],
            id="a rebuild that failed was made again",
        ),
        pytest.param([CACHE], [replace(PUSH, image=OTHER)], [], id="a push that concerns no cache"),
        pytest.param(
            [CACHE, replace(CACHE, image_cache_id="imc-2")],
            [PUSH],
            [UPDATE, replace(UPDATE, image_cache_id="imc-2")],
            id="two caches, both rebuilt",
        ),
    ],
)
def test_a_run_in_which_every_push_ended_in_its_caches_has_no_findings(
    caches: list[Cache], pushes: list[Push], updates: list[Update]
) -> None:
    assert judge(caches, pushes, updates) == []


@for_each(
    ("pushes", "updates"),
    [
        pytest.param([PUSH], [], id="never rebuilt"),
        pytest.param([LATER_PUSH], [UPDATE], id="the rebuild began before the push"),
        pytest.param([PUSH, LATER_PUSH], [UPDATE], id="the first push is in, the last is not"),
        pytest.param([LATER_PUSH, PUSH], [UPDATE], id="likewise, told in another order"),
        pytest.param([replace(PUSH, at=110.0)], [UPDATE], id="the rebuild began with the push"),
        pytest.param([LATER_PUSH], [replace(UPDATE, ended_at=300.0)], id="began before, ended after"),
        pytest.param(
            [PUSH, replace(PUSH, event_id="e-3", image=API, at=150.0)], [UPDATE], id="only one of two images"
        ),
        pytest.param([PUSH], [replace(UPDATE, image_cache_id="imc-9")], id="another cache was rebuilt"),
    ],
)
def test_a_push_that_no_rebuild_has_is_found(pushes: list[Push], updates: list[Update]) -> None:
    assert kinds(judge([CACHE], pushes, updates)) == [Kind.STALE]


def test_a_stale_cache_is_told_with_its_image_and_exactly_the_pushes_that_are_missing() -> None:
    (finding,) = judge([CACHE], [PUSH, LATER_PUSH], [UPDATE])
    assert (finding.image_cache_id, finding.image, finding.explained) == ("imc-1", WEB, False)
    assert "e-2 at 200.000" in finding.text
    assert "e-1" not in finding.text


@pytest.mark.parametrize("status", ["UpdateFailed", "Updating"])
def test_a_push_whose_only_rebuild_did_not_end_ready_is_missing(status: str) -> None:
    ended = None if status == "Updating" else 220.0
    update = replace(LATER_UPDATE, status=None if ended is None else status, ended_at=ended)
    findings = judge([replace(CACHE, status=status)], [LATER_PUSH], [UPDATE, update])
    assert kinds(findings) == [Kind.STALE, Kind.NOT_READY]


def test_a_cache_whose_last_rebuild_failed_is_found_although_an_earlier_one_has_every_push() -> None:
    findings = judge([replace(CACHE, status="UpdateFailed")], [PUSH], [UPDATE, FAILED_UPDATE])
    assert kinds(findings) == [Kind.NOT_READY]


def test_a_failed_last_rebuild_is_found_even_where_the_cache_is_said_to_be_ready() -> None:
    assert kinds(judge([CACHE], [PUSH], [UPDATE, FAILED_UPDATE])) == [Kind.NOT_READY]


def test_an_update_without_images_has_no_push() -> None:
    findings = judge([CACHE], [PUSH], [replace(UPDATE, kind="metadata")])
    assert kinds(findings) == [Kind.LIST_CHANGED, Kind.STALE]


@for_each(
    "images",
    [
        pytest.param(LIST[:1], id="an entry is lost"),
        pytest.param(LIST[::-1], id="the order is another"),
        pytest.param((*LIST, OTHER), id="an entry is added"),
        pytest.param((LIST[0], API), id="an entry has another form of its host"),
    ],
)
def test_a_list_that_is_not_the_one_that_the_cache_had_is_found(images: tuple[str, ...]) -> None:
    sent = judge([CACHE], [PUSH], [replace(UPDATE, images=images), LATER_UPDATE])
    assert kinds(sent) == [Kind.LIST_CHANGED]
    left = judge([replace(CACHE, listed_at_end=images)], [PUSH], [UPDATE])
    assert kinds(left) == [Kind.LIST_CHANGED]


def test_a_cache_that_was_rebuilt_though_nothing_of_it_was_pushed_is_found() -> None:
    findings = judge([CACHE], [replace(PUSH, image=OTHER)], [UPDATE])
    assert kinds(findings) == [Kind.UNINVOLVED]


@for_each(
    ("given_up", "explained"),
    [
        pytest.param([], False, id="nothing was given up"),
        pytest.param([GivenUp("e-2")], True, id="its event"),
        pytest.param([GivenUp("e-2", "imc-1")], True, id="its event, for this cache"),
        pytest.param([GivenUp("e-2", "imc-2")], False, id="its event, for another cache"),
        pytest.param([GivenUp("e-1")], False, id="the event of a push that is not missing"),
    ],
)
def test_a_missing_push_is_explained_only_by_what_was_given_up_for_it(
    given_up: list[GivenUp], *, explained: bool
) -> None:
    (finding,) = judge([CACHE], [PUSH, LATER_PUSH], [UPDATE], given_up=given_up)
    assert (finding.kind, finding.explained) == (Kind.STALE, explained)


def test_of_two_missing_pushes_both_must_have_been_given_up_to_be_explained() -> None:
    pushes = [LATER_PUSH, replace(LATER_PUSH, event_id="e-3")]
    (one,) = judge([CACHE], pushes, [UPDATE], given_up=[GivenUp("e-2")])
    (both,) = judge([CACHE], pushes, [UPDATE], given_up=[GivenUp("e-2"), GivenUp("e-3")])
    assert (one.explained, both.explained) == (False, True)


@pytest.mark.parametrize(
    ("given_up", "explained"),
    [
        pytest.param(GivenUp("e-1", "imc-1"), True, id="a push that concerns it"),
        pytest.param(GivenUp("e-9"), False, id="a push that does not"),
        pytest.param(GivenUp("e-1", "imc-2"), False, id="for another cache"),
    ],
)
def test_a_cache_that_is_not_ready_is_explained_by_what_was_given_up_for_it(
    given_up: GivenUp, *, explained: bool
) -> None:
    (finding,) = judge(
        [replace(CACHE, status="UpdateFailed")], [PUSH], [UPDATE, FAILED_UPDATE], given_up=[given_up]
    )
    assert (finding.kind, finding.explained) == (Kind.NOT_READY, explained)


@for_each(
    ("claim", "false"),
    [
        pytest.param(Claim("imc-1", "e-1", 120.0), False, id="said when the rebuild had ended"),
        pytest.param(Claim("imc-1", "e-1", 119.9), True, id="said before it ended"),
        pytest.param(Claim("imc-1", "e-2", 150.0), True, id="said of a later push"),
        pytest.param(Claim("imc-1", "e-2", 215.0), True, id="said while the rebuild that has it ran"),
        pytest.param(Claim("imc-1", "e-2", 220.0), False, id="said when that one had ended"),
        pytest.param(Claim("imc-2", "e-1", 120.0), True, id="said of another cache"),
        pytest.param(Claim("imc-1", "sweep@1", 1.0), False, id="about no push"),
    ],
)
def test_a_record_that_a_push_landed_is_believed_only_where_a_rebuild_had_it(
    claim: Claim, *, false: bool
) -> None:
    findings = judge([CACHE], [PUSH, LATER_PUSH], [UPDATE, LATER_UPDATE], [claim])
    assert kinds(findings) == ([Kind.FALSE_CLAIM] if false else [])


@pytest.mark.parametrize("status", ["UpdateFailed", None])
def test_a_record_that_a_push_landed_in_a_rebuild_that_did_not_end_ready_is_false(status: str | None) -> None:
    update = replace(UPDATE, status=status, ended_at=None if status is None else 120.0)
    findings = judge([CACHE], [PUSH], [update, LATER_UPDATE], [Claim("imc-1", "e-1", 150.0)])
    assert kinds(findings) == [Kind.FALSE_CLAIM]


@for_each(
    ("pushes", "updates", "waits"),
    [
        pytest.param([PUSH], [UPDATE], [20.0], id="until the rebuild's end, not its beginning"),
        pytest.param([PUSH], [LATER_UPDATE, UPDATE], [20.0], id="the first one that has it"),
        pytest.param([LATER_PUSH], [UPDATE, LATER_UPDATE], [20.0], id="not one that began before"),
        pytest.param(
            [PUSH], [replace(UPDATE, status="UpdateFailed"), LATER_UPDATE], [120.0], id="not one that failed"
        ),
        pytest.param(
            [PUSH], [replace(UPDATE, kind="metadata"), LATER_UPDATE], [120.0], id="not one without images"
        ),
        pytest.param([PUSH, LATER_PUSH], [UPDATE], [20.0], id="a push that never came is not measured"),
        pytest.param([replace(PUSH, image=OTHER)], [UPDATE], [], id="a push that does not concern it"),
    ],
)
def test_a_cache_is_stale_until_the_end_of_the_first_rebuild_that_has_the_push(
    pushes: list[Push], updates: list[Update], waits: list[float]
) -> None:
    assert staleness([CACHE], pushes, updates) == waits


def test_a_push_that_a_stored_task_will_bring_is_explained_for_its_cache_alone() -> None:
    other = replace(CACHE, image_cache_id="imc-2")
    found = judge([CACHE, other], [PUSH], [], postponed={"imc-2"})
    assert [(one.kind, one.image_cache_id, one.explained) for one in found] == [
        (Kind.STALE, "imc-1", False),
        (Kind.STALE, "imc-2", True),
    ]


def test_a_stored_task_does_not_explain_a_list_that_was_changed() -> None:
    changed = replace(UPDATE, images=LIST[:1])
    (finding,) = judge([CACHE], [PUSH], [changed], postponed={"imc-1"})
    assert (finding.kind, finding.explained) == (Kind.LIST_CHANGED, False)


@for_each(
    ("pushes", "updates", "expected"),
    [
        pytest.param([PUSH], [UPDATE], (1, 0), id="one for one"),
        pytest.param([PUSH], [UPDATE, LATER_UPDATE], (1, 1), id="one too many"),
        pytest.param([PUSH, LATER_PUSH], [UPDATE, LATER_UPDATE], (2, 0), id="one for each"),
        pytest.param(
            [PUSH], [FAILED_UPDATE, replace(LATER_UPDATE, started_at=300.0)], (2, 0), id="after a failure"
        ),
        pytest.param(
            [PUSH],
            [replace(UPDATE, kind="metadata"), LATER_UPDATE],
            (2, 0),
            id="after one that built nothing",
        ),
        pytest.param([], [UPDATE], (0, 1), id="for nothing"),
        pytest.param(
            [PUSH],
            [UPDATE, replace(LATER_UPDATE, status="UpdateFailed"), replace(LATER_UPDATE, started_at=300.0)],
            (2, 1),
            id="after one for nothing that failed",
        ),
        pytest.param(
            [PUSH],
            [UPDATE, *(replace(FAILED_UPDATE, started_at=200.0 + number) for number in range(9))],
            (5, 5),
            id="not after each of many that failed",
        ),
    ],
)
def test_an_update_is_needed_for_a_push_that_no_good_rebuild_before_it_has(
    pushes: list[Push], updates: list[Update], expected: tuple[int, int]
) -> None:
    assert unneeded(updates, pushes) == expected


@pytest.mark.parametrize(("more", "found"), [(2, []), (3, [Kind.UNBOUNDED])])
def test_more_updates_too_many_than_needed_ones_and_one_are_found(more: int, found: list[Kind]) -> None:
    later = [replace(UPDATE, started_at=200.0 + number, ended_at=210.0 + number) for number in range(more)]
    assert kinds(judge([CACHE], [PUSH], [UPDATE, *later])) == found


@pytest.mark.parametrize(("more", "found"), [(5, []), (6, [Kind.UNBOUNDED])])
def test_a_push_without_its_exact_time_may_cost_one_more_each_time_it_is_sent(
    more: int, found: list[Kind]
) -> None:
    pushes = [replace(PUSH, event_id="e1", told=3, exact=False), replace(PUSH, event_id="e2", told=4)]
    later = [replace(UPDATE, started_at=200.0 + number, ended_at=210.0 + number) for number in range(more)]
    assert kinds(judge([CACHE], pushes, [UPDATE, *later])) == found


@pytest.mark.parametrize(("more", "found"), [(3, []), (4, [Kind.UNBOUNDED])])
def test_where_nothing_is_remembered_each_push_may_cost_one_more(more: int, found: list[Kind]) -> None:
    pushes = [replace(PUSH, event_id=f"e{number}") for number in range(3)]
    later = [replace(UPDATE, started_at=200.0 + number, ended_at=210.0 + number) for number in range(more)]
    assert kinds(judge([replace(CACHE, remembers=False)], pushes, [UPDATE, *later])) == found


@pytest.mark.parametrize(("more", "found"), [(7, []), (8, [Kind.UNBOUNDED])])
def test_where_tasks_are_not_joined_whatever_is_sent_may_cost_one_more(more: int, found: list[Kind]) -> None:
    pushes = [replace(PUSH, event_id="e1", told=3), replace(PUSH, event_id="e2", told=4)]
    later = [replace(UPDATE, started_at=200.0 + number, ended_at=210.0 + number) for number in range(more)]
    assert kinds(judge([replace(CACHE, joined=False)], pushes, [UPDATE, *later])) == found


@pytest.mark.parametrize(("more", "found"), [(4, []), (5, [Kind.UNBOUNDED])])
def test_where_tasks_are_given_twice_twice_as_many_may_be_too_many(more: int, found: list[Kind]) -> None:
    later = [replace(UPDATE, started_at=200.0 + number, ended_at=210.0 + number) for number in range(more)]
    assert kinds(judge([replace(CACHE, copies=2)], [PUSH], [UPDATE, *later])) == found
