"""docs/deploy.md as somebody new walks it: every command, in their order, with a stand-in for the cloud."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.aliyun_tool import Tool

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
COMMAND = re.compile(r"(make|export|sh|\.venv/bin/python) ")
SEEN = (".venv", "deploy", "functions", "local", "schemas", "template.yml")
MAKE = """#!/bin/sh
# Stands for the build, which has tests of its own: a package with these rules in it.
set -eu
mkdir -p dist
printf 'code %s' "$*" > dist/imc-refresh-python3.12.zip
case ${2-} in RULES=*) test -f "${2#RULES=}"; rules='"rules.json"' ;; *) rules=null ;; esac
cd dist
sum=$(sha256sum imc-refresh-python3.12.zip | cut -d ' ' -f 1)
printf '{"runtime": "python3.12", "sha256": "%s", "rules": %s}' "$sum" "$rules" > imc-refresh-python3.12.json
"""


def commands() -> list[str]:
    """The blocks of the guide that are commands."""
    blocks = re.findall(r"^```\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    return [block for block in blocks if COMMAND.match(block)]


@pytest.mark.deep
def test_every_command_of_the_guide_runs_in_its_order(tool: Tool, tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in SEEN:
        (folder / name).symlink_to(ROOT / name)
    (folder / "rules.json").write_text('{"rules": []}')
    make = tmp_path / "bin/make"
    make.write_text(MAKE)
    make.chmod(0o755)
    told = []
    for block in commands():
        ran = tool.run(f"set -eu\n{block}", folder)
        assert (ran.returncode, ran.stderr) == (0, ""), block
        told.append(ran.stdout)
    assert len(told) >= 9
    whole = "".join(told)
    assert whole.count("\nCREATE_COMPLETE\n") >= 2
    assert whole.count("\nUPDATE_COMPLETE\n") >= 2
    assert "The stack is removed." in told[-1]
    assert {stack.name: stack.status for stack in tool.service.stacks} == {
        "imc-refresh": "UPDATE_COMPLETE",
        "imc-staging": "DELETE_COMPLETE",
    }
    assert tool.service.stacks[0].parameters["RulesFile"] == "rules.json"


def test_every_command_line_of_the_guide_is_among_them() -> None:
    walked = "".join(commands())
    lines = re.findall(r"^(?:\.venv/bin/python -m deploy|make|sh) .*$", GUIDE, re.MULTILINE)
    assert lines
    assert [line for line in lines if line not in walked] == []
