"""Whose key a command uses: the environment's, that of the vendor's command line tool, or a profile's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cli.app import COMMANDS
from local.permissions.credentials import Credential, CredentialStore
from tests.support.operator import Act, account_environment

ROOT = Path(__file__).resolve().parents[2]
IMAGE, REGION = "nginx:1", ("--region", "cn-hangzhou")
ASKS = {
    "plan": (IMAGE, *REGION),
    "why": ("web", *REGION),
    "status": REGION,
    "trace": ("web", *REGION),
    "records": REGION,
    "report": ("--html", "report.html", *REGION),
    "failures": REGION,
    "refresh": ("web", *REGION),
    "rollback": ("web", *REGION),
    "hold": ("web", *REGION),
    "release": ("web", *REGION),
    "approve": ("web", *REGION),
    "doctor": REGION,
}
_NO_ACCOUNT = {"rules", "deploy"}
"""`rules test` takes caches of an account too, see below; `deploy` runs the vendor's own tool."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A home with these profiles in the vendor's command line tool; the first one is its current one."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".aliyun").mkdir()

    def put(**keys: Credential) -> None:
        profiles = [
            {
                "name": name,
                "mode": "StsToken",
                "access_key_id": key.access_key_id,
                "access_key_secret": key.access_key_secret,
                "sts_token": key.security_token or "",
            }
            for name, key in keys.items()
        ]
        document = {"current": next(iter(keys)), "profiles": profiles}
        (tmp_path / ".aliyun" / "config.json").write_text(json.dumps(document))

    return put


@pytest.fixture
def key(act: Act, monkeypatch: pytest.MonkeyPatch) -> Credential:
    """A key of the local cloud, which is in the place of an account; the environment has none."""
    with closing(CredentialStore(act.cloud.config.state / "cloud.db")) as store:
        key = store.issue()
    for name, value in account_environment(act.cloud, key).items():
        if name.startswith("IMC_"):
            monkeypatch.setenv(name, value)
    return key


def test_each_command_is_here() -> None:
    assert set(ASKS) | _NO_ACCOUNT == set(COMMANDS)


@pytest.mark.parametrize("name", ASKS)
def test_each_command_that_asks_an_account_takes_a_profile(ask: Any, name: str) -> None:
    said = ask(name, *ASKS[name], "--profile", "nobody")
    assert said.exit_code == 2
    error, remedy = said.stderr.splitlines()
    assert error.startswith(
        "error: No credentials of Alibaba Cloud were found in the profile 'nobody' of the"
    )
    assert "`aliyun configure`" in remedy


def started(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own: the vendor's SDK looks at its home once for a process."""
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'functions'}"},
    )


def test_without_any_key_it_is_told_where_one_is_looked_for(ask: Any) -> None:
    said = started("rules", "test", ask.rules({"name": "all"}), *REGION)
    assert (said.returncode, said.stdout) == (2, "")
    error, remedy = said.stderr.splitlines()
    assert error.startswith("error: No credentials of Alibaba Cloud were found on this machine")
    assert "ALIBABA_CLOUD_ACCESS_KEY_ID" in remedy
    assert "--caches FILE" in remedy


def test_half_a_key_in_the_environment_is_told(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAI-key")
    said = ask("status", *REGION)
    assert said.exit_code == 2
    assert "error: ALIBABA_CLOUD_ACCESS_KEY_SECRET is not set." in said.stderr


def test_a_profile_reads_and_acts_and_an_expired_one_is_told(act: Act, home: Any, key: Credential) -> None:
    home(unknown=replace(key, access_key_id="STS.unknown"), work=key)
    identifier = act.cache()
    said = started("refresh", act.name, "--yes", "--profile", "work", "--json")
    assert said.returncode == 0, said.stderr
    (cache,) = json.loads(said.stdout)["caches"]
    assert (cache["image_cache_id"], cache["ended"]["result"]) == (identifier, "landed")
    # Without one it is the current profile's.
    said = started("status")
    assert (said.returncode, said.stdout) == (2, "")
    error, remedy = said.stderr.splitlines()
    assert error.startswith("error: ECI does not take the credentials (InvalidAccessKeyId")
    assert "Log in again, or use another profile (`--profile`)." in remedy
    assert key.access_key_secret not in said.stderr
