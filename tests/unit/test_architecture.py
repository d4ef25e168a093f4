"""docs/architecture.md: every path, every module and every function that it names is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.support.for_each import for_each

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
ROOMS = sorted(path.name for path in (ROOT / "functions" / "imagecache").iterdir() if path.is_dir())
PACKAGES = sorted(path.parent.name for path in (ROOT / "local").glob("*/__init__.py"))
TERMS = re.findall(r"`([^`\n]+)`", PAGE)
PATHS = sorted({term for term in TERMS if "/" in term or term.endswith((".md", ".yml", ".py"))})
NAMED = re.findall(r"`([^`\n]+\.py)`: ((?:`\w+`(?:, (?=`\w+`))?)+)(?!: )", PAGE)


def defined(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.ClassDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds)}


def test_the_page_names_something() -> None:
    assert len(PATHS) > 25
    assert len(NAMED) > 15


def test_every_path_exists() -> None:
    assert [path for path in PATHS if not (ROOT / path).exists()] == []


@for_each(("path", "names"), [pytest.param(*named, id=" ".join(named)) for named in NAMED])
def test_a_function_is_defined_where_the_page_says(path: str, names: str) -> None:
    wanted = set(re.findall(r"`(\w+)`", names))
    assert wanted <= defined(path)


@for_each("room", [room for room in ROOMS if room != "__pycache__"])
def test_every_room_is_in_the_figure(room: str) -> None:
    figure = PAGE.partition("```")[2].partition("```")[0]
    assert re.search(rf"\b{room}\b", figure)


@for_each("name", sorted({term for term in TERMS if re.fullmatch(r"\w+", term)} - set(ROOMS + PACKAGES)))
def test_a_name_without_a_path_is_one_of_the_library(name: str) -> None:
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "functions").rglob("*.py")]
    form = re.compile(rf"^(?: *(?:def|class) )?{name}\b(?:\(|:| = )", re.MULTILINE)
    assert any(form.search(text) for text in texts)
