"""The template as a document that a test can change, and the checks of it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.lint import lint_template
from local.template.document import parse_template
from tests.support.aliyun_tool import Tool

ROOT = Path(__file__).parents[2]

Check = Callable[[Any], dict[str, str]]


@pytest.fixture(scope="session")
def written() -> dict[str, Any]:
    document, problems = parse_template(ROOT / "template.yml")
    assert problems == []
    return document


@pytest.fixture
def template(written: dict[str, Any]) -> dict[str, Any]:
    """The project's template, to be changed."""
    return copy.deepcopy(written)


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Problems of a document, message by path."""

    def run(document: Any, root: Path = ROOT) -> dict[str, str]:
        path = tmp_path / "template.yml"
        path.write_text(json.dumps(document), encoding="utf-8")
        return {problem.path: problem.message for problem in lint_template(path, root)}

    return run


@pytest.fixture
def tool(tmp_path: Path) -> Iterator[Tool]:
    """The vendor's command line tool, with a cloud behind it."""
    made = Tool(tmp_path)
    yield made
    made.close()
