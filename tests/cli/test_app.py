"""The command as a person starts it: its help, and what it says to a mistake."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.app import COMMANDS, app

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(sys.executable).with_name("imc-refresh")
STATUS = (str(PROGRAM), "status", "--caches", str(ROOT / "docs" / "examples" / "caches.json"))


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
    shown = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True, timeout=60)
    assert shown.stdout == "imc-refresh, version 0.1.0\n"


def _ended(command: Sequence[str], **streams: Any) -> tuple[int, str]:
    """The exit code of a process, and what it says on standard error."""
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False, timeout=60, **streams)
    return done.returncode, done.stderr


def test_streams_that_are_closed_or_full_are_told_in_a_line() -> None:
    closed = _ended(["sh", "-c", '"$@" >&-', "sh", *STATUS])
    assert closed == (2, "error: there is no standard output for the answer: it is closed\n")
    code, said = _ended(["sh", "-c", '"$@" <&-', "sh", *STATUS[:3], "-"], stdout=subprocess.DEVNULL)
    assert code == 2
    assert said.startswith("error: standard input is empty\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
def test_a_full_disk_is_told_in_a_line() -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        assert _ended(STATUS, stdout=full) == (
            2,
            "error: standard output cannot be written: No space left on device\n",
        )


def test_ctrl_c_is_no_answer() -> None:
    with subprocess.Popen(
        [*STATUS[:3], "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as asked:
        assert asked.stdin
        # More than fits into a pipe: when all of it is taken, the command reads.
        asked.stdin.write(b" " * 1_000_000)
        asked.stdin.flush()
        # One that comes between two reads is not seen before the second one ends.
        while asked.poll() is None:
            asked.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                asked.wait(timeout=2)
        assert asked.stdout
        assert asked.stderr
        said = asked.stdout.read(), asked.stderr.read().strip()
    assert (asked.returncode, *said) == (2, b"", b"error: stopped")


@pytest.mark.parametrize(
    "command",
    ["status", "plan nginx:1", "refresh web", "hold web", "records", "failures", "doctor"],
)
@pytest.mark.parametrize("region", ["eci.example.com/", "cn-hangzhou.example.com", "Hangzhou"])
def test_what_is_no_region_is_no_part_of_a_hosts_name(command: str, region: str) -> None:
    shown = _run(*command.split(), "--region", region)
    assert shown.exit_code == 2
    assert f"{region!r} is no region" in shown.stderr


def test_a_command_that_takes_no_file_does_not_ask_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IMC_REGIONS", raising=False)
    assert "Give --region cn-hangzhou, or --caches FILE." in _run("status").stderr
    assert "Give --region cn-hangzhou, or --local for the local cloud." in _run("refresh", "web").stderr


def test_an_eci_that_is_not_reached_is_told_with_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "test-key")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "test-secret")
    monkeypatch.setenv("IMC_ECI_ENDPOINT", "http://127.0.0.1:1")
    shown = _run("status", "--region", "cn-hangzhou")
    assert shown.exit_code == 2
    assert "Look at the network, and whether ECI is in cn-hangzhou" in shown.stderr
    assert "http://127.0.0.1:1" in shown.stderr


def test_of_a_file_that_was_read_whole_no_longer_time_is_asked_for() -> None:
    records = str(ROOT / "docs" / "examples" / "records.jsonl")
    assert "longer time" not in _run("trace", "nothing", "--records", records).stderr
    since = _run("trace", "nothing", "--records", records, "--since", "2026-11-26T09:33:00Z")
    assert "Ask about a longer time" in since.stderr


def test_what_is_no_number_of_an_account_is_no_part_of_a_hosts_name() -> None:
    shown = _run("refresh", "web", "--region", "cn-hangzhou", "--account", "example.com/")
    assert shown.exit_code == 2
    assert "'example.com/' is no account's number" in shown.stderr


@pytest.mark.parametrize("command", ["records", "failures", "refresh web"])
def test_what_no_name_begins_with_is_no_part_of_a_hosts_name(command: str) -> None:
    shown = _run(*command.split(), "--region", "cn-hangzhou", "--prefix", "example.com/")
    assert shown.exit_code == 2
    assert "example.com/ is not what names of functions can begin with" in shown.stderr


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00"])
def test_a_time_that_nothing_can_be_counted_from_is_refused(at: str) -> None:
    for command in (("status",), ("why", "web"), ("plan", "nginx:1")):
        shown = _run(*command, "--caches", STATUS[-1], "--at", at)
        assert shown.exit_code == 2
        assert "is not in the years 1970 to 9000" in shown.stderr


def test_an_empty_name_is_no_name() -> None:
    records = str(ROOT / "docs" / "examples" / "records.jsonl")
    assert "the name of an image cache is empty" in _run("why", "", "--caches", STATUS[-1]).stderr
    traced = _run("trace", "", "--records", records)
    assert (traced.exit_code, traced.stdout) == (2, "")
    assert "What is asked about is empty" in traced.stderr
