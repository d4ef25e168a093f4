"""Changes followed through: deferred ones done later, updates seen to land, and every way to fail."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from imagecache.base.errors import PermanentEntryPointError, RetryableEntryPointError
from tests.support.depth import every_value

OTHER = "acme-registry.cn-hangzhou.cr.aliyuncs.com/prod/api:v1"
UTC = timezone.utc
DEFERRED_BUSY = [("deferred", "CACHE_BUSY")]
RUNNING = [("deferred", "UPDATE_RUNNING")]
REFRESHED = [("refreshed", "TAG_REPUSHED")]
LANDED = [("landed", "LANDED")]
GONE = [("ignored", "CACHE_GONE")]


def said(visits: list[Any]) -> list[tuple[str, str]]:
    return [pair for visit in visits for pair in visit.said]


def aged(world: Any, document: dict[str, Any], seconds: float) -> dict[str, Any]:
    """The message, due now, of a chain that began so long ago."""
    now = world.clock.moment()
    since = now - timedelta(seconds=seconds)
    return document | {"since": since.isoformat(), "due": now.isoformat()}


def until_landed(visits: list[Any]) -> list[tuple[str, str]]:
    """What was said on the way, without the looks at a busy cache."""
    return [pair for pair in said(visits) if pair not in {*RUNNING, *DEFERRED_BUSY}]


def test_an_accepted_update_is_seen_to_land(world: Any) -> None:
    cache_id = world.cache()
    pushed = world.push(world.event("e-1", age_seconds=100))

    assert pushed.said == REFRESHED
    (task,) = world.tasks.waiting
    assert pushed.record["follow_task_id"] == task.task_id
    assert (task.document["job"], task.document["imageCacheId"]) == ("watch", cache_id)
    assert 4 < task.due - world.clock() <= 64

    landed = world.settle()[-1]

    assert landed.said == LANDED
    assert landed.record["image_cache_id"] == cache_id
    assert landed.record["event_id"] == "e-1"
    assert landed.record["changes_known"] == 1
    assert landed.record["covered_by"] == task.document["updateBegan"]
    # The cache's events say when the rebuild of 100 s ended; the push was 100 s old.
    assert 199 <= landed.record["staleness_seconds"] < 202
    assert world.tasks.waiting == []
    assert len(world.update_calls()) == 1


def test_the_staleness_of_a_push_without_a_time_counts_from_its_arrival(world: Any) -> None:
    world.cache()
    world.push(world.event(pushed_at=""))
    landed = world.settle()[-1]
    assert landed.said == LANDED
    assert 99 <= landed.record["staleness_seconds"] < 101


def test_a_running_update_is_looked_at_on_the_grid_where_its_time_is_not_known(world: Any) -> None:
    world.eci.settings(rebuild_seconds=5000)
    world.cache()
    world.push()
    visits = world.settle()
    assert said(visits) == RUNNING * (len(visits) - 1) + LANDED
    assert [visit.record["attempt"] for visit in visits] == list(range(1, len(visits) + 1))
    assert {round(visit.at, 1) % 60 for visit in visits} == {0}
    assert len(visits) <= 6 + 5000 / 60
    assert len(world.update_calls()) == 1


def test_a_remembered_rebuild_is_looked_at_once(world: Any) -> None:
    world.eci.settings(rebuild_seconds=600)
    world.cache()
    for _ in range(2):
        world.push()
        visits = world.settle()
        assert visits[-1].said == LANDED
    # The first rebuild's time was learnt from the cache's events with the second update.
    world.push()
    assert said(world.settle()) == LANDED


def test_a_busy_cache_is_updated_when_it_can_be_and_lands(world: Any) -> None:
    cache_id = world.cache(OTHER, world.image, status="Updating")

    busy = world.push()
    assert busy.said == DEFERRED_BUSY
    assert busy.record["follow_task_id"] == world.tasks.waiting[0].task_id
    assert world.update_calls() == []

    assert world.run_next().said == DEFERRED_BUSY
    (again,) = world.tasks.waiting
    assert 58 <= again.due - world.clock() <= 62
    world.eci.force(cache_id, "Ready")
    assert world.run_next().said == REFRESHED
    assert world.settle()[-1].said == LANDED
    (update,) = world.updates(cache_id)
    assert update["images"] == [OTHER, world.image]


@pytest.mark.parametrize("code", ["IncorrectStatus", "ImageCache.IncorrectStatus", "OperationConflict"])
def test_a_refusal_as_busy_is_deferred_too(world: Any, code: str) -> None:
    cache_id = world.cache()
    world.eci.inject("error", code=code, action="UpdateImageCache", count=2)
    pushed = world.push()
    assert pushed.said == DEFERRED_BUSY
    assert (pushed.record["update_calls"], pushed.record["error"]["code"]) == (2, code)
    assert until_landed(world.settle())[-1:] == LANDED
    assert len(world.updates(cache_id)) == 1


def test_an_update_that_took_effect_without_an_answer_is_not_made_again(world: Any) -> None:
    cache_id = world.cache()
    world.eci.inject("reset", action="UpdateImageCache", acts=True, count=3)
    # The answer is lost, and the cache that is read again tells that its update runs, for this push.
    pushed = world.push()
    assert pushed.said == [("unchanged", "COVERED")]
    assert pushed.record["update_calls"] == len(world.update_calls()) > 1
    assert until_landed(world.settle()) == LANDED
    assert len(world.updates(cache_id)) == 1


def test_an_update_that_fails_once_is_made_again_and_lands(world: Any) -> None:
    cache_id = world.cache(OTHER, world.image)
    world.eci.inject("update_fails", message="no such manifest")
    world.push()
    visits = world.settle()
    assert until_landed(visits) == REFRESHED + LANDED
    (again,) = [visit.record for visit in visits if visit.said == REFRESHED]
    assert again["cache_status"] == "UpdateFailed"
    assert again["cache_event"] == "UpdateFailed: no such manifest"
    assert [update["status"] for update in world.updates(cache_id)] == ["UpdateFailed", "Ready"]
    assert [update["images"] for update in world.updates(cache_id)] == [[OTHER, world.image]] * 2


@pytest.mark.parametrize("rebuilds", [0, 1, 3])
def test_an_update_that_fails_each_time_is_made_again_a_bounded_number_of_times(
    world: Any, rebuilds: int
) -> None:
    world.setenv("IMC_FOLLOW_REBUILDS", str(rebuilds))
    cache_id = world.cache()
    world.eci.inject("update_fails", count=50, message="disk quota exceeded")
    world.push()
    visits = world.settle()

    assert [update["status"] for update in world.updates(cache_id)] == ["UpdateFailed"] * (1 + rebuilds)
    last = visits[-1]
    assert isinstance(last.error, PermanentEntryPointError)
    assert last.said == [("failed", "UPDATE_FAILED")]
    assert last.record["fate"] == "on_failure_queue"
    assert last.record["cache_event"] == "UpdateFailed: disk quota exceeded"
    assert "disk quota exceeded" in last.record["message"]
    assert f"after {rebuilds} repetitions" in last.record["message"]
    assert "disk quota exceeded" in str(last.error)
    assert [visit.error for visit in visits[:-1]] == [None] * (len(visits) - 1)
    assert world.tasks.waiting == []


def test_the_count_of_failures_begins_anew_after_one_that_was_ready(world: Any) -> None:
    world.setenv("IMC_FOLLOW_REBUILDS", "1")
    cache_id = world.cache()
    for _ in range(3):
        world.eci.inject("update_fails")
        world.push()
        assert world.settle()[-1].said == LANDED
    statuses = [update["status"] for update in world.updates(cache_id)]
    assert statuses == ["UpdateFailed", "Ready"] * 3


@every_value
@pytest.mark.parametrize("door", ["push", "manual", "timer"])
@pytest.mark.parametrize("status", ["Ready", "Updating"])
def test_a_cache_that_was_deleted_meanwhile_ends_quietly(world: Any, door: str, status: str) -> None:
    cache_id = world.cache(status=status)
    if door == "push":
        world.push()
    elif door == "manual":
        world.manual(imageCacheId=cache_id)
    else:
        world.timer({"action": "refresh", "caches": {"names": ["web"]}})
    assert len(world.tasks.waiting) == 1
    world.eci.delete_cache(cache_id)

    gone = world.run_next()

    assert gone.error is None
    assert gone.said == GONE
    assert gone.record["image_cache_id"] == cache_id
    assert world.tasks.waiting == []


@pytest.mark.parametrize("image", [OTHER, "acme-registry.cn-hangzhou.cr.aliyuncs.com/prod/web:v2"])
def test_what_waited_for_a_cache_is_rebuilt_whatever_became_of_the_entry(world: Any, image: str) -> None:
    """Other changes may have been merged into the task: the list is rebuilt as it is, once."""
    cache_id = world.cache(status="Updating")
    world.push()
    world.cache(image, image_cache_id=cache_id)
    assert world.run_next().said == REFRESHED
    assert world.settle()[-1].said == LANDED
    (update,) = world.updates(cache_id)
    assert update["images"] == [image]


def test_a_cache_that_stays_busy_is_given_up(world: Any) -> None:
    world.setenv("IMC_FOLLOW_GIVE_UP_SECONDS", "3600")
    world.cache(status="Updating")
    world.push()
    document = world.tasks.take().document

    world.clock.advance(120)
    patient = world.follow(aged(world, document, 3500))
    assert patient.said == DEFERRED_BUSY

    over = world.follow(aged(world, document, 3601))
    assert isinstance(over.error, PermanentEntryPointError)
    assert over.said == [("failed", "GAVE_UP")]
    assert over.record["fate"] == "on_failure_queue"
    assert "not done after 1 h" in over.record["message"]
    assert "is Updating" in over.record["message"]
    assert len(world.tasks.waiting) == 1


def test_an_update_that_never_ends_is_given_up_a_day_later(world: Any) -> None:
    # Looks that are far apart: a day has few of them.
    world.setenv("IMC_FOLLOW_BASE_SECONDS", "600")
    world.eci.settings(rebuild_seconds=10**7)
    world.cache()
    pushed = world.push()
    over = world.settle()[-1]
    assert isinstance(over.error, PermanentEntryPointError)
    assert over.said == [("failed", "GAVE_UP")]
    assert 30 * 3600 <= over.at - pushed.at <= 30 * 3600 + 1260
    assert world.tasks.waiting == []


def test_what_is_done_at_last_is_not_given_up_for_its_age(world: Any) -> None:
    cache_id = world.cache(status="Updating")
    world.push()
    world.eci.force(cache_id, "Ready")
    assert world.follow(aged(world, world.tasks.take().document, 99_999)).said == REFRESHED


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("QuotaExceeded", "QUOTA_EXCEEDED"),
        ("OperationDenied.NoStock", "OUT_OF_STOCK"),
        ("InvalidVSwitchId.IpNotEnough", "OUT_OF_ADDRESSES"),
    ],
)
def test_used_up_capacity_waits_the_longest_delay_and_is_then_done(
    world: Any, code: str, reason: str
) -> None:
    # The cache remembers nothing; its events show that no update followed its creation.
    created = {"type": "Normal", "reason": "Ready", "message": "cached", "at": world.clock.now - 60}
    cache_id = world.cache(events=[created])
    world.eci.inject("error", code=code, action="UpdateImageCache")
    pushed = world.push()
    assert pushed.said == [("deferred", reason)]
    assert pushed.record["update_calls"] == 1
    (task,) = [task for task in world.tasks.waiting if task.document["job"] == "again"]
    assert task.document["due"].endswith(":00+00:00")
    assert datetime.fromisoformat(task.document["due"]).timestamp() % 900 == 0
    # Its watch was stored before the update that was refused.
    assert until_landed(world.settle()) == [("ignored", "SUPERSEDED"), *REFRESHED, *LANDED]
    assert len(world.updates(cache_id)) == 1


def test_a_region_that_cannot_be_listed_is_done_later_and_the_others_now(world: Any) -> None:
    world.setenv("IMC_REGIONS", "cn-hangzhou,cn-beijing")
    here = world.cache()
    there = world.cache(region_id="cn-beijing")
    world.eci.inject("error", code="Throttling.User", region_id="cn-beijing", count=3)

    pushed = world.push()

    assert sorted((record["region_id"], record["reason"]) for record in pushed.records) == [
        ("cn-beijing", "THROTTLED"),
        ("cn-hangzhou", "TAG_REPUSHED"),
    ]
    assert sorted(pushed.said) == [("deferred", "THROTTLED"), *REFRESHED]
    assert [len(world.updates(cache_id)) for cache_id in (here, there)] == [1, 0]
    (unplanned,) = [task for task in world.tasks.waiting if "imageCacheId" not in task.document]
    assert unplanned.document["regionId"] == "cn-beijing"

    visits = world.settle()

    assert [len(world.updates(cache_id)) for cache_id in (here, there)] == [1, 1]
    landed = [visit.record["image_cache_id"] for visit in visits if visit.said == LANDED]
    assert sorted(landed) == sorted([here, there])


def test_a_region_that_cannot_be_listed_again_is_deferred_again(world: Any) -> None:
    cache_id = world.cache()
    world.eci.inject("error", code="ServiceUnavailable", action="DescribeImageCaches", count=6)
    assert world.push().said == [("deferred", "SERVER_ERROR")]
    assert world.run_next().said == [("deferred", "SERVER_ERROR")]
    assert world.run_next().said == REFRESHED
    assert len(world.updates(cache_id)) == 1


def test_a_region_listed_later_in_which_no_cache_is_concerned_ends_quietly(world: Any) -> None:
    world.eci.inject("error", code="Throttling", action="DescribeImageCaches", count=3)
    assert world.push().said == [("deferred", "THROTTLED")]
    assert world.run_next().said == [("ignored", "NO_MATCH")]
    assert world.tasks.waiting == []


def test_a_look_that_fails_in_passing_is_taken_again(world: Any) -> None:
    world.cache()
    world.push()
    world.clock.advance(100)
    world.eci.inject("error", code="ServiceUnavailable", action="DescribeImageCaches", count=3)
    looked = world.run_next()
    assert looked.said == [("deferred", "SERVER_ERROR")]
    assert looked.record["image_cache_id"]
    assert world.run_next().said == LANDED
    assert len(world.update_calls()) == 1


def test_a_look_that_is_forbidden_is_raised(world: Any) -> None:
    world.cache()
    world.push()
    world.eci.inject("error", code="NoPermission", action="DescribeImageCaches")
    looked = world.run_next()
    assert isinstance(looked.error, PermanentEntryPointError)
    assert looked.said == [("failed", "PERMISSION_DENIED")]
    assert world.tasks.waiting == []


def test_a_repetition_that_fails_for_good_is_raised(world: Any) -> None:
    cache_id = world.cache(status="Updating")
    world.push()
    world.eci.force(cache_id, "Ready")
    world.eci.inject("error", code="Account.Arrearage", action="UpdateImageCache")
    failed = world.run_next()
    assert isinstance(failed.error, PermanentEntryPointError)
    assert failed.said == [("failed", "ACCOUNT_BLOCKED")]


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_deferral_that_cannot_be_stored_is_raised_and_a_redelivery_heals(world: Any, status: int) -> None:
    cache_id = world.cache(status="Updating")
    event = world.event()
    world.tasks.refusal = status

    refused = world.push(event)

    assert isinstance(refused.error, RetryableEntryPointError)
    assert refused.said == [("failed", "CACHE_BUSY")]
    assert refused.record["fate"] == "retried"
    assert str(status) in refused.record["hand_off"]
    assert "follow_task_id" not in refused.record

    world.tasks.refusal = 0
    assert world.push(event).said == DEFERRED_BUSY
    world.eci.force(cache_id, "Ready")
    assert world.settle()[-1].said == LANDED
    assert len(world.updates(cache_id)) == 1


def test_a_webhook_that_was_told_to_try_again_is_healed_by_its_second_delivery(world: Any) -> None:
    cache_id = world.cache(status="Updating")
    pushed_at = world.clock.moment().isoformat()
    world.tasks.refusal = 403
    assert world.webhook(pushed_at=pushed_at).answer["statusCode"] == 503
    world.tasks.refusal = 0
    assert world.webhook(pushed_at=pushed_at).answer["statusCode"] == 202
    assert world.webhook(pushed_at=pushed_at).answer["statusCode"] == 202
    assert len(world.tasks.waiting) == 1
    world.eci.force(cache_id, "Ready")
    assert world.settle()[-1].said == LANDED
    assert len(world.updates(cache_id)) == 1


def test_a_hand_off_that_fails_in_passing_is_made_all_the_same(world: Any) -> None:
    world.cache(status="Updating")
    world.tasks.passing = [503, 429]
    assert world.push().said == DEFERRED_BUSY
    assert len(world.tasks.waiting) == 1


def test_an_update_that_nobody_would_follow_is_not_made_for_a_cache_without_memory(world: Any) -> None:
    cache_id = world.cache()
    event = world.event()
    world.tasks.refusal = 403
    unfollowed = world.push(event)
    assert isinstance(unfollowed.error, RetryableEntryPointError)
    assert unfollowed.said == [("failed", "HAND_OFF_FAILED")]
    assert world.update_calls() == []

    world.tasks.refusal = 0
    assert world.push(event).said == REFRESHED
    assert said(world.settle())[-1:] == LANDED
    assert len(world.updates(cache_id)) == 1


def test_an_accepted_update_that_cannot_be_followed_is_raised_and_a_redelivery_follows_it(world: Any) -> None:
    cache_id = world.cache()
    world.push()
    world.settle()
    event = world.event()
    world.tasks.refusal = 403

    unfollowed = world.push(event)

    assert isinstance(unfollowed.error, RetryableEntryPointError)
    assert unfollowed.said == [("failed", "HAND_OFF_FAILED")]
    assert unfollowed.record["eci_request_id"] == world.updates(cache_id)[-1]["request_id"]
    assert world.tasks.waiting == []

    world.tasks.refusal = 0
    covered = world.push(event)
    assert covered.said == [("unchanged", "COVERED")]
    assert covered.record["follow_task_id"] == world.tasks.waiting[0].task_id
    assert said(world.settle())[-1:] == LANDED
    assert len(world.update_calls()) == 2


def test_an_update_made_by_a_follow_task_that_cannot_be_followed_is_healed_by_the_platforms_retry(
    world: Any,
) -> None:
    cache_id = world.cache(status="Updating")
    world.push()
    document = world.tasks.take().document
    world.eci.force(cache_id, "Ready")
    world.tasks.refusal = 403
    document = aged(world, document, 60)
    failed = world.follow(document)
    assert isinstance(failed.error, RetryableEntryPointError)
    assert failed.said == [("failed", "HAND_OFF_FAILED")]
    # The cache remembers nothing, so without its watch no update is made.
    assert world.update_calls() == []

    world.tasks.refusal = 0
    assert world.follow(document).said == REFRESHED
    assert world.settle()[-1].said == LANDED
    assert len(world.update_calls()) == 1


def test_a_task_that_is_run_twice_makes_one_update_and_one_follow_up(world: Any) -> None:
    cache_id = world.cache(status="Updating")
    world.push()
    document = world.tasks.take().document
    world.eci.force(cache_id, "Ready")
    document = aged(world, document, 60)
    assert world.follow(document).said == REFRESHED
    assert world.follow(document).said == [("unchanged", "COVERED")]
    assert len(world.tasks.waiting) == 1
    assert world.settle()[-1].said == LANDED
    assert len(world.update_calls()) == 1


def test_a_lost_memory_does_not_make_a_second_update_of_what_the_task_knows(world: Any) -> None:
    cache_id = world.cache()
    world.push()
    ready = {"type": "Normal", "reason": "Ready", "message": "", "at": world.clock.now + 1}
    world.cache(image_cache_id=cache_id, status="Ready", events=[ready])
    landed = world.settle()[-1]
    assert landed.said == LANDED
    assert len(world.update_calls()) == 1


WEBHOOK, MANUAL, PLAIN = "webhook", "manual over HTTP", "manual"


@every_value
@pytest.mark.parametrize("door", [WEBHOOK, MANUAL, PLAIN])
@pytest.mark.parametrize(
    ("cache_status", "store_status", "status"),
    [("Updating", None, 202), ("Ready", None, 200), ("Updating", 403, 503), ("Ready", 403, 503)],
    ids=["deferred", "refreshed", "not deferred", "not followed"],
)
def test_the_status_says_whether_the_sender_must_try_again(
    world: Any, door: str, cache_status: str, store_status: int | None, status: int
) -> None:
    cache_id = world.cache(status=cache_status)
    world.tasks.refusal = store_status or 0
    if door == WEBHOOK:
        visit = world.webhook()
    elif door == MANUAL:
        visit = world.http("on_manual", "/", {"imageCacheId": cache_id})
    else:
        visit = world.manual(imageCacheId=cache_id)
    if door == PLAIN and status == 503:
        assert isinstance(visit.error, RetryableEntryPointError)
    else:
        assert visit.answer["statusCode"] == status
    assert len(world.tasks.waiting) == (0 if store_status else 1)


def test_without_a_follow_function_nothing_is_deferred_and_the_door_raises(world: Any) -> None:
    world.delenv("IMC_FOLLOW_FUNCTION")
    world.cache(status="Updating")
    refused = world.push()
    assert isinstance(refused.error, RetryableEntryPointError)
    assert refused.said == [("failed", "CACHE_BUSY")]
    assert world.tasks.known == set()


def test_without_a_follow_function_an_accepted_update_is_the_end(world: Any) -> None:
    world.delenv("IMC_FOLLOW_FUNCTION")
    world.cache()
    pushed = world.push()
    assert pushed.said == REFRESHED
    assert "follow_task_id" not in pushed.record


def test_what_is_ignored_or_only_planned_is_not_followed(world: Any) -> None:
    cache_id = world.cache()
    assert world.push(world.event(tag="v9")).said == [("ignored", "POLICY_HOLDS")]
    assert world.push(world.event(repository="none")).said == [("ignored", "NO_MATCH")]
    assert world.manual(imageCacheId=cache_id, dryRun=True).said == [("planned", "REBUILD_REQUESTED")]
    assert world.tasks.known == set()


def test_a_list_asked_for_while_the_cache_was_busy_is_given_to_it_later(world: Any) -> None:
    cache_id = world.cache(status="Updating")
    asked = world.manual(imageCacheId=cache_id, images=[OTHER, world.image])
    assert asked.said == DEFERRED_BUSY
    world.eci.force(cache_id, "Ready")
    visits = world.settle()
    assert until_landed(visits) == [("refreshed", "LIST_CHANGED"), *LANDED]
    assert world.eci.cache(cache_id)["images"] == [OTHER, world.image]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [({"action": "refresh", "caches": {"names": ["w*"]}}, "REFRESH_SCHEDULED"), ("", "SWEEP_REPAIR")],
)
def test_a_timers_work_is_followed_too(world: Any, payload: Any, reason: str) -> None:
    cache_id = world.cache(status="UpdateFailed")
    ticked = world.timer(payload)
    assert ticked.said == [("refreshed", reason)]
    assert said(world.settle())[-1:] == LANDED
    assert len(world.updates(cache_id)) == 1


def test_several_pushes_of_one_delivery_make_one_update_that_lands_for_all(world: Any) -> None:
    cache_id = world.cache(world.image, OTHER)
    events = [world.event("e-1"), world.event("e-2", repository="api", tag="v1")]
    assert world.push(events).said == REFRESHED * 2
    visits = world.settle()
    (landed,) = [visit.record for visit in visits if visit.said == LANDED]
    assert landed["changes_known"] == 2
    assert len(world.updates(cache_id)) == 1


MALFORMED: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"{",
    "no UTF-8": b"\xff",
    "no object": b"[]",
    "an empty object": b"{}",
    "a push event": b'{"id":"e-1","source":"acs.cr"}',
    "another version": b'{"version":3,"attempt":1,"began":"2026-03-02T02:15:31+00:00","change":{}}',
    "nested too deeply": b"[" * 200_000,
}


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("message", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_message_is_recorded_and_raised(world: Any, message: bytes) -> None:
    refused = world.follow(message)
    assert isinstance(refused.error, PermanentEntryPointError)
    assert refused.record["result"] == "rejected"
    assert refused.record["error"]["class"] == "input"
    assert world.eci.journal() == []


def test_a_look_without_credentials_is_recorded_and_raised(world: Any) -> None:
    world.cache()
    world.push()
    world.delenv("ALIBABA_CLOUD_ACCESS_KEY_ID")
    refused = world.run_next()
    assert isinstance(refused.error, PermanentEntryPointError)
    assert refused.said == [("failed", "CREDENTIALS_MISSING")]


def test_wrong_settings_are_recorded_and_raised(world: Any) -> None:
    world.cache()
    world.push()
    world.setenv("IMC_FOLLOW_REBUILDS", "many")
    refused = world.run_next()
    assert isinstance(refused.error, PermanentEntryPointError)
    assert refused.said == [("failed", "SETTINGS_INVALID")]


@pytest.mark.parametrize("first", ["push", "person"])
def test_a_person_waits_for_no_place_of_a_push_that_met_the_failing_cache_first(
    world: Any, first: str
) -> None:
    world.setenv("IMC_FOLLOW_REBUILDS", "100")
    world.eci.settings(failing_images="*", rebuild_seconds=300)
    cache_id = world.cache()
    world.push()
    while len(world.updates(cache_id)) < 5:
        world.run_next()
    world.clock.advance(10)
    calls = [world.push, lambda: world.manual(imageCacheId=cache_id)]
    for call in calls if first == "push" else calls[::-1]:
        assert call().said == [("deferred", "CACHE_BUSY")]
    begin = world.clock()
    while len(world.updates(cache_id)) < 6:
        world.run_next()
    assert world.clock() - begin < 400
