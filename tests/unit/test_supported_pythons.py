"""The Pythons that are supported are the same ones wherever they are named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SUPPORTED = ["3.10", "3.11", "3.12", "3.13"]
LISTED = re.escape(", ".join(SUPPORTED[:-1])) + r" (?:and|or) " + re.escape(SUPPORTED[-1])


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_unit_tests_are_run_on_each() -> None:
    assert re.findall(r"^MATRIX \?= (.*)$", text("Makefile"), re.MULTILINE) == [" ".join(SUPPORTED)]


def test_the_project_names_each() -> None:
    project = text("pyproject.toml")
    assert re.findall(r'"Programming Language :: Python :: (3\.\d+)"', project) == SUPPORTED
    assert f'requires-python = ">={SUPPORTED[0]}"' in project


@pytest.mark.parametrize(("name", "times"), [("README.md", 2), ("CONTRIBUTING.md", 1)])
def test_a_page_names_each(name: str, times: int) -> None:
    assert len(re.findall(rf"Python {LISTED}\b", text(name).replace("\n", " "))) == times
