"""The guide for contributors: what it names is there, and what it says is compared is equal."""

from __future__ import annotations

import re
from pathlib import Path

import imagecache

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MADE = {"dist/"}
"""What `make package` makes."""


def test_every_path_that_is_named_exists() -> None:
    named = set(re.findall(r"`((?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:md|toml|yml|in|txt|py))`", GUIDE)) - MADE
    assert {"template.yml", "CHANGELOG.md", "functions/imagecache/config/setting_table.py"} <= named
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_every_make_target_that_is_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^    |`)make ([a-z-]+)", GUIDE, re.MULTILINE))
    assert {"test", "test-full", "docs", "package"} <= named
    assert named - set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE)) == set()


def test_the_version_is_the_same_in_both_places() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.findall(r'^version = "(.*)"$', project, re.MULTILINE) == [imagecache.__version__]
