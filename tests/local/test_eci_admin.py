from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.base.loopback import LOOPBACK
from local.base.serving import serve
from local.eci.app import eci_app
from local.eci.control import ControlError, EciControl
from local.eci.service import Service
from tests.support.depth import every_value

NEW = ["nginx:2"]


def known(control: EciControl) -> tuple[list[dict[str, Any]], ...]:
    """All that a server can tell of what happened."""
    return control.caches(), control.history(), control.journal(), control.faults()


def test_a_restart_forgets_nothing(own_eci: Any, refused: Any) -> None:
    cache_id = own_eci.cache()
    own_eci.control.settings(rebuild_seconds=100, busy_code="OperationConflict")
    own_eci.control.inject("error", code="Throttling", action="DescribeImageCaches")
    first = own_eci.sdk.update(ImageCacheId=cache_id, Images=NEW, ClientToken="t-1")
    before = known(own_eci.control)

    own_eci.server.restart()

    assert known(own_eci.control) == before
    assert refused(own_eci.sdk.describe) == (400, "Throttling")
    assert own_eci.sdk.update(ImageCacheId=cache_id, Images=NEW, ClientToken="t-1") == first
    assert refused(own_eci.sdk.update, ImageCacheId=cache_id, Images=NEW) == (400, "OperationConflict")
    own_eci.clock.advance(100)
    assert own_eci.sdk.describe_one(cache_id)["Status"] == "Ready"


def test_a_defect_is_answered_with_500(tmp_path: Path) -> None:
    service = Service(tmp_path / "eci.sqlite", clock=time.time, gateway_clock=time.time)
    with serve(eci_app(service), name="test") as served:
        service.close()
        answer = httpx.get(served.url, **LOOPBACK)
    assert (answer.status_code, answer.json()["Code"]) == (500, "InternalError")


def test_the_journal_tells_every_call_without_its_secrets(eci: Any, refused: Any) -> None:
    cache_id = eci.cache()
    eci.sdk.describe(Limit=5)
    answer = eci.sdk.update(
        ImageCacheId=cache_id,
        Images=NEW,
        ClientToken="t-1",
        ImageRegistryCredentials=[{"Server": "r.example.com", "UserName": "u", "Password": "hunter2"}],
    )
    assert refused(eci.sdk.update, ImageCacheId=cache_id, Images=NEW) == (400, "IncorrectStatus")
    httpx.get(eci.url, params={"password": "hunter2"}, **LOOPBACK)

    journal = eci.control.journal()
    assert [(call["action"], call["status"], call["code"]) for call in journal] == [
        ("DescribeImageCaches", 200, None),
        ("UpdateImageCache", 200, None),
        ("UpdateImageCache", 400, "IncorrectStatus"),
        (None, 400, "MissingParameter"),
    ]
    accepted = journal[1]
    assert (accepted["at"], accepted["method"], accepted["fault"]) == (eci.clock.now, "GET", None)
    assert accepted["request_id"] == answer["RequestId"]
    sent = {name: value for name, value in accepted["parameters"].items() if name != "SignatureNonce"}
    assert sent.pop("Timestamp")
    assert sent == {
        "Action": "UpdateImageCache",
        "Version": "2018-08-08",
        "Format": "JSON",
        "RegionId": "cn-hangzhou",
        "AccessKeyId": eci.credential.access_key_id,
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureType": "",
        "ImageCacheId": cache_id,
        "ClientToken": "t-1",
        "Image.1": "nginx:2",
        "ImageRegistryCredential.1.Server": "r.example.com",
        "ImageRegistryCredential.1.UserName": "u",
    }
    assert "hunter2" not in str(journal)
    assert [call["action"] for call in eci.control.journal("DescribeImageCaches")] == ["DescribeImageCaches"]
    eci.control.clear_journal()
    assert eci.control.journal() == []


def test_after_a_reset_nothing_is_left_and_numbers_begin_anew(eci: Any) -> None:
    defaults = eci.control.settings()
    eci.control.settings(rebuild_seconds=100, busy_code="OperationConflict", largest_limit=7)
    assert eci.control.inject("error", code="Throttling") == 1
    cache_id = eci.cache()
    eci.control.clear_faults()
    eci.sdk.update(ImageCacheId=cache_id, Images=NEW, ClientToken="t-1")
    eci.control.inject("error", code="Throttling")

    eci.control.reset()

    assert known(eci.control) == ([], [], [], [])
    assert eci.control.settings() == defaults
    assert eci.control.inject("error", code="Throttling", action="DescribeImageCaches") == 1
    # The token is forgotten too: it would be refused for another list.
    assert eci.cache(image_cache_id=cache_id) == cache_id
    eci.sdk.update(ImageCacheId=cache_id, Images=["nginx:3"], ClientToken="t-1")


def test_no_secret_is_stored_but_the_key_itself(own_eci: Any) -> None:
    own_eci.sdk.update(
        ImageCacheId=own_eci.cache(),
        Images=NEW,
        ClientToken="t-1",
        ImageRegistryCredentials=[
            {"Server": "r.example.com", "UserName": "u", "Password": "hunter2-hunter2"}
        ],
    )
    files = own_eci.server.database_path.parent.glob("eci.sqlite*")
    stored = b"".join(path.read_bytes() for path in files)
    assert b"r.example.com" in stored
    assert b"hunter2-hunter2" not in stored


def test_a_seed_of_the_same_id_replaces_a_cache(eci: Any) -> None:
    assert eci.cache("nginx:1", image_cache_id="imc-1", tags={"a": "1"}) == "imc-1"
    assert eci.cache("redis:7", image_cache_id="imc-1") == "imc-1"
    (cache,) = eci.control.caches()
    assert (cache["images"], cache["tags"]) == (["redis:7"], {})


def test_a_seed_may_hold_what_no_client_could_send(eci: Any) -> None:
    odd = ["not a reference", "", *(f"a:{number}" for number in range(25))]
    assert eci.sdk.describe_one(eci.cache(*odd))["Images"] == odd


def test_a_deleted_cache_is_gone_and_its_history_stays(eci: Any) -> None:
    cache_id = eci.cache()
    eci.sdk.update(ImageCacheId=cache_id, Images=NEW)
    eci.control.delete_cache(cache_id)
    assert eci.sdk.describe()["TotalCount"] == 0
    assert [update["status"] for update in eci.control.history(cache_id)] == ["Deleted"]
    for order in (eci.control.cache, eci.control.delete_cache):
        with pytest.raises(ControlError, match="404"):
            order(cache_id)


def test_the_history_of_all_caches_or_of_one(eci: Any) -> None:
    one, two = eci.cache(), eci.cache()
    for cache_id in (one, two):
        eci.sdk.update(ImageCacheId=cache_id, Images=NEW)
    assert [update["image_cache_id"] for update in eci.control.history()] == [one, two]
    assert [update["image_cache_id"] for update in eci.control.history(two)] == [two]


def test_settings_are_changed_one_by_one(eci: Any) -> None:
    defaults = eci.control.settings()
    assert eci.control.settings(rebuild_seconds=5) == {**defaults, "rebuild_seconds": 5.0}
    assert eci.control.settings() == {**defaults, "rebuild_seconds": 5.0}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"speed": 1}, "speed"),
        ({"tags_mode": "append"}, "tags_mode: one of merge, replace, drop"),
        ({"busy_code": "Throttling"}, "busy_code: one of"),
        ({"no_need_update": True}, "no_need_update: str expected"),
        ({"show_events": 1}, "show_events: bool expected"),
        ({"rebuild_seconds": "1"}, "rebuild_seconds: float expected"),
        ({"rebuild_seconds": -1}, "0 or more"),
        ({"time_factor": 0}, "more than 0"),
        ({"largest_limit": 0}, "more than 0"),
    ],
    ids=str,
)
def test_a_setting_that_makes_no_sense_is_refused(eci: Any, changes: dict[str, Any], words: str) -> None:
    before = eci.control.settings()
    with pytest.raises(ControlError, match="400") as raised:
        eci.control.settings(**changes)
    assert words in str(raised.value)
    assert eci.control.settings() == before


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"status": "Sleeping"}, "status: one of"),
        ({"colour": "red"}, "'colour'"),
        ({"tags": {"a": 1}, "created_at": "now"}, "created_at: int or float"),
        ({"image_cache_name": None}, "image_cache_name: str"),
        ({"events": [{"type": "Normal"}]}, "events:"),
        ({"building": "no"}, "building: true or false"),
    ],
    ids=str,
)
def test_a_seed_that_makes_no_sense_is_refused(eci: Any, members: dict[str, Any], words: str) -> None:
    with pytest.raises(ControlError, match="400") as raised:
        eci.cache(**members)
    assert words in str(raised.value)
    assert eci.control.caches() == []


def test_of_a_list_with_a_bad_seed_none_is_created(eci: Any) -> None:
    good = {"region_id": "cn-hangzhou", "image_cache_name": "web", "images": ["a:1"]}
    for bad in ({}, {**good, "images": [1]}, 1):
        with pytest.raises(ControlError, match="400"):
            eci.control.create_caches([good, bad])
    assert eci.control.caches() == []


def test_an_unknown_status_cannot_be_forced(eci: Any) -> None:
    with pytest.raises(ControlError, match="status: one of"):
        eci.control.force(eci.cache(), "Sleeping")


@every_value
@pytest.mark.parametrize(
    "sent",
    [
        {"content": b"{}", "headers": {"content-type": "text/plain"}},
        {"content": b"{", "headers": {"content-type": "application/json"}},
        {"json": []},
    ],
    ids=["not declared as JSON", "no JSON", "no object"],
)
@pytest.mark.parametrize("path", ["faults", "refuse"])
def test_an_order_must_be_a_json_object(eci: Any, sent: dict[str, Any], path: str) -> None:
    answer = httpx.post(f"{eci.url}/_local/{path}", **sent, **LOOPBACK)
    assert answer.status_code == 400
    assert answer.json()["error"]


@pytest.mark.parametrize("seconds", [0, -1, "1", None])
def test_a_refusal_needs_a_time(eci: Any, seconds: Any) -> None:
    with pytest.raises(ControlError, match="seconds: a number above 0"):
        eci.control.refuse(seconds)


def test_waiting_ends_when_the_status_comes(eci: Any) -> None:
    cache_id = eci.cache()
    eci.sdk.update(ImageCacheId=cache_id, Images=NEW)
    waited: list[str] = []
    waiting = threading.Thread(
        target=lambda: waited.append(eci.control.wait_for(cache_id, "Ready", timeout_seconds=30)["status"])
    )
    waiting.start()
    eci.clock.advance(3600)
    waiting.join()
    assert waited == ["Ready"]


def test_waiting_is_bounded(eci: Any) -> None:
    with pytest.raises(ControlError, match="is Ready, not Failed, after"):
        eci.control.wait_for(eci.cache(), "Failed", timeout_seconds=0.1)
