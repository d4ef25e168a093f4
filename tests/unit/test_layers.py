"""The layers: who may import whom, and which modules can have no side effects."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FUNCTIONS = ROOT / "functions"
LIBRARY = FUNCTIONS / "imagecache"
DOORS = sorted(path.stem for path in FUNCTIONS.glob("on_*.py"))
LIBRARY_MODULES = sorted(LIBRARY.rglob("*.py"))
DEPLOYED_MODULES = sorted(FUNCTIONS.glob("*.py")) + LIBRARY_MODULES
LOCAL_MODULES = sorted((ROOT / "local").rglob("*.py"))

PURE = {
    "caches",
    "changes",
    "documents",
    "entries",
    "eci_errors",
    "environment",
    "errors",
    "globs",
    "memory",
    "moments",
    "notes",
    "noting",
    "plan",
    "policies",
    "promotions",
    "reasons",
    "reference",
    "registry",
    "rules",
    "selectors",
    "setting_names",
    "settings",
    "update",
    "versions",
}
"""Modules that are functions of their arguments alone, and import nothing that is not."""

HARMLESS = {
    "__future__",
    "base64",
    "collections",
    "dataclasses",
    "datetime",
    "decimal",
    "enum",
    "functools",
    "hashlib",
    "ipaddress",
    "json",
    "math",
    "re",
    "semantic_version",
    "typing",
    "urllib.parse",
}
"""Modules outside the library that do nothing but compute; their submodules count as well."""

BEHIND = {
    "aliyunsdk": {"acr_login.py", "eci_connections.py", "eci_sdk.py"},
    "fc2": {"handoff.py"},
    "requests": {"handoff.py", "oci_http.py"},
}
"""What costs a cold start, by the beginning of its name, and who in the library may import it."""


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports(path: Path) -> Iterator[str]:
    """The full name of every module that a file imports, wherever in it the import stands."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = path.relative_to(FUNCTIONS if FUNCTIONS in path.parents else ROOT).parent.parts
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *(node.module or "").split("."))).strip(".")
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def roots(path: Path) -> set[str]:
    return {module.partition(".")[0] for module in imports(path)}


def is_harmless(module: str) -> bool:
    return any(module == harmless or module.startswith(f"{harmless}.") for harmless in HARMLESS)


def caught(path: Path) -> Iterator[str]:
    """The name of every exception type that a file catches; an empty one for a bare ``except``."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ExceptHandler):
            types = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            yield from ("" if kind is None else ast.unparse(kind) for kind in types)


def test_there_is_something_to_check() -> None:
    assert {"on_follow", "on_manual", "on_push", "on_timer", "on_webhook"} <= set(DOORS)
    assert {LIBRARY / f"{module}.py" for module in PURE} <= set(LIBRARY_MODULES)
    assert LOCAL_MODULES


@pytest.mark.parametrize("path", LIBRARY_MODULES, ids=name_of)
def test_the_library_imports_no_entry_point_and_nothing_of_the_local_cloud(path: Path) -> None:
    assert not roots(path) & {*DOORS, "local", "tests", "bench", "functions"}


@pytest.mark.parametrize("door", DOORS)
def test_an_entry_point_imports_the_library_and_nothing_else(door: str) -> None:
    assert roots(FUNCTIONS / f"{door}.py") <= {"__future__", "typing", "imagecache"}


@pytest.mark.parametrize("path", LOCAL_MODULES, ids=name_of)
def test_the_local_cloud_imports_nothing_of_what_is_deployed(path: Path) -> None:
    assert not roots(path) & {"imagecache", "functions", *DOORS, "tests", "bench"}


@pytest.mark.parametrize("path", DEPLOYED_MODULES, ids=name_of)
@pytest.mark.parametrize("sdk", BEHIND)
def test_an_sdk_is_imported_behind_the_gateway_and_the_hand_off_only(sdk: str, path: Path) -> None:
    behind = path in {LIBRARY / name for name in BEHIND[sdk]}
    assert any(root.startswith(sdk) for root in roots(path)) is behind


@pytest.mark.parametrize("path", DEPLOYED_MODULES, ids=name_of)
def test_only_the_outermost_frame_catches_everything(path: Path) -> None:
    everything = [kind for kind in caught(path) if kind in {"", "Exception", "BaseException"}]
    assert everything == (["Exception"] if path == LIBRARY / "invocation.py" else [])


@pytest.mark.parametrize("module", sorted(PURE))
def test_a_pure_module_imports_only_what_has_no_side_effects(module: str) -> None:
    path = LIBRARY / f"{module}.py"
    imported = set(imports(path))
    own = {name.split(".")[1] for name in imported if name.startswith("imagecache.")}
    others = {name for name in imported if name.partition(".")[0] != "imagecache"}
    assert [name for name in sorted(others) if not is_harmless(name)] == []
    assert own <= PURE


@pytest.mark.parametrize("module", sorted(PURE))
def test_a_pure_module_asks_no_clock_and_opens_nothing(module: str) -> None:
    tree = parsed(LIBRARY / f"{module}.py")
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    called = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not attributes & {"now", "utcnow", "today", "environ"}
    assert not called & {"open", "print", "input", "exec", "eval", "__import__"}


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("re", True),
        ("collections.abc", True),
        ("urllib.parse.urlsplit", True),
        ("urllib", False),
        ("urllib.request", False),
        ("requests", False),
        ("os", False),
    ],
)
def test_a_module_is_harmless_by_its_whole_name(module: str, expected: bool) -> None:
    assert is_harmless(module) is expected


def test_an_entry_point_is_imported_without_what_only_some_events_need() -> None:
    program = f"import sys, {', '.join(DOORS)}; print(*sorted(m for m in sys.modules if '.' not in m))"
    loaded = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        cwd=FUNCTIONS,
        timeout=60,
    ).stdout.split()
    assert "imagecache" in loaded
    costly = {"aliyunsdkcore", "aliyunsdkeci", "fc2", "jsonschema", "requests", "semantic_version"}
    assert not costly & set(loaded)
