"""The command ``imc-refresh doctor``: against the local cloud where it serves a call, and with bad input."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.app import app
from cli.doctor.run import NAMES
from local.cloud.cloud import Cloud, CloudConfig
from tests.support.account import ACCOUNT_ID, ENDPOINTS, PARAMETERS, REGION, RefusedError

ROOT = Path(__file__).parents[3]
SECRETS = ("MARK-", PARAMETERS["WebhookTokens"])
KEYS = {
    "ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAI-MARK-key",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "MARK-secret",
    "ALIBABA_CLOUD_SECURITY_TOKEN": "MARK-token",
    # No place of the default chain is asked that is not on this machine.
    "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true",
}


def run(*arguments: str, endpoints: bool = True) -> Result:
    options = [f"--endpoint={name}={url}" for name, url in ENDPOINTS.items()] if endpoints else []
    result = CliRunner().invoke(app, ["doctor", "--region", REGION, *options, *arguments])
    assert not isinstance(result.exception, Exception) or isinstance(result.exception, SystemExit)
    assert not any(secret in result.output for secret in SECRETS)
    return result


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    state = tmp_path_factory.mktemp("doctor") / "state"
    with Cloud(CloudConfig(state, parameters=PARAMETERS, region=REGION, account_id=ACCOUNT_ID)) as cloud:
        yield cloud


@pytest.fixture
def live(doctor: Any, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The account, with ECI, Function Compute, the webhook and the log of the local cloud."""
    account = doctor.account
    account.forward.update(eci=cloud.eci_url, fc=cloud.fc_url)
    account.world["records"] = lambda probe_id: [
        each for each in cloud.outcomes() if each.get("event_id") == probe_id and each["door"] == "on_follow"
    ]
    account.world["stack"]["Outputs"][0]["OutputValue"] = cloud.http_urls["webhook"]
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", cloud.key.access_key_id)
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", cloud.key.access_key_secret)
    monkeypatch.delenv("ALIBABA_CLOUD_SECURITY_TOKEN", raising=False)
    monkeypatch.setenv("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")
    for cache in cloud.control.caches():
        cloud.control.delete_cache(cache["image_cache_id"])
    cloud.control.create_cache(images=["nginx:1.27"], region_id=REGION, image_cache_name="web")
    return doctor


@pytest.mark.deep
def test_on_the_local_cloud_all_is_ok(live: Any, cloud: Cloud) -> None:
    before = cloud.control.caches()
    result = run("--json", f"--packages={live.packages}")
    document = json.loads(result.stdout)
    assert [each for each in document["checks"] if each["state"] != "ok"] == []
    assert [each["check"] for each in document["checks"]] == list(NAMES)
    assert (result.exit_code, document["exit_code"]) == (0, 0)
    assert cloud.control.caches() == before
    assert cloud.control.history() == []


@pytest.mark.parametrize(
    ("switches", "check", "text"),
    [
        ({"signatures": "acs3"}, "hand-off", "signed with ACS3-HMAC-SHA256"),
        ({"async_delay": "ignore"}, "delay", "is ignored here"),
        ({"task_ids": "ignore"}, "task ids", "a second task of one id was stored"),
    ],
    ids=["ACS3 alone", "delays ignored", "ids not deduplicated"],
)
@pytest.mark.deep
def test_the_hand_off_of_each_cloud_is_told(
    live: Any, cloud: Cloud, switches: dict[str, str], check: str, text: str
) -> None:
    cloud.fc.settings(**switches)
    try:
        lines = {each["check"]: each for each in json.loads(run("--json").stdout)["checks"]}
    finally:
        cloud.fc.settings(signatures="both", async_delay="honour", task_ids="deduplicate")
    assert text in lines[check]["text"]
    assert lines[check]["state"] == ("wrong" if check == "task ids" else "ok")


@pytest.mark.deep
def test_the_examples_of_the_help_are_answered(doctor: Any, keys: None) -> None:
    shown = CliRunner().invoke(app, ["doctor", "--help"]).stdout
    examples = re.findall(r"imc-refresh doctor --region cn-hangzhou(.*)", shown)
    assert len(examples) == 3
    for example in examples:
        doctor.account.world["stack"]["StackName"] = "staging" if "staging" in example else "imc-refresh"
        result = run(*example.split(), f"--packages={doctor.packages}")
        assert result.exit_code in {0, 1}, (example, result.output)
        assert result.stdout


def test_what_is_wrong_is_in_a_table_with_its_remedy(doctor: Any, keys: None) -> None:
    doctor.account.world["queue"] = {"ActiveMessages": 3}
    result = run(f"--packages={doctor.packages}")
    assert result.exit_code == 1
    shown = " ".join(result.stdout.split())
    assert "wrong on-failure queue 3 events that failed for good are in imc-refresh-failures" in shown
    assert "-> Simple Message Queue console (cn-hangzhou)" in shown
    assert shown.endswith(f"{len(NAMES) - 1} ok, 1 wrong, 0 not known")


def test_what_is_not_known_alone_is_exit_code_2(doctor: Any, keys: None) -> None:
    doctor.account.world["pushes"] = 0
    assert run(f"--packages={doctor.packages}").exit_code == 2


def refused(code: str, *arguments: str) -> str:
    """The one line that a bad input gets, and what to do about it."""
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    error, *remedy = result.stderr.splitlines()
    assert error.startswith("error: ")
    assert len(remedy) == 1
    assert code in error
    return remedy[0]


def test_another_accounts_stack_is_not_there(doctor: Any, keys: None) -> None:
    remedy = refused(f"no stack 'theirs' in {REGION} of the account {ACCOUNT_ID}", "--stack=theirs")
    assert "`--profile`" in remedy
    assert "there are: imc-refresh" in remedy


@pytest.mark.parametrize(
    ("code", "text", "remedy"),
    [
        ("InvalidSecurityToken.Expired", "STS does not take the credentials", "Log in again"),
        ("InvalidAccessKeyId.NotFound", "STS does not take the credentials", "`--profile`"),
        ("SignatureDoesNotMatch", "STS does not take the credentials", "`--profile`"),
        ("ServiceUnavailable", "STS answered ServiceUnavailable", ""),
    ],
)
def test_credentials_that_are_not_taken(doctor: Any, keys: None, code: str, text: str, remedy: str) -> None:
    # The vendor's texts repeat what was signed, and the id of the key.
    message = "the key LTAI-MARK-key with MARK-token was refused"
    doctor.account.refused["GetCallerIdentity"] = RefusedError(400, code, message)
    result = run()
    assert (result.exit_code, result.stdout) == (2, "")
    assert text in result.stderr
    assert remedy in result.stderr


def test_a_region_that_ros_does_not_know(doctor: Any, keys: None) -> None:
    doctor.account.refused["ListStacks"] = RefusedError(404, "InvalidRegionId")
    assert "cn-hangzhou" in refused("is no region of Resource Orchestration Service")
    somewhere = run("--region=somewhere")
    assert (somewhere.exit_code, somewhere.stdout) == (2, "")
    assert "'somewhere' is no region; its id is such as cn-hangzhou" in somewhere.stderr


def test_a_missing_right_of_the_operator(doctor: Any, keys: None) -> None:
    doctor.account.refused["GetStack"] = RefusedError(403, "Forbidden.RAM")
    assert "ros:GetStack" in refused("Resource Orchestration Service refused GetStack (Forbidden.RAM)")


def test_parameters_of_another_template(doctor: Any, keys: None) -> None:
    rows = doctor.account.world["stack"]["Parameters"]
    rows.append({"ParameterKey": "Runtime", "ParameterValue": "python3.8"})
    assert "update the stack" in refused("not those of this checkout's template")


def test_without_a_network_or_with_a_proxy_that_is_gone(
    doctor: Any, keys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{held.getsockname()[1]}"
        monkeypatch.setenv("HTTP_PROXY", nowhere)
        assert "HTTPS_PROXY" in refused("STS at sts.localhost was not reached: the proxy did not pass it on")
        monkeypatch.delenv("HTTP_PROXY")
        assert "network" in refused("was not reached: the connection failed", f"--endpoint=sts={nowhere}")
    assert "whether STS is in" in refused("was not reached: there is no such name")


def process(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, with this home and no key."""
    return subprocess.run(
        [sys.executable, "-m", "cli", "doctor", "--region", REGION, *arguments],
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
        cwd=ROOT,
        env={
            "HOME": str(home),
            "PATH": "",
            "PYTHONPATH": f"{ROOT}:{ROOT / 'functions'}",
            "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true",
            **environment,
        },
    )


def test_no_credentials_at_all_and_a_profile_that_is_not_there(tmp_path: Path) -> None:
    for arguments in ((), ("--profile=work",)):
        done = process(tmp_path, *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        error, remedy = done.stderr.splitlines()
        assert error.startswith("error: No credentials of Alibaba Cloud were found")
        assert "`aliyun configure`" in remedy


def test_a_profile_of_the_vendors_tool_whose_token_has_expired(doctor: Any, tmp_path: Path) -> None:
    profile = {
        "name": "work",
        "mode": "StsToken",
        "access_key_id": "LTAI-MARK-key",
        "access_key_secret": "MARK-secret",
        "sts_token": "MARK-token",
    }
    (tmp_path / ".aliyun").mkdir()
    (tmp_path / ".aliyun" / "config.json").write_text(json.dumps({"current": "work", "profiles": [profile]}))
    doctor.account.refused["GetCallerIdentity"] = RefusedError(400, "InvalidSecurityToken.Expired")
    endpoints = [f"--endpoint={name}={url}" for name, url in ENDPOINTS.items()]
    done = process(tmp_path, "--profile=work", *endpoints, HTTP_PROXY=doctor.account.url, DEBUG="sdk")
    assert (done.returncode, done.stdout) == (2, "")
    error, remedy = done.stderr.splitlines()
    assert error == "error: STS does not take the credentials (InvalidSecurityToken.Expired)."
    assert "Log in again" in remedy


@pytest.mark.parametrize("endpoint", ["sts=http://sts.example.com", "nothing=https://a.example.com", "sts"])
def test_an_address_must_be_one_of_a_service_with_https(endpoint: str) -> None:
    result = run(f"--endpoint={endpoint}")
    assert result.exit_code == 2
    assert "SERVICE=HOST is expected" in result.stderr
