"""The command as a package that is installed, not a checkout: it has everything that it reads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_PROGRAM = "import cli; print(cli.__file__); from cli.app import app; app()"


@pytest.mark.deep
def test_an_installed_command_plans_by_rules(tmp_path: Path, examples: Path) -> None:
    folder = tmp_path / "installed"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", folder, ROOT], check=True, timeout=100)
    files = ("--caches", examples / "caches.json", "--rules", examples / "rules.json")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            _PROGRAM,
            "plan",
            "nginx",
            *files,
        ],
        env={**os.environ, "PYTHONPATH": str(folder)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
    where, answer = done.stdout.split("\n", 1)
    assert Path(where).is_relative_to(folder)
    assert answer.startswith("A push of docker.io/library/nginx:latest, 9 image caches")
