"""Makes a virtual environment from lock files, whole or not at all: make_venv.py FOLDER LOCK...

The project of the working directory, where there is one, is installed too, editable.

It is made under another name beside FOLDER and takes its place by renaming. Nothing is done if the one that
is there was made from the same: the contents of the locks and of these scripts, the interpreter, the place.
Times of files do not count. Only one run at a time makes anything in a folder; another one waits, and then
finds it made. It runs with the interpreter that the environment is for and needs no package.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import platform
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
_MADE_FROM = "made-from.txt"
_PROJECT = Path("pyproject.toml")
# A run inside of an activated environment is meant for the Python which that was made from.
_PYTHON = os.path.realpath(sys.executable)


def main(name: str, locks: list[str]) -> None:
    """Make the environment if it is not there as wanted.

    Args:
        name: of its folder, which lies in the working directory.
        locks: the names of the lock files, in the order in which they are installed.
    """
    folder = Path.cwd() / name
    with _alone(folder) as descriptor:
        programs = _Programs(descriptor)
        wanted = _made_from(folder, locks)
        # What a run that was killed outright left behind.
        building, old = folder.with_name(f"{name}-new"), folder.with_name(f"{name}-old")
        _remove(building)
        _remove(old)
        if _is_made(folder, wanted):
            return
        if not (importlib.util.find_spec("ensurepip") and importlib.util.find_spec("venv")):
            sys.exit(
                f"{_PYTHON} cannot make virtual environments: install its venv package "
                "(on Debian and Ubuntu: python3-venv)."
            )
        print(f"Making {name} with Python {platform.python_version()}", flush=True)
        try:
            _build(programs, building, name, locks)
            _move_paths(building, folder)
            (building / _MADE_FROM).write_text(wanted, encoding="utf-8")
            _swap(building, folder, old)
        finally:
            _remove(building)
            _remove(old)


class _Programs:
    """Runs programs one after the other; a signal ends the one that runs, with all that it has started.

    Args:
        descriptor: of the lock. Programs hold it too, so that it is free only when nothing writes any more.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._running: subprocess.Popen[bytes] | None = None
        self._signal = 0
        for number in _SIGNALS:
            signal.signal(number, self._stop)

    def run(self, command: list[str]) -> None:
        """Run a program.

        Raises:
            SystemExit: it failed, or a signal came.
        """
        # In a session of its own: pip is run by a program that is run by a program, and all have to end.
        self._running = subprocess.Popen(  # noqa: S603 - our own arguments
            command, pass_fds=(self._descriptor,), start_new_session=True
        )
        # A signal may have come while it was started.
        self._end()
        status = self._running.wait()
        if self._signal:
            sys.exit(128 + self._signal)
        if status:
            sys.exit(f"{' '.join(command)} ended with {status}")

    # It raises nothing, as a program that is just being started would be left running.
    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self._signal = number
        self._end()

    def _end(self) -> None:
        if self._signal and self._running is not None and self._running.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._running.pid, signal.SIGKILL)


@contextmanager
def _alone(folder: Path) -> Iterator[int]:
    """Hold the lock of a folder's parent; gives its descriptor.

    The kernel frees it with the last process that has the descriptor, however that ends: none is ever stale.
    """
    descriptor = os.open(folder.parent, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Waiting: another run makes an environment in {folder.parent}", flush=True)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _made_from(folder: Path, locks: list[str]) -> str:
    """What an environment is made from, one thing a line."""
    scripts = [Path(__file__).with_name(name) for name in ("make-venv", "make_venv.py")]
    files = [*scripts, *(Path(lock) for lock in locks), *(path for path in (_PROJECT,) if path.is_file())]
    hashes = [f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in files]
    return "\n".join((f"{folder}", f"{_PYTHON} {' '.join(sys.version.split())}", *hashes, ""))


def _is_made(folder: Path, wanted: str) -> bool:
    """Whether the environment is there as wanted. One behind a link is not ours."""
    mark = folder / _MADE_FROM
    return (
        not folder.is_symlink()
        and mark.is_file()
        and mark.read_text(encoding="utf-8") == wanted
        and (folder / "bin" / "python").exists()
    )


def _build(programs: _Programs, building: Path, name: str, locks: list[str]) -> None:
    programs.run([_PYTHON, "-m", "venv", "--prompt", name, str(building)])
    # --no-deps, as the locks name everything. --use-pep517, as some packages are published as source only,
    # and an older pip would build them with whatever setuptools is there.
    pip = [str(building / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for lock in locks:
        programs.run([*pip, "--no-deps", "--require-hashes", "--use-pep517", "-r", lock])
    if _PROJECT.is_file():
        # The checkout itself, for its command. What builds it is in the locks.
        programs.run([*pip, "--no-deps", "--no-build-isolation", "--editable", "."])


def _move_paths(building: Path, folder: Path) -> None:
    """Let scripts say where the environment will be: their first lines have its path."""
    before, after = os.fsencode(building), os.fsencode(folder)
    for path in (building / "pyvenv.cfg", *(building / "bin").iterdir()):
        if path.is_symlink() or not path.is_file():
            continue
        content = path.read_bytes()
        # Programs of machine code have no path of ours, and must not change.
        if before in content and b"\0" not in content:
            path.write_bytes(content.replace(before, after))


def _swap(building: Path, folder: Path, old: Path) -> None:
    """Put the new one in the place of the old one, or of a link."""
    if os.path.lexists(folder):
        folder.rename(old)
    building.rename(folder)


def _remove(path: Path) -> None:
    """Remove a file or folder; of a link the link alone, wherever it leads."""
    if path.is_symlink() or path.is_file():
        path.unlink()
        return
    # Twice, as a program that was just killed may have ended with a file more.
    shutil.rmtree(path, ignore_errors=True)
    if path.exists():
        shutil.rmtree(path)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
