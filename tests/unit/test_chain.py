"""One look of a follow task: what it does, by cache status, job, memory and the list that it sets."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from imagecache.base.reasons import Reason, Result
from imagecache.base.timestamps import Moment
from imagecache.engine.chain import look
from imagecache.engine.follow_task import Chain, Job, Task
from imagecache.engine.slot import Slot
from imagecache.engine.steps import Done, Make, NotSeen, Step, Wait
from imagecache.model.change import CacheRequest, Change, PushEvent
from imagecache.model.image_cache import ImageCache
from imagecache.model.selector import CacheSelector
from imagecache.planning.update_memory import MEMORY_TAG, tag_id
from imagecache.planning.update_memory_layout import UpdateMemory, memory_value
from imagecache.policy.rules import NO_RULES, Rule, Rules
from imagecache.policy.tag_policy import Policy
from tests.support.depth import every_value
from tests.support.for_each import for_each
from tests.support.remembered import remembered

HOST = "registry.cn-hangzhou.aliyuncs.com"
OLD, NEW, OTHER = (f"{HOST}/prod/web:{tag}" for tag in ("v1.0.0", "v1.1.0", "v1.2.0"))
STRANGER = "nginx:1.27"
REBUILDS = 3

DUE = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
NOW = DUE + timedelta(seconds=1)
AT = Moment(NOW, timedelta(seconds=2))
BEFORE, AFTER = DUE - timedelta(minutes=5), DUE

AGAIN, WATCH = Job.AGAIN, Job.WATCH
SLOT = Slot((OLD,), (NEW,))
FULL = tuple((f"key-{number}", "") for number in range(20))
SAME = Slot((OLD,), (OLD,))

ANY = Rules((Rule("any", policy=Policy("any")),))
SEMVER = Rules((Rule("versions", policy=Policy("semver")),))


def push(tag: str, **changes: Any) -> PushEvent:
    return PushEvent("acs.cr", "e-1", HOST, "prod/web", tag, pushed_at=BEFORE)._replace(**changes)


def request(**changes: Any) -> CacheRequest:
    selector = CacheSelector(ids=("imc-1",))
    start = CacheRequest("manual", "r-1", Reason.LIST_CHANGED, selector, images=(NEW,), asked_at=BEFORE)
    return start._replace(**changes)


REPUSH, PROMOTION, REQUEST = push("v1.0.0"), push("v1.1.0"), request()
BY_NAME = request(selector=CacheSelector(exact_name="web"))
FORCED = request(images=(OLD,), force=True)
REFRESH = CacheRequest("timer", "t-1", Reason.REFRESH_SCHEDULED, CacheSelector(names=("web",)))


def cache(status: str, *images: str, memory: UpdateMemory | None = None, **changes: Any) -> ImageCache:
    """A cache, by default with the list that it had when the task was stored."""
    tags = () if memory is None else ((MEMORY_TAG, memory_value(memory)),)
    start = ImageCache("cn-hangzhou", "imc-1", "web", status, images or (OLD,), tags)
    return start._replace(**changes)


def task(job: Job, change: Change, slot: Slot | None = None, *, repeats: int = 0) -> Task:
    began = BEFORE if job is Job.WATCH else None
    chain = Chain(BEFORE, repeats=repeats)
    return Task(job, change, DUE, chain, "cn-hangzhou", "imc-1", update_began=began, slot=slot)


def remembers(began: datetime, **changes: Any) -> UpdateMemory:
    return UpdateMemory(began, **changes)


def said(step: Step) -> tuple[Any, ...]:
    """The step as a row of the table: its kind, and what is decided."""
    if isinstance(step, NotSeen):
        return (NotSeen,)
    if isinstance(step, Wait):
        return (Wait, step.reason.value)
    decision = step.decision
    if isinstance(step, Make):
        assert decision.result is Result.REFRESHED
        return (Make, decision.reason.value, decision.images_after, step.repeats)
    return (Done, decision.result.value, decision.reason.value)


def ends(result: str, reason: str) -> tuple[Any, ...]:
    return (Done, result, reason)


def waits(reason: str) -> tuple[Any, ...]:
    return (Wait, reason)


def makes(reason: str, *images: str) -> tuple[Any, ...]:
    return (Make, reason, images, False)


def repeats(reason: str, *images: str) -> tuple[Any, ...]:
    return (Make, reason, images, True)


GONE = ends("ignored", "CACHE_GONE")
CREATION_FAILED = ends("failed", "CREATION_FAILED")
COVERED = ends("unchanged", "COVERED")
SUPERSEDED = ends("ignored", "SUPERSEDED")
LANDED = ends("landed", "LANDED")

Row = tuple[Task, "ImageCache | None", Rules, tuple[Any, ...]]

EITHER_JOB: dict[str, Row] = {
    f"{job.value}, {name}": (task(job, REPUSH), found, NO_RULES, step)
    for job in (AGAIN, WATCH)
    for name, found, step in (
        ("deleted", None, GONE),
        ("its creation failed", cache("Failed"), CREATION_FAILED),
    )
}

SHARED: dict[str, Row] = {
    f"again, {name}": (task(AGAIN, change), found, NO_RULES, step)
    for name, change, found, step in (
        ("Preparing", REPUSH, cache("Preparing"), waits("CACHE_BUSY")),
        ("Creating", REPUSH, cache("Creating"), waits("CACHE_BUSY")),
        ("Updating", REPUSH, cache("Updating"), waits("CACHE_BUSY")),
        ("no memory", REPUSH, cache("Ready"), makes("TAG_REPUSHED", OLD)),
        ("failed", REPUSH, cache("UpdateFailed"), makes("TAG_REPUSHED", OLD)),
        (
            "an update since it was due",
            REPUSH,
            cache("Ready", memory=remembers(AFTER)),
            COVERED,
        ),
        (
            "an update within the clock margin before it was due",
            REPUSH,
            cache("Updating", memory=remembers(DUE - timedelta(seconds=2))),
            COVERED,
        ),
        (
            "an update before the clock margin",
            REPUSH,
            cache("Ready", memory=remembers(DUE - timedelta(seconds=2.1))),
            makes("TAG_REPUSHED", OLD),
        ),
        (
            "an update since it was due that failed",
            REPUSH,
            cache("UpdateFailed", memory=remembers(AFTER)),
            makes("TAG_REPUSHED", OLD),
        ),
        ("another list", REPUSH, cache("Ready", STRANGER), makes("TAG_REPUSHED", STRANGER)),
        ("another tag", REPUSH, cache("Ready", OTHER), makes("TAG_REPUSHED", OTHER)),
        ("a timer", REFRESH, cache("Ready"), makes("REFRESH_SCHEDULED", OLD)),
        ("a timer, renamed", REFRESH, cache("Ready", name="other"), makes("REFRESH_SCHEDULED", OLD)),
    )
}

KEEP_TWO_VERSIONS = Rules((Rule("two versions", policy=Policy("semver", keep=2)),))
KEEP_TWO = Rules((Rule("two", policy=Policy("any", keep=2)),))
GROWS = Slot((OLD,), (OLD, NEW))
GROWN: dict[str, Row] = {
    f"again for a tag that joins others without an order, {name}": (
        task(AGAIN, PROMOTION, GROWS),
        found,
        KEEP_TWO,
        step,
    )
    for name, found, step in (
        ("Ready", cache("Ready"), makes("TAG_PROMOTED", NEW, OLD)),
        ("another tag joined", cache("Ready", OLD, OTHER), SUPERSEDED),
        (
            "another repository's entry joined",
            cache("Ready", OLD, STRANGER),
            makes("TAG_PROMOTED", NEW, OLD, STRANGER),
        ),
    )
}

PROMOTED: dict[str, Row] = {
    f"again for a tag's place, {name}": (task(AGAIN, PROMOTION, SLOT), found, rules, step)
    for name, found, rules, step in (
        ("Updating", cache("Updating"), SEMVER, waits("CACHE_BUSY")),
        ("Ready", cache("Ready"), SEMVER, makes("TAG_PROMOTED", NEW)),
        ("failed", cache("UpdateFailed"), SEMVER, makes("TAG_PROMOTED", NEW)),
        ("set already", cache("Ready", NEW), SEMVER, COVERED),
        ("being set", cache("Updating", NEW, memory=remembers(AFTER)), SEMVER, COVERED),
        ("being set unseen", cache("Updating", NEW, memory=remembers(BEFORE)), SEMVER, waits("CACHE_BUSY")),
        ("being set, nothing remembered", cache("Updating", NEW), SEMVER, waits("CACHE_BUSY")),
        ("set, and failed", cache("UpdateFailed", NEW), SEMVER, makes("TAG_REPUSHED", NEW)),
        ("set beside the old one", cache("Ready", NEW, OLD), KEEP_TWO_VERSIONS, COVERED),
        ("a later version", cache("Ready", OTHER), SEMVER, ends("ignored", "POLICY_HOLDS")),
        ("an entry more", cache("Ready", OLD, STRANGER), SEMVER, makes("TAG_PROMOTED", NEW, STRANGER)),
        ("its rule is gone", cache("Ready"), NO_RULES, ends("ignored", "POLICY_HOLDS")),
        ("its repository is gone", cache("Ready", STRANGER), SEMVER, ends("ignored", "NO_LONGER_LISTED")),
        ("no order", cache("Ready"), ANY, makes("TAG_PROMOTED", NEW)),
        ("no order, another list", cache("Ready", OTHER), ANY, SUPERSEDED),
        (
            "no order, another list of which the cache says when it was set",
            cache("Ready", OTHER, memory=remembers(BEFORE)),
            ANY,
            makes("TAG_PROMOTED", NEW),
        ),
    )
}

LISTED: dict[str, Row] = {
    f"again for a person's list, {name}": (task(AGAIN, change, slot), found, NO_RULES, step)
    for name, change, slot, found, step in (
        ("Updating", REQUEST, SLOT, cache("Updating"), waits("CACHE_BUSY")),
        ("Ready", REQUEST, SLOT, cache("Ready"), makes("LIST_CHANGED", NEW)),
        ("renamed", BY_NAME, SLOT, cache("Ready", name="other"), makes("LIST_CHANGED", NEW)),
        ("set already", REQUEST, SLOT, cache("Ready", NEW), COVERED),
        ("set, and failed", REQUEST, SLOT, cache("UpdateFailed", NEW), makes("LIST_CHANGED", NEW)),
        ("another list", REQUEST, SLOT, cache("Ready", OTHER), SUPERSEDED),
        (
            "another list, of a push",
            REQUEST,
            SLOT,
            cache("Ready", OTHER, memory=remembers(BEFORE)),
            SUPERSEDED,
        ),
        (
            "another list, asked for before",
            REQUEST,
            SLOT,
            cache("Ready", OTHER, memory=remembers(BEFORE, asked=BEFORE - timedelta(seconds=9))),
            makes("LIST_CHANGED", NEW),
        ),
        (
            "another list, asked for later",
            REQUEST,
            SLOT,
            cache("Ready", OTHER, memory=remembers(AFTER, asked=BEFORE + timedelta(seconds=9))),
            SUPERSEDED,
        ),
        (
            "the old list, asked for later",
            REQUEST,
            SLOT,
            cache("Ready", memory=remembers(AFTER, asked=BEFORE + timedelta(seconds=9))),
            SUPERSEDED,
        ),
        (
            "a message that does not say when it was asked for",
            request(asked_at=None),
            SLOT,
            cache("Ready", OTHER, memory=remembers(AFTER, asked=AFTER)),
            makes("LIST_CHANGED", NEW),
        ),
        ("the same list", FORCED._replace(force=False), SAME, cache("Ready"), COVERED),
        ("the same list, forced", FORCED, SAME, cache("Ready"), makes("LIST_CHANGED", OLD)),
        ("the same list, forced, Updating", FORCED, SAME, cache("Updating"), waits("CACHE_BUSY")),
    )
}

WATCHED: dict[str, Row] = {
    f"watch, {name}": (task(WATCH, change, slot), found, rules, step)
    for name, change, slot, found, rules, step in (
        ("Updating", REPUSH, None, cache("Updating"), NO_RULES, waits("UPDATE_RUNNING")),
        ("Ready", REPUSH, None, cache("Ready", memory=remembers(BEFORE)), NO_RULES, LANDED),
        ("Ready without a trace", REPUSH, None, cache("Ready"), NO_RULES, SUPERSEDED),
        ("Ready, no room for a trace", REPUSH, None, cache("Ready", tags=FULL), NO_RULES, LANDED),
        ("Ready again since", REPUSH, None, cache("Ready", ready_at=AFTER), NO_RULES, LANDED),
        (
            "Ready since long before",
            REPUSH,
            None,
            cache("Ready", ready_at=BEFORE - timedelta(seconds=4)),
            NO_RULES,
            SUPERSEDED,
        ),
        ("Ready with its list", PROMOTION, SLOT, cache("Ready", NEW), SEMVER, LANDED),
        ("Ready with the list before", PROMOTION, SLOT, cache("Ready"), SEMVER, SUPERSEDED),
        ("Ready with a later tag", PROMOTION, SLOT, cache("Ready", OTHER), SEMVER, SUPERSEDED),
        ("Ready with an entry more", PROMOTION, SLOT, cache("Ready", NEW, STRANGER), SEMVER, LANDED),
        ("Ready without the entry", PROMOTION, SLOT, cache("Ready", STRANGER), SEMVER, SUPERSEDED),
        ("Ready with a person's list", REQUEST, SLOT, cache("Ready", NEW), NO_RULES, LANDED),
        ("Ready with another's list", REQUEST, SLOT, cache("Ready", OTHER), NO_RULES, SUPERSEDED),
        ("failed", REPUSH, None, cache("UpdateFailed"), NO_RULES, repeats("TAG_REPUSHED", OLD)),
        (
            "failed and renamed",
            REFRESH,
            None,
            cache("UpdateFailed", name="other"),
            NO_RULES,
            repeats("REFRESH_SCHEDULED", OLD),
        ),
        (
            "failed, the list put back",
            PROMOTION,
            SLOT,
            cache("UpdateFailed"),
            SEMVER,
            repeats("TAG_REPUSHED", NEW),
        ),
        (
            "failed with a later tag",
            PROMOTION,
            SLOT,
            cache("UpdateFailed", OTHER),
            SEMVER,
            repeats("TAG_REPUSHED", OTHER),
        ),
        (
            "failed, a later update",
            REPUSH,
            None,
            cache("UpdateFailed", memory=remembers(BEFORE + timedelta(seconds=3))),
            NO_RULES,
            SUPERSEDED,
        ),
        (
            "failed, its own memory",
            REPUSH,
            None,
            cache("UpdateFailed", memory=remembers(BEFORE)),
            NO_RULES,
            repeats("TAG_REPUSHED", OLD),
        ),
    )
}

FRAGILE = SLOT._replace(restorable=True)
UNDONE = remembers(BEFORE, undone=(("abcd", NOW - timedelta(hours=23)),))
LONG_AGO = remembers(BEFORE, undone=(("abcd", NOW - timedelta(hours=25)),))
TAKEN_BACK: dict[str, Row] = {
    f"watch of a promotion, {name}": (one, found, SEMVER, step)
    for name, one, found, step in (
        ("failed", task(WATCH, PROMOTION, FRAGILE), cache("UpdateFailed", NEW), repeats("TAG_REPUSHED", NEW)),
        (
            "failed twice more",
            task(WATCH, PROMOTION, FRAGILE, repeats=2),
            cache("UpdateFailed", NEW),
            repeats("TAG_REPUSHED", NEW),
        ),
        (
            "failed three times more",
            task(WATCH, PROMOTION, FRAGILE, repeats=3),
            cache("UpdateFailed", NEW),
            repeats("PROMOTION_UNDONE", OLD),
        ),
        (
            "failed three times more, not to be put back",
            task(WATCH, PROMOTION, SLOT, repeats=3),
            cache("UpdateFailed", NEW),
            ends("failed", "UPDATE_FAILED"),
        ),
        (
            "failed, another one was taken back within a day",
            task(WATCH, PROMOTION, FRAGILE),
            cache("UpdateFailed", NEW, memory=UNDONE),
            repeats("PROMOTION_UNDONE", OLD),
        ),
        (
            "failed, another one was taken back before",
            task(WATCH, PROMOTION, FRAGILE),
            cache("UpdateFailed", NEW, memory=LONG_AGO),
            repeats("TAG_REPUSHED", NEW),
        ),
        (
            "failed, and so did a later update of the list",
            task(WATCH, PROMOTION, FRAGILE),
            cache("UpdateFailed", NEW, memory=remembers(AFTER, failures=2, failed=("abcd",))),
            waits("BACKING_OFF"),
        ),
        (
            "failed, and so did later updates of the list",
            task(WATCH, PROMOTION, FRAGILE),
            cache("UpdateFailed", NEW, memory=remembers(AFTER, failures=3, failed=("abcd",))),
            repeats("PROMOTION_UNDONE", OLD),
        ),
        (
            "failed, and so did later updates that a person asked for",
            task(WATCH, PROMOTION, FRAGILE),
            cache("UpdateFailed", NEW, memory=remembers(AFTER, failures=3)),
            ends("ignored", "SUPERSEDED"),
        ),
        (
            "failed, and so did a later update of another list",
            task(WATCH, PROMOTION, FRAGILE),
            cache("UpdateFailed", OTHER, memory=remembers(AFTER, failures=3)),
            ends("ignored", "SUPERSEDED"),
        ),
        (
            "was built, and a later update of the list failed",
            task(WATCH, PROMOTION, FRAGILE, repeats=3),
            cache("UpdateFailed", NEW, memory=remembers(AFTER)),
            ends("ignored", "SUPERSEDED"),
        ),
        (
            "failed, and a person asked for the list",
            task(WATCH, PROMOTION, FRAGILE, repeats=3),
            cache("UpdateFailed", NEW, memory=remembers(BEFORE, asked=BEFORE)),
            ends("failed", "UPDATE_FAILED"),
        ),
        (
            "failed, and a person had asked for the list before",
            task(WATCH, PROMOTION, FRAGILE, repeats=3),
            cache("UpdateFailed", NEW, memory=remembers(BEFORE, asked=BEFORE - timedelta(seconds=1))),
            repeats("PROMOTION_UNDONE", OLD),
        ),
        (
            "failed, and a person asked for the list later",
            task(WATCH, PROMOTION, FRAGILE, repeats=3),
            cache("UpdateFailed", NEW, memory=remembers(AFTER, asked=AFTER, failures=3)),
            ends("ignored", "SUPERSEDED"),
        ),
        (
            "failed in another list, of which nothing is remembered",
            task(WATCH, PROMOTION, FRAGILE, repeats=2),
            cache("UpdateFailed", NEW, STRANGER),
            repeats("TAG_REPUSHED", NEW, STRANGER),
        ),
        (
            "failed, and the platform shows the list before",
            task(WATCH, PROMOTION, FRAGILE, repeats=3),
            cache("UpdateFailed"),
            repeats("PROMOTION_UNDONE", OLD),
        ),
        (
            "put back",
            task(WATCH, PROMOTION, Slot((NEW,), (OLD,)), repeats=4)._replace(undoes=True),
            cache("Ready"),
            ends("landed", "PROMOTION_UNDONE"),
        ),
        (
            "put back, and failed once",
            task(WATCH, PROMOTION, Slot((NEW,), (OLD,)))._replace(undoes=True),
            cache("UpdateFailed"),
            repeats("PROMOTION_UNDONE", OLD),
        ),
        (
            "put back, and failed",
            task(WATCH, PROMOTION, Slot((NEW,), (OLD,)), repeats=4)._replace(undoes=True),
            cache("UpdateFailed"),
            ends("failed", "UPDATE_FAILED"),
        ),
    )
}

ALONE = task(AGAIN, push("v1.1.0", pushed_at=AFTER)).wait_alone("v1.1.0")
BACK_AGAIN = remembers(NOW, undone=((tag_id(HOST, "prod/web", "v1.1.0"), AFTER),))
LEFT_OUT: dict[str, Row] = {
    f"again of a push, {name}": (one, found, SEMVER, step)
    for name, one, found, step in (
        (
            "left out by an update",
            task(AGAIN, PROMOTION),
            cache("Ready", memory=remembers(AFTER)),
            makes("TAG_PROMOTED", NEW),
        ),
        (
            "left out by one that runs",
            task(AGAIN, PROMOTION),
            cache("Updating", memory=remembers(AFTER)),
            waits("CACHE_BUSY"),
        ),
        ("in an update", task(AGAIN, PROMOTION), cache("Ready", NEW, memory=remembers(AFTER)), COVERED),
        (
            "taken back, and others wait",
            task(AGAIN, ALONE.change),
            cache("Ready", memory=BACK_AGAIN),
            COVERED,
        ),
        ("taken back, alone", ALONE, cache("Ready", memory=BACK_AGAIN), ends("ignored", "POLICY_HOLDS")),
        ("no longer listed, alone", ALONE, cache("Ready", STRANGER), ends("ignored", "NO_LONGER_LISTED")),
        (
            "pushed after the last try, alone",
            ALONE._replace(change=push("v1.1.0", pushed_at=NOW)),
            cache("Ready", memory=BACK_AGAIN),
            makes("TAG_PROMOTED", NEW),
        ),
        ("failing, alone", ALONE, cache("UpdateFailed", NEW), makes("TAG_REPUSHED", NEW)),
    )
}

TABLE = EITHER_JOB | SHARED | GROWN | PROMOTED | LISTED | WATCHED | TAKEN_BACK | LEFT_OUT


def test_where_the_rules_do_not_want_it_any_more_nothing_is_put_back() -> None:
    rules = Rules((Rule("versions", policy=Policy("semver"), restores_failed=False),))
    step = look(task(WATCH, PROMOTION, FRAGILE, repeats=3), cache("UpdateFailed", NEW), AT, rules, REBUILDS)
    assert said(step) == ends("failed", "UPDATE_FAILED")


@for_each(("one", "found", "rules", "step"), TABLE.values(), ids=TABLE)
def test_a_look(one: Task, found: ImageCache | None, rules: Rules, step: tuple[Any, ...]) -> None:
    assert said(look(one, found, AT, rules, REBUILDS)) == step


def test_a_forced_rebuild_that_was_made_is_not_made_again() -> None:
    made = cache("Ready", tags=remembered(cache("Ready"), [FORCED], AFTER))
    assert said(look(task(AGAIN, FORCED, SAME), made, AT, NO_RULES, REBUILDS)) == COVERED


@for_each("due", [BEFORE, BEFORE + timedelta(seconds=1), BEFORE + timedelta(seconds=4)])
def test_a_task_of_another_margin_is_covered_by_no_update_before_its_own_change(due: datetime) -> None:
    """The version before knew no due times, and the clock skew may have been a smaller one."""

    def step(seconds: float) -> tuple[Any, ...]:
        found = cache("Updating", memory=remembers(BEFORE + timedelta(seconds=seconds)))
        change = REPUSH._replace(pushed_at=None)
        return said(look(task(AGAIN, change)._replace(due=due), found, AT, NO_RULES, REBUILDS))

    assert [step(seconds) for seconds in (-1, 1.9, 2)] == [waits("CACHE_BUSY")] * 2 + [COVERED]


def test_what_covers_is_named() -> None:
    step = look(task(AGAIN, REPUSH), cache("Ready", memory=remembers(AFTER)), AT, NO_RULES, REBUILDS)
    assert isinstance(step, Done)
    assert step.decision.covered_by == remembers(AFTER)


@pytest.mark.parametrize(("seen", "step"), [(True, SUPERSEDED), (False, repeats("TAG_REPUSHED", OLD))])
def test_a_later_update_that_was_seen_is_left_to_its_own_watch_though_its_failure_hides_it(
    seen: bool, step: tuple[Any, ...]
) -> None:
    one = task(WATCH, REPUSH)
    one = one.of_earlier(AFTER, failed=False) if seen else one
    assert said(look(one, cache("UpdateFailed"), AT, NO_RULES, REBUILDS)) == step


@pytest.mark.parametrize(("failed", "step"), [(True, repeats("PROMOTION_UNDONE", OLD)), (False, SUPERSEDED)])
def test_a_promotion_is_taken_back_where_an_update_from_its_failed_cache_is_hidden(
    failed: bool, step: tuple[Any, ...]
) -> None:
    one = task(WATCH, PROMOTION, FRAGILE).of_earlier(AFTER, failed=failed)
    assert said(look(one, cache("UpdateFailed", NEW), AT, SEMVER, REBUILDS)) == step


@pytest.mark.parametrize("made", [REBUILDS - 1, REBUILDS, REBUILDS + 1])
def test_a_failed_update_is_repeated_a_bounded_number_of_times(made: int) -> None:
    step = look(task(WATCH, REPUSH, repeats=made), cache("UpdateFailed"), AT, NO_RULES, REBUILDS)
    over = ends("failed", "UPDATE_FAILED")
    assert said(step) == (over if made >= REBUILDS else repeats("TAG_REPUSHED", OLD))


@every_value
@pytest.mark.parametrize("warning", ["Failed: no such manifest", ""])
@pytest.mark.parametrize(("status", "made"), [("Failed", 0), ("UpdateFailed", 0), ("UpdateFailed", REBUILDS)])
def test_a_failure_is_told_with_the_caches_own_words(status: str, made: int, warning: str) -> None:
    found = cache(status, last_warning=warning)
    step = look(task(WATCH, REPUSH, repeats=made), found, AT, NO_RULES, REBUILDS)
    assert not isinstance(step, Wait)
    assert step.decision.message.endswith(f": {warning or 'no reason is given'}")


EARLIER = BEFORE - timedelta(minutes=20)


def in_place(slot: Slot | None) -> Task:
    """A watch that a late look left its update to, if that was not made."""
    look_late = task(AGAIN, push("v1.1.0"))._replace(chain=Chain(BEFORE - timedelta(hours=1), looks=8))
    watch = look_late.next(WATCH, DUE, BEFORE, held=False)
    return watch._replace(key=look_late.successor_key, update_began=BEFORE, slot=slot, ready_before=EARLIER)


LATER = BEFORE + timedelta(minutes=1)
PERSON = remembers(LATER, asked=BEFORE)
NOT_SEEN = (NotSeen,)


@for_each(
    ("watch", "found", "expected"),
    [
        (in_place(None), cache("Ready", ready_at=EARLIER), NOT_SEEN),
        (in_place(None), cache("Ready", ready_at=BEFORE + timedelta(seconds=1)), LANDED),
        (in_place(None)._replace(ready_before=None), cache("Ready", ready_at=LATER), LANDED),
        (in_place(None), cache("Ready", ready_at=LATER), LANDED),
        (in_place(None), cache("Ready", memory=remembers(EARLIER)), NOT_SEEN),
        (in_place(None), cache("Ready", memory=remembers(BEFORE)), LANDED),
        (in_place(None), cache("Ready", tags=FULL), LANDED),
        (in_place(None), cache("UpdateFailed", memory=remembers(EARLIER, failures=2)), NOT_SEEN),
        (in_place(None)._replace(chain=Chain(BEFORE)), cache("Ready", ready_at=EARLIER), SUPERSEDED),
        # Another update was made, with the list before.
        (in_place(SLOT), cache("Ready", OLD, memory=remembers(LATER), ready_at=NOW), NOT_SEEN),
        (in_place(SLOT), cache("UpdateFailed", OLD, memory=remembers(LATER, failures=1)), NOT_SEEN),
        (in_place(SLOT), cache("Ready", OLD, ready_at=NOW), NOT_SEEN),
        (in_place(SLOT), cache("Ready", NEW, memory=remembers(LATER), ready_at=NOW), LANDED),
        (in_place(SLOT), cache("Ready", OLD, memory=PERSON, ready_at=NOW), SUPERSEDED),
        (in_place(SLOT), cache("Ready", OLD, memory=remembers(BEFORE), ready_at=NOW), SUPERSEDED),
        # Or with another one, in which its place is free; or is not.
        (in_place(SLOT), cache("Ready", OLD, STRANGER, memory=remembers(LATER), ready_at=NOW), NOT_SEEN),
        (in_place(SLOT), cache("Ready", OTHER, memory=remembers(LATER), ready_at=NOW), SUPERSEDED),
    ],
)
def test_a_watch_sees_whether_its_update_was_made(
    watch: Task, found: ImageCache, expected: tuple[Any, ...]
) -> None:
    assert said(look(watch, found, AT, SEMVER, REBUILDS)) == expected
