"""The rooms of the library: who may import whom, and which code has no side effects.

The contracts are in ``.importlinter``; here each is broken once, in a copy, and has to say so.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FUNCTIONS = ROOT / "functions"
LIBRARY = FUNCTIONS / "imagecache"
ENTRY_POINTS = sorted(path.stem for path in FUNCTIONS.glob("on_*.py"))
DEPLOYED_MODULES = sorted(FUNCTIONS.glob("*.py")) + sorted(LIBRARY.rglob("*.py"))
PURE_ROOMS = ("model", "policy", "planning")
PURE_MODULES = [path for room in PURE_ROOMS for path in sorted((LIBRARY / room).glob("*.py"))]
COLD_COSTS = {"aliyunsdkcore", "aliyunsdkeci", "fc2", "jsonschema", "requests", "semantic_version"}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def roots(path: Path) -> set[str]:
    """The top-level names of what a file imports from outside its own package."""
    found = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
    return found


def caught(path: Path) -> Iterator[str]:
    """The name of every exception type that a file catches; an empty one for a bare ``except``."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ExceptHandler):
            types = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            yield from ("" if kind is None else ast.unparse(kind) for kind in types)


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join((str(folder / "functions"), str(folder)))
    return subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as main; main()"],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "COLUMNS": "200"},
        timeout=60,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The folders that the contracts are about."""
    for folder in ("functions", "local", "deploy"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    return tmp_path


def test_the_tree_keeps_every_contract(copy: Path) -> None:
    run = lint(copy)
    assert run.returncode == 0, run.stdout + run.stderr
    assert " 0 broken" in run.stdout


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        pytest.param("model/globs.py", "import requests", "SDKs and HTTP libraries", id="library-in-model"),
        pytest.param("engine/apply.py", "import fc2", "SDKs and HTTP libraries", id="sdk-in-engine"),
        pytest.param("planning/plan.py", "from ..clients import eci", "rooms", id="planning-clients"),
        pytest.param("clients/eci.py", "from ..planning import plan", "rooms", id="clients-planning"),
        pytest.param("policy/rules.py", "from ..config import settings", "rooms", id="policy-config"),
        pytest.param("base/errors.py", "from ..model import globs", "rooms", id="base-model"),
        pytest.param("extra.py", "import json", "rooms", id="outside-the-rooms"),
        pytest.param("model/globs.py", "from . import selector", "No circle", id="circle-in-a-room"),
        pytest.param("triggers/manual.py", "import on_push", "entry point", id="entry-point"),
        pytest.param("triggers/manual.py", "import tests", "tests", id="tests"),
        pytest.param("../../local/config.py", "import imagecache.base.errors", "know nothing", id="local"),
        pytest.param("../../deploy/rules.py", "import on_push", "entry point", id="deploy-entry-point"),
    ],
)
def test_a_forbidden_import_names_the_contract_and_the_module(
    copy: Path, file: str, line: str, contract: str
) -> None:
    path = copy / "functions" / "imagecache" / file
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    path.write_text(f"{before}\n{line}\n", encoding="utf-8")
    run = lint(copy)
    assert run.returncode == 1, run.stdout + run.stderr
    broken = run.stdout.partition("Broken contracts")[2]
    assert contract in broken
    assert path.stem in broken


def test_there_is_something_to_check() -> None:
    assert {"on_follow", "on_manual", "on_push", "on_timer", "on_webhook"} <= set(ENTRY_POINTS)
    assert {path.parent.name for path in PURE_MODULES} == set(PURE_ROOMS)


@pytest.mark.parametrize("room", sorted(path.name for path in LIBRARY.iterdir() if path.is_dir()))
def test_a_room_says_what_it_is_for_and_what_it_must_not_know(room: str) -> None:
    text = ast.get_docstring(parsed(LIBRARY / room / "__init__.py")) or ""
    assert len(text) > 60
    assert "not" in text.split()


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_an_entry_point_imports_the_library_and_nothing_else(name: str) -> None:
    assert roots(FUNCTIONS / f"{name}.py") <= {"__future__", "typing", "imagecache"}


@pytest.mark.parametrize("path", DEPLOYED_MODULES, ids=name_of)
def test_only_the_outermost_frame_catches_everything(path: Path) -> None:
    everything = [kind for kind in caught(path) if kind in {"", "Exception", "BaseException"}]
    assert everything == (["Exception"] if path == LIBRARY / "triggers" / "invocation.py" else [])


@pytest.mark.parametrize("path", PURE_MODULES, ids=name_of)
def test_a_pure_module_asks_no_clock_and_opens_nothing(path: Path) -> None:
    tree = parsed(path)
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    called = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not attributes & {"now", "utcnow", "today", "environ", "monotonic"}
    assert not called & {"open", "print", "input", "exec", "eval", "__import__"}
    assert not roots(path) & {
        "logging",
        "os",
        "pathlib",
        "random",
        "socket",
        "subprocess",
        "threading",
        "time",
    }


def test_an_entry_point_is_imported_without_what_only_some_events_need() -> None:
    program = f"import sys, {', '.join(ENTRY_POINTS)}; print(*sorted(m for m in sys.modules if '.' not in m))"
    loaded = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        cwd=FUNCTIONS,
        timeout=60,
    ).stdout.split()
    assert "imagecache" in loaded
    assert not COLD_COSTS & set(loaded)
