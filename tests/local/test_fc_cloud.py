"""The whole: the project's template and functions, driven through every trigger over real sockets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.base.loopback import LOOPBACK
from local.cloud.cloud import Cloud, CloudConfig, WaitError
from tests.support.depth import pairs

REGISTRY = "registry.cn-hangzhou.aliyuncs.com"
ACR_PUSH = {
    "push_data": {"digest": f"sha256:{'a' * 64}", "pushed_at": "2026-03-02 10:15:30", "tag": "v1"},
    "repository": {
        "date_created": "2026-01-01 00:00:00",
        "name": "web",
        "namespace": "shop",
        "region": "cn-hangzhou",
        "repo_authentication_type": "NO_CERTIFIED",
        "repo_full_name": "shop/web",
        "repo_origin_type": "NO_CERTIFIED",
        "repo_type": "PRIVATE",
    },
}
EVENT = {
    "id": "event-1",
    "source": "acs.cr",
    "specversion": "1.0",
    "type": "cr:Artifact:BuildCompleted",
    "aliyunregionid": "cn-hangzhou",
    "data": {
        "InstanceName": "shop",
        "InstanceId": "cri-example",
        "RepoNamespaceName": "shop",
        "RepoName": "web",
        "Tag": "v1",
        "RegionId": "cn-hangzhou",
        "BuildStatus": "SUCCESS",
    },
}


@pytest.fixture
def open_cloud(tmp_path: Path) -> Iterator[Callable[..., Cloud]]:
    opened: list[Cloud] = []

    def start(*, parameters: dict[str, str] | None = None, **options: Any) -> Cloud:
        # How fast this machine is says nothing about the functions.
        options["parameters"] = {"AnswerSeconds": "30", **(parameters or {})}
        opened.append(Cloud(CloudConfig(tmp_path / "state", **options)))
        return opened[-1]

    yield start
    for cloud in opened:
        cloud.close()


def create_cache(cloud: Cloud, image: str = f"{REGISTRY}/shop/web:v1", **attributes: Any) -> str:
    return cloud.control.create_cache(
        region_id="cn-hangzhou", image_cache_name="web", images=[image], **attributes
    )


@pytest.mark.parametrize(
    ("fresh_process", "runtime"),
    pairs({"warm": (False,), "fresh": (True,)}, ["python3.12", "python3.10"]),
)
def test_a_webhook_rebuilds_the_cache(
    open_cloud: Callable[..., Cloud], runtime: str, fresh_process: bool
) -> None:
    # However slow the machine, the sender waits, so that it is answered what was done.
    parameters = {"Runtime": runtime}
    cloud = open_cloud(parameters=parameters, fresh_process=fresh_process)
    cache = create_cache(cloud)
    answer = httpx.post(cloud.webhook_url("acr"), json=ACR_PUSH, **LOOPBACK, timeout=30.0)
    assert answer.status_code == 200, answer.text
    (outcome,) = cloud.outcomes()
    counted = {"result": outcome["result"], "reason": outcome["reason"], "count": 1}
    assert answer.json() == {"request_id": outcome["request_id"], "outcomes": [counted]}
    assert (outcome["result"], outcome["image_cache_id"]) == ("refreshed", cache)
    assert outcome["request_id"] == answer.headers["x-fc-request-id"]
    assert [update["kind"] for update in cloud.control.history(cache)] == ["rebuild"]


def test_a_webhook_needs_its_token(open_cloud: Callable[..., Cloud]) -> None:
    cloud = open_cloud(parameters={"WebhookTokens": "first-token-012345,other-token-012345"})
    create_cache(cloud)

    def post(token: str | None) -> int:
        url = cloud.webhook_url("acr", token, registry=REGISTRY)
        return httpx.post(url, json=ACR_PUSH, **LOOPBACK, timeout=30.0).status_code

    assert [post("wrong-token-012345"), post("other-token-012345")] == [401, 200]
    assert "first-token-012345" in cloud.webhook_url("acr")


def test_an_event_rebuilds_the_cache(open_cloud: Callable[..., Cloud]) -> None:
    cloud = open_cloud()
    cache = create_cache(cloud, "shop-registry-vpc.cn-hangzhou.cr.aliyuncs.com/shop/web:v1")
    answer = httpx.post(cloud.events_url, json=EVENT, **LOOPBACK, timeout=30.0)
    assert answer.json()["EntryList"][0]["MatchedTriggers"] == ["push-events"]
    outcomes = cloud.wait_for_outcomes(lambda found: any(one["result"] == "refreshed" for one in found))
    assert outcomes[-1]["image_cache_id"] == cache


def test_a_manual_request_is_signed_over_http(open_cloud: Callable[..., Cloud]) -> None:
    cloud = open_cloud()
    cache = create_cache(cloud)
    request = {"imageCacheId": cache, "dryRun": True}
    with httpx.Client(**LOOPBACK, timeout=30.0) as client:
        assert client.post(cloud.manual_url, json=request).status_code == 403
        signed = client.post(cloud.manual_url, json=request, auth=cloud.auth)
        unsigned = client.post(cloud.unsigned_url("manual"), json=request)
    assert [answer.status_code for answer in (signed, unsigned)] == [200, 200]
    assert [outcome["result"] for outcome in cloud.outcomes()] == ["planned", "planned"]


@pytest.mark.deep
def test_a_manual_request_is_a_plain_invocation_too(open_cloud: Callable[..., Cloud]) -> None:
    cloud = open_cloud()
    cache = create_cache(cloud)
    answer = cloud.invoke("on_manual", json.dumps({"imageCacheId": cache, "force": True}).encode())
    assert answer.error_type is None
    assert json.loads(answer.payload)["statusCode"] == 200
    assert len(cloud.control.history(cache)) == 1


@pytest.mark.deep
def test_the_sweep_repairs_a_failed_cache(open_cloud: Callable[..., Cloud]) -> None:
    cloud = open_cloud()
    cache = create_cache(cloud, status="UpdateFailed")
    request_id = cloud.fire_timer("sweep")
    (outcome,) = cloud.wait_for_outcomes(bool)
    assert (outcome["door"], outcome["result"]) == ("on_timer", "refreshed")
    assert (outcome["image_cache_id"], outcome["request_id"]) == (cache, request_id)


def test_a_second_start_goes_on_where_the_first_was(open_cloud: Callable[..., Cloud]) -> None:
    first = open_cloud()
    cache = create_cache(first)
    url = first.webhook_url("acr")
    assert httpx.post(url, json=ACR_PUSH, **LOOPBACK, timeout=30.0).status_code == 200
    outcomes = first.outcomes()
    first.close()
    second = open_cloud()
    assert second.outcomes() == outcomes
    assert len(second.control.history(cache)) == 1
    assert second.webhook_url("acr").partition("token=")[2] == url.partition("token=")[2]


def test_what_does_not_come_is_told_with_what_did(open_cloud: Callable[..., Cloud]) -> None:
    cloud = open_cloud()
    with pytest.raises(WaitError, match=r"not after 0\.01 s; the outcomes are \[\]"):
        cloud.wait_for_outcomes(bool, timeout_seconds=0.01)


def test_a_wrong_template_leaves_nothing_running(tmp_path: Path) -> None:
    config = CloudConfig(tmp_path / "state", parameters={"Nothing": "x"})
    for _ in range(2):
        with pytest.raises(ValueError, match=r"Parameters\.Nothing"):
            Cloud(config)
    assert not (tmp_path / "state" / "endpoints.json").exists()


def test_a_taken_port_leaves_nothing_running(open_cloud: Callable[..., Cloud], tmp_path: Path) -> None:
    cloud = open_cloud()
    port = int(cloud.eci_url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        Cloud(CloudConfig(tmp_path / "other", port_base=port))
    Cloud(CloudConfig(tmp_path / "other")).close()
