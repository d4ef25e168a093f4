"""What a cold start imports: an event pays only for the calls that it makes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from local.cloud.cloud import Cloud, CloudConfig
from local.permissions.credentials import CredentialStore
from tests.performance.cold_process import MARK

ROOT = Path(__file__).parents[2]
COLD_PROCESS = ROOT / "tests/performance/cold_process.py"
REGION = "cn-hangzhou"
UPDATE = "aliyunsdkeci.request.v20180808.UpdateImageCacheRequest"
DESCRIBE = "aliyunsdkeci.request.v20180808.DescribeImageCachesRequest"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with Cloud(CloudConfig(tmp_path_factory.mktemp("cloud"))) as running:
        yield running


@pytest.fixture
def environment(cloud: Cloud) -> Iterator[dict[str, str]]:
    """The variables of a function in an account with one new cache."""
    cache_id = cloud.control.create_cache(
        region_id=REGION,
        image_cache_name="web",
        images=["shop-registry.cn-hangzhou.cr.aliyuncs.com/team/web:v1"],
    )
    store = CredentialStore(cloud.config.state / "cloud.db")
    key = store.issue()
    store.close()
    yield {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": key.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": key.access_key_secret,
        "ALIBABA_CLOUD_SECURITY_TOKEN": key.security_token or "",
        "FC_REGION": REGION,
        "FC_ACCOUNT_ID": cloud.config.account_id,
        "IMC_ECI_ENDPOINT": cloud.eci_url,
        "IMC_FC_ENDPOINT": cloud.fc_url,
        "IMC_FOLLOW_FUNCTION": "imc-refresh-on-follow",
    }
    cloud.control.delete_cache(cache_id)


def start(environment: dict[str, str], event: Any) -> tuple[list[str], set[str]]:
    """Results, and the modules that a new process had loaded at the end."""
    run = subprocess.run(
        [
            sys.executable,
            "-I",
            "-B",
            ROOT / "tests/performance/cold_process.py",
            ROOT / "functions",
            "on_push",
        ],
        input=json.dumps(event).encode(),
        env=environment,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr.decode()
    told = json.loads(run.stdout.decode().rpartition(MARK)[2])
    return [one["result"] for one in told["answer"]["outcomes"]], set(told["modules"])


def push(repository: str, kind: str = "cr:Artifact:PushCompleted") -> dict[str, Any]:
    return {
        "id": "event",
        "source": "acs.cr",
        "specversion": "1.0",
        "type": kind,
        "time": datetime.now(timezone.utc).isoformat(),
        "data": {
            "InstanceName": "shop",
            "RepoNamespaceName": "team",
            "RepoName": repository,
            "RegionId": REGION,
            "Tag": "v1",
        },
    }


def test_a_push_that_matches_nothing_needs_only_the_listing(environment: dict[str, str]) -> None:
    results, modules = start(environment, push("elsewhere"))
    assert results == ["ignored"]
    assert DESCRIBE in modules
    assert UPDATE not in modules
    assert not {name.partition(".")[0] for name in modules} & {"fc2", "requests", "cryptography", "re2"}
    assert not modules & {"imagecache.clients.acr_login", "imagecache.clients.oci_registry"}


@pytest.mark.parametrize(
    ("policy", "loaded"),
    [
        pytest.param({"type": "exact"}, set(), id="exact"),
        pytest.param({"type": "numerical"}, set(), id="numerical", marks=pytest.mark.deep),
        pytest.param({"type": "semver", "range": ">=1"}, {"imagecache.policy.version_range"}, id="semver"),
        pytest.param({"type": "numerical", "pattern": "b-(?P<key>.+)"}, {"re2"}, id="pattern"),
    ],
)
def test_only_a_rule_that_needs_versions_or_a_pattern_pays_for_it(
    environment: dict[str, str], policy: dict[str, str], loaded: set[str]
) -> None:
    rules = {"IMC_RULES": json.dumps({"rules": [{"policy": policy}]})}
    results, modules = start(environment | rules, push("web"))
    assert results == ["refreshed"]
    assert modules & {"imagecache.policy.version_range", "re2"} == loaded
    assert "imagecache.clients.acr_login" not in modules


def test_an_event_that_is_no_push_needs_no_sdk(environment: dict[str, str]) -> None:
    results, modules = start(environment, push("web", "cr:Artifact:ScanCompleted"))
    assert results == ["ignored"]
    assert not {name.partition(".")[0] for name in modules} & {
        "fc2",
        "requests",
        "aliyunsdkcore",
        "aliyunsdkeci",
    }


def test_an_update_needs_the_update_and_the_hand_off(environment: dict[str, str]) -> None:
    results, modules = start(environment, push("web"))
    assert results == ["refreshed"]
    assert {UPDATE, "fc2.auth"} <= modules
    tops = {name.partition(".")[0] for name in modules}
    assert not tops & {"cryptography", "charset_normalizer", "websocket"}
    assert "aliyunsdkcore.vendored.requests.packages.chardet.universaldetector" not in modules
