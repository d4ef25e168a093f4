"""A stack in a region without asynchronous task mode: ids of tasks count for nothing, and pushes land."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import httpx
import pytest

from local.base.loopback import LOOPBACK
from local.cloud.cloud import Cloud, CloudConfig

REGION = "cn-huhehaote"
HOST = f"shop-registry.{REGION}.cr.aliyuncs.com"
PUSHES = 3


@pytest.mark.deep
def test_pushes_land_with_at_most_two_updates_where_ids_of_tasks_are_not_looked_at(tmp_path: Path) -> None:
    parameters = {"ClockSkewSeconds": "0", "FollowBaseSeconds": "1"}
    with Cloud(CloudConfig(tmp_path / "state", region=REGION, parameters=parameters)) as cloud:
        cloud.control.settings(rebuild_seconds=1.5)
        identifier = cloud.control.create_cache(
            region_id=REGION, image_cache_name="web", images=[f"{HOST}/team/web:v1"]
        )
        for number in range(PUSHES):
            event = {
                "id": f"event-{number}",
                "source": "acs.cr",
                "specversion": "1.0",
                "type": "cr:Artifact:PushCompleted",
                "time": datetime.now(timezone.utc).isoformat(),
                "data": {
                    "InstanceName": "shop",
                    "InstanceId": "cri-4jga79lyszik0000",
                    "RepoNamespaceName": "team",
                    "RepoName": "web",
                    "RegionId": REGION,
                    "Tag": "v1",
                },
            }
            assert httpx.post(cloud.events_url, json=event, **LOOPBACK).json()["FailedEntryCount"] == 0
        cloud.wait_for_outcomes(
            lambda outcomes: (
                sum(one["door"] == "on_push" for one in outcomes) >= PUSHES
                and any(one["result"] == "landed" for one in outcomes)
            )
        )
        assert 1 <= len(cloud.control.history(identifier)) <= 2
        assert all(call.allowed for call in cloud.calls())
