"""The lock of the dependencies: what is read, what is refused, and why."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from deploy.package.lock import LockError, check_lock, pins_for, read_lock, read_requirements
from deploy.package.runtimes import RUNTIMES, Runtime
from deploy.package.worktree import UncommittedError, check_committed

ROOT = Path(__file__).parents[2]
HASH = "0" * 64
OTHER_HASH = "f" * 64


def entry(requirement: str, *hashes: str, needed_by: tuple[str, ...] = ("-r requirements.in",)) -> str:
    """An entry as the tool writes it: one reason on the line of "via", several below it."""
    lines = [requirement, *(f"    --hash=sha256:{digest}" for digest in hashes)]
    reasons = (
        [f"    # via {needed_by[0]}"]
        if len(needed_by) == 1
        else ["    # via", *(f"    #   {reason}" for reason in needed_by)]
    )
    return "\n".join([" \\\n".join(lines), *reasons, ""])


ALPHA = entry("alpha==1.2.0", HASH)
BETA = entry("beta==2.0", HASH, OTHER_HASH, needed_by=("alpha", "-r requirements.in"))
FORKED = entry("alpha==1.2.0 ; python_full_version < '3.11'", HASH) + entry(
    "alpha==1.9 ; python_full_version >= '3.11'", OTHER_HASH
)


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def problem(folder: Path, requirements: str, lock: str) -> str:
    asked_for = read_requirements(written(folder / "requirements.in", requirements))
    with pytest.raises(LockError) as caught:
        check_lock(read_lock(written(folder / "requirements.txt", lock)), asked_for)
    return str(caught.value)


def test_an_entry_is_read_with_its_hashes_and_who_needs_it(tmp_path: Path) -> None:
    alpha, beta = read_lock(written(tmp_path / "requirements.txt", f"# made by a tool\n{ALPHA}\n{BETA}"))
    assert (alpha.name, alpha.version, alpha.line) == ("alpha", "1.2.0", 2)
    assert alpha.hashes == (f"sha256:{HASH}",)
    assert alpha.needed_by == ("-r requirements.in",)
    assert beta.hashes == (f"sha256:{HASH}", f"sha256:{OTHER_HASH}")
    assert beta.needed_by == ("alpha", "-r requirements.in")


@pytest.mark.parametrize(
    ("lock", "message"),
    [
        ("alpha==1.2.0\n", "requirements.txt:1: alpha has no hash"),
        (ALPHA.replace("==1.2.0", ">=1.2.0"), "requirements.txt:1: one version (==) is expected"),
        (ALPHA.replace("==1.2.0", "==1.*"), "requirements.txt:1: one version (==) is expected"),
        (ALPHA.replace("==1.2.0", ""), "requirements.txt:1: one version (==) is expected"),
        (ALPHA.replace("==1.2.0", " @ https://a.example/a.whl"), "a URL found for alpha"),
        ("-r others.txt\n", "requirements.txt:1: a requirement is expected, '-r others.txt' found"),
        ("--index-url https://a.example\n", "requirements.txt:1: a requirement is expected"),
        (f"    --hash=sha256:{HASH}\n", "requirements.txt:1: an entry is expected"),
        (ALPHA.replace("sha256", "md5"), "requirements.txt:2: a hash (--hash=sha256:...) or a comment"),
        (ALPHA.replace(HASH, HASH[1:]), "requirements.txt:2: a hash (--hash=sha256:...) or a comment"),
    ],
    ids=["no-hash", "range", "wildcard", "no-version", "url", "include", "index", "orphan", "md5", "short"],
)
def test_a_lock_that_pins_nothing_is_refused_with_its_line(tmp_path: Path, lock: str, message: str) -> None:
    with pytest.raises(LockError) as caught:
        read_lock(written(tmp_path / "requirements.txt", lock))
    assert message in str(caught.value)


def test_requirements_are_read_without_comments(tmp_path: Path) -> None:
    path = written(tmp_path / "requirements.in", "# why\nalpha >=1,<2  # because\n\nBeta\n")
    assert [str(requirement) for requirement in read_requirements(path)] == ["alpha<2,>=1", "Beta"]


@pytest.mark.parametrize(
    ("requirements", "lock"),
    [
        ("alpha >=1,<2\n", ALPHA),
        ("Alpha\n", ALPHA),
        ("alpha\nbeta\n", ALPHA + BETA),
        ("alpha\n", ALPHA + BETA),
        ("alpha\n", FORKED),
    ],
    ids=["in-range", "other-spelling", "both", "by-way-of-another", "forked"],
)
def test_a_lock_that_follows_from_the_requirements_is_taken(
    tmp_path: Path, requirements: str, lock: str
) -> None:
    asked_for = read_requirements(written(tmp_path / "requirements.in", requirements))
    pins = read_lock(written(tmp_path / "requirements.txt", lock))
    check_lock(pins, asked_for)
    assert "alpha" in {pin.name for pin in pins_for(pins, asked_for, RUNTIMES["python3.12"])}


@pytest.mark.parametrize(
    ("requirements", "lock", "message"),
    [
        ("alpha\ngamma >=1\n", ALPHA, "gamma>=1 is asked for, and is not in the lock"),
        ("alpha >=2\n", ALPHA, "alpha>=2 is asked for, and the lock (line 1) has 1.2.0"),
        ("alpha <1.5\n", FORKED, "alpha<1.5 is asked for, and the lock (line 4) has 1.9"),
        ("beta\n", ALPHA + BETA, "alpha 1.2.0 is in the lock (line 1), and nothing needs it"),
    ],
    ids=["missing", "out-of-range", "one-fork-out-of-range", "left-over"],
)
def test_a_lock_that_was_not_made_from_the_requirements_is_refused(
    tmp_path: Path, requirements: str, lock: str, message: str
) -> None:
    assert message in problem(tmp_path, requirements, lock)


def test_all_reasons_are_told_at_once(tmp_path: Path) -> None:
    text = problem(tmp_path, "gamma\nbeta <2\n", ALPHA + BETA)
    assert "gamma is asked for" in text
    assert "beta<2 is asked for" in text
    assert "alpha 1.2.0 is in the lock" in text


@pytest.mark.parametrize(
    ("runtime", "version"), [("python3.10", "1.2.0"), ("python3.12", "1.9")], ids=lambda text: text
)
def test_markers_are_judged_for_the_runtime_and_not_for_this_python(
    tmp_path: Path, runtime: str, version: str
) -> None:
    pins = read_lock(written(tmp_path / "requirements.txt", FORKED))
    assert [pin.version for pin in pins_for(pins, (), RUNTIMES[runtime])] == [version]


@pytest.mark.parametrize(
    ("marker", "holds"),
    [
        ("sys_platform == 'linux'", True),
        ("sys_platform == 'win32'", False),
        ("platform_machine == 'aarch64'", False),
        ("platform_python_implementation != 'PyPy'", True),
        ("implementation_name == 'cpython' and os_name == 'posix'", True),
        ("extra == 'socks'", False),
    ],
    ids=str,
)
def test_a_runtime_is_linux_on_x86_64_with_cpython(tmp_path: Path, marker: str, holds: bool) -> None:
    lock = ALPHA.replace("==1.2.0", f"==1.2.0 ; {marker}")
    pins = read_lock(written(tmp_path / "requirements.txt", lock))
    assert [len(pins_for(pins, (), runtime)) for runtime in RUNTIMES.values()] == [holds, holds]


def test_two_entries_for_one_runtime_are_refused(tmp_path: Path) -> None:
    pins = read_lock(written(tmp_path / "requirements.txt", ALPHA + ALPHA.replace("1.2.0", "1.3")))
    with pytest.raises(LockError, match=r"alpha has two entries for python3\.12, in lines 1 and 4"):
        pins_for(pins, (), RUNTIMES["python3.12"])


def test_a_requirement_that_the_lock_has_for_other_machines_only_is_refused(tmp_path: Path) -> None:
    asked_for = read_requirements(written(tmp_path / "requirements.in", "alpha\n"))
    lock = ALPHA.replace("==1.2.0", "==1.2.0 ; sys_platform == 'win32'")
    pins = read_lock(written(tmp_path / "requirements.txt", lock))
    with pytest.raises(LockError, match=r"alpha has no entry in the lock that holds for python3\.12"):
        pins_for(pins, asked_for, RUNTIMES["python3.12"])


@pytest.mark.parametrize("runtime", RUNTIMES.values(), ids=lambda runtime: runtime.name)
def test_the_lock_of_the_project_follows_from_its_requirements(runtime: Runtime) -> None:
    asked_for = read_requirements(ROOT / "requirements.in")
    pins = read_lock(ROOT / "requirements.txt")
    check_lock(pins, asked_for)
    assert {"aliyun-fc2", "jsonschema"} <= {pin.name for pin in pins_for(pins, asked_for, runtime)}


def git(folder: Path, *arguments: str) -> None:
    settings = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.com")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    subprocess.run(
        ["git", *settings, *arguments], cwd=folder, env=environment, check=True, capture_output=True
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    written(tmp_path / "requirements.txt", ALPHA)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--no-verify", "--message", "A lock")
    return tmp_path


def test_a_committed_lock_is_taken(repository: Path) -> None:
    written(repository / "other.txt", "not committed, and not asked about")
    assert check_committed(repository, ["requirements.txt"]) is None


@pytest.mark.parametrize("staged", [False, True], ids=["changed", "staged"])
def test_a_lock_with_changes_that_are_not_committed_is_refused(repository: Path, staged: bool) -> None:
    written(repository / "requirements.txt", ALPHA + BETA)
    if staged:
        git(repository, "add", ".")
    with pytest.raises(UncommittedError, match=r"^requirements\.txt: has changes that are not committed"):
        check_committed(repository, ["requirements.txt"])


def test_a_lock_that_git_does_not_know_is_refused(repository: Path) -> None:
    written(repository / "requirements.in", "alpha")
    with pytest.raises(UncommittedError, match=r"^requirements\.in: has changes"):
        check_committed(repository, ["requirements.txt", "requirements.in"])


def test_outside_of_git_it_is_said_that_nothing_was_checked(tmp_path: Path) -> None:
    assert check_committed(tmp_path, ["requirements.txt"]) is not None


def test_an_archive_unpacked_inside_another_work_tree_is_not_checked(repository: Path) -> None:
    inside = repository / "unpacked"
    inside.mkdir()
    written(inside / "requirements.txt", ALPHA)
    assert check_committed(inside, ["requirements.txt"]) is not None
