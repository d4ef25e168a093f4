"""The entry point for people and jobs: what may be asked for, and what is answered over HTTP and without."""

from __future__ import annotations

from typing import Any

import pytest

from imagecache.base.errors import PermanentEntryPointError, RetryableEntryPointError
from imagecache.clients.eci import flatten
from tests.support.depth import every_value

WEB = "imc-bp1a2b3c4d5e6f7g8h9i"
SHARED = "registry.cn-hangzhou.aliyuncs.com/prod/web:latest"
REPUSHED = ("refreshed", "TAG_REPUSHED")
REBUILT = ("refreshed", "REBUILD_REQUESTED")
CHANGED = ("refreshed", "LIST_CHANGED")
AGAINST_SCHEMA = ("rejected", "SCHEMA_VIOLATION")
NO_REFERENCE = ("rejected", "INVALID_REFERENCE")
NOT_FOUND = ("rejected", "CACHE_NOT_FOUND")

EXPECTED: dict[str, tuple[int, list[tuple[str, str]]]] = {
    "bad_21_images": (400, [AGAINST_SCHEMA]),
    "bad_dry_run_is_text": (400, [AGAINST_SCHEMA]),
    "bad_empty_images": (400, [AGAINST_SCHEMA]),
    "bad_empty_selector": (400, [AGAINST_SCHEMA]),
    "bad_if_images_alone": (400, [AGAINST_SCHEMA]),
    "bad_images_with_image": (400, [AGAINST_SCHEMA]),
    "bad_images_with_selector": (400, [AGAINST_SCHEMA]),
    "bad_not_an_object": (400, [AGAINST_SCHEMA]),
    "bad_nothing_named": (400, [AGAINST_SCHEMA]),
    "bad_region": (400, [AGAINST_SCHEMA]),
    "bad_selector_typo": (400, [AGAINST_SCHEMA]),
    "bad_two_named": (400, [AGAINST_SCHEMA]),
    "bad_typo_dryrun": (400, [AGAINST_SCHEMA]),
    "by_id": (200, [REBUILT]),
    "by_id_dry_run": (200, [("planned", "REBUILD_REQUESTED")]),
    "by_id_if_images": (200, [CHANGED]),
    "by_id_if_other_images": (409, [("rejected", "LIST_DIFFERS")]),
    "by_id_new_list": (200, [CHANGED]),
    "by_image": (200, [REPUSHED]),
    "by_image_dry_run": (200, [("planned", "TAG_REPUSHED")]),
    "by_image_in_region": (200, [REPUSHED]),
    "by_image_without_tag": (200, [REPUSHED]),
    "by_name": (200, [REBUILT]),
    "by_name_force": (200, [CHANGED]),
    "by_selector": (200, [REBUILT]),
    "by_selector_dry_run": (200, [("planned", "REBUILD_REQUESTED")] * 4),
    "control_chars": (400, [AGAINST_SCHEMA]),
    "image_digest_only": (400, [NO_REFERENCE]),
    "image_no_reference": (400, [NO_REFERENCE]),
}
"""The status that each sample is answered, and what it ends as."""

REQUESTS: dict[str, tuple[int, list[tuple[str, str]]]] = {
    "manual_by_id": (200, [REBUILT]),
    "manual_dry_run": (200, [("planned", "REBUILD_REQUESTED")]),
    "manual_typo": (400, [AGAINST_SCHEMA]),
}
"""The same for whole HTTP requests; those to the webhook's entry point have their table with its tests."""

both_ways = pytest.mark.parametrize("over_http", [False, True], ids=["plain", "http"])


def test_every_sample_has_a_row(samples: Any) -> None:
    assert samples("manual") == set(EXPECTED)
    assert {name for name in samples("http") if name.startswith("manual_")} == set(REQUESTS)


@every_value
@both_ways
@pytest.mark.parametrize("name", EXPECTED)
def test_a_sample_ends_as_the_table_says(
    fleet: Any, doors: Any, payload: Any, name: str, over_http: bool
) -> None:
    request = payload(f"manual/{name}.json")
    told = doors.call("on_manual", doors.http("/", request) if over_http else request)
    assert (told.status, told.results) == EXPECTED[name]
    refreshed = any(result == "refreshed" for result, _ in told.results)
    assert list(fleet.updated()) == ([WEB] if refreshed else [])
    assert (fleet.actions() == []) is (told.status == 400)


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_is_answered_as_the_table_says(fleet: Any, doors: Any, payload: Any, name: str) -> None:
    told = doors.call("on_manual", payload(f"http/{name}.json"))
    assert (told.status, told.results) == REQUESTS[name]


def test_a_request_over_http_needs_no_webhook_token(fleet: Any, doors: Any) -> None:
    event = doors.http("/", {"imageCacheId": WEB}, token=None)
    assert doors.call("on_manual", event).results == [REBUILT]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_only_post_is_allowed_over_http(fleet: Any, doors: Any, method: str) -> None:
    told = doors.call("on_manual", doors.http("/", {"imageCacheId": WEB}, method=method))
    assert (told.status, told.results) == (405, [("rejected", "METHOD_NOT_ALLOWED")])
    assert fleet.actions() == []


def test_a_base64_body_is_read(fleet: Any, doors: Any) -> None:
    told = doors.call("on_manual", doors.http("/", {"imageCacheId": WEB}, encode=True))
    assert told.results == [REBUILT]


def test_a_rebuild_sends_the_list_that_the_cache_has(fleet: Any, doors: Any) -> None:
    told = doors.manual(imageCacheId=WEB)
    images = ["registry-vpc.cn-hangzhou.aliyuncs.com/prod/web:latest", "nginx"]
    assert fleet.updated() == {WEB: images}
    assert told.only.items() >= {"source": "manual", "image_cache_id": WEB, "images_after": images}.items()


def test_two_requests_are_two_rebuilds(fleet: Any, doors: Any) -> None:
    fleet.control.settings(rebuild_seconds=0)
    for _ in range(2):
        assert doors.manual(imageCacheId=WEB).results == [REBUILT]
    assert len(fleet.control.history(WEB)) == 2


@both_ways
def test_a_new_list_replaces_the_old_one(fleet: Any, doors: Any, over_http: bool) -> None:
    images = ["nginx:1.27", "redis", "nginx:1.26"]
    told = doors.manual(imageCacheName="web-cache", images=images, over_http=over_http)
    assert (told.status, told.results) == (200, [CHANGED])
    assert told.only["images_before"] != told.only["images_after"] == images
    assert fleet.updated() == {WEB: images}
    assert fleet.control.cache(WEB)["images"] == images


@pytest.mark.parametrize(
    ("images", "members", "results"),
    [
        (["a:1", "b:1"], {}, [("unchanged", "LIST_UNCHANGED")]),
        (["a:1", "b:1"], {"dryRun": True}, [("unchanged", "LIST_UNCHANGED")]),
        (["a:1", "b:1"], {"force": True}, [CHANGED]),
        (["b:1", "a:1"], {}, [CHANGED]),
        (["a:1"], {}, [CHANGED]),
    ],
    ids=["same list", "same list, dry run", "same list by force", "other order", "shorter"],
)
def test_a_list_that_the_cache_has_is_rebuilt_by_force_only(
    deployed: Any, doors: Any, images: Any, members: Any, results: Any
) -> None:
    cache_id = deployed.cache("a:1", "b:1")
    told = doors.manual(imageCacheId=cache_id, images=images, **members)
    assert (told.status, told.results) == (200, results)
    assert deployed.updated() == ({cache_id: images} if results == [CHANGED] else {})


def test_the_list_of_a_failed_update_is_built_without_force(deployed: Any, doors: Any) -> None:
    cache_id = deployed.cache("a:1", status="UpdateFailed")
    assert doors.manual(imageCacheId=cache_id, images=["a:1"]).results == [CHANGED]
    assert list(deployed.updated()) == [cache_id]


def test_a_list_with_something_that_is_no_reference_is_refused_whole(fleet: Any, doors: Any) -> None:
    told = doors.manual(imageCacheId=WEB, images=["nginx:1.27", "Not/A/Reference:v1"])
    assert (told.status, told.results) == (400, [NO_REFERENCE])
    assert fleet.actions() == []


@every_value
@both_ways
@pytest.mark.parametrize(
    "request_",
    [
        {"imageCacheId": "imc-none"},
        {"imageCacheName": "none"},
        {"imageCacheName": "WEB-CACHE"},
        {"imageCacheName": "web-*"},
        {"imageCacheId": "imc-none", "images": ["nginx"], "dryRun": True},
    ],
    ids=lambda request: ",".join(map(str, request.values())),
)
def test_a_cache_that_does_not_exist_is_not_found(
    fleet: Any, doors: Any, request_: Any, over_http: bool
) -> None:
    told = doors.manual(**request_, over_http=over_http)
    assert (told.status, told.results) == (404, [NOT_FOUND])
    assert fleet.updates() == []


def test_a_cache_that_is_deleted_in_between_is_not_found(fleet: Any, doors: Any) -> None:
    fleet.control.inject("error", action="UpdateImageCache", code="InvalidParameter.NotFound")
    told = doors.manual(imageCacheId=WEB)
    # It is still there: something else that the update names is missing.
    assert (type(told.error), told.results) == (PermanentEntryPointError, [("failed", "NOT_FOUND")])


def test_a_name_that_several_caches_have_is_ambiguous(deployed: Any, doors: Any) -> None:
    ids = [deployed.cache("a:1"), deployed.cache("b:1")]
    told = doors.manual(imageCacheName="web")
    assert (told.status, told.results) == (400, [("rejected", "AMBIGUOUS_NAME")])
    assert all(cache_id in told.only["message"] for cache_id in ids)
    assert deployed.updates() == []


def test_a_region_makes_a_name_plain_again(
    deployed: Any, doors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMC_REGIONS", "cn-hangzhou,cn-beijing")
    deployed.cache("a:1")
    wanted = deployed.cache("a:1", region_id="cn-beijing")
    assert doors.manual(imageCacheName="web").results == [("rejected", "AMBIGUOUS_NAME")]
    assert doors.manual(imageCacheName="web", regionId="cn-beijing").results == [REBUILT]
    assert list(deployed.updated()) == [wanted]


@pytest.mark.parametrize(
    "request_",
    [{"image": SHARED}, {"imageCacheName": "web"}, {"caches": {"names": ["web"]}}],
    ids=["image", "name", "selector"],
)
def test_a_request_for_a_region_asks_in_that_region_only(
    deployed: Any, doors: Any, monkeypatch: pytest.MonkeyPatch, request_: Any
) -> None:
    monkeypatch.setenv("IMC_REGIONS", "cn-hangzhou,cn-shanghai")
    deployed.cache(SHARED)
    wanted = deployed.cache(SHARED, region_id="cn-shanghai")
    told = doors.manual(**request_, regionId="cn-shanghai")
    assert told.only["region_id"] == "cn-shanghai"
    assert list(deployed.updated()) == [wanted]
    assert {page["RegionId"] for page in deployed.listings()} == {"cn-shanghai"}


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ({"ids": ["imc-1", "imc-3", "imc-none"]}, "ac"),
        ({"names": ["web-*"]}, "ab"),
        ({"names": ["web-?"], "tags": [{"key": "team", "value": "shop"}]}, "a"),
        ({"tags": [{"key": "team"}]}, "ab"),
        ({"tags": [{"key": "team"}, {"key": "tier"}]}, "b"),
        ({"tags": [{"key": "team", "value": "s*"}]}, "ab"),
        ({"regions": ["cn-beijing"]}, "d"),
        ({"regions": ["cn-beijing", "cn-hangzhou"], "names": ["*"]}, "abcd"),
    ],
    ids=str,
)
def test_a_selector_means_the_caches_that_meet_every_criterion(
    deployed: Any, doors: Any, monkeypatch: pytest.MonkeyPatch, selector: Any, names: str
) -> None:
    monkeypatch.setenv("IMC_REGIONS", ",".join(selector.get("regions", ["cn-hangzhou"])))
    fleet = [
        ("web-a", "imc-1", "cn-hangzhou", {"team": "shop"}),
        ("web-b", "imc-2", "cn-hangzhou", {"team": "search", "tier": "1"}),
        ("api-c", "imc-3", "cn-hangzhou", {}),
        ("api-d", "imc-4", "cn-beijing", {"team": "shop"}),
    ]
    for name, cache_id, region, tags in fleet:
        deployed.cache("nginx", image_cache_name=name, image_cache_id=cache_id, region_id=region, tags=tags)
    told = doors.manual(caches=selector)
    assert sorted(outcome["image_cache_name"][-1] for outcome in told.outcomes) == list(names)
    assert set(told.results) == {REBUILT}
    assert len(deployed.updated()) == len(names)


def test_a_selector_that_matches_nothing_is_no_error(fleet: Any, doors: Any) -> None:
    told = doors.manual(caches={"names": ["none-*"]})
    assert (told.status, told.results) == (200, [("ignored", "NOTHING_SELECTED")])


@pytest.mark.parametrize(
    "request_",
    [
        {"imageCacheId": WEB},
        {"imageCacheId": WEB, "images": ["redis:7", "nginx"]},
        {"imageCacheName": "web-cache"},
        {"image": SHARED},
        {"caches": {"ids": [WEB]}},
    ],
    ids=["id", "new list", "name", "image", "selector"],
)
def test_a_dry_run_shows_the_request_that_would_be_sent(fleet: Any, doors: Any, request_: Any) -> None:
    told = doors.manual(**request_, dryRun=True)

    assert (told.status, [result for result, _ in told.results]) == (200, ["planned"])
    assert fleet.updates() == []
    assert fleet.control.history() == []
    shown = told.only["request"]
    assert shown["ClientToken"] == told.only["client_token"]

    doors.manual(**request_)
    (update,) = fleet.updates()
    assert steady(flatten(shown)) == steady(update.parameters)
    assert update.images == shown["Image"] == told.only["images_after"]


def steady(parameters: dict[str, str]) -> dict[str, str]:
    """What two requests for one thing share: no signature, no token, no memory of the last update."""
    passing = {
        *("AccessKeyId", "Action", "ClientToken", "Format", "SignatureMethod", "SignatureNonce"),
        *("SignatureType", "SignatureVersion", "Timestamp", "Version"),
    }
    memory = {name.rpartition(".")[0] for name, value in parameters.items() if value == "imc-refresh"}
    return {
        name: value
        for name, value in parameters.items()
        if name not in passing and name.rpartition(".")[0] not in memory
    }


def test_a_dry_run_of_a_busy_cache_says_so(fleet: Any, doors: Any) -> None:
    fleet.control.force(WEB, "Updating")
    told = doors.manual(imageCacheId=WEB, dryRun=True)
    assert (told.status, told.results) == (200, [("planned", "REBUILD_REQUESTED")])
    assert "not now: the image cache is Updating" in told.only["message"]


def test_a_dry_run_of_the_longest_list_still_shows_its_request(deployed: Any, doors: Any) -> None:
    # The list is told three times, before, after and in the request, which is more than a line may have.
    images = [f"registry.example.com/{'x' * 900}-{number}" for number in range(20)]
    cache_id = deployed.cache(*images)

    told = doors.manual(imageCacheId=cache_id, dryRun=True)

    assert told.results == [("planned", "REBUILD_REQUESTED")]
    assert told.only.get("request", {}).get("Image") == images


def test_the_dry_run_setting_holds_whatever_the_request_says(
    fleet: Any, doors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMC_DRY_RUN", "true")
    told = doors.manual(imageCacheId=WEB, dryRun=False, force=True)
    assert told.results == [("planned", "REBUILD_REQUESTED")]
    assert told.only["request"]["Image"] == told.only["images_after"]
    assert fleet.updates() == []


@pytest.mark.parametrize("typo", ["dryrun", "dry_run", "DryRun", "imageCacheIds", "Force", "region", ""])
def test_an_unknown_key_is_refused(fleet: Any, doors: Any, typo: str) -> None:
    told = doors.manual(imageCacheId=WEB, **{typo: True})
    assert (told.status, told.results) == (400, [AGAINST_SCHEMA])
    assert told.only["error"]["rule"] == "no unknown keys"
    assert told.only["error"]["found"] == f"keys {typo}"
    assert fleet.actions() == []


def test_a_busy_cache_is_raised_by_a_plain_invocation_and_503_over_http(fleet: Any, doors: Any) -> None:
    fleet.control.force(WEB, "Updating")
    plain, over_http = doors.manual(imageCacheId=WEB), doors.manual(imageCacheId=WEB, over_http=True)
    assert type(plain.error) is RetryableEntryPointError
    assert (over_http.error, over_http.status) == (None, 503)
    assert plain.results == over_http.results == [("failed", "CACHE_BUSY")]


def test_a_permanent_failure_is_raised_by_a_plain_invocation_and_500_over_http(
    fleet: Any, doors: Any
) -> None:
    fleet.control.inject("error", action="UpdateImageCache", code="NoPermission", count=2)
    plain, over_http = doors.manual(imageCacheId=WEB), doors.manual(imageCacheId=WEB, over_http=True)
    assert type(plain.error) is PermanentEntryPointError
    assert (over_http.error, over_http.status) == (None, 500)
    assert plain.results == over_http.results == [("failed", "PERMISSION_DENIED")]


def test_a_list_that_no_update_takes_is_not_sent(deployed: Any, doors: Any) -> None:
    cache_id = deployed.cache(*(f"app-{n}:v1" for n in range(21)))
    told = doors.manual(imageCacheId=cache_id)
    assert type(told.error) is PermanentEntryPointError
    assert told.results == [("failed", "INVALID_UPDATE_REQUEST")]
    assert deployed.updates() == []
