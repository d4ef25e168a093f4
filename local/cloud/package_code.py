"""The code that runs: a folder as it is, or a package, unpacked read-only beside the servers' memory.

A package is unpacked into a folder whose name is the package's digest, and used again as long as every file
in it is as in the package. Must not know what is in it.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import stat
import subprocess
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

__all__ = ["CodeError", "deletable", "is_package", "python_version", "unpacked"]

MOST_BYTES = 500 * 1024 * 1024
"""Of an unpacked package (vendor page "Limits": code package, unpacked)."""

MOST_ENTRIES = 50_000
"""More than any package has, and few enough to be listed at once."""

_FILE, _FOLDER, _DELETABLE = 0o444, 0o555, 0o755
_HALF = "unpacking-"
_ENCRYPTED = 1


class CodeError(ValueError):
    """Raised when code cannot be run as it is; the text says which and why."""


def is_package(path: Path) -> bool:
    """Whether the code is a package, not a folder."""
    return path.suffix == ".zip"


def unpacked(package: Path, state: Path) -> Path:
    """The folder with a package's content, made if it is missing; nothing in it can be written to.

    Args:
        package: the zip file.
        state: the folder that everything is kept in; nobody else may be unpacking into it.

    Raises:
        CodeError: it is not a package, or holds a path outside of its folder, a link, or too much.
        OSError: a file cannot be read or written.
    """
    content = package.read_bytes()
    folder = state / "code" / hashlib.sha256(content).hexdigest()
    folder.parent.mkdir(parents=True, exist_ok=True)
    for left_over in folder.parent.glob(f"{_HALF}*"):
        _remove(left_over)  # of a process that was killed
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = _checked(package, archive)
            if folder.is_dir():
                if _is_as_packed(folder, entries):
                    _set_modes(folder, _FOLDER, _FILE)
                    return folder
                _remove(folder)
            _unpack(archive, entries, folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise CodeError(f"{package}: is not a readable package: {error}") from None
    return folder


def deletable(folder: Path) -> None:
    """Let the owner delete an unpacked package; its files stay read-only."""
    _set_modes(folder, _DELETABLE, _FILE)


def python_version(interpreter: Path) -> str:
    """The minor version of an interpreter, as a runtime names it, such as ``python3.12``.

    Raises:
        CodeError: it is not a Python interpreter.
    """
    program = "import sys; print('python%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run(  # noqa: S603 - the interpreter that is asked for
            [str(interpreter), "-I", "-S", "-c", program],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise CodeError(f"{interpreter} is not a Python interpreter: {error}") from None
    return done.stdout.strip()


def _checked(package: Path, archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The files of a package; its folders follow from their names."""
    entries = archive.infolist()
    if len(entries) > MOST_ENTRIES:
        raise CodeError(f"{package}: has more than {MOST_ENTRIES} entries")
    # What an entry says of its size binds: no more is read from it.
    if sum(entry.file_size for entry in entries) > MOST_BYTES:
        raise CodeError(f"{package}: has more than {MOST_BYTES} bytes")
    names: set[str] = set()
    for entry in entries:
        name = PurePosixPath(entry.filename)
        if name.is_absolute() or ".." in name.parts or "\\" in entry.filename or not name.parts:
            raise CodeError(f"{package}: {entry.filename!r} leads out of the package")
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind == stat.S_IFLNK:
            raise CodeError(f"{package}: {entry.filename!r} is a link")
        if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
            raise CodeError(f"{package}: {entry.filename!r} is neither a file nor a folder")
        if entry.flag_bits & _ENCRYPTED:
            raise CodeError(f"{package}: {entry.filename!r} is encrypted")
        if str(name) in names:
            raise CodeError(f"{package}: {entry.filename!r} is there twice")
        names.add(str(name))
    return [entry for entry in entries if not entry.is_dir()]


def _unpack(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], folder: Path) -> None:
    # Under another name until it is whole, so that an interrupted run leaves nothing that would be used.
    half = Path(tempfile.mkdtemp(prefix=_HALF, dir=folder.parent))
    try:
        archive.extractall(half, entries)
        _set_modes(half, _FOLDER, _FILE)
        half.rename(folder)
    except BaseException:
        _remove(half)
        raise


def _is_as_packed(folder: Path, entries: list[zipfile.ZipInfo]) -> bool:
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if not path.is_dir()}
    if set(found) != {PurePosixPath(entry.filename).as_posix() for entry in entries}:
        return False
    return all(
        zlib.crc32(found[PurePosixPath(entry.filename).as_posix()].read_bytes()) == entry.CRC
        for entry in entries
    )


def _set_modes(folder: Path, folders: int, files: int) -> None:
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            Path(parent, name).chmod(files)
        Path(parent).chmod(folders)


def _remove(folder: Path) -> None:
    for parent, _, _ in os.walk(folder):
        Path(parent).chmod(_DELETABLE)
    shutil.rmtree(folder)
