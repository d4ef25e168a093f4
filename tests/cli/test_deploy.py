"""``imc-refresh deploy`` passes everything on, and so its answer and exit status come back."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.app import app


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["deploy", *arguments])


def test_a_script_is_printed_and_nothing_called() -> None:
    done = run("remove", "--region", "cn-hangzhou", "--stack", "staging")
    assert done.exit_code == 0
    assert "staging" in done.stdout
    assert "DeleteStack" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (("update", "--help"), 0, "--replace"),
        (("update",), 2, "--region"),
        (
            ("create", "--region", "cn-hangzhou", "--bucket", "my-bucket", "--package", "none.zip"),
            1,
            "none.zip",
        ),
        (("explode",), 2, "there is no command 'explode'"),
        ((), 2, "usage"),
    ],
)
def test_its_help_and_its_mistakes_come_back(arguments: Any, status: int, text: str, capfd: Any) -> None:
    done = run(*arguments)
    said = capfd.readouterr()
    assert done.exit_code == status
    assert text in done.output + said.out + said.err
