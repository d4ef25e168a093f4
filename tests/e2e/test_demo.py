"""The demonstration, run as a person runs it: it tells a true story, and fails when the story is not true.

The picture of it in docs/ is held against what it prints now, without its times and ports.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local.demo.story import BURST, SINGLE_PUSHES
from local.registry.docker_registry import missing_tools
from tests.packages import interpreter, package
from tests.support.demo_picture import PICTURE, STEP, pictured, unlike

# `make demo` and .ci/run play it for itself.
pytestmark = pytest.mark.deep
ROOT = Path(__file__).parents[2]


def groups(text: str) -> dict[str, dict[str, list[str]]]:
    """What a run printed: each push, the caches under it, and the steps of each."""
    found: dict[str, dict[str, list[str]]] = {}
    push = cache = ""
    for line in text.splitlines():
        if line.startswith("Push "):
            push = line
        elif step := STEP.fullmatch(line):
            cache = step[1] or cache
            found.setdefault(push, {}).setdefault(cache, []).append(f"{step[2]} {step[3]}")
    return found


def steps(text: str, cache: str, word: str) -> int:
    """How many steps of a cache begin with a word."""
    return sum(step.startswith(word) for push in groups(text).values() for step in push.get(cache, ()))


def landed(text: str) -> bool:
    """Whether both caches landed as often as they may: once for a single push, once or twice in the burst."""
    return all(3 <= steps(text, cache, "landed LANDED") <= 4 for cache in ("shop-blue", "shop-green"))


def play(*arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "80"}
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
        updates = steps(run.stdout, cache, "refreshed TAG_REPUSHED")
        assert 3 <= updates <= 4
        assert 3 <= steps(run.stdout, cache, "landed LANDED") <= updates


def test_without_the_registrys_tools_the_notification_is_played(tmp_path: Path) -> None:
    run = play("--svg", str(tmp_path / "demo.svg"), path=str(tmp_path))
    assert run.returncode == 0, run.stdout + run.stderr
    assert "docker-registry, skopeo, umoci" in run.stdout
    assert landed(run.stdout)
    # On a pipe as on a terminal of 80 columns, and without anything that a terminal obeys.
    assert max(map(len, run.stdout.splitlines())) <= 80
    assert run.stdout.replace("\n", "").isprintable()
    # What became of each push is told once, under it.
    told = groups(run.stdout)
    assert [push.partition(" (")[0] for push in told] == [
        f"Push {number}: 127.0.0.1:5000/{image}"
        for number, image in enumerate((image for image, _ in (*SINGLE_PUSHES, *BURST)), 1)
    ]
    for push, caches in told.items():
        assert set(caches) <= {"shop-blue", "shop-green", "web-other-tag"}
        for cache in ("shop-blue", "shop-green"):
            assert re.match("landed LANDED, |deferred CACHE_BUSY, waits with push ", caches[cache][-1]), push
    assert told.popitem()[1]["shop-blue"] == ["deferred CACHE_BUSY, waits with push 4"]
    # The picture in the repository has what is printed now; how often a task looks is another matter.
    assert not unlike(pictured(PICTURE), run.stdout.splitlines()) - {"deferred UPDATE_RUNNING"}
    assert not unlike(pictured(tmp_path / "demo.svg"), run.stdout.splitlines())


def test_the_package_tells_the_same_story(tmp_path: Path) -> None:
    python = interpreter("python3.12")
    if python is None:
        pytest.skip("there is no interpreter of python3.12 on this machine")
    code = ("--code", str(package("python3.12")), "--python", str(python), "--runtime", "python3.12")
    run = play(*code, path=str(tmp_path))
    assert run.returncode == 0, run.stdout + run.stderr
    assert landed(run.stdout)


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
