"""What is checked before anything is called: package, names, and every parameter as the functions read it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.__main__ import main

ROOT = Path(__file__).parents[2]
TOKEN = "0123456789abcdef"
ROBOT = '{"server":"r.example.com","userName":"robot","passwordEnv":"REGISTRY_PASSWORD"}'
WITH_PASSWORD = f'{{"rules":[{{"update":{{"imageRegistryCredential":[{ROBOT}]}}}}]}}'


def make_package(folder: Path, content: bytes = b"code", **along: str) -> Path:
    path = folder / "imc-refresh-python3.12.zip"
    path.write_bytes(content)
    manifest = {"runtime": "python3.12", "sha256": hashlib.sha256(content).hexdigest(), **along}
    path.with_suffix(".json").write_text(json.dumps(manifest))
    return path


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return make_package(tmp_path)


def given(package: Path, *more: str, region: str = "cn-hangzhou") -> list[str]:
    return ["--region", region, "--bucket", "my-bucket", "--package", str(package), *more]


def problems(capsys: pytest.CaptureFixture[str], verb: str, arguments: list[str]) -> str:
    assert main([verb, *arguments]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert all(line.startswith("error: ") for line in told.err.splitlines())
    return told.err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        pytest.param(["--set", "Runtime=python3.10"], "Runtime: is python3.12 by the package", id="runtime"),
        pytest.param(
            ["--set", f"WebhookTokens={TOKEN}"],
            "WebhookTokens: is secret; put the value into the environment variable WEBHOOK_TOKENS",
            id="token-on-the-command-line",
        ),
        pytest.param(
            ["--webhook"], "WEBHOOK_TOKENS: has to hold WebhookTokens, and is not set", id="no-token"
        ),
        pytest.param(
            ["--set", 'Rules={"rules":'],
            "IMC_RULES has no rules: document is not valid JSON: ",
            id="rules-no-json",
        ),
        pytest.param(["--set", 'Rules={"rules":\n[]}'], "Parameters.Rules: ", id="rules-on-two-lines"),
        pytest.param(
            ["--set", 'Rules={"rules":[{"nam":"a"}]}'],
            "IMC_RULES at /rules/0: breaks rule",
            id="rules-by-schema",
        ),
        pytest.param(
            ["--set", f"Rules={WITH_PASSWORD}"],
            "IMC_RULES at /rules/0/update/imageRegistryCredential/0/passwordEnv: the environment has no",
            id="rules-without-their-password",
        ),
        pytest.param(["--set", "LogLevels=INFO"], "Parameters.LogLevels: no such parameter", id="unknown"),
        pytest.param(["--set", "LogLevel=LOUD"], "Parameters.LogLevel: 'LOUD' is not one of", id="value"),
        pytest.param(["--set", "LogDays=0"], "Parameters.LogDays: ", id="bounds"),
        pytest.param(["--set", "NamePrefix=Big"], "Parameters.NamePrefix: 'Big' does not match", id="form"),
        pytest.param(["--set", "Regions=-"], "IMC_REGIONS", id="regions"),
        pytest.param(
            ["--set", "EciEndpoint=http://eci.example.com"], "IMC_ECI_ENDPOINT", id="endpoint-without-tls"
        ),
        pytest.param(
            ["--set", "FollowBaseSeconds=1000"],
            "IMC_FOLLOW_BASE_SECONDS is more than IMC_FOLLOW_MAX_SECONDS",
            id="settings-that-do-not-go-together",
        ),
        pytest.param(["--stack", "my stack"], "name: letters, digits", id="stack"),
        pytest.param(["--region", "Hangzhou"], "region: a region's id", id="region"),
        pytest.param(["--bucket", "My_Bucket"], "bucket: 3 to 63 small letters", id="bucket"),
    ],
)
def test_a_wrong_parameter_is_told(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    package: Path,
    arguments: list[str],
    problem: str,
) -> None:
    monkeypatch.delenv("WEBHOOK_TOKENS", raising=False)
    assert problem in problems(capsys, "create", given(package, *arguments))


def test_all_problems_are_told_at_once(capsys: pytest.CaptureFixture[str], package: Path) -> None:
    told = problems(
        capsys, "create", given(package, "--set", "FollowBaseSeconds=1000", "--set", "CrEndpoint=http://a.b")
    )
    assert [line.split()[1] for line in told.splitlines()] == ["IMC_CR_ENDPOINT", "IMC_FOLLOW_BASE_SECONDS"]


@pytest.mark.parametrize("tokens", ["short", f"nosuchsource={TOKEN}", f"{TOKEN},,{TOKEN}"])
def test_tokens_are_checked_and_never_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, package: Path, tokens: str
) -> None:
    monkeypatch.setenv("WEBHOOK_TOKENS", tokens)
    told = problems(capsys, "create", given(package, "--webhook"))
    assert "Tokens" in told or "TOKENS" in told
    assert tokens not in told
    assert TOKEN not in told


def test_tokens_of_a_wrong_form_are_told_what_is_expected(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, package: Path
) -> None:
    monkeypatch.setenv("WEBHOOK_TOKENS", "short")
    told = problems(capsys, "create", given(package, "--webhook"))
    assert told.startswith(
        "error: Parameters.WebhookTokens: tokens of at least 16 printable ASCII characters"
    )


def test_what_may_be_replaced_is_a_resource_of_the_template(
    capsys: pytest.CaptureFixture[str], package: Path
) -> None:
    wrong = given(package, "--replace", "OnPush", "--replace", "Nothing")
    assert problems(capsys, "update", wrong) == "error: replace: the template has no resource Nothing\n"


def test_an_update_says_that_parameters_count_with_their_defaults(
    capsys: pytest.CaptureFixture[str], package: Path
) -> None:
    told = problems(capsys, "update", given(package, "--set", "FollowBaseSeconds=1000"))
    assert "what is not given counts with its default here" in told


def test_an_update_of_rules_needs_no_password_that_the_stack_has(
    capsys: pytest.CaptureFixture[str], package: Path
) -> None:
    assert main(["update", *given(package, "--set", f"Rules={WITH_PASSWORD}")]) == 0
    assert WITH_PASSWORD in capsys.readouterr().out


@pytest.mark.parametrize(("region", "told"), [("cn-hangzhou", False), ("me-east-1", True)])
def test_a_region_without_task_mode_is_told(
    capsys: pytest.CaptureFixture[str], package: Path, region: str, *, told: bool
) -> None:
    assert main(["create", *given(package, region=region)]) == 0
    assert ("me-east-1 has no task mode" in capsys.readouterr().out) == told


def test_rules_in_the_package_are_switched_on_with_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    package = make_package(tmp_path, rules="rules.json", caFile="ca.pem")
    assert main(["update", *given(package)]) == 0
    script = capsys.readouterr().out
    assert "ParameterKey RulesFile --Parameters.4.ParameterValue rules.json" in script
    assert "ParameterKey CaFile --Parameters.5.ParameterValue ca.pem" in script
    for name, value, problem in (
        ("Rules", '{"rules":[]}', "Rules: do not count beside the rules in the package"),
        ("RulesFile", "other.json", "RulesFile: is rules.json by the package"),
        ("CaFile", "/opt/ca.pem", "CaFile: is ca.pem by the package"),
    ):
        assert problem in problems(capsys, "create", given(package, "--set", f"{name}={value}"))


def test_a_package_that_is_not_what_its_manifest_says_is_refused(
    capsys: pytest.CaptureFixture[str], package: Path
) -> None:
    package.write_bytes(b"half of")
    expected = "is not what imc-refresh-python3.12.json describes; build it again"
    assert expected in problems(capsys, "create", given(package))
    package.with_suffix(".json").write_text("[]")
    assert "is no manifest of a package" in problems(capsys, "create", given(package))
    package.unlink()
    assert "No such file or directory; `make package` builds it" in problems(capsys, "create", given(package))
    other = package.with_name("imc-refresh-python3.10.zip")
    assert "`make package RUNTIME=python3.10` builds it" in problems(capsys, "create", given(other))


@pytest.mark.deep
def test_the_command_of_a_new_process_prints_the_same(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, package: Path
) -> None:
    monkeypatch.chdir(ROOT)
    run = subprocess.run(
        [sys.executable, "-m", "deploy", "create", *given(package)],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert main(["create", *given(package)]) == 0
    assert (run.stdout, run.stderr) == (capsys.readouterr().out, "")
