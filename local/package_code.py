"""The code that runs: a folder as it is, or a package, unpacked read-only beside the servers' memory.

Must not know what is in it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

__all__ = ["CodeError", "is_package", "python_version", "unpacked"]

MOST_BYTES = 500 * 1024 * 1024
"""Of an unpacked package (vendor page "Limits": code package, unpacked)."""

_FILE, _FOLDER = 0o444, 0o555


class CodeError(ValueError):
    """Raised when a package cannot be run; the text says which and why."""


def is_package(path: Path) -> bool:
    """Whether the code is a package, not a folder."""
    return path.suffix == ".zip"


def unpacked(package: Path, state: Path) -> Path:
    """The folder with a package's content, made if it is not there yet.

    Args:
        package: the zip file.
        state: the folder that everything is kept in. Unpacked code is found there by its content's hash.

    Raises:
        CodeError: it is no package, or would write outside of its folder.
        OSError: a file cannot be read or written.
    """
    folder = state / "code" / hashlib.sha256(package.read_bytes()).hexdigest()
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Under another name until it is whole, so that one who is interrupted leaves nothing that would be used.
    half = Path(tempfile.mkdtemp(prefix="unpacking-", dir=folder.parent))
    try:
        _extract(package, half)
        half.rename(folder)
    except BaseException:
        _remove(half)
        raise
    folder.chmod(_FOLDER)
    return folder


def python_version(interpreter: Path) -> str:
    """The minor version of an interpreter, as a runtime names it, such as ``python3.12``.

    Raises:
        CodeError: it is no Python.
    """
    tell = "import sys; print('python%d.%d' % sys.version_info[:2])"
    try:
        told = subprocess.run(  # noqa: S603 - the interpreter that is asked for
            [str(interpreter), "-I", "-S", "-c", tell], capture_output=True, text=True, check=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise CodeError(f"{interpreter} is no Python: {error}") from None
    return told.stdout.strip()


def _extract(package: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(package) as archive:
            total = 0
            for info in archive.infolist():
                name = PurePosixPath(info.filename)
                if name.is_absolute() or ".." in name.parts or "\\" in info.filename:
                    raise CodeError(f"{package}: {info.filename!r} leads out of the package")
                if stat.S_ISLNK(info.external_attr >> 16):
                    raise CodeError(f"{package}: {info.filename!r} is a link")
                total += info.file_size
                if total > MOST_BYTES:
                    raise CodeError(f"{package}: has more than {MOST_BYTES} bytes")
                archive.extract(info, folder)
    except zipfile.BadZipFile as error:
        raise CodeError(f"{package}: {error}") from None
    for parent, _, files in os.walk(folder, topdown=False):
        for file in files:
            Path(parent, file).chmod(_FILE)
        if Path(parent) != folder:
            Path(parent).chmod(_FOLDER)


def _remove(folder: Path) -> None:
    for parent, _, _ in os.walk(folder):
        Path(parent).chmod(0o755)
    shutil.rmtree(folder)
