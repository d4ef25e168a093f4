"""The printed commands: run in a real shell with an ``aliyun`` that writes down how it was called."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.__main__ import main
from local.template.document import load_template

ROOT = Path(__file__).parents[2]
ALIYUN = """#!{python}
import json, os, sys
with open(os.environ["CALLS"], "a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
if "--refuse" in sys.argv:
    sys.exit("ERROR: refused")
print(json.dumps({{"RequestId": "request", "StackId": "stack-of-" + sys.argv[2]}}))
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return make_package(tmp_path)


def make_package(folder: Path, runtime: str = "python3.12", content: bytes = b"code", **along: str) -> Path:
    path = folder / f"imc-refresh-{runtime}.zip"
    path.write_bytes(content)
    manifest = {"runtime": runtime, "sha256": hashlib.sha256(content).hexdigest(), **along}
    path.with_suffix(".json").write_text(json.dumps(manifest))
    return path


@dataclass(frozen=True)
class Told:
    """What the command said, and its exit status."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture(autouse=True)
def in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands name files as they are seen from the project's folder."""
    monkeypatch.chdir(ROOT)


def tell(*arguments: str) -> Told:
    """Run the command in this process: a new one takes half a second to start."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(["commands", *arguments])
    return Told(status, out.getvalue(), err.getvalue())


def script(*arguments: str) -> str:
    told = tell(*arguments)
    assert (told.returncode, told.stderr) == (0, "")
    return told.stdout


def calls(script_text: str, folder: Path, **environment: str) -> list[list[str]]:
    """What ``aliyun`` is called with when the script is run."""
    (folder / "bin").mkdir()
    aliyun = folder / "bin/aliyun"
    aliyun.write_text(ALIYUN.format(python=sys.executable))
    aliyun.chmod(0o755)
    written = folder / "calls.jsonl"
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    subprocess.run(
        ["sh", "-eu"],
        input=script_text,
        env={"PATH": path, "CALLS": str(written), **environment},
        cwd=ROOT,
        text=True,
        check=True,
        timeout=60,
        capture_output=True,
    )
    return [json.loads(line) for line in written.read_text().splitlines()]


def options(call: list[str]) -> dict[str, str]:
    """The options of a call, each with its value."""
    named = [index for index, word in enumerate(call) if word.startswith("--")]
    return {call[index]: call[index + 1] for index in named if index + 1 < len(call)}


def parameters(call: list[str]) -> dict[str, str]:
    given = options(call)
    names = {name.split(".")[1] for name in given if name.startswith("--Parameters.")}
    return {
        given[f"--Parameters.{number}.ParameterKey"]: given[f"--Parameters.{number}.ParameterValue"]
        for number in names
    }


def test_create_uploads_validates_creates_and_waits(package: Path, tmp_path: Path) -> None:
    made = calls(
        script("create", "--region", "cn-hangzhou", "--bucket", "my-bucket", "--package", str(package)),
        tmp_path,
    )
    assert [call[:2] for call in made] == [
        ["oss", "cp"],
        ["oss", "cp"],
        ["ros", "ValidateTemplate"],
        ["ros", "CreateStack"],
        ["ros", "GetStack"],
    ]
    code, template = made[0], made[1]
    assert code[2] == str(package)
    assert (ROOT / template[2]).resolve() == ROOT / "template.yml"
    created = made[3]
    assert options(created)["--TemplateURL"] == f"{template[3]}?RegionId=cn-hangzhou"
    assert parameters(created) == {
        "Runtime": "python3.12",
        "CodeBucket": "my-bucket",
        "CodeObject": code[3].removeprefix("oss://my-bucket/"),
    }
    assert options(made[4])["--StackId"] == "stack-of-CreateStack"
    assert made[4][-2:] == ["to=CREATE_COMPLETE", "timeout=1200"]


def test_the_command_of_a_new_process_prints_the_same(package: Path) -> None:
    given = ["create", "--region", "cn-hangzhou", "--bucket", "my-bucket", "--package", str(package)]
    run = subprocess.run(
        [sys.executable, "-m", "deploy", "commands", *given],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert (run.stdout, run.stderr) == (script(*given), "")


def test_what_create_passes_is_a_complete_set_of_parameters(package: Path, tmp_path: Path) -> None:
    given = ["--set", "AlarmContactGroup=on call", "--set", "SweepCron=0 0 * * * *"]
    made = calls(
        script("create", "--region", "eu-central-1", "--bucket", "b-1", "--package", str(package), *given),
        tmp_path,
    )
    passed = parameters(made[3])
    assert passed["AlarmContactGroup"] == "on call"
    assert passed["SweepCron"] == "0 0 * * * *"
    assert load_template(ROOT / "template.yml", passed, region="eu-central-1", account_id="1")


def test_the_code_has_a_new_name_when_it_changes(tmp_path: Path) -> None:
    names = set()
    for content in (b"first", b"second", b"first"):
        package = make_package(tmp_path, content=content)
        told = script("create", "--region", "cn-hangzhou", "--bucket", "my-bucket", "--package", str(package))
        names.add(told.splitlines()[0])
    assert len(names) == 2


def test_webhook_tokens_come_from_the_shell_and_are_not_printed(package: Path, tmp_path: Path) -> None:
    told = script(
        "create", "--region", "cn-hangzhou", "--bucket", "my-bucket", "--package", str(package), "--webhook"
    )
    token = "a token $HOME `id` 'quoted' \"twice\""
    made = calls(told, tmp_path, WEBHOOK_TOKENS=token)
    assert parameters(made[3])["WebhookTokens"] == token


def test_a_script_without_the_tokens_stops_before_it_creates(package: Path, tmp_path: Path) -> None:
    told = script(
        "create", "--region", "cn-hangzhou", "--bucket", "my-bucket", "--package", str(package), "--webhook"
    )
    with pytest.raises(subprocess.CalledProcessError) as failure:
        calls(told, tmp_path)
    assert "WEBHOOK_TOKENS" in failure.value.stderr
    assert not (tmp_path / "calls.jsonl").exists()


def test_a_stack_that_is_not_created_ends_the_script(package: Path, tmp_path: Path) -> None:
    told = script("create", "--region", "cn-hangzhou", "--bucket", "my-bucket", "--package", str(package))
    refusing = told.replace("CreateStack", "CreateStack --refuse")
    with pytest.raises(subprocess.CalledProcessError) as failure:
        calls(refusing, tmp_path)
    assert "STACK_ID: the answer told none" in failure.value.stderr


def test_a_registry_password_comes_from_the_shell_too(package: Path, tmp_path: Path) -> None:
    given = ["--webhook", "--registry-password"]
    told = script(
        "create", "--region", "cn-hangzhou", "--bucket", "my-bucket", "--package", str(package), *given
    )
    secrets = {
        "WEBHOOK_TOKENS": "a token of the webhook",
        "REGISTRY_PASSWORD": "$HOME `id` 'quoted' \"twice\"",
    }
    passed = parameters(calls(told, tmp_path, **secrets)[3])
    assert passed["RegistryPassword"] == secrets["REGISTRY_PASSWORD"]
    assert passed["WebhookTokens"] == secrets["WEBHOOK_TOKENS"]


def test_rules_are_passed_as_they_are(package: Path, tmp_path: Path) -> None:
    rules = """{"rules":[{"name":"$HOME 'x'","policy":{"type":"semver","range":">=1 <2"}}]}"""
    told = script(
        *("create", "--region", "cn-hangzhou", "--bucket", "my-bucket", "--package", str(package)),
        *("--set", f"Rules={rules}", "--set", "ReadRegistries=true"),
    )
    passed = parameters(calls(told, tmp_path)[3])
    assert (passed["Rules"], passed["ReadRegistries"]) == (rules, "true")


def test_rules_in_the_package_are_switched_on_with_it(tmp_path: Path) -> None:
    package = make_package(tmp_path, rules="rules.json")
    given = ["--region", "cn-hangzhou", "--bucket", "my-bucket", "--package", str(package)]
    assert parameters(calls(script("update", *given), tmp_path)[4])["RulesFile"] == "rules.json"
    for name, value, problem in (
        ("Rules", '{"rules":[]}', "Rules: do not count beside the rules in the package"),
        ("RulesFile", "other.json", "RulesFile is rules.json by the package"),
    ):
        told = tell("create", *given, "--set", f"{name}={value}")
        assert (told.returncode, told.stdout) == (1, "")
        assert problem in told.stderr


def test_authorities_in_the_package_are_switched_on_with_it(tmp_path: Path) -> None:
    package = make_package(tmp_path, caFile="ca.pem")
    given = ["--region", "cn-hangzhou", "--bucket", "my-bucket", "--package", str(package)]
    passed = parameters(calls(script("create", *given), tmp_path)[3])
    assert passed["CaFile"] == "ca.pem"
    assert "RulesFile" not in passed
    told = tell("create", *given, "--set", "CaFile=/opt/ca.pem")
    assert (told.returncode, told.stdout) == (1, "")
    assert "CaFile is ca.pem by the package" in told.stderr


def test_update_finds_the_stack_and_keeps_other_parameters(package: Path, tmp_path: Path) -> None:
    told = script("update", "--region", "cn-hangzhou", "--bucket", "my-bucket", "--package", str(package))
    made = calls(told, tmp_path)
    assert [call[1] for call in made[2:]] == ["ValidateTemplate", "ListStacks", "UpdateStack", "GetStack"]
    assert options(made[4])["--StackId"] == "stack-of-ListStacks"
    assert options(made[4])["--UsePreviousParameters"] == "true"
    assert set(parameters(made[4])) == {"Runtime", "CodeBucket", "CodeObject"}


def test_remove_needs_neither_bucket_nor_package(tmp_path: Path) -> None:
    made = calls(script("remove", "--region", "cn-hangzhou", "--stack", "other"), tmp_path)
    assert [call[1] for call in made] == ["ListStacks", "DeleteStack"]
    assert options(made[0])["--StackName.1"] == "other"
    assert options(made[1])["--StackId"] == "stack-of-ListStacks"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        pytest.param(["--set", "Runtime=python3.10"], "Runtime is python3.12 by the package", id="runtime"),
        pytest.param(
            ["--set", "WebhookTokens=" + "x" * 16],
            "WebhookTokens: is secret; use --webhook, and put the value into WEBHOOK_TOKENS",
            id="token",
        ),
        pytest.param(
            ["--set", "RegistryPassword=x"],
            "RegistryPassword: is secret; use --registry-password, and put the value into REGISTRY_PASSWORD",
            id="password",
        ),
        pytest.param(["--set", 'Rules={"rules":'], "Rules: document is not valid JSON: ", id="rules-no-json"),
        pytest.param(["--set", 'Rules={"rules":\n[]}'], "Parameters.Rules: ", id="rules-on-two-lines"),
        pytest.param(
            ["--set", 'Rules={"rules":[{"nam":"a"}]}'],
            "Rules: at /rules/0: breaks rule 'no unknown keys', found keys nam",
            id="rules-by-schema",
        ),
        pytest.param(
            ["--set", 'Rules={"rules":[]' + " " * 1600 + "}"], "is above MaxLength 1600", id="rules-too-long"
        ),
        pytest.param(["--set", "LogLevels=INFO"], "Parameters.LogLevels: no such parameter", id="unknown"),
        pytest.param(["--set", "LogLevel=LOUD"], "Parameters.LogLevel: 'LOUD' is not one of", id="value"),
        pytest.param(
            ["--set", "NamePrefix=Big"], "Parameters.NamePrefix: 'Big' does not match", id="pattern"
        ),
    ],
)
def test_a_wrong_parameter_is_told(package: Path, arguments: list[str], problem: str) -> None:
    told = tell(
        "create", "--region", "cn-hangzhou", "--bucket", "my-bucket", "--package", str(package), *arguments
    )
    assert told.returncode == 1
    assert told.stdout == ""
    assert told.stderr.startswith("error: ")
    assert problem in told.stderr


def test_a_package_that_is_not_what_its_manifest_says_is_refused(package: Path) -> None:
    package.write_bytes(b"half of")
    told = tell("create", "--region", "cn-hangzhou", "--bucket", "my-bucket", "--package", str(package))
    assert (told.returncode, told.stdout) == (1, "")
    assert "is not what imc-refresh-python3.12.json describes; build it again" in told.stderr


def test_a_missing_package_says_how_it_is_built(tmp_path: Path) -> None:
    told = tell(
        "create", "--region", "cn-hangzhou", "--bucket", "b-1", "--package", str(tmp_path / "none.zip")
    )
    assert told.returncode == 1
    assert "none.zip: No such file or directory; `make package` builds it" in told.stderr


def test_a_manifest_that_is_none_is_refused(package: Path) -> None:
    package.with_suffix(".json").write_text("[]")
    told = tell("create", "--region", "cn-hangzhou", "--bucket", "my-bucket", "--package", str(package))
    assert told.returncode == 1
    assert "is no manifest of a package" in told.stderr


def test_a_bucket_is_needed_to_create(package: Path) -> None:
    told = tell("create", "--region", "cn-hangzhou", "--package", str(package))
    assert told.returncode == 1
    assert "--bucket is needed" in told.stderr
