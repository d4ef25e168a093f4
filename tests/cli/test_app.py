"""The command as a person starts it: its help, and what it says to a mistake."""

import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result

from cli.app import COMMANDS, app

ROOT = Path(__file__).resolve().parents[2]


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_the_help_lists_every_command_and_the_exit_codes() -> None:
    shown = _run("--help")
    assert shown.exit_code == 0
    assert all(name in shown.stdout for name in COMMANDS)
    assert "2 could not be answered" in " ".join(shown.stdout.split())


def test_an_unknown_command_is_a_mistake_that_is_told_on_standard_error() -> None:
    shown = _run("plann")
    assert shown.exit_code == 2
    assert shown.stdout == ""
    assert "No such command 'plann'" in shown.stderr


def test_the_environment_has_the_command() -> None:
    program = Path(sys.executable).with_name("imc-refresh")
    shown = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=60)
    assert shown.stdout == "imc-refresh, version 0.1.0\n"
