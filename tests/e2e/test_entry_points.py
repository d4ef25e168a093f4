"""Every entry point, from the source tree and from each package, on the template that is deployed."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.rights import needed_actions
from local.base.loopback import LOOPBACK
from local.cloud.cloud import Cloud, CloudConfig
from local.fc.dispatcher import RetryPolicy
from local.template.document import load_template
from tests.packages import package

ROOT = Path(__file__).parents[2]
REGION = "cn-hangzhou"
HOST = "shop-registry.cn-hangzhou.cr.aliyuncs.com"
DOORS = ("on_push", "on_webhook", "on_manual", "on_timer", "on_follow")


@pytest.fixture
def cloud(artefact: Any, tmp_path: Path) -> Iterator[Cloud]:
    config = CloudConfig(
        tmp_path / "state",
        code=artefact.code,
        interpreter=artefact.interpreter,
        # One clock here: no skew between the registry's and the functions'. However slow the machine, the
        # sender of a webhook waits, so that it is answered what was done.
        parameters={
            "Runtime": artefact.runtime,
            "ClockSkewSeconds": "0",
            "FollowBaseSeconds": "1",
            "AnswerSeconds": "30",
        },
        retry=RetryPolicy(time_factor=60.0),
    )
    with Cloud(config) as running:
        running.control.settings(rebuild_seconds=1.5)
        yield running


RULES = {
    "rules": [
        {
            "name": "web",
            "images": {"repositories": [f"{HOST}/team/**"]},
            "policy": {"type": "semver", "range": ">=1 <2", "keep": 2},
        }
    ]
}


@pytest.fixture(params=[pytest.param("text", marks=pytest.mark.deep), "file"])
def ruled_cloud(request: pytest.FixtureRequest, artefact: Any, tmp_path: Path) -> Iterator[Cloud]:
    """With a rule: as a text, and as a file, which for a package is one that it was built with."""
    parameters = {"Runtime": artefact.runtime, "ClockSkewSeconds": "0", "FollowBaseSeconds": "1"}
    code = artefact.code
    if request.param == "text":
        parameters["Rules"] = json.dumps(RULES)
    else:
        written = tmp_path / "some-rules.json"
        written.write_text(json.dumps(RULES))
        parameters["RulesFile"] = str(written)
        if not code.is_dir():
            code, parameters["RulesFile"] = package(artefact.runtime, written), "rules.json"
    config = CloudConfig(
        tmp_path / "state",
        code=code,
        interpreter=artefact.interpreter,
        parameters=parameters,
        retry=RetryPolicy(time_factor=60.0),
    )
    with Cloud(config) as running:
        yield running


def test_a_rule_says_which_pushed_version_joins_a_cache(ruled_cloud: Cloud) -> None:
    identifier = cache(ruled_cloud, "by-rule", f"{HOST}/team/web:v1.9.0")
    for number, tag in enumerate(("v2.0.0", "v1.10.0"), start=1):
        event = pushed("web", number)
        event["data"]["Tag"] = tag
        taken = httpx.post(ruled_cloud.events_url, json=event, **LOOPBACK)
        assert taken.json()["FailedEntryCount"] == 0
        told = ruled_cloud.wait_for_outcomes(
            lambda outcomes, least=number: sum(one["door"] == "on_push" for one in outcomes) >= least
        )
    by_push = [(one["result"], one["reason"], one["rule"]) for one in told if one["door"] == "on_push"]
    assert by_push == [("ignored", "POLICY_HOLDS", "web"), ("refreshed", "TAG_PROMOTED", "web")]
    (update,) = ruled_cloud.control.history(identifier)
    assert list(update["images"]) == [f"{HOST}/team/web:v1.10.0", f"{HOST}/team/web:v1.9.0", "nginx"]


def cache(cloud: Cloud, name: str, image: str) -> str:
    return cloud.control.create_cache(region_id=REGION, image_cache_name=name, images=[image, "nginx"])


def pushed(repository: str, number: int) -> dict[str, Any]:
    now = datetime.now(timezone.utc)
    return {
        "id": f"event-{number}",
        "source": "acs.cr",
        "specversion": "1.0",
        "type": "cr:Artifact:PushCompleted",
        "time": now.isoformat(),
        "data": {
            "InstanceName": "shop",
            "InstanceId": "cri-4jga79lyszik0000",
            "RepoNamespaceName": "team",
            "RepoName": repository,
            "RegionId": REGION,
            "Tag": "v1",
        },
    }


def landed(outcomes: list[dict[str, Any]], identifier: str, began: float = 0.0) -> bool:
    """Whether an update was seen to land that began at that time or later."""
    return any(
        one["result"] == "landed"
        and one["image_cache_id"] == identifier
        and datetime.fromisoformat(one["covered_by"]).timestamp() >= began
        for one in outcomes
    )


def test_each_entry_point_sees_its_change_through(cloud: Cloud) -> None:
    by_event = cache(cloud, "by-event", f"{HOST}/team/web:v1")
    by_webhook = cache(cloud, "by-webhook", "registry.cn-hangzhou.aliyuncs.com/team/api:v1")
    by_hand = cache(cloud, "by-hand", f"{HOST}/team/other:v1")
    by_sweep = cache(cloud, "by-sweep", f"{HOST}/team/third:v1")

    # The second push finds the cache busy, so its update is made by the follow task.
    cloud.control.builds(by_event, rebuild_seconds=600)
    second = 0.0
    for number in (1, 2):
        second = time.time()
        taken = httpx.post(cloud.events_url, json=pushed("web", number), **LOOPBACK)
        assert taken.json()["FailedEntryCount"] == 0
        cloud.wait_for_outcomes(
            lambda outcomes, least=number: sum(one["door"] == "on_push" for one in outcomes) >= least
        )
    cloud.control.builds(by_event, rebuild_seconds=1.5)
    cloud.control.force(by_event, "Ready")
    answer = httpx.post(cloud.webhook_url("acr"), json=acr("team/api"), **LOOPBACK, timeout=30)
    assert answer.status_code == 200, answer.text
    asked = httpx.post(
        cloud.manual_url, json={"imageCacheId": by_hand}, auth=cloud.auth, **LOOPBACK, timeout=30
    )
    assert asked.status_code == 200, asked.text
    cloud.control.force(by_sweep, "UpdateFailed")
    cloud.fire_timer("sweep")

    outcomes = cloud.wait_for_outcomes(
        lambda outcomes: (
            landed(outcomes, by_event, second)
            and all(landed(outcomes, one) for one in (by_webhook, by_hand, by_sweep))
        ),
        timeout_seconds=40,
    )
    assert {one["door"] for one in outcomes} == set(DOORS)
    assert not [one for one in outcomes if one["result"] in {"failed", "rejected"}]
    assert len(cloud.control.history(by_event)) == 2
    for one in (by_webhook, by_hand, by_sweep):
        (update,) = cloud.control.history(one)
        assert list(update["images"]) == list(cloud.control.cache(one)["images"])
    assert cloud.fc.dead_letters() == []
    check_rights(cloud)


def acr(repository: str) -> dict[str, Any]:
    namespace, name = repository.split("/")
    return {
        "push_data": {"pushed_at": "2024-05-01 10:00:00", "tag": "v1"},
        "repository": {
            "name": name,
            "namespace": namespace,
            "region": REGION,
            "repo_full_name": repository,
            "repo_type": "PRIVATE",
        },
    }


def check_rights(cloud: Cloud) -> None:
    """The calls that were made are those that the table of rights says, and the roles allow them."""
    made: dict[str, set[str]] = {}
    roles = statements_by_function(cloud)
    for call in cloud.calls():
        module = call.function.removeprefix("imc-refresh-").replace("-", "_")
        made.setdefault(module, set()).add(call.action)
        allowed = [
            (action, resource)
            for statement in roles[call.function]
            for action in statement["Action"]
            for resource in statement["Resource"]
            if action == call.action and fnmatchcase(call.resource, resource)
        ]
        assert allowed, f"the role of {call.function} does not allow {call.action} on {call.resource}"
    assert made == {module: set(needed_actions(module)) for module in DOORS}


def statements_by_function(cloud: Cloud) -> dict[str, list[dict[str, Any]]]:
    resources = load_template(
        ROOT / "template.yml",
        {"CodeBucket": "bucket", "CodeObject": "object", "WebhookTokens": "x" * 16},
        region=REGION,
        account_id=cloud.config.account_id,
    )
    by_id = {resource.logical_id: resource.properties for resource in resources}
    statements = {}
    for resource in resources:
        if resource.type == "ALIYUN::FC3::Function":
            role = re.fullmatch(r"local:(\w+)\.Arn", resource.properties["Role"])
            assert role is not None
            policies = by_id[role[1]]["Policies"]
            statements[resource.properties["FunctionName"]] = [
                statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]
            ]
    return statements
