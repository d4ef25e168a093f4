from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.support.depth import every_value

NEW = ["nginx:2", "redis:7"]
UNCHANGED = {"events", "created_at", "build", "queue", "builds"}


def test_an_update_builds_for_its_time_and_ends_ready(eci: Any) -> None:
    cache_id = eci.cache("nginx:1", "redis:7", "old:1")
    eci.control.settings(rebuild_seconds=100)
    before = eci.sdk.describe_one(cache_id)
    began = eci.clock.now

    answer = eci.sdk.update(ImageCacheId=cache_id, Images=NEW, ClientToken="t-1")

    assert list(answer) == ["RequestId"]
    seen = []
    for _ in range(3):
        cache = eci.sdk.describe_one(cache_id)
        seen.append((cache["Status"], cache["Progress"], cache["Images"]))
        eci.clock.advance(50)
    assert seen == [("Updating", "0%", NEW), ("Updating", "50%", NEW), ("Ready", "100%", NEW)]
    assert eci.sdk.describe_one(cache_id)["SnapshotId"] != before["SnapshotId"]
    assert eci.control.history(cache_id) == [
        {
            "image_cache_id": cache_id,
            "kind": "rebuild",
            "started_at": began,
            "ended_at": began + 100,
            "status": "Ready",
            "images": NEW,
            "client_token": "t-1",
            "request_id": answer["RequestId"],
        }
    ]


def test_an_update_under_way_has_no_end_in_the_history(eci: Any) -> None:
    cache_id = eci.cache()
    eci.sdk.update(ImageCacheId=cache_id, Images=NEW)
    (update,) = eci.control.history(cache_id)
    assert (update["ended_at"], update["status"]) == (None, None)


def test_the_time_factor_makes_builds_shorter(eci: Any) -> None:
    cache_id = eci.cache()
    eci.control.settings(rebuild_seconds=600, time_factor=60)
    eci.sdk.update(ImageCacheId=cache_id, Images=NEW)
    eci.clock.advance(9.9)
    assert eci.sdk.describe_one(cache_id)["Status"] == "Updating"
    eci.clock.advance(0.1)
    assert eci.sdk.describe_one(cache_id)["Status"] == "Ready"


def test_an_update_that_is_told_to_fail_ends_update_failed_with_a_warning(eci: Any) -> None:
    cache_id, other = eci.cache(), eci.cache(image_cache_name="other")
    eci.control.settings(rebuild_seconds=10)
    eci.control.inject("update_fails", image_cache_id=cache_id, message="no such manifest")
    eci.sdk.update(ImageCacheId=other, Images=NEW)
    eci.sdk.update(ImageCacheId=cache_id, Images=NEW)
    eci.clock.advance(10)
    failed = eci.sdk.describe_one(cache_id)
    assert failed["Status"] == "UpdateFailed"
    assert [(event["Type"], event["Message"]) for event in failed["Events"]][-1] == (
        "Warning",
        "no such manifest",
    )
    assert eci.sdk.describe_one(other)["Status"] == "Ready"
    assert [update["status"] for update in eci.control.history(cache_id)] == ["UpdateFailed"]

    eci.sdk.update(ImageCacheId=cache_id, Images=NEW)
    eci.clock.advance(10)
    assert eci.sdk.describe_one(cache_id)["Status"] == "Ready"


@every_value
@pytest.mark.parametrize("status", ["Preparing", "Creating", "Failed", "Updating"])
@pytest.mark.parametrize("code", ["IncorrectStatus", "ImageCache.IncorrectStatus", "OperationConflict"])
def test_an_update_in_another_status_is_refused(eci: Any, refused: Any, status: str, code: str) -> None:
    cache_id = eci.cache("nginx:1", status=status)
    eci.control.settings(busy_code=code)
    assert refused(eci.sdk.update, ImageCacheId=cache_id, Images=NEW) == (400, code)
    assert eci.sdk.describe_one(cache_id)["Images"] == ["nginx:1"]
    assert eci.control.history(cache_id) == []


def test_an_update_during_an_update_is_refused(eci: Any, refused: Any) -> None:
    cache_id = eci.cache()
    eci.sdk.update(ImageCacheId=cache_id, Images=NEW)
    assert refused(eci.sdk.update, ImageCacheId=cache_id, Images=NEW) == (400, "IncorrectStatus")


def test_of_updates_at_the_same_time_one_is_accepted(eci: Any, refused: Any) -> None:
    cache_id = eci.cache()
    outcomes: list[str] = []

    def update() -> None:
        client = eci.new_client()
        try:
            client.update(ImageCacheId=cache_id, Images=NEW)
            outcomes.append("accepted")
        except Exception as error:  # noqa: BLE001 - which one it was is what is tested
            outcomes.append(getattr(error, "error_code", repr(error)))

    threads = [threading.Thread(target=update) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["IncorrectStatus"] * 7 + ["accepted"]
    assert len(eci.control.history(cache_id)) == 1


def test_a_new_cache_is_prepared_created_and_ready(eci: Any) -> None:
    eci.control.settings(creation_seconds=100)
    cache_id = eci.cache(building=True)
    seen = []
    for seconds in (5, 45, 50):
        eci.clock.advance(seconds)
        cache = eci.sdk.describe_one(cache_id)
        seen.append((cache["Status"], cache["Progress"]))
    assert seen == [("Preparing", "5%"), ("Creating", "50%"), ("Ready", "100%")]


def test_a_new_cache_can_fail(eci: Any) -> None:
    cache_id = eci.cache(building=True, status="Failed")
    eci.clock.advance(3600)
    cache = eci.sdk.describe_one(cache_id)
    assert (cache["Status"], cache["Progress"]) == ("Failed", "0%")
    assert cache["Events"][-1]["Type"] == "Warning"
    assert "SnapshotId" not in cache


def test_without_images_only_metadata_changes(eci: Any) -> None:
    cache_id = eci.cache("nginx:1")
    snapshot_id = eci.sdk.describe_one(cache_id)["SnapshotId"]
    eci.sdk.update(ImageCacheId=cache_id, ImageCacheSize=40, RetentionDays=2)
    cache = eci.sdk.describe_one(cache_id)
    assert (cache["Status"], cache["Images"], cache["ImageCacheSize"]) == ("Ready", ["nginx:1"], 40)
    assert cache["SnapshotId"] == snapshot_id
    (update,) = eci.control.history(cache_id)
    assert (update["kind"], update["status"], update["ended_at"]) == ("metadata", "Ready", eci.clock.now)


@pytest.mark.parametrize(
    ("tags_mode", "omitted_mode", "sent", "expected"),
    [
        ("merge", "keep", {"b": "new", "c": "3"}, {"a": "1", "b": "new", "c": "3"}),
        ("replace", "keep", {"b": "new", "c": "3"}, {"b": "new", "c": "3"}),
        ("merge", "keep", None, {"a": "1", "b": "2"}),
        ("merge", "reset", None, {"a": "1", "b": "2"}),
        ("replace", "keep", None, {"a": "1", "b": "2"}),
        ("replace", "reset", None, {}),
    ],
)
def test_tags_are_merged_or_replaced(
    eci: Any, tags_mode: str, omitted_mode: str, sent: dict[str, str] | None, expected: dict[str, str]
) -> None:
    cache_id = eci.cache(tags={"a": "1", "b": "2"})
    eci.control.settings(tags_mode=tags_mode, omitted_mode=omitted_mode)
    tags = [{"Key": key, "Value": value} for key, value in (sent or {}).items()]
    eci.sdk.update(ImageCacheId=cache_id, Images=NEW, Tags=tags)
    shown = eci.sdk.describe_one(cache_id)["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in shown} == expected


def test_more_than_20_tags_after_a_merge_are_refused(eci: Any, refused: Any) -> None:
    cache_id = eci.cache(tags={f"k{number}": "v" for number in range(20)})
    more = [{"Key": "one-more", "Value": "v"}]
    assert refused(eci.sdk.update, ImageCacheId=cache_id, Tags=more) == (400, "InvalidParameter")
    eci.control.settings(tags_mode="replace")
    eci.sdk.update(ImageCacheId=cache_id, Tags=more)
    assert eci.sdk.describe_one(cache_id)["Tags"] == more


@pytest.mark.parametrize(
    ("mode", "size", "others"),
    [
        ("keep", 100, {"EliminationStrategy": "LRU", "ResourceGroupId": "rg-1"}),
        ("reset", 20, {}),
    ],
    ids=["keep", "reset"],
)
def test_parameters_left_out_keep_their_value_or_lose_it(
    eci: Any, mode: str, size: int, others: dict[str, str]
) -> None:
    cache_id = eci.cache(
        image_cache_size=100, elimination_strategy="LRU", resource_group_id="rg-1", retention_days=7
    )
    eci.control.settings(omitted_mode=mode)
    eci.sdk.update(ImageCacheId=cache_id, Images=NEW)
    cache = eci.sdk.describe_one(cache_id)
    names = ("EliminationStrategy", "ResourceGroupId")
    assert cache["ImageCacheSize"] == size
    assert {name: cache[name] for name in names if name in cache} == others
    assert cache["ImageCacheName"] == "web"
    assert ("ExpireDateTime" in cache) == (mode == "keep")


def test_every_parameter_of_an_update_is_taken(eci: Any) -> None:
    cache_id = eci.cache()
    request = {
        "ImageCacheName": "api",
        "SecurityGroupId": "sg-1",
        "VSwitchId": "vsw-1,vsw-2",
        "EipInstanceId": "eip-1",
        "ResourceGroupId": "rg-1",
        "ClientToken": "x" * 64,
        "ImageCacheSize": 30,
        "RetentionDays": 7,
        "AutoMatchImageCache": True,
        "Flash": True,
        "StandardCopyCount": 2,
        "FlashCopyCount": 3,
        "EliminationStrategy": "LRU",
        "Images": NEW,
        "Tags": [{"Key": "team", "Value": ""}],
        "ImageRegistryCredentials": [{"Server": "r.example.com", "UserName": "u", "Password": "p-secret"}],
        "AcrRegistryInfos": [{"InstanceId": "cri-1", "InstanceName": "main", "RegionId": "cn-shanghai"}],
    }
    eci.sdk.update(ImageCacheId=cache_id, **request)
    eci.clock.advance(3600)
    inner = eci.control.cache(cache_id)
    assert {name: inner[name] for name in inner if name not in UNCHANGED} == {
        "image_cache_id": cache_id,
        "region_id": "cn-hangzhou",
        "image_cache_name": "api",
        "status": "Ready",
        "progress": 100,
        "images": NEW,
        "tags": {"team": ""},
        "security_group_id": "sg-1",
        "v_switch_id": "vsw-1,vsw-2",
        "eip_instance_id": "eip-1",
        "resource_group_id": "rg-1",
        "image_cache_size": 30,
        "retention_days": 7,
        "auto_match_image_cache": True,
        "flash": True,
        "standard_copy_count": 2,
        "flash_copy_count": 3,
        "elimination_strategy": "LRU",
        "image_registry_credential": [{"Server": "r.example.com", "UserName": "u"}],
        "acr_registry_info": [{"InstanceId": "cri-1", "InstanceName": "main", "RegionId": "cn-shanghai"}],
        "snapshot_id": inner["snapshot_id"],
        "flash_snapshot_id": inner["snapshot_id"].replace("s-", "s-f"),
        "container_group_id": inner["snapshot_id"].replace("s-", "eci-"),
        "last_matched_at": None,
    }


def test_the_same_client_token_gets_the_first_answer_and_no_second_update(eci: Any) -> None:
    cache_id = eci.cache()
    first = eci.sdk.update(ImageCacheId=cache_id, Images=NEW, ClientToken="t-1")
    again = eci.sdk.update(ImageCacheId=cache_id, Images=NEW, ClientToken="t-1")
    eci.clock.advance(23 * 3600)
    later = eci.sdk.update(ImageCacheId=cache_id, Images=NEW, ClientToken="t-1")
    assert again == later == first
    assert len(eci.control.history(cache_id)) == 1


def test_a_client_token_is_forgotten_after_a_day(eci: Any) -> None:
    cache_id = eci.cache()
    first = eci.sdk.update(ImageCacheId=cache_id, Images=NEW, ClientToken="t-1")
    eci.clock.advance(24 * 3600)
    second = eci.sdk.update(ImageCacheId=cache_id, Images=["other:1"], ClientToken="t-1")
    assert second != first
    assert len(eci.control.history(cache_id)) == 2


def test_the_same_client_token_with_other_parameters_is_refused(eci: Any, refused: Any) -> None:
    cache_id, other = eci.cache(), eci.cache(image_cache_name="other")
    eci.sdk.update(ImageCacheId=cache_id, Images=NEW, ClientToken="t-1")
    mismatch = (400, "IdempotentParameterMismatch")
    assert refused(eci.sdk.update, ImageCacheId=cache_id, Images=["a:1"], ClientToken="t-1") == mismatch
    assert refused(eci.sdk.update, ImageCacheId=other, Images=NEW, ClientToken="t-1") == mismatch


def test_a_refused_update_may_be_tried_again_with_its_client_token(eci: Any, refused: Any) -> None:
    cache_id = eci.cache(status="Updating")
    call = {"ImageCacheId": cache_id, "Images": NEW, "ClientToken": "t-1"}
    assert refused(eci.sdk.update, **call) == (400, "IncorrectStatus")
    eci.control.force(cache_id, "Ready")
    eci.sdk.update(**call)
    assert len(eci.control.history(cache_id)) == 1


@pytest.mark.parametrize(
    ("mode", "status", "expected"),
    [
        ("never", "Ready", None),
        ("ready", "Ready", "NoNeedUpdate"),
        ("ready", "UpdateFailed", None),
        ("any", "Ready", "NoNeedUpdate"),
        ("any", "UpdateFailed", "NoNeedUpdate"),
    ],
)
def test_an_unchanged_list_is_refused_in_the_modes_for_it(
    eci: Any, refused: Any, mode: str, status: str, expected: str | None
) -> None:
    cache_id = eci.cache("nginx:1", status=status)
    eci.control.settings(no_need_update=mode)
    if expected is None:
        eci.sdk.update(ImageCacheId=cache_id, Images=["nginx:1"])
    else:
        assert refused(eci.sdk.update, ImageCacheId=cache_id, Images=["nginx:1"]) == (400, expected)
        eci.sdk.update(ImageCacheId=cache_id, Images=["nginx:2"])
    assert len(eci.control.history(cache_id)) == 1


def test_a_cache_belongs_to_one_region(eci: Any, refused: Any) -> None:
    cache_id = eci.cache(region_id="cn-shanghai")
    assert refused(eci.sdk.update, ImageCacheId=cache_id, Images=NEW) == (404, "InvalidParameter.NotFound")
    eci.new_client(region_id="cn-shanghai").update(ImageCacheId=cache_id, Images=NEW)
    assert len(eci.control.history(cache_id)) == 1


def test_a_cache_that_does_not_exist_is_not_found(eci: Any, refused: Any) -> None:
    assert refused(eci.sdk.update, ImageCacheId="imc-none", Images=NEW) == (404, "InvalidParameter.NotFound")


@pytest.mark.parametrize(
    ("status", "message", "warning"),
    [("Ready", "", None), ("UpdateFailed", "cancelled", "cancelled")],
)
def test_forcing_a_status_ends_the_update_under_way(
    eci: Any, status: str, message: str, warning: str | None
) -> None:
    cache_id = eci.cache()
    eci.sdk.update(ImageCacheId=cache_id, Images=NEW)
    eci.clock.advance(7)
    eci.control.force(cache_id, status, message)
    (update,) = eci.control.history(cache_id)
    assert (update["ended_at"] - update["started_at"], update["status"]) == (7, status)
    last = eci.sdk.describe_one(cache_id)["Events"][-1]
    assert (last["Message"] if last["Type"] == "Warning" else None) == warning
    eci.clock.advance(3600)
    assert eci.sdk.describe_one(cache_id)["Status"] == status


@pytest.mark.parametrize("building", [False, True])
def test_a_forced_status_stays(eci: Any, building: bool) -> None:
    cache_id = eci.cache(building=building)
    eci.control.force(cache_id, "Updating")
    eci.clock.advance(3600)
    assert eci.sdk.describe_one(cache_id)["Status"] == "Updating"


def test_a_forced_failure_leaves_a_warning(eci: Any) -> None:
    cache_id = eci.cache()
    eci.control.force(cache_id, "UpdateFailed", "no such manifest")
    (event,) = eci.sdk.describe_one(cache_id)["Events"]
    assert (event["Type"], event["Reason"], event["Message"]) == (
        "Warning",
        "UpdateFailed",
        "no such manifest",
    )


def test_at_most_50_events_are_kept(eci: Any) -> None:
    cache_id = eci.cache()
    for _ in range(26):
        eci.sdk.update(ImageCacheId=cache_id, Images=NEW)
        eci.clock.advance(3600)
    assert len(eci.sdk.describe_one(cache_id)["Events"]) == 50
