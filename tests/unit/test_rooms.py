"""The rooms of the library: who may import whom, and which code has no side effects.

The contracts are in ``.importlinter``; here a copy of the tree breaks all of them, and each has to say so.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.for_each import for_each

ROOT = Path(__file__).parents[2]
FUNCTIONS = ROOT / "functions"
LIBRARY = FUNCTIONS / "imagecache"
ENTRY_POINTS = sorted(path.stem for path in FUNCTIONS.glob("on_*.py"))
DEPLOYED_MODULES = sorted(FUNCTIONS.glob("*.py")) + sorted(LIBRARY.rglob("*.py"))
PURE_ROOMS = ("model", "policy", "planning")
PURE_MODULES = [path for room in PURE_ROOMS for path in sorted((LIBRARY / room).glob("*.py"))]
COLD_COSTS = {"aliyunsdkcore", "aliyunsdkeci", "fc2", "jsonschema", "re2", "requests"}


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


@dataclass(frozen=True)
class Break:
    """An import that a contract forbids.

    Attributes:
        file: where the line is added, seen from the library's folder.
        line: the import.
        contract: a part of the contract's name.
        shown: what the report says of it.
    """

    file: str
    line: str
    contract: str
    shown: str


LAYERED = "The rooms of the library are layered"
BREAKS = {
    "library-in-model": Break(
        "model/globs.py", "import requests", "SDKs and HTTP libraries", "imagecache.model.globs -> requests"
    ),
    "sdk-in-engine": Break(
        "engine/apply.py", "import fc2", "SDKs and HTTP libraries", "imagecache.engine.apply -> fc2"
    ),
    "planning-clients": Break(
        "planning/plan.py",
        "from ..clients import eci",
        LAYERED,
        "imagecache.planning.plan -> imagecache.clients.eci",
    ),
    "clients-planning": Break(
        "clients/eci.py",
        "from ..planning import plan",
        LAYERED,
        "imagecache.clients.eci -> imagecache.planning.plan",
    ),
    "policy-config": Break(
        "policy/rules.py",
        "from ..config import settings",
        LAYERED,
        "imagecache.policy.rules -> imagecache.config.settings",
    ),
    "base-model": Break(
        "base/errors.py",
        "from ..model import globs",
        LAYERED,
        "imagecache.base.errors -> imagecache.model.globs",
    ),
    "outside-the-rooms": Break("extra.py", "import json", LAYERED, "imagecache.extra\n"),
    "circle-in-a-room": Break(
        "model/globs.py",
        "from . import selector",
        "No circle",
        "No cycles are allowed in imagecache.model.",
    ),
    "entry-point": Break(
        "triggers/manual.py", "import on_push", "entry point", "imagecache.triggers.manual -> on_push"
    ),
    "tests": Break("triggers/manual.py", "import tests", "tests", "imagecache.triggers.manual -> tests"),
    "local": Break(
        "../../local/cloud/config.py",
        "import imagecache.base.errors",
        "know nothing",
        "local.cloud.config -> imagecache.base.errors",
    ),
    "circle-of-local-packages": Break(
        "../../local/eventbridge/bus.py",
        "from ..fc import specs",
        "No circle",
        "No cycles are allowed in local.\n",
    ),
    "deploy-entry-point": Break(
        "../../deploy/rules.py", "import on_push", "entry point", "deploy.rules -> on_push"
    ),
}


def test_the_tree_keeps_every_contract() -> None:
    run = lint(ROOT)
    assert run.returncode == 0, run.stdout + run.stderr
    assert " 0 broken" in run.stdout


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What is said of each contract, by its name, of a copy of the tree that breaks them all."""
    folder = tmp_path_factory.mktemp(LAYERED)
    for name in ("functions", "local", "deploy"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", folder)
    for one in BREAKS.values():
        with (folder / "functions" / "imagecache" / one.file).open("a", encoding="utf-8") as file:
            file.write(f"\n{one.line}\n")
    run = lint(folder)
    assert run.returncode == 1, run.stdout + run.stderr
    parts = re.split(r"^(\S.*)\n-+\n", run.stdout.partition("Broken contracts")[2], flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("one", BREAKS.values(), ids=BREAKS)
def test_a_forbidden_import_names_the_contract_and_the_module(one: Break, broken: dict[str, str]) -> None:
    (report,) = (text for name, text in broken.items() if one.contract in name)
    assert one.shown in report


def test_there_is_something_to_check() -> None:
    assert {"on_follow", "on_manual", "on_push", "on_timer", "on_webhook"} <= set(ENTRY_POINTS)
    assert {path.parent.name for path in PURE_MODULES} == set(PURE_ROOMS)


@for_each(
    "room",
    [
        path
        for parent in (LIBRARY, ROOT / "local")
        for path in sorted(parent.iterdir())
        if path.is_dir() and path.name != "__pycache__"
    ],
    ids=lambda path: f"{path.parent.name}.{path.name}",
)
def test_a_room_says_what_it_is_for_and_what_it_must_not_know(room: Path) -> None:
    text = ast.get_docstring(parsed(room / "__init__.py")) or ""
    assert len(text) > 60
    assert "not" in text.split()


@for_each("name", ENTRY_POINTS)
def test_an_entry_point_imports_the_library_and_nothing_else(name: str) -> None:
    assert roots(FUNCTIONS / f"{name}.py") <= {"__future__", "typing", "imagecache"}


def test_only_the_outermost_frame_catches_everything() -> None:
    everything = {
        path: kinds
        for path in DEPLOYED_MODULES
        if (kinds := [kind for kind in caught(path) if kind in {"", "Exception", "BaseException"}])
    }
    assert everything == {LIBRARY / "triggers" / "invocation.py": ["Exception"]}


@for_each("path", PURE_MODULES, ids=name_of)
def test_a_pure_module_asks_no_clock_and_opens_nothing(path: Path) -> None:
    tree = parsed(path)
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    called = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    # A moment that is given has its own ``now``.
    clocks = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value).endswith(("datetime", "date"))
    }
    assert not clocks & {"now", "utcnow", "today"}
    assert not attributes & {"environ", "monotonic"}
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
