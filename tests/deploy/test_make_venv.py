"""`.ci/make-venv`: an environment is whole or not there, and is made anew when what it is made of changed.

Most of it is deep: `make test` itself begins with an environment that the script has made or has found whole.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECONDS = 90
"""A bound: making a small environment takes two seconds on an idle machine."""


def write_wheel(folder: Path, version: str) -> str:
    """Write a wheel with the command `tiny`, which prints its version and its Python.

    Returns:
        Its line of a lock.
    """
    info = f"tiny-{version}.dist-info"
    files = {
        "tiny.py": f"import sys\ndef main():\n    print('{version}', sys.prefix)\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\ntiny = tiny:main\n",
    }
    path = folder / f"tiny-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in {**files, f"{info}/RECORD": "".join(f"{name},,\n" for name in files)}.items():
            wheel.writestr(name, text)
    return f"tiny=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


@dataclass(frozen=True)
class Project:
    """A project with the scripts, a lock of one wheel, and nothing else.

    Attributes:
        root: its folder.
        wheels: the folder of wheels, outside of it.
        started: all runs so far.
    """

    root: Path
    wheels: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    @property
    def lock(self) -> Path:
        return self.root / "lock.txt"

    def start(self, python: str = sys.executable) -> subprocess.Popen[str]:
        """Start the script; what it prints of both kinds goes into one pipe."""
        process = subprocess.Popen(
            [".ci/make-venv", python, ".venv", "lock.txt"],
            cwd=self.root,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.wheels),
                "PIP_NO_INDEX": "1",
                "PIP_FIND_LINKS": str(self.wheels),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.started.append(process)
        return process

    def make(self, python: str = sys.executable) -> str:
        """Run the script to its good end; returns what it prints."""
        process = self.start(python)
        said, _ = process.communicate(timeout=SECONDS)
        assert process.returncode == 0, said
        return said

    def begins(self, python: str = sys.executable) -> str:
        """Run the script, stop it as soon as it prints something, and return that."""
        process = self.start(python)
        assert process.stdout is not None
        line = process.stdout.readline()
        process.terminate()
        process.communicate(timeout=SECONDS)
        return line

    def tiny(self) -> str:
        done = subprocess.run(
            [self.venv / "bin" / "tiny"], check=True, capture_output=True, text=True, timeout=SECONDS
        )
        return done.stdout

    def names(self) -> set[str]:
        """The names of everything in the project that a run may have left."""
        return {path.name for path in self.root.iterdir()} - {".ci", "lock.txt"}

    def mark(self) -> None:
        """Leave something in the environment, to see later whether it is still the same one."""
        self.venv.mkdir(exist_ok=True)
        (self.venv / "mark").touch()

    def is_marked(self) -> bool:
        return (self.venv / "mark").exists()


@contextmanager
def projects(folder: Path) -> Iterator[Project]:
    root = folder / "pro ject"  # pip writes another first line into scripts where a path has a blank.
    shutil.copytree(ROOT / ".ci", root / ".ci", ignore=shutil.ignore_patterns("__pycache__"))
    wheels = folder / "wheels"
    wheels.mkdir()
    one = Project(root, wheels)
    one.lock.write_text(write_wheel(wheels, "1.0"), encoding="utf-8")
    yield one
    for process in one.started:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=SECONDS)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with projects(tmp_path) as one:
        yield one


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project with its environment, for tests that leave both as they were."""
    with projects(tmp_path_factory.mktemp("made")) as one:
        assert one.make().startswith("Making .venv with Python 3.")
        one.mark()
        yield one


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.01)


@pytest.mark.deep
def test_its_commands_say_where_it_is_and_nothing_else_is_left(made: Project) -> None:
    assert made.tiny() == f"1.0 {made.venv}\n"
    texts = [made.venv / "pyvenv.cfg", made.venv / "bin" / "activate", made.venv / "bin" / "tiny"]
    assert ".venv-new" not in "".join(path.read_text(encoding="utf-8") for path in texts)
    assert made.names() == {".venv"}


@pytest.mark.deep
def test_it_is_kept_whatever_the_times_of_files(made: Project) -> None:
    for path in (made.lock, *(made.root / ".ci").iterdir()):
        os.utime(path)
    assert made.make() == ""
    assert made.is_marked()


@pytest.mark.deep
def test_the_python_of_an_environment_counts_as_the_one_that_it_was_made_from(made: Project) -> None:
    assert made.make(str(made.venv / "bin" / "python")) == ""
    assert made.is_marked()


@pytest.mark.deep
@pytest.mark.parametrize("name", ["lock.txt", ".ci/make-venv", ".ci/make_venv.py"])
def test_another_content_makes_it_anew_though_its_time_is_old(made: Project, name: str) -> None:
    path = made.root / name
    content, times = path.read_bytes(), path.stat()
    path.write_bytes(content + b"# another\n")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert made.begins().startswith("Making .venv ")
    path.write_bytes(content)
    assert made.make() == ""
    assert made.is_marked()


@pytest.mark.deep
def test_another_place_makes_it_anew(made: Project) -> None:
    elsewhere = made.root.rename(made.root.with_name("moved"))
    assert Project(elsewhere, made.wheels).begins().startswith("Making .venv ")
    elsewhere.rename(made.root)
    assert made.make() == ""


@pytest.mark.deep
def test_another_interpreter_makes_it_anew(made: Project) -> None:
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    for version in sorted({"3.10", "3.11", "3.12", "3.13"} - {own}):
        command = [ROOT / ".ci" / "find-python", version]
        found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
        if found.returncode == 0:
            break
    else:
        pytest.skip("this machine has one Python only")
    assert made.begins(found.stdout.strip()).startswith(f"Making .venv with Python {version}.")
    assert made.make() == ""


@pytest.mark.deep
def test_links_out_of_the_project_are_replaced_and_their_target_is_left_alone(
    project: Project, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    (outside / "bin").mkdir(parents=True)
    (outside / "bin" / "python").touch()
    for name in (".venv", ".venv-new", ".venv-old"):
        (project.root / name).symlink_to(outside)
    project.make()
    assert not project.venv.is_symlink()
    assert project.tiny() == f"1.0 {project.venv}\n"
    assert project.names() == {".venv"}
    assert sorted(outside.rglob("*")) == [outside / "bin", outside / "bin" / "python"]


@pytest.mark.deep
def test_an_environment_behind_a_link_is_not_taken_for_the_projects(made: Project, tmp_path: Path) -> None:
    outside = made.venv.rename(tmp_path / "outside")
    made.venv.symlink_to(outside)
    assert made.begins().startswith("Making .venv ")
    made.venv.unlink()
    outside.rename(made.venv)
    assert made.make() == ""


@pytest.mark.deep
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_run_that_is_stopped_half_way_leaves_nothing_and_keeps_what_was_there(
    project: Project, number: signal.Signals
) -> None:
    project.mark()
    process = project.start()
    wait_until((project.root / ".venv-new" / "bin" / "python").exists)
    process.send_signal(number)
    # The pipe ends with the last program that a run has started.
    process.communicate(timeout=SECONDS)
    assert process.returncode == 128 + number
    assert project.names() == {".venv"}
    assert project.is_marked()


@pytest.mark.deep
def test_what_a_killed_run_left_is_cleared_away_by_the_next(project: Project) -> None:
    process = project.start()
    wait_until((project.root / ".venv-new" / "bin" / "python").exists)
    process.kill()
    assert process.wait(timeout=SECONDS) == -signal.SIGKILL
    assert not project.venv.exists()
    project.make()
    assert project.tiny().startswith("1.0 ")
    assert project.names() == {".venv"}


@pytest.mark.deep
def test_a_lock_that_cannot_be_installed_leaves_nothing(project: Project) -> None:
    project.lock.write_text(write_wheel(project.wheels, "2.0").replace("2.0", "3.0"), encoding="utf-8")
    process = project.start()
    said, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert "lock.txt ended with 1" in said
    assert project.names() == set()


@pytest.mark.deep
def test_of_two_at_once_one_makes_it_and_the_other_finds_it_made(project: Project) -> None:
    project.mark()
    processes = [project.start(), project.start()]
    said = [process.communicate(timeout=SECONDS)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    (other,) = (text for text in said if not text.startswith("Making .venv with Python 3."))
    # The other says nothing if it came when all was done.
    assert other in {"", f"Waiting: another run makes an environment in {project.root}\n"}
    assert project.tiny() == f"1.0 {project.venv}\n"
    assert project.names() == {".venv"}
    assert not project.is_marked()


@pytest.mark.parametrize("python", ["", "python-that-is-not-there"])
def test_without_a_python_it_says_what_to_install(project: Project, python: str) -> None:
    process = project.start(python)
    said, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert "install Python 3.10 or newer" in said
