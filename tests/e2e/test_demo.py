"""The demonstration, run as a person runs it: it tells a true story, and fails when the story is not true."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local.registry.docker_registry import missing_tools
from tests.packages import interpreter, package

# `make demo` and .ci/run play it for itself.
pytestmark = pytest.mark.deep
ROOT = Path(__file__).parents[2]


def play(*arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200"}
    if path is not None:
        environment["PATH"] = path
    return subprocess.run(
        [sys.executable, "-m", "local", "demo", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


@pytest.mark.skipif(bool(missing_tools()), reason=f"not on this machine: {', '.join(missing_tools())}")
def test_with_a_real_registry_every_sentence_holds() -> None:
    run = play()
    assert run.returncode == 0, run.stdout + run.stderr
    assert "A real registry at 127.0.0.1:" in run.stdout
    assert "Every sentence of the story held." in run.stdout
    for cache in ("shop-blue", "shop-green"):
        updates = run.stdout.count(f"refreshed TAG_REPUSHED {cache}")
        assert 3 <= updates <= 4
        assert 3 <= run.stdout.count(f"landed LANDED {cache}") <= updates


def test_without_the_registrys_tools_the_notification_is_played(tmp_path: Path) -> None:
    run = play(path=str(tmp_path))
    assert run.returncode == 0, run.stdout + run.stderr
    assert "docker-registry, skopeo, umoci" in run.stdout
    assert 6 <= run.stdout.count("landed LANDED") <= 8


def test_the_package_tells_the_same_story(tmp_path: Path) -> None:
    python = interpreter("python3.12")
    if python is None:
        pytest.skip("there is no interpreter of python3.12 on this machine")
    code = ("--code", str(package("python3.12")), "--python", str(python), "--runtime", "python3.12")
    run = play(*code, path=str(tmp_path))
    assert run.returncode == 0, run.stdout + run.stderr
    assert 6 <= run.stdout.count("landed LANDED") <= 8


@pytest.mark.parametrize(
    ("module", "line", "broken", "told"),
    [
        pytest.param(
            "imagecache/planning/update_request.py",
            '"Image": list(images),',
            '"Image": list(images[:1]),',
            "was sent",
            id="only the first image is sent",
        ),
        pytest.param(
            "imagecache/planning/plan.py",
            "if push.tag in tags:",
            "if tags:",
            "web-other-tag was updated",
            id="another tag's cache is rebuilt",
        ),
    ],
)
def test_a_wrong_function_breaks_the_story(
    tmp_path: Path, module: str, line: str, broken: str, told: str
) -> None:
    code = tmp_path / "functions"
    shutil.copytree(ROOT / "functions", code, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "schemas", code / "schemas")
    source = (code / module).read_text(encoding="utf-8")
    assert source.count(line) == 1
    (code / module).write_text(source.replace(line, broken), encoding="utf-8")

    run = play("--code", str(code), path=str(tmp_path))

    assert run.returncode == 1, run.stdout + run.stderr
    assert "Not as expected" in run.stdout
    assert told in run.stdout
