"""The command as a person runs it: what it refuses, and what it leaves behind when it is ended half way."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECONDS = 60.0


def environment(tmp_path: Path, port: int) -> dict[str, str]:
    """One in which pip knows no other index than a port of this machine, and asks once."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    return {
        **kept,
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": f"http://127.0.0.1:{port}/simple",
        "PIP_NO_CACHE_DIR": "1",
        "PIP_RETRIES": "0",
        "NO_PROXY": "127.0.0.1",
        "TMPDIR": str(temporary),
    }


def command(tmp_path: Path, *arguments: str) -> list[str]:
    output = tmp_path / "output" / "package.zip"
    return [
        *(sys.executable, "-m", "deploy", "package"),
        *("--output", str(output), *arguments),
    ]


def run(tmp_path: Path, *arguments: str, port: int = 9) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(tmp_path, *arguments),
        cwd=ROOT,
        env=environment(tmp_path, port),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def left(tmp_path: Path) -> list[Path]:
    return [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.fixture
def silent_index() -> Iterator[socket.socket]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(SECONDS)
        yield server


@pytest.mark.deep
def test_an_index_that_is_not_reached_is_told_in_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    done = run(tmp_path, "--no-pyc", port=port)
    assert done.returncode == 1
    assert done.stderr.startswith("error: fetching what builds wheels: ")
    assert "The package index was not reached" in done.stderr
    assert "Traceback" not in done.stderr
    assert left(tmp_path) == []


def test_an_interpreter_of_another_version_is_refused_before_anything_is_fetched(tmp_path: Path) -> None:
    runtime = "python3.10" if sys.version_info[:2] == (3, 12) else "python3.12"
    done = run(tmp_path, "--runtime", runtime, "--python", sys.executable)
    assert done.returncode == 1
    assert f"{sys.executable}: CPython 3.1" in done.stderr
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        pytest.param(b"", ["document is not valid JSON: "], id="empty", marks=pytest.mark.deep),
        pytest.param(b"{]", ["document is not valid JSON: "], id="no-json"),
        pytest.param(
            b'{"rules":"\xff"}', ["document is not valid JSON: "], id="no-utf-8", marks=pytest.mark.deep
        ),
        pytest.param(b" " * (1 << 20) + b"{}", ["document has 1048578 bytes, more than 1048576"], id="long"),
        pytest.param(
            b"[" * 100 + b"]" * 100,
            ["document is nested deeper than 64 levels"],
            id="nested",
            marks=pytest.mark.deep,
        ),
        pytest.param(b"[]", ["at /: breaks rule 'type: \"object\"'"], id="no-object", marks=pytest.mark.deep),
        pytest.param(
            b'{"rules":[{"nam":"a"},{"policy":{"type":"semver"}}]}',
            [
                "at /rules/0: breaks rule 'no unknown keys'",
                "at /rules/1/policy: breaks rule 'required: range'",
            ],
            id="two-breaches-of-the-schema",
        ),
        pytest.param(
            b'{"rules":[{"name":"a","policy":{"type":"numerical","pattern":"("}},'
            b'{"name":"a","policy":{"type":"semver","range":"new"}}]}',
            [
                "at /rules/0/policy/pattern: is not a regular expression",
                "at /rules/1/policy/range: is not a range",
                "at /rules/1/name: 'a' is the name of rule 0 too",
            ],
            id="three-beyond-the-schema",
        ),
        pytest.param(
            b'{"rules":[{"update":{"imageRegistryCredential":[{"server":"r.example.com","userName":"u",'
            b'"passwordEnv":"not-a-name-but-a-password"}]}}]}',
            ["at /rules/0/update/imageRegistryCredential/0/passwordEnv: breaks rule 'pattern: "],
            id="a-password-in-the-place-of-its-variable",
        ),
    ],
)
def test_rules_that_no_function_would_take_are_refused_before_anything_is_fetched(
    tmp_path: Path, content: bytes, problems: list[str]
) -> None:
    rules = tmp_path / "rules.json"
    rules.write_bytes(content)
    done = run(tmp_path, "--rules", str(rules))
    assert done.returncode == 1
    lines = done.stderr.removeprefix("error: ").splitlines()
    assert len(lines) == len(problems), done.stderr
    for line, problem in zip(lines, problems, strict=True):
        assert line.startswith(f"{rules}: {problem}")
    assert "not-a-name" not in done.stderr
    assert left(tmp_path) == [rules]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(None, "cannot be read: No such file or directory", id="no-file"),
        pytest.param(b"", "has no certificate in PEM form", id="empty"),
        pytest.param(b"-----BEGIN PRIVATE KEY-----\n", "has no certificate in PEM form", id="a-key"),
    ],
)
def test_authorities_that_no_function_would_take_are_refused_before_anything_is_fetched(
    tmp_path: Path, content: bytes | None, problem: str
) -> None:
    authorities = tmp_path / "authorities.pem"
    if content is not None:
        authorities.write_bytes(content)
    done = run(tmp_path, "--ca-file", str(authorities))
    assert (done.returncode, done.stderr.strip()) == (1, f"error: {authorities}: {problem}")


def test_a_file_of_rules_that_is_not_there_is_told(tmp_path: Path) -> None:
    done = run(tmp_path, "--rules", str(tmp_path / "none.json"))
    assert done.returncode == 1
    assert "No such file or directory" in done.stderr
    assert "none.json" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output", "package.tar"], "a name that ends in .zip is expected, 'package.tar' found"),
        (["--runtime", "python3.9"], "invalid choice: 'python3.9'"),
        (["--upload"], "unrecognized arguments: --upload"),
    ],
    ids=["output", "runtime", "unknown"],
)
def test_wrong_options_are_refused(tmp_path: Path, arguments: list[str], message: str) -> None:
    done = run(tmp_path, *arguments)
    assert done.returncode == 2
    assert message in done.stderr


def test_one_who_is_ended_half_way_leaves_nothing_and_keeps_the_package_that_was_there(
    tmp_path: Path, silent_index: socket.socket
) -> None:
    output = tmp_path / "output" / "package.zip"
    output.parent.mkdir()
    output.write_bytes(b"the last one")
    with subprocess.Popen(
        command(tmp_path, "--no-pyc"),
        cwd=ROOT,
        env=environment(tmp_path, silent_index.getsockname()[1]),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            connection, _ = silent_index.accept()
            with connection:
                process.send_signal(signal.SIGTERM)
                process.communicate(timeout=SECONDS)
        finally:
            process.kill()
    assert process.returncode == 128 + signal.SIGTERM
    assert left(tmp_path) == [output]
    assert output.read_bytes() == b"the last one"
